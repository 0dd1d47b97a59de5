"""The program in an image, in every layout, and what is said of images without one."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import FetchError
from eunomia.registry import images
from eunomia.registry.images import Pulled
from eunomia.registry.reference import Reference
from eunomia.registry.store import Store
from support.image_makers import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    GUEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    PACKAGE,
    Images,
    tar,
    tar_gz,
)

LEGACY = "application/vnd.wasm.content.layer.v1+wasm"
LEGACY_CONFIG = "application/vnd.wasm.config.v1+json"
OURS = "application/vnd.eunomia.package.v1+json"


@pytest.fixture
def registry() -> Images:
    return Images()


def pull(registry: Images, tag: str = "t", **options: Any) -> Pulled:
    return images.pull(Reference("r.example", "tools/x", tag), registry, None, **options)  # type: ignore[arg-type]


def refusal(registry: Images, tag: str = "t", **options: Any) -> str:
    with pytest.raises(FetchError) as raised:
        pull(registry, tag, **options)
    return str(raised.value)


def container(**config: Any) -> bytes:
    return json.dumps({"architecture": "amd64", "os": "linux", "config": config}).encode()


@pytest.mark.parametrize(
    ("data", "media_type", "config_type"),
    [
        (PACKAGE, OURS, EMPTY),
        (tar({"package.json": PACKAGE}), "application/vnd.eunomia.package.v1.tar", EMPTY),
        (GUEST, "application/wasm", "application/vnd.wasm.config.v0+json"),
        (GUEST, LEGACY, LEGACY_CONFIG),
        (PACKAGE, LEGACY, LEGACY_CONFIG),  # the first system's push checks nothing
        (GUEST, "application/vnd.module.wasm.content.layer.v1+wasm", "application/vnd.module.wasm.config.v1+json"),
        (PACKAGE, "application/json", EMPTY),
        (PACKAGE, OCI_LAYER, EMPTY),  # `oras push REF package.json`
        (b"\x7fELF\2\1\1", "application/ebpf.oci.image.program.v1+binary", "application/ebpf.oci.image.config.v1+json"),
    ],
)
def test_program_in_a_layer_of_its_own_is_found(
    registry: Images, data: bytes, media_type: str, config_type: str
) -> None:
    pushed = registry.add_image("t", [(data, media_type, "x.bin")], config_type=config_type, annotations={"a": "b"})

    found = pull(registry)

    assert (found.data, found.media_type, found.title) == (data, media_type, "x.bin")
    assert (found.digest, found.manifest_digest, found.annotations) == (pushed["digest"], pushed["digest"], {"a": "b"})


def test_images_of_others_with_one_program_are_read(registry: Images) -> None:
    """The shapes that bpfman, BumbleBee, Inspektor Gadget, Spin, wasm-to-oci and `docker buildx` leave."""
    elf = b"\x7fELF\2\1\1"
    labels = {"io.ebpf.programs": '{"stats":"xdp"}', "io.ebpf.maps": '{"m":"per_cpu_array"}'}
    bpfman = (tar_gz({"xdp_pass.bpf.o": elf}), OCI_LAYER + "+gzip", "")
    registry.add_image("bpfman", [bpfman], config=container(Labels=labels))
    registry.add_image(
        "bumblebee",
        [(elf, "application/ebpf.oci.image.program.v1+binary", "program.o")],
        config_type="application/ebpf.oci.image.config.v1+json",
    )
    gadget = registry.add_image(
        "g", [(elf, "application/vnd.gadget.ebpf.program.v1+binary", "program.o")],
        config=b"name: trace\n", config_type="application/vnd.gadget.config.v1+yaml",
    )  # fmt: skip
    registry.add("gadget", {"manifests": [{**gadget, "platform": {"os": "linux", "architecture": "amd64"}}]}, OCI_INDEX)
    registry.add_image(
        "spin",
        [(GUEST, "application/vnd.wasm.content.layer.v1+wasm", ""), (b"static", "application/vnd.spin.asset", "a")],
        config_type="application/vnd.fermyon.spin.application.v1+config",
    )
    wasm = registry.add_image(
        "w", [(tar_gz({"hello.wasm": GUEST}), OCI_LAYER + "+gzip", "")], config=container(Entrypoint=["/hello.wasm"])
    )
    registry.add("buildx", {"manifests": [{**wasm, "platform": {"os": "wasi", "architecture": "wasm"}}]}, OCI_INDEX)

    found = {tag: pull(registry, tag, architecture="amd64").data[:4] for tag in
             ("bpfman", "bumblebee", "gadget", "spin", "buildx")}  # fmt: skip

    assert found == {"bpfman": elf[:4], "bumblebee": elf[:4], "gadget": elf[:4], "spin": GUEST[:4], "buildx": GUEST[:4]}


def test_first_of_several_legacy_layers_is_the_program_as_the_first_system_has_it(registry: Images) -> None:
    registry.add_image("t", [(GUEST, LEGACY, ""), (GUEST + b"\0", LEGACY, "")], config_type=LEGACY_CONFIG)

    assert pull(registry).data == GUEST


def test_text_beside_a_program_is_not_taken_for_one(registry: Images) -> None:
    registry.add_image(
        "t", [(b"# Read me\n", OCI_LAYER, "README.md"), (PACKAGE, OCI_LAYER, "package.json")], config_type=EMPTY
    )

    assert pull(registry).title == "package.json"


def test_several_programs_are_named_and_one_can_be_asked_for(registry: Images) -> None:
    registry.add_image(
        "t", [(PACKAGE, OURS, "package.json"), (GUEST, "application/wasm", "app.wasm")], config_type=EMPTY
    )

    said = refusal(registry)
    assert said.startswith("pull r.example/tools/x:t: several programs in it: package.json, app.wasm [")
    assert pull(registry, member="app.wasm").data == GUEST


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_file_in_the_root_of_a_container_image_is_the_program(registry: Images, docker: bool) -> None:
    layer = (tar_gz({"package.json": PACKAGE}), DOCKER_LAYER if docker else OCI_LAYER + "+gzip", "")
    kinds = {"config_type": DOCKER_CONFIG, "media_type": DOCKER_MANIFEST} if docker else {}
    registry.add_image("t", [layer], config=container(), **kinds)

    found = pull(registry)

    assert (found.data, found.title) == (PACKAGE, "package.json")


@pytest.mark.parametrize(
    "config",
    [
        {"Entrypoint": ["/opt/tool.wasm"]},
        {"Cmd": ["opt/tool.wasm", "-v"]},
        {"Entrypoint": ["wasmtime", "tool.wasm"], "WorkingDir": "/opt"},
        {"Cmd": ["/bin/sh", "-c", "ecli run /opt/tool.wasm"]},
        {"Labels": {"vnd.eunomia.program": "/opt/tool.wasm"}, "Entrypoint": ["/other.wasm"]},
        {"Entrypoint": ["/link"]},
    ],
)
def test_what_the_image_names_goes_before_what_lies_in_its_root(registry: Images, config: dict[str, Any]) -> None:
    data = tar_gz({"other.wasm": GUEST + b"\0", "opt/tool.wasm": GUEST}, {"link": "./opt/x", "opt/x": "/opt/tool.wasm"})
    registry.add_image("t", [(data, OCI_LAYER + "+gzip", "")], config=container(**config))

    assert pull(registry).data == GUEST


def test_guest_in_the_working_directory_is_found_where_the_root_has_none(registry: Images) -> None:
    layers = [(tar_gz({"app/tool.wasm": GUEST, "lib/other.wasm": GUEST + b"\0"}), OCI_LAYER + "+gzip", "")]
    registry.add_image("t", layers, config=container(WorkingDir="/app"))

    assert pull(registry).title == "tool.wasm"


def test_upper_layers_hide_what_is_below_them(registry: Images) -> None:
    layers = [
        tar({"a.wasm": GUEST, "b.wasm": GUEST + b"\1", "package.json": b"{}"}),
        tar_gz({".wh.a.wasm": b"", "b.wasm": GUEST + b"\2"}),
    ]
    registry.add_image("t", [(layer, OCI_LAYER, "") for layer in layers], config=container())

    assert pull(registry).data == GUEST + b"\2"


def test_several_programs_of_a_container_image_are_named(registry: Images) -> None:
    data = tar_gz({"one.wasm": GUEST, "two.wasm": GUEST, "package.json": b'{"name":"for node"}'})
    registry.add_image("t", [(data, OCI_LAYER + "+gzip", "")], config=container())

    said = refusal(registry)
    assert said == ("pull r.example/tools/x:t: several programs in it: /one.wasm, /two.wasm [--member NAME]")
    assert pull(registry, member="/two.wasm").title == "two.wasm"


def test_container_image_without_a_program_says_what_it_has(registry: Images) -> None:
    data = tar_gz({"bin/sh": b"\x7fELF", "package.json": b'{"name":"for node"}'})
    registry.add_image("t", [(data, OCI_LAYER + "+gzip", "")], config=container(Cmd=["node"]))

    assert refusal(registry) == (
        "pull r.example/tools/x:t: a container image without a package or guest in it [it has /bin/sh, /package.json]"
    )


def test_image_of_another_kind_says_its_types(registry: Images) -> None:
    registry.add_image("t", [(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "")], config_type=EMPTY)

    assert refusal(registry) == (
        "pull r.example/tools/x:t: no package and no guest in it: its layers are of type"
        " application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    )


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
@pytest.mark.parametrize(("asked", "found"), [("x86_64", "amd64"), ("arm64", "arm64"), ("aarch64", "arm64")])
def test_index_gives_the_image_of_the_architecture(registry: Images, media_type: str, asked: str, found: str) -> None:
    entries = [
        {
            **registry.add_image(machine, [(PACKAGE + machine.encode(), OURS, "")], config_type=EMPTY),
            "platform": {"os": "linux", "architecture": machine},
        }
        for machine in ("arm64", "amd64")
    ]
    index = registry.add("t", {"manifests": entries}, media_type)

    pulled = pull(registry, architecture=asked)

    assert pulled.data == PACKAGE + found.encode()
    assert pulled.digest == index["digest"] != pulled.manifest_digest


def test_guest_for_any_machine_is_taken_where_the_machines_own_image_has_no_program(registry: Images) -> None:
    native = registry.add_image("n", [(tar_gz({"bin/x": b"\x7fELF"}), OCI_LAYER + "+gzip", "")], config=container())
    wasm = registry.add_image("w", [(tar_gz({"x.wasm": GUEST}), OCI_LAYER + "+gzip", "")], config=container())
    attestation = registry.add_image("a", [(b"{}", "application/vnd.in-toto+json", "")])
    registry.add(
        "t",
        {
            "manifests": [
                {**native, "platform": {"os": "linux", "architecture": "amd64"}},
                {**wasm, "platform": {"os": "wasi", "architecture": "wasm"}},
                {
                    **attestation,
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                },
            ]
        },
        OCI_INDEX,
    )

    assert pull(registry, architecture="amd64").data == GUEST
    assert pull(registry, architecture="riscv64").data == GUEST


def test_index_without_the_architecture_says_what_it_has(registry: Images) -> None:
    entry = registry.add_image("x", [(PACKAGE, OURS, "")], config_type=EMPTY)
    registry.add("t", {"manifests": [{**entry, "platform": {"os": "linux", "architecture": "s390x"}}]}, OCI_INDEX)

    assert refusal(registry, architecture="amd64") == (
        "pull r.example/tools/x:t: nothing for linux/amd64 in it: it has linux/s390x [--platform PLATFORM]"
    )


def test_indexes_within_indexes_end(registry: Images) -> None:
    entry = registry.add_image("x", [(PACKAGE, OURS, "")], config_type=EMPTY)
    for depth in range(5):
        entry = registry.add(f"i{depth}", {"manifests": [entry]}, OCI_INDEX)

    assert pull(registry, "i2").data == PACKAGE
    assert "more than 3 indexes, one within another" in refusal(registry, "i3")


def test_what_the_store_has_is_not_asked_for(registry: Images, tmp_path: Any) -> None:
    registry.add_image("t", [(PACKAGE, OURS, "")], config_type=EMPTY)
    store = Store(str(tmp_path))
    store.put(PACKAGE)

    found = images.pull(Reference("r.example", "x", "t"), registry, store)  # type: ignore[arg-type]

    assert (found.data, registry.asked) == (PACKAGE, [])


def test_program_and_layers_larger_than_allowed_are_not_fetched(registry: Images) -> None:
    registry.add_image("t", [(PACKAGE, OURS, "p.json")], config_type=EMPTY)
    registry.add_image("c", [(tar({"a": b"x" * 4000}), OCI_LAYER, "")], config=container())

    assert "p.json: too large: 59 bytes, at most 50 bytes are allowed [--max-size SIZE]" in refusal(
        registry, max_size=50
    )
    assert "in its layers, at most 5000 are read to look for a program [--max-size SIZE]" in refusal(
        registry, "c", max_size=5000
    )
    assert registry.asked == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "an image in Docker's schema 1, which is not read"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:no", "size": 1}]}, "`$.layers[0]` of its manifest: expected"),
        ({"layers": [{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": -1}]}, "`$.layers[0].size` of its"),
        ({"layers": "many"}, "its manifest has no list of at most 500 layers"),
        ({"layers": [{}] * 501}, "its manifest has no list of at most 500 layers"),
        ({"manifests": [{"digest": "../../../v2/other/manifests/x"}]}, "an entry of its index has no digest"),
        ({"manifests": [{}] * 1001}, "its index has no list of at most 1000 manifests"),
    ],
)
def test_damaged_manifest_is_refused_with_its_place(registry: Images, document: dict[str, Any], why: str) -> None:
    registry.add("t", document)

    assert why in refusal(registry)


@pytest.mark.parametrize(
    ("config", "layer", "why"),
    [
        (b"[" * 100_000, tar({}), "its configuration is not JSON"),
        (container(), b"no tar", "not a tar, or a damaged one"),
        (container(), gzip.compress(tar({"a": b"x" * 9000}))[:60], "a layer's compressed bytes are damaged"),
        (container(), tar({"../../etc/passwd": b""}), "its member '../../etc/passwd' leaves the archive"),
    ],
)
def test_damaged_container_image_is_refused(registry: Images, config: bytes, layer: bytes, why: str) -> None:
    registry.add_image("t", [(layer, OCI_LAYER, "")], config=config)

    assert why in refusal(registry)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["mediaType", "digest", "size", "layers", "manifests", "config", "platform", "annotations"]),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["layers", "manifests", "config", "annotations", "schemaVersion"]), JSON))
def test_any_manifest_is_a_program_or_our_error(document: dict[str, Any]) -> None:
    registry = Images()
    registry.add("t", document)

    with pytest.raises(FetchError):
        pull(registry)


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["config", "Entrypoint", "Labels"]), JSON))
def test_any_configuration_is_taken_or_refused(start: bytes, config: dict[str, Any]) -> None:
    registry = Images()
    settings = start or json.dumps({"config": config}).encode()
    registry.add_image("t", [(tar({"x.wasm": GUEST}), OCI_LAYER, "")], config=settings, config_type=OCI_CONFIG)

    try:
        found = pull(registry).data
    except FetchError as exc:
        found = str(exc)[:26].encode()

    assert found in (GUEST, b"pull r.example/tools/x:t: ")
