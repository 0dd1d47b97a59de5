"""Whether signatures are by who is trusted, and of the thing in question; each that does not count has its line."""

from __future__ import annotations

import hashlib
import time

from eunomia.errors import SignatureError
from eunomia.registry import signature_forms as forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from eunomia.registry.keyless import Identity
    from eunomia.registry.keys import PublicKey
    from eunomia.registry.signature_forms import Bundle, Claims, Signature
    from eunomia.registry.trust_match import Pattern

MAX_SIGNATURES = 1000  # that are looked at for one thing
# What a refusal is, the one that tells most first: the line of a whole outcome is made in this order.
STATES = (
    "expired",
    "other name",
    "other digest",
    "damaged",
    "not in the log",
    "wrong identity",
    "wrong key",
    "unsigned",
)


class Subject:
    """What a signature has to be of.

    Attributes:
        digest: `sha256:…` of the bytes: of an image's manifest or index, or of a file.
        data: the bytes, where they are at hand; Ed25519 needs them for a file's signature.
        name: what it is called, as in `registry.example/tools/x`; "" for files, which have no name.
        tag: under which it was asked for, or "".
        also: patterns of further names that count: of where it was mirrored from.
    """

    __slots__ = ("also", "data", "digest", "name", "tag")

    def __init__(self, digest: str, data: bytes | None = None, name: str = "", tag: str = "") -> None:
        self.digest = digest
        self.data = data
        self.name = name
        self.tag = tag
        self.also: Sequence[Pattern] = ()

    @classmethod
    def of_file(cls, data: bytes) -> Subject:
        """Return the subject that bytes without a name are."""
        return cls(f"sha256:{hashlib.sha256(data).hexdigest()}", data)


class Verified:
    """A signature that is valid and by somebody who is trusted.

    Attributes:
        kind: key or identity.
        signer: the key's fingerprint, or the identity.
        issuer: who vouched for the identity, "" for a key.
        name: what the key is called, "" for an identity.
        time: when it was made: what the log says of an identity's; what the signer says, or "", of a key's.
        until: seconds since 1970 at which the key expires, 0 for never.
        form: simple, bundle or raw.
        origin: where it was found.
        statement: what an attestation says, None for a signature.
    """

    __slots__ = ("form", "issuer", "kind", "name", "origin", "signer", "statement", "time", "until")

    def __init__(
        self, kind: str, signer: str, *, issuer: str = "", name: str = "", time: str = "", until: float = 0
    ) -> None:
        self.kind = kind
        self.signer = signer
        self.issuer = issuer
        self.name = name
        self.time = time
        self.until = until
        self.form = self.origin = ""
        self.statement: dict[str, Any] | None = None


class Refused:
    """A signature that does not count: its state (one of STATES) and why."""

    __slots__ = ("origin", "state", "why")

    def __init__(self, state: str, why: str, origin: str = "") -> None:
        self.state = state
        self.why = why
        self.origin = origin


class Outcome:
    """What came of verifying: `verified`, `refused`, and in one word (`state`) and one line (`why`) all of it."""

    __slots__ = ("left", "refused", "verified")

    def __init__(self) -> None:
        self.verified: list[Verified] = []
        self.refused: list[Refused] = []
        self.left = 0  # that were not looked at

    @property
    def state(self) -> str:
        """`signed`, or what the refusals are at best."""
        if self.verified:
            return "signed"
        states = {each.state for each in self.refused}
        return next((state for state in STATES if state in states), "unsigned")

    @property
    def why(self) -> str:
        """What is wrong, in one line; "" when it is signed."""
        if self.verified:
            return ""
        if not self.refused:
            return "no signature"
        first = next(each for each in self.refused if each.state == self.state)
        others = sum(each.why != first.why for each in self.refused)
        more = f" ({others} more signature{'s' * (others > 1)} refused)" if others else ""
        return first.why + more + (f" ({self.left} more were not looked at)" if self.left else "")


class RejectedError(Exception):
    """A signature does not count."""

    def __init__(self, state: str, why: str) -> None:
        super().__init__(why)
        self.state = state
        self.why = why


def check(
    subject: Subject,
    signatures: Iterable[Signature],
    keys: Sequence[PublicKey],
    identities: Sequence[Identity] = (),
    *,
    now: float | None = None,
    predicate: str = forms.SIGN_PREDICATE,
) -> Outcome:
    """Verify signatures of a thing.

    Args:
        subject: the thing.
        signatures: what was found for it; of very many only the first are looked at.
        keys: those that are trusted.
        identities: people and workflows that are trusted, each with the trust root that knows them.
        now: seconds since 1970, for the keys' expiry; the clock's time by default.
        predicate: the type of the attestations that are wanted, in place of signatures.

    Raises:
        TrustRootError: a trust root is damaged.
        OSError: it cannot be read.
    """
    from eunomia.registry.keyless import TrustRootError

    moment = time.time() if now is None else now
    outcome = Outcome()
    for number, signature in enumerate(signatures):
        if number >= MAX_SIGNATURES:
            outcome.left += 1
            continue
        try:
            verified = _check_one(subject, signature, keys, identities, moment, predicate)
            verified.form, verified.origin = signature.form, signature.origin
            outcome.verified.append(verified)
        except RejectedError as exc:
            outcome.refused.append(Refused(exc.state, exc.why, signature.origin))
        except forms.AttestationError as exc:
            outcome.refused.append(Refused("unsigned", str(exc), signature.origin))
        except TrustRootError:
            raise
        except SignatureError as exc:
            outcome.refused.append(Refused("damaged", f"damaged signature: {exc}", signature.origin))
    return outcome


def _check_one(  # noqa: PLR0917
    subject: Subject,
    signature: Signature,
    keys: Sequence[PublicKey],
    identities: Sequence[Identity],
    now: float,
    predicate: str,
) -> Verified:
    if signature.form == "bundle":
        return _check_bundle(subject, forms.bundle_of(signature.payload, predicate), keys, identities, now)
    if predicate != forms.SIGN_PREDICATE:
        raise forms.AttestationError("a signature, not an attestation")
    if signature.form == "raw":
        return _by_key(subject, signature.signature, forms.Claims([subject.digest], [""], None), keys, now)
    if signature.extra.get("dev.sigstore.cosign/certificate") and (identities or not keys):
        from eunomia.registry.keyless_simple import verify_simple

        verified = verify_simple(signature, identities)
        _check_claims(subject, forms.simple_claims(signature.payload))
        return verified
    # Whose words these are is known before they are read: what a stranger states is not repeated as a fact.
    signer = _signer(signature.signature, signature.payload, keys)
    claims = forms.simple_claims(signature.payload)
    return _accepted(subject, claims, signer, now)


def _check_bundle(
    subject: Subject, bundle: Bundle, keys: Sequence[PublicKey], identities: Sequence[Identity], now: float
) -> Verified:
    if bundle.hint is None:
        from eunomia.registry.keyless import verify_bundle

        verified = verify_bundle(subject, bundle, identities)
        _check_claims(subject, bundle.claims)
    else:
        verified = _by_key(subject, bundle.signature, bundle.claims, keys, now)
    verified.statement = bundle.claims.statement
    return verified


def _by_key(subject: Subject, signature: bytes, claims: Claims, keys: Sequence[PublicKey], now: float) -> Verified:
    if claims.signed is not None:
        return _accepted(subject, claims, _signer(signature, claims.signed, keys), now)
    _check_claims(subject, claims)
    if subject.data is not None:
        return _accepted(subject, claims, _signer(signature, subject.data, keys), now)
    digest = bytes.fromhex(subject.digest.removeprefix("sha256:"))
    signer = next((key for key in keys if key.has_signed_digest(signature, digest)), None)
    if signer is None:
        raise _unknown(keys)
    return _accepted(subject, claims, signer, now)


def _signer(signature: bytes, signed: bytes, keys: Sequence[PublicKey]) -> PublicKey:
    found = next((key for key in keys if key.has_signed(signature, signed)), None)
    if found is None:
        raise _unknown(keys)
    return found


def _unknown(keys: Sequence[PublicKey]) -> RejectedError:
    if not keys:
        return RejectedError("wrong key", "signed with a key, and no key is trusted here")
    if len(keys) == 1:
        named = f"{keys[0].name} ({keys[0].fingerprint[:19]}…)" if keys[0].name else keys[0].fingerprint
        return RejectedError("wrong key", f"not signed with the key {named}, or changed since")
    return RejectedError("wrong key", f"not signed with any of the {len(keys)} trusted keys, or changed since")


def _accepted(subject: Subject, claims: Claims, key: PublicKey, now: float) -> Verified:
    _check_claims(subject, claims)
    if key.not_after and now >= key.not_after:
        day = last_day(key.not_after)
        raise RejectedError("expired", f"signed with the key {key.name or key.fingerprint}, which expired on {day}")
    return Verified("key", key.fingerprint, name=key.name, time=claims.time, until=key.not_after)


def last_day(not_after: float) -> str:
    """Return the last day, in UTC, on which a key counts: the date that was written as its not-after."""
    return time.strftime("%Y-%m-%d", time.gmtime(not_after - 1))


def _check_claims(subject: Subject, claims: Claims) -> None:
    """Refuse a signature of another thing, or of the same thing under another name."""
    places = [number for number, digest in enumerate(claims.digests) if digest == subject.digest]
    if not places:
        raise RejectedError("other digest", f"a signature of {claims.digests[0][:80]}, not of {subject.digest}")
    names = [claims.names[number] for number in places]
    if subject.name and not any(is_same_name(name, subject) for name in names):
        raise RejectedError(
            "other name", f"signed as {names[0]:.200}, not as {subject.name} [--signed-as {names[0]:.200}]"
        )


def is_same_name(signed: str, subject: Subject) -> bool:
    """Return whether a signature's name is that of a subject: `registry/repository`, perhaps with a tag; or none."""
    if not signed:
        return True
    name, at, _ = signed.partition("@")
    last = name.rpartition("/")[2]
    name, _, tag = (name, "", "") if ":" not in last else name.rpartition(":")
    if _plain(name) != _plain(subject.name) and not _is_mirrored(_plain(name), subject):
        return False
    return not tag or bool(at) or not subject.tag or tag == subject.tag


def _is_mirrored(name: str, subject: Subject) -> bool:
    if not subject.also:
        return False
    from eunomia.registry.trust_match import place_of

    place = place_of(f"oci://{name}")
    return any(each.matches(place) for each in subject.also)


def _plain(name: str) -> str:
    """Docker Hub has three names."""
    for prefix in ("index.docker.io/", "registry-1.docker.io/"):
        if name.startswith(prefix):
            return "docker.io/" + name[len(prefix) :]
    return name
