"""Identities sign images and files: an authority and logs of our own, whose work the real cosign accepts."""

# ruff: noqa: PLR0917 (fixtures)
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eunomia.publish.upload import Pusher
from eunomia.registry import signature_forms as forms
from eunomia.registry.attached_image import SIMPLE_LAYER, simple_tag
from eunomia.registry.client import MANIFEST, digest_of
from support.commands import Command
from support.private_sigstore import ISSUER, Party, Sigstore
from support.registries import Registry
from support.registry_clients import RegistryClient
from support.signed_images import image, line

ME = "me@example.org"
Registries = Callable[..., Registry]


@pytest.fixture(scope="module")
def world() -> Sigstore:
    return Sigstore()


@pytest.fixture
def root_file(world: Sigstore, tmp_path: Path) -> str:
    path = tmp_path / "trusted_root.json"
    path.write_bytes(world.trusted_root())
    return str(path)


def identity(root_file: str, who: str = ME, issuer: str = ISSUER) -> tuple[str, ...]:
    return ("--certificate-identity", who, "--certificate-oidc-issuer", issuer, "--trusted-root", root_file)


def test_identities_sign_images_as_cosign_2_does(
    registry: Registries,
    ecli: Command,
    cosign: RegistryClient,
    home: dict[str, str],
    world: Sigstore,
    root_file: str,
    tmp_path: Path,
) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    digest = image(registry(), repository)
    payload = forms.simple_payload(name, digest)
    with Pusher(registry().host) as pusher:
        put_simple(pusher, repository, digest, payload, world.signer().annotations(payload))

    read = ecli("verify", *identity(root_file), f"{name}:1", env=home)

    assert re.fullmatch(
        rf"{name}:1: signed by {ME}, vouched for by {ISSUER}, logged 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", read.stdout
    ), read
    words = ("--certificate-oidc-issuer", ISSUER, "--offline", f"{name}@{digest}")
    cosign("verify", "--certificate-identity", ME, *words, env=known(world, tmp_path))
    wrong = line(ecli("verify", *identity(root_file, "you@example.org"), f"{name}:1", env=home))
    assert wrong.endswith(f": wrong identity: signed by {ME} (of {ISSUER}), not by you@example.org")
    you = ("--certificate-identity", "you@example.org")
    theirs = cosign("verify", *you, *words, env=known(world, tmp_path), check=False)
    assert "none of the expected identities matched what was in the certificate" in theirs.stderr


def known(world: Sigstore, folder: Path) -> dict[str, str]:
    """The variables by which cosign 2.5 knows authorities and logs: it takes --trusted-root for files only."""
    found = {}
    for variable, data in (
        ("SIGSTORE_ROOT_FILE", b"".join(each.public_bytes(Encoding.PEM) for each in world.chain)),
        ("SIGSTORE_REKOR_PUBLIC_KEY", pem(world.log)),
        ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", pem(world.certificate_log)),
    ):
        (folder / variable).write_bytes(data)
        found[variable] = str(folder / variable)
    return found


def pem(party: Party) -> bytes:
    return party.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def put_simple(pusher: Pusher, repository: str, digest: str, payload: bytes, annotations: dict[str, str]) -> None:
    layer = {
        "mediaType": SIMPLE_LAYER,
        "size": len(payload),
        "digest": pusher.put_blob(repository, payload),
        "annotations": annotations,
    }
    config = json.dumps({"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}})
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(config)}
    described["digest"] = pusher.put_blob(repository, config.encode())
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [layer]}
    pusher.put_manifest(repository, simple_tag(digest), json.dumps(document).encode(), MANIFEST)


@pytest.mark.parametrize("kind", ["distribution", "ggcr"])
def test_identities_sign_images_as_cosign_3_does(
    kind: str,
    registry: Registries,
    ecli: Command,
    cosign: RegistryClient,
    home: dict[str, str],
    world: Sigstore,
    root_file: str,
    tmp_path: Path,
) -> None:
    name = registry(kind).repository()
    repository = name.partition("/")[2]
    digest = image(registry(kind), repository)
    bundle = json.dumps(world.signer().image_bundle(digest)).encode()
    with Pusher(registry(kind).host) as pusher:
        subject = pusher.manifest(repository, digest)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": forms.BUNDLE,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "size": 2,
                "digest": pusher.put_blob(repository, b"{}"),
            },
            "layers": [{"mediaType": forms.BUNDLE, "size": len(bundle), "digest": pusher.put_blob(repository, bundle)}],
            "subject": {"mediaType": MANIFEST, "size": len(subject.data), "digest": digest},
            "annotations": {"dev.sigstore.bundle.predicateType": forms.SIGN_PREDICATE},
        }
        data = json.dumps(document).encode()
        pusher.put_manifest(repository, digest_of(data), data, MANIFEST)

    read = ecli("verify", *identity(root_file), "-j", f"{name}:1", env=home)

    (found,) = json.loads(read.stdout)["signatures"]
    assert (found["kind"], found["signer"], found["issuer"], found["form"]) == ("identity", ME, ISSUER, "bundle")
    words = ("--new-bundle-format", "--type", forms.SIGN_PREDICATE, *identity(root_file), f"{name}@{digest}")
    cosign("verify-attestation", *words, env=known(world, tmp_path))


def test_identities_sign_files(
    ecli: Command, cosign: RegistryClient, home: dict[str, str], world: Sigstore, root_file: str, tmp_path: Path
) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(b'{"hello":1}')
    bundle = tmp_path / "package.json.sigstore.json"
    bundle.write_text(json.dumps(world.signer().bundle(path.read_bytes())))

    assert ecli("verify", *identity(root_file), path, env=home).returncode == 0
    cosign("verify-blob", "--new-bundle-format", "--bundle", bundle, *identity(root_file), path)
    patterns = ("--certificate-identity-regexp", r"[a-z]+@example\.org", "--certificate-oidc-issuer", ISSUER)
    assert ecli("verify", *patterns, "--trusted-root", root_file, path, env=home).returncode == 0
    elsewhere = ecli("verify", *identity(root_file, issuer="https://elsewhere.example"), path, env=home)
    assert line(elsewhere).endswith(f"vouched for by {ISSUER}, not by https://elsewhere.example")
    for words in (("--certificate-identity", ME), ("--certificate-oidc-issuer", ISSUER), identity(root_file)[:4], ()):
        assert ecli("verify", *words, path, env=home).returncode == 2
