"""`ecli push`: a package or a guest into a registry, or something that is said of an image beside it."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetching import end_progress, progress, shows_progress
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError
from eunomia.cli.registry_options import CONNECTION, connection
from eunomia.cli.report import clean
from eunomia.errors import RegistryError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.cli.parser import Values
    from eunomia.publish.layouts import Content
    from eunomia.publish.papers import Paper
    from eunomia.publish.push import Pushed
    from eunomia.publish.upload import Pusher
    from eunomia.registry.reference import Reference

DEFAULT_MODULE = "app.wasm"  # the first system's
MAX_ATTACHED = 16 << 20

COMMAND = Command(
    "push",
    "PROG... REF",
    "put a package or a Wasm guest into a registry",
    (
        Opt(
            "module", "m", "file", "the program, as the first system names it (app.wasm where there is no PROG)", "FILE"
        ),
        Opt(
            "layout",
            "",
            "choice",
            "how it is stored (oci: our type for packages, CNCF's for guests; image where the registry refuses that)",
            choices=("oci", "legacy", "image", "wasm"),
        ),
        Opt(
            "annotation", "a", "text", "say something of it, in place of what it says itself", "KEY=VALUE", repeat=True
        ),
        Opt(
            "annotations", "", "text", "the first system's name of --annotation", "KEY=VALUE", repeat=True, hidden=True
        ),
        Opt("tag", "t", "text", "give it this tag too", "TAG", repeat=True),
        Opt(
            "papers",
            "",
            "flag",
            "attach nothing of what lies beside PROG (FILE.intoto.json, FILE.cdx.json, FILE.evidence.json)",
            default=True,
        ),
        Opt("attach", "", "file", "attach a file to the image that REF names, in place of pushing a program", "FILE"),
        Opt("type", "", "text", "what the attached file is, as a media type", "TYPE"),
        *CONNECTION,
        JSON,
        VERBOSE,
    ),
    details="""\
PROG is a file, - or the name of a built-in tool. REF is HOST/NAME:TAG. The line that is printed has the digest, which
names exactly these bytes; the same content has the same digest each time. Several packages for several architectures
stand behind one reference, and so does one package with objects for several: who pulls gets what is for the machine.

Credentials are those of `ecli login`, `docker login` and `podman login`. The time of creation is written where
SOURCE_DATE_EPOCH tells it. What each layout is for: docs/reference/images.md.""",
    examples=(
        ("ecli push package.json ghcr.io/me/tool:1.0", "prints its name with its digest"),
        ("ecli push x86.json arm64.json ghcr.io/me/tool:1", "one reference for both"),
        ("ecli push app.wasm --layout image ghcr.io/me/g:1", "a container image"),
        ("ecli push --attach a.txt --type text/plain REF", "something about it, beside it"),
    ),
    choices=("@file", "@builtin"),
)


def main(argv: list[str]) -> int:
    """Run `ecli push`."""
    values = COMMAND.parse(argv)
    programs, target = _operands(values)
    from eunomia.publish.contents import created
    from eunomia.publish.push import push
    from eunomia.publish.upload import Pusher
    from eunomia.registry.reference import check_tag

    reference = _reference(target)
    given = _annotations([*values["annotation"], *values["annotations"]])
    for tag in values["tag"]:
        check_tag(tag, f"--tag {tag}")
    with Pusher(reference.registry, **connection(values), progress=_progress(reference)) as client:
        try:
            if values["attach"]:
                return _attach(client, reference, values, given)
            contents = [_content(program) for program in programs]
            if values["layout"] != "legacy":
                given = {**created(), **given}
            papers = _papers(programs, contents) if values["papers"] else []
            pushed = push(
                client, reference, contents, layout=values["layout"] or "", annotations=given, tags=values["tag"]
            )
            attached = _attach_papers(client, reference, pushed.digest, papers)
        finally:
            end_progress()
    _tell(pushed, values["tag"], values["json"], attached)
    return 0


def _progress(reference: Reference) -> Callable[[str, int, int], None] | None:
    """What shows how far an upload is, None where nobody looks."""
    if not shows_progress():
        return None
    return lambda _, done, total: progress(reference.name, done, total)


def _operands(values: Values) -> tuple[list[str], str]:
    """Return the programs and the reference."""
    *programs, target = values.operands or [""]
    if not target:
        raise UsageError("push: which program, and to which reference? [ecli push PROG HOST/NAME:TAG; see --help]")
    if values["attach"]:
        if programs or values["module"] or values["tag"] or values["layout"]:
            raise UsageError("--attach FILE goes with a reference, --type and --annotation alone")
        if not values["type"]:
            raise UsageError("--attach: what is it? [--type MEDIATYPE, as in application/vnd.cyclonedx+json]")
    elif values["type"]:
        raise UsageError("--type goes with --attach FILE")
    elif values["module"]:
        programs.append(values["module"])
    elif not programs:
        if not os.path.exists(DEFAULT_MODULE):
            raise UsageError(f"push {target}: which program? [ecli push PROG HOST/NAME:TAG]")
        programs = [DEFAULT_MODULE]
    return programs, target


def _reference(target: str) -> Reference:
    from eunomia.errors import FetchError
    from eunomia.registry.config import read
    from eunomia.registry.reference import parse

    config = read()
    try:
        return parse(target, registry=config.registry, prefix=config.prefix)
    except FetchError as exc:
        raise FetchError(f"push {str(exc).removeprefix('open ')}") from None


def _annotations(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise UsageError(f"--annotation {each}: expected KEY=VALUE")
        found[key] = value
    return found


def _content(program: str) -> Content:
    from eunomia.publish.contents import content
    from eunomia.registry.resolve import fetch

    found = fetch(program)
    return content(found.data, found.origin, is_remote=found.is_remote)


def _papers(programs: list[str], contents: list[Content]) -> list[Paper]:
    """Return what is said beside the programs; what is about other bytes stops the push before anything is sent."""
    from eunomia.publish.papers import papers_of

    try:
        return [paper for name, each in zip(programs, contents, strict=True) for paper in papers_of(name, each.data)]
    except SignatureError as exc:
        raise SignatureError(f"push: {exc} [ecc --provenance again, or push with --no-papers]") from exc


def _attach_papers(client: Pusher, reference: Reference, digest: str, papers: list[Paper]) -> list[tuple[Paper, str]]:
    """Attach them; a registry that takes the program and refuses these is no reason to fail."""
    from eunomia.publish.papers import attach_papers

    try:
        return attach_papers(client, reference.repository, digest, papers)
    except RegistryError as exc:
        sys.stderr.write(clean(f"ecli: pushed, but nothing could be attached: {exc}") + "\n")
        return []


def _tell(pushed: Pushed, tags: list[str], as_json: bool, attached: list[tuple[Paper, str]]) -> None:
    reference = pushed.reference
    if pushed.refused:
        sys.stderr.write(clean(f"ecli: {pushed.refused}; pushed as a container image (--layout image)") + "\n")
    if not as_json:
        sys.stdout.write(clean(f"{reference}@{pushed.digest}") + "\n")
        for paper, digest in attached:
            sys.stderr.write(clean(f"ecli: attached {paper.name} ({paper.kind}) as {digest}") + "\n")
        return
    import json

    document = {
        "reference": f"{reference}@{pushed.digest}",
        "digest": pushed.digest,
        "mediaType": pushed.media_type,
        "size": pushed.size,
        "layout": pushed.layout,
        "tags": list(dict.fromkeys([reference.tag, *tags])),
        "images": [{"platform": f"linux/{name}" if name else None, "digest": digest} for name, digest in pushed.images],
        "attached": [{"name": each.name, "artifactType": each.kind, "digest": digest} for each, digest in attached],
    }
    sys.stdout.write(json.dumps(document) + "\n")


def _attach(client: Pusher, reference: Reference, values: Values, annotations: dict[str, str]) -> int:
    from eunomia.publish.attach import attach

    path, kind = values["attach"], values["type"]
    if kind.count("/") != 1 or not kind.isascii() or not kind.isprintable() or " " in kind:
        raise UsageError(f"--type {kind}: expected a media type [as in application/vnd.cyclonedx+json]")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_ATTACHED + 1)
    except OSError as exc:
        raise OSError(exc.errno, f"open {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > MAX_ATTACHED:
        raise UsageError(f"--attach {path}: more than {MAX_ATTACHED >> 20} MB")
    name = os.path.basename(path)
    digest = attach(client, reference.repository, reference.wanted, data, kind, title=name, annotations=annotations)
    if values["json"]:
        import json

        sys.stdout.write(json.dumps({"digest": digest, "artifactType": kind, "subject": str(reference)}) + "\n")
    else:
        sys.stdout.write(clean(f"{reference.name}@{digest}") + "\n")
    return 0
