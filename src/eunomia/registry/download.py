"""What is not in the cache is fetched and kept: by one process at a time, and asked for again only where it changed."""

from __future__ import annotations

import time

from eunomia.errors import FetchError
from eunomia.registry.holding import adding, downloading
from eunomia.registry.remote import architecture, image_name, is_kept, kept_image
from eunomia.registry.store import Entry, digest_of

MAX_PARTS = 500  # digests in an entry

BIG_ENDIAN = ("s390x", "s390", "ppc64", "mips", "mips64")  # as registries call them

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.client import Client
    from eunomia.registry.hub import Found
    from eunomia.registry.reference import Reference
    from eunomia.registry.resolve import Limits
    from eunomia.registry.store import Store


def client_for(reference: Reference, limits: Limits) -> Client:
    """Return a client of the registry of a reference, as the options of a fetch say."""
    from eunomia.registry.client import Client

    label = f"{reference.registry}/{reference.repository}"
    shown = limits.progress
    return Client(
        reference.registry,
        plain_http=limits.plain_http,
        ca_file=limits.ca_file,
        timeout=limits.timeout,
        progress=None if shown is None else lambda _, done, total: shown(label, done, total),
    )


def fetch_image(
    reference: Reference, text: str, store: Store, entry: Entry | None, limits: Limits
) -> tuple[bytes, Entry, bool]:
    """Fetch an image's program, unless another process just did, or the registry's tag is what the cache has.

    Returns:
        The bytes, what the cache keeps of them, and whether they were there already.
    """
    name = image_name(reference, limits.platform, limits.member)
    with downloading(store, name, limits.timeout) as has_waited:
        if has_waited:
            entry = store.lookup(name) or entry
            if entry is not None and entry.fetched >= int(time.time()) - limits.timeout:
                data = kept_image(store, entry, text, limits)
                if data is not None:
                    return data, entry, False
        with client_for(reference, limits) as client:
            if entry is not None and store.has(entry.data):
                data = _unchanged(reference, client, store, entry, text, limits)
                if data is not None:
                    entry.fetched = int(time.time())
                    store.tag(entry)
                    limits.say(f"{text}: the registry still has {entry.digest}, which is in the cache")
                    return data, entry, True
            return *_pulled(reference, name, client, store, limits), False


def _pulled(reference: Reference, name: str, client: Client, store: Store, limits: Limits) -> tuple[bytes, Entry]:
    """Pull an image's program, and keep it by its tag and by its digest."""
    from eunomia.registry.kept_images import recorded
    from eunomia.registry.reference import Reference as Made

    pulled, parts = recorded(
        reference,
        client,
        store,
        architecture=architecture(limits.platform),
        max_size=limits.max_size,
        member=limits.member,
    )
    limits.mark("download")
    if limits.platform:
        _check_platform(reference, pulled.data, architecture(limits.platform))
    fresh = Entry(
        name,
        digest_of(pulled.data),
        digest=pulled.digest,
        manifest=pulled.manifest_digest,
        media_type=pulled.media_type,
        fetched=int(time.time()),
        size=len(pulled.data),
    )
    parts.pop(fresh.data, None)
    fresh.parts = tuple(digest for digest in parts if digest.startswith("sha256:"))[:MAX_PARTS]
    limits.mark("verify")
    keep(store, fresh, pulled.data, parts)
    limits.mark("keep")
    if not reference.digest:
        by_digest = Made(reference.registry, reference.repository, "", pulled.digest)
        _tag_as(store, fresh, image_name(by_digest, limits.platform, limits.member))
    return pulled.data, fresh


def _check_platform(reference: Reference, data: bytes, machine: str) -> None:
    """Refuse a package without an object for the architecture that was asked for, or with none of its byte order."""
    from eunomia.errors import PackageError, UnsupportedError
    from eunomia.package.arches import choose, kernel_name
    from eunomia.registry.resolve import WASM, package_of

    if data[:4] == WASM:
        return
    try:
        package = package_of(data, str(reference), remote=True)
        made = choose(package, kernel_name(machine))
        if made is not None and (made.object[5:6] == b"\2") == (machine in BIG_ENDIAN):
            return
    except (PackageError, UnsupportedError):
        return  # whoever opens it says what is wrong with it
    there = ", ".join(package.architectures) or "machines of the other byte order"
    raise FetchError(f"pull {reference}: nothing for linux/{machine} in it: it is for {there} [--platform PLATFORM]")


def _unchanged(  # noqa: PLR0917
    reference: Reference, client: Client, store: Store, entry: Entry, text: str, limits: Limits
) -> bytes | None:
    """Return the bytes of an entry where the registry's tag still is what it was."""
    try:
        there = client.head(reference.repository, reference.wanted)
    except FetchError as exc:
        if exc.status or "[" in str(exc):
            raise
        raise type(exc)(f"{exc} [without --pull always, what the cache has of it runs]") from exc
    if there is None or there.digest != entry.digest:
        return None
    return kept_image(store, entry, text, limits)


def fetch_url(address: str, text: str, store: Store, entry: Entry | None, limits: Limits) -> tuple[bytes, Entry]:
    """Fetch what is at a URL, by a conditional request where the cache has an earlier version.

    Returns:
        The bytes, and what the cache keeps of them.
    """
    from eunomia.registry.http import get

    with downloading(store, address, limits.timeout):
        held = store.get(entry.data) if entry is not None else None
        conditions = (entry.etag, entry.modified) if entry is not None and held is not None else ("", "")
        answer = get(
            address,
            timeout=limits.timeout,
            max_size=limits.max_size,
            etag=conditions[0],
            modified=conditions[1],
            ca_file=limits.ca_file,
            progress=limits.progress,
        )
        if answer is None:
            assert entry is not None, "no conditions without an earlier version"
            assert held is not None, "no conditions without its bytes"
            entry.fetched = int(time.time())
            store.tag(entry)
            limits.say(f"{text}: not modified, it is in the cache")
            return held, entry
        limits.mark("download")
        fresh = Entry(
            address,
            digest_of(answer.data),
            media_type=answer.type,
            etag=answer.etag,
            modified=answer.modified,
            fetched=int(time.time()),
            size=len(answer.data),
        )
        limits.mark("verify")
        if is_kept(address) and answer.may_keep:
            keep(store, fresh, answer.data)
            limits.mark("keep")
        return answer.data, fresh


def fetch_of_hub(found: Found, name: str, store: Store, limits: Limits) -> bytes:
    """Fetch a version of a hub's tool, unless another process just did."""
    from eunomia.registry.hub import fetch

    with downloading(store, name, limits.timeout) as has_waited:
        held = store.get(found.digest) if has_waited else None
        if held is not None:
            return held
        data = fetch(found, limits)
        limits.mark("download")
        if digest_of(data) != found.digest:
            raise FetchError(
                f"open {found.text}: it is {digest_of(data)}, and the index of the hub says {found.digest}"
            )
        limits.mark("verify")
        entry = Entry(name, found.digest, fetched=int(time.time()), size=len(data))
        keep(store, entry, data)
        limits.mark("keep")
        return data


def keep(store: Store, entry: Entry, data: bytes, parts: dict[str, bytes] | None = None) -> None:
    """Keep bytes and what leads to them."""
    with adding(store):
        store.put(data)
        for digest in entry.parts:
            store.put((parts or {})[digest])
        if not store.failure:
            store.tag(entry)


def _tag_as(store: Store, entry: Entry, name: str) -> None:
    if not store.failure:
        store.tag(
            Entry(
                name, entry.data, digest=entry.digest, manifest=entry.manifest, media_type=entry.media_type,
                fetched=entry.fetched, size=entry.size, parts=entry.parts,
            )
        )  # fmt: skip
