"""What is said of a package beside it, and goes with it into a registry: provenance, bill of materials, evidence."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from eunomia.errors import PackageError, SignatureError
from eunomia.publish import provenance, sbom
from eunomia.publish.attach import attach
from eunomia.registry.provenance import ARTIFACT, read_statement
from eunomia.registry.store import digest_of

if TYPE_CHECKING:
    from typing import Any

    from eunomia.package.model import Package
    from eunomia.publish.upload import Pusher

MAX_PAPER = 4 << 20
BILL = "application/vnd.cyclonedx+json"
EVIDENCE_SUFFIX = ".evidence.json"
EVIDENCE = "application/vnd.eunomia.evidence.v1+json"


class Paper:
    """Something about a package: its kind (a media type), the name of its file, its bytes."""

    __slots__ = ("data", "kind", "name")

    def __init__(self, kind: str, name: str, data: bytes) -> None:
        self.kind = kind
        self.name = name
        self.data = data


def papers_beside(path: str, data: bytes) -> list[Paper]:
    """Return the papers that lie beside a program's file.

    Args:
        path: of the file; "" or a name of something else has none.
        data: the bytes that are pushed.

    Raises:
        SignatureError: one is about other bytes.
        OSError: one cannot be read.
    """
    found = []
    digest = digest_of(data)
    for suffix, kind in ((provenance.SUFFIX, ARTIFACT), (sbom.SUFFIX, BILL)):
        beside = f"{path}{suffix}"
        if not path or not os.path.isfile(beside):
            continue
        with open(beside, "rb") as file:
            paper = file.read(MAX_PAPER + 1)
        if kind == ARTIFACT:
            read_statement(paper, digest, beside)
        elif _subject_of_bill(paper, beside) != digest:
            raise SignatureError(f"{beside}: it is not about {digest}")
        found.append(Paper(kind, os.path.basename(beside), paper))
    return found


def _subject_of_bill(data: bytes, origin: str) -> str:
    try:
        if len(data) > MAX_PAPER:
            raise ValueError
        (found,) = [each["content"] for each in json.loads(data)["metadata"]["component"]["hashes"]
                    if each["alg"] == "SHA-256"]  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise SignatureError(f"{origin}: no CycloneDX document that says what it is about") from exc
    return f"sha256:{found}"


def evidence_paper(package: Package, name: str) -> Paper | None:
    """Return the evidence in a package, on which kernels it ran and what came of it; None where it has none."""
    from eunomia.package.evidence import evidence_of

    entries = [{key: value for key, value in each.items() if key != "stale"} for each in evidence_of(package)
               if not each["stale"]]  # fmt: skip
    if not entries:
        return None
    return Paper(EVIDENCE, f"{name}{EVIDENCE_SUFFIX}", (json.dumps(entries, indent=1, sort_keys=True) + "\n").encode())


def attach_papers(client: Pusher, repository: str, digest: str, papers: list[Paper]) -> list[tuple[Paper, str]]:
    """Attach papers to an image; return each with the digest of the manifest that has it.

    Raises:
        RegistryError: the registry refuses.
    """
    return [(each, attach(client, repository, digest, each.data, each.kind, title=each.name)) for each in papers]


def papers_of(program: str, data: bytes) -> list[Paper]:
    """Return all papers of a program that is pushed: those beside its file, and the evidence in it and beside it.

    Raises:
        SignatureError: one is about other bytes.
        PackageError: the evidence beside it is malformed, or about another object.
    """
    from eunomia.package.evidence import add_evidence
    from eunomia.registry.resolve import WASM, package_of

    path = program if os.path.isfile(program) else ""
    found = papers_beside(path, data)
    if data[:4] == WASM:
        return found
    package = package_of(data, program)
    beside = f"{path}{EVIDENCE_SUFFIX}"
    if path and os.path.isfile(beside):
        add_evidence(package, _entries(beside), beside)
    evidence = evidence_paper(package, os.path.basename(program))
    return [*found, evidence] if evidence else found


def _entries(path: str) -> list[Any]:
    """Return the entries of a file as `ecli evidence -j` writes it, one a line; or of a list of them."""
    with open(path, "rb") as file:
        text = file.read(MAX_PAPER + 1)
    try:
        if len(text) > MAX_PAPER:
            raise ValueError(f"more than {MAX_PAPER} bytes")
        if text.lstrip()[:1] == b"[":
            return list(json.loads(text))
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as exc:
        raise PackageError(f"read {path}: not what `ecli evidence -j` writes: {exc}") from exc
