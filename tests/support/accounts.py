"""Floods of system calls, and what the accounts of an object say of them at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from eunomia.events.account import Account
from eunomia.events.run import Run, RunOptions
from eunomia.kernel.object import Object

FLOOD = """
import os, sys
cpu, target, count = map(int, sys.argv[1:])
os.sched_setaffinity(0, {cpu % os.cpu_count()})
kill = os.kill
for _ in range(count):
    kill(target, 0)
"""


def flood(*counts: int) -> list[subprocess.Popen[bytes]]:
    """Start processes that send signal 0 to this one so many times, each on a core of its own."""
    words = [sys.executable, "-S", "-c", FLOOD]
    return [subprocess.Popen([*words, str(cpu), str(os.getpid()), str(n)]) for cpu, n in enumerate(counts)]


def wait(processes: list[subprocess.Popen[bytes]], meanwhile: Callable[[], object] = lambda: None) -> None:
    while any(each.poll() is None for each in processes):
        meanwhile()
        time.sleep(0.002)
    assert [each.returncode for each in processes] == [0] * len(processes)


def accounted(
    obj: Object, *counts: int, meanwhile: Callable[[], object] = lambda: None, **options: Any
) -> dict[str, Account]:
    """Flood a run of the object, detach, and return its accounts at the end."""
    with open(os.devnull, "wb") as out:
        options = {"format": "json", "out_fd": out.fileno(), "hold": True, **options}
        with Run(obj, obj.package.plan(), RunOptions(**options)) as run:
            obj.attach()
            reader = threading.Thread(target=run.loop)
            reader.start()
            try:
                wait(flood(*counts), meanwhile)
            finally:
                run.stop()
                reader.join()
                obj.detach()
                run.finish()
            return {each.map: each for each in run.accounts()}


def is_balanced(account: Account) -> bool:
    done = account.delivered + account.filtered + account.discarded + account.nr_lost
    return account.produced == done + account.pending
