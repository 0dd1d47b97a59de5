"""`ecli replay` of recordings made by hand: no root, no kernel."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from eunomia import builtin
from eunomia.cli import replay
from eunomia.cli.parser import UsageError
from eunomia.events.recorder import Recorder
from eunomia.package.model import Package

SECOND = 10**9


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The command takes signals; the tests' own come back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four signals of sigsnoop, a second apart."""
    package = Package.from_bytes(builtin.read("sigsnoop"), "sigsnoop")
    with (
        (tmp_path / "r").open("wb") as file,
        Recorder.of(package, file.fileno(), "r", details={"started": "2026-11-21T10:00:00Z"}) as recorder,
    ):
        recorder.clock(SECOND, SECOND, 1795255200 * SECOND)
        for number in range(4):
            size = 256  # no event of the tool is longer
            recorder.add(0, pack("<I", 100 + number).ljust(size, b"\0"), (1 + number) * SECOND)
            recorder.flush()
        recorder.end()
    return tmp_path / "r"


def lines(path: Path, *words: str) -> list[str]:
    out = path.with_name("out")
    assert replay.main([str(path), "-o", str(out), *words]) == 0
    return out.read_text().splitlines()


def test_fields_formats_and_filters_apply(recording: Path) -> None:
    first = json.loads(lines(recording, "-j")[0])
    name = next(key for key, value in first.items() if value == 100)

    assert lines(recording, "-j", "--fields", name) == [f'{{"{name}":{100 + number}}}' for number in range(4)]
    found = lines(recording, "--format", "csv", "--time", "iso", "--fields", name, "--filter", f"{name} > 101")
    assert found == [f"ts,{name}", "2026-11-21T10:00:02.000000Z,102", "2026-11-21T10:00:03.000000Z,103"]


def test_a_part_of_the_time_is_replayed(recording: Path) -> None:
    assert len(lines(recording, "-j", "--from", "1", "--to", "3")) == 2
    assert len(lines(recording, "-j", "--from", "2026-11-21T10:00:03Z")) == 1
    assert len(lines(recording, "-j", "--max-events", "3")) >= 3


def test_info_says_what_it_is(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.main(["--info", str(recording)]) == 0
    said = capsys.readouterr().out
    assert "sigsnoop_bpf" in said
    assert "4 events" in said
    assert "(3.000 s)" in said
    assert said.endswith("file      whole\n")


def test_info_of_a_damaged_recording_is_what_could_be_read_and_an_error(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(recording.read_bytes())
    data[-100] ^= 1
    recording.write_bytes(data)

    with pytest.raises(OSError, match="block"):
        replay.main(["--info", "-j", str(recording)])
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["cut"], found["events"]) == (False, False, 3)


def test_a_cut_recording_is_shown_and_said_to_be_cut(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording.write_bytes(recording.read_bytes()[:-300])

    assert len(lines(recording, "-j")) == 3
    assert "cut off after block" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "replay: which recording"),
        (["a", "b"], "unexpected argument 'b'"),
        (["--speed", "-1"], "'-1' is not a number above 0"),
        (["--from", "noon"], "--from: 'noon'"),
        (["-j", "--format", "csv"], "exclude each other"),
        (["--rotate-size", "1M"], "needs --output"),
        (["--from", "3", "--to", "1"], "--from 3 is not before --to 1"),
        (["--fields", "nope"], "--fields: no field nope"),
    ],
)
def test_what_is_wrong_is_said(recording: Path, words: list[str], says: str) -> None:
    given = [str(recording), *words] if words[:1] and words[0].startswith("-") else words

    with pytest.raises(UsageError, match=says):
        replay.main(given)


def test_a_file_that_is_no_recording_or_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")

    with pytest.raises(OSError, match="text: not a recording"):
        replay.main([str(tmp_path / "text")])
    with pytest.raises(OSError, match=r"open recording .*: no such file"):
        replay.main([str(tmp_path / "no")])
