"""The test programs, compiled once for all machines, and the wheels: made once for each state of the sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.vm import VmError, cache
from support.vm.eunomia import MACHINES, ROOT
from vm.programs.table import CASES

PROGRAMS = ROOT / "tests/vm/programs"
ARCHITECTURES = "x86,arm64"  # both in one package
KEPT = 86400.0  # seconds after which what was made of older sources goes


def programs() -> Path:
    """Return a folder with NAME.json for each case of the table, or NAME.error, which says why there is none."""
    from eunomia.compiler import compile_source
    from eunomia.errors import CompileError

    inputs = [*PROGRAMS.glob("*.bpf.c"), *PROGRAMS.glob("*.h"), *(ROOT / "src/eunomia").rglob("*.[chp]*")]

    def make(folder: Path) -> None:
        def one(name: str) -> None:
            try:
                package = compile_source(PROGRAMS / f"{name}.bpf.c", target_arch=ARCHITECTURES)
            except CompileError as exc:
                (folder / f"{name}.error").write_text(str(exc))
                return
            text = package.to_json()
            (folder / f"{name}.json").write_bytes(text if isinstance(text, bytes) else text.encode())

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, [case.name for case in CASES]))

    return _made("programs", inputs, make)


def wheel(arch: str) -> Path:
    """Return the wheel of this checkout for an architecture."""
    inputs = [*(ROOT / "src").rglob("*.[chp]*"), *(ROOT / "native").glob("*"), *(ROOT / "tools").rglob("*.[ch]")]
    inputs += [ROOT / "pyproject.toml", ROOT / "README.md"]

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        environment = {
            **os.environ,
            "EUNOMIA_TARGET": f"{MACHINES[arch]}-linux-gnu.2.28",
            "SOURCE_DATE_EPOCH": "1700000000",
        }
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise VmError(f"build the wheel for {arch}: {run.stdout}{run.stderr}")

    (made,) = _made(f"wheel-{arch}", inputs, make).glob("*.whl")
    return made


def _made(name: str, inputs: Iterable[Path], make: Callable[[Path], None]) -> Path:
    """Return the folder that make() filled from these inputs."""
    digest = hashlib.sha256()
    for path in sorted(inputs):
        if path.is_file() and path.suffix not in (".pyc", ".so"):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    folder = cache.folder() / "made" / f"{name}-{digest.hexdigest()[:16]}"
    with cache.locked(f"made-{name}-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"):
        if not folder.exists():
            for old in folder.parent.glob(f"{name}-*"):
                if time.time() - old.stat().st_mtime > KEPT:
                    shutil.rmtree(old, ignore_errors=True)
            with cache.making(folder) as new:
                make(new)
    return folder
