"""Pins of runs: taking them away."""

from __future__ import annotations

import os


def remove(name: str, folder: str) -> int:
    """Remove the pins below a folder, and the state file that tells of them; return how many there were."""
    count = 0
    for parent, folders, names in os.walk(folder, topdown=False):
        for each in names:
            os.unlink(os.path.join(parent, each))
            count += 1
        for each in folders:
            os.rmdir(os.path.join(parent, each))
    os.rmdir(folder)
    return count
