"""The registries and clients that the other tests use are what they claim to be."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from support.registries import KINDS, PASSWORD, USER, Registry
from support.registry_clients import RegistryClient

Registries = Callable[..., Registry]


def get(registry: Registry, path: str, login: bool = False) -> int:
    request = urllib.request.Request(registry.url + path)
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
    context = ssl.create_default_context(cafile=registry.ca) if registry.ca else None
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "tls"])
def test_registry_asks_for_the_password(registry: Registries, kind: str, tls: bool) -> None:
    closed = registry(kind, tls=tls, login=True)

    assert (get(closed, "/v2/"), get(closed, "/v2/", login=True)) == (401, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_oras_reads_what_it_pushed_and_skopeo_sees_it(
    registry: Registries, oras: RegistryClient, skopeo: RegistryClient, tmp_path: Path, kind: str
) -> None:
    place = registry(kind)
    reference = f"{place.repository()}:one"
    (tmp_path / "hello.txt").write_text("hello\n")

    oras("push", *place.oras, reference, "hello.txt:text/plain", cwd=tmp_path)
    oras("pull", *place.oras, reference, "-o", tmp_path / "back")
    seen = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")

    assert (tmp_path / "back/hello.txt").read_text() == "hello\n"
    assert json.loads(seen.stdout)["layers"][0]["mediaType"] == "text/plain"


@pytest.mark.parametrize("kind", ["ggcr", "cue"])
def test_the_registries_in_go_know_referrers(
    registry: Registries, oras: RegistryClient, tmp_path: Path, kind: str
) -> None:
    place = registry(kind)
    reference = f"{place.repository()}:one"
    (tmp_path / "hello.txt").write_text("hello\n")
    oras("push", *place.oras, reference, "hello.txt:text/plain", cwd=tmp_path)

    oras("attach", *place.oras, reference, "--artifact-type", "text/x-note", "hello.txt", cwd=tmp_path)
    found = json.loads(oras("discover", *place.oras, reference, "--format", "json").stdout)

    # ggcr tells the type of the configuration where the specification (1.1) has the manifest's artifactType
    told = {"ggcr": "application/vnd.oci.empty.v1+json", "cue": "text/x-note"}[kind]
    assert [entry["artifactType"] for entry in found["manifests"]] == [told]


def test_registry_of_images_only_refuses_what_is_none(
    registry: Registries, oras: RegistryClient, tmp_path: Path
) -> None:
    place = registry("ggcr", options=("-images-only",))
    reference = f"{place.repository()}:one"
    (tmp_path / "hello.txt").write_text("hello\n")

    refused = oras("push", *place.oras, reference, "hello.txt:text/plain", cwd=tmp_path, check=False)

    assert refused.returncode == 1
    assert "manifest invalid: unknown fields artifactType or subject" in refused.stderr


def test_cosign_makes_a_key_and_signs(
    registry: Registries, cosign: RegistryClient, oras: RegistryClient, tmp_path: Path
) -> None:
    place = registry("ggcr")
    reference = f"{place.repository()}:one"
    (tmp_path / "hello.txt").write_text("hello\n")
    oras("push", *place.oras, reference, "hello.txt:text/plain", cwd=tmp_path)
    secret = {"COSIGN_PASSWORD": "secret"}

    cosign("generate-key-pair", cwd=tmp_path, env=secret)
    cosign("sign", "--tlog-upload=false", "-y", "--key", "cosign.key", reference, cwd=tmp_path, env=secret)
    said = cosign("verify", "--insecure-ignore-tlog", "--key", "cosign.pub", reference, cwd=tmp_path)

    assert json.loads(said.stdout)[0]["critical"]["identity"]["docker-reference"] == reference.rpartition(":")[0]
