"""`ecli verify`: whether something is signed, by whom, and over these bytes."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError
from eunomia.cli.report import clean
from eunomia.errors import FetchError, SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.cli.parser import Values
    from eunomia.registry.keyless import Identity
    from eunomia.registry.keys import PublicKey
    from eunomia.registry.resolve import Limits
    from eunomia.registry.signature_forms import Signature
    from eunomia.registry.verification import Outcome, Subject, Verified

MAX_FILE = 256 << 20
FETCHING = ("offline", "plain-http", "ca-file", "timeout", "max-size")
COMMAND = Command(
    "verify",
    "FILE|URL|REF",
    "verify who signed a package or guest",
    (
        Opt("key", "", "file", "a public key that is trusted; may be given several times", "PUB", repeat=True),
        Opt("certificate-identity", "", "text", "an identity that is trusted: a mail address or URL", "IDENTITY"),
        Opt("certificate-oidc-issuer", "", "text", "the URL of who vouches for the identity", "URL"),
        Opt("certificate-identity-regexp", "", "text", "as a regular expression for all of it", "PATTERN"),
        Opt("certificate-oidc-issuer-regexp", "", "text", "likewise", "PATTERN"),
        Opt("trusted-root", "", "file", "sigstore's trust root: authorities and logs that are believed", "FILE"),
        Opt("signature", "", "file", "of a FILE: its signature, in base64 (FILE.sig)", "FILE"),
        Opt("bundle", "", "file", "of a FILE: its sigstore bundle (FILE.sigstore.json)", "FILE"),
        Opt("attestation", "", "text", "of an image: provenance, cyclonedx, spdx, or a predicate's type", "TYPE"),
        Opt("signed-as", "", "text", "of an image: the name in its signature, if it was copied from there", "NAME"),
        Opt(
            "provenance",
            "",
            "flag",
            "say how it was made, by the statement beside it, if that is about it",
            default=False,
        ),
        Opt("explain", "", "flag", "say which rule decides about it, and what a run would do", default=False),
        *(each for each in FETCH_OPTIONS if each.long in FETCHING),
        JSON,
        VERBOSE,
    ),
    details="""\
Signatures of a FILE or URL are looked for beside it (FILE.sigstore.json, FILE.sig); of an image REF in its repository,
as cosign puts them there. One valid signature by one of the keys or identities is enough. The name that an image's
signature states must be that of REF: one that was copied from another repository is refused without --signed-as.

`--attestation` asks for a signed statement about an image in place of its signature; -j writes it.

An identity (a person or a workflow, by a short-lived certificate) is verified offline, against the trust root in a
file:

  ecli verify package.json --trusted-root root.json \\
      --certificate-identity me@example.org \\
      --certificate-oidc-issuer https://id.example.org

Neither a key's nor an identity's signature says that a package is harmless: it says whose it is.

Exit codes: 0 signed; 1 not, or by nobody who is trusted here; 2 usage.""",
    examples=(
        ("ecli verify --key release.pub package.json", "a file, by package.json.sig or package.json.sigstore.json"),
        ("ecli verify --key cosign.pub registry.example/tools/opensnoop:1.2", "an image that cosign or ecli signed"),
    ),
    choices=("@file",),
)


def main(argv: list[str]) -> int:
    """Run `ecli verify`."""
    values = COMMAND.parse(argv)
    values.no_more_than(1)
    if not values.operands:
        raise UsageError("verify what? [ecli verify --key PUB FILE|URL|REF]")
    if values["explain"]:
        from eunomia.cli.explain import explain

        return explain(values.operands[0], values)
    if values["provenance"]:
        from eunomia.cli.verify_provenance import show

        return show(values.operands[0], values)
    keys, identities = _trusted(values)
    operand = values.operands[0]
    others: set[str] = set()
    subject, outcome = _verify(operand, keys, identities, values, others)
    if values["json"]:
        _write_json(operand, subject, outcome)
    if not outcome.verified:
        why = outcome.why + _hint(operand, outcome)
        if values["attestation"] and outcome.state == "unsigned":
            why = _not_attested(values["attestation"], others)
        raise SignatureError(f"verify {operand}: {outcome.state}: {why}")
    if not values["json"]:
        sys.stdout.write("".join(clean(line) + "\n" for line in lines(operand, outcome)))
    return 0


def lines(operand: str, outcome: Outcome) -> list[str]:
    """Return a line for each signer: one who signed in both forms has one."""
    found = []
    for each in outcome.verified:
        who = (
            f"key {each.name} ({each.signer})" if each.kind == "key" else f"{each.signer}, vouched for by {each.issuer}"
        )
        when = f", logged {each.time}" if each.kind == "identity" and each.time else ""
        what = "signed" if each.statement is None else f"{_short(each.statement.get('predicateType'))} attested"
        found.append(f"{operand}: {what} by {who}{when}")
    return list(dict.fromkeys(found))


def _not_attested(kind: str, others: set[str]) -> str:
    there = ", ".join(map(_short, sorted(others)[:8]))
    return f"no signed statement of the type {kind} [{f'there is: {there}' if there else 'nor of another'}]"


def _short(predicate: object) -> str:
    """Return the word for a type of statements, or the type itself."""
    from eunomia.registry.signature_forms import PREDICATES

    return next((word for word, kind in PREDICATES.items() if kind == predicate), str(predicate)[:200])


def _hint(operand: str, outcome: Outcome) -> str:
    if outcome.state != "unsigned":
        return ""
    if "://" in operand or os.path.exists(operand):
        return f" [expected {operand}.sigstore.json or {operand}.sig]"
    return ""


def _write_json(operand: str, subject: Subject, outcome: Outcome) -> None:
    import json

    names = ("kind", "signer", "issuer", "name", "time", "form", "origin")
    document = {
        "verified": operand,
        "digest": subject.digest,
        "state": outcome.state,
        "signatures": [_shown(each, names) for each in outcome.verified],
        "refused": [{"state": each.state, "why": each.why, "origin": each.origin} for each in outcome.refused],
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _shown(each: Verified, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: getattr(each, name) for name in names if getattr(each, name)}
    return found | ({"statement": each.statement} if each.statement is not None else {})


def _trusted(values: Values) -> tuple[list[PublicKey], list[Identity]]:
    """Return the keys and identities of the options."""
    from eunomia.registry.keyless import Identity
    from eunomia.registry.keys import read_public_keys

    keys = [key for path in values["key"] for key in read_public_keys(path)]
    exact = values["certificate-identity"], values["certificate-oidc-issuer"]
    pattern = values["certificate-identity-regexp"], values["certificate-oidc-issuer-regexp"]
    wanted = (exact[0] or pattern[0], exact[1] or pattern[1])
    if not any(wanted):
        if not keys:
            raise UsageError("verify with what? [--key PUB, or --certificate-identity …; --explain asks the policy]")
        return keys, []
    if all((exact[0], pattern[0])) or all((exact[1], pattern[1])):
        raise UsageError("an identity or issuer and the pattern of one exclude each other")
    if not all(wanted):
        raise UsageError("--certificate-identity and --certificate-oidc-issuer belong together, or their -regexp forms")
    if not values["trusted-root"]:
        raise UsageError("an identity needs --trusted-root FILE: the authorities and logs that are believed")
    if not any(pattern):
        return keys, [Identity(*wanted, values["trusted-root"])]
    import re

    words = (pattern[0] or re.escape(exact[0]), pattern[1] or re.escape(exact[1]))
    return keys, [Identity(*words, values["trusted-root"], is_pattern=True)]


def _verify(
    operand: str, keys: list[PublicKey], identities: list[Identity], values: Values, others: set[str]
) -> tuple[Subject, Outcome]:
    from eunomia.registry.verification import check

    for subject, signatures in _subjects(operand, values, others):
        outcome = check(subject, signatures, keys, identities, predicate=_predicate(values))
        if outcome.verified:
            break
    return subject, outcome


def _subjects(operand: str, values: Values, others: set[str]) -> Any:
    """Yield what may be signed so that the operand is, with its signatures; add what else is attested to others."""
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.registry import attached
    from eunomia.registry.kept_signatures import kept
    from eunomia.registry.reference import is_reference, parse
    from eunomia.registry.signatures import kept_as, places
    from eunomia.registry.verification import Subject

    limits = limits_of(values)
    is_file = os.path.lexists(operand)
    named = _named_signatures(values)
    if not is_file and is_reference(operand) and not limits.offline:
        yield from _of_image(operand, limits, values, others)
        return
    if values["attestation"]:
        raise UsageError(f"--attestation is about an image in its registry: {operand} is none")
    if is_file or operand.startswith((".", "/")):
        found = attached.read_whole(operand, MAX_FILE)
        if found is None:
            raise FetchError(f"verify {operand}: no such file")
        if len(found) > MAX_FILE:
            raise FetchError(f"verify {operand}: larger than {MAX_FILE >> 20} MB, not a program")
        yield Subject.of_file(found), named or attached.beside_file(operand)
        return
    program = fetched(operand, limits)
    for subject, find in places(program.source, program.data, limits.timeout, limits):
        if values["signed-as"] and subject.name:
            subject.name, subject.tag = parse(values["signed-as"]).name, ""
        yield subject, named or (kept(kept_as(subject)) if limits.offline else find())


def _of_image(operand: str, limits: Limits, values: Values, others: set[str]) -> Any:
    """Yield the manifest or index that a reference names, with its signatures."""
    from eunomia.registry.attached_image import of_image
    from eunomia.registry.config import read
    from eunomia.registry.download import client_for
    from eunomia.registry.reference import parse
    from eunomia.registry.verification import Subject

    signed_as = values["signed-as"] or ""
    config = read()
    place = parse(operand, registry=config.registry, prefix=config.prefix)
    name = parse(signed_as).name if signed_as else place.name
    with client_for(place, limits) as client:
        manifest = client.manifest(place.repository, place.wanted)
        subject = Subject(manifest.digest, manifest.data, name, "" if signed_as else place.tag)
        yield subject, of_image(client, place.repository, manifest.digest, _predicate(values), others)


def _predicate(values: Values) -> str:
    """Return the type of the statements that are wanted."""
    from eunomia.registry.signature_forms import PREDICATES, SIGN_PREDICATE

    kind = values["attestation"]
    return PREDICATES.get(kind, kind) if kind else SIGN_PREDICATE


def _named_signatures(values: Values) -> list[Signature]:
    from eunomia.registry.attached import read_file, signature_of
    from eunomia.registry.signature_forms import MAX_BUNDLE, MAX_RAW

    found = []
    for option, form, limit in (("signature", "raw", MAX_RAW), ("bundle", "bundle", MAX_BUNDLE)):
        if path := values[option]:
            data = read_file(path, limit)
            if data is None:
                raise FetchError(f"--{option} {path}: no such file")
            found.append(signature_of(data, form, path))
    return found
