"""Guests for tests: a few lines of C with the imports of bpf_guest.h, and a BPF object in them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.objects import build

Lines = Callable[..., list[str]]
HEADER = Path(__file__).with_name("bpf_guest.h")
FLAGS = ["-target", "wasm32-wasi", "-O2", "-std=gnu23", "-Wl,--export-table"]


def compile_guest(folder: Path, source: str, elf: bytes, name: str = "guest", flags: tuple[str, ...] = ()) -> Path:
    """Compile a C guest that carries an object, as NAME.wasm of folder."""
    work = folder / f"{name}.d"
    work.mkdir(exist_ok=True)
    (work / "object.o").write_bytes(elf)
    (work / "guest.h").write_bytes(HEADER.read_bytes())
    (work / "guest.c").write_text(f'#include "guest.h"\n{source}')
    wasm = folder / f"{name}.wasm"
    cc = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, "-o", str(wasm), "guest.c"]
    subprocess.run(cc, cwd=work, check=True)
    return wasm


def compile_object(folder: Path, source: str) -> bytes:
    """Compile BPF C to the bytes of an object, as they are in a package."""
    return build(folder, source).object
