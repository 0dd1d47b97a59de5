"""Debian's cloud kernels: which there are, fetching the newest of a series, what is kept of one."""

from __future__ import annotations

import lzma
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import VmError, cache, image
from .apt import Apt, Listed, Suite, unpack

ARCHITECTURES = ("amd64", "arm64")
FULL = ("riscv64",)  # has no cloud kernels, and only trixie's 6.12 and newer; of its thousands of modules none is kept
SERIES = ("5.10", "6.1", "6.12", "newest")
SMALL = [  # lists of under 1 MB each, where the newest build of every series usually is
    Suite("debian-security", "bullseye-security"),
    Suite("debian-security", "bookworm-security"),
    Suite("debian", "bookworm-backports"),
    Suite("debian-security", "trixie-security"),
    Suite("debian", "trixie-backports"),
]
LARGE = [Suite("debian", "bullseye"), Suite("debian", "bookworm"), Suite("debian", "trixie")]  # 8-10 MB each
META_SIZE = 1_000_000  # below, the package only names others: image, configuration and modules are apart since 6.19


@dataclass(frozen=True, slots=True)
class Kernel:
    """A fetched kernel."""

    series: str
    """As asked for: "6.12", or "newest"."""
    arch: str
    release: str
    """What uname -r says."""
    folder: Path

    @property
    def name(self) -> str:
        """The series that it really is, e.g. "7.2" for the newest."""
        return ".".join(self.release.split(".")[:2])

    @property
    def image(self) -> Path:
        """What QEMU starts."""
        unpacked = self.folder / "vmlinux"
        return unpacked if unpacked.exists() else self.folder / "vmlinuz"

    @property
    def config(self) -> str:
        """The configuration that it was built with."""
        return (self.folder / "config").read_text()

    def btf(self) -> bytes:
        """Return its BTF, as /sys/kernel/btf/vmlinux has it there."""
        if (found := image.btf(self.image.read_bytes())) is None:
            raise VmError(f"no BTF in {self.image}")
        return found

    def modules(self, *names: str) -> list[tuple[str, bytes]]:
        """Return modules and those they depend on, unpacked, in loading order; what is built in is left out."""
        found: dict[str, bytes] = {}
        seen: set[str] = set()

        def need(name: str) -> None:
            name = name.replace("-", "_")
            if name in seen:
                return
            seen.add(name)
            for path in (self.folder / "modules").glob(f"{name}.ko*"):
                data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
                depends = re.search(rb"\0depends=([^\0]+)\0", data)
                for other in depends[1].decode().split(",") if depends else []:
                    need(other)
                found[name] = data

        for name in names:
            need(name)
        return list(found.items())


def kernel(series: str, arch: str) -> Kernel:
    """Return a kernel, fetching it where the cache has none.

    Args:
        series: "5.10", or "newest": the highest series that Debian's suites have at the time of fetching.
        arch: "amd64", "arm64", or "riscv64" (series 6.12).

    Raises:
        VmError: no mirror, no such kernel, or none of its versions could be downloaded.
    """
    target = cache.folder() / "kernels" / f"{series}-{arch}"
    with cache.locked(f"kernel-{series}-{arch}"):
        if not (target / "release").exists():
            _fetch(series, arch, target)
    return Kernel(series, arch, (target / "release").read_text(), target)


def _fetch(series: str, arch: str, target: Path) -> None:
    """Try the newest versions of every small list first, then those of the large ones."""
    tried = []
    for suites in (SMALL, LARGE) if arch not in FULL else (LARGE[-1:],):
        found = [(listed, apt) for suite in suites for apt, listed in _listed(suite, series, arch)]
        found.sort(key=lambda pair: (pair[0].order, pair[0].name), reverse=True)
        if series == "newest" and found:
            newest = _series(found[0][0])
            found = [pair for pair in found if _series(pair[0]) == newest]
        for listed, apt in found:
            try:
                _keep(listed, apt, arch, target)
                return
            except VmError as exc:  # listed, but gone from the pool, or listed without its parts
                cache.say(f"{listed.name} {listed.version}: {exc}; going on with the next")
                tried.append(listed.version)
    raise VmError(f"no kernel {series} for {arch} could be fetched (tried: {', '.join(tried) or 'none is listed'})")


def _listed(suite: Suite, series: str, arch: str) -> list[tuple[Apt, Listed]]:
    number = r"\d+\.\d+" if series == "newest" else re.escape(series)
    flavour = arch if arch in FULL else f"cloud-{arch}"
    with cache.locked(f"apt-{suite.name}-{arch}"):
        apt = Apt(arch, suite)
        try:
            apt.update()
        except VmError as exc:
            cache.say(f"{exc}; going on without {suite.name}")
            return []
        return [(apt, listed) for listed in apt.packages(rf"linux-image-{number}[.+]\d\S*-{flavour}")]


def _series(listed: Listed) -> str:
    return ".".join(listed.name.removeprefix("linux-image-").split(".")[:2])


def _keep(listed: Listed, apt: Apt, arch: str, target: Path) -> None:
    """Download a kernel and keep its image, configuration and modules."""
    release, started = listed.name.removeprefix("linux-image-"), time.monotonic()
    parts = ("binary", "base", "modules") if listed.size < META_SIZE else ("image",)
    with cache.making(target) as new:
        apt.download([f"linux-{part}-{release}={listed.version}" for part in parts], new / "debs")
        size = sum(path.stat().st_size for path in (new / "debs").iterdir())
        unpack(new / "debs", new / "root")
        shutil.move(_one(new, "boot/vmlinuz-*", "boot/vmlinux-*", "usr/lib/modules/*/vmlinuz"), new / "vmlinuz")
        shutil.move(_one(new, "boot/config-*", "usr/lib/modules/*/config"), new / "config")
        if arch == "amd64" and (unpacked := image.vmlinux(new / "vmlinuz")):
            (new / "vmlinux").write_bytes(unpacked)
        (new / "modules").mkdir()
        for path in (new / "root").rglob("*.ko*") if arch not in FULL else ():
            name, dot, suffix = path.name.partition(".ko")
            shutil.move(path, new / "modules" / f"{name.replace('-', '_')}{dot}{suffix}")
        shutil.rmtree(new / "root")
        shutil.rmtree(new / "debs")
        (new / "version").write_text(listed.version)
        (new / "release").write_text(release)
    cache.say(f"kernel {release} ({listed.version}): {size / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")


def _one(new: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for path in (new / "root").glob(pattern):
            return path
    raise VmError(f"no {patterns[0]} in the package")
