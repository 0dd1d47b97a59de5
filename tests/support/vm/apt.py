"""Packages of any Debian suite and architecture, verified by apt with a state of its own, not the system's."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import VmError, cache

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MAX_AGE = 86400  # seconds after which a list of packages is asked for again
_CONFIGURATION = """\
Dir::State "{state}"; Dir::State::Lists "{state}/lists"; Dir::State::status "{state}/status"; Dir::Log "{state}/log";
Dir::Cache "{state}/cache"; Dir::Etc::sourcelist "{state}/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{arch}"; APT::Architectures {{ "{arch}"; }}; APT::Sandbox::User "{user}";
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Retries "2"; Acquire::http::Timeout "30";
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of one of Debian's archives, e.g. bookworm-security of debian-security."""

    archive: str
    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A package as a suite's list has it."""

    name: str
    version: str
    size: int

    @property
    def order(self) -> list[int]:
        """The numbers of the version: enough to tell which of two kernels of one series is newer."""
        return [int(number) for number in re.findall(r"\d+", self.version)]


def mirrors(archive: str) -> list[str]:
    """Return the addresses of an archive ("debian", "debian-security") that this machine's own apt uses.

    An archive that apt does not know is looked for beside one that it knows. EUNOMIA_DEBIAN_MIRROR goes first.
    """
    found = [given.rstrip("/")] if (given := os.environ.get("EUNOMIA_DEBIAN_MIRROR")) else []
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.is_file():
            lines = [line.partition("#")[0] for line in path.read_text(errors="replace").splitlines()]
            found += re.findall(r"https?://\S+?/debian(?:-security)?(?=/?(?:\s|$))", "\n".join(lines))
    found.sort(key=lambda uri: not uri.endswith(f"/{archive}"))
    found = [re.sub(r"/debian(-security)?$", f"/{archive}", uri) for uri in found]
    if not found:
        raise VmError("apt on this machine knows no Debian archive (set EUNOMIA_DEBIAN_MIRROR to the address of one)")
    return list(dict.fromkeys(found))


class Apt:
    """The lists and the downloads of some suites for one architecture."""

    def __init__(self, arch: str, *suites: Suite) -> None:
        self.suites = suites
        self.state = cache.folder() / "apt" / f"{suites[0].name}-{arch}"
        for name in ("lists/partial", "cache/archives/partial", "log"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        (self.state / "status").touch()
        user = "root" if os.geteuid() == 0 else ""
        configuration = self.state / "apt.conf"
        configuration.write_text(_CONFIGURATION.format(state=self.state, arch=arch, user=user))
        self._environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}

    def update(self) -> None:
        """Fetch the lists where they are older than a day, from the first mirror that gives them."""
        stamp = self.state / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < MAX_AGE:
            return
        if not KEYRING.exists():
            raise VmError(f"no {KEYRING}: apt cannot verify packages (apt-get install debian-archive-keyring)")
        said = ""
        for number in range(max(len(mirrors(suite.archive)) for suite in self.suites)):
            chosen = [(suite, mirrors(suite.archive)[: number + 1][-1]) for suite in self.suites]
            lines = [f"deb [signed-by={KEYRING}] {mirror} {suite.name} main\n" for suite, mirror in chosen]
            (self.state / "sources.list").write_text("".join(lines))
            run = self._run("apt-get", "update", "-q", "--error-on=any")
            if run.returncode == 0:
                stamp.touch()
                return
            said = last_line(run.stdout)
            cache.say(f"no lists of {self.suites[0].name} from {chosen[0][1]}: {said}")
        raise VmError(f"lists of {', '.join(suite.name for suite in self.suites)}: {said}")

    def packages(self, pattern: str) -> list[Listed]:
        """Return the packages whose name matches a pattern as a whole."""
        found = []
        wanted = re.compile(rf"^Package: ({pattern})$", re.M)
        for path in (self.state / "lists").glob("*_Packages*"):
            text = self._run("/usr/lib/apt/apt-helper", "cat-file", str(path)).stdout
            for entry in text.split("\n\n"):
                if name := wanted.search(entry):
                    fields = dict(re.findall(r"^(Version|Size): (.*)$", entry, re.M))
                    found.append(Listed(name[1], fields["Version"], int(fields["Size"])))
        return found

    def download(self, names: list[str], folder: Path) -> None:
        """Download packages (`NAME` or `NAME=VERSION`) into folder; raise VmError with apt's word."""
        folder.mkdir(parents=True, exist_ok=True)
        run = self._run("apt-get", "download", "-q", *names, folder=folder)
        if run.returncode:
            raise VmError(last_line(run.stdout))

    def _run(self, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def last_line(text: str) -> str:
    """Return the line of apt's output that says what failed, without addresses."""
    lines = [line for line in text.splitlines() if line.startswith("E:")] or text.strip().splitlines() or ["no output"]
    line = re.sub(r"Failed to fetch \S+?([^/\s]+)\s+", r"\1: ", lines[0].removeprefix("E: "))
    return " ".join(re.sub(r" \[IP: [^\]]*\]", "", line).split())


def unpack(folder: Path, into: Path) -> None:
    """Unpack every .deb of folder into a directory; nothing of them is run."""
    for package in sorted(folder.glob("*.deb")):
        run = subprocess.run(["dpkg", "-x", package, into], capture_output=True, text=True, check=False)
        if run.returncode:
            raise VmError(f"unpack {package.name}: {run.stderr.strip()}")
