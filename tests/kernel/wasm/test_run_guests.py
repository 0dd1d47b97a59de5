"""`ecli run GUEST.wasm` as users type it: words, environment, directories, streams, signals, where guests come from."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from support import old_guests, wasm_writer
from support.bpf_guests import FLAGS
from support.commands import Command

SHOW = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char line[256];
    FILE *file;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "env:", 4)) {
            const char *value = getenv(argv[i] + 4);
            printf("%s=%s\n", argv[i] + 4, value ? value : "(none)");
        } else if (!strncmp(argv[i], "read:", 5)) {
            file = fopen(argv[i] + 5, "r");
            printf("%s", file && fgets(line, sizeof(line), file) ? line : "no\n");
        } else if (!strncmp(argv[i], "write:", 6)) {
            file = fopen(argv[i] + 6, "w");
            printf("%s\n", file && fputs("x", file) >= 0 && !fclose(file) ? "written" : "no");
        } else if (!strcmp(argv[i], "stdin")) {
            printf("%s", fgets(line, sizeof(line), stdin) ? line : "empty\n");
        } else if (!strcmp(argv[i], "forever")) {
            for (int n = 0;; n++, usleep(20000))
                printf("line %d\n", n);
        } else {
            printf("%s\n", argv[i]);
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    (folder / "show.c").write_text(SHOW)
    cc = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-s", "-o", str(folder / "show.wasm"), str(folder / "show.c")]
    subprocess.run(cc, check=True)
    return folder / "show.wasm"


def test_all_words_after_the_guest_are_its_own(ecli: Command, show: Path) -> None:
    words = ["-h", "--json", "--duration", "--", "-v", "a b", ""]

    assert ecli("run", str(show), *words).lines == words
    assert ecli(str(show), "plain").lines == ["plain"]


def test_the_environment_is_what_was_asked_for(ecli: Command, show: Path) -> None:
    asked = ["env:A", "env:B", "env:HOME", "env:GONE"]
    options = ["--env", "A=1=2", "--env", "B=", "--env", "GONE"]

    assert ecli("run", *options, str(show), *asked).lines == ["A=1=2", "B=", "HOME=(none)", "GONE=(none)"]
    assert ecli("run", "--env", "HOME", str(show), "env:HOME").lines == [f"HOME={os.environ['HOME']}"]


def test_directories_are_what_was_asked_for_with_their_rights(ecli: Command, show: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("hello\n")
    (tmp_path / "out").symlink_to("/etc/hostname")

    assert ecli("run", str(show), f"read:{tmp_path}/in").lines == ["no"]
    asked = ["read:/d/in", "write:/d/new", "read:/d/out", "read:/d/../etc/hostname", "read:/etc/hostname"]
    assert ecli("run", "--dir", f"{tmp_path}:/d", str(show), *asked).lines == ["hello", "no", "no", "no", "no"]
    assert ecli("run", "--dir", f"{tmp_path}:/d:token", str(show), "read:/d/in").lines == ["no"]
    assert ecli("run", "--dir", f"{tmp_path}:/d:rw", str(show), *asked[:2]).lines == ["hello", "written"]
    assert (tmp_path / "new").read_text() == "x"
    assert ecli("run", "--dir", str(tmp_path), str(show), f"read:{tmp_path}/in").lines == ["hello"]
    assert ecli("run", "--dir", "/proc", str(show), "read:/proc/version").stdout.startswith("Linux version")


def test_a_guest_from_standard_input_has_an_empty_one(ecli: Command, show: Path) -> None:
    program = [sys.executable, "-c", "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())", "run"]

    piped = subprocess.run([*program, "-", "stdin"], input=show.read_bytes(), capture_output=True, check=True)
    plain = subprocess.run([*program, str(show), "stdin"], input=b"typed\n", capture_output=True, check=True)

    assert (piped.stdout, plain.stdout) == (b"empty\n", b"typed\n")


def test_guests_come_from_folders_urls_and_files_of_any_name(
    ecli: Command, show: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "project/build").mkdir(parents=True)
    (tmp_path / "project/build/tool.wasm").write_bytes(show.read_bytes())
    (tmp_path / "noname").write_bytes(show.read_bytes())

    class Serve(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, directory=str(tmp_path), **more)  # type: ignore[arg-type]

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/noname"
        assert ecli("run", "--allow-unsigned", url, "fetched").lines == ["fetched"]
        server.shutdown()
    assert ecli("run", str(tmp_path / "project"), "found").lines == ["found"]
    assert ecli("run", str(tmp_path / "noname"), "read").lines == ["read"]
    wrong = ecli("run", "--sha256", "0" * 64, str(show))
    assert (wrong.returncode, "sha256 is" in wrong.stderr) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_guest_with_0_wherever_it_is(number: signal.Signals, ecli: Command, show: Path) -> None:
    running = ecli.start("run", str(show), "forever").wait_for("line 3")
    running.process.send_signal(number)

    ended = running.finish(20)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_guest_with_0_while_it_is_compiled(number: signal.Signals, ecli: Command, tmp_path: Path) -> None:
    count = b"\x41\x00\x41\x00\x28\x02\x00\x41\x01\x6a\x36\x02\x00"  # *(int *)0 += 1
    forever = wasm_writer.LOOP + wasm_writer.BRANCH + wasm_writer.END
    (tmp_path / "large.wasm").write_bytes(wasm_writer.module(body=count * 60000 + forever))  # seconds for a compiler
    running = ecli.start("run", str(tmp_path / "large.wasm"))
    while running.process.poll() is None and len(os.listdir(f"/proc/{running.process.pid}/task")) == 1:
        time.sleep(0.002)

    running.process.send_signal(number)

    ended = running.finish(20)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_reader_that_goes_away_ends_the_guest(show: Path) -> None:
    program = [sys.executable, "-c", "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())", "run"]
    with subprocess.Popen([*program, str(show), "forever"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"line 0\n"
        running.stdout.close()
        assert running.wait(20) == 0
        assert running.stderr.read() == b""


def test_output_appears_at_once_in_a_pipe(ecli: Command, tmp_path: Path) -> None:
    guests = old_guests.compile_all(tmp_path)
    running = ecli.start("run", str(guests["events"]), "1000000").wait_for("attached")
    for _ in range(200):
        os.getpgid(0)
        if f"event {os.getpid()}\n" in running.stdout:
            break
        time.sleep(0.02)

    ended = running.stop()
    assert f"event {os.getpid()}\n" in ended.stdout
    assert ended.returncode == 0
