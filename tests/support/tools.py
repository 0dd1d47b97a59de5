"""Running the built-in tools in tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from support.commands import Command, Running


def start(ecli: Command, tool: str, *options: object) -> Running:
    """Start a tool in JSON mode and wait until it is attached."""
    return ecli.start("run", "-j", tool, *options).wait_attached()


def events(running: Running, **wanted: Any) -> list[dict[str, Any]]:
    """Stop a tool; return those of its events that have these values."""
    time.sleep(0.15)
    result = running.stop()
    assert result.returncode == 0, result
    assert not [line for line in result.stderr.splitlines() if not line.endswith("none lost")], result
    return [event for event in result.events if all(event.get(key) == value for key, value in wanted.items())]


def python(code: str) -> subprocess.Popen[str]:
    """Run Python code in a child whose input and output are pipes."""
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def disk_folder() -> tuple[str, str]:
    """A disk, and a folder of a file system on it."""
    with open("/proc/self/mountinfo") as file:
        for line in file:
            words = line.split()
            block = f"/sys/dev/block/{words[2]}"
            if "ro" in words[5].split(",") or not os.path.isdir(words[4]) or not os.path.exists(block):
                continue
            device = os.path.realpath(block)
            if os.path.exists(f"{device}/partition"):
                device = os.path.dirname(device)
            if not os.path.basename(device).startswith(("loop", "ram", "zram")):
                return os.path.basename(device), words[4] if words[4] != "/" else "/var/tmp"
    pytest.skip("no writable file system on a disk (run where there is one)")
