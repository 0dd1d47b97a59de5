"""The one-file `ecli`: it runs where there is nothing but a kernel, and unpacks once, where nobody else can write."""

from __future__ import annotations

import functools
import http.server
import os
import pty
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia import builtin
from support import provoke
from support.debian import inside

Run = Callable[..., subprocess.CompletedProcess[str]]


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def onefile(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, as scripts/onefile makes it, without the engine of guests."""
    path = tmp_path_factory.mktemp("onefile") / "ecli"
    build = [sys.executable, str(root / "packaging/onefile/build.py"), "--no-wasm", "-o", str(path)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A root folder that holds busybox and nothing else: no C library, no Python, no home."""
    folder = tmp_path / "root"
    for name in ("bin", "proc", "sys", "dev", "tmp", "usr/bin"):
        (folder / name).mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", folder / "bin/busybox")
    for name in ("sh", "wget", "chmod", "env", "mount", "mkdir", "su", "chown"):
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "usr/bin/env").symlink_to("/bin/busybox")
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """`serve(folder, certificate="") -> URL` of a server of its files on loopback."""
    servers = []

    def start(folder: Path, certificate: str = "") -> str:
        handler = functools.partial(Silent, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(root: Path, script: str, **keywords: object) -> subprocess.CompletedProcess[str]:
    """Run a script of busybox's shell in a root folder."""
    command = inside(root, "/bin/sh", "-c", script)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **keywords)  # type: ignore[call-overload,no-any-return]


def test_the_first_readmes_line_works_where_there_is_nothing(
    onefile: Path, empty: Path, tmp_path: Path, serve: Callable[..., str], root: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    os.link(onefile, site / "ecli")
    shutil.copy(root / "src/eunomia/builtin/sigsnoop.json", site / "package.json")
    url = serve(site)
    line = (
        f"cd /tmp && wget -q {url}/ecli && chmod +x ./ecli"
        f" && ECLI_ALLOW_UNSIGNED=1 ./ecli run --max-events 1 {url}/package.json --signal 10"
    )
    done = threading.Event()

    def cause() -> None:
        while not done.wait(0.2):
            provoke.signals()

    thread = threading.Thread(target=cause)
    thread.start()
    try:
        result = run(empty, line)
    finally:
        done.set()
        thread.join()

    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["TIME", "PID", "COMM", "SIG", "TPID", "TCOMM", "RESULT"]
    assert "SIGUSR1" in lines[1]
    assert (empty / "var/cache/eunomia/onefile").stat().st_mode & 0o777 == 0o700


def test_it_is_unpacked_once_and_made_whole_again(onefile: Path, empty: Path) -> None:
    shutil.copy(onefile, empty / "ecli")
    first = run(empty, "/ecli version")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("eunomia ")
    (folder,) = (empty / "var/cache/eunomia/onefile").iterdir()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert f"{folder.name}/bin/ecli" in first.stdout

    again = run(empty, "/ecli version")
    assert again.stdout == first.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == times

    (folder / "lib/libc.so.6").unlink()
    mended = run(empty, "/ecli version")
    assert mended.stdout == first.stdout, mended.stderr
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_many_that_start_at_once_all_run(onefile: Path, empty: Path) -> None:
    shutil.copy(onefile, empty / "ecli")

    result = run(empty, "for i in 1 2 3; do /ecli --version & done; wait")

    assert result.stdout.splitlines().count(f"kernel {os.uname().release}") == 3, result.stderr
    assert len(list((empty / "var/cache/eunomia/onefile").iterdir())) == 1


def test_a_folder_that_others_can_write_or_that_is_noexec_is_passed_over(onefile: Path, empty: Path) -> None:
    shutil.copy(onefile, empty / "ecli")
    mounts = (
        "mkdir -p /home/.cache/eunomia && chmod 777 /home/.cache/eunomia; mkdir /var; mount -t tmpfs -o noexec t /var"
    )

    result = run(empty, f"{mounts}; chmod 1777 /tmp; HOME=/home /ecli version")

    assert result.returncode == 0, result.stderr
    assert "/tmp/eunomia-0/" in result.stdout


def test_a_folder_of_another_user_under_tmp_is_not_used(onefile: Path, empty: Path) -> None:
    shutil.copy(onefile, empty / "ecli")
    other = "chmod 1777 /tmp; mkdir /tmp/eunomia-0; chown 12345 /tmp/eunomia-0"
    closed = (
        "mkdir /var /dev/shm /run 2>/dev/null; for at in /var /dev/shm /run; do mount -t tmpfs -o noexec t $at; done"
    )

    result = run(empty, f"{other}; {closed}; HOME= /ecli version")

    assert result.returncode == 1
    assert result.stderr.startswith("ecli: start: no folder to unpack into: ")
    assert "/tmp/eunomia-0: other users can write it" in result.stderr
    assert result.stderr.endswith("[EUNOMIA_ONEFILE_DIR=FOLDER]\n")
    assert run(empty, "mkdir -p /mine; EUNOMIA_ONEFILE_DIR=/mine /ecli --version").stdout.startswith("eunomia ")


@pytest.mark.parametrize("left", [100, 20000, 1 << 20])
def test_a_download_that_was_cut_off_says_so(onefile: Path, tmp_path: Path, left: int) -> None:
    path = tmp_path / "ecli"
    path.write_bytes(onefile.read_bytes()[:-left])
    path.chmod(0o755)

    result = subprocess.run([str(path), "version"], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert result.stderr == f"ecli: start: {path}: damaged or not whole [download it again]\n"


def test_bytes_changed_on_the_way_leave_nothing_behind(onefile: Path, tmp_path: Path) -> None:
    data = bytearray(onefile.read_bytes())
    data[len(data) // 2] ^= 0x55
    path = tmp_path / "ecli"
    path.write_bytes(data)
    path.chmod(0o755)
    cache = tmp_path / "cache"
    cache.mkdir()

    result = subprocess.run(
        [str(path), "version"], capture_output=True, text=True, check=False, env={"EUNOMIA_ONEFILE_DIR": str(cache)}
    )

    assert result.returncode == 1
    assert "damaged [download it again]" in result.stderr
    assert list(cache.iterdir()) == []


def test_environment_and_folders_of_the_systems_python_are_not_looked_at(onefile: Path, empty: Path) -> None:
    shutil.copy(onefile, empty / "ecli")
    (empty / "evil").mkdir()
    (empty / "evil/os.py").write_text("raise SystemExit('taken over')\n")

    result = run(empty, "cd /evil; PYTHONPATH=/evil PYTHONHOME=/evil /ecli --version")

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("eunomia ")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = [
        "-subj",
        "/CN=loopback",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "keyUsage=digitalSignature,keyCertSign",
    ]
    subprocess.run([*words, *names, "-keyout", f"{path}.key", "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_bytes(Path(f"{path}.crt").read_bytes() + Path(f"{path}.key").read_bytes())
    return path


@pytest.mark.parametrize(
    "place",
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "SSL_CERT_FILE"],
)
def test_certificates_are_found_where_each_system_keeps_them(
    onefile: Path, empty: Path, certificate: Path, serve: Callable[..., str], place: str
) -> None:
    shutil.copy(onefile, empty / "ecli")
    url = f"{serve(Path(builtin.__file__).parent, str(certificate))}/opensnoop.json"
    variable = f"{place}=/own.pem " if place == "SSL_CERT_FILE" else ""
    path = empty / ("own.pem" if variable else place[1:])
    refused = run(empty, f"/ecli inspect {url}")
    assert refused.returncode == 1
    assert "certificate" in refused.stderr

    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(f"{certificate}.crt", path)
    result = run(empty, f"{variable}/ecli inspect {url}")

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("opensnoop_bpf: ")


def test_a_terminal_gets_its_table(onefile: Path, tmp_path: Path) -> None:
    """Under a pseudo-terminal, as people start it: the process is `ecli`, whatever runs it."""
    cache = tmp_path / "cache"
    cache.mkdir()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            onefile,
            ["ecli", "run", "--duration", "30", "sigsnoop"],
            {"EUNOMIA_ONEFILE_DIR": str(cache), "TERM": "xterm"},
        )
    text = b""
    deadline = time.monotonic() + 30
    try:
        while b"SIGUSR2" not in text and time.monotonic() < deadline:
            provoke.signals(12)
            text += os.read(terminal, 65536)
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    finally:
        os.kill(pid, 2)
        os.waitpid(pid, 0)
        os.close(terminal)

    assert b"SIGUSR2" in text
    assert name == "ecli"
