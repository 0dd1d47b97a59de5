"""`ecli inspect`: the page and the JSON of a package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eunomia.cli.inspect import main
from eunomia.cli.parser import UsageError
from eunomia.package import Package

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A package with everything that inspect shows."""
    notes = {
        "maps": {"counts": {"sample": {"interval": 1000, "type": "default_kv"}}},
        "variables": {"u32": {"description": "a process\x1b[31m", "cmdarg": {"long": "pid", "short": "p"}}},
        "doc": {"brief": "Does it all", "version": "2.1"},
    }
    elf = (DATA / "torture.bpf.o").read_bytes()
    package = Package.from_object(
        elf, "torture.bpf.o", annotations=notes, event_types={"rb": ["event"], "perf": ["other"]}
    )
    package.btf_archive = {"debian/12/x86_64/6.1.0.btf": b"123"}
    path = tmp_path / "p.tar"
    path.write_bytes(package.to_tar())
    return path


def test_page_shows_what_is_in_the_package(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(packed)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert lines[0] == "torture_bpf: Does it all"
    assert "version 2.1" in lines
    assert "licence GPL" in lines
    assert "first tp/sched/sched_process_exec tracepoint 73 instructions" in lines
    assert "second tp/sched/sched_process_exec tracepoint 63 instructions not loaded by itself" in lines
    assert 'counts hash struct pair -> __u64 1024 entries @sample {"interval": 1000, "type": "default_kv"}' in lines
    assert "rb ringbuf 4096 bytes" in lines
    assert "--mode enum mode = MODE_SLOW" in lines
    assert "point point_t .rodata" in lines
    assert "struct event, 208 bytes" in lines
    assert "200 last __s64 8 bytes" in lines
    assert "192.0 flags unsigned long 7 bits" in lines
    assert "key: struct pair, 8 bytes" in lines
    assert "debian/12/x86_64/6.1.0.btf 3 bytes" in lines
    assert any(line.startswith("kernel 5.8 or newer") and "map type ringbuf 5.8" in line for line in lines)
    assert "capabilities CAP_BPF CAP_DAC_READ_SEARCH CAP_PERFMON" in lines


def test_no_escape_sequence_of_a_package_reaches_the_terminal(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(packed)])

    assert "\x1b" not in capsys.readouterr().out


def test_json_has_the_same_as_data(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", str(packed)]) == 0
    found = json.loads(capsys.readouterr().out)

    assert found["name"] == "torture_bpf"
    assert found["sizes"]["object"] == (DATA / "torture.bpf.o").stat().st_size
    assert found["needs"]["kernel"] == "5.8"
    assert [each["name"] for each in found["programs"]] == ["second", "first"]
    assert found["options"][0]["switches"] == ["--pid", "-p"]
    assert found["options"][0]["default"] == 5
    assert {each["map"]: each["kind"] for each in found["events"]} == {
        "rb": "ringbuf", "perf": "perf_event_array", "counts": "sample"
    }  # fmt: skip
    members = {each["name"]: each for each in found["events"][0]["types"][0]["members"]}
    assert members["pid"] == {"name": "pid", "type": "__u32", "offset": 0, "size": 4}
    assert members["flags"]["bits"] == 7


@pytest.mark.parametrize("name", ["simple-0.3.3.json", "int128-0.3.2.json", "golden/tc.bpf.o"])
def test_packages_of_upstream_and_objects_are_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DATA / name)]) == 0
    assert "Needs" in capsys.readouterr().out


def test_without_package_it_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        main([])
