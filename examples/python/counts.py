"""Use maps as mappings: sudo python examples/python/counts.py"""

from __future__ import annotations

import os
from pathlib import Path

import eunomia


def main() -> None:
    """Count the signals that this process sends to itself, reset, and count again."""
    me = os.getpid()
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    with package.load({"only": me}) as obj:
        obj.attach()
        counts = obj.maps["counts"]
        for _ in range(5):
            os.kill(me, 0)
        print(f"{counts[me]} signals in all, {len(counts)} sender")
        counts[me] = 0
        os.kill(me, 0)
        for pid, count in counts.items():
            print(f"{'this process' if pid == me else pid}: {count} since")


if __name__ == "__main__":
    main()
