"""What gives a machine eunomia: the sources with an extension for its architecture, or a wheel; and cffi's back end."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from . import VmError, cache
from .cpio import Archive
from .userland import OTHERS, compile_python

ROOT = Path(__file__).resolve().parents[3]
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}
PLACE = "opt/eunomia"
DEBIAN_CFFI = ("riscv64",)  # PyPI has no wheel of cffi for it: the userland has Debian's back end
_SCRIPT = "#!/usr/bin/python3\nimport sys\n\nfrom eunomia.cli.main import {name}\n\nsys.exit({name}())\n"


def from_sources(arch: str) -> Path:
    """Return an archive with this checkout's sources and built-in tools, and an extension compiled from native/."""
    extension = _extension(arch)
    sources = sorted(path for path in (ROOT / "src/eunomia").rglob("*") if _belongs(path))
    digest = hashlib.sha256()
    for path in (*sources, extension):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())

    def fill(folder: Path) -> None:
        for path in sources:
            target = folder / path.relative_to(ROOT / "src")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        shutil.copyfile(extension, folder / "eunomia/_native/_core.abi3.so")

    return _made(arch, digest.hexdigest(), fill)


def from_wheel(wheel: Path, arch: str) -> Path:
    """Return an archive with what a wheel installs."""

    def fill(folder: Path) -> None:
        zipfile.ZipFile(wheel).extractall(folder)

    return _made(arch, hashlib.sha256(wheel.read_bytes()).hexdigest(), fill)


def _belongs(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".so", ".pyc") and not path.name.endswith(".digest")


def _made(arch: str, digest: str, fill: Callable[[Path], None]) -> Path:
    """Return the archive of that digest; make it, with byte code, cffi and the commands, where it is not there."""
    backend = None if arch in DEBIAN_CFFI else _wheel("cffi", arch)
    folder = cache.folder() / "eunomia" / f"{arch}-{hashlib.sha256(f'{digest} {backend}'.encode()).hexdigest()[:16]}"
    with cache.locked(f"eunomia-{folder.name}"):
        if not folder.exists():
            _drop_old(folder.parent)
            with cache.making(folder) as new:
                place = new / "root" / PLACE
                place.mkdir(parents=True)
                fill(place)
                if backend is not None:
                    zipfile.ZipFile(backend).extractall(place)
                for name in ("ecli", "ecc"):
                    script = new / "root/usr/bin" / name
                    script.parent.mkdir(parents=True, exist_ok=True)
                    script.write_text(_SCRIPT.format(name=name))
                    script.chmod(0o755)
                if arch not in OTHERS:
                    compile_python(place, new / "root")
                archive = Archive()
                archive.copy(new / "root", "")
                (new / "eunomia.cpio").write_bytes(archive.to_bytes())
                shutil.rmtree(new / "root")
    return folder / "eunomia.cpio"


def _drop_old(folder: Path) -> None:
    """Remove what was made of sources that have changed since: archives of more than a day ago."""
    for path in folder.glob("*-*"):
        if time.time() - path.stat().st_mtime > 86400:
            shutil.rmtree(path, ignore_errors=True)


def engine(arch: str) -> dict[str, bytes | str | Path]:
    """Return the files below lib/ by which a machine has wasmtime's library, of PyPI's wheel for its architecture."""
    made = version("wasmtime")
    library = f"wasmtime/linux-{MACHINES[arch]}/_libwasmtime.so"
    content = zipfile.ZipFile(_wheel("wasmtime", arch)).read(library)
    return {f"lib/{library}": content, f"lib/wasmtime-{made}.dist-info/METADATA": "Name: wasmtime\n"}


def _wheel(name: str, arch: str) -> Path:
    """Return a wheel for the machines' Python, of the version that is installed here; PyPI's, by pip."""
    machine, wanted = MACHINES[arch], version(name)
    folder = cache.folder() / name / f"{wanted}-{machine}"
    with cache.locked(f"{name}-{machine}"):
        if not folder.exists():
            with cache.making(folder) as new:
                platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (17, 27, 28, 34)]
                command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                           "--only-binary=:all:", "--python-version=3.11", f"--platform=manylinux2014_{machine}",
                           *platforms, f"--dest={new}", f"{name}=={wanted}"]  # fmt: skip
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode:
                    raise VmError(f"{name} {wanted} for {machine}: {run.stderr.strip()}")
    (wheel,) = folder.glob(f"{name}-*.whl")
    return wheel


def _extension(arch: str) -> Path:
    """Return the extension for an architecture, compiled anew where a source in native/ is newer."""
    target = f"{MACHINES[arch]}-linux-gnu.2.28"
    output = ROOT / "build" / target / "vm/_core.abi3.so"
    with cache.locked(f"extension-{hashlib.sha256(str(output).encode()).hexdigest()[:12]}"):
        newest = max(path.stat().st_mtime for path in (ROOT / "native").iterdir() if path.is_file())
        if not output.exists() or output.stat().st_mtime < newest:
            code = (
                "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1] + '/native'); import build; "
                "build.build_extension(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))"
            )
            command = [sys.executable, "-c", code, str(ROOT), target, str(output)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise VmError(f"compile the extension for {target}: {run.stdout}{run.stderr}")
    return output
