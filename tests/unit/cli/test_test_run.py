"""`ecli test-run`: what goes in as text, what comes out as text and JSON."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eunomia.cli.parser import UsageError
from eunomia.cli.test_run import MAX_DATA, choose, document, dump, page, read_bytes
from eunomia.kernel.testrun import TestRun


@pytest.mark.parametrize("text", ["0a0B0c", "0x0a0b0c", "0a:0b:0c", "0a 0b 0c"])
def test_bytes_are_hexadecimal_digits(text: str) -> None:
    assert read_bytes("data", text) == b"\x0a\x0b\x0c"


def test_bytes_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "packet").write_bytes(b"\0\1")

    assert read_bytes("data", f"@{tmp_path}/packet") == b"\0\1"
    assert read_bytes("data", None) is None


@pytest.mark.parametrize("text", ["xyz", "0", "0a-0b"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--data: '{text}' is neither hexadecimal digits nor @FILE"):
        read_bytes("data", text)


def test_long_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "packet").write_bytes(bytes(MAX_DATA + 1))

    with pytest.raises(UsageError, match=f"--context: more than {MAX_DATA} bytes"):
        read_bytes("context", f"@{tmp_path}/packet")


def test_the_only_program_needs_no_name() -> None:
    one: Any = SimpleNamespace(programs={"drop": None})
    two: Any = SimpleNamespace(programs={"drop": None, "pass_": None})

    assert choose(one, None) == "drop"
    assert choose(two, "pass_") == "pass_"
    with pytest.raises(UsageError, match=r"which program\? \(there are drop, pass_\)"):
        choose(two, None)
    with pytest.raises(UsageError, match=r"no program dorp \(did you mean drop\?\)"):
        choose(two, "dorp")


def test_the_page_has_result_time_and_bytes() -> None:
    found = TestRun(2, "XDP_PASS", bytes(range(18)), b"", 27)

    assert list(page(found, "drop", 10)) == [
        "program  drop",
        "result   2 XDP_PASS",
        "time     27 ns a run, mean of 10",
        "data     18 bytes",
        "  0000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f",
        "  0010  10 11",
    ]
    assert list(page(TestRun(-5, "", b"", b"", None), "call", 1)) == ["program  call", "result   -5"]


def test_the_document_has_null_for_what_is_unknown() -> None:
    found = document(TestRun(-5, "", b"", b"\1", None), "call", 3)

    assert found == {
        "program": "call",
        "result": -5,
        "name": None,
        "data": "",
        "context": "01",
        "repeat": 3,
        "ns": None,
    }


def test_a_dump_of_nothing_is_empty() -> None:
    assert list(dump(b"")) == []
