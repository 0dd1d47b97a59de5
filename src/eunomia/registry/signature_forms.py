"""The forms that signatures have: cosign's simple signing, sigstore bundles, bare signatures; what each of them states.

Nothing here verifies anything: `registry/verification.py` does.

Source: github.com/sigstore/cosign specs/SIGNATURE_SPEC.md; github.com/sigstore/protobuf-specs sigstore_bundle.proto
(v0.1 to v0.3); github.com/secure-systems-lab/dsse protocol.md (v1); in-toto Statement v0.1 and v1.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode

from eunomia.errors import SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_PAYLOAD = 64 << 10  # bytes of a simple-signing payload; they have 250
MAX_BUNDLE = 1 << 20  # bytes of a sigstore bundle; they have 1 to 10 KB
MAX_RAW = 8 << 10  # bytes of a signature in base64; RSA with 16384 bits has 2.7 KB
MAX_SUBJECTS = 1024  # of one statement
SIMPLE_TYPE = "cosign container image signature"
# What is said of a thing beside that, by short names.
PREDICATES = {
    "provenance": "https://slsa.dev/provenance/v1",
    "cyclonedx": "https://cyclonedx.org/bom",
    "spdx": "https://spdx.dev/Document",
}
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLES = (
    BUNDLE,
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
)
IN_TOTO = "application/vnd.in-toto+json"
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"  # a signature; other predicates are attestations about a thing


class Signature:
    """A signature as it was found.

    Attributes:
        form: simple (a payload and its signature), bundle, or raw (only the signature).
        payload: simple: the signed JSON; bundle: the bundle's JSON; raw: nothing.
        signature: simple and raw: the signature.
        extra: simple: the certificate, chain and log entry that cosign put beside it, by the names of its annotations.
        origin: where it was found, for messages.
    """

    __slots__ = ("extra", "form", "origin", "payload", "signature")

    def __init__(
        self, form: str, payload: bytes, signature: bytes, origin: str = "", extra: dict[str, str] | None = None
    ) -> None:
        self.form = form
        self.payload = payload
        self.signature = signature
        self.origin = origin
        self.extra = extra or {}


class Claims:
    """What a signature states.

    Attributes:
        digests: `sha256:…` of what was signed; one of them must be the thing's.
        names: what the things were called, "" where the form has no name.
        signed: the bytes that the signature is over, None where they are the thing's own.
        time: when it was signed by the word of the signer, ISO 8601, or "".
        statement: of an attestation: all of it, a JSON object.
    """

    __slots__ = ("digests", "names", "signed", "statement", "time")

    def __init__(self, digests: list[str], names: list[str], signed: bytes | None, time: str = "") -> None:
        self.statement: dict[str, Any] | None = None
        self.digests = digests
        self.names = names
        self.signed = signed
        self.time = time


class Bundle:
    """A sigstore bundle, taken apart.

    Attributes:
        hint: of a key's signature, which key it says it is; None for a certificate's.
        signature: its one signature.
        claims: what it states.
        data: all of it, for the library that verifies certificates.
        is_message: the signature is over the thing itself, not over a statement about it.
    """

    __slots__ = ("claims", "data", "hint", "is_message", "signature")

    def __init__(self, hint: str | None, signature: bytes, claims: Claims, data: bytes, is_message: bool) -> None:
        self.hint = hint
        self.signature = signature
        self.claims = claims
        self.data = data
        self.is_message = is_message


def simple_claims(payload: bytes) -> Claims:
    """Return what a simple-signing payload states.

    Raises:
        SignatureError: it is none, or lacks a part that it must have.
    """
    document = document_of(payload, "signature's payload", MAX_PAYLOAD)
    critical = _part(document, "critical", dict)
    if critical.get("type") != SIMPLE_TYPE:
        raise SignatureError(f"`$.critical.type`: found {critical.get('type')!r:.60}, expected {SIMPLE_TYPE!r}")
    digest = _part(_part(critical, "image", dict, "critical."), "docker-manifest-digest", str, "critical.image.")
    name = _part(_part(critical, "identity", dict, "critical."), "docker-reference", str, "critical.identity.")
    optional = document.get("optional")
    stamp = optional.get("timestamp") if isinstance(optional, dict) else None
    return Claims([digest], [name], payload, str(stamp) if isinstance(stamp, int | str) else "")


def bundle_of(data: bytes, predicate: str = SIGN_PREDICATE) -> Bundle:
    """Take a sigstore bundle apart.

    Args:
        data: its JSON.
        predicate: what its statement must be; of a signature's by default.

    Raises:
        AttestationError: its statement is another.
        SignatureError: it is none, or damaged.
    """
    document = document_of(data, "bundle", MAX_BUNDLE)
    if document.get("mediaType") not in BUNDLES:
        raise SignatureError(f"bundle: media type {document.get('mediaType')!r:.80}, expected {BUNDLE}")
    material = _part(document, "verificationMaterial", dict)
    hint: str | None = None
    if "publicKey" in material:
        hint = str(_part(material, "publicKey", dict).get("hint") or "")
    elif "certificate" not in material and "x509CertificateChain" not in material:
        raise SignatureError("bundle: neither a key nor a certificate in `$.verificationMaterial`")
    if "dsseEnvelope" in document:
        signature, claims = _envelope(_part(document, "dsseEnvelope", dict), predicate)
        return Bundle(hint, signature, claims, data, False)
    if predicate != SIGN_PREDICATE:
        raise AttestationError("a signature, not an attestation")
    message = _part(document, "messageSignature", dict)
    found = _part(message, "messageDigest", dict)
    if found.get("algorithm") != "SHA2_256":
        raise SignatureError(f"bundle: digest by {found.get('algorithm')!r:.40}, expected SHA2_256")
    digest = _base64(found, "digest").hex()
    return Bundle(hint, _base64(message, "signature"), Claims([f"sha256:{digest}"], [""], None), data, True)


def _envelope(envelope: dict[str, Any], predicate: str) -> tuple[bytes, Claims]:
    """Return the signature in a DSSE envelope and what its statement says."""
    if envelope.get("payloadType") != IN_TOTO:
        raise SignatureError(f"bundle: payload type {envelope.get('payloadType')!r:.80}, expected {IN_TOTO}")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise SignatureError("bundle: `$.dsseEnvelope.signatures`: expected one signature")
    payload = _base64(envelope, "payload")
    statement = document_of(payload, "statement", MAX_BUNDLE)
    if statement.get("_type") not in STATEMENTS:
        raise SignatureError(f"statement: type {statement.get('_type')!r:.80}, expected {STATEMENTS[0]}")
    if statement.get("predicateType") != predicate:
        wanted = "a signature" if predicate == SIGN_PREDICATE else f"one of {predicate:.80}"
        raise AttestationError(f"an attestation ({statement.get('predicateType')!r:.80}), not {wanted}")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not 1 <= len(subjects) <= MAX_SUBJECTS:
        raise SignatureError(f"statement: `$.subject`: expected a list of 1 to {MAX_SUBJECTS}")
    digests, names = [], []
    for subject in subjects:
        digest = subject.get("digest") if isinstance(subject, dict) else None
        value = digest.get("sha256") if isinstance(digest, dict) else None
        if not isinstance(value, str):
            raise SignatureError("statement: `$.subject[].digest.sha256`: missing")
        digests.append(f"sha256:{value}")
        names.append(str(subject.get("name") or ""))
    claims = Claims(digests, names, pre_authentication(IN_TOTO, payload))
    claims.statement = statement if predicate != SIGN_PREDICATE else None
    return _base64(signatures[0], "sig"), claims


class AttestationError(SignatureError):
    """A signed statement about a thing that is no signature: provenance, an SBOM."""


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """Return DSSE's encoding of a payload, what its signatures are over.

    Source: github.com/secure-systems-lab/dsse protocol.md, PAE.
    """
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def raw_signature(data: bytes, name: str) -> bytes:
    """Return the signature in a file FILE.sig, which has it in base64.

    Raises:
        SignatureError: it has not.
    """
    if len(data) > MAX_RAW:
        raise SignatureError(f"read {name}: larger than {MAX_RAW >> 10} KB, not a signature in base64")
    try:
        return b64decode(b"".join(data.split()), validate=True)
    except ValueError as exc:
        raise SignatureError(f"read {name}: not a signature in base64") from exc


def document_of(data: bytes, what: str, limit: int) -> dict[str, Any]:
    """Return a JSON object from outside: bounded, and with no name twice in it, which two readers could read twice.

    Raises:
        SignatureError: it is none.
    """
    if len(data) > limit:
        raise SignatureError(f"{what}: larger than {limit >> 10} KB")
    try:
        document = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as exc:
        said = str(exc) if isinstance(exc, _TwiceError) else "not JSON"
        raise SignatureError(f"{what}: {said}") from exc
    if not isinstance(document, dict):
        raise SignatureError(f"{what}: not a JSON object")
    return document


class _TwiceError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError("the same name twice in an object")
    return found


def _part(document: dict[str, Any], name: str, kind: type, where: str = "") -> Any:
    value = document.get(name)
    if not isinstance(value, kind):
        raise SignatureError(f"`$.{where}{name}`: missing" if value is None else f"`$.{where}{name}`: of a wrong type")
    return value


def _base64(document: dict[str, Any], name: str) -> bytes:
    text = _part(document, name, str)
    try:
        return b64decode(text, validate=True)
    except ValueError as exc:
        raise SignatureError(f"`$.{name}`: not base64") from exc


def simple_payload(name: str, digest: str) -> bytes:
    """Return the payload that cosign signs for an image."""
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": SIMPLE_TYPE,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def statement(name: str, digest: str) -> bytes:
    """Return the in-toto statement that a signature of cosign 3 is over; the name is ours to add."""
    subject = {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
    document = {"_type": STATEMENTS[0], "subject": [subject], "predicateType": SIGN_PREDICATE, "predicate": {}}
    return json.dumps(document, separators=(",", ":")).encode()


def envelope_bundle(payload: bytes, signature: bytes, hint: str, kind: str = IN_TOTO) -> bytes:
    """Return the bundle of a signed statement."""
    envelope = {
        "payload": b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"sig": b64encode(signature).decode()}],
    }
    return _bundle({"dsseEnvelope": envelope}, hint)


def message_bundle(data: bytes, signature: bytes, hint: str) -> bytes:
    """Return the bundle of a signed file."""
    digest = b64encode(hashlib.sha256(data).digest()).decode()
    message = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
        "signature": b64encode(signature).decode(),
    }
    return _bundle({"messageSignature": message}, hint)


def _bundle(content: dict[str, Any], hint: str) -> bytes:
    document = {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": hint}}, **content}
    return json.dumps(document, separators=(",", ":")).encode()
