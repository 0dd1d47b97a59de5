"""Watch events with asyncio beside other tasks: sudo python examples/python/asynchronous.py"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import eunomia


async def work() -> None:
    """Do what the program is there for."""
    for _ in range(5):
        os.kill(os.getpid(), 0)
        await asyncio.sleep(0.01)


async def main() -> None:
    """Print events as they come, and what became of all of them."""
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        # at most 10,000 events wait for this program; when more come, the oldest go, and the account says so
        async with obj.events("kills", queue=10_000, policy="drop-oldest", timeout=1, max_events=5) as stream:
            working = asyncio.create_task(work())
            async for event in stream:
                print(f"{event.comm} sent signal {event.sig}")
            await working
        account = obj.account()["kills"]
    print(f"{account.delivered} of {account.produced} events, lost: {account.lost or 'none'}")


if __name__ == "__main__":
    asyncio.run(main())
