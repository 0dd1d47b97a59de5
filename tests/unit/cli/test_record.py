"""`ecli record`, what it does before anything is loaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.cli import record
from eunomia.cli.parser import UsageError


def test_a_new_file_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    fd, made = record.open_file(str(tmp_path / "r"), force=False)
    os.close(fd)

    assert made == str(tmp_path / "r")
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_empty_may_be_used_and_one_that_is_not_only_with_force(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("precious")

    for name, force in (("empty", False), ("full", True)):
        fd, made = record.open_file(str(tmp_path / name), force=force)
        os.close(fd)
        assert made == ""
    with pytest.raises(FileExistsError, match=r"full is not empty \[--force overwrites it\]"):
        record.open_file(str(tmp_path / "full"), force=False)
    assert (tmp_path / "full").read_text() == "precious"


def test_a_folder_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"open recording .*/no/r: no such file or directory"):
        record.open_file(str(tmp_path / "no/r"), force=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "record: no program given"),
        (["opensnoop"], "record: no file given"),
        (["-o", "r", "--follow", "opensnoop"], "--follow needs --pid"),
        (["-o", "r", "--perf-pages", "3", "opensnoop"], "3 is not a power of two"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_is_loaded(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        record.main(words)


def test_options_of_ecli_are_kept_in_the_description() -> None:
    values = record.COMMAND.parse(["-f", "-o", "r", "--duration", "5", "--filter", "pid == 1", "opensnoop"])

    assert record.given(values) == {"duration": 5.0, "filter": ["pid == 1"]}
