"""Read events in a thread and end it from another: sudo python examples/python/threads.py"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import eunomia


def main() -> None:
    """Collect events in the background while the main thread works; stop() ends the iteration."""
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    seen: list[Any] = []
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills") as stream:
            reader = threading.Thread(target=lambda: seen.extend(stream))
            reader.start()
            for _ in range(100):
                os.kill(os.getpid(), 0)
            stream.stop()  # what is in the buffer is still delivered
            reader.join()
    print(f"{len(seen)} events, all from {seen[0].comm}")


if __name__ == "__main__":
    main()
