"""What comes over the network is run when somebody has said so: at a terminal, by an option, a digest, or a rule."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import wasm_writer
from support.commands import Command
from support.sites import Site, at_a_terminal, replace

SEVEN = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(7) + wasm_writer.call(0))
EIGHT = wasm_writer.module([("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(8) + wasm_writer.call(0))


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "seven.wasm").write_bytes(SEVEN)
    found = Site(folder)
    yield found
    found.close()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of this machine's user is found."""
    for name in ("cache", "state", "config", "run"):
        (tmp_path / name).mkdir(mode=0o700)
    return {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "EUNOMIA_RUNTIME_DIR": str(tmp_path / "run"),
        "no_proxy": "*",
        "ECLI_ALLOW_UNSIGNED": "",
    }


def policy(home: dict[str, str], text: str) -> str:
    """Write a policy file that holds beside the others, and return its path."""
    path = Path(home["HOME"]) / "policy.toml"
    path.write_text(text)
    path.chmod(0o600)
    home["EUNOMIA_POLICY"] = str(path)
    return str(path)


def test_a_script_is_refused_and_told_what_to_do(ecli: Command, site: Site, home: dict[str, str]) -> None:
    url = f"{site.url}/seven.wasm"

    refused = ecli("run", url, env=home)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"ecli: run {url}: unsigned, and nobody is at a terminal to be asked [--allow-unsigned runs it; "
        f"--sha256 {sha256(SEVEN)[7:]} runs this and nothing else; a rule in /etc/eunomia/policy.toml or a signature: "
        "docs/trust.md]\n"
    )
    assert ecli("run", "--allow-unsigned", url, env=home).returncode == 7
    assert ecli("run", url, env=home | {"ECLI_ALLOW_UNSIGNED": "1"}).returncode == 7
    assert ecli("run", url, env=home | {"ECLI_ALLOW_UNSIGNED": "0"}).returncode == 1
    assert ecli("run", "--sha256", sha256(SEVEN), url, env=home).returncode == 7
    assert ecli("run", str(site.folder / "seven.wasm"), env=home).returncode == 7  # a file is the user's own


@pytest.mark.parametrize(
    "words", [("run",), ("record", "-o", "/dev/null"), ("test-run",), ("evidence",), ("check", "--load")]
)
def test_every_command_that_loads_refuses(
    words: tuple[str, ...], ecli: Command, site: Site, home: dict[str, str], root: Path
) -> None:
    (site.folder / "tool.json").write_bytes((root / "tests/data/simple-0.3.3.json").read_bytes())

    refused = ecli(*words, f"{site.url}/tool.json", env=home)

    assert refused.returncode == 1
    assert "unsigned, and nobody is at a terminal to be asked" in refused.stderr


def test_what_only_looks_is_not_refused(ecli: Command, site: Site, home: dict[str, str], root: Path) -> None:
    (site.folder / "tool.json").write_bytes((root / "tests/data/simple-0.3.3.json").read_bytes())
    url = f"{site.url}/tool.json"

    assert ecli("inspect", url, env=home).returncode == 0
    assert ecli("run", url, "--help", env=home).returncode == 0


def test_a_module_that_is_linked_is_refused_too(ecli: Command, site: Site, home: dict[str, str]) -> None:
    refused = ecli(
        "run", "--link", f"lib={site.url}/seven.wasm", str(site.folder / "seven.wasm"), env=home
    )  # fmt: skip

    assert refused.returncode == 1
    assert "seven.wasm: unsigned, and nobody is at a terminal" in refused.stderr


def test_at_a_terminal_the_user_is_asked_once_and_again_when_it_has_changed(
    ecli: Command, site: Site, home: dict[str, str]
) -> None:
    url = f"{site.url}/seven.wasm"
    argv = [*ecli.argv, "run", url]

    no = at_a_terminal(argv, "\n", home)
    yes = at_a_terminal(argv, "y\n", home)
    again = at_a_terminal(argv, "", home)
    script = ecli("run", url, env=home)
    replace(site.folder / "seven.wasm", EIGHT)
    changed = at_a_terminal([*argv], "n\n", home)
    changed_script = ecli("run", url, env=home)

    assert (no[0], yes[0], again[0], script.returncode, changed[0]) == (1, 7, 7, 7, 1)
    assert no[1].startswith(f"{url}: unsigned, and run for the first time.\n  from      {url}\n")
    assert f"  digest    {sha256(SEVEN)} ({len(SEVEN)} bytes)\n  signed    not looked at: " in no[1]
    assert "\n  attaches  nothing\n" in no[1]
    assert no[1].endswith(f"Run it? [y/N] \necli: run {url}: not allowed, by your answer\n")
    assert again[1] == ""
    assert re.search(r"has changed since \d{4}-\d\d-\d\d, when you allowed it", changed[1])
    assert f"  before    {sha256(SEVEN)}\n" in changed[1]
    assert (changed_script.returncode, "it has changed since 2" in changed_script.stderr) == (1, True)


def test_the_question_says_what_a_package_attaches_and_can_change(
    ecli: Command, site: Site, home: dict[str, str], root: Path
) -> None:
    for tool in ("sigsnoop", "connectguard"):
        (site.folder / f"{tool}.json").write_bytes((root / f"src/eunomia/builtin/{tool}.json").read_bytes())

    seen = [
        at_a_terminal([*ecli.argv, "run", f"{site.url}/{tool}.json"], "n\n", home)[1]
        for tool in ("sigsnoop", "connectguard")
    ]

    assert "\n  attaches  signal_generate  tp/signal/signal_generate\n" in seen[0]
    assert "\n  changes   nothing: it only observes\n" in seen[0]
    assert re.search(
        r"\n  changes   \w+ \(cgroup\) can block or change what the processes of a control group do\n", seen[1]
    )


def test_a_rule_allows_and_refuses_by_place(ecli: Command, site: Site, home: dict[str, str]) -> None:
    url = f"{site.url}/seven.wasm"
    path = policy(home, f'[[trust]]\nmatch = "{site.url}/*"\nunsigned = "allow"\n')
    allowed = ecli("run", url, env=home)
    policy(home, f'# the machine\n[[trust]]\nmatch = "{site.url}/*"\nunsigned = "refuse"\n')
    refused = ecli("run", "--allow-unsigned", url, env=home)

    assert allowed.returncode == 7
    assert refused.stderr == (
        f"ecli: run {url}: nothing from there is allowed: refused by {path}:2 (match {site.url}/*) "
        "[ecli verify --explain says more]\n"
    )


def test_a_policy_change_applies_to_what_was_allowed_before(ecli: Command, site: Site, home: dict[str, str]) -> None:
    url = f"{site.url}/seven.wasm"
    assert at_a_terminal([*ecli.argv, "run", url], "y\n", home)[0] == 7

    policy(home, f'[[trust]]\nmatch = "*"\nunsigned = "allow"\ndeny-digests = ["{sha256(SEVEN)}"]\n')
    refused = ecli("run", url, env=home)

    assert refused.returncode == 1
    assert f"its digest is denied by {home['EUNOMIA_POLICY']}:1 (match *)" in refused.stderr


def test_the_users_file_can_only_tighten(ecli: Command, site: Site, home: dict[str, str]) -> None:
    url = f"{site.url}/seven.wasm"
    user = Path(home["XDG_CONFIG_HOME"]) / "eunomia/policy.toml"
    user.parent.mkdir()
    user.write_text(f'[[trust]]\nmatch = "{url}"\nunsigned = "allow"\n')
    user.chmod(0o600)
    alone = ecli("run", url, env=home)
    policy(home, '[[trust]]\nmatch = "*"\nunsigned = "refuse"\n')
    both = ecli("run", url, env=home)
    user.write_text("[deny]\nall = true\n")
    guests = ecli("run", url, env=home)

    assert (alone.returncode, both.returncode, guests.returncode) == (7, 1, 1)
    assert "refused by " + home["EUNOMIA_POLICY"] in both.stderr
    assert guests.stderr.startswith(f"ecli: policy {user}: [deny] is for guests, and is not read from here")


def test_rules_are_for_files_and_standard_input_where_they_name_them(
    ecli: Command, site: Site, home: dict[str, str]
) -> None:
    file = site.folder / "seven.wasm"
    policy(home, f'[[trust]]\nmatch = ["file:{site.folder}/*", "stdin"]\nallow-digests = ["{sha256(EIGHT)}"]\n')
    refused = ecli("run", file, env=home)
    piped = ecli("run", "-", input=SEVEN, env=home)
    elsewhere = Path(home["HOME"]) / "seven.wasm"
    elsewhere.write_bytes(SEVEN)
    file.write_bytes(EIGHT)

    assert "its digest is not among those allowed: refused by" in refused.stderr
    assert "its digest is not among those allowed: refused by" in piped.stderr
    assert ecli("run", elsewhere, env=home).returncode == 7
    assert ecli("run", file, env=home).returncode == 8


def test_a_package_with_a_program_of_another_type_is_refused(
    ecli: Command, site: Site, home: dict[str, str], root: Path
) -> None:
    (site.folder / "tool.json").write_bytes((root / "src/eunomia/builtin/execsnoop.json").read_bytes())
    policy(home, '[[trust]]\nmatch = "*"\nunsigned = "allow"\nprograms = ["xdp"]\n')

    refused = ecli("run", f"{site.url}/tool.json", env=home)

    assert re.search(r"program \w+ is of type \w+, allowed are xdp: refused by ", refused.stderr)
    assert refused.returncode == 1


def test_a_rule_that_warns_says_so_and_runs(ecli: Command, site: Site, home: dict[str, str]) -> None:
    path = policy(home, '[[trust]]\nmatch = "*"\nmode = "warn"\nunsigned = "refuse"\n')

    warned = ecli("run", f"{site.url}/seven.wasm", env=home)

    assert (warned.returncode, warned.stderr) == (
        7, f"ecli: run {site.url}/seven.wasm: nothing from there is allowed: {path}:1 (match *) only warns\n",
    )  # fmt: skip


def test_a_wrong_policy_file_stops_everything_it_may_be_about(ecli: Command, site: Site, home: dict[str, str]) -> None:
    path = policy(home, '\n[[trust]]\nmatch = "*"\nmood = "warn"\n')

    run = ecli("run", str(site.folder / "seven.wasm"), env=home)

    assert (run.returncode, run.stderr.partition(" unknown, ")[0]) == (1, f"ecli: policy {path}:2: mood:")


def test_the_python_api_applies_rules(
    site: Site, home: dict[str, str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import eunomia

    (site.folder / "tool.json").write_bytes((root / "tests/data/simple-0.3.3.json").read_bytes())
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    assert eunomia.resolve(f"{site.url}/tool.json").meta
    assert eunomia.Guest.open(f"{site.url}/seven.wasm").wasm == SEVEN
    monkeypatch.setenv("EUNOMIA_POLICY", policy(home, '[[trust]]\nmatch = "*"\nunsigned = "refuse"\n'))

    with pytest.raises(eunomia.RefusedError, match="nothing from there is allowed: refused by"):
        eunomia.resolve(f"{site.url}/tool.json")
    with pytest.raises(eunomia.RefusedError, match="nothing from there is allowed: refused by"):
        eunomia.Guest.open(f"{site.url}/seven.wasm")


def test_nothing_that_is_fetched_reaches_the_terminal_as_it_is(
    ecli: Command, site: Site, home: dict[str, str], root: Path
) -> None:
    hostile = json.loads((root / "tests/data/simple-0.3.3.json").read_text())
    evil = "\x1b]0;owned\x07\u202e\x9b2J"
    hostile["meta"]["bpf_skel"]["obj_name"] = evil
    (site.folder / "tool.json").write_text(json.dumps(hostile))

    _, seen, _ = at_a_terminal([*ecli.argv, "run", f"{site.url}/tool.json?{'%1b'}"], "n\n", home)

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", seen)


def test_explain_says_which_rule_decides_and_what_a_run_would_do(
    ecli: Command, site: Site, home: dict[str, str], root: Path
) -> None:
    (site.folder / "guard.json").write_bytes((root / "src/eunomia/builtin/connectguard.json").read_bytes())
    url = f"{site.url}/guard.json"
    digest = sha256((site.folder / "guard.json").read_bytes())
    size = (site.folder / "guard.json").stat().st_size

    bare = ecli("verify", "--explain", url, env=home)
    path = policy(home, f'[[trust]]\nmatch = "{site.url}/*"\nunsigned = "ask"\nprograms = ["cgroup"]\n')
    ruled = ecli("verify", "--explain", url, env=home)
    own = ecli("verify", "--explain", "opensnoop", env=home)
    document = json.loads(ecli("verify", "--explain", "-j", url, env=home).stdout)

    assert bare.returncode == 1
    assert bare.lines[:4] == [
        url, f"  called    {url}", f"  digest    {digest} ({size} bytes)", "  rule      none: there is no policy file",
    ]  # fmt: skip
    assert bare.lines[-2:] == [
        "  terminal  asks first: unsigned, and run for the first time",
        "  script    refused: unsigned, and nobody is at a terminal to be asked",
    ]
    assert f"  rule      {path}:1 (match {site.url}/*), enforce" in ruled.lines
    assert "            programs cgroup" in ruled.lines
    assert ruled.lines[-2].endswith(f"run for the first time, by {path}:1")
    assert own.returncode == 0
    assert own.lines[-1] == "  script    runs: it comes with eunomia"
    assert (document["script"]["action"], document["terminal"]["action"]) == ("refuse", "ask")
    assert document["rules"][0]["programs"] == ["cgroup"]


def test_a_signature_is_verified_once_for_a_digest_and_a_rule(
    ecli: Command, site: Site, home: dict[str, str], tmp_path: Path
) -> None:
    home["ECLI_KEY_PASSWORD"] = "x"
    url = f"{site.url}/seven.wasm"
    assert ecli("key", "generate", "-o", "acme", env=home, cwd=tmp_path).returncode == 0
    assert ecli("sign", "--key", "acme.key", site.folder / "seven.wasm", env=home, cwd=tmp_path).returncode == 0
    policy(home, f'[[trust]]\nmatch = "{site.url}/*"\nkeys = ["acme.pub"]\n')
    program = (
        "import sys; from eunomia.cli.main import dispatch; code = dispatch(sys.argv[1:]);"
        "print(code, 'cryptography' in sys.modules)"
    )

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, "run", url],
            env=os.environ | home,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    first, second = run(), run()
    explained = ecli("verify", "--explain", url, env=home)
    verbose = ecli("run", "-v", url, env=home)
    replace(site.folder / "seven.wasm", EIGHT)
    changed = ecli("run", url, env=home)

    assert (first, second) == ("7 True\n", "7 False\n")
    assert f"  signature by acme.pub, verified earlier: {url}.s" in explained.stdout
    assert f"{url}: verified earlier, by the signature at {url}.s" in verbose.stderr
    assert changed.returncode == 1
    assert f"a signature of {sha256(SEVEN)}, not of {sha256(EIGHT)}" in changed.stderr


def test_wasm_bpf_refuses_as_ecli_does(site: Site, home: dict[str, str]) -> None:
    code = "import sys; from eunomia.cli.wasm_bpf import main; sys.exit(main())"
    url = f"{site.url}/seven.wasm"

    refused, allowed = (
        subprocess.run(
            [sys.executable, "-c", code, *words, url], env=os.environ | home, capture_output=True, check=False
        )
        for words in ((), ("--allow-unsigned",))
    )

    assert refused.stderr.decode().startswith(f"wasm-bpf: run {url}: unsigned, and nobody is at a terminal")
    assert (refused.returncode, allowed.returncode) == (1, 7)


def test_a_rule_that_asks_says_to_a_script_what_would_do(ecli: Command, site: Site, home: dict[str, str]) -> None:
    url = f"{site.url}/seven.wasm"
    path = policy(home, f'[[trust]]\nmatch = "{site.url}/*"\nunsigned = "ask"\n')

    refused = ecli("run", url, env=home)

    assert (
        f"to be asked: refused by {path}:1 (match {site.url}/*) [--allow-unsigned runs it; --sha256 " in refused.stderr
    )
    assert ecli("run", "--allow-unsigned", url, env=home).returncode == 7
