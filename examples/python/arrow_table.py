"""Take events as Arrow record batches and aggregate them: sudo python examples/python/arrow_table.py"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pyarrow

import eunomia


def main() -> None:
    """Group the signals of this process by number."""
    package = eunomia.compile(Path(__file__).with_name("kills.bpf.c"))
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        with obj.events("kills", timeout=0.1) as stream:
            for number in [0, 0, signal.SIGURG] * 300:
                os.kill(os.getpid(), number)
            table = pyarrow.Table.from_batches(batch.to_arrow() for batch in stream.batches())
        senders = obj.maps["counts"].to_arrow()
    groups = table.group_by(["comm", "sig"]).aggregate([("ts", "count"), ("target", "count_distinct")])
    for row in groups.sort_by("sig").to_pylist():
        print(f"{row['comm']}: signal {row['sig']}, {row['ts_count']} times, {row['target_count_distinct']} target")
    print(f"{senders.num_rows} sender in the map, {senders['value'][0]} signals")


if __name__ == "__main__":
    main()
