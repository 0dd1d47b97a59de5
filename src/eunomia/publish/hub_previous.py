"""What a hub has published already, taken over into a new folder: a pipeline's fresh checkout has nothing of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from base64 import b64decode
from typing import Any

from eunomia.errors import FetchError
from eunomia.publish.hub_files import SIGNATURES, write
from eunomia.registry import hub, hub_index
from eunomia.registry.hub_source import Source, read_signature
from eunomia.registry.resolve import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.publish.private_keys import PrivateKey

NOT_FOUND = 404


def take_over(place: str, out: str, limits: Limits, key: PrivateKey | None) -> bool:
    """Write the index of a published hub, and the files that it names, into a new folder.

    Args:
        place: the hub, as `hub_source.Source` takes it.
        out: the folder; it is made, whole or not at all.
        limits: what may be spent on it.
        key: what the new hub will be signed with. The published one must be signed with it as well: its versions are
            signed again, and nobody else's may be among them.

    Returns:
        False where nothing is published there yet (HTTP status 404).

    Raises:
        FetchError: it cannot be had whole, is damaged, or is not signed with the key; or the folder has something.
        OSError: a file cannot be written.
    """
    if os.path.isdir(out) and os.listdir(out):
        raise FetchError(f"build hub: --previous {place}: {out} is not empty [--out DIR of an empty or new folder]")
    source = Source(place, limits)
    try:
        index = source.index()
    except FetchError as exc:
        if exc.status == NOT_FOUND:
            return False
        raise
    tree = hub_index.parse(index, place)
    signatures = {suffix: found for suffix in SIGNATURES if (found := _beside(source, suffix)) is not None}
    if key is not None and not _has_signed(key, signatures.get(".sig", b""), index):
        raise FetchError(
            f"build hub: --previous {place}: its index is not signed with the key of --sign, which would sign what"
            " strangers can have put there [build it with this key once, from what you trust, without --previous]"
        )
    above = os.path.dirname(os.path.abspath(out))
    os.makedirs(above, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".hub-", dir=above)
    try:
        os.chmod(folder, 0o755)
        _copy(tree, source, folder, limits)
        for suffix, data in signatures.items():
            write(os.path.join(folder, hub_index.FILE + suffix), data)
        write(os.path.join(folder, hub_index.FILE), index)
        os.rename(folder, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return True


def _beside(source: Source, suffix: str) -> bytes | None:
    """Return a signature of the index; None where there is none, which is not the same as one that cannot be had."""
    try:
        return source.beside_index(suffix)
    except FetchError as exc:
        if exc.status in (0, NOT_FOUND) and (exc.status or not source.text.startswith("http")):
            return None
        raise


def _has_signed(key: PrivateKey, signature: bytes, data: bytes) -> bool:
    try:
        return key.public.has_signed(b64decode(signature), data)
    except ValueError:
        return False


def _copy(tree: dict[str, Any], source: Source, folder: str, limits: Limits) -> None:
    """Fetch the files that lie in the hub itself; versions have the digests that the index says, or are refused."""
    for tool in tree["tools"]:
        for version in tool["versions"]:
            location = version["location"]
            if "://" in location:
                continue
            paths = [path for path in version.get("signatures", ()) if "://" not in path and source.place(path)]
            fields = [tool["name"], version["version"], source.text.rstrip("/"), tool["kind"]]
            places = "\x1f".join(source.place(path) for path in paths)
            fields += [version["digest"], str(version["size"])]
            found = hub.Found([*fields, source.place(location, version["digest"]), places, ""])
            write(os.path.join(folder, location), hub.fetch(found, limits))
            for path, data in zip(paths, hub.read_signatures(found, limits), strict=True):
                write(os.path.join(folder, path), data)
        if tool.get("readme"):
            place = source.place(tool["readme"])
            if place:
                write(os.path.join(folder, tool["readme"]), read_signature(found, place, limits))
            else:
                del tool["readme"]
