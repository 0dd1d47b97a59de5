"""`python -m support.vm KERNEL ARCH COMMAND…` (tests/ in PYTHONPATH): print what a command in a machine prints."""

from __future__ import annotations

import sys

from . import VmError
from .lab import Vm

_RUN = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"


def main(words: list[str]) -> int:
    """Run one command; return its exit code."""
    if len(words) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    series, arch, *command = words
    vm = Vm(series, arch)
    try:
        vm.run(_RUN, arguments=command, timeout=600)
    except VmError as exc:
        print(exc, file=sys.stderr)
        return 1
    print(vm.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
