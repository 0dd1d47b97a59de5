"""Signatures of files and images: ours read by cosign, cosign's by us, in real registries; and what is refused."""

# ruff: noqa: PLR0917 (fixtures)
from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.publish.private_keys import PrivateKey, generate
from eunomia.publish.sign_image import sign_image
from eunomia.publish.upload import Pusher
from eunomia.registry import signature_forms as forms
from eunomia.registry.attached_image import SIGNATURE, SIMPLE_LAYER, of_image, simple_tag
from eunomia.registry.client import MANIFEST
from support.commands import Command
from support.registries import Registry
from support.registry_clients import RegistryClient
from support.signed_images import image, index, line
from support.sites import Site

PASSWORD = {"COSIGN_PASSWORD": "correct horse"}
NO_LOG = ("--insecure-ignore-tlog=true",)
ME = "me@example.org"
Registries = Callable[..., Registry]


class Keys:
    """Key files of cosign's and ours, in one folder."""

    def __init__(self, folder: Path, ecli: Command, cosign: RegistryClient) -> None:
        self.folder, self.ecli, self.cosign = folder, ecli, cosign

    def made_by(self, who: str) -> str:
        """Return a name such that NAME.key and NAME.pub are there."""
        name = str(self.folder / who)
        if who == "cosign":
            self.cosign("generate-key-pair", "--output-key-prefix", name, env=PASSWORD, cwd=self.folder)
        else:
            made = self.ecli("key", "generate", "--type", who, "-o", name, env=PASSWORD)
            assert made.returncode == 0, made
        return name


@pytest.fixture
def keys(tmp_path: Path, ecli: Command, cosign: RegistryClient) -> Keys:
    return Keys(tmp_path, ecli, cosign)


@pytest.fixture
def trust_root(tmp_path: Path, cosign: RegistryClient) -> str:
    """cosign asks the network for the public one, if it is given none."""
    path = tmp_path / "nobody.json"
    cosign("trusted-root", "create", "--out", path)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "made_by"),
    [
        ("distribution", "ecdsa-p256"),
        ("distribution", "ed25519"),
        ("distribution", "cosign"),
        ("ggcr", "ecdsa-p256"),
        ("cue", "ed25519"),
    ],
)
def test_cosign_verifies_what_we_sign(
    kind: str,
    made_by: str,
    registry: Registries,
    ecli: Command,
    cosign: RegistryClient,
    home: dict[str, str],
    keys: Keys,
    trust_root: str,
) -> None:
    name = registry(kind).repository()
    digest = image(registry(kind), name.partition("/")[2])
    key = keys.made_by(made_by)

    signed = ecli("sign", "--key", f"{key}.key", f"{name}:1", env={**home, **PASSWORD})

    assert signed.returncode == 0, signed
    assert [each.partition(": wrote ")[2].partition("sha256")[0] for each in signed.lines] == [f"{name}:", f"{name}@"]
    simple = cosign("verify", "--key", f"{key}.pub", *NO_LOG, f"{name}@{digest}")
    (claims,) = json.loads(simple.stdout)
    assert claims["critical"]["image"] == {"docker-manifest-digest": digest}
    assert claims["critical"]["identity"] == {"docker-reference": name}
    bundle = ("--new-bundle-format", "--trusted-root", trust_root, *NO_LOG, "--key", f"{key}.pub")
    statement = cosign("verify-attestation", "--type", forms.SIGN_PREDICATE, *bundle, f"{name}@{digest}")
    payload = json.loads(b64decode(json.loads(statement.stdout)["payload"]))
    assert payload["subject"] == [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    read = ecli("verify", "--key", f"{key}.pub", "-j", f"{name}:1", env=home)
    assert [each["form"] for each in json.loads(read.stdout)["signatures"]] == ["simple", "bundle"]
    wrong = cosign("verify", "--key", f"{keys.made_by('ecdsa-p256' if made_by == 'cosign' else 'cosign')}.pub",
                   *NO_LOG, f"{name}@{digest}", check=False)  # fmt: skip
    assert wrong.returncode != 0


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("distribution", "tag"),
        ("distribution", "bundle"),
        ("ggcr", "referrer"),
        ("ggcr", "bundle"),
        ("cue", "referrer"),
    ],
)
def test_what_cosign_signs_is_verified(
    kind: str, form: str, registry: Registries, ecli: Command, cosign: RegistryClient, home: dict[str, str], keys: Keys
) -> None:
    name = registry(kind).repository()
    digest = image(registry(kind), name.partition("/")[2])
    key = keys.made_by("cosign")
    words = ["--key", f"{key}.key", "--tlog-upload=false", "--yes", f"{name}@{digest}"]
    if form == "bundle":
        (keys.folder / "predicate.json").write_text("{}")
        predicate = ["--new-bundle-format", "--type", forms.SIGN_PREDICATE, "--predicate", "predicate.json"]
        cosign("attest", *predicate, *words, env=PASSWORD, cwd=keys.folder)
    elif form == "referrer":
        cosign("sign", "--registry-referrers-mode=oci-1-1", *words, env={**PASSWORD, "COSIGN_EXPERIMENTAL": "1"})
    else:
        cosign("sign", *words, env=PASSWORD)

    read = ecli("verify", "--key", f"{key}.pub", "-j", f"{name}:1", env=home)

    (found,) = json.loads(read.stdout)["signatures"]
    assert found["form"] == ("bundle" if form == "bundle" else "simple")
    assert found["kind"] == "key"
    text = ecli("verify", "--key", f"{key}.pub", f"{name}@{digest}", env=home)
    assert re.fullmatch(rf"{name}@{digest}: signed by key {key}\.pub \(sha256:[0-9a-f]{{64}}\)\n", text.stdout)


def test_attestations_are_signed_and_read_both_ways(
    registry: Registries,
    ecli: Command,
    cosign: RegistryClient,
    home: dict[str, str],
    keys: Keys,
    trust_root: str,
    tmp_path: Path,
) -> None:
    name = registry("ggcr").repository()
    digest = image(registry("ggcr"), name.partition("/")[2])
    key = keys.made_by("cosign")
    made = {"predicateType": forms.PREDICATES["provenance"], "predicate": {"buildDefinition": {"buildType": "x"}}}
    of_file = {"name": "package.json", "digest": {"sha256": "00" * 32}}
    (tmp_path / "made.json").write_text(json.dumps({"_type": forms.STATEMENTS[0], "subject": [of_file], **made}))
    (tmp_path / "parts.json").write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6"}))
    (tmp_path / "other.json").write_text("{}")
    sign = ("sign", "--key", f"{key}.key", "--attest")
    verify = ("verify", "--key", f"{key}.pub", "-j", "--attestation")

    assert ecli(*sign, tmp_path / "made.json", f"{name}:1", env={**home, **PASSWORD}).returncode == 0
    assert ecli(*sign, tmp_path / "parts.json", f"{name}:1", env={**home, **PASSWORD}).returncode == 0

    named = ecli("verify", "--key", f"{key}.pub", "--attestation", "provenance", f"{name}:1", env=home).stdout
    assert named.startswith(f"{name}:1: provenance attested by key {key}.pub ("), named
    for kind in ("spdx", "foo"):
        absent = line(ecli("verify", "--key", f"{key}.pub", "--attestation", kind, f"{name}:1", env=home))
        assert absent.endswith(f": unsigned: no signed statement of the type {kind} [there is: cyclonedx, provenance]")
    (provenance,) = json.loads(ecli(*verify, "provenance", f"{name}:1", env=home).stdout)["signatures"]
    subject = {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
    assert provenance["statement"] == {"_type": forms.STATEMENTS[0], "subject": [subject, of_file], **made}
    (parts,) = json.loads(ecli(*verify, "cyclonedx", f"{name}:1", env=home).stdout)["signatures"]
    assert parts["statement"]["predicate"] == {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    theirs = ("--new-bundle-format", "--trusted-root", trust_root, *NO_LOG, "--key", f"{key}.pub")
    read = cosign("verify-attestation", "--type", "slsaprovenance1", *theirs, f"{name}@{digest}")
    assert json.loads(b64decode(json.loads(read.stdout.splitlines()[0])["payload"])) == provenance["statement"]
    unsigned = ecli("verify", "--key", f"{key}.pub", f"{name}:1", env=home)
    assert line(unsigned).endswith(": unsigned: no signature"), "what is said about it is no signature of it"
    wrong = line(ecli(*sign, tmp_path / "other.json", f"{name}:1", env={**home, **PASSWORD}))
    assert wrong.endswith("other.json: neither an in-toto statement nor an SBOM (CycloneDX or SPDX, JSON)")
    (tmp_path / "predicate.json").write_text("{}")
    words = ("--type", "spdxjson", "--predicate", "predicate.json", "--key", f"{key}.key", "--tlog-upload=false")
    cosign("attest", "--new-bundle-format", *words, "--yes", f"{name}@{digest}", env=PASSWORD, cwd=tmp_path)
    assert ecli(*verify, "spdx", f"{name}:1", env=home).returncode == 0


def test_what_is_not_there_is_said(ecli: Command, home: dict[str, str], keys: Keys, registry: Registries) -> None:
    key = keys.made_by("ed25519")
    name = registry().repository()

    for operand, said in (
        ("./none.json", "verify ./none.json: no such file"),
        ("nothing-of-this-name", "open nothing-of-this-name: no such file or built-in tool"),
        ("opensnoop", "verify opensnoop: unsigned: no signature"),
        (f"{name}:1", f"pull {name}:1: 404 not found"),
    ):
        result = line(ecli("verify", "--key", f"{key}.pub", operand, env=home))
        assert result.startswith(f"ecli: {said}"), result
    assert ecli("verify", "--key", f"{key}.pub", env=home).returncode == 2
    assert ecli("verify", "opensnoop", env=home).returncode == 2
    assert line(ecli("verify", "--key", f"{key}.key", "opensnoop", env=home)) == (
        f"ecli: read key {key}.key: a private key, expected the public one [the file NAME.pub beside it]"
    )


def test_files_are_verified_both_ways(
    ecli: Command, cosign: RegistryClient, home: dict[str, str], keys: Keys, trust_root: str, tmp_path: Path
) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(b'{"hello":1}')

    for made_by in ("ecdsa-p256", "ed25519", "cosign"):
        key = keys.made_by(made_by)
        assert ecli("sign", "--key", f"{key}.key", path, env=PASSWORD).returncode == 0
        theirs = ("verify-blob", "--key", f"{key}.pub", *NO_LOG)
        cosign(*theirs, "--signature", f"{path}.sig", path)
        bundle = f"{path}.sigstore.json"
        cosign(*theirs, "--new-bundle-format", "--trusted-root", trust_root, "--bundle", bundle, path)

        (tmp_path / "package.json.sig").unlink()
        (tmp_path / "package.json.sigstore.json").unlink()
        words = ("sign-blob", "--key", f"{key}.key", "--tlog-upload=false", "--yes")
        cosign(*words, "--output-signature", f"{path}.sig", path, env=PASSWORD)
        cosign(*words, "--new-bundle-format", "--bundle", bundle, path, env=PASSWORD)
        cosign(*words, "--bundle", tmp_path / "old.bundle", path, env=PASSWORD)
        read = ecli("verify", "--key", f"{key}.pub", "-j", path, env=home)
        assert [each["form"] for each in json.loads(read.stdout)["signatures"]] == ["bundle", "raw"]
        old = ecli("verify", "--key", f"{key}.pub", "--bundle", tmp_path / "old.bundle", "-j", path, env=home)
        assert [each["form"] for each in json.loads(old.stdout)["signatures"]] == ["raw"]
    path.write_bytes(b'{"hello":2}')
    assert "other digest: a signature of sha256:" in line(ecli("verify", "--key", f"{key}.pub", path, env=home))


def test_pkcs8_keys_go_to_cosign(ecli: Command, cosign: RegistryClient, tmp_path: Path) -> None:
    words = ("--key-format", "pkcs8", "--type", "ed25519", "--no-passphrase")
    made = ecli("key", "generate", *words, "-o", tmp_path / "plain")
    assert made.stderr == f"ecli: {tmp_path}/plain.key has no passphrase: who can read it can sign\n"
    assert (tmp_path / "plain.key").stat().st_mode & 0o777 == 0o600

    paths = ("--key", tmp_path / "plain.key", "--output-key-prefix", tmp_path / "imported")
    cosign("import-key-pair", *paths, "--yes", env=PASSWORD)

    shown = ecli("key", "show", tmp_path / "imported.key", env=PASSWORD)
    assert shown.stdout == ecli("key", "show", tmp_path / "plain.pub").stdout
    assert ecli("key", "public", tmp_path / "plain.key").stdout == (tmp_path / "plain.pub").read_text()
    again = ecli("key", "generate", "--no-passphrase", "-o", tmp_path / "plain")
    assert line(again) == f"ecli: make a key: {tmp_path}/plain.key is there already [-o NAME for another name]"
    unknown = ecli("sign", "--key", tmp_path / "imported.key", tmp_path / "plain.pub", env={"COSIGN_PASSWORD": "no"})
    assert line(unknown) == f"ecli: read key {tmp_path}/imported.key: wrong passphrase, or the file is damaged"


def test_an_index_is_signed_for_all_in_it(
    registry: Registries, ecli: Command, cosign: RegistryClient, home: dict[str, str], keys: Keys
) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    parts = [image(registry(), repository, f"part{each}", b"%d" % each) for each in range(2)]
    whole = index(registry(), repository, "1", parts)
    key = keys.made_by("ecdsa-p256")
    verify = ("verify", "--key", f"{key}.pub")

    assert ecli("sign", "--key", f"{key}.key", f"{name}:1", env={**home, **PASSWORD}).returncode == 0
    assert ecli(*verify, f"{name}:1", env=home).returncode == 0
    assert ecli(*verify, f"{name}@{whole}", env=home).returncode == 0
    for part in parts:
        assert line(ecli(*verify, f"{name}@{part}", env=home)).endswith(": unsigned: no signature")

    again = ecli("sign", "-r", "-j", "--key", f"{key}.key", f"{name}:1", env={**home, **PASSWORD})
    assert len(json.loads(again.stdout)[0]["written"]) == 4
    assert again.stderr.count("of this key already") == 2
    for digest in (whole, *parts):
        assert ecli(*verify, f"{name}@{digest}", env=home).returncode == 0
        cosign("verify", "--key", f"{key}.pub", *NO_LOG, f"{name}@{digest}")


def test_what_is_not_signed_by_us_is_refused_with_its_line(
    registry: Registries, ecli: Command, home: dict[str, str], keys: Keys
) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    image(registry(), repository)
    ours, theirs = keys.made_by("ecdsa-p256"), keys.made_by("ed25519")

    def refusal(key: str = ours, reference: str = f"{name}:1", *more: object) -> str:
        said = line(ecli("verify", "--key", f"{key}.pub", *more, reference, env=home))
        return said.removeprefix(f"ecli: verify {reference}: ")

    assert refusal() == "unsigned: no signature"
    assert ecli("sign", "--key", f"{theirs}.key", f"{name}:1", env={**home, **PASSWORD}).returncode == 0
    assert refusal().startswith(f"wrong key: not signed with the key {ours}.pub (sha256:")
    # signed, then something else is put under the tag
    assert ecli("sign", "--key", f"{ours}.key", f"{name}:1", env={**home, **PASSWORD}).returncode == 0
    assert ecli("verify", "--key", f"{ours}.pub", f"{name}:1", env=home).returncode == 0
    image(registry(), repository, data=b"something else")
    assert refusal() == "unsigned: no signature"


def copied(registry: Registry, source: str, target: str, digest: str, *, as_if_of: str = "") -> None:
    """Copy an image and its simple signatures to another repository, as `cosign copy` does."""
    with Pusher(registry.host) as pusher:
        for reference in (digest, simple_tag(digest)):
            manifest = pusher.manifest(source, reference)
            document = manifest.document
            for each in (document["config"], *document["layers"]):
                pusher.put_blob(target, blob(pusher, source, each["digest"]))
            tag = "1" if reference == digest else simple_tag(as_if_of or digest)
            pusher.put_manifest(target, tag, manifest.data, MANIFEST)


def blob(client: Pusher, repository: str, digest: str) -> bytes:
    import io

    sink = io.BytesIO()
    client.blob(repository, digest, -1, sink)
    return sink.getvalue()


def test_a_copied_signature_tells_the_name_it_was_made_for(
    registry: Registries, ecli: Command, home: dict[str, str], keys: Keys
) -> None:
    first, second = registry().repository(), registry().repository()
    digest = image(registry(), first.partition("/")[2])
    key = keys.made_by("ecdsa-p256")
    assert ecli("sign", "--key", f"{key}.key", f"{first}:1", env={**home, **PASSWORD}).returncode == 0

    copied(registry(), first.partition("/")[2], second.partition("/")[2], digest)

    verify = ("verify", "--key", f"{key}.pub")
    assert line(ecli(*verify, f"{second}:1", env=home)) == (
        f"ecli: verify {second}:1: other name: signed as {first}, not as {second} [--signed-as {first}]"
    )
    assert ecli(*verify, "--signed-as", first, f"{second}:1", env=home).returncode == 0


def test_a_signature_of_another_digest_is_refused(
    registry: Registries, ecli: Command, home: dict[str, str], keys: Keys
) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    good = image(registry(), repository)
    key = keys.made_by("ecdsa-p256")
    assert ecli("sign", "--key", f"{key}.key", f"{name}:1", env={**home, **PASSWORD}).returncode == 0
    other = image(registry(), repository, "2", b"not what was signed")

    with Pusher(registry().host) as pusher:
        stolen = pusher.manifest(repository, simple_tag(good))
        pusher.put_manifest(repository, simple_tag(other), stolen.data, MANIFEST)

    assert line(ecli("verify", "--key", f"{key}.pub", f"{name}:2", env=home)).endswith(
        f": other digest: a signature of {good}, not of {other}"
    )


def test_very_many_signatures_are_not_looked_at(
    registry: Registries, ecli: Command, home: dict[str, str], keys: Keys
) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    digest = image(registry(), repository)
    key = keys.made_by("ecdsa-p256")
    payload = forms.simple_payload(name, digest)
    with Pusher(registry().host) as pusher:
        layer = {
            "mediaType": SIMPLE_LAYER,
            "size": len(payload),
            "digest": pusher.put_blob(repository, payload),
            "annotations": {SIGNATURE: "AAAA"},
        }
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}
        config["digest"] = pusher.put_blob(repository, b"{}")
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] * 10_000}
        pusher.put_manifest(repository, simple_tag(digest), json.dumps(document).encode(), MANIFEST)

    said = line(ecli("verify", "--key", f"{key}.pub", f"{name}:1", env=home))

    assert said == f"ecli: {name}:{simple_tag(digest)}: 10000 signatures, at most 1000 are looked at"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    found = Site(tmp_path / "site")
    yield found
    found.close()


def test_signatures_lie_beside_urls(site: Site, ecli: Command, home: dict[str, str], keys: Keys) -> None:
    path = site.folder / "package.json"
    path.write_bytes(b'{"hello":1}')
    key = keys.made_by("ed25519")
    url = f"{site.url}/package.json"
    verify = ("verify", "--key", f"{key}.pub")

    assert line(ecli(*verify, url, env=home)) == (
        f"ecli: verify {url}: unsigned: no signature [expected {url}.sigstore.json or {url}.sig]"
    )
    assert ecli("sign", "--form", "simple", "--key", f"{key}.key", path, env=PASSWORD).returncode == 0
    assert ecli(*verify, url, env=home).returncode == 0
    assert ecli(*verify, f"{url}?version=1", env=home).returncode == 0
    assert site.requests[-1] == "/package.json.sig?version=1"
    (site.folder / "package.json.sigstore.json").write_bytes(b"x" * (2 << 20))
    assert "too large" in line(ecli(*verify, url, env=home))


def test_signing_again_adds_nothing(registry: Registries) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    digest = image(registry(), repository)
    ours, theirs = generate(), generate("ed25519")

    def signed(key: PrivateKey) -> int:
        with Pusher(registry().host) as pusher:
            (done,) = sign_image(pusher, repository, "1", key)
            assert done.digest == digest
            return len(done.written)

    assert [signed(ours), signed(theirs), signed(ours), signed(theirs)] == [2, 2, 0, 0]
    with Pusher(registry().host) as pusher:
        assert [each.form for each in of_image(pusher, repository, digest)] == ["simple"] * 2 + ["bundle"] * 2
