"""`ecli key`: what is asked at a terminal, and what is said where a package is missing."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eunomia.publish.private_keys import read_private_key


def typed(words: list[str], answers: list[bytes], env: dict[str, str]) -> tuple[int, str]:
    """Run ecli with a terminal of its own; an answer goes to each line that ends with `: `."""
    code = "import sys; from eunomia.cli.main import ecli; sys.argv[0] = 'ecli'; sys.exit(ecli())"
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.execve(sys.executable, [sys.executable, "-c", code, *words], {**os.environ, **env})
    seen, left, deadline, place = b"", list(answers), time.monotonic() + 60, 0
    while time.monotonic() < deadline and select.select([terminal], [], [], 30)[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        seen += data
        if seen[place:].endswith(b": ") and left:
            place = len(seen)
            os.write(terminal, left.pop(0) + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in ("ECLI_KEY_PASSWORD", "COSIGN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return {"HOME": str(tmp_path)}


def test_a_terminal_is_asked_for_the_passphrase(tmp_path: Path, env: dict[str, str]) -> None:
    name = str(tmp_path / "k")

    code, shown = typed(["key", "generate", "-o", name], [b"secret", b"secret"], env)

    assert code == 0, shown
    assert "secret" not in shown
    assert shown.startswith(f"passphrase for {name}.key (empty for none): \nagain: \n")
    key = read_private_key(f"{name}.key", lambda _: b"secret")
    assert f"ecdsa-p256 {key.public.fingerprint}" in shown
    code, shown = typed(["key", "show", f"{name}.key"], [b"secret"], env)
    assert (code, shown.splitlines()[1]) == (0, f"ecdsa-p256 {key.public.fingerprint}")
    code, shown = typed(["key", "show", f"{name}.key"], [b"other"], env)
    assert (code, shown.splitlines()[1]) == (1, f"ecli: read key {name}.key: wrong passphrase, or the file is damaged")


def test_two_passphrases_that_differ_make_no_key(tmp_path: Path, env: dict[str, str]) -> None:
    name = str(tmp_path / "k")

    code, shown = typed(["key", "generate", "-o", name], [b"one", b"two"], env)

    assert (code, shown.splitlines()[-1]) == (1, "ecli: make a key: the two passphrases differ")
    assert list(tmp_path.iterdir()) == []


def run(*words: str, missing: str = "") -> subprocess.CompletedProcess[str]:
    hide = f"sys.modules[{missing!r}] = None; " if missing else ""
    code = f"import sys; {hide}from eunomia.cli.main import ecli; sys.argv[0] = 'ecli'; sys.exit(ecli())"
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, start_new_session=True
    )


def test_without_a_terminal_the_variable_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    made = run("key", "generate", "-o", str(tmp_path / "k"))

    assert (made.returncode, made.stderr) == (
        1,
        "ecli: make a key: no terminal to ask for a passphrase [set ECLI_KEY_PASSWORD]\n",
    )


def test_a_package_that_is_missing_is_one_line(tmp_path: Path, env: dict[str, str]) -> None:
    name = str(tmp_path / "k")
    assert run("key", "generate", "--no-passphrase", "-o", name).returncode == 0
    (tmp_path / "f").write_text("x")
    assert run("sign", "--key", f"{name}.key", str(tmp_path / "f")).returncode == 0
    (tmp_path / "root.json").write_text("{}")
    (tmp_path / "g").write_text("x")
    (tmp_path / "g.sigstore.json").write_text(
        '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{}},'
        '"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":""},"signature":""}}'
    )
    identity = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b", "--trusted-root")

    for missing, package, words in (
        ("cryptography", "cryptography", ("key", "generate", "-o", f"{name}2")),
        ("cryptography", "cryptography", ("verify", "--key", f"{name}.pub", str(tmp_path / "f"))),
        ("nacl", "PyNaCl", ("sign", "--key", f"{name}.key", str(tmp_path / "f"))),
        ("sigstore", "sigstore", ("verify", *identity, str(tmp_path / "root.json"), str(tmp_path / "g"))),
    ):
        result = run(*words, missing=missing)
        said = f"ecli: signatures: the package {package} is not installed [pip install 'eunomia[sign]']\n"
        assert (result.returncode, result.stderr) == (1, said), words
