"""A bare Debian in a directory: debootstrap's minimum and python3-venv, cached outside of the checkout."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = "bookworm"
PACKAGES = "python3-venv"


def bare_root(folder: Path) -> Path:
    """Unpack a bare Debian into folder; the first time it is made with debootstrap (about half a minute, network)."""
    archive = _cache() / f"{SUITE}-{platform.machine()}-{PACKAGES}.tar"
    if not archive.exists():
        _debootstrap(archive)
    subprocess.run(["tar", "-xf", archive, "-C", folder, "--numeric-owner"], check=True)
    return folder


def _debootstrap(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="eunomia-debootstrap-") as work:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, work, *_mirror()]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"debootstrap failed: {run.stdout[-2000:]}{run.stderr[-2000:]}"
        shutil.rmtree(Path(work) / "var/cache/apt")
        partial = archive.with_suffix(f".{os.getpid()}")
        subprocess.run(["tar", "-cf", partial, "-C", work, "--numeric-owner", "--exclude=./dev/*", "."], check=True)
        os.replace(partial, archive)


def _mirror() -> list[str]:
    """Return the Debian archive that this machine's apt uses; debootstrap has one of its own where there is none."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    known = subprocess.run([*query, "Label: Debian"], capture_output=True, text=True, check=False).stdout.split()
    return [uri for uri in known if re.match(r"https?://", uri)][:1]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eunomia-tests"


def inside(root: Path, *argv: str) -> list[str]:
    """Return the words that run a command inside root, with /proc, /sys and /dev; the mounts go with the command."""
    script = 'set -e; for name in proc sys dev; do mount --rbind /$name "$0/$name"; done; exec chroot "$0" "$@"'
    clean = ["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(root), *clean, *argv]


if __name__ == "__main__":
    bare_root(Path(sys.argv[1]))
