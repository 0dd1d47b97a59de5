"""Programs into a registry: one image, or an index of one for each architecture; as a container image where need be."""

from __future__ import annotations

from eunomia.errors import RegistryError
from eunomia.publish.layouts import Content, Image, image, index
from eunomia.registry.image_kinds import PACKAGE_ARTIFACT, TITLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from eunomia.publish.upload import Pusher
    from eunomia.registry.reference import Reference

# What registries answer to media types that they do not take; not what they answer to us, or to much traffic.
REFUSALS = (400, 405, 406, 415, 422, 500, 501)
BOTH = ("amd64", "arm64")


class Pushed:
    """What was pushed.

    Attributes:
        reference: its name, with the tag.
        digest: of the manifest, or of the index.
        media_type: of that.
        layout: the one that was written.
        size: bytes of the manifest or index.
        images: (a registry's name of an architecture, "" for any; digest) of each image.
        refused: what the registry said to the layout that was tried first, "" where it took it.
    """

    __slots__ = ("digest", "images", "layout", "media_type", "reference", "refused", "size")

    def __init__(self, reference: Reference, top: Image, layout: str, images: list[tuple[str, Image]]) -> None:
        self.reference = reference
        self.digest = top.digest
        self.media_type = top.media_type
        self.layout = layout
        self.size = len(top.data)
        self.images = [(name, made.digest) for name, made in images]
        self.refused = ""


def push(
    client: Pusher,
    reference: Reference,
    contents: Sequence[Content],
    *,
    layout: str = "",
    annotations: dict[str, str] | None = None,
    tags: Sequence[str] = (),
) -> Pushed:
    """Push programs under a reference.

    Args:
        client: of the reference's registry.
        reference: with a tag.
        contents: one program; or packages of one tool for several architectures.
        layout: one of layouts.LAYOUTS; "" for `oci`, and `image` where the registry refuses that.
        annotations: besides, and instead of, what the programs say of themselves.
        tags: more tags for the same.

    Raises:
        RegistryError: the registry refuses; or the programs cannot stand behind one name.
    """
    _check(reference, contents, layout)
    try:
        return _push(client, reference, contents, layout or "oci", annotations or {}, tags)
    except RegistryError as exc:
        failure = _named(exc, reference)
        if layout or exc.status not in REFUSALS:
            raise failure from exc
        try:
            pushed = _push(client, reference, contents, "image", annotations or {}, tags)
        except RegistryError:
            raise failure from exc  # not the type was the reason
        pushed.refused = str(failure)
        return pushed


def _named(exc: RegistryError, reference: Reference) -> RegistryError:
    """Return an error about a blob as one about what the user named."""
    text = str(exc)
    if text.startswith(f"push {reference.name}@sha256:"):
        text = f"push {reference}: {text.partition(': ')[2]}"
    return RegistryError(text, exc.status)


def _check(reference: Reference, contents: Sequence[Content], layout: str) -> None:
    what = f"push {reference}"
    if reference.digest:
        raise RegistryError(f"{what}: what is pushed gets its digest from its bytes [give a tag]")
    guests = [each for each in contents if each.kind == "guest"]
    if guests and len(contents) > 1:
        raise RegistryError(f"{what}: a guest is for every architecture, and stands alone behind a name [push one]")
    if layout == "wasm" and not guests:
        raise RegistryError(f"{what}: a package is no Wasm guest [--layout oci, legacy or image]")
    if len(contents) == 1:
        return
    if layout == "legacy":
        raise RegistryError(f"{what}: the legacy layout has no index by architecture [push one package]")
    seen: dict[str, str] = {}
    for each in contents:
        if not each.architectures:
            raise RegistryError(f"{what}: {each.title} is for every architecture, and stands alone [push it alone]")
        for name in each.architectures:
            if name in seen:
                raise RegistryError(f"{what}: {seen[name]} and {each.title} are both for {name} [push one of them]")
            seen[name] = each.title


def _push(  # noqa: PLR0917
    client: Pusher,
    reference: Reference,
    contents: Sequence[Content],
    layout: str,
    annotations: dict[str, str],
    tags: Sequence[str],
) -> Pushed:
    made = [
        (name, image(each, layout, _annotations(each, layout, annotations), name))
        for each in contents
        for name in _platforms(each, layout)
    ]
    if len(made) == 1 and not made[0][0]:
        top = made[0][1]
    else:
        kind = PACKAGE_ARTIFACT if layout == "oci" else ""
        top = index(made, _annotations(contents[0], layout, annotations), kind)
    for data in {blob: None for _, each in made for blob in each.blobs}:
        client.put_blob(reference.repository, data)
    if top is not made[0][1]:
        for each in {each.digest: each for _, each in made}.values():
            client.put_manifest(reference.repository, each.digest, each.data, each.media_type)
    for tag in dict.fromkeys([reference.tag, *tags]):
        client.put_manifest(reference.repository, tag, top.data, top.media_type)
    return Pushed(reference, top, "oci" if layout == "wasm" else layout, made)


def _platforms(content: Content, layout: str) -> list[str]:
    """Return the architectures that an index has an entry for; [""] where none is needed."""
    if content.kind == "guest" or layout == "legacy":
        return [""]
    if layout == "image":  # an engine of containers asks for its own
        return content.architectures or list(BOTH)
    return content.architectures or [""]


def _annotations(content: Content, layout: str, given: dict[str, str]) -> dict[str, str]:
    told = {TITLE: content.title} if layout == "legacy" else content.annotations
    return {**told, **given}
