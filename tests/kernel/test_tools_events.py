"""The built-in tools that print events: each sees what really happened, with the values it really had."""

from __future__ import annotations

import errno
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support import provoke
from support.commands import Command
from support.networks import inside, network
from support.tools import disk_folder, events, python, start


def test_execsnoop_shows_arguments_parent_and_error(ecli: Command) -> None:
    running = start(ecli, "execsnoop", "--fails")
    pid = provoke.exec_program("/bin/echo", "two words", "x" * 900)
    failing = python("import os\ntry: os.execv('/nonexistent/prog', ['prog', 'a b'])\nexcept OSError: pass")
    failing.communicate()

    seen = events(running)
    [good] = [event for event in seen if event["pid"] == pid and event["ret"] in (0, "0")]
    assert good["comm"] == "echo"
    assert good["ppid"] == os.getpid()
    assert good["uid"] == os.getuid()
    assert good["args"] == "/bin/echo two words " + "x" * 900
    [bad] = [event for event in seen if event["args"] == "/nonexistent/prog a b"]
    assert bad["pid"] == failing.pid
    assert "ENOENT" in str(bad["ret"])


def test_execsnoop_filters_by_argument_and_limits_their_number(ecli: Command) -> None:
    running = start(ecli, "execsnoop", "--line", "aab", "--max-args", "3")
    provoke.exec_program("/bin/echo", "caaab", "second", "third")
    provoke.exec_program("/bin/echo", "other")

    seen = [event["args"] for event in events(running)]
    assert seen == ["/bin/echo caaab second"]


def test_exitsnoop_shows_age_code_and_signal(ecli: Command) -> None:
    running = start(ecli, "exitsnoop", "--failed")
    leaving = subprocess.Popen(["sh", "-c", "sleep 0.2; exit 3"])
    killed = subprocess.Popen(["sleep", "60"])
    killed.send_signal(signal.SIGTERM)
    leaving.wait()
    killed.wait()
    fine = provoke.exec_program("/bin/true")

    seen = {event["pid"]: event for event in events(running)}
    assert seen[leaving.pid]["code"] == 3
    assert seen[leaving.pid]["ppid"] == os.getpid()
    assert seen[leaving.pid]["comm"] == "sh"
    assert "SIGTERM" in str(seen[killed.pid]["sig"])
    assert fine not in seen


def test_opensnoop_shows_descriptor_flags_and_errors(ecli: Command) -> None:
    running = start(ecli, "opensnoop", "--pid", os.getpid())
    path = "/tmp/eunomia-" + "d" * 200
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.close(descriptor)
    os.unlink(path)
    with pytest.raises(FileNotFoundError):
        os.open(path, os.O_RDONLY)

    made, missing = events(running, path=path)
    assert (made["pid"], made["fd"]) == (os.getpid(), descriptor)
    assert int(str(made["flags"]), 8) & 0o103 == 0o102, made
    assert missing["fd"] == -1
    assert "ENOENT" in str(missing["err"])


def test_opensnoop_filters_failed_opens_and_names(ecli: Command) -> None:
    running = start(ecli, "opensnoop", "-x", "-n", "ca")
    subprocess.run(["cat", "/nonexistent/cat", "/etc/passwd"], capture_output=True, check=False)
    subprocess.run(["ls", "/nonexistent/ls"], capture_output=True, check=False)

    seen = events(running)
    assert {event["comm"] for event in seen} == {"cat"}
    assert "/nonexistent/cat" in {event["path"] for event in seen}
    assert "/etc/passwd" not in {event["path"] for event in seen}


def test_sigsnoop_shows_sender_target_and_what_became_of_it(ecli: Command) -> None:
    running = start(ecli, "sigsnoop", "--kill")
    target = provoke.signals(signal.SIGUSR1)

    [seen] = events(running, pid=os.getpid(), tpid=target)
    assert "SIGUSR1" in str(seen["sig"])
    assert "ignored" in str(seen["result"])


def test_sigsnoop_filters_by_signal_and_shows_the_kernels_own(ecli: Command) -> None:
    running = start(ecli, "sigsnoop", "--signal", "SIGSEGV")
    crashing = subprocess.Popen([sys.executable, "-c", "import ctypes; ctypes.string_at(0)"], stderr=subprocess.DEVNULL)
    crashing.wait()
    provoke.signals(signal.SIGUSR2)

    seen = events(running)
    assert crashing.pid in [event["tpid"] for event in seen]
    assert all("SIGSEGV" in str(event["sig"]) for event in seen)


def test_tcpstates_follows_a_connection(ecli: Command) -> None:
    running = start(ecli, "tcpstates", "--ipv4")
    client, server = provoke.tcp_connection()

    seen = events(running)
    states = [
        (event["oldstate"], event["newstate"]) for event in seen if (event["lport"], event["rport"]) == (client, server)
    ]
    assert ("SYN_SENT", "ESTABLISHED") in states
    first = next(event for event in seen if (event["lport"], event["rport"]) == (client, server))
    assert (first["laddr"], first["raddr"]) == ("127.0.0.1", "127.0.0.1")


def test_tcpstates_filters_by_ports_and_shows_ipv6(ecli: Command) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        running = start(ecli, "tcpstates", "--remoteport", f"9,{port}")
        with socket.create_connection(("::1", port)), server.accept()[0]:
            pass
        provoke.tcp_connection()

        seen = events(running)
    assert seen
    assert {event["rport"] for event in seen} == {port}
    assert {event["raddr"] for event in seen} == {"::1"}


WAYS = {"function": [], "state": ["--skip", "tcp_connect_entry", "--skip", "tcp_connect_kprobe"]}


@pytest.mark.parametrize("skipped", WAYS.values(), ids=WAYS)
def test_tcpconnect_shows_who_connects_to_what(ecli: Command, skipped: list[str]) -> None:
    running = start(ecli, "tcpconnect", "--lport", *skipped, "--pid", os.getpid())
    client, server = provoke.tcp_connection()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taker:
        port6 = taker.getsockname()[1]
        with socket.create_connection(("::1", port6)) as connection:
            client6 = connection.getsockname()[1]
        with socket.socket(socket.AF_INET6) as either, pytest.raises(ConnectionRefusedError):
            either.connect(("::ffff:127.0.0.1", port6))  # an IPv6 socket that speaks IPv4

    whose = {"pid": os.getpid(), "uid": os.getuid()}
    first, second, third = events(running, **whose)
    local = {"saddr": "127.0.0.1", "daddr": "127.0.0.1"}
    assert {**first, "comm": ""} == {**whose, "comm": "", "ip": 4, **local, "lport": client, "dport": server}
    assert (second["ip"], second["saddr"], second["lport"]) == (6, "::1", client6)
    assert (second["daddr"], second["dport"]) == ("::1", port6)
    assert {**third, **local, "ip": 4, "dport": port6} == third


def test_tcpconnect_shows_a_connection_that_nobody_answers_at_once(ecli: Command) -> None:
    with network() as name, inside(name):
        running = start(ecli, "tcpconnect", "--port", "9,81")
        for port in (80, 81):
            with socket.socket() as client:
                client.setblocking(False)
                assert client.connect_ex(("10.77.0.2", port)) == errno.EINPROGRESS  # no such host: ARP goes unanswered

        [event] = events(running)
    assert (event["saddr"], event["daddr"], event["dport"]) == ("10.77.0.1", "10.77.0.2", 81)


def test_both_families_asked_for_are_both_shown(ecli: Command) -> None:
    running = start(ecli, "tcpconnect", "-4", "-6", "--pid", os.getpid())
    states = start(ecli, "tcpstates", "-4", "-6")
    provoke.tcp_connection()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taker:
        port6 = taker.getsockname()[1]
        socket.create_connection(("::1", port6)).close()

    assert [event["ip"] for event in events(running, pid=os.getpid())] == [4, 6]
    seen = events(states)
    assert any(event["laddr"] == "127.0.0.1" for event in seen)
    assert any(event["rport"] == port6 for event in seen)


def test_tcpconnect_counts_in_the_kernel(ecli: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        running = ecli.start("run", "tcpconnect", "-c", "-4", "-p", os.getpid(), "-P", port).wait_attached()
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)):
                pass
        result = running.stop()

    assert result.returncode == 0, result
    assert [line.split() for line in result.lines[1:]] == [
        ["SADDR", "DADDR", "DPORT", "CONNECTS"],
        ["127.0.0.1", "127.0.0.1", str(port), "5"],
    ]


def test_mountsnoop_shows_arguments_and_errors(ecli: Command) -> None:
    running = start(ecli, "mountsnoop")
    with tempfile.TemporaryDirectory(prefix="eunomia-mount-") as folder:
        script = f"mount -n -i -t tmpfs -o size=1M eunomia {folder} && umount {folder}"
        subprocess.run(["unshare", "-m", "sh", "-c", script], check=True)

        seen = [event for event in events(running) if event["target"] == folder]
    mounted = next(event for event in seen if "mount" in str(event["call"]) and "umount" not in str(event["call"]))
    assert mounted["comm"] == "mount"
    assert mounted["ret"] in (0, "0")
    assert any("umount" in str(event["call"]) and event["comm"] == "umount" for event in seen)
    assert mounted["mnt_ns"] != os.stat("/proc/self/ns/mnt").st_ino
    if mounted["call"] == "call_mount":
        assert (mounted["fstype"], mounted["source"], mounted["data"]) == ("tmpfs", "eunomia", "size=1M")


def test_biosnoop_shows_disk_size_and_latency(ecli: Command, tmp_path: Path) -> None:
    disk, folder = disk_folder()
    running = start(ecli, "biosnoop", "--disk", disk)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        writer = subprocess.Popen(
            ["dd", "if=/dev/zero", f"of={file.name}", "bs=64k", "count=4", "oflag=direct"], stderr=subprocess.DEVNULL
        )
        writer.wait()

        seen = events(running)
    written = [event for event in seen if event["pid"] == writer.pid and event["type"].startswith("W")]
    assert {event["disk"] for event in seen} == {disk}
    assert sum(event["bytes"] for event in written) == 4 * 65536
    assert all(0 < event["lat_us"] < 60_000_000 for event in written)
    assert {event["comm"] for event in written} == {"dd"}


def test_runqslower_shows_who_waited_and_for_whom(ecli: Command) -> None:
    running = start(ecli, "runqslower", "--min-us", "1000")
    code = "import time\nend = time.monotonic() + 0.8\nwhile time.monotonic() < end: pass"
    busy = [python(code) for _ in range(2 * (os.cpu_count() or 1) + 1)]
    for child in busy:
        child.communicate()

    pids = {child.pid for child in busy}
    seen = [event for event in events(running) if event["tid"] in pids]
    assert seen
    assert all(event["lat_us"] >= 1000 for event in seen)
    assert pids & {event["prev_tid"] for event in seen}


def test_gethostlatency_shows_name_and_time(ecli: Command) -> None:
    running = start(ecli, "gethostlatency")
    child = python(
        "import socket\n"
        "for host in ('localhost', 'localhost.localdomain'):\n"
        "    try: socket.getaddrinfo(host, 80)\n"
        "    except OSError: pass"
    )
    child.communicate()

    seen = events(running, pid=child.pid)
    assert [event["host"] for event in seen] == ["localhost", "localhost.localdomain"]
    assert all(event["lat_us"] > 0 for event in seen)


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="needs bash (run: apt-get install bash)")
def test_bashreadline_shows_typed_commands(ecli: Command) -> None:
    running = start(ecli, "bashreadline")
    child, terminal = pty.fork()
    if not child:
        os.execve(
            "/bin/bash",
            ["bash", "--norc", "--noprofile", "-i"],
            {"PATH": os.environ["PATH"], "PS1": "$ ", "TERM": "dumb"},
        )
    _type(terminal, "echo typed into a shell\n")
    _type(terminal, "exit\n")
    os.waitpid(child, 0)
    os.close(terminal)

    seen = events(running, pid=child)
    assert [event["command"] for event in seen] == ["echo typed into a shell", "exit"]
    assert {event["uid"] for event in seen} == {os.getuid()}


def _type(terminal: int, text: str) -> None:
    """Wait for the prompt, then type."""
    shown = b""
    while not shown.endswith(b"$ "):
        shown += os.read(terminal, 4096)
    os.write(terminal, text.encode())
