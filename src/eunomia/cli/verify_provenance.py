"""`ecli verify --provenance`: how a program was made, by the statement beside it, and whether that is about it."""

from __future__ import annotations

import sys

from eunomia.cli.report import clean
from eunomia.errors import FetchError, RegistryError, SignatureError
from eunomia.registry.provenance import ARTIFACT, MAX_STATEMENT, SUFFIX, read_statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.cli.parser import Values
    from eunomia.registry.provenance import Statement
    from eunomia.registry.resolve import Limits, Program

BUNDLES = "application/vnd.dev.sigstore.bundle."  # those of `cosign attest`
MAX_SHOWN = 40


def show(operand: str, values: Values) -> int:
    """Print what a statement says; return 0.

    Raises:
        SignatureError: there is none, or none is about these bytes.
        FetchError: the program, or what is attached to it, cannot be fetched.
    """
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.registry.store import digest_of

    limits = limits_of(values)
    program = fetched(operand, limits)
    digest = program.source.data_digest or digest_of(program.data)
    failure: SignatureError | None = None
    for data, origin in statements(program, limits):
        try:
            found = read_statement(data, digest, origin)
        except SignatureError as exc:
            failure = failure or exc
            continue
        _write(operand, digest, origin, found, as_json=values["json"])
        return 0
    if failure:
        raise SignatureError(f"verify {operand}: {failure}") from failure
    where = "attached to it" if program.source.kind == "oci" else f"at {program.source.name}{SUFFIX}"
    raise SignatureError(f"verify {operand}: no statement of provenance {where} [ecc --provenance writes one]")


def statements(program: Program, limits: Limits) -> Iterator[tuple[bytes, str]]:
    """Yield what may be statements about a program, with where each was found."""
    source = program.source
    if source.kind == "oci":
        yield from _attached(program, limits)
    elif source.kind == "url":
        from eunomia.registry.http import download

        address, mark, query = source.name.partition("?")
        origin = f"{address}{SUFFIX}{mark}{query}"
        try:
            yield download(origin, timeout=limits.timeout, max_size=MAX_STATEMENT), origin
        except FetchError as exc:
            if "HTTP status 404" not in str(exc):
                raise
    elif source.kind == "file":
        from eunomia.registry.attached import read_file

        data = read_file(source.name + SUFFIX, MAX_STATEMENT)
        if data is not None:
            yield data, source.name + SUFFIX


def _attached(program: Program, limits: Limits) -> Iterator[tuple[bytes, str]]:
    from eunomia.registry.attached_files import attached
    from eunomia.registry.download import client_for
    from eunomia.registry.reference import parse

    source = program.source
    reference = parse(f"{source.name}@{source.digest}")
    with client_for(reference, limits) as client:
        for digest in dict.fromkeys((source.digest, source.manifest)):
            try:
                for each in attached(client, reference.repository, digest):
                    if each.artifact_type == ARTIFACT or each.artifact_type.startswith(BUNDLES):
                        yield each.data, f"{source.name}@{each.digest}"
            except RegistryError as exc:
                if exc.status != 404:
                    raise


def _write(operand: str, digest: str, origin: str, found: Statement, *, as_json: bool) -> None:
    if as_json:
        import json

        document = {
            "verified": operand, "digest": digest, "statement": origin, "builder": found.builder,
            "build_type": found.build_type, "source": found.source, "made": found.made,
            "dependencies": [{"name": name, "digest": value} for name, value in found.dependencies],
        }  # fmt: skip
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    rows = [("statement", origin), ("about", digest), ("builder", found.builder or "not said"),
            ("how", found.build_type), ("source", found.source), ("made", found.made)]  # fmt: skip
    rows += [("of" if not number else "", f"{name}  {value[:19]}{'…' * (len(value) > 19)}".rstrip())
             for number, (name, value) in enumerate(found.dependencies[:MAX_SHOWN])]  # fmt: skip
    if len(found.dependencies) > MAX_SHOWN:
        rows.append(("", f"… and {len(found.dependencies) - MAX_SHOWN} more"))
    lines = [operand, *(f"  {title:9} {text}" for title, text in rows if text)]
    sys.stdout.write("".join(clean(line) + "\n" for line in lines))
