"""The root file system of the machines: Debian 12's Python 3.11, busybox, bash, iproute2, libcap's tools.

Debian 12 has no riscv64: there it is Debian 13's Python 3.13, without byte code, and cffi's back end.

Packages are unpacked, never installed, and nothing of them is run, so one recipe serves every architecture.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import VmError, cache
from .apt import Apt, Suite, unpack
from .cpio import Archive

PYTHON = "python3.11"
SUITES = (Suite("debian", "bookworm"), Suite("debian-security", "bookworm-security"))
PACKAGES = """
    libc6 libgcc-s1 zlib1g libffi8 libexpat1 liblzma5 libbz2-1.0 libcrypt1 libuuid1 libtinfo6 busybox-static bash
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib
    libcap2 libcap2-bin libcap-ng0 util-linux
    iproute2 libbpf1 libbsd0 libmd0 libdb5.3 libelf1 libmnl0 libselinux1 libpcre2-8-0 libtirpc3 libxtables12
    libgssapi-krb5-2 libkrb5-3 libkrb5support0 libk5crypto3 libcom-err2 libkeyutils1
    libreadline8 libsmartcols1
"""
OTHERS = {"riscv64": ("python3.13", Suite("debian", "trixie"), "python3-cffi-backend")}
_RENAMED = ("libdb5.3", "libelf1", "libtirpc3", "libreadline8")  # in trixie, for their 64-bit time
APPLETS = """
    awk basename cat chmod chown chroot cmp cp cut date dd dirname dmesg echo env expr false find grep gzip head hexdump
    hostname id insmod kill ln ls lsmod mkdir mknod mktemp mount mv nc nproc od pgrep pidof ping poweroff printf ps pwd
    readlink realpath rm rmdir rmmod sed seq setsid sh sleep sort stat stty sync tail tar tee test timeout touch tr true
    truncate tty umount uname uniq unlink usleep vi wc wget which xargs yes
"""
UNUSED = """
    usr/share var etc usr/lib/*/gconv usr/lib/*/audit usr/lib/python3.11/ensurepip usr/lib/python3.11/lib2to3
    usr/lib/python3.11/pydoc_data usr/lib/python3.11/test usr/lib/python3.11/config-* usr/lib/python3.11/idlelib
    usr/lib/systemd lib/systemd usr/lib/mime
"""
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    "etc/group": "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
}


def userland(arch: str) -> Path:
    """Return the archive of an architecture's root file system, making it where the cache has none."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = cache.folder() / f"userland-{arch}"
    archive = folder / f"{recipe}.cpio"
    with cache.locked(f"userland-{arch}"):
        if not archive.exists():
            started = time.monotonic()
            with cache.making(folder) as new:
                _make(arch, new / archive.name)
            size, took = archive.stat().st_size, time.monotonic() - started
            cache.say(f"userland for {arch}: {len(PACKAGES.split())} packages, {size / 1e6:.0f} MB in {took:.0f} s")
    return archive


def _make(arch: str, archive: Path) -> None:
    work = archive.parent / "work"
    root = work / "root"
    root.mkdir(parents=True)
    names, python, suites = PACKAGES.split(), PYTHON, SUITES
    if arch in OTHERS:
        python, suite, *more = OTHERS[arch]
        suites = (suite,)
        names = [name.replace(PYTHON, python) + ("t64" if name in _RENAMED else "") for name in names] + more
    apt = Apt(arch, *suites)
    apt.update()
    apt.download(names, work / "debs")
    unpack(work / "debs", root)
    _merge_usr(root)
    for pattern in UNUSED.replace(PYTHON, python).split():
        for path in root.glob(pattern):
            shutil.rmtree(path)
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "etc", "mnt", "var/tmp", "usr/bin", "opt", "boot"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (root / name).write_text(text)
    (root / "usr/bin/python3").symlink_to(python)
    for applet in APPLETS.split():
        if not (root / "usr/bin" / applet).is_symlink() and not (root / "usr/bin" / applet).exists():
            (root / "usr/bin" / applet).symlink_to("busybox")
    if python == PYTHON:
        compile_python(root / "usr/lib" / PYTHON, root)
    result = Archive()
    result.device("dev/console", 5, 1)
    result.device("dev/null", 1, 3)
    result.copy(root, "")
    archive.write_bytes(result.to_bytes())
    shutil.rmtree(work)


def _merge_usr(root: Path) -> None:
    """Put /bin, /sbin, /lib into /usr with links in their place, as an installed Debian has them."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (root / name).is_dir():
            copy = ["cp", "-a", f"{root / name}/.", str(root / "usr" / name)]
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            subprocess.run(copy, check=True)
            shutil.rmtree(root / name)
        if (root / "usr" / name).is_dir():
            (root / name).symlink_to(f"usr/{name}")


def compile_python(folder: Path, root: Path) -> None:
    """Write byte code for the guests' Python, the same for all architectures: under TCG compiling takes seconds."""
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which(PYTHON)
    if python is None:
        cache.say(f"no {PYTHON} here to compile byte code with: the machines' Python starts take seconds more")
        return
    command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    run = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise VmError(f"compile {folder}: {run.stdout}{run.stderr}")
