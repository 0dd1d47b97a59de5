"""Nothing of a package, hub, registry or web server reaches the terminal as a control character: no text passes."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support import wasm_writer
from support.commands import Command

# ESC and BEL of an OSC, DEL, C1's CSI, a bidi override, an isolate, a tag character, a line separator, a bare CR.
EVIL = "\x1b]0;owned\x07\x7f\x9b2J\u202egpj\u2066x\U000e0041\u2028\rq"
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
Home = dict[str, str]
PACKAGE_COMMANDS = (
    ("inspect",), ("inspect", "-j"), ("run", "--help"), ("run", "--version"), ("check",), ("check", "-j"),
    ("verify", "--explain"), ("export", "--format", "json"),
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
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


def is_clean(*texts: str) -> None:
    for text in texts:
        found = FORBIDDEN.search(text)
        assert not found, f"{text[max(0, found.start() - 60) : found.end() + 60]!r}"


def spoiled(tree: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield the document with one text after the other followed by what a terminal would obey, and its place."""

    def walk(node: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            here = f"{path}.{key}" if isinstance(node, dict) else f"{path}[{key}]"
            if isinstance(value, str) and key not in ("bpf_object", "plan", "wasm"):
                yield here, node, key
            yield from walk(value, here)

    for here, _, _ in list(walk(tree, place)):
        made = copy.deepcopy(tree)
        node, key = next((n, k) for h, n, k in walk(made, place) if h == here)
        node[key] += EVIL
        yield here, made


def in_process(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Run a command in this process: hundreds of them take seconds."""
    from eunomia.cli.main import dispatch, guarded
    from eunomia.cli.parser import Verbosity

    Verbosity.level = 0
    guarded("ecli", dispatch, words)
    return capfd.readouterr()


@pytest.mark.parametrize("words", PACKAGE_COMMANDS, ids=" ".join)
def test_texts_of_packages(
    words: tuple[str, ...], root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    tmp_path = Path(home["HOME"])
    monkeypatch.chdir(tmp_path)  # what export writes goes there
    tree = json.loads((root / "src/eunomia/builtin/sigsnoop.json").read_text())
    tree["meta"]["bpf_skel"]["doc"] = {"version": "1", "brief": "b", "details": "d", "description": "e"}
    tree["meta"]["eunomia"]["evidence"] = [
        {"kernel": "6.1", "arch": "x86", "outcome": "fired", "reason": "r", "date": "2026-01-01", "object": "sha256:0"}
    ]
    path = tmp_path / "package.json"
    count = 0
    for place, made in spoiled(tree):
        path.write_text(json.dumps(made))
        before = [words[0], str(path)] if words[0] == "export" else [words[0]]
        argv = [*before, *words[1:]] if words[0] == "export" else (
            [*before, str(path), *words[1:]] if words[0] == "run" else [*words, str(path)])  # fmt: skip
        out, err = in_process(capfd, *argv)
        assert out or err, place
        is_clean(out, err)
        count += 1
    assert count > 40


def test_names_in_an_object(ecli: Command, root: Path, tmp_path: Path, home: dict[str, str]) -> None:
    from eunomia import Package

    package = Package.open(root / "src/eunomia/builtin/sigsnoop.json")
    name = package.types.programs[0].name.encode()
    evil = b"\x1b[2J\x9b\x07"[: len(name)].ljust(len(name), b"\x07")
    (tmp_path / "tool.bpf.o").write_bytes(package.object.replace(name, evil))

    for words in (["inspect"], ["inspect", "-j"], ["check"], ["verify", "--explain"], ["run"], ["run", "-v"]):
        done = ecli(*words, tmp_path / "tool.bpf.o", env=home)
        is_clean(done.stdout, done.stderr)


def test_texts_of_guests(ecli: Command, tmp_path: Path, home: dict[str, str]) -> None:
    guest = wasm_writer.module([("evil\x1b]0;x\x07", "name\x9b2J\u202e", "i:")], b"")
    (tmp_path / "guest.wasm").write_bytes(guest)

    for words in (["inspect", "-v"], ["inspect", "-j"], ["run"], ["verify", "--explain"]):
        done = ecli(*words, tmp_path / "guest.wasm", env=home)
        assert done.stdout or done.stderr
        is_clean(done.stdout, done.stderr)


def test_names_of_functions_in_a_guest_that_traps(ecli: Command, tmp_path: Path, home: Home) -> None:
    name = "evil\x1b]0;x\x07\u202e\x9b".encode()
    names = b"\x01" + bytes([len(name) + 3]) + b"\x01\x00" + bytes([len(name)]) + name
    named = wasm_writer.section(0, wasm_writer.text("name") + names)  # behind the code, where names are looked for
    (tmp_path / "guest.wasm").write_bytes(wasm_writer.module([], b"\x00") + named)

    done = ecli("run", "-v", tmp_path / "guest.wasm", env=home)

    assert "evil" in done.stderr
    is_clean(done.stdout, done.stderr)


class Hostile(BaseHTTPRequestHandler):
    """A web server and registry whose every word is meant for the terminal."""

    mode = ""

    def do_GET(self) -> None:
        evil = EVIL.encode("utf-8").decode("latin-1").replace("\r", "")
        mode = type(self).mode
        body = json.dumps({"errors": [{"code": EVIL, "message": EVIL, "detail": EVIL}]}).encode()
        status, headers = 404, {}
        if mode == "redirect":
            status, headers = 302, {"Location": f"gopher://{evil}/"}
        elif mode == "to a host":
            status, headers = 302, {"Location": f"http://{evil}.example.invalid/"}
        elif mode == "challenge":
            status, headers = (
                401,
                {"WWW-Authenticate": f'{evil} realm="http://{evil}/",service="{evil}",error="{evil}"'},
            )
        elif mode == "type":
            status, headers = 200, {"Content-Type": evil, "Docker-Content-Digest": evil, "ETag": evil}
        elif mode == "manifest":
            status, headers = 200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
            body = json.dumps({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": EVIL,
                "config": {"mediaType": EVIL, "digest": "sha256:" + "0" * 64, "size": 2},
                "layers": [{"mediaType": EVIL, "digest": EVIL, "size": 3, "annotations": {
                    "org.opencontainers.image.title": EVIL}}],
                "annotations": {"org.opencontainers.image.title": EVIL, EVIL: EVIL},
            }).encode()  # fmt: skip
        elif mode == "later":
            status, headers = 429, {"Retry-After": evil}
        elif mode == "reason":
            self.wfile.write(f"HTTP/1.1 500 {evil}\r\nContent-Length: 0\r\nX: {evil}\r\n\r\n".encode("latin-1"))
            return
        self.send_response(status)
        for key, value in headers.items():
            self.wfile.write(f"{key}: {value}\r\n".encode("latin-1")) if not hasattr(self, "_headers_buffer") else (
                self._headers_buffer.append(f"{key}: {value}\r\n".encode("latin-1")))  # fmt: skip
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are the point
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


MODES = ("errors", "redirect", "to a host", "challenge", "type", "manifest")
SLOW = ("later", "reason")  # these are tried again
ALL = (
    ("run", "--allow-unsigned", "--timeout", "2", "-v", "http://HOST/x.json"),
    ("run", "--allow-unsigned", "--timeout", "2", "-v", "HOST/acme/x:1"),
    ("inspect", "--timeout", "2", "HOST/acme/x:1"),
    ("verify", "--explain", "--timeout", "2", "HOST/acme/x:1"),
    ("hub", "add", "evil", "http://HOST/"),
    ("login", "--username", "u", "--password-stdin", "HOST"),
)


@pytest.mark.parametrize(
    ("mode", "words"), [*((mode, words) for mode in MODES for words in ALL), *((mode, ALL[1]) for mode in SLOW)]
)
def test_texts_of_servers(mode: str, words: tuple[str, ...], hostile: str, ecli: Command, home: Home) -> None:
    Hostile.mode = mode

    done = ecli(*(word.replace("HOST", hostile) for word in words), input="p", env=home | {"TERM": "dumb"})

    assert done.stderr
    assert done.returncode != 0 or words[0] == "login"
    is_clean(done.stdout, done.stderr)


def test_texts_of_hubs(
    ecli: Command, root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    folder = Path(home["HOME"])
    (folder / "tools").mkdir()
    (folder / "tools/sigsnoop.json").write_bytes((root / "src/eunomia/builtin/sigsnoop.json").read_bytes())
    built = ecli("hub", "build", "--out", folder / "hub", folder / "tools", env=home)
    assert built.returncode == 0, built
    index = folder / "hub/index.json"
    original = json.loads(index.read_text())
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    spoils = list(spoiled(original))
    free = []
    for place, made in spoils:  # one after the other: what the index may not say is refused in a clean line
        index.write_text(json.dumps(made))
        out, err = in_process(capfd, "hub", "add", "evil", str(folder / "hub"))
        is_clean(out, err)
        if "error" not in err and "ecli:" not in err:
            free.append(place)
            in_process(capfd, "hub", "remove", "evil")
    assert len(free) > 5

    index.write_text(json.dumps(together(original, set(free))))
    for words in (["hub", "add", "evil", str(folder / "hub")], ["search", "signal"], ["search", "-j", "signal"],
                  ["info", "evil/sigsnoop"], ["info", "-j", "evil/sigsnoop"], ["hub", "list"], ["hub", "list", "-j"],
                  ["run", "evil/sigsnoop"], ["verify", "--explain", "evil/sigsnoop"], ["upgrade"]):  # fmt: skip
        out, err = in_process(capfd, *words)
        is_clean(out, err)


def together(tree: Any, places: set[str]) -> Any:
    """Return the document with all of these texts spoiled."""
    made = copy.deepcopy(tree)

    def walk(node: Any, path: str) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            here = f"{path}.{key}" if isinstance(node, dict) else f"{path}[{key}]"
            if here in places:
                node[key] = value + EVIL
            elif isinstance(value, (dict, list)):
                walk(value, here)

    walk(made, "$")
    return made
