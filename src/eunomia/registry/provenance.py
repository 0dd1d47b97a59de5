"""Statements about how a package was made: whether one is about these bytes, and what it says.

Source: in-toto attestation framework, Statement v1; DSSE envelopes; SLSA provenance v1 and v0.2.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from eunomia.errors import SignatureError

MAX_STATEMENT = 4 << 20
MAX_TEXT = 300
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
PAYLOAD = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/"
ARTIFACT = "application/vnd.in-toto+json"
SUFFIX = ".intoto.json"


class Statement:
    """What a statement of provenance says.

    Attributes:
        builder: who made it, as a URI.
        build_type: how.
        source: what it was made of, "" where it does not say.
        dependencies: (URI or name, sha256 or commit) of what went into it.
        made: when, "" where it does not say.
    """

    __slots__ = ("build_type", "builder", "dependencies", "made", "source")

    def __init__(self, predicate: dict[str, Any]) -> None:
        definition = _table(predicate.get("buildDefinition"))
        details = _table(predicate.get("runDetails"))
        self.builder = _text(_table(details.get("builder") or predicate.get("builder")).get("id"))
        self.build_type = _text(definition.get("buildType") or predicate.get("buildType"))
        self.source = _text(_table(definition.get("externalParameters")).get("source"))
        self.made = _text(_table(details.get("metadata") or predicate.get("metadata")).get("finishedOn"))
        found = definition.get("resolvedDependencies") or predicate.get("materials") or []
        self.dependencies = [
            (_text(each.get("uri") or each.get("name")), _text(next(iter(_table(each.get("digest")).values()), "")))
            for each in found[:1000]
            if isinstance(each, dict)
        ] if isinstance(found, list) else []  # fmt: skip


def read_statement(data: bytes, digest: str, origin: str) -> Statement:
    """Return what a statement says, which is about a package's bytes.

    Args:
        data: the statement, or a DSSE envelope or sigstore bundle with it; its signature is not looked at here.
        digest: `sha256:HEX` of the package.
        origin: where the statement comes from, for messages.

    Raises:
        SignatureError: it is none, is about something else, or not of provenance.
    """
    if len(data) > MAX_STATEMENT:
        raise SignatureError(f"{origin}: more than {MAX_STATEMENT >> 20} MB, no statement")
    document = _unwrapped(_parsed(data, origin), origin)
    if document.get("_type") not in STATEMENTS:
        raise SignatureError(f"{origin}: `$._type`: {_text(document.get('_type'))!r:.100} is no in-toto statement")
    if not _text(document.get("predicateType")).startswith(PROVENANCE):
        raise SignatureError(
            f"{origin}: a statement of {_text(document.get('predicateType'))!r:.100}, not of provenance"
        )
    subjects = document.get("subject")
    named = [
        _text(_table(each.get("digest")).get("sha256")).lower()
        for each in (subjects if isinstance(subjects, list) else [])[:1000]
        if isinstance(each, dict)
    ]
    if digest.removeprefix("sha256:") not in named:
        found = f"sha256:{named[0]:.64}" if named and named[0] else "nothing that has a sha256"
        raise SignatureError(f"{origin}: it is about {found}, not about {digest}")
    return Statement(_table(document.get("predicate")))


def _parsed(data: bytes | str, origin: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise SignatureError(f"{origin}: not JSON, so no statement") from exc
    if not isinstance(document, dict):
        raise SignatureError(f"{origin}: `$`: expected object")
    return document


def _unwrapped(document: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the statement in an envelope, or what is none as it is."""
    envelope = _table(document.get("dsseEnvelope")) or document
    if "payloadType" not in envelope:
        return document
    if envelope.get("payloadType") != PAYLOAD:
        raise SignatureError(
            f"{origin}: an envelope of {_text(envelope.get('payloadType'))!r:.100}, not of a statement"
        )
    try:
        payload = base64.b64decode(_text(envelope.get("payload"), MAX_STATEMENT), validate=True)
    except ValueError as exc:
        raise SignatureError(f"{origin}: `$.payload`: not base64") from exc
    return _parsed(payload, origin)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, most: int = MAX_TEXT) -> str:
    return value[:most] if isinstance(value, str) else ""
