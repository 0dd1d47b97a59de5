"""`ecli push` into real registries: layouts, architectures, tags, digests that stay, and what is attached."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia import builtin
from eunomia.publish.attach import attached
from eunomia.registry import images
from eunomia.registry.client import Client
from eunomia.registry.reference import parse
from support.commands import Command
from support.registries import KINDS, PASSWORD, USER, Registry
from support.registry_clients import RegistryClient

Registries = Callable[..., Registry]
GUEST = b"\0asm\1\0\0\0"


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "app.wasm"
    path.write_bytes(GUEST)
    return path


def pulled(reference: str, **options: Any) -> images.Pulled:
    parsed = parse(reference)
    with Client(parsed.registry) as client:
        return images.pull(parsed, client, **options)


def raw(reference: str, wanted: str = "") -> dict[str, Any]:
    parsed = parse(reference)
    with Client(parsed.registry) as client:
        return client.manifest(parsed.repository, wanted or parsed.wanted).document


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["", "oci", "legacy", "image"])
def test_package_comes_back_as_it_went(
    ecli: Command, home: dict[str, str], registry: Registries, kind: str, layout: str
) -> None:
    reference = f"{registry(kind).repository()}:1"

    pushed = ecli("push", "opensnoop", reference, *(("--layout", layout) if layout else ()), env=home)
    found = pulled(reference)

    assert (pushed.returncode, pushed.stdout, pushed.stderr) == (0, f"{reference}@{found.digest}\n", "")
    assert found.data == builtin.read("opensnoop")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["oci", "legacy", "image", "wasm"])
def test_guest_comes_back_as_it_went(  # noqa: PLR0917
    ecli: Command, home: dict[str, str], registry: Registries, guest: Path, kind: str, layout: str
) -> None:
    reference = f"{registry(kind).repository()}:1"

    assert ecli("push", guest, reference, "--layout", layout, env=home).returncode == 0
    assert pulled(reference, architecture="riscv64").data == GUEST


def test_guest_is_cncfs_artifact(ecli: Command, home: dict[str, str], registry: Registries, guest: Path) -> None:
    reference = f"{registry().repository()}:1"
    ecli("push", guest, reference, env=home)

    found = raw(reference)

    assert found["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in found["layers"]] == ["application/wasm"]
    assert "artifactType" not in found


def test_legacy_layout_is_the_first_systems_to_the_byte(
    ecli: Command, home: dict[str, str], registry: Registries, guest: Path
) -> None:
    reference = f"{registry().repository()}:1"
    assert ecli("push", "--module", "app.wasm", "-a", "who=me", "--layout", "legacy", reference, env=home,
                cwd=guest.parent).returncode == 0  # fmt: skip

    found = raw(reference)

    assert list(found) == ["schemaVersion", "config", "layers", "annotations"]
    assert (found["config"]["mediaType"], found["config"]["size"]) == ("application/vnd.wasm.config.v1+json", 2)
    assert [layer["mediaType"] for layer in found["layers"]] == ["application/vnd.wasm.content.layer.v1+wasm"]
    assert found["annotations"] == {"org.opencontainers.image.title": "app.wasm", "who": "me"}


def test_the_first_systems_line_takes_app_wasm(
    ecli: Command, home: dict[str, str], registry: Registries, guest: Path
) -> None:
    reference = f"{registry().repository()}:1"

    assert ecli("push", reference, env=home, cwd=guest.parent).returncode == 0
    assert pulled(reference).data == GUEST


def test_the_same_content_has_the_same_digest_under_every_tag(
    ecli: Command, home: dict[str, str], registry: Registries
) -> None:
    repository = registry().repository()

    first = ecli("push", "opensnoop", f"{repository}:1", "-t", "latest", "-t", "1.0", env=home)
    second = json.loads(ecli("push", "opensnoop", f"{repository}:2", "--json", env=home).stdout)

    assert first.stdout == f"{repository}:1@{second['digest']}\n"
    assert (second["tags"], second["layout"]) == (["2"], "oci")
    assert {pulled(f"{repository}:{tag}").digest for tag in ("1", "latest", "1.0", "2")} == {second["digest"]}


def test_annotations_say_what_is_inside(
    ecli: Command, home: dict[str, str], registry: Registries, skopeo: RegistryClient
) -> None:
    reference = f"{registry().repository()}:1"
    ecli("push", "opensnoop", reference, "-a", "org.opencontainers.image.source=https://example.org/x",
         "-a", "org.opencontainers.image.title=mine", env=home | {"SOURCE_DATE_EPOCH": "1700000000"})  # fmt: skip

    said = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}").stdout)["annotations"]

    assert said["org.opencontainers.image.title"] == "mine"
    assert said["org.opencontainers.image.source"] == "https://example.org/x"
    assert said["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"
    assert said["org.opencontainers.image.licenses"] == "MIT OR GPL-2.0-only"
    assert "events (ringbuf)" in said["vnd.eunomia.maps"]
    assert "exit_open (tp/syscalls/sys_exit_open)" in said["vnd.eunomia.programs"]
    assert "--pid" in said["vnd.eunomia.options"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["oci", "image"])
def test_package_for_two_architectures_is_an_index(  # noqa: PLR0917
    ecli: Command, ecc: Command, home: dict[str, str], registry: Registries, tmp_path: Path, kind: str, layout: str
) -> None:
    reference = f"{registry(kind).repository()}:1"
    package = two_architectures(ecc, tmp_path)

    pushed = json.loads(ecli("push", package, reference, "--layout", layout, "--json", env=home).stdout)
    found = raw(reference)

    platforms = [entry["platform"] for entry in found["manifests"]]
    assert platforms == [{"architecture": name, "os": "linux"} for name in ("amd64", "arm64")]
    assert [image["platform"] for image in pushed["images"]] == ["linux/amd64", "linux/arm64"]
    for name in ("amd64", "arm64"):
        assert pulled(reference, architecture=name).data == package.read_bytes()


def two_architectures(ecc: Command, folder: Path) -> Path:
    (folder / "kp.bpf.c").write_text(
        "#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n"
        'SEC("kprobe/do_exit") int BPF_KPROBE(on_exit, long code) { bpf_printk("%ld", code); return 0; }\n'
        'char LICENSE[] SEC("license") = "GPL";\n'
    )
    made = ecc("--target-arch", "x86,arm64", "kp.bpf.c", cwd=folder)
    assert made.returncode == 0, made
    return folder / "package.json"


def test_packages_of_two_architectures_share_a_reference(
    ecli: Command, ecc: Command, home: dict[str, str], registry: Registries, tmp_path: Path
) -> None:
    reference = f"{registry().repository()}:1"
    two_architectures(ecc, tmp_path)
    for arch in ("x86", "arm64"):
        made = ecc("--target-arch", arch, "-o", f"{arch}.json", "kp.bpf.c", cwd=tmp_path)
        assert made.returncode == 0, made

    assert ecli("push", "x86.json", "arm64.json", reference, env=home, cwd=tmp_path).returncode == 0
    assert pulled(reference, architecture="x86_64").data == (tmp_path / "x86.json").read_bytes()
    assert pulled(reference, architecture="aarch64").data == (tmp_path / "arm64.json").read_bytes()

    twice = ecli("push", "x86.json", "x86.json", reference, env=home, cwd=tmp_path)
    assert (twice.returncode, twice.stderr) == (
        1,
        f"ecli: push {reference}: x86.json and x86.json are both for amd64 [push one of them]\n",
    )


def test_tar_with_its_archive_comes_back(
    ecli: Command, home: dict[str, str], registry: Registries, tmp_path: Path
) -> None:
    reference = f"{registry().repository()}:1"
    with tarfile.open(tmp_path / "tool.tar", "w") as archive:
        for name, data in (("package.json", builtin.read("opensnoop")), ("btfhub-archive/x.btf", b"\x9f\xeb\1\0")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))

    for layout in ("oci", "image"):
        assert ecli("push", tmp_path / "tool.tar", reference, "--layout", layout, env=home).returncode == 0
        assert pulled(reference).data == (tmp_path / "tool.tar").read_bytes()


@pytest.mark.parametrize("what", ["package", "guest"])
def test_registry_that_takes_only_images_gets_one(
    ecli: Command, home: dict[str, str], registry: Registries, guest: Path, what: str
) -> None:
    reference = f"{registry('ggcr', options=('-images-only',)).repository()}:1"

    pushed = ecli("push", "opensnoop" if what == "package" else guest, reference, env=home)

    assert (pushed.returncode, pushed.stdout) == (0, f"{reference}@{pulled(reference).digest}\n")
    assert pushed.stderr.startswith(f"ecli: push {reference}: ")
    assert pushed.stderr.endswith("; pushed as a container image (--layout image)\n")
    assert pulled(reference).data == (builtin.read("opensnoop") if what == "package" else GUEST)

    told = ecli("push", guest, reference, "--layout", "oci", env=home)
    assert (told.returncode, told.stdout) == (1, "")
    assert "unknown configuration media type application/vnd.wasm.config.v0+json" in told.stderr


def test_what_is_no_program_is_not_pushed(
    ecli: Command, home: dict[str, str], registry: Registries, tmp_path: Path
) -> None:
    reference = f"{registry().repository()}:1"
    (tmp_path / "notes.json").write_text('{"a": 1}')

    refused = ecli("push", "notes.json", reference, env=home, cwd=tmp_path)

    assert (refused.returncode, refused.stderr) == (
        1,
        "ecli: read notes.json: `$.bpf_object`: required, but missing\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "push: which program, and to which reference? [ecli push PROG HOST/NAME:TAG; see --help]"),
        (("r.example/x:1",), "push r.example/x:1: which program? [ecli push PROG HOST/NAME:TAG]"),
        (("opensnoop", "--type", "a/b", "r.example/x"), "--type goes with --attach FILE"),
        (("--attach", "f", "r.example/x"), ("--attach: what is it? [--type MEDIATYPE, "
         "as in application/vnd.cyclonedx+json]")),
        (("-a", "novalue", "opensnoop", "r.example/x"), "--annotation novalue: expected KEY=VALUE"),
    ],
)  # fmt: skip
def test_wrong_words_are_usage(
    ecli: Command, home: dict[str, str], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused = ecli("push", *words, env=home, cwd=tmp_path)

    assert (refused.returncode, refused.stderr) == (2, f"ecli: {said}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("opensnoop", "nohost:1"), "push nohost:1: no registry is named in it, and no default registry is configured"),
        (("opensnoop", "r.example/x@sha256:" + "0" * 64), "what is pushed gets its digest from its bytes [give a tag]"),
        (("opensnoop", "--layout", "wasm", "r.example/x"), ("a package is no Wasm guest [--layout oci, "
         "legacy or image]")),
        (("opensnoop", "execsnoop", "r.example/x"), "stands alone [push it alone]"),
        (("opensnoop", "127.0.0.1:1/x:1"), "ecli: push 127.0.0.1:1/x: connection refused"),
    ],
)  # fmt: skip
def test_what_cannot_stand_behind_a_name_is_said(
    ecli: Command, home: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    refused = ecli("push", *words, env=home)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert said in refused.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_attached_is_listed_by_type(  # noqa: PLR0917
    ecli: Command, home: dict[str, str], registry: Registries, oras: RegistryClient, tmp_path: Path, kind: str
) -> None:
    place = registry(kind)
    reference = f"{place.repository()}:1"
    (tmp_path / "sbom.json").write_text("{}")
    (tmp_path / "note.txt").write_text("hello\n")
    digest = json.loads(ecli("push", "opensnoop", reference, "--json", env=home).stdout)["digest"]

    for name, media_type in (("sbom.json", "application/vnd.cyclonedx+json"), ("note.txt", "text/x-note")):
        done = [
            ecli("push", "--attach", name, "--type", media_type, reference, env=home, cwd=tmp_path) for _ in range(2)
        ]
        assert done[0].stdout == done[1].stdout  # again is the same

    parsed = parse(reference)
    with Client(parsed.registry) as client:
        found = attached(client, parsed.repository, digest, "text/x-note")
        everything = attached(client, parsed.repository, digest)
    assert [(each.data, each.title, each.artifact_type) for each in found] == [(b"hello\n", "note.txt", "text/x-note")]
    assert sorted(each.artifact_type for each in everything) == ["application/vnd.cyclonedx+json", "text/x-note"]
    listed = json.loads(oras("discover", *place.oras, reference, "--format", "json").stdout)["manifests"]
    assert {entry["digest"] for entry in listed} == {each.digest for each in everything}


@pytest.mark.parametrize("kind", KINDS)
def test_private_registry_over_tls_is_written_and_read_after_a_login(  # noqa: PLR0917
    ecli: Command, home: dict[str, str], registry: Registries, oras: RegistryClient, tmp_path: Path, kind: str
) -> None:
    place = registry(kind, tls=True, login=True)
    reference = f"{place.repository()}:1"
    trusting = ("--ca-file", str(place.ca))

    refused = ecli("push", "opensnoop", reference, *trusting, env=home)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"[ecli login {place.host}]" in refused.stderr
    login = ecli("login", "-u", USER, "--password-stdin", place.host, *trusting, input=f"{PASSWORD}\n", env=home)
    assert login.returncode == 0, login
    unknown = ecli("push", "opensnoop", reference, env=home)
    assert unknown.returncode == 1
    assert "certificate" in unknown.stderr

    assert ecli("push", "opensnoop", reference, *trusting, env=home).returncode == 0
    assert ecli("pull", reference, "-o", tmp_path / "back.json", *trusting, env=home).returncode == 0
    assert (tmp_path / "back.json").read_bytes() == builtin.read("opensnoop")
    oras("pull", *place.oras, "--registry-config", home["REGISTRY_AUTH_FILE"], reference, "-o", tmp_path / "oras")
    assert (tmp_path / "oras/opensnoop.json").read_bytes() == builtin.read("opensnoop")


def test_package_of_many_megabytes_goes_and_comes(
    ecli: Command, home: dict[str, str], registry: Registries, tmp_path: Path
) -> None:
    reference = f"{registry().repository()}:1"
    with tarfile.open(tmp_path / "big.tar", "w") as archive:
        for name, data in (
            ("package.json", builtin.read("opensnoop")),
            ("btfhub-archive/big.btf", b"\x9f\xeb\1\0" + random.Random(7).randbytes(20 << 20)),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))

    assert ecli("push", tmp_path / "big.tar", reference, env=home).returncode == 0
    assert ecli("pull", reference, "-o", tmp_path / "back.tar", env=home).returncode == 0
    assert (tmp_path / "back.tar").read_bytes() == (tmp_path / "big.tar").read_bytes()
    bounded = ecli(
        "pull", reference, "--max-size", "1M", "-o", tmp_path / "no.tar", env=home | {"XDG_CACHE_HOME": str(tmp_path)}
    )
    assert bounded.returncode == 1
    assert "too large: 209" in bounded.stderr
    assert "[--max-size SIZE]" in bounded.stderr


def test_image_is_copied_to_another_name(ecli: Command, home: dict[str, str], registry: Registries) -> None:
    first, second = f"{registry('ggcr').repository()}:1", f"{registry('cue').repository()}:2"
    ecli("push", "opensnoop", first, env=home)

    assert ecli("push", first, second, env=home).returncode == 0
    assert pulled(second).data == builtin.read("opensnoop")
