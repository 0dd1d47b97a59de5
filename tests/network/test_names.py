"""What is found behind a name, in which order, and that a word stays on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.registry.store import digest_of
from support import hubs
from support.commands import Command
from support.pushed import guest, push
from support.registries import Registry
from support.sites import Site


@pytest.fixture
def env(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A home of its own in which what nobody signed is run."""
    none = tmp_path / "none.toml"
    return {
        **home,
        "ECLI_ALLOW_UNSIGNED": "1",
        "ECLI_CONFIG": str(none),
        "EUNOMIA_RUNTIME_DIR": home["XDG_RUNTIME_DIR"],
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    found = Site(tmp_path / "site")
    yield found
    found.close()


def test_a_word_and_a_path_never_leave_the_machine(
    ecli: Command, env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    env |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), site.url)

    for name in ("opensnop", "xyzzy", "org/tool", "out/tool.json", "./tool", "tool.wasm"):
        assert ecli("run", name, env=env, cwd=tmp_path).returncode == 1
    for name in ("tool:latest", "org/tool:1", "tool@sha256:" + "ab" * 32):
        failed = ecli("run", name, env=env, cwd=tmp_path)
        assert failed.stderr == (
            f"ecli: open {name}: no registry is named in it, and no default registry is configured "
            '[write HOST/NAME:TAG; or registry = "HOST" in ~/.config/eunomia/config.toml or /etc/eunomia/config.toml]\n'
        )
    for name, told in (
        ("org/tool", "no such file, and no hub org [ecli hub add org SOURCE]"),
        ("tool@", "no version after the @"),
        ("127.0.0.1:5", "not a reference: a registry, and no image in it [127.0.0.1:5/NAME:TAG]"),
    ):
        assert told in ecli("run", name, env=env, cwd=tmp_path).stderr
    schemed = ecli("run", "tool:1", env={**env, "ECLI_REGISTRY": site.url}, cwd=tmp_path)
    assert f"a registry has no scheme [ECLI_REGISTRY={site.url.partition('://')[2]};" in schemed.stderr

    assert site.requests == []
    asked = ecli("run", "http://registry.invalid/x", env=env)  # the proxy would have seen it
    assert asked.returncode == 1
    assert len(site.requests) == 1


def test_the_default_registry_has_names_of_all_forms(
    ecli: Command, env: dict[str, str], registry: Callable[..., Registry]
) -> None:
    host, _, prefix = registry().repository().partition("/")
    push(f"{host}/{prefix}/tool:latest", guest(3))
    digest = push(f"{host}/{prefix}/tool:2", guest(4))
    push(f"{host}/org/tool:2", guest(5))
    Path(env["ECLI_CONFIG"]).write_text(f'registry = "{host}"\nprefix = "{prefix}"\n')

    assert ecli("run", "tool", env=env).returncode == 3
    assert ecli("run", "tool:2", env=env).returncode == 4
    assert ecli("run", f"tool@{digest}", env=env).returncode == 4
    assert ecli("run", "org/tool:2", env=env).returncode == 5
    assert ecli("run", "oci://tool:2", env=env).returncode == 4
    assert (
        ecli("run", "org/tool", env=env).stderr
        == "ecli: open org/tool: no such file, and no hub org [ecli hub add org SOURCE]\n"
    )
    missing = ecli("run", "tol", env=env)
    assert missing.returncode == 1
    assert missing.stderr.startswith(f"ecli: pull {host}/{prefix}/tol:latest: ")
    env["ECLI_CONFIG"] = "/nonexistent"
    assert ecli("run", "tool:2", env={**env, "ECLI_REGISTRY": f"{host}/{prefix}"}).returncode == 4


def test_what_is_special_about_a_registry_stands_in_the_configuration(
    ecli: Command, env: dict[str, str], registry: Callable[..., Registry]
) -> None:
    secured = registry(tls=True)
    image = f"{secured.repository()}:1"
    host = image.partition("/")[0]
    push(image, guest(6), str(secured.ca))

    assert ecli("run", image, env=env).returncode == 1
    assert ecli("run", "--ca-file", secured.ca, image, env=env).returncode == 6
    ecli("cache", "clear", env=env)
    Path(env["ECLI_CONFIG"]).write_text(f'[registries."{host}"]\nca-file = "{secured.ca}"\n')
    assert ecli("run", image, env=env).returncode == 6


def test_places_are_looked_at_in_the_order_that_is_written_down(
    ecli: Command, env: dict[str, str], registry: Callable[..., Registry], site: Site, tmp_path: Path
) -> None:
    host, _, prefix = registry().repository().partition("/")
    env["ECLI_REGISTRY"] = f"{host}/{prefix}"
    here = tmp_path / "here"
    here.mkdir()
    push(f"{host}/{prefix}/flows:latest", guest(9))
    run = ["run", "-v", "flows"]
    assert ecli(*run, env=env, cwd=here).returncode == 9

    hub = hubs.folder(
        tmp_path / "hub", hubs.tool("flows", hubs.version("1.0", guest(8)), kind="guest"),
        files={"t/1.0/package.json": guest(8)},
    )  # fmt: skip
    assert ecli("hub", "add", "mine", hub, env=env).returncode == 0
    of_hub = ecli(*run, env=env, cwd=here)
    assert (of_hub.returncode, "ecli: flows: mine/flows@1.0, by the hub mine\n" in of_hub.stderr) == (8, True)

    (site.folder / "flows").mkdir()
    (site.folder / "flows/package.json").write_bytes(guest(7))
    remote = {**env, "EUNOMIA_REPOSITORY": site.url}
    of_site = ecli(*run, env=remote, cwd=here)
    assert (of_site.returncode, "as EUNOMIA_REPOSITORY says" in of_site.stderr) == (7, True)
    assert ecli("run", "flows:latest", env=remote, cwd=here).returncode == 7
    assert ecli("run", "--offline", "flows", env=remote, cwd=here).returncode == 7
    (site.folder / "flows/app.wasm").write_bytes(guest(6))
    assert ecli("run", "flows", env={**remote, "XDG_CACHE_HOME": str(tmp_path)}, cwd=here).returncode == 6

    local = {**env, "EUNOMIA_REPOSITORY": str(tmp_path / "checkout")}
    (tmp_path / "checkout/flows").mkdir(parents=True)
    (tmp_path / "checkout/flows/app.wasm").write_bytes(guest(5))
    assert ecli(*run, env=local, cwd=here).returncode == 5

    (here / "flows").mkdir()
    (here / "flows/x.wasm").write_bytes(guest(4))
    assert ecli(*run, env=local, cwd=here).returncode == 4
    assert ecli("run", "mine/flows@1.0", env=local, cwd=here).returncode == 8


def test_a_lock_file_holds_images_urls_and_hubs_to_their_digests(
    ecli: Command, env: dict[str, str], registry: Callable[..., Registry], site: Site, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    image, url = f"{registry().repository()}:1", f"{site.url}/a.wasm"
    digest = push(image, guest(3))
    (site.folder / "a.wasm").write_bytes(guest(4))
    hub = hubs.folder(
        tmp_path / "hub", hubs.tool("flows", hubs.version("1.0", guest(5)), kind="guest"),
        files={"t/1.0/package.json": guest(5)},
    )  # fmt: skip
    ecli("hub", "add", "mine", hub, env=env)
    del env["ECLI_ALLOW_UNSIGNED"]

    locked = ecli("lock", image, url, "flows", env=env, cwd=here)
    assert (locked.returncode, locked.stderr) == (0, "")
    assert locked.lines[0] == f"{image}: {image} is {digest}"
    with_others = (here / "eunomia.lock").read_text()
    for name, code in ((image, 3), (url, 4), ("flows", 5)):
        assert ecli("run", "--locked", name, env=env, cwd=here).returncode == code  # pinned: nobody is asked
    assert ecli("run", image, env=env, cwd=tmp_path).returncode == 1  # the file is not in that folder

    for machine, code in (
        ("linux/arm64", 3),
        ("", 1),
    ):  # bytes are held to those of the platform that they were locked on
        (here / "eunomia.lock").write_text(with_others.replace(digest_of(guest(3)), digest_of(guest(99))))
        platform = ["--platform", machine] if machine else []
        assert ecli("run", *platform, image, env=env, cwd=here).returncode == code
    (here / "eunomia.lock").write_text(with_others)

    push(image, guest(6))
    (site.folder / "a.wasm").write_bytes(guest(7) + b"\0\1\0")
    assert ecli("run", "--pull", "always", image, env=env, cwd=here).returncode == 3
    refused = ecli("run", "--pull", "always", url, env=env, cwd=here)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"ecli: open {url}: it is sha256:")
    assert refused.stderr.endswith(f"[if it was meant to change: ecli lock --update {url}]\n")
    assert ecli("lock", "--check", env=env, cwd=here).returncode == 1
    other = ecli("run", "--locked", f"{site.url}/b.wasm", env=env, cwd=here)
    assert f"not in eunomia.lock, and --locked was given [ecli lock {site.url}/b.wasm]" in other.stderr

    updated = ecli("lock", "--update", env=env, cwd=here)
    assert (updated.returncode, sum(" (was sha256:" in line for line in updated.lines)) == (0, 2)
    assert ecli("run", image, env=env, cwd=here).returncode == 6
    assert ecli("lock", "--check", env=env, cwd=here).returncode == 0
    assert ecli("lock", "--remove", url, env=env, cwd=here).returncode == 0
    assert [each["name"] for each in json.loads(ecli("lock", "-j", env=env, cwd=here).stdout)] == [image, "flows"]


def test_every_command_that_takes_a_program_takes_a_reference(
    ecli: Command, ecc: Command, env: dict[str, str], registry: Callable[..., Registry], root: Path
) -> None:
    image = f"{registry().repository()}:1"
    push(image, (root / "tests/data/simple-0.3.3.json").read_bytes())

    assert "simple_bpf" in ecli("inspect", image, env=env).stdout
    assert "--pid_filter" in ecli("run", image, "--help", env=env).stdout
    assert "runs" in ecli("check", "--offline", image, env=env).stdout
    assert "struct simple_bpf" in ecc("gen", "skeleton", image, env=env).stdout
    assert json.loads(ecli("inspect", "-j", "--offline", image, env=env).stdout)["programs"]


def test_options_of_fetching_after_the_name_count_too(
    ecli: Command, env: dict[str, str], registry: Callable[..., Registry], tmp_path: Path
) -> None:
    image = f"{registry().repository()}:1"
    assert ecli("push", "sigsnoop", image, env=env).returncode == 0
    zeros = "0" * 64

    for words, line in (
        (("--sha256", zeros), "sha256"),
        (("--locked",), "not in"),
        (("--pull", "never", "--offline", "--sha256", zeros), "sha256"),
    ):
        before, after = (
            ecli("run", *words, image, env=env, cwd=tmp_path),
            ecli("run", image, *words, env=env, cwd=tmp_path),
        )
        assert (after.returncode, after.stdout, after.stderr) == (1, "", before.stderr)
        assert line in after.stderr
    twice = ecli("run", "--sha256", zeros[1:] + "1", image, "--sha256", zeros, env=env, cwd=tmp_path)
    assert twice.returncode == 1
    stdin = ecli("run", "-", "--sha256", zeros, input=(tmp_path / "none").name, env=env)
    assert stdin.returncode in (1, 2)
    good = ecli("run", image, "--offline", "--duration", "0.1", env=env, cwd=tmp_path)
    assert good.returncode == 0, good
