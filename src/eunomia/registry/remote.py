"""Programs from elsewhere by way of the cache: images of registries, URLs, and what a hub's index leads to.

What is in the cache costs two small files and a sha256; what is not is `download`'s. On the way of `ecli run`.
"""

from __future__ import annotations

import os

from eunomia.errors import FetchError
from eunomia.registry.resolve import Program
from eunomia.registry.source import Source
from eunomia.registry.store import Entry, Store, is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.hub import Found
    from eunomia.registry.reference import Reference
    from eunomia.registry.resolve import Limits

# What registries call machines (GOARCH) where it is not what `uname -m` says.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x"}


def image(reference: Reference, text: str, limits: Limits, *, pinned: bool = False) -> Program:
    """Return the program that a reference names, of this machine's architecture or of `limits.platform`.

    A tag that is in the cache is what it was when it was fetched, unless `limits.pull` is `always`.

    Args:
        text: what the user typed.
        pinned: a lock file named the digest.

    Raises:
        FetchError: it cannot be fetched, or is not in the cache and may not be.
    """
    store = Store.open()
    name = image_name(reference, limits.platform, limits.member)
    entry = store.lookup(name)
    limits.mark("resolve")
    asks = limits.pull == "always" and not reference.digest and not limits.offline
    if entry is not None and not asks:
        data = kept_image(store, entry, text, limits)
        if data is not None:
            limits.say(f"{text}: from the cache, {entry.digest} fetched {age(entry.fetched)}")
            return _image_program(reference, text, data, entry, pinned, cached=True)
    _may_fetch(text, limits)
    from eunomia.registry.download import fetch_image

    data, entry, is_cached = fetch_image(reference, text, store, entry, limits)
    _say_failure(store, limits)
    return _image_program(reference, text, data, entry, pinned, cached=is_cached)


def image_name(reference: Reference, platform: str, member: str = "") -> str:
    """Return what the cache calls an image: by its digest where it has one, else by its tag, with what is asked for."""
    wanted = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    asked = f"linux/{architecture(platform)}{' ' if member else ''}{member}"
    return f"{reference.registry}/{reference.repository}{wanted} {asked}"


def architecture(platform: str) -> str:
    """Return a registry's name of an architecture: of `linux/arm64`, `arm64`, `aarch64`, or of this machine for ""."""
    machine = platform.rpartition("/")[2] if platform.count("/") < 2 else platform.split("/")[1]
    machine = machine or os.uname().machine
    return ARCHITECTURES.get(machine, machine)


def _image_program(
    reference: Reference, text: str, data: bytes, entry: Entry, pinned: bool, *, cached: bool
) -> Program:
    source = Source(
        "oci",
        text,
        f"{reference.registry}/{reference.repository}",
        tag=reference.tag,
        digest=entry.digest,
        manifest=entry.manifest,
        data_digest=entry.data,
        media_type=entry.media_type,
        pinned=pinned or bool(reference.digest),
        cached=cached,
    )
    return Program(data, reference.repository.rpartition("/")[2], source)


def url(address: str, text: str, limits: Limits, *, pinned: bool = False) -> Program:
    """Return the program at an http or https URL.

    The server is asked each time whether what is in the cache is still what it has, unless `limits.pull` is `missing`
    or `never`, or the user named the digest of what is in the cache.

    Raises:
        FetchError: it cannot be fetched, or is not in the cache and may not be.
    """
    store = Store.open()
    entry = store.lookup(address) if is_kept(address) else None
    limits.mark("resolve")
    wanted = f"sha256:{limits.sha256.lower().removeprefix('sha256:')}" if limits.sha256 else ""
    is_enough = limits.offline or limits.pull in ("missing", "never") or (limits.pull != "always" and wanted)
    if entry is not None and is_enough and wanted in ("", entry.data):
        data = kept(store, entry, text, limits)
        if data is not None:
            limits.say(f"{text}: from the cache, fetched {age(entry.fetched)}")
            return _url_program(address, text, data, entry, pinned, cached=True)
    _may_fetch(text, limits)
    from eunomia.registry.download import fetch_url

    data, entry = fetch_url(address, text, store, entry, limits)
    _say_failure(store, limits)
    return _url_program(address, text, data, entry, pinned, cached=False)


def _url_program(address: str, text: str, data: bytes, entry: Entry, pinned: bool, *, cached: bool) -> Program:
    source = Source(
        "url", text, address, data_digest=entry.data, media_type=entry.media_type, pinned=pinned, cached=cached
    )
    return Program(data, address, source)


def of_hub(found: Found, text: str, limits: Limits, *, pinned: bool = False) -> Program:
    """Return the version of a tool that a hub's index names: its digest stands there, so the cache knows it by that.

    Raises:
        FetchError: it cannot be fetched, or is not in the cache and may not be.
    """
    store = Store.open()
    name = f"hub {found.text}"
    entry = store.lookup(name)
    limits.mark("resolve")
    data = None
    if entry is not None and entry.data == found.digest:
        data = kept(store, entry, text, limits)
    is_cached = data is not None
    if data is None and not found.place.startswith("/"):
        _may_fetch(text, limits)
    if data is None:
        from eunomia.registry.download import fetch_of_hub

        data = fetch_of_hub(found, name, store, limits)
        _say_failure(store, limits)
    if "@" not in text and not found.in_use:
        from eunomia.registry.hub import keep as in_use

        in_use(found)  # this version stays the one of this name until `ecli upgrade`
    if found.yanked:
        limits.warn(f"{found.text} is withdrawn by its hub: {found.yanked}")
    source = Source(
        "hub", text, found.text, tag=found.version, data_digest=found.digest, hub=found.hub, pinned=pinned,
        cached=is_cached,
    )  # fmt: skip
    return Program(data, found.name, source)


def kept_image(store: Store, entry: Entry, text: str, limits: Limits) -> bytes | None:
    """Return the bytes of an image's entry where the digest that it is known by leads to them; else as `kept`."""
    if not is_digest(entry.digest):  # of another kind: the cache keeps nothing by that
        return None
    data = kept(store, entry, text, limits)
    if data is None or _is_named(store, entry):
        return data
    from eunomia.registry.kept_images import leads_to

    platform = architecture(limits.platform)
    if leads_to(entry, store, architecture=platform, max_size=limits.max_size, member=limits.member):
        return data
    _damaged(text, f"{entry.data} is not what {entry.digest} leads to", limits)
    return None


def _is_named(store: Store, entry: Entry) -> bool:
    """Return whether the image's manifest names the program's bytes as they are: it is read without being parsed."""
    named = entry.data
    for digest in (entry.manifest, entry.digest):
        if named == digest:
            continue
        data = store.get(digest)
        if data is None or named.encode() not in data:
            return False
        named = digest
    return True


def kept(store: Store, entry: Entry, text: str, limits: Limits) -> bytes | None:
    """Return the bytes of an entry, None where they must be fetched anew; a damaged blob is told of.

    Raises:
        FetchError: they are damaged, and may not be fetched.
    """
    data = store.get(entry.data)
    limits.mark("verify")
    if data is None and entry.data in store.damaged:
        _damaged(text, f"it is not {entry.data}", limits)
    return data


def _damaged(text: str, why: str, limits: Limits) -> None:
    if limits.offline or limits.pull == "never":
        raise FetchError(
            f"open {text}: what the cache has of it is damaged: {why} [run it once without "
            f"{'--offline' if limits.offline else '--pull never'} to fetch it anew]"
        )
    limits.warn(f"{text}: what the cache had of it was damaged ({why}); it is fetched anew")


def is_kept(address: str) -> bool:
    """Return whether the cache keeps what is at a URL: not where a name or password is in it."""
    return "@" not in address.partition("://")[2].partition("/")[0]


def age(fetched: int, now: float = 0.0) -> str:
    """Return how long ago a time was, in words."""
    from time import time

    seconds = int((now or time()) - fetched)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s ago"
    return "just now" if seconds < 60 else "a minute ago"


def _may_fetch(text: str, limits: Limits) -> None:
    if limits.offline:
        raise FetchError(f"open {text}: not in the cache, and --offline was given [run or pull it once without]")
    if limits.pull == "never":
        raise FetchError(f"open {text}: not in the cache, and --pull never was given [ecli pull {text}]")


def _say_failure(store: Store, limits: Limits) -> None:
    if store.failure:
        limits.say(f"cache: not kept: {store.failure}")
