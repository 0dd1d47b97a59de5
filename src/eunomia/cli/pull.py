"""`ecli pull`: a package or a guest out of a registry (a hub, a web server) into a file, and into the cache."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import JSON, QUIET, VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean
from eunomia.errors import FetchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.resolve import Program

SUFFIXES = ((b"\0asm", ".wasm"), (b"\x7fELF", ".o"), (b"{", ".json"))
MAX_NAME = 100

COMMAND = Command(
    "pull",
    "REF",
    "get a package or a Wasm guest out of a registry into a file",
    (
        Opt("output", "o", "file", "file to write, - for standard output (named as the image, here)", "FILE"),
        JSON,
        QUIET,
        VERBOSE,
        *(option for option in FETCH_OPTIONS if option.long != "pull"),
    ),
    details="""\
REF is HOST/NAME:TAG, HOST/NAME@sha256:..., a name of the default registry or of a hub, or a URL. The registry is asked
for what the tag stands for now, and the cache has it from then on, so that `ecli run REF` starts that. Nothing of it is
run. Without -o the file is called as the image, NAME.json, NAME.tar or NAME.wasm; one that is there and has other bytes
stays as it is, and the command fails. FILE is replaced, whole or not at all.

The line that is printed has the digest, which names exactly these bytes, and can be run and pulled in its place.""",
    examples=(
        ("ecli pull ghcr.io/me/tool:1.0", "writes ./tool.json"),
        ("ecli pull ghcr.io/me/tool:1.0 -o - | ecli inspect -", "what is in it?"),
        ("ecli pull --platform linux/arm64 ghcr.io/me/tool:1", "for another machine"),
    ),
)


def main(argv: list[str]) -> int:
    """Run `ecli pull`."""
    values = COMMAND.parse(argv)
    values.no_more_than(1)
    if not values.operands:
        raise UsageError("pull: what? [ecli pull HOST/NAME:TAG; see ecli pull --help]")
    text = values.operands[0]
    from eunomia.cli.fetching import fetched, limits_of

    limits = limits_of(values)
    limits.pull = "always"
    found = fetched(text, limits)
    if not found.is_remote:
        raise FetchError(f"pull {text}: it is on this machine already, and no registry was asked [ecli export {text}]")
    path = _write(found, values["output"] or "")
    _tell(found, path, as_json=values["json"], quiet=values["quiet"])
    return 0


def _write(found: Program, output: str) -> str:
    """Write the program; return the file's path, "" for standard output."""
    if output == "-":
        if sys.stdout.isatty() and found.data[:1] != b"{":
            raise UsageError("this is not for a terminal [-o FILE]")
        sys.stdout.flush()
        sys.stdout.buffer.write(found.data)
        sys.stdout.buffer.flush()
        return ""
    from eunomia.cli.whole_file import write_whole

    path = output or file_name(found)
    if os.path.isdir(path):
        path = os.path.join(path, file_name(found))
        output = ""
    try:
        write_whole(path, found.data, replace=bool(output))
    except FileExistsError:
        if not _has(path, found.data):
            raise FetchError(
                f"pull {found.source.text}: {path} is there, and has other bytes [-o FILE replaces it]"
            ) from None
    return path


def file_name(found: Program) -> str:
    """Return what the file of a program is called where nobody says: as the image, with the suffix of its kind."""
    text = found.source.name.partition("?")[0].rstrip("/").rpartition("/")[2].partition("@")[0]
    stem = "".join(char if char.isalnum() or char in "._-+" else "_" for char in text).lstrip(".-")[:MAX_NAME]
    for start, suffix in SUFFIXES:
        if found.data.lstrip()[:1] == start or found.data.startswith(start):
            return (stem.removesuffix(suffix) or "program") + suffix
    from eunomia.package.archive import is_tar

    return (stem.removesuffix(".tar") or "program") + ".tar" if is_tar(found.data) else stem or "program"


def _has(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(data) + 1) == data
    except OSError:
        return False


def _tell(found: Program, path: str, *, as_json: bool, quiet: bool) -> None:
    source = found.source
    name = str(source) if source.digest else f"{source.name}@{source.data_digest}"
    if path and not quiet:
        sys.stderr.write(clean(f"ecli: wrote {path} ({len(found.data)} bytes)") + "\n")
    if not path:
        if not quiet:
            sys.stderr.write(clean(f"ecli: {name}") + "\n")
        return
    if not as_json:
        sys.stdout.write(clean(name) + "\n")
        return
    import json

    document = {
        "reference": name,
        "digest": source.digest or None,
        "manifest": source.manifest or None,
        "sha256": source.data_digest.removeprefix("sha256:"),
        "mediaType": source.media_type or None,
        "file": path,
        "size": len(found.data),
    }
    sys.stdout.write(json.dumps(document) + "\n")
