"""What was fetched is kept, verified, and asked for again as `--pull` says: images of a real registry, and URLs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.registry.reference import parse
from eunomia.registry.remote import image_name
from eunomia.registry.store import Entry, Store
from support import wasm_writer
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
def image(registry: Callable[..., Registry]) -> str:
    """A reference that nobody has pushed to yet."""
    return f"{registry().repository()}:1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    found = Site(tmp_path / "site")
    yield found
    found.close()


def blobs(env: dict[str, str]) -> list[Path]:
    """The files of the cache that hold bytes."""
    return sorted(Path(env["XDG_CACHE_HOME"], "eunomia/registry/blobs").iterdir())


def test_an_image_is_fetched_once_and_then_runs_without_a_registry(
    ecli: Command, env: dict[str, str], image: str
) -> None:
    missing = ecli("run", "--offline", image, env=env)
    assert missing.stderr == (
        f"ecli: open {image}: not in the cache, and --offline was given [run or pull it once without]\n"
    )
    digest = push(image, guest(7))

    assert ecli("run", image, env=env).returncode == 7
    assert ecli("run", "--offline", image, env=env).returncode == 7
    assert ecli("run", "--offline", f"{image.rpartition(':')[0]}@{digest}", env=env).returncode == 7
    assert ecli("run", image, env={**env, "ECLI_OFFLINE": "1"}).returncode == 7
    told = ecli("run", "-v", "--pull", "never", image, env=env)
    assert f"ecli: {image}: from the cache, {digest} fetched just now\n" in told.stderr
    listed = ecli("cache", "list", env=env)
    assert listed.lines[0].startswith(f"{image} linux/")
    assert listed.lines[-1].startswith("1 program, ")


def test_a_tag_that_moved_is_found_by_pull_always(ecli: Command, env: dict[str, str], image: str) -> None:
    push(image, guest(7))
    assert ecli("run", image, env=env).returncode == 7
    push(image, guest(8))

    assert ecli("run", image, env=env).returncode == 7
    assert ecli("run", "--pull", "missing", image, env=env).returncode == 7
    assert ecli("run", "--pull", "always", image, env=env).returncode == 8
    assert ecli("run", image, env=env).returncode == 8
    again = ecli("run", "-v", "--pull", "always", image, env=env)
    assert (again.returncode, "which is in the cache" in again.stderr) == (8, True)


def test_what_was_tampered_with_in_the_cache_is_told_and_fetched_anew(
    ecli: Command, env: dict[str, str], image: str
) -> None:
    push(image, guest(7))
    assert ecli("run", image, env=env).returncode == 7
    digest = hashlib.sha256(guest(7)).hexdigest()
    path = Path(env["XDG_CACHE_HOME"], "eunomia/registry/blobs", digest)
    path.write_bytes(guest(9))

    refused = ecli("run", "--offline", image, env=env)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"ecli: open {image}: what the cache has of it is damaged: it is not sha256:{digest} [run it once without "
        "--offline to fetch it anew]\n"
    )
    path.write_bytes(guest(9))
    anew = ecli("run", image, env=env)
    assert (anew.returncode, anew.stderr) == (
        7,
        f"ecli: {image}: what the cache had of it was damaged (not sha256:{digest}); it is fetched anew\n",
    )
    assert ecli("run", "--offline", image, env=env).returncode == 7


def test_of_several_that_want_the_same_one_downloads(
    env: dict[str, str], registry: Callable[..., Registry], image: str, ecli: Command
) -> None:
    push(image, guest(7) + wasm_writer.section(0, b"\4fill" + bytes(3 << 20)))
    before = registry().log.read_text().count("GET /v2/")

    running = [ecli.start("run", image, env=env) for _ in range(4)]

    assert [each.finish().returncode for each in running] == [7] * 4
    asked = [line for line in registry().log.read_text().splitlines() if "GET /v2/" in line][before:]
    assert sum("/blobs/" in line and image.split("/", 1)[1].partition(":")[0] in line for line in asked) <= 2


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache"])
def test_without_a_cache_it_runs_and_says_why_only_when_asked(
    place: str, ecli: Command, env: dict[str, str], image: str
) -> None:
    push(image, guest(7))
    env["XDG_CACHE_HOME"] = place

    quiet, told = ecli("run", image, env=env), ecli("run", "-v", image, env=env)

    assert (quiet.returncode, quiet.stderr) == (7, "")
    assert "ecli: cache: not kept: there is no folder for it that is yours alone" in told.stderr
    assert ecli("cache", "list", env=env).returncode == 1


def test_on_a_full_disk_it_runs_and_leaves_nothing_half_written(ecli: Command, env: dict[str, str], site: Site) -> None:
    (site.folder / "a.wasm").write_bytes(guest(7))
    words = [*ecli.argv, "run", "-v", f"{site.url}/a.wasm"]

    run = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "-", *words],
        env={**os.environ, **env},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert (run.returncode, "cache: not kept: write " in run.stderr) == (7, True)
    assert blobs(env) == []


def test_a_url_is_asked_for_again_only_where_it_changed(ecli: Command, env: dict[str, str], site: Site) -> None:
    path, url = site.folder / "a.wasm", f"{site.url}/a.wasm"
    path.write_bytes(guest(7))

    assert ecli("run", url, env=env).returncode == 7
    again = ecli("run", "-v", url, env=env)
    assert (again.returncode, f"ecli: {url}: not modified, it is in the cache\n" in again.stderr) == (7, True)
    path.write_bytes(guest(8))
    os.utime(path, (2e9, 2e9))
    assert ecli("run", "--pull", "missing", url, env=env).returncode == 7
    assert ecli("run", url, env=env).returncode == 8

    asked = len(site.requests)
    assert ecli("run", "--offline", url, env=env).returncode == 8
    assert ecli("run", "--sha256", hashlib.sha256(guest(8)).hexdigest(), url, env=env).returncode == 8
    assert len(site.requests) == asked


def test_a_url_with_a_password_is_not_kept(ecli: Command, env: dict[str, str], site: Site) -> None:
    (site.folder / "a.wasm").write_bytes(guest(7))

    ecli("run", site.url.replace("://", "://me:secret@") + "/a.wasm", env=env)

    kept = Path(env["XDG_CACHE_HOME"], "eunomia/registry/names")
    assert not kept.exists() or not any(b"secret" in each.read_bytes() for each in kept.iterdir())


def test_the_cache_is_pruned_and_cleared(ecli: Command, env: dict[str, str], image: str, site: Site) -> None:
    push(image, guest(7))
    (site.folder / "a.wasm").write_bytes(guest(8))
    ecli("run", image, env=env)
    ecli("run", f"{site.url}/a.wasm", env=env)
    assert len(json.loads(ecli("cache", "list", "-j", env=env).stdout)["programs"]) == 2

    assert ecli("cache", "prune", env=env).stdout == "0 programs, 0 B removed\n"
    pruned = ecli("cache", "prune", "--size", "1", env=env)
    assert pruned.returncode == 0
    assert f"removed {image} linux/" in pruned.stdout
    assert ecli("cache", "list", env=env).lines[0].startswith("0 programs")

    ecli("run", image, env=env)
    assert ecli("cache", "clear", env=env).returncode == 0
    assert blobs(env) == []
    assert ecli("run", "--offline", image, env=env).returncode == 1


def test_a_registry_that_is_gone_leaves_the_cache_as_a_way_out(ecli: Command, env: dict[str, str]) -> None:
    gone = "127.0.0.1:9/tests/x:1"
    store = Store(str(Path(env["XDG_CACHE_HOME"], "eunomia/registry")))
    store.tag(Entry(image_name(parse(gone), ""), store.put(guest(7))))

    failed = ecli("run", "--pull", "always", gone, env=env)

    assert (failed.returncode, failed.stderr) == (
        1,
        f"ecli: pull {gone}: connection refused [without --pull always, what the cache has of it runs]\n",
    )
    assert ecli("run", gone, env=env).returncode == 7
