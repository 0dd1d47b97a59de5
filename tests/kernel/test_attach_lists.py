"""Symbols as lists and patterns: the first that there is, all that match; binaries as another process has them."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.errors import EunomiaError
from eunomia.kernel.object import Object
from eunomia.package.model import Package
from support.objects import build

HITS = """
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} hits SEC(".maps");
const volatile __u32 pid = 0;
static __always_inline int hit(__u32 at)
{
    __u64 *value = bpf_map_lookup_elem(&hits, &at);
    if (value && bpf_get_current_pid_tgid() >> 32 == pid)
        __sync_fetch_and_add(value, 1);
    return 0;
}
"""
SOURCE = (
    HITS
    + """
SEC("uprobe/libc.so.6:nosuch_getppid|getppid") int user(void *ctx) { return hit(0); }
SEC("uprobe/libc.so.6:getpp[a-i]d") int pattern(void *ctx) { return hit(1); }
SEC("tp/syscalls/sys_enter_nosuch|syscalls/sys_enter_fsync") int point(void *ctx) { return hit(2); }
SEC("raw_tp/nosuch|sched_process_fork") int raw(void *ctx) { return hit(3); }
SEC("tp_btf/nosuch|sched_process_fork|sched_process_exec") int BPF_PROG(typed) { return hit(4); }
SEC("uprobe") int chosen(void *ctx) { return hit(5); }
"""
)
USER, PATTERN, POINT, RAW, TYPED, CHOSEN = range(6)
LOADER, VERSION = {
    "x86_64": ("/lib64/ld-linux-x86-64.so.2", "GLIBC_2.2.5"),
    "aarch64": ("/lib/ld-linux-aarch64.so.1", "GLIBC_2.17"),
}[platform.machine()]
libc = ctypes.CDLL(None)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("lists"), SOURCE)


@pytest.fixture
def obj(package: Package) -> Iterator[Object]:
    with package.load({"pid": os.getpid()}) as loaded:
        yield loaded


def fork() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def test_of_a_list_in_a_section_the_first_that_there_is_is_taken(obj: Object) -> None:
    obj.attach(skip=["chosen"])
    libc.getppid()
    libc.fsync(-1)
    fork()

    assert {at: obj.maps["hits"][at] for at in (USER, PATTERN, POINT, RAW, TYPED)} == dict.fromkeys(
        (USER, PATTERN, POINT, RAW, TYPED), 1
    )


def test_a_list_is_a_target_too(obj: Object) -> None:
    obj.programs["chosen"].attach("uprobe:libc.so.6:nosuch|getppid|getpid")
    libc.getppid()

    assert obj.maps["hits"][CHOSEN] == 1


@pytest.mark.parametrize(
    ("program", "target", "message"),
    [
        ("chosen", "uprobe:libc.so.6:nosuch1|nosuch2", r"none of libc.so.6:nosuch1\|nosuch2 is in this binary"),
        ("point", "tp:a/b|c/d", r"none of a/b\|c/d is in this kernel"),
        ("raw", "raw_tp:nosuch1|nosuch2", r"none of nosuch1\|nosuch2 is in this kernel"),
        ("chosen", "uprobe:libc.so.6:nosuch*", r"nosuch\*: no function matches that can be probed"),
        ("chosen", "uprobe:libc.so.6:getppid,pid=999999999", "process 999999999: no such process"),
        ("chosen", "uprobe::main,pid=999999999", "process 999999999: no such process"),
        ("chosen", "uprobe::main", r"binary : not found in PATH"),
    ],
)
def test_where_none_is_there_all_are_named(obj: Object, program: str, target: str, message: str) -> None:
    with pytest.raises(OSError, match=message):
        obj.programs[program].attach(target)

    assert not obj.programs[program].attached


def test_names_missing_from_btf_are_refused_at_load(tmp_path: Path) -> None:
    package = build(tmp_path, HITS + 'SEC("tp_btf/nosuch|sched_process_forg") int BPF_PROG(f) { return hit(0); }')
    with pytest.raises(EunomiaError, match="not in this kernel's BTF"):
        package.load()


def test_a_pattern_puts_a_probe_into_every_function_that_matches(obj: Object) -> None:
    obj.programs["chosen"].attach("uprobe:libc.so.6:get*pid")
    libc.getppid()
    libc.getpid()

    assert obj.maps["hits"][CHOSEN] == 2


def test_a_version_of_a_symbol_is_told_apart(obj: Object) -> None:
    obj.programs["chosen"].attach(f"uprobe:libc.so.6:getppid@@{VERSION}")
    libc.getppid()

    assert obj.maps["hits"][CHOSEN] == 1
    with pytest.raises(OSError, match="has no symbol getppid@@GLIBC_9"):
        obj.programs["chosen"].attach("uprobe:libc.so.6:getppid@@GLIBC_9")


def test_the_program_of_a_process_is_found_by_its_pid(obj: Object) -> None:
    child = subprocess.Popen(["/usr/bin/env", "sleep", "30"])
    try:
        with pytest.raises(OSError, match=f"/proc/{child.pid}/exe has no symbol nosuch"):
            obj.programs["chosen"].attach(f"uprobe::nosuch,pid={child.pid}")
    finally:
        child.kill()
        child.wait()


def test_a_library_is_found_as_a_process_in_a_container_has_it(obj: Object, tmp_path: Path) -> None:
    """A process whose root is another folder: names and paths mean what they mean to it."""
    maps = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    libc_path = next(path for path in maps if path.endswith("/libc.so.6"))
    for path in ("/bin/sleep", libc_path, LOADER):
        copy = tmp_path / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(Path(path).resolve().read_bytes())
        copy.chmod(0o755)
    words = ["/usr/sbin/chroot", str(tmp_path), "/bin/sleep", "30"]
    child = subprocess.Popen(words, env={"LD_LIBRARY_PATH": os.path.dirname(libc_path)})
    try:
        while "libc.so.6" not in Path(f"/proc/{child.pid}/maps").read_text() or "chroot" in (
            Path(f"/proc/{child.pid}/cmdline").read_text()
        ):
            time.sleep(0.01)
        for name in ("libc.so.6", libc_path):
            with pytest.raises(OSError, match=f"(/proc/{child.pid}/root|{tmp_path}).*libc.so.6 has no symbol nosuch"):
                obj.programs["chosen"].attach(f"uprobe:{name}:nosuch,pid={child.pid}")
    finally:
        child.kill()
        child.wait()
