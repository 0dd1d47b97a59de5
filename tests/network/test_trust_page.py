"""docs/trust.md, block by block, against a registry: what it shows is what is printed."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from support import wasm_writer
from support.commands import Command
from support.registries import Registry
from support.sites import Site, at_a_terminal

NOTES = re.compile(r"<!--\s*(do|terminal|policy)(?::\s*(.*?))?\s*-->")
BLOCK = re.compile(r"((?:^<!--[^\n]*-->\n)*)^```(console|toml)\n(.*?)^```$", re.M | re.S)
DIGEST = re.compile("sha256:([0-9a-f]{8})…")  # the page's; of each the first eight digits tell it from others
DAY = re.compile(r"\d{4}-\d\d-\d\d")
HOST, WEB, POLICY = "registry.example", "https://tools.example", "/etc/eunomia/policy.toml"


def guest(text: str) -> bytes:
    """Return a guest that prints a line."""
    line = f"{text}\n".encode()
    data = [(16, line), (0, (16).to_bytes(4, "little") + len(line).to_bytes(4, "little"))]
    body = b"".join(map(wasm_writer.const, (1, 0, 1, 8))) + wasm_writer.call(0) + b"\x1a"
    return wasm_writer.module([("wasi_snapshot_preview1", "fd_write", "iiii:i")], body, data=data)


class Session:
    """Where the page is played: its folder, its registry, its web site, the digests that it has seen."""

    def __init__(self, folder: Path, ecli: Command, host: str, env: dict[str, str]) -> None:
        self.folder, self.ecli, self.env = folder, ecli, env
        self.host = host
        self.policy = folder / "policy.toml"
        (folder / "site").mkdir()
        self.site = Site(folder / "site")
        self.digests: dict[str, str] = {}

    def real(self, text: str) -> str:
        """Return a text of the page as it is here."""
        text = text.replace(HOST, self.host).replace(WEB, self.site.url).replace(POLICY, str(self.policy))
        return DIGEST.sub(lambda found: self.digests.get(found[1], found[0]), text)

    def shown(self, text: str) -> str:
        """Return what was printed in the words of the page, with all days as one."""
        text = text.replace(self.host, HOST).replace(self.site.url, WEB).replace(str(self.policy), POLICY)
        return DAY.sub("a day", re.sub("sha256-[0-9a-f]{64}", "sha256-…", text))

    def compare(self, printed: str, expected: str) -> None:
        """Compare, and learn the digests that the page sees for the first time."""
        printed, learned = self.shown(printed), list[str]()

        def digest(found: re.Match[str]) -> str:
            if found[1] in self.digests:
                return re.escape(self.digests[found[1]])
            if found[1] in learned:
                return f"(?P=d{found[1]})"
            learned.append(found[1])
            return f"(?P<d{found[1]}>sha256:[0-9a-f]{{12,64}}…?)"

        pattern = re.escape(DAY.sub("a day", expected)).replace(r"123\ bytes", r"\d+ bytes")
        match = re.fullmatch(DIGEST.sub(digest, pattern), printed)
        assert match, f"\n--- the page\n{expected}--- printed\n{printed}---"
        for name in learned:
            self.digests[name] = match[f"d{name}"]

    # what stands between the blocks

    def do(self, what: str) -> None:
        getattr(self, f"do_{what.replace(' ', '_')}")()

    def do_sources(self) -> None:
        (self.folder / "hello.wasm").write_bytes(guest("hello"))

    def do_other(self) -> None:
        (self.folder / "other.wasm").write_bytes(guest("other"))

    def key(self, name: str) -> None:
        if not (self.folder / f"{name}.key").exists():
            made = self.ecli("key", "generate", "-o", name, env=self.env, cwd=self.folder)
            assert made.returncode == 0, made

    def do_mallory(self) -> None:
        self.key("mallory")

    def do_acme(self) -> None:
        self.key("acme")

    def do_sign_package(self) -> None:
        signed = self.ecli("sign", "--key", "acme.key", "site/connectguard.json", env=self.env, cwd=self.folder)
        assert signed.returncode == 0, signed

    @property
    def cache(self) -> Path:
        return Path(self.env["XDG_CACHE_HOME"]) / "eunomia/registry"

    def do_damage(self) -> None:
        path = self.cache / "blobs" / hashlib.sha256(guest("other")).hexdigest()
        path.chmod(0o600)
        path.write_bytes(guest("other").replace(b"other", b"othEr"))

    def do_swap(self) -> None:
        """What another program of this user could write into the cache."""
        evil = guest("evil!")
        (self.cache / "blobs" / hashlib.sha256(evil).hexdigest()).write_bytes(evil)
        for path in (self.cache / "names").iterdir():
            text = path.read_text()
            path.chmod(0o600)
            path.write_text(text.replace(hashlib.sha256(guest("other")).hexdigest(), hashlib.sha256(evil).hexdigest()))

    def do_clear(self) -> None:
        assert self.ecli("cache", "clear", env=self.env).returncode == 0


def test_the_page_is_what_is_printed(
    root: Path, tmp_path: Path, ecli: Command, home: dict[str, str], registry: Callable[..., Registry]
) -> None:
    server = registry("distribution")
    env = {
        **home,
        "EUNOMIA_POLICY": "",
        "ECLI_ALLOW_UNSIGNED": "",
        "ECLI_KEY_PASSWORD": "secret",
        "no_proxy": "*",
        "TERM": "dumb",
    }
    session = Session(tmp_path, ecli, server.host, env)
    shutil.copy(root / "src/eunomia/builtin/connectguard.json", tmp_path / "site")
    session.key("acme")
    played = 0
    try:
        for notes, kind, text in BLOCK.findall((root / "docs/trust.md").read_text()):
            answer = None
            for note, value in NOTES.findall(notes):
                if note == "do":
                    session.do(value)
                elif note == "terminal":
                    answer = value
            if kind == "toml":
                digest = hashlib.sha256(guest("hello")).hexdigest()
                session.policy.write_text(session.real(text).replace("DIGEST OF hello.wasm", f"sha256:{digest}"))
                session.policy.chmod(0o600)
                env["EUNOMIA_POLICY"] = str(session.policy)
                continue
            for command, expected in steps(text):
                words = session.real(command).split()
                assert words[0] == "ecli"
                if answer is not None:
                    argv = ["sh", "-c", 'cd "$0" && exec "$@"', str(tmp_path), *ecli.argv, *words[1:]]
                    _, seen, out = at_a_terminal(argv, f"{answer}\n", env)
                    session.compare(seen + out, expected)
                else:
                    done = ecli(*words[1:], env=env, cwd=tmp_path)
                    session.compare(done.stderr + done.stdout, expected)
                played += 1
    finally:
        session.site.close()
    assert played > 20


def steps(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with what is shown below it."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        else:
            command, shown = found[-1]
            found[-1] = (command, shown + line)
    return found
