"""Identities' signatures as cosign 2 writes them: certificate and the log's promise as annotations of a signature.

Those have no proof of inclusion, which `sigstore` asks of a bundle: its parts are put together here the way cosign does
offline. The log's signed promise says when; the certificate must have been valid then.

Source: github.com/sigstore/cosign specs/SIGNATURE_SPEC.md; sigstore-python 4.5, `Verifier._verify_common_signing_cert`.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode

from eunomia.errors import SignatureError
from eunomia.registry.keyless import accepted, by_root
from eunomia.registry.keys import PublicKey, cause
from eunomia.registry.signature_forms import document_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from eunomia.registry.keyless import Identity
    from eunomia.registry.signature_forms import Signature
    from eunomia.registry.verification import Verified

CERTIFICATE, PROMISE = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"
MAX_PROMISE = 256 << 10


class Promise:
    """A log's signed word that it has an entry."""

    __slots__ = ("body", "log", "signature", "signed", "time")

    def __init__(self, text: str) -> None:
        """Take apart what cosign's annotation says.

        Raises:
            SignatureError: it is damaged.
        """
        try:
            document = document_of(text.encode(), "log entry", MAX_PROMISE)
            payload = document["Payload"]
            self.body = b64decode(payload["body"], validate=True)
            self.time = int(payload["integratedTime"])
            self.log = bytes.fromhex(payload["logID"])
            self.signature = b64decode(document["SignedEntryTimestamp"], validate=True)
            named = {name: payload[name] for name in ("body", "integratedTime", "logID", "logIndex")}
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise SignatureError(f"log entry: damaged ({type(exc).__name__}: {cause(exc)})") from exc
        self.signed = json.dumps(named, separators=(",", ":"), sort_keys=True).encode()  # RFC 8785 of these


def verify_simple(signature: Signature, identities: Sequence[Identity]) -> Verified:
    """Verify a simple signature with a certificate beside it; its claims are the caller's to check.

    Raises:
        RejectedError: something does not hold.
        SignatureError: a part of it, or a trust root, is damaged.
    """
    from eunomia.registry.verification import RejectedError

    if not identities:
        raise RejectedError("wrong identity", "signed by an identity, and no identity is trusted here")
    if not signature.extra.get(PROMISE):
        raise RejectedError("not in the log", "the log entry is missing: nothing proves when it was signed")
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(signature.extra[CERTIFICATE].encode())
    except ValueError as exc:
        raise SignatureError(f"certificate: {cause(exc)}") from exc
    promise = Promise(signature.extra[PROMISE])
    _check_entry(promise, signature, certificate)
    refusals = []
    for verifier, group in by_root(identities):
        try:
            _check_certificate(verifier, certificate, promise)
            return accepted(certificate, promise.time, group)
        except RejectedError as exc:
            refusals.append(exc)
    raise refusals[0]


def _check_entry(promise: Promise, signature: Signature, certificate: Any) -> None:
    """Check the signature, and that the log's entry is of it: of this payload, signature and certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    from eunomia.registry.verification import RejectedError

    if not PublicKey(certificate.public_key(), "of the certificate").has_signed(signature.signature, signature.payload):
        raise RejectedError("damaged", "the signature is not of these bytes, or not by its certificate")
    try:
        entry = document_of(promise.body, "log entry", MAX_PROMISE)
        spec = entry["spec"]
        is_same = (
            (entry["kind"], entry["apiVersion"]) == ("hashedrekord", "0.0.1")
            and spec["data"]["hash"] == {"algorithm": "sha256", "value": hashlib.sha256(signature.payload).hexdigest()}
            and b64decode(spec["signature"]["content"], validate=True) == signature.signature
            and load_pem_x509_certificate(
                b64decode(spec["signature"]["publicKey"]["content"], validate=True)
            ).public_bytes(Encoding.DER)
            == certificate.public_bytes(Encoding.DER)
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise SignatureError(f"log entry: damaged ({type(exc).__name__}: {cause(exc)})") from exc
    if not is_same:
        raise RejectedError("not in the log", "the log entry is of another signature")


def _check_certificate(verifier: Any, certificate: Any, promise: Promise) -> None:
    """Check the log's word, and that the certificate was valid then, of an authority and for signing code."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID
    from sigstore._internal.sct import verify_sct
    from sigstore._internal.timestamp import TimestampSource, TimestampVerificationResult
    from sigstore._internal.trust import KeyringPurpose
    from sigstore.errors import Error

    from eunomia.registry.keyless import _refusal
    from eunomia.registry.verification import RejectedError

    root = verifier._trusted_root
    try:
        root.rekor_keyring(KeyringPurpose.VERIFY).verify(
            key_id=promise.log, signature=promise.signature, data=promise.signed
        )
    except Error as exc:
        raise RejectedError("not in the log", "the log entry is not signed by a log of the trust root") from exc
    try:
        when = TimestampVerificationResult(
            source=TimestampSource.TRANSPARENCY_SERVICE, time=datetime.fromtimestamp(promise.time, tz=UTC)
        )
        chain = verifier._verify_chain_at_time(certificate, when)
        verify_sct(certificate, chain, root.ct_keyring(KeyringPurpose.VERIFY))
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except Error as exc:
        raise _refusal(exc) from exc
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, OverflowError, OSError) as exc:
        raise RejectedError("damaged", f"the certificate cannot be verified: {cause(exc)}") from exc
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise RejectedError("wrong identity", "the certificate is not one for signing code")
