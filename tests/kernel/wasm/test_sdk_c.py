"""The SDK for C and C++: sources written for libbpf, built as they are, and what they print on real events."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.compiler.guest_projects import build_project
from eunomia.wasm import Guest, Policy
from support.networks import cgroup

SOURCES = Path(__file__).parent / "guests/sdk"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples/wasm/c"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
Ran = tuple[int, list[str], list[str]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build the guest of a folder of SOURCES, once."""
    folder = tmp_path_factory.mktemp("sdk")

    def build(name: str) -> Path:
        output = folder / f"{name}.wasm"
        if not output.exists():
            build_project(str(SOURCES / name), output=str(output))
        return output

    return build


def ran(path: Path, *args: str) -> Ran:
    with Guest(path.read_bytes(), path.name).run(args, policy=Policy(["all"])) as run:
        code = run.wait(60)
        return code, run.stdout.splitlines(), run.stderr.splitlines()


HELP = """\
Usage: options.wasm [OPTION...] FILE...
Does what options say.

  -n, --number=N             how many
  -v, --verbose              say more
      --wide[=COLUMNS]       a long option alone, whose argument may be left
                             out, with words that need a second line

 Others:
      --alias, --by-name     two names
  -x                         a short one alone

  -?, --help                 Give this help list
      --usage                Give a short usage message
  -V, --version              Print program version

Mandatory or optional arguments to long options are also mandatory or optional
for any corresponding short options.

What comes after.

Report bugs to nobody.
"""


def test_help_is_as_argp_prints_it(built: Callable[[str], Path]) -> None:
    code, out, err = ran(built("options"), "--help")

    assert (code, err) == (0, [])
    assert "\n".join(out[1:]) + "\n" == HELP


def test_usage_and_version(built: Callable[[str], Path]) -> None:
    _, usage, _ = ran(built("options"), "--usage")
    code, version, _ = ran(built("options"), "-V")

    assert usage[1:] == [
        "Usage: options.wasm [-vx?V] [-n N] [--number=N] [--verbose] [--wide[=COLUMNS]]",
        "            [--alias] [--by-name] [--help] [--usage] [--version] FILE...",
    ]
    assert (code, version) == (0, ["init", "options 1.0"])


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["-n5", "a", "-v", "b"], ["init", "number 5", "verbose", "arg a", "arg b", "end 2"]),
        (["--number", "6", "--wide=80", "--wide", "a"], ["init", "number 6", "wide 80", "wide -", "arg a", "end 1"]),
        (["--num=7", "--", "-v", "--help"], ["init", "number 7", "arg -v", "arg --help", "end 2"]),
        (["-vxn", "8", "--by-name", "a"], ["init", "verbose", "x", "number 8", "alias", "arg a", "end 1"]),
        ([], ["init", "no args", "end 0"]),
    ],
)
def test_words_reach_the_parser_in_its_order(built: Callable[[str], Path], args: list[str], shown: list[str]) -> None:
    assert ran(built("options"), *args) == (0, shown, [])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-z"], "options.wasm: invalid option -- 'z'"),
        (["--nothing"], "options.wasm: unrecognized option '--nothing'"),
        (["--v"], "options.wasm: option '--v' is ambiguous"),
        (["-n"], "options.wasm: option requires an argument -- 'n'"),
        (["--number"], "options.wasm: option '--number' requires an argument"),
        (["--verbose=1"], "options.wasm: option '--verbose' doesn't allow an argument"),
        (["-n", "x"], "options.wasm: x is no number"),
    ],
)
def test_wrong_options_are_told_as_argp_tells_them(built: Callable[[str], Path], args: list[str], said: str) -> None:
    code, _, err = ran(built("options"), *args)

    assert code == 64
    assert err == [said, "Try `options.wasm --help' or `options.wasm --usage' for more information."]


def test_errno_is_linux_s_and_long_has_64_bits(built: Callable[[str], Path]) -> None:
    code, out, _ = ran(built("library"))

    assert code == 0
    assert out == [
        "open -1 errno 2 ENOENT No such file or directory",
        "errno after 0",
        "EINTR 4 Interrupted system call",
        "EUSERS 87 EUSERS",
        "errno by name 22 -1",
        "long 8 address ffffffff81000042 strtoul ffffffff81000000",
        "limits 9223372036854775807 18446744073709551615",
        "x86 read clone3",
        '{"pid":1,"comm":"a\\"b\\\\\\u000a\ufffd é","list":[18446744073709551615,0.5,null],"in":{"yes":true}}',
        "{}",
        "     usecs               : count    distribution",
        "         0 -> 1          : 0        |                                        |",
        "         2 -> 3          : 10       |****************************************|",
        "         4 -> 7          : 3        |************                            |",
        "cpu " + str(os.cpu_count() and len(possible())),
        "tracepoint 1 0",
        "split 3: 1 20 300",
    ]


def possible() -> list[int]:
    found: list[int] = []
    for part in Path("/sys/devices/system/cpu/possible").read_text().strip().split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def test_skeleton_of_bpftool_is_live_before_and_after_load(tmp_path: Path) -> None:
    shutil.copytree(SOURCES / "live", tmp_path / "live")
    elf = tmp_path / "live.bpf.o"
    elf.write_bytes(compile_source(SOURCES / "live/live.bpf.c", accounting=False).object)
    stock = subprocess.run(
        ["bpftool", "gen", "skeleton", elf, "name", "live_bpf"], capture_output=True, text=True, check=True
    )
    (tmp_path / "live/live.skel.h").write_text(stock.stdout)
    assert "BPFTOOL" in stock.stdout

    (path,) = build_project(str(tmp_path / "live"), output=str(tmp_path / "live.wasm"))

    assert ran(Path(path)) == LIVE


def test_our_skeleton_is_live_before_and_after_load(built: Callable[[str], Path]) -> None:
    assert ran(built("live")) == LIVE


LIVE: Ran = (
    0,
    [
        "before: rodata 7 data 1000000000000 bss 0",
        "after: rodata 8 data 2000000000000 bss 1",
        "counted: more than 2",
        "written: 1",
        "records: 3 of 3, sizes 24, in order",
        "kept for the next poll: 2",
        "lookup 42, keys 3, batch 3, deleted -2",
        "unknown map: 2",
        "program: on_exec tp/sched/sched_process_exec 5",
        "off: 0",
        "detached: 0 more",
    ],
    [],
)


def test_guest_in_cxx_gets_events_and_its_signal(built: Callable[[str], Path]) -> None:
    code, out, _ = ran(built("cxx"))

    assert code == 0
    assert out == ["true: 2", "data 9", "counted at least 2"]


def test_library_of_cxx_goes_with_libbpf_s_headers(built: Callable[[str], Path]) -> None:
    assert ran(built("cxxlibrary")) == (0, ["a b c ff 42 1099511627776 first"], [])


def test_names_of_the_c_library_are_free_for_programs_and_maps(built: Callable[[str], Path]) -> None:
    assert ran(built("names")) == (0, ["execve open openat 1"], [])


def test_sources_and_skeletons_of_wasm_bpf_compile_as_they_are(built: Callable[[str], Path]) -> None:
    code, out, _ = ran(built("wasm-bpf"))

    assert code == 0
    assert out[0] == "EXEC true"


def test_perf_events_by_syscall_sample_each_cpu(built: Callable[[str], Path]) -> None:
    code, out, _ = ran(built("sampling"))

    assert code == 0
    assert out == ["opened: all", "samples: some", "unknown event: 2", "bad cpu: 19"]


LIBBPF = [
    "ring: size 1 fd 1, 1 available, 1 then 1 then 0",
    "other: before 0, all 1, again 0, none of that number 1",
    "perf: 1 buffer, no second -22, records 1, bytes 4",
    "netfilter: 1 1, again -16, detach 0 0 -9, bad 1 22",
    "types: shown has 16 bytes, kept 1, of a file 1 1, none 0 2",
    "names: netfilter arena trace_uprobe_session sockmap 1",
    "libbpf: bpf_object__pin_maps: not for guests: what a guest makes ends with it",
    "denied: 17 of 17, lines 17, autoattach 0 -22",
]


def test_rare_names_of_libbpf_work_or_say_that_guests_have_them_not(
    built: Callable[[str], Path], tmp_path: Path
) -> None:
    elf = tmp_path / "libbpf.bpf.o"
    elf.write_bytes(compile_source(SOURCES / "libbpf/libbpf.bpf.c", accounting=False).object)
    guest = Guest(built("libbpf").read_bytes(), "libbpf.wasm")

    with guest.run([f"/objects/{elf.name}"], policy=Policy(["all"]), dirs=[f"{tmp_path}:/objects"]) as run:
        code = run.wait(60)

        assert (code, run.stdout.splitlines()) == (0, LIBBPF)


@pytest.fixture(scope="session")
def sockops(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    output = tmp_path_factory.mktemp("sockops") / "sockops.wasm"
    build_project(str(EXAMPLES / "sockops"), output=str(output))
    return Guest(output.read_bytes(), output.name)


@pytest.mark.parametrize("prefix", ["", "./"])
def test_open_takes_a_group_relative_to_the_host_s_folder(
    sockops: Guest, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    with cgroup() as group:
        monkeypatch.chdir(group.parent)
        policy = Policy(["prog-type=sockops", f"attach=cgroup:{group}"])
        with sockops.run([prefix + group.name, "7"], policy=policy) as run:
            attached = run.wait_attached(60)
            run.signal(signal.SIGINT)
            code = run.wait(60)

            assert attached
            shown = [f"marking connections of {prefix}{group.name}", "0 SYNs marked"]
            assert (code, run.stdout.splitlines(), run.text) == (0, shown, "")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/no/such/place", "/no/such/place: No such file or directory\n"),
        ("no-such-place", "no-such-place: no such file or directory [cgroup v2 is mounted at"),
    ],
)
def test_group_that_is_not_there_is_told(sockops: Guest, place: str, said: str) -> None:
    with sockops.run([place, "7"], policy=Policy(["all"])) as run:
        code = run.wait(60)

        assert (code, run.stdout) == (1, "")
        assert said in run.stderr + "".join(run.failures)


def test_stacks_have_symbols_and_helpers_of_tools_are_replaced(built: Callable[[str], Path]) -> None:
    code, out, err = ran(built("stacks"))

    assert (code, err) == (0, [])
    assert out == ["stacks: some", "schedule: yes", "user addresses above 4 GiB: yes", "no user stack: -EFAULT"]


def test_uprobe_by_function_and_by_offset(built: Callable[[str], Path]) -> None:
    code, out, err = ran(built("uprobe"), str(offset_of("libc.so.6", "getpriority")))

    assert (code, err) == (0, [])
    assert out == ["function: attached", "offset: attached", "nothing: 2"]


def offset_of(library: str, function: str) -> int:
    found = next(path for path in Path("/lib").glob(f"*-linux-gnu/{library}"))
    lines = subprocess.run(["readelf", "-WsD", found], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.split()[-1:] == [f"{function}@@GLIBC_2.2.5"])


def test_structures_of_both_sides_have_the_kernel_s_layout_and_interfaces_take_programs(
    built: Callable[[str], Path],
) -> None:
    sender = "import socket, time\ns = socket.socket(2, 2)\n"
    sender += "for i in range(250): s.sendto(b'x', ('127.0.0.1', 9)); time.sleep(0.1)"
    run = f'ip link set lo up; {sys.executable} -c "{sender}" & '
    run += f"{sys.executable} -m eunomia run --allow all {built('network')}; kill $!"

    words = ["unshare", "-n", "bash", "-c", run]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "tc: 0, again: -17",
        "socket: 0",
        "attach: 0",
        "seen: 1 1",
        "task: size 123456789ab below -5 first x last 7",
        "by pointer: 1",
        "batches: 10 -2 1",
        "detach: 0, again: -2",
    ]


SYSTEM = [
    "families 2 10 kinds 1 2 here -100",
    "1 1.2.3.4 1.2.3.4 ::1",
    "fork -1 ENOSYS wait -1 ECHILD eventfd -1 ENOSYS",
    f"page {os.sysconf('SC_PAGESIZE')}, pid above 1: 1",
    "at most 9223372036854775807 2",
    "line 6 Linux",
    "loadavg 1 1 time 8",
]


def test_system_answers_by_linux_s_numbers_and_files_are_read_where_shown(built: Callable[[str], Path]) -> None:
    guest = Guest(built("system").read_bytes(), "system.wasm")

    with guest.run((), policy=Policy(["all"]), dirs=["/proc", "/sys/kernel/btf", "/bin"]) as run:
        run.wait(60)
        shown = run.stdout.splitlines()
    with guest.run((), policy=Policy(["all"]), dirs=["/proc"]) as run:
        run.wait(60)
        hidden = run.stdout.splitlines()

    assert shown[:7] == hidden[:7] == SYSTEM
    assert shown[7] == "types: pointer 1 function 1 enums 1 size 16 none -2"
    assert shown[8] in ("elf: 1 1", "elf: 1 0")  # bash may have readline from a library
    assert hidden[7:9] == ["types: 1 known, not to be read", "elf: not to be read"]
    assert shown[9:] == hidden[9:] == ["elf: not to be read", "old: 0 -9"]


def test_sleep_says_eintr_when_a_signal_came(built: Callable[[str], Path]) -> None:
    with Guest(built("system").read_bytes(), "system.wasm").run(["wait"], policy=Policy(["all"])) as run:
        deadline = time.monotonic() + 60
        while "waiting" not in run.stdout and time.monotonic() < deadline:
            time.sleep(0.02)
        run.signal(signal.SIGINT)
        code = run.wait(60)

        assert (code, run.stdout.splitlines()) == (0, ["waiting", "sleep -1 EINTR left 1"])


def test_new_project_builds_and_runs_at_once(tmp_path: Path) -> None:
    from eunomia.compiler.guest_templates import create

    create(str(tmp_path / "hello"), "c")
    (path,) = build_project(str(tmp_path / "hello"))

    code, out, _ = ran(Path(path), "--help")

    assert code == 0
    assert out[:2] == ["Usage: hello.wasm [OPTION...]", "Show programs that are executed."]


def test_new_project_says_by_its_code_that_nothing_was_attached(tmp_path: Path) -> None:
    from eunomia.compiler.guest_templates import create

    create(str(tmp_path / "hello"), "c")
    (path,) = build_project(str(tmp_path / "hello"))

    with Guest(Path(path).read_bytes(), "hello.wasm").run((), policy=Policy(["prog-type=xdp"], ["all"])) as run:
        code = run.wait(60)

        assert (code, run.stdout, run.stderr) == (1, "", "")


@pytest.mark.parametrize(("flags", "place"), [([], "function "), (["-g"], "in give_up")])
def test_names_of_functions_stay_where_asked_for(tmp_path: Path, flags: list[str], place: str) -> None:
    source = tmp_path / "trap.c"
    source.write_text(
        "__attribute__((noinline)) void give_up(volatile int *x) { if (*x) __builtin_trap(); }\n"
        "int main(int argc, char **argv) { volatile int x = argc; give_up(&x); return 0; }\n"
    )

    (path,) = build_project(str(source), cflags=flags)

    with Guest(Path(path).read_bytes(), "trap.wasm").run(()) as run:
        run.wait(60)
        assert place in run.text
    assert os.stat(path).st_size < 4000
    assert os.stat(path).st_mode & 0o777 & 0o111 == 0


def test_library_of_exported_functions_is_linked_to_a_guest(tmp_path: Path) -> None:
    (tmp_path / "stats.c").write_text('__attribute__((export_name("add"))) int add(int x) { return x + 1; }\n')
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#include <eunomia/abi.h>\n"
        '__attribute__((import_module("stats"), import_name("add"))) int add(int x);\n'
        'int main(void) { printf("%d %d\\n", add(1), wasm_bpf_module_copy("none", 0, "x", 1, 1) < 0); }\n'
    )
    for name in ("stats", "main"):
        build_project(str(tmp_path / f"{name}.c"))

    guest = Guest((tmp_path / "main.wasm").read_bytes(), "main.wasm")
    guest.link("stats", (tmp_path / "stats.wasm").read_bytes())

    with guest.run(()) as run:
        assert (run.wait(60), run.stdout) == (0, "2 1\n")
