"""The checks for things left behind can fail: each kind of leak is made on purpose and must be found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import kernel_state
from support.commands import SESSION_VARIABLE


def test_process_that_outlives_its_test_is_found(test_session: str) -> None:
    before = kernel_state.Snapshot()
    child = subprocess.Popen(["sleep", "60"], env={**os.environ, SESSION_VARIABLE: test_session})
    try:
        assert before.left_behind(test_session, patience=0) == [f"process {child.pid}: sleep 60"]
    finally:
        child.kill()
        child.wait()

    assert before.left_behind(test_session) == []


def test_map_that_this_process_holds_is_found(test_session: str) -> None:
    before = kernel_state.Snapshot()
    with kernel_state.made_map() as number:
        assert before.left_behind(test_session, patience=0) == [f"map {number} (held by {os.getpid()})"]

    assert before.left_behind(test_session) == []


def test_network_namespace_is_found(test_session: str, request: pytest.FixtureRequest) -> None:
    before, path = kernel_state.Snapshot(), f"/run/netns/eunomia-left-{os.getpid()}"
    made = not os.path.isdir("/run/netns")
    os.makedirs("/run/netns", exist_ok=True)
    with open(path, "w"):
        pass
    try:
        assert f"network namespace {os.path.basename(path)}" in before.left_behind(test_session, patience=0)
    finally:
        os.unlink(path)
        if made:
            os.rmdir("/run/netns")


def test_folder_in_the_bpf_file_system_and_its_mount_are_found(tmp_path: Path, test_session: str) -> None:
    before = kernel_state.Snapshot()
    subprocess.run(["mount", "-t", "bpf", "none", str(tmp_path)], check=True)
    try:
        (tmp_path / "tc").mkdir()
        assert kernel_state.pins(str(tmp_path)) == {
            f"{tmp_path}/{name}" for name in ("maps.debug", "progs.debug", "tc")
        }
        assert f"mount of bpf on {tmp_path}" in before.left_behind(test_session, patience=0)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_open_map_descriptor_is_seen() -> None:
    before = kernel_state.kernel_descriptors()
    with kernel_state.made_map():
        left = set(kernel_state.kernel_descriptors().items()) - set(before.items())
        assert [target for _, target in left] == ["anon_inode:bpf-map"]


@pytest.mark.parametrize(("variable", "ending"), [("1", "1 failed"), ("0", "1 skipped")])
def test_skip_fails_only_under_no_skip(tmp_path: Path, root: Path, variable: str, ending: str) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_it():\n    pytest.skip('lack of set-up')\n")
    environment = {**os.environ, "EUNOMIA_NO_SKIP": variable}

    words = ["-p", "no:cacheprovider", "-p", "conftest", "--confcutdir", str(tmp_path), f"--rootdir={root}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-c", root / "pyproject.toml", tmp_path / "test_it.py"],
        env={**environment, "PYTHONPATH": str(root / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ending in run.stdout, run.stdout + run.stderr
    assert "lack of set-up" in run.stdout
