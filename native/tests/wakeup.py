"""Build wakeup.c and run it: ten million lone events with random gaps on two CPUs, readers killed and replaced.

sudo .venv/bin/python native/tests/wakeup.py [--events 10000000] [--seconds 300] [--kill-ms 300]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "native")]

from build import default_target, libs_for  # type: ignore[import-not-found,attr-defined,unused-ignore]  # noqa: E402

HERE = Path(__file__).parent
CFLAGS = ["-std=gnu11", "-O2", "-g0", "-w", "-DEU_STRESS"]


def build(work: Path) -> tuple[Path, Path]:
    """Compile the program and its object into a folder; return their paths.

    Raises:
        SystemExit: a compiler failed.
    """
    from eunomia.package.model import Package

    libs = libs_for(ROOT, default_target())
    work.mkdir(parents=True, exist_ok=True)
    program, package, image = work / "wakeup", work / "wakeup.json", work / "wakeup.bpf.o"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", default_target()]
    # libbpf_unused.c stands in for a part of libbpf where it is linked before it: sources come after archives here.
    native = [path for path in sorted((ROOT / "native").glob("*.c")) if path.name != "libbpf_unused.c"]
    sources = [HERE / "wakeup.c", *native]
    archives = [libs / "lib" / f"lib{name}.a" for name in ("bpf", "elf", "z")]
    include = [f"-I{ROOT / 'native'}", f"-isystem{libs / 'include'}"]
    _run(*zig, *CFLAGS, *include, *sources, *archives, "-lm", "-lpthread", "-o", program)
    ecc = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); from eunomia.cli.main import ecc; sys.exit(ecc())"
    _run(sys.executable, "-c", ecc, HERE / "wakeup.bpf.c", "-o", package)
    image.write_bytes(Package.open(str(package)).object)
    return program, image


def stress(work: Path, events: int, seconds: float, kill_ms: int) -> dict[str, Any]:
    """Run the program; return what it counted.

    Args:
        work: folder for what is compiled.
        events: end after so many.
        seconds: or after this time.
        kill_ms: the reader is killed after random times up to that; 0: never.

    Raises:
        SystemExit: it could not run.
    """
    program, image = build(work)
    command = [str(program), str(image), str(events), str(seconds), str(kill_ms)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"wakeup: exit code {done.returncode}: {done.stderr.strip()}")
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:3]))} …: {done.stderr.strip()[-2000:]}")


def main() -> int:
    """Run the long test; 1 where a record was left in the ring."""
    parser = argparse.ArgumentParser(description="stress the wake-up protocol")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--kill-ms", type=int, default=300)
    options = parser.parse_args()
    if os.geteuid():
        raise SystemExit("wakeup: needs root: loads BPF programs")
    counted = stress(ROOT / "build/wakeup", options.events, options.seconds, options.kill_ms)
    print(json.dumps(counted, indent=1))
    return int(counted["stuck"])


if __name__ == "__main__":
    sys.exit(main())
