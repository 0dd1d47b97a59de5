"""Signatures by identities: a short-lived certificate says who signed, a log says when; `sigstore` verifies both.

All of it works offline, against a trust root in a file. Signing this way is left to cosign.
"""

from __future__ import annotations

import re
import time

from eunomia.errors import SignatureError
from eunomia.registry.keys import cause, no_cryptography
from eunomia.registry.signature_forms import pre_authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from eunomia.registry.signature_forms import Bundle
    from eunomia.registry.verification import Subject, Verified

MAX_ROOT = 4 << 20  # bytes of a trust root; the public one has 7 KB
MAX_PATTERN = 1000
# Fulcio's extensions of a certificate: who vouched for the identity; the first is its old form, without ASN.1 around.
OLD_ISSUER, ISSUER = "1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8"
OTHER_NAME = "1.3.6.1.4.1.57264.1.7"  # an identity that is neither a mail address nor a URL


class Identity:
    """A person or workflow that is trusted.

    Attributes:
        identity: the mail address or URL in the certificate; as a whole, or a regular expression for all of it.
        issuer: the URL of who vouched for it, likewise.
        root: path of the trust root (sigstore's trusted_root.json): which authorities and logs are believed.
        root_data: its bytes, where they were read already.
        is_pattern: identity and issuer are regular expressions.
    """

    __slots__ = ("identity", "is_pattern", "issuer", "root", "root_data")

    def __init__(
        self, identity: str, issuer: str, root: str, root_data: bytes = b"", *, is_pattern: bool = False
    ) -> None:
        self.identity = identity
        self.issuer = issuer
        self.root = root
        self.root_data = root_data
        self.is_pattern = is_pattern
        if is_pattern:
            for pattern in (identity, issuer):
                _compiled(pattern)

    def is_met(self, found: str, issuer: str) -> bool:
        """Return whether a certificate's identity and issuer are these."""
        if self.is_pattern:
            return bool(_compiled(self.identity).fullmatch(found) and _compiled(self.issuer).fullmatch(issuer))
        return found == self.identity and issuer == self.issuer


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_PATTERN:
        raise SignatureError(f"identity: a pattern of {len(pattern)} characters, at most {MAX_PATTERN} are allowed")
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise SignatureError(f"identity: {pattern!r}: not a regular expression ({exc})") from exc


class TrustRootError(SignatureError):
    """A trust root is damaged: no word about any signature."""


class _Everybody:
    """The policy that sigstore asks: who it is, is decided after all else holds, and told in our own words."""

    def verify(self, cert: Any) -> None:
        """Accept every certificate."""


def read_root(path: str) -> bytes:
    """Return the bytes of a trust root.

    Raises:
        TrustRootError: it is too large for one.
        OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_ROOT + 1)
    except OSError as exc:
        raise OSError(exc.errno, f"read trust root {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > MAX_ROOT:
        raise TrustRootError(f"read trust root {path}: larger than {MAX_ROOT >> 20} MB")
    return data


def verifier_of(data: bytes, path: str) -> Any:
    """Return sigstore's verifier for a trust root.

    Raises:
        TrustRootError: it is none.
        MissingDependencyError: sigstore is not installed.
    """
    try:
        from sigstore.errors import Error
        from sigstore.models import TrustedRoot
        from sigstore.verify.verifier import Verifier
        from sigstore_models.trustroot.v1 import TrustedRoot as Parts
    except ImportError as exc:
        raise no_cryptography(exc) from exc
    try:
        return Verifier(trusted_root=TrustedRoot(Parts.from_json(data)))
    except (Error, ValueError, TypeError, RecursionError) as exc:
        raise TrustRootError(f"read trust root {path}: {_said(exc)}") from exc


def by_root(identities: Sequence[Identity]) -> list[tuple[Any, list[Identity]]]:
    """Return a verifier for each trust root, with the identities that it is believed about."""
    roots: dict[tuple[str, bytes], list[Identity]] = {}
    for each in identities:
        if not each.root and not each.root_data:
            raise TrustRootError(f"identity {each.identity}: no trust root is named that knows its authority")
        roots.setdefault((each.root, each.root_data or read_root(each.root)), []).append(each)
    return [(verifier_of(data, path), group) for (path, data), group in roots.items()]


def verify_bundle(subject: Subject, bundle: Bundle, identities: Sequence[Identity]) -> Verified:
    """Verify a bundle with a certificate: its chain and time, its log entry, its signature, then whose it is.

    Raises:
        RejectedError: something of that does not hold.
        SignatureError: the bundle or a trust root is damaged.
    """
    from eunomia.registry.verification import RejectedError

    if not identities:
        raise RejectedError("wrong identity", "signed by an identity, and no identity is trusted here")
    refusals = []
    for verifier, group in by_root(identities):
        try:
            certificate, stamp = _verified(verifier, subject, bundle)
            return accepted(certificate, stamp, group)
        except RejectedError as exc:
            refusals.append(exc)
    raise refusals[0]


def _verified(verifier: Any, subject: Subject, bundle: Bundle) -> tuple[Any, float]:
    """Return the certificate of a bundle that holds, and when the log says that it was signed."""
    from sigstore.errors import Error, VerificationError
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.models import InvalidBundle
    from sigstore_models.common.v1 import HashAlgorithm

    from eunomia.registry.verification import RejectedError

    try:
        opened = SigstoreBundle.from_json(bundle.data)
    except InvalidBundle as exc:
        raise _refusal(exc) from exc
    except (Error, ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise SignatureError(f"bundle: {_said(exc)}") from exc
    try:
        if bundle.is_message:
            digest = bytes.fromhex(subject.digest.removeprefix("sha256:"))
            verifier.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest), opened, _Everybody())
        else:
            kind, payload = verifier.verify_dsse(opened, _Everybody())
            # sigstore read the bundle by itself: what it verified must be what was read here
            if pre_authentication(kind, payload) != bundle.claims.signed:
                raise SignatureError("bundle: two statements in it")
    except VerificationError as exc:
        raise _refusal(exc) from exc
    except (Error, ValueError, TypeError, AttributeError, OverflowError) as exc:
        # a certificate without an extension that it must have, a key of another kind
        raise RejectedError("damaged", f"the signature cannot be verified: {_said(exc)}") from exc
    return opened.signing_certificate, float(opened.log_entry._inner.integrated_time or 0)


# What sigstore says, and what it means; the first that fits.
_MEANINGS = (
    ("message digest mismatch", "other digest", "a signature of something else"),
    ("not valid at validation time", "expired", "the certificate was not valid when it was signed with"),
    ("expired at time of signing", "expired", "the certificate was not valid when it was signed with"),
    ("timestamp certificate chain", "wrong identity", "the certificate is of no authority of the trust root"),
    ("one log entry", "not in the log", "the log entry is missing"),
    ("inclusionProof", "not in the log", "the log entry has no proof that it is in the log"),
    ("inclusion proof", "not in the log", "the log entry has no proof that it is in the log"),
    ("inclusion promise", "not in the log", "the log entry is not signed by a log of the trust root"),
    ("verified time", "not in the log", "nothing proves when it was signed"),
    ("log entry", "not in the log", "the log entry does not belong to the signature, or to a log of the trust root"),
    ("certificate timestamp", "wrong identity", "the certificate is in no certificate log of the trust root"),
    ("SCT", "wrong identity", "the certificate is in no certificate log of the trust root"),
    ("ignature is invalid", "damaged", "the signature is not of these bytes"),
)


def _refusal(exc: BaseException) -> Exception:
    from eunomia.registry.verification import RejectedError

    said = _said(exc)
    for words, state, meaning in _MEANINGS:
        if words in said:
            return RejectedError(state, f"{meaning} ({said})")
    return RejectedError("damaged", f"the signature cannot be verified: {said}")


def _said(exc: BaseException) -> str:
    """Return what a library says, in one line; of its list of errors the first, with its place."""
    try:
        listed = exc if hasattr(exc, "errors") else exc.__context__
        first = listed.errors()[0]  # type: ignore[union-attr]
        return f"`$.{'.'.join(str(each) for each in first['loc'])[:80]}`: {str(first['msg'])[:80].lower()}"
    except (AttributeError, LookupError, TypeError):
        return cause(exc)


def accepted(certificate: Any, stamp: float, identities: Sequence[Identity]) -> Verified:
    """Return who signed, if it is one of the identities.

    Raises:
        RejectedError: it is nobody of them.
    """
    from eunomia.registry.verification import RejectedError, Verified

    names, issuer = names_of(certificate), issuer_of(certificate)
    for name in names:
        if any(each.is_met(name, issuer) for each in identities):
            day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp)) if stamp else ""
            return Verified("identity", name, issuer=issuer, time=day)
    shown = names[0] if names else "nobody"
    wanted = identities[0].identity if len(identities) == 1 else f"any of {len(identities)} trusted identities"
    if len(identities) == 1 and Identity(
        identities[0].identity, issuer, "", is_pattern=identities[0].is_pattern
    ).is_met(shown, issuer):
        raise RejectedError(
            "wrong identity", f"signed by {shown}, vouched for by {issuer}, not by {identities[0].issuer}"
        )
    raise RejectedError("wrong identity", f"signed by {shown} (of {issuer}), not by {wanted}")


def names_of(certificate: Any) -> list[str]:
    """Return the identities in a certificate: mail addresses, URLs, and what Fulcio calls other names."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    found = [*names.get_values_for_type(x509.RFC822Name), *names.get_values_for_type(x509.UniformResourceIdentifier)]
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id.dotted_string == OTHER_NAME:
            found.append(_utf8(name.value))
    return [str(name) for name in found]


def issuer_of(certificate: Any) -> str:
    """Return who vouched for the identity of a certificate, "" where it does not say."""
    from cryptography import x509

    for oid in (ISSUER, OLD_ISSUER):
        try:
            value: bytes = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value.value
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            continue
        return _utf8(value) if oid == ISSUER else value.decode("utf-8", "replace")
    return ""


def _utf8(value: bytes) -> str:
    """Return the text of a DER UTF8String; of anything else a text that nothing equals."""
    length, start = (value[1], 2) if len(value) > 1 else (0, 0)
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(value[2:start], "big")
    if value[:1] != b"\x0c" or start > 4 or len(value) != start + length:
        return "\N{REPLACEMENT CHARACTER}"
    return value[start:].decode("utf-8", "replace")
