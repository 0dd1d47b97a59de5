"""Whether something is signed by who is trusted: its signatures are found where it came from, and verified.

What a policy asks; `ecli verify` uses the same parts.
"""

from __future__ import annotations

import time

from eunomia.errors import FetchError, SignatureError
from eunomia.registry import attached, attached_image
from eunomia.registry.kept_signatures import keep, kept
from eunomia.registry.keyless import Identity
from eunomia.registry.keys import public_keys
from eunomia.registry.verification import Outcome, Subject, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from eunomia.registry.keys import PublicKey
    from eunomia.registry.resolve import Limits
    from eunomia.registry.signature_forms import Signature
    from eunomia.registry.source import Source
    from eunomia.registry.trust_match import Pattern

    class TrustedKey(Protocol):
        """What a policy knows of a key."""

        name: str
        pem: bytes
        not_after: float

    class TrustedIdentity(Protocol):
        """What a policy knows of a keyless signer."""

        identity: str
        issuer: str
        root: str
        root_data: bytes


class Verdict:
    """What is known of the signatures of a thing.

    Attributes:
        state: signed, unsigned, wrong key (which has all that is not counted for another reason), expired, damaged.
        signer: whose signature it is: the key's name, or the identity.
        why: one line for all states but signed.
        until: seconds since 1970 after which it no longer holds, 0 for never.
        origin: where the signature was found.
        earlier: it was found before, and not looked for now.
    """

    __slots__ = ("earlier", "origin", "signer", "state", "until", "why")

    def __init__(self, state: str, signer: str = "", why: str = "", until: float = 0.0) -> None:
        self.state = state
        self.signer = signer
        self.why = why
        self.until = until
        self.origin = ""
        self.earlier = False


def verify(
    source: Source,
    data: bytes,
    keys: Sequence[TrustedKey],
    identities: Sequence[TrustedIdentity] = (),
    *,
    now: float | None = None,
    timeout: float = 30.0,
    offline: bool = False,
    options: Limits | None = None,
    signed_as: Sequence[Pattern] = (),
) -> Verdict:
    """Return what is known of the signatures of a program that was fetched.

    Signatures that were found before are looked at first: while they hold, nothing is asked of a network.

    Args:
        source: where it came from.
        data: its bytes.
        keys, identities: those that are trusted.
        now: seconds since 1970, for the keys' expiry.
        timeout: seconds for what is fetched.
        offline: nothing is fetched.
        options: how it was fetched: what a registry needs, as `plain_http` and `ca_file`.
        signed_as: names that count in an image's signature besides its own: of where it was mirrored from.

    Raises:
        FetchError: the signatures could not be asked for.
        MissingDependencyError: a package for verifying is not installed.
    """
    moment = time.time() if now is None else now
    try:
        publics = [public for key in keys for public in public_keys(key.pem, key.name, key.not_after)]
        people = [Identity(each.identity, each.issuer, each.root, each.root_data) for each in identities]
        worst: Outcome | None = None
        for subject, find in places(source, data, timeout, options):
            subject.also = signed_as
            outcome, is_kept = _look(subject, find, publics, people, moment, offline)
            if outcome.verified:
                return _signed(outcome, is_kept=is_kept)
            worst = outcome if worst is None or worst.state == "unsigned" else worst
        return Verdict(_plain(worst.state), why=worst.why) if worst else Verdict("unsigned", why="no signature")
    except (SignatureError, OSError) as exc:
        return Verdict("damaged", why=exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc))


def _look(  # noqa: PLR0917
    subject: Subject,
    find: Callable[[], Iterable[Signature]],
    keys: list[PublicKey],
    people: list[Identity],
    now: float,
    offline: bool,
) -> tuple[Outcome, bool]:
    """Return what came of it, and whether that is by signatures that were kept."""
    name = kept_as(subject)
    outcome = check(subject, kept(name), keys, people, now=now)
    if outcome.verified:
        return outcome, True
    if offline:
        if outcome.refused:
            return outcome, True
        raise FetchError(
            f"signatures of {subject.name or subject.digest}: none are in the cache [without --offline once]"
        )
    found = list(find())
    outcome = check(subject, found, keys, people, now=now)
    keep(name, found)
    return outcome, False


def kept_as(subject: Subject) -> str:
    """Return the name under which the signatures of a thing are kept."""
    return f"{subject.digest} {subject.name}"


def _signed(outcome: Outcome, *, is_kept: bool) -> Verdict:
    first = outcome.verified[0]
    signer = first.name or first.signer if first.kind == "key" else f"{first.signer} ({first.issuer})"
    verdict = Verdict("signed", signer, until=first.until)
    verdict.origin, verdict.earlier = first.origin, is_kept
    return verdict


def _plain(state: str) -> str:
    """Return one of the states that a policy knows."""
    return state if state in ("unsigned", "expired", "damaged") else "wrong key"


def places(
    source: Source, data: bytes, timeout: float, options: Limits | None
) -> list[tuple[Subject, Callable[[], Iterable[Signature]]]]:
    """Return what may be signed so that this program is, and what finds the signatures of each.

    An image is, when the manifest or index is that its tag named; else when the manifest for this machine is.
    """
    if source.kind == "oci":
        places: list[tuple[Subject, Callable[[], Iterable[Signature]]]] = []
        for digest in dict.fromkeys((source.digest, source.manifest)):
            if digest:
                subject = Subject(digest, name=source.name, tag=source.tag)
                places.append((subject, _image_finder(source.name, digest, timeout, options)))
        return places
    subject = Subject.of_file(data)
    if source.kind == "url":
        ca_file = options.ca_file if options is not None else ""
        return [(subject, lambda: attached.beside_url(source.name, timeout, ca_file))]
    if source.kind == "hub":
        return [(subject, lambda: of_hub(source.name, timeout, options))]
    if source.kind == "file":
        return [(subject, lambda: attached.beside_file(source.name))]
    return [(subject, tuple)]


def _image_finder(name: str, digest: str, timeout: float, options: Limits | None) -> Callable[[], Iterable[Signature]]:
    def find() -> Iterable[Signature]:
        from eunomia.registry.download import client_for
        from eunomia.registry.reference import parse

        place = parse(f"{name}@{digest}")
        with client_for(place, _limits(timeout, options)) as client:
            return list(attached_image.of_image(client, place.repository, digest))

    return find


def _limits(timeout: float, options: Limits | None) -> Limits:
    from eunomia.registry.resolve import Limits

    return options or Limits(timeout)


def of_hub(name: str, timeout: float, options: Limits | None) -> list[Signature]:
    """Return the signatures that a hub's index names for a tool."""
    from eunomia.registry import hub

    found = hub.find(name)
    if found is None:
        return []
    files = zip(found.signatures, hub.read_signatures(found, _limits(timeout, options)), strict=True)
    return [attached.signature_of(data, "raw", place) for place, data in files]
