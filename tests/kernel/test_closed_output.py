"""Standard descriptors that are closed or full: one line, exit code 1, and no BPF map ever becomes standard output."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commands import Command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "redirection", "says"),
    [
        ("ecli list", ">&-", "ecli: write output: bad file descriptor\n"),
        ("ecli list", ">/dev/full", "ecli: write output: no space left on device\n"),
        ("ecli run --help", ">/dev/full", "ecli: write output: no space left on device\n"),
        ("ecc --help", ">&-", "ecc: write output: bad file descriptor\n"),
        ("ecli run --duration 5 execsnoop", ">&-", "ecli: write output: bad file descriptor\n"),
        ("ecli run nosuch", "2>&-", ""),
        ("ecli run --duration 0.3 execsnoop", "<&- 2>&-", ""),
    ],
)
def test_command_without_a_standard_descriptor_says_it_in_a_line(words: str, redirection: str, says: str) -> None:
    name, *rest = words.split()
    script = f"{' '.join([Command(name, 'closed').argv[0], *rest])} {redirection}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == says
    assert done.returncode == (0 if "<&-" in redirection else 1)
