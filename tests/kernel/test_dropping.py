"""What a run has left when all is attached, that it is enough, and that the rest is really gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.package.privileges import NUMBERS
from support.commands import Command
from support.networks import inside, network

SYMBOLS = {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_CHECKPOINT_RESTORE"}
NOBODY = 65534
TC = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
SEC("tc") int shape(struct __sk_buff *ctx) { return -1; }
"""


def status(pid: int) -> dict[str, str]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: value.strip() for key, _, value in lines}


def held(pid: int, which: str = "CapEff") -> set[str]:
    bits = int(status(pid)[which], 16)
    return {name for name, number in NUMBERS.items() if bits >> number & 1}


def wait_dropped(pid: int) -> None:
    """Wait until the filter, which is the last of it, is there."""
    deadline = time.monotonic() + 20
    while status(pid)["Seccomp"] == "0":
        assert time.monotonic() < deadline, "nothing was dropped"
        time.sleep(0.02)


def test_a_run_that_shows_plain_fields_keeps_nothing(ecli: Command) -> None:
    running = ecli.start("run", "opensnoop").wait_attached()
    wait_dropped(running.pid)
    sets = {which: int(status(running.pid)[which], 16) for which in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
    is_final = status(running.pid)["NoNewPrivs"]
    done = running.stop()

    assert set(sets.values()) == {0}, sets
    assert is_final == "1"
    assert done.returncode == 0
    assert "none lost" in done.stderr


def test_keep_privileges_keeps_them(ecli: Command) -> None:
    running = ecli.start("run", "--keep-privileges", "opensnoop").wait_attached()
    time.sleep(0.3)
    found = status(running.pid)
    running.stop()

    assert int(found["CapEff"], 16) & 1 << NUMBERS["CAP_BPF"]
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "0")


def test_stacks_of_another_users_process_have_their_symbols(ecli: Command, tmp_path: Path) -> None:
    child = subprocess.Popen(
        ["setpriv", f"--reuid={NOBODY}", "--clear-groups", sys.executable, "-c", "while True: sum(range(10000))"]
    )
    try:
        running = ecli.start("run", "-j", "--pid", child.pid, "--duration", "2", "profile").wait_attached()
        wait_dropped(running.pid)
        kept = held(running.pid)
        done = running.finish()
    finally:
        child.kill()
        child.wait()

    assert kept == SYMBOLS
    assert done.events, done
    assert "PyEval" in done.stdout or "_Py" in done.stdout, done.stdout[:2000]


def test_kernel_symbols_are_read_with_the_rights_of_before(ecli: Command) -> None:
    child = subprocess.Popen(["dd", "if=/dev/zero", "of=/dev/null", "bs=1M"], stderr=subprocess.DEVNULL)
    try:
        done = ecli("run", "-j", "--pid", child.pid, "--duration", "1.5", "profile")
    finally:
        child.kill()
        child.wait()

    assert "read_zero" in done.stdout or "clear_user" in done.stdout, done.stdout[:2000]


def test_a_file_rotates_in_a_folder_of_another_user(ecli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)
    file = folder / "events.json"
    running = ecli.start("run", "-j", "-o", file, "--rotate-size", "4K", "--rotate-keep", "2", "opensnoop")
    running.wait_attached()
    wait_dropped(running.pid)
    kept = held(running.pid)
    for number in range(200):
        (tmp_path / str(number)).exists()
        with open("/dev/null"):
            pass
    deadline = time.monotonic() + 10
    while not (folder / "events.json.1").exists() and time.monotonic() < deadline:
        with open("/dev/null"):
            time.sleep(0.01)
    done = running.stop()

    assert kept == {"CAP_DAC_OVERRIDE"}  # and CAP_FOWNER, which the table does not name
    assert (folder / "events.json.1").exists()
    assert done.returncode == 0, done


def test_ones_own_folder_needs_no_capability_to_rotate(ecli: Command, tmp_path: Path) -> None:
    running = ecli.start("run", "-o", tmp_path / "events", "--rotate-size", "4K", "opensnoop").wait_attached()
    wait_dropped(running.pid)
    kept = held(running.pid)
    running.stop()

    assert kept == set()


@pytest.fixture
def tc_package(ecc: Command, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "shape.bpf.c").write_text(TC)
    done = ecc(tmp_path / "shape.bpf.c", "-o", tmp_path / "shape.json")
    assert done.returncode == 0, done
    with network() as name, inside(name):
        yield tmp_path / "shape.json"


def test_a_tc_filter_goes_with_the_run(ecli: Command, tc_package: Path) -> None:
    from support.kernel_state import qdiscs

    running = ecli.start("run", "--attach", "shape=tc:lo:ingress", tc_package)
    deadline = time.monotonic() + 20
    while ("lo", "clsact") not in qdiscs() and time.monotonic() < deadline:
        time.sleep(0.02)
    wait_dropped(running.pid)
    there = ("lo", "clsact") in qdiscs()
    done = running.stop()

    assert there
    assert done.returncode == 0, done
    assert ("lo", "clsact") not in qdiscs()


# Without the filter, which refuses to start programs anyway.
DROPPED = """
import os, sys
from eunomia._native import check, lib
from eunomia.events.run import Run, RunOptions
from eunomia.registry.resolve import resolve
package = resolve("opensnoop")
with package.load({}) as obj, Run(obj, package.plan(), RunOptions()) as run:
    obj.attach()
    check(lib.eu_run_drop(run._run, obj.handle()), "drop")
    os.execv("/bin/grep", ["grep", "CapEff", "/proc/self/status"])
"""


def test_a_program_that_root_starts_after_it_gains_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["CapEff:", "0000000000000000"], done.stderr


# In a process of its own: the filter is for good.
FILTERED = """
import ctypes, errno, json, os, socket
from eunomia._native import lib
inherited = socket.socketpair()
assert lib.eu_seccomp() == 1
libc = ctypes.CDLL(None, use_errno=True)
def number(call):
    try:
        call()
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "ok"
def raw(*words):
    if libc.syscall(*words) < 0:
        raise OSError(ctypes.get_errno(), "")
attr = ctypes.create_string_buffer(128)
refused = {
    "fork": lambda: os.fork() or os._exit(0),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "internet socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "setuid": lambda: os.setuid(1),
    "chroot": lambda: os.chroot("/"),
    "mount": lambda: raw(165 if os.uname().machine == "x86_64" else 40, b"none", b"/", b"tmpfs", 0, 0),
    "load a program": lambda: raw(BPF, 5, attr, 128),
    "make a map": lambda: raw(BPF, 0, attr, 128),
    "make a link": lambda: raw(BPF, 28, attr, 128),
    "performance event": lambda: raw(298 if os.uname().machine == "x86_64" else 241, attr, 0, -1, -1, 0),
    "type into the terminal": lambda: __import__("fcntl").ioctl(0, 0x5412, b"x"),
}
BPF = 321 if os.uname().machine == "x86_64" else 280
found = {name: number(call) for name, call in refused.items()}
found["a call of the future"] = number(lambda: raw(600))
found["read a map"] = number(lambda: raw(BPF, 1, attr, 128))
found["netlink"] = number(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close())
found["file"] = number(lambda: open("/proc/self/stat").close())
import threading
thread = threading.Thread(target=lambda: found.update(thread="ok"))
thread.start(); thread.join()
print(json.dumps(found))
"""


def test_the_filter_refuses_what_a_run_has_no_use_for() -> None:
    done = subprocess.run([sys.executable, "-c", FILTERED], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    allowed = {name: found.pop(name) for name in ("a call of the future", "read a map", "netlink", "file", "thread")}
    assert set(found.values()) == {"EPERM"}, found
    assert allowed == {
        "a call of the future": "ENOSYS", "read a map": "EINVAL", "netlink": "ok", "file": "ok", "thread": "ok",
    }  # fmt: skip
