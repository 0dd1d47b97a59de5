"""What is signed runs where a rule asks for it, and each other case is refused with its line: images, URLs, hubs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.publish.upload import Pusher
from eunomia.registry.attached_image import simple_tag
from eunomia.registry.client import MANIFEST
from support import hubs, wasm_writer
from support.commands import Command, Result
from support.private_sigstore import ISSUER, Sigstore
from support.registries import Registry
from support.sites import Site, replace

SEVEN = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(7) + wasm_writer.call(0))
EIGHT = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(8) + wasm_writer.call(0))
Registries = Callable[..., Registry]


def guest(host: str, repository: str, tag: str = "1", data: bytes = SEVEN) -> str:
    """Push a guest in the CNCF layout; return its digest."""
    with Pusher(host) as pusher:
        layer = {"mediaType": "application/wasm", "size": len(data), "digest": pusher.put_blob(repository, data)}
        config = {"mediaType": "application/vnd.wasm.config.v0+json", "size": 2}
        config["digest"] = pusher.put_blob(repository, b"{}")
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        return pusher.put_manifest(repository, tag, json.dumps(document).encode(), MANIFEST)


class Home:
    """A user with a key, another's key, and a policy."""

    def __init__(self, folder: Path, env: dict[str, str], ecli: Command) -> None:
        self.folder, self.ecli = folder, ecli
        self.env = {**env, "ECLI_ALLOW_UNSIGNED": "", "no_proxy": "*", "EUNOMIA_POLICY": str(folder / "policy.toml")}
        self.env["EUNOMIA_SYSTEM_HUBS"] = str(folder / "no-hubs.toml")
        for name in ("ours", "theirs"):
            made = ecli("key", "generate", "--no-passphrase", "-o", folder / name)
            assert made.returncode == 0, made
        self.trust("ours.pub")

    def trust(self, *keys: str, match: str = "*", more: str = "") -> None:
        """Ask for a signature by one of these keys: files, or what TOML has for them."""
        listed = ", ".join(each if each.startswith("{") else f'"{each}"' for each in keys)
        self.policy(f'[[trust]]\nmatch = "{match}"\nkeys = [{listed}]\nunsigned = "refuse"\n{more}')

    def policy(self, text: str) -> None:
        path = self.folder / "policy.toml"
        path.write_text(text)
        path.chmod(0o600)

    def run(self, program: str, *words: str) -> Result:
        return self.ecli("run", *words, program, env=self.env)

    def sign(self, what: object, key: str = "ours") -> None:
        signed = self.ecli("sign", "--key", self.folder / f"{key}.key", what, env=self.env)
        assert signed.returncode == 0, signed

    def refusal(self, program: str, *words: str) -> str:
        """The line with which a program is refused."""
        result = self.run(program, *words)
        assert (result.returncode, result.stdout) == (1, ""), result
        (line,) = result.stderr.splitlines()
        return line


@pytest.fixture
def user(tmp_path: Path, home: dict[str, str], ecli: Command) -> Home:
    return Home(tmp_path, home, ecli)


def test_a_signed_image_runs_and_each_other_is_refused(registry: Registries, user: Home) -> None:
    name = registry().repository()
    repository = name.partition("/")[2]
    guest(registry().host, repository)

    assert "no signature" in user.refusal(f"{name}:1")
    user.sign(f"{name}:1", "theirs")
    assert "not signed with the key" in user.refusal(f"{name}:1", "--pull", "always")
    user.sign(f"{name}:1")
    assert user.run(f"{name}:1", "--pull", "always").returncode == 7
    assert user.run(f"{name}:1").returncode == 7
    assert user.run(f"{name}:1", "--offline").returncode == 7
    offline = user.ecli("verify", "--offline", "--key", user.folder / "ours.pub", f"{name}:1", env=user.env)
    assert offline.stdout.startswith(f"{name}:1: signed by key "), offline

    guest(registry().host, repository, data=EIGHT)  # another image under the tag
    assert "no signature" in user.refusal(f"{name}:1", "--pull", "always")


def test_a_key_that_is_taken_away_takes_its_old_signatures_with_it(registry: Registries, user: Home) -> None:
    name = registry().repository()
    guest(registry().host, name.partition("/")[2])
    user.sign(f"{name}:1")
    assert user.run(f"{name}:1").returncode == 7

    user.trust("theirs.pub")
    assert "not signed with the key" in user.refusal(f"{name}:1")
    assert "not signed with the key" in user.refusal(f"{name}:1", "--offline")
    for until in ('"2020-01-01"', "2020-01-01"):
        user.trust(f'{{ file = "ours.pub", not-after = {until} }}')
        assert "which expired on 2020-01-01" in user.refusal(f"{name}:1")
        explained = user.ecli("verify", "--explain", f"{name}:1", env=user.env)
        assert "            signed by key ours.pub (until 2020-01-01), else refuse" in explained.lines
    user.trust("theirs.pub", "ours.pub")
    assert user.run(f"{name}:1", "--offline").returncode == 7


def test_an_image_under_another_name_is_refused(registry: Registries, user: Home) -> None:
    first, second = registry().repository(), registry().repository()
    old, new = first.partition("/")[2], second.partition("/")[2]
    digest = guest(registry().host, old)
    user.sign(f"{first}:1")

    guest(registry().host, new)
    with Pusher(registry().host) as pusher:
        signatures = pusher.manifest(old, simple_tag(digest))
        for each in (signatures.document["config"], *signatures.document["layers"]):
            import io

            sink = io.BytesIO()
            pusher.blob(old, each["digest"], -1, sink)
            pusher.put_blob(new, sink.getvalue())
        pusher.put_manifest(new, simple_tag(digest), signatures.data, MANIFEST)

    assert f"signed as {first}, not as {second}" in user.refusal(f"{second}:1")
    user.trust("ours.pub", more='signed-as = "elsewhere.example/*"')
    assert f"signed as {first}, not as {second}" in user.refusal(f"{second}:1")
    user.trust("ours.pub", more=f'signed-as = ["elsewhere.example/*", "{first}"]')
    assert user.run(f"{second}:1").returncode == 7
    explained = user.ecli("verify", "--explain", f"{second}:1", env=user.env)
    assert f"            signed as elsewhere.example/*, {first} too" in explained.lines


def test_what_was_changed_in_the_cache_does_not_run(registry: Registries, user: Home) -> None:
    name = registry().repository()
    guest(registry().host, name.partition("/")[2])
    user.sign(f"{name}:1")
    assert user.run(f"{name}:1").returncode == 7
    cache = Path(user.env["XDG_CACHE_HOME"]) / "eunomia"
    digest = hashlib.sha256(SEVEN).hexdigest()
    (path,) = [each for each in cache.rglob("*") if each.is_file() and each.read_bytes() == SEVEN]
    assert digest in str(path)

    path.chmod(0o600)
    path.write_bytes(EIGHT)

    assert user.run(f"{name}:1", "--offline").returncode == 1
    assert user.run(f"{name}:1").returncode == 7, "it is fetched again"
    for kept in (cache / "signatures").iterdir():
        kept.write_bytes(kept.read_bytes().replace(b"simple", b"bundle"))
    user.trust("theirs.pub", "ours.pub")
    assert user.run(f"{name}:1").returncode == 7, "its signatures are fetched again"


def test_files_beside_a_url_sign_it(user: Home, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    path = site.folder / "seven.wasm"
    path.write_bytes(SEVEN)
    url = f"{site.url}/seven.wasm"

    assert "no signature" in user.refusal(url)
    user.sign(path)
    assert user.run(url).returncode == 7
    replace(path, EIGHT)
    assert "signature of sha256:" in user.refusal(url)
    site.close()


def test_a_signed_hub(user: Home, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    packages = hubs.packages(tmp_path / "tools", Path(__file__).parent.parent.parent, {"seven": SEVEN})
    for each in packages.iterdir():
        if each.name != "seven":
            shutil.rmtree(each)
    out = tmp_path / "hub"
    built = user.ecli("hub", "build", packages, "--out", out, "--sign", tmp_path / "ours.key", env=user.env)
    assert built.returncode == 0, built
    site = Site(out)
    assert user.ecli("hub", "add", "ours", site.url, env=user.env).returncode == 0

    assert user.run("ours/seven").returncode == 7
    verified = user.ecli("verify", "--key", tmp_path / "ours.pub", "ours/seven", env=user.env)
    assert verified.stdout.startswith("ours/seven: signed by key "), verified
    user.trust("theirs.pub")
    assert "not signed with the key" in user.refusal("ours/seven")
    site.close()


def test_an_identity_signs(user: Home, tmp_path: Path) -> None:
    world = Sigstore()
    (tmp_path / "root.json").write_bytes(world.trusted_root())
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    (site.folder / "seven.wasm").write_bytes(SEVEN)
    bundle = world.signer("https://example.org/release.yml").bundle(SEVEN)
    (site.folder / "seven.wasm.sigstore.json").write_text(json.dumps(bundle))
    url = f"{site.url}/seven.wasm"

    def trust(identity: str) -> None:
        wanted = f'{{ identity = "{identity}", issuer = "{ISSUER}", root = "root.json" }}'
        user.policy(f'[[trust]]\nmatch = "*"\nidentities = [{wanted}]\nunsigned = "refuse"\n')

    trust("https://example.org/release.yml")
    assert user.run(url).returncode == 7
    trust("https://example.org/other.yml")
    assert "signed by https://example.org/release.yml (of https://accounts.example.org), not by" in user.refusal(url)
    site.close()


def test_an_executable_of_what_a_rule_refuses_is_not_made(registry: Registries, user: Home, tmp_path: Path) -> None:
    image = f"{registry().repository()}:1"
    pushed = user.ecli("push", "sigsnoop", image, env=user.env)
    assert pushed.returncode == 0, pushed
    user.trust("ours.pub")

    refused = user.ecli("export", image, "--format", "standalone", "-o", tmp_path / "made", env=user.env)
    assert (refused.returncode, (tmp_path / "made").exists()) == (1, False)
    assert "no signature: refused by" in refused.stderr

    user.sign(image)
    made = user.ecli("export", image, "--format", "standalone", "-o", tmp_path / "made", env=user.env)
    assert (made.returncode, (tmp_path / "made").read_bytes()[:4]) == (0, b"\x7fELF"), made
