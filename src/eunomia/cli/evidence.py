"""`ecli evidence`: attach a package for a moment, say what came of it, and keep that in the package."""

from __future__ import annotations

import os
import sys

from eunomia.cli import run as running
from eunomia.cli.fetch_table import FETCHING
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError
from eunomia.cli.run_table import ATTACHING, LOADING, OPTIONS
from eunomia.errors import EunomiaError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.cli.which import Choice
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

_SECONDS = 5.0
_MAX_FILE = 16 << 20
_FORMATS = (".json", ".yaml", ".yml", ".tar")

COMMAND = Command(
    "evidence",
    "PROG [ARGS]",
    "attach a package for a moment, and keep in it on which kernel it ran and what came of it",
    (
        Opt("output", "o", "file", "write the package with the evidence; PROG itself may be FILE", "FILE"),
        Opt("from", "", "file", "take evidence from this file instead of trying it here", "FILE", repeat=True),
        Opt("duration", "", "seconds", "wait for its programs to run this long at most [default: 5s]"),
        *(each for each in OPTIONS if each.group in (ATTACHING, LOADING, FETCHING)),
        JSON,
        VERBOSE,
    ),
    stop=True,
    details="""\
PROG and ARGS are those of `ecli run`. The package is loaded and attached, the kernel counts its programs' runs until
all have run or the time is over, and one entry says what came of it: fired (programs ran; which did not is named),
attached (none ran), refused (it did not load or attach, and why). Provoke what it is to see in the meantime.

With -o the entry goes into the package, in place of an older one about the same kernel and architecture; `ecli inspect`
shows them. --from takes entries that other machines printed with -j: a release is made of one package and of what it
did on each. Entries name the object that they are about, and those about another build are refused.

Exit codes: 0 it attached, or --from was given; 1 it was refused, which -o keeps too; 2 usage.""",
    examples=(
        ("sudo ecli evidence -j ./tool.json > here.json", "on each machine"),
        ("ecli evidence --from a.json --from b.json -o ./tool.json ./tool.json", "all of it into the package"),
        ("sudo ecli evidence -o ./tool.json ./tool.json --pid 1", "tried and kept, the tool with an option"),
    ),
    choices=("@builtin", "@file"),
    shorts_after=True,
)


def main(argv: list[str]) -> int:
    """Run `ecli evidence`; 1 where the package was refused."""
    return running.main(argv, COMMAND, gather)


def gather(package: Package, values: Values, settings: Settings, program: str, _choice: Choice | None) -> int:
    """Get evidence, print it, keep it where that is asked for, and return the exit code."""
    output = values["output"]
    if output and not output.endswith(_FORMATS):
        raise UsageError(f"--output {output}: a package ends in {', '.join(_FORMATS)}")
    if values["from"]:
        if not output:
            raise UsageError("--from needs a package to put it into [-o FILE]")
        return put_in(package, values, output)
    from eunomia.cli.privileges import require_capabilities

    package.for_arch()  # of an architecture that it has no object for there is nothing to say
    require_capabilities(program, package)
    found = attempt(package, values, settings)
    if output:
        from eunomia.package.evidence import add_evidence

        add_evidence(package, [found])
        write(package.whole, output)
    show([found], values)
    return int(found["outcome"] == "refused")


def attempt(package: Package, values: Values, settings: Settings) -> dict[str, Any]:
    """Load, attach and watch; return the entry."""
    from eunomia.cli.report import clean
    from eunomia.kernel.evidence import entry, watch

    running.catch_signals()
    try:
        with running.load(package, values, settings) as live:
            targets = None
            if any(values[name] for name in ("attach", "iface", "attach-cgroup", "binary", "freq")):
                from eunomia.cli.targets import choose_targets

                targets = choose_targets(live, values)
            live.attach(skip=values["skip"], targets=targets)
            given = values["duration"]
            outcome, reason = watch(live, _SECONDS if given is None else given)
    except (EunomiaError, OSError) as exc:
        outcome, reason = "refused", " ".join(clean(str(exc)).split())
    return entry(package, outcome, reason)


def put_in(package: Package, values: Values, output: str) -> int:
    """Put the entries of files into the package."""
    from eunomia.package.evidence import add_evidence, evidence_of

    for path in values["from"]:
        add_evidence(package, read(path), path)
    write(package.whole, output)
    show(evidence_of(package), values)
    return 0


def read(path: str) -> list[Any]:
    """Return the entries of a file: one, an array of them, one a line, or those of a package.

    Raises:
        PackageError: it is no JSON.
        OSError: it cannot be read.
    """
    from eunomia.package.codec import decode_text, parse_json

    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as exc:
        raise OSError(exc.errno, f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > _MAX_FILE:
        raise PackageError(f"read {path}: more than {_MAX_FILE >> 20} MiB, no evidence")
    try:
        text = decode_text(data).strip()
        if "\n" in text and text[:1] == "{":
            try:
                tree = parse_json(text)
            except PackageError:
                tree = [parse_json(line) for line in text.splitlines() if line.strip()]
        else:
            tree = parse_json(text)
    except PackageError as exc:
        raise PackageError(f"read {path}: {str(exc).removeprefix('read package: ')}") from None
    if isinstance(tree, dict) and isinstance(tree.get("meta"), dict):
        from eunomia.package.check import ours

        tree = ours(tree["meta"]).get("evidence", [])
    return tree if isinstance(tree, list) else [tree]


def write(package: Package, path: str) -> None:
    """Write a package in the form that the file's name says, whole or not at all."""
    if path.endswith(".tar"):
        data = package.to_tar()
    elif path.endswith(".json"):
        data = package.to_json().encode()
    else:
        data = package.to_yaml().encode()
    if package.btf_archive and not path.endswith(".tar"):
        raise UsageError(f"--output {path}: the package has BTF of other kernels, which only a .tar holds")
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            file.write(data)
        os.replace(partial, path)
    except OSError as exc:
        if os.path.exists(partial):
            os.unlink(partial)
        raise OSError(exc.errno, f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc


def show(entries: list[dict[str, Any]], values: Values) -> None:
    """Print entries: a table, or one JSON object a line."""
    from eunomia.cli.inspect import aligned, evidence_rows

    if values["json"]:
        import json

        lines = [json.dumps({k: v for k, v in each.items() if k != "stale"}, ensure_ascii=False) for each in entries]
    else:
        lines = list(aligned(evidence_rows(entries), ""))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
