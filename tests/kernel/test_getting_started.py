"""The sources of docs/getting-started.md do what the page says."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import provoke
from support.commands import Command


def blocks(root: Path, language: str) -> list[str]:
    """Return the page's blocks of code in one language."""
    text = (root / "docs/getting-started.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture
def sources(root: Path, tmp_path: Path) -> Path:
    """A folder with the page's two sources."""
    for name, text in zip(("killsnoop", "killcount"), blocks(root, "c"), strict=True):
        (tmp_path / f"{name}.bpf.c").write_text(text)
    return tmp_path


def test_first_tool_prints_signals_and_its_option_chooses_one(sources: Path, ecli: Command, ecc: Command) -> None:
    made = ecc("-o", "killsnoop.json", "killsnoop.bpf.c", cwd=sources)
    assert made.returncode == 0, made

    running = ecli.start("run", "-j", "killsnoop.json", "--signal", int(signal.SIGUSR2), cwd=sources).wait_attached()
    provoke.signals(signal.SIGUSR1)
    target = provoke.signals(signal.SIGUSR2)
    running.wait_for(str(target))
    result = running.stop()

    mine = [event for event in result.events if event["pid"] == os.getpid()]
    assert result.returncode == 0, result
    assert [(event["target"], event["sig"]) for event in mine] == [(target, "SIGUSR2")]


def test_source_runs_without_a_package(sources: Path, ecli: Command) -> None:
    running = ecli.start("run", "killsnoop.bpf.c", cwd=sources).wait_attached()
    target = provoke.signals(signal.SIGUSR1)
    running.wait_for(str(target))
    result = running.stop()

    assert result.returncode == 0, result
    assert any(str(target) in line and "SIGUSR1" in line for line in result.lines), result


def test_second_tool_prints_a_table_of_counts(sources: Path, ecli: Command, ecc: Command) -> None:
    made = ecc("-o", "killcount.json", "killcount.bpf.c", cwd=sources)
    assert made.returncode == 0, made

    running = ecli.start("run", "killcount.json", cwd=sources).wait_attached()
    provoke.signals(signal.SIGUSR2, count=7)
    running.wait_for("SIGUSR2")
    result = running.stop()

    assert result.returncode == 0, result
    counts = [int(words[1]) for words in map(str.split, result.lines) if words[0] == "SIGUSR2"]
    assert counts, result
    assert counts[-1] >= 7, result  # others may send some, too


def test_python_of_the_page_prints_events(root: Path, sources: Path) -> None:
    (text,) = blocks(root, "python")
    (sources / "page.py").write_text(text.replace("print(event.comm, event.target)", "print(event.target, flush=True)"))

    child = subprocess.Popen([sys.executable, "-u", "page.py"], cwd=sources, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        targets = []
        while not select.select([child.stdout], [], [], 0.05)[0] and len(targets) < 500:
            targets.append(provoke.signals(signal.SIGUSR1))
        line = child.stdout.readline()
    finally:
        child.kill()
        child.communicate()

    assert int(line) in targets
