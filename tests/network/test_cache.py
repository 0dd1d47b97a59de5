"""What was fetched is kept, verified, and asked for again as `--pull` says: images of a real registry, and URLs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eunomia.registry.reference import parse
from eunomia.registry.remote import image_name
from eunomia.registry.store import Entry, Store
from support import wasm_writer
from support.commands import Command
from support.pushed import guest, push, push_container
from support.registries import Registry
from support.sites import Site, at_a_terminal


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


def cache(env: dict[str, str], reference: str, data: bytes) -> Store:
    """Put an image into the cache without a registry."""
    store = Store(str(Path(env["XDG_CACHE_HOME"], "eunomia/registry")))
    digest = store.put(data)
    manifest = store.put(json.dumps({"layers": [{"digest": digest}]}).encode())
    store.tag(Entry(image_name(parse(reference), ""), digest, digest=manifest, parts=(manifest,)))
    return store


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
        f"ecli: {image}: what the cache had of it was damaged (it is not sha256:{digest}); it is fetched anew\n",
    )
    assert ecli("run", "--offline", image, env=env).returncode == 7


def test_an_entry_that_was_bent_to_another_program_does_not_pass_for_the_image(
    ecli: Command, env: dict[str, str], image: str
) -> None:
    digest = push(image, guest(7))
    assert ecli("run", image, env=env).returncode == 7
    store = Store(str(Path(env["XDG_CACHE_HOME"], "eunomia/registry")))
    entry = store.lookup(image_name(parse(image), ""))
    assert entry is not None
    entry.data = store.put(guest(9))  # whole and by its digest, but not this image's
    store.tag(entry)

    refused = ecli("run", "--offline", image, env=env)
    assert (refused.returncode, f"{entry.data} is not what {digest} leads to" in refused.stderr) == (1, True)
    anew = ecli("run", image, env=env)
    assert (anew.returncode, "it is fetched anew" in anew.stderr) == (7, True)


@pytest.mark.parametrize("is_index", [False, True])
def test_a_program_in_a_container_image_is_taken_out_of_it_again(
    is_index: bool, ecli: Command, env: dict[str, str], image: str
) -> None:
    push_container(image, guest(7), is_index=is_index)
    assert ecli("run", image, env=env).returncode == 7
    assert ecli("run", "--offline", image, env=env).returncode == 7

    store = Store(str(Path(env["XDG_CACHE_HOME"], "eunomia/registry")))
    entry = store.lookup(image_name(parse(image), ""))
    assert entry is not None
    entry.data = store.put(guest(9))
    store.tag(entry)
    assert ecli("run", "--offline", image, env=env).returncode == 1
    assert ecli("cache", "prune", "--older", "0", env=env).returncode == 0
    assert blobs(env) == []


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
    assert f"ecli: cache: not kept: {place}" in told.stderr
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
    cache(env, gone, guest(7))

    failed = ecli("run", "--pull", "always", gone, env=env)

    assert (failed.returncode, failed.stderr) == (
        1,
        f"ecli: pull {gone}: connection refused [without --pull always, what the cache has of it runs]\n",
    )
    assert ecli("run", gone, env=env).returncode == 7


def test_a_long_download_is_shown_at_a_terminal_and_nowhere_else(ecli: Command, env: dict[str, str]) -> None:
    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = guest(7) + wasm_writer.section(0, b"\4fill" + bytes(12 << 10))
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for start in range(0, len(data), 1024):
                self.wfile.write(data[start : start + 1024])
                self.wfile.flush()
                time.sleep(0.1)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/tool.wasm"
        env["TERM"] = "xterm"
        code, seen, _ = at_a_terminal([*ecli.argv, "run", url], "", env)
        silent = ecli("run", url, env=env)
        quiet = at_a_terminal([*ecli.argv, "run", "-q", url], "", env)
        server.shutdown()

    assert code == 7
    assert re.search(r"tool\.wasm \[#+\.+\] +\d+% of 12\.\d kB \d", seen), seen
    assert seen.endswith("\r\x1b[K")  # nothing of it stays
    assert (silent.returncode, silent.stderr) == (7, "")
    assert quiet[:2] == (7, "")


def test_a_start_is_timed_in_parts(ecli: Command, env: dict[str, str], image: str) -> None:
    push(image, guest(7))
    env["ECLI_TIMES"] = "1"

    first, second = ecli("run", image, env=env).stderr, ecli("run", image, env=env).stderr

    def parts(line: str) -> list[str]:
        return re.findall(r"([a-z]+) \d+\.\d", line)

    assert parts(first) == ["start", "resolve", "download", "verify", "keep", "trust", "begin"]
    assert parts(second) == ["start", "resolve", "verify", "trust", "begin"]
    assert re.match(rf"ecli: {re.escape(image)}: \d+ ms: start \d", second)
