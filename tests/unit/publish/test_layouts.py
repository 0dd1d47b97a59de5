"""The bytes of images: what stands in them, that they do not change, and that we find the program in them again."""

from __future__ import annotations

import json

import pytest

from eunomia.publish.layouts import LAYOUTS, Content, image, index
from eunomia.registry import images
from eunomia.registry.client import Manifest, digest_of
from eunomia.registry.reference import Reference
from support.image_makers import GUEST, PACKAGE, Images, tar

TOLD = {"org.opencontainers.image.title": "tool", "org.opencontainers.image.created": "2024-01-01T00:00:00Z"}
CONTENTS = {
    "package": Content(PACKAGE, "tool.json", "package"),
    "tar": Content(tar({"package.json": PACKAGE}), "tool.tar", "tar"),
    "guest": Content(GUEST, "app.wasm", "guest"),
    "component": Content(b"\0asm\x0d\0\1\0", "app.wasm", "guest"),
}
CASES = [
    (kind, layout) for kind in CONTENTS for layout in LAYOUTS if layout != "wasm" or kind in ("guest", "component")
]


@pytest.mark.parametrize(("kind", "layout"), CASES)
def test_every_layout_gives_the_program_back(kind: str, layout: str) -> None:
    made = image(CONTENTS[kind], layout, TOLD)
    registry = Images()
    registry.manifests["t"] = Manifest(made.data, made.media_type, made.digest)
    registry.blobs = {digest_of(blob): blob for blob in made.blobs}

    found = images.pull(Reference("r.example", "x", "t"), registry)  # type: ignore[arg-type]

    assert found.data == CONTENTS[kind].data
    assert found.annotations == TOLD


@pytest.mark.parametrize(("kind", "layout"), CASES)
def test_the_same_program_makes_the_same_bytes(kind: str, layout: str) -> None:
    assert image(CONTENTS[kind], layout, TOLD).digest == image(CONTENTS[kind], layout, dict(TOLD)).digest


def test_digests_of_this_version_stay() -> None:
    """Who rebuilds an old release pushes what was pushed then; a change here is one that users see."""
    known = {
        ("package", "oci"): "8554df7e7353",
        ("package", "image"): "4e4acedbbff8",
        ("tar", "oci"): "37af40e7c394",
        ("guest", "wasm"): "739cbe8c0d61",
        ("guest", "legacy"): "4b54dddba49c",
    }

    assert {(kind, layout): image(CONTENTS[kind], layout, TOLD).digest[7:19] for kind, layout in known} == known


def test_container_image_names_its_file_and_platform() -> None:
    package = image(CONTENTS["package"], "image", TOLD, "arm64")
    guest = image(CONTENTS["guest"], "image", TOLD)

    config = json.loads(package.blobs[0])
    assert (config["os"], config["architecture"]) == ("linux", "arm64")
    assert config["config"]["Entrypoint"] == ["/tool.json"]
    assert config["config"]["Labels"]["vnd.eunomia.program"] == "/tool.json"
    assert config["created"] == "2024-01-01T00:00:00Z"
    assert config["rootfs"]["diff_ids"] == [digest_of(package.blobs[1])]
    assert [json.loads(guest.blobs[0])[key] for key in ("os", "architecture")] == ["wasi", "wasm"]


def test_wasm_configuration_tells_modules_from_components() -> None:
    systems = [json.loads(image(CONTENTS[kind], "wasm", {}).blobs[0])["os"] for kind in ("guest", "component")]

    assert systems == ["wasip1", "wasip2"]


def test_index_may_name_one_image_for_several_machines() -> None:
    one = image(CONTENTS["package"], "oci", {})

    document = json.loads(index([("amd64", one), ("arm64", one)], TOLD, "application/x").data)

    assert [entry["digest"] for entry in document["manifests"]] == [one.digest] * 2
    assert [entry["platform"]["architecture"] for entry in document["manifests"]] == ["amd64", "arm64"]
    assert (document["artifactType"], document["annotations"]) == ("application/x", TOLD)
