"""Our own tools as a hub: built, served over loopback HTTP and from registries, searched, installed, upgraded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import hubs, provoke, wasm_writer
from support.commands import Command
from support.registries import Registry
from support.registry_clients import RegistryClient
from support.sites import Site

SEVEN = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(7) + wasm_writer.call(0))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    return hubs.packages(tmp_path_factory.mktemp("packages"), root, {"seven": SEVEN})


@pytest.fixture(scope="module")
def first_build(packages: Path, root: Path, tmp_path_factory: pytest.TempPathFactory, test_session: str) -> Path:
    """The hub of our own tools and a guest, as its owner makes it."""
    place = tmp_path_factory.mktemp("hub") / "site"
    matrix = str(root / "docs/matrix.json")
    ecli = Command("ecli", test_session)
    made = ecli("hub", "build", str(packages), "--out", str(place), "--title", "Our tools", "--matrix", matrix)
    ecli.close()
    assert made.lines[-1] == f"{place}: 21 tools, 21 versions [ecli hub add NAME {place}]", made
    return place


@pytest.fixture
def built(first_build: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(first_build, tmp_path / "hub")


@pytest.fixture
def site(built: Path) -> Iterator[Site]:
    found = Site(built)
    yield found
    found.close()


@pytest.fixture
def home(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {
        **home,
        "EUNOMIA_SYSTEM_HUBS": str(tmp_path / "etc-hubs.toml"),
        "ECLI_ALLOW_UNSIGNED": "",
        "no_proxy": "*",
        "COLUMNS": "200",
    }


def test_our_tools_are_found_and_installed_over_http(ecli: Command, site: Site, home: dict[str, str]) -> None:
    added = ecli("hub", "add", "ours", site.url, env=home)
    assert (added.returncode, added.stdout) == (0, "added ours: 21 tools [ecli search --hub ours]\n"), added
    asked = len(site.requests)

    found = ecli("search", "--hub", "ours", "tcp", "time", env=home)
    line = "tcpstates  0.1.0  ours  Trace TCP connections as they change state, with the time spent in each"
    assert found.lines == [line], found
    shown = ecli("info", "ours/opensnoop", env=home)
    assert "opensnoop 0.1.0: Trace files as they are opened: who, which, and with what result" in shown.stdout
    assert f"from        ours ({site.url})" in shown.stdout
    assert "-x, --failed       bool      = false  only show failed opens" in shown.stdout
    assert "6.12.117+deb12-cloud-arm64  fired  2026" in shown.stdout
    assert len(site.requests) == asked, "search and info ask no network"

    names = [each["name"] for each in json.loads((site.folder / "index.json").read_bytes())["tools"]]
    installed = ecli("install", *(f"ours/{name}" for name in names), env=home)
    assert installed.returncode == 0, installed
    assert len(installed.lines) == 21
    assert site.requests[asked:] == [
        f"/{name}/{'1.0/app.wasm' if name == 'seven' else '0.1.0/package.json'}" for name in names
    ]
    assert ecli("install", env=home).lines[0].startswith("bashreadline    0.1.0  ours  sha256:")


@pytest.mark.root
def test_tools_and_guests_run_by_their_names(ecli: Command, site: Site, home: dict[str, str]) -> None:
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    asked = len(site.requests)

    refused = ecli("run", "seven", env=home)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "unsigned, and nobody is at a terminal to be asked [--allow-unsigned runs it" in refused.stderr
    assert ecli("run", "--allow-unsigned", "seven", env=home).returncode == 7
    assert ecli("--allow-unsigned", "seven@1", env=home).returncode == 7
    assert ecli("run", "--offline", "--allow-unsigned", "ours/seven@1.0", env=home).returncode == 7
    running = ecli.start("run", "--allow-unsigned", "-j", "--max-events", "1", "ours/opensnoop", env=home)
    running.wait_attached()
    provoke.open_file()
    package = running.finish()
    assert package.returncode == 0, package
    assert set(package.events[0]) == {"pid", "uid", "comm", "fd", "err", "flags", "path"}

    assert site.requests[asked:] == ["/seven/1.0/app.wasm", "/opensnoop/0.1.0/package.json"]
    assert [line.split()[:3] for line in ecli("install", env=home).lines] == [
        ["opensnoop", "0.1.0", "ours"],
        ["seven", "1.0", "ours"],
    ]
    other = ecli("run", "--allow-unsigned", "ours/sevne", env=home)
    assert other.stderr == (
        "ecli: open ours/sevne: no such file, nor such a tool in your hub ours"
        " [ecli search --hub ours; ecli hub update]\n"
    )
    wrong = ecli("run", "--allow-unsigned", "sevne", env=home)
    assert wrong.stderr == (
        "ecli: open sevne: no such file, built-in tool, or tool of your hubs [did you mean seven?]\n"
    )


@pytest.mark.root
def test_a_withdrawn_version_runs_by_its_whole_name_with_a_warning(
    ecli: Command, packages: Path, site: Site, home: dict[str, str]
) -> None:
    build = ("hub", "build", str(packages), "--out", str(site.folder), "--yank", "seven@1.0=counts wrong")
    assert ecli(*build, env=home).returncode == 0
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0

    newest = ecli("run", "--allow-unsigned", "seven", env=home)
    whole = ecli("run", "--allow-unsigned", "seven@1.0", env=home)

    assert (newest.returncode, newest.stderr) == (
        1,
        "ecli: open seven: every version in hub ours is withdrawn: counts wrong [seven@1.0 runs it nevertheless]\n",
    )
    assert (whole.returncode, whole.stderr) == (7, "ecli: ours/seven@1.0 is withdrawn by its hub: counts wrong\n")


def test_offline_nobody_is_asked(ecli: Command, site: Site, home: dict[str, str]) -> None:
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    asked = len(site.requests)
    alone = {**home, "ECLI_OFFLINE": "1"}

    assert (
        ecli("hub", "update", env=alone).stderr == f"ecli: hub ours: fetch {site.url}: not asked, as --offline says\n"
    )
    assert ecli("install", "ours/seven", env=alone).returncode == 1
    assert ecli("hub", "add", "more", site.url, env=alone).returncode == 1
    assert len(site.requests) == asked


def test_the_first_systems_paths_are_beside_the_index(
    ecli: Command, site: Site, root: Path, home: dict[str, str]
) -> None:
    builtin = root / "src/eunomia/builtin/opensnoop.json"

    assert (site.folder / "opensnoop/package.json").read_bytes() == builtin.read_bytes()
    assert (site.folder / "seven/app.wasm").read_bytes() == SEVEN
    for repository in (site.url, str(site.folder)):
        there = {**home, "EUNOMIA_REPOSITORY": repository}
        assert ecli("run", "--allow-unsigned", "seven", env=there).returncode == 7


def test_a_newer_version_is_shown_and_taken(
    ecli: Command, packages: Path, site: Site, home: dict[str, str], tmp_path: Path
) -> None:
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    assert ecli("install", "ours/opensnoop", "ours/seven", env=home).returncode == 0
    (tmp_path / "newer/opensnoop/0.2.0").mkdir(parents=True)
    shutil.copy(packages / "execsnoop/package.json", tmp_path / "newer/opensnoop/0.2.0/package.json")
    assert ecli("hub", "build", str(tmp_path / "newer"), "--out", str(site.folder)).lines[:1] == [
        "added opensnoop 0.2.0"
    ]

    assert ecli("info", "ours/opensnoop", env=home).lines[0].startswith("opensnoop 0.1.0"), "nothing is fetched unasked"
    updated = ecli("hub", "update", env=home)
    assert updated.lines == ["ours: 21 tools", "  opensnoop  0.2.0 is new"]
    shown = ecli("upgrade", "--dry-run", env=home)
    assert shown.lines == ["opensnoop  0.1.0  ->  0.2.0"], shown
    assert ecli("install", env=home).lines[0].startswith("opensnoop  0.1.0")
    assert ecli("upgrade", env=home).lines == ["opensnoop  0.1.0  ->  0.2.0"]
    assert ecli("install", env=home).lines[0].startswith("opensnoop  0.2.0")
    assert ecli("upgrade", env=home).lines == ["2 in use, all up to date"]

    withdrawn = ecli(
        "hub", "build", str(tmp_path / "newer"), "--out", str(site.folder), "--yank", "opensnoop@0.2.0=wrong"
    )
    assert withdrawn.returncode == 0, withdrawn
    assert ecli("upgrade", env=home).lines == ["opensnoop  0.2.0  ->  0.1.0  0.2.0 is withdrawn: wrong"]


def test_what_a_hub_serves_must_be_what_its_index_says(ecli: Command, site: Site, home: dict[str, str]) -> None:
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    tool = site.folder / "opensnoop/0.1.0/package.json"
    tool.write_bytes(tool.read_bytes()[:-1] + b" ")

    refused = ecli("install", "ours/opensnoop", env=home)

    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"ecli: open ours/opensnoop@0.1.0: {site.url}/opensnoop/0.1.0/package.json is not what the index"
    )
    assert "tampered with]" in refused.stderr
    assert refused.stderr.count("\n") == 1
    tool.unlink()
    gone = ecli("install", "ours/opensnoop", env=home)
    assert gone.stderr == f"ecli: fetch {site.url}/opensnoop/0.1.0/package.json: HTTP status 404 File not found\n"


@pytest.mark.parametrize(
    ("index", "line"),
    [
        (b"<html>not found</html>", "read index of hub bad: malformed JSON"),
        (b'{"eunomia_hub": 7, "tools": []}', "version 7 of the format, this ecli reads 1 [update eunomia]"),
        (hubs.index(hubs.tool("x", hubs.version(location="../../../etc/passwd"))), "is no path below the hub"),
        (hubs.index(hubs.tool("\x1b[2J")), r"`$.tools[0].name`: malformed: '\x1b[2J'"),
        (b" " * (33 << 20), "too large: 34603008 bytes"),
    ],
    ids=["html", "future", "path", "escape", "huge"],
)  # fmt: skip
def test_a_bad_index_is_one_line_and_no_hub(
    ecli: Command, tmp_path: Path, home: dict[str, str], index: bytes, line: str
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/index.json").write_bytes(index)
    site = Site(tmp_path / "bad")
    try:
        refused = ecli("hub", "add", "bad", site.url, env=home)
    finally:
        site.close()

    assert refused.returncode == 1
    assert line in refused.stderr
    assert (refused.stderr.count("\n"), "\x1b" in refused.stderr) == (1, False)
    assert ecli("hub", "list", env=home).stderr == "ecli: hub list: there are no hubs [ecli hub add NAME SOURCE]\n"


def test_a_hub_that_is_gone_keeps_what_was_fetched(ecli: Command, built: Path, home: dict[str, str]) -> None:
    site = Site(built)
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    site.close()

    updated = ecli("hub", "update", env=home)
    assert updated.returncode == 1
    assert updated.stderr == f"ecli: hub ours: fetch {site.url}/index.json: connection refused\n"
    assert ecli("search", "--hub", "ours", "mounts", env=home).returncode == 0
    assert ecli("search", "--hub", "ours", "no-such-word", env=home).returncode == 1


@pytest.fixture(params=["distribution", "ggcr", "cue"])
def server(request: pytest.FixtureRequest, registry: Callable[..., Registry]) -> Registry:
    return registry(request.param)


def test_a_hub_in_a_registry_is_one_artifact(
    server: Registry, ecli: Command, built: Path, home: dict[str, str], tmp_path: Path
) -> None:
    where = f"{server.repository('hub')}:latest"
    pushed = ecli("hub", "push", str(built), where, env=home)
    assert pushed.returncode == 0, pushed

    added = ecli("hub", "add", "reg", f"oci://{where}", env=home)
    assert added.stdout == "added reg: 21 tools [ecli search --hub reg]\n", added
    assert ecli("install", "reg/seven", "reg/opensnoop", env=home).returncode == 0
    place = ecli("info", "-j", "reg/seven", env=home)
    assert json.loads(place.stdout)["place"].startswith(f"oci://{where.removesuffix(':latest')}@sha256:")

    pulled = RegistryClient("oras", home)("pull", *server.oras, "-o", str(tmp_path / "back"), where)
    assert pulled.returncode == 0, pulled
    assert (tmp_path / "back/index.json").read_bytes() == (built / "index.json").read_bytes()
    assert (tmp_path / "back/seven/1.0/app.wasm").read_bytes() == SEVEN


def test_a_repository_without_a_hub_is_told(
    ecli: Command, registry: Callable[..., Registry], home: dict[str, str], tmp_path: Path, oras: RegistryClient
) -> None:
    server = registry()
    where = f"{server.repository('hub')}:latest"
    (tmp_path / "x.txt").write_text("x")
    assert oras("push", *server.oras, "--disable-path-validation", where, str(tmp_path / "x.txt")).returncode == 0

    refused = ecli("hub", "add", "reg", f"oci://{where}", env=home)

    assert (
        refused.stderr
        == f"ecli: read hub oci://{where}: no hub is there, but something else [ecli hub push makes one]\n"
    )


def test_a_signed_hub_is_believed_by_its_key_only(
    ecli: Command, packages: Path, site: Site, home: dict[str, str]
) -> None:
    keys = {}
    for name in ("ours", "other"):
        keys[name] = f"{home['HOME']}/{name}"
        assert (
            ecli("key", "generate", "--no-passphrase", "--key-format", "pkcs8", "-o", keys[name], env=home).returncode
            == 0
        )
    unsigned = ecli("hub", "add", "ours", site.url, "--key", f"{keys['ours']}.pub", env=home)
    assert unsigned.stderr == f"ecli: fetch {site.url}/index.json.sig: HTTP status 404 File not found\n"

    build = ("hub", "build", str(packages), "--out", str(site.folder), "--sign", f"{keys['ours']}.key")
    assert ecli(*build, env=home).lines[-1].startswith(f"{site.folder}: 21 tools, 21 versions, signed")
    once = {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    assert ecli(*build, env=home).returncode == 0
    assert {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()} == once, "signed once only"

    wrong = ecli("hub", "add", "ours", site.url, "--key", f"{keys['other']}.pub", env=home)
    assert wrong.stderr.startswith(f"ecli: read index of hub ours: it is not signed with {keys['other']}.pub, the key ")
    assert ecli("hub", "add", "ours", site.url, "--key", f"{keys['ours']}.pub", env=home).returncode == 0
    assert "signatures  2 files" in ecli("info", "ours/opensnoop", env=home).stdout
    good = ecli("verify", "--key", f"{keys['ours']}.pub", f"{site.url}/opensnoop/0.1.0/package.json", env=home)
    assert good.returncode == 0, good

    for name in ("opensnoop/package.json", "seven/app.wasm"):
        first = ecli("verify", "--key", f"{keys['ours']}.pub", f"{site.url}/{name}", env=home)
        assert first.returncode == 0, first

    index = site.folder / "index.json"
    index.write_bytes(index.read_bytes().replace(b"Trace", b"Brace"))
    told = f"read index of hub ours: it is not signed with {keys['ours']}.pub, the key that the hub was added with"
    assert told in ecli("hub", "update", env=home).stderr
    for again in (site.url, str(site.folder)):
        refused = ecli("hub", "add", "ours", again, env=home)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert told in refused.stderr, "adding it again does not drop the key"
    listed = json.loads(ecli("hub", "list", "--json", env=home).stdout)
    assert [(row["source"], row["key"]) for row in listed] == [(site.url, f"{keys['ours']}.pub")]

    index.write_bytes(once[index])
    replaced = ecli("hub", "add", "ours", str(site.folder), env=home)
    assert replaced.stdout.startswith(f"replaced ours (was {site.url}): 21 tools, signed with {keys['ours']}.pub [")
    assert f"key {keys['ours']}.pub" in ecli("hub", "list", env=home).stdout
    assert ecli("hub", "remove", "ours", env=home).returncode == 0
    assert ecli("hub", "add", "ours", site.url, env=home).stdout.startswith("added ours: 21 tools [")


@pytest.mark.root
def test_a_rule_of_trust_asks_for_signatures_of_a_hubs_tools(
    ecli: Command, packages: Path, site: Site, home: dict[str, str], tmp_path: Path
) -> None:
    for name in ("ours", "other"):
        words = ("--no-passphrase", "--key-format", "pkcs8", "-o", f"{tmp_path}/{name}")
        assert ecli("key", "generate", *words, env=home).returncode == 0
    build = ("hub", "build", str(packages), "--out", str(site.folder), "--sign", f"{tmp_path}/ours.key")
    assert ecli(*build, env=home).returncode == 0
    assert ecli("hub", "add", "ours", site.url, env=home).returncode == 0
    policy = tmp_path / "policy.toml"

    def run(key: str) -> tuple[int, str]:
        policy.write_text(f'[[trust]]\nmatch = "hub:ours/*"\nmode = "enforce"\nkeys = ["{tmp_path}/{key}.pub"]\n')
        policy.chmod(0o600)
        done = ecli("run", "seven", env={**home, "EUNOMIA_POLICY": str(policy)})
        return done.returncode, done.stderr

    assert run("ours") == (7, "")
    code, line = run("other")
    assert (code, line.count("\n")) == (1, 1)
    assert "seven" in line
    assert "signed" in line or "key" in line


def test_what_an_index_says_prints_no_control_characters(ecli: Command, tmp_path: Path, home: dict[str, str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    row = {"name": f"--{evil}", "help": evil, "type": evil, "default": evil}
    needs = {"kernel": evil, "btf": evil, "capabilities": [evil]}
    texts = {"summary": evil, "details": evil, "licence": evil, "attach": [evil], "types": [evil], "policy": [evil]}
    evidence = [{"kernel": evil, "arch": evil, "outcome": evil, "date": evil, "reason": evil}]
    more = {"options": [row], "events": [{"map": evil, "fields": [evil]}], "needs": needs, "architectures": [evil]}
    withdrawn = hubs.version("0.9", yanked=evil)
    tool = hubs.tool("t", hubs.version(), withdrawn, **texts, **more, evidence=evidence)
    (hubs.folder(tmp_path / "bad", tool) / "index.json").write_bytes(hubs.index(tool, title=evil))

    for words in (
        ("hub", "add", "bad", str(tmp_path / "bad")),
        ("hub", "list"),
        ("hub", "update"),
        ("search", "owned"),
        ("info", "t"),
        ("info", "t@0.9"),
        ("info", "t@7"),
        ("install", "t@0.9"),
    ):
        done = ecli(*words, env=home)
        said = done.stdout + done.stderr
        assert said, words
        assert [char for char in said if char in "\x1b\x07\u202e"] == [], words
