"""The conformance guests on our host: what each must print on real events, and how it must end (tests/conformance)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.build import guests
from conformance.run import cases, run_case
from support.commands import SESSION_VARIABLE, Command

CASES = cases()


def kernel_allows_lsm() -> bool:
    """Whether BPF programs of security modules can be loaded here."""
    try:
        return "bpf" in Path("/sys/kernel/security/lsm").read_text().split(",")
    except OSError:
        return False


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_guest(
    case: dict[str, Any], ecli: Command, test_session: str, conformance_guest: Callable[[str], Path]
) -> None:
    if case.get("lacks") == "lsm" and kernel_allows_lsm():
        case = {**case, "exit": 255, "allow": []}  # the policy refuses what the kernel would not
    env = {**os.environ, SESSION_VARIABLE: test_session}

    problems = run_case(case, [*ecli.argv, "run"], conformance_guest(case["guest"]), env)

    assert not problems, "\n".join(problems)


def test_every_guest_has_a_case_or_a_test_of_its_own(root: Path) -> None:
    text = (root / "tests/kernel/test_guests_in_process.py").read_text()

    unused = [name for name in guests() if name not in {case["guest"] for case in CASES} and f'"{name}"' not in text]

    assert unused == []


def test_driver_finds_what_is_wrong(tmp_path: Path) -> None:
    case = {
        "name": "a host that prints something else",
        "guest": "x",
        "exit": 3,
        "stdout": ["^right$"],
        "absent": ["n"],
    }

    problems = run_case(case, [sys.executable, "-c", "print('wrong')"], tmp_path / "x.wasm")

    assert problems[:3] == ["exit code 0, not 3", "stdout lacks '^right$'", "stdout has 'n'"]


def test_random_calls_crash_nothing_and_leave_nothing(root: Path, test_session: str) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "tests/conformance/fuzz.py"), "--calls", "2000", "--modules", "150", "--seed", "6"],
        env={**os.environ, SESSION_VARIABLE: test_session},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2000 calls, 150 damaged modules" in done.stdout
    assert "NOT THERE" not in done.stdout
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) ([\w ]+)", done.stdout)}
    for kind in ("objects", "attached programs", "records in callbacks", "calls of BPF that worked", "EFAULT", "EBADF"):
        assert counts.get(kind), done.stdout  # it came behind the checks, and was stopped by them
    assert re.search(r"programs: 0 before, 0 after; maps: 0 before, 0 after; links: 0 before, 0 after", done.stdout)
