"""How a package was made, as an in-toto statement with SLSA provenance: sources, compiler, flags, digests.

Source: in-toto attestation framework, Statement v1; SLSA provenance v1 (https://slsa.dev/provenance/v1).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from eunomia import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eunomia.compiler.build import Build

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:eunomia:ecc:1"
LOCAL = "urn:eunomia:builder:local"
SUFFIX = ".intoto.json"


class Input:
    """A file that a package was made of: its name for others, its digest, and whose it is.

    Attributes:
        name: relative to the source's folder, or with the name of the folder that it was found in.
        kind: "source" of the user, "eunomia" headers that come with ecc, "kernel" what was made of a kernel's BTF,
            "system" headers of this machine.
        digest: sha256 in hexadecimal.
        size: bytes.
    """

    __slots__ = ("digest", "kind", "name", "size")

    def __init__(self, name: str, kind: str, digest: str, size: int) -> None:
        self.name = name
        self.kind = kind
        self.digest = digest
        self.size = size


class Making:
    """What is noted while a package is made; its `add` is the `on_build` of a compile."""

    __slots__ = ("architectures", "commit", "compiler", "flags", "inputs", "repository", "source", "started")

    def __init__(self, source: str) -> None:
        self.source = source
        self.started = time.time()
        self.inputs: list[Input] = []
        self.flags: dict[str, list[str]] = {}
        self.architectures: list[str] = []
        self.compiler: dict[str, str] = {}
        self.repository, self.commit = checkout_of(source)

    def add(self, build: Build) -> None:
        """Note what one object was made of.

        Raises:
            CompileError: clang does not name its inputs.
            OSError: one of them cannot be read.
        """
        arch = build.options.arch
        self.architectures.append(arch)
        self.flags[arch] = build.flags_in_words
        self.compiler = {"kind": build.toolchain.kind, "version": build.toolchain.version}
        known = {(each.name, each.digest) for each in self.inputs}
        for path in build.inputs():
            found = _input(path, build)
            if (found.name, found.digest) not in known:
                known.add((found.name, found.digest))
                self.inputs.append(found)

    def add_file(self, path: str, kind: str = "source") -> None:
        """Note a file that went into the package as it is: a guest."""
        with open(path, "rb") as file:
            data = file.read()
        self.inputs.append(Input(os.path.basename(path), kind, hashlib.sha256(data).hexdigest(), len(data)))


def statement(making: Making, subjects: Mapping[str, bytes], options: Mapping[str, Any], builder: str = "") -> bytes:
    """Return the statement about files that were made, as JSON.

    Args:
        making: what was noted.
        subjects: the files by name.
        options: of ecc, those that were given.
        builder: URI of who made them; "": as the variables of GitHub's and GitLab's runners say, else a local build.
    """
    finished = build_time()
    document = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}} for name, data in subjects.items()
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"source": making.inputs[0].name, "options": dict(options)},
                "internalParameters": {"clang": making.flags},
                "resolvedDependencies": [*_dependencies(making)],
            },
            "runDetails": {
                "builder": {
                    "id": builder or builder_of(os.environ),
                    "version": {"eunomia": __version__, "clang": making.compiler.get("version", "")},
                },
                "metadata": {
                    "startedOn": stamp(min(making.started, finished)),
                    "finishedOn": stamp(finished),
                },
            },
        },
    }
    return (json.dumps(document, indent=1, sort_keys=False, ensure_ascii=False) + "\n").encode()


def _dependencies(making: Making) -> Iterable[dict[str, Any]]:
    if making.repository and making.commit:
        yield {"uri": f"git+{making.repository}@{making.commit}", "digest": {"gitCommit": making.commit}}
    for each in making.inputs:
        yield {"uri": uri_of(each), "name": each.name, "digest": {"sha256": each.digest}}
    if making.compiler:
        purl = "pkg:pypi/ziglang" if making.compiler["kind"] == "zig" else "pkg:generic/clang"
        yield {"uri": f"{purl}@{making.compiler['version']}" if making.compiler["kind"] != "zig" else purl,
               "name": f"clang {making.compiler['version']}"}  # fmt: skip
    yield {"uri": f"pkg:pypi/eunomia-compiler@{__version__}", "name": f"eunomia {__version__}"}


def uri_of(each: Input) -> str:
    """Return the URI of an input: a file's name is no secret of this machine, its folders may be."""
    from urllib.parse import quote

    name = quote(each.name, safe="/+@", errors="surrogateescape")
    return f"pkg:pypi/eunomia-compiler@{__version__}#{name}" if each.kind == "eunomia" else f"file:{name}"


def builder_of(environment: Mapping[str, str]) -> str:
    """Return who makes things in this environment."""
    server, workflow = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_WORKFLOW_REF")
    if server and workflow:
        return f"{server}/{workflow}"
    project, runner = environment.get("CI_PROJECT_URL"), environment.get("CI_RUNNER_ID")
    if project and runner:
        return f"{project}/-/runners/{runner}"
    return LOCAL


def checkout_of(source: str) -> tuple[str, str]:
    """Return URL and commit of the git checkout that a source lies in unchanged; empty where it does not, or no git."""
    folder, name = os.path.split(os.path.abspath(source))
    if _git(folder, "status", "--porcelain", "--", name) != "" or not _git(folder, "ls-files", "--", name):
        return "", ""
    commit = _git(folder, "rev-parse", "HEAD") or ""
    url = urlsplit(_git(folder, "config", "--get", "remote.origin.url") or "")
    if url.scheme not in ("https", "http", "ssh", "git"):
        return "", commit
    return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2])), commit  # no credentials


def _git(folder: str, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *words], capture_output=True, text=True, timeout=10, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def build_time() -> float:
    """Return the time of a build: now, or SOURCE_DATE_EPOCH, so that the same sources give the same documents."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return float(given) if given.isdecimal() and len(given) < 12 else time.time()


def stamp(when: float) -> str:
    """Return a time as RFC 3339 writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def _input(path: str, build: Build) -> Input:
    from eunomia.compiler.build import HEADERS

    with open(path, "rb") as file:
        data = file.read()
    name = build.called(path)
    if name == path:  # none of the folders that are known: this machine's own headers
        name, kind = os.path.basename(path), "system"
    elif path.startswith(f"{HEADERS}/"):
        kind = "eunomia"
    else:
        kind = "kernel" if name.startswith("kernel/") or path.startswith(f"{build.work}/") else "source"
    return Input(name, kind, hashlib.sha256(data).hexdigest(), len(data))
