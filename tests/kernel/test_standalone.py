"""Standalone executables on this kernel: the lines of `ecli run` on the same events, and nothing needed beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia.builtin import read
from eunomia.compiler import compile_source
from eunomia.package.model import Package
from eunomia.publish import standalone
from support import provoke
from support.commands import Command
from support.standalone import runner, under_one_name
from support.tools import python

Act = Callable[[], object]
BUSYBOX = "/bin/busybox"
OPEN = """
import os, sys
print(flush=True)
sys.stdin.readline()
for name in ("/etc/passwd", "/gone/with it", "/etc/group", "/proc/self/maps"):
    try:
        os.close(os.open(name, os.O_RDONLY))
    except OSError:
        pass
os._exit(0)
"""


def executable(name: str, folder: Path) -> Path:
    """A built-in tool as an executable."""
    runner()
    path = folder / name
    path.write_bytes(standalone.build(Package.from_bytes(read(name), name)))
    path.chmod(0o755)
    return path


def attached(process: subprocess.Popen[str]) -> None:
    """Wait until a process holds a link and sleeps."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        folder = Path(f"/proc/{process.pid}")
        try:
            waits = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "S"
            if waits and any("link_type:" in each.read_text() for each in (folder / "fdinfo").iterdir()):
                time.sleep(0.2)
                return
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"{process.args}: not attached")


class Opener:
    """A process that opens files when it is told to, and nothing before."""

    def __init__(self) -> None:
        self._child = python(OPEN)
        self.pid = self._child.pid
        assert self._child.stdout is not None
        self._child.stdout.readline()  # the interpreter has opened what it opens

    def __call__(self) -> None:
        self._child.communicate("\n", timeout=60)


def side_by_side(commands: list[list[object]], act: Act) -> list[tuple[int, list[str], str]]:
    """Run commands at once, let something happen, end them; return exit code, lines and what was said of each."""
    running = []
    for command in commands:
        words = [str(word) for word in command]
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for process in running:
        attached(process)
    act()
    time.sleep(0.5)
    ended = []
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        out, said = process.communicate(timeout=60)
        ended.append((process.returncode, out.splitlines(), said))
    return ended


@pytest.mark.parametrize(
    "form", [["-j"], ["--time", "none"], ["--format", "csv"], ["-j", "--fields", "path,pid"], ["-j", "--compat"],
             ["--count-by", "err"]]
)  # fmt: skip
def test_its_lines_and_its_account_are_those_of_ecli(form: list[str], tmp_path: Path) -> None:
    tool = executable("opensnoop", tmp_path)
    opener = Opener()
    only = ["--pid", opener.pid]

    theirs, ours = side_by_side([["ecli", "run", *form, "opensnoop", *only], [tool, *form, *only]], opener)

    assert ours[0] == theirs[0] == 0, (ours, theirs)
    assert ours[1] == theirs[1]
    assert len(ours[1]) >= 2
    said = ours[2].replace("opensnoop: ", "ecli: ", 1)
    assert said == theirs[2]
    if "--compat" not in form:
        assert said == "ecli: events: 4 delivered, none lost\n"


def test_losses_are_in_its_account_and_its_exit_code(tmp_path: Path) -> None:
    tool = executable("opensnoop", tmp_path)
    opener = Opener()
    words = [tool, "-j", "--drill-loss", "1", "--fail-on-loss", "--pid", opener.pid]

    [(code, lines, said)] = side_by_side([words], opener)

    assert code == 3
    assert said.endswith("opensnoop: events: produced 4 = delivered 0 + lost 4 (drill 4)\n"), said
    [account] = [line for line in lines if line.startswith('{"$eunomia":{"account":{"map":"events"')]
    assert '"produced":4,"delivered":0,' in account


def test_sampled_maps_are_shown_as_ecli_shows_them(tmp_path: Path) -> None:
    tool = executable("syscount", tmp_path)
    [(code, lines, _)] = side_by_side([[tool, "--interval", "200ms"]], lambda: provoke.spin(0.5))
    theirs = side_by_side([["ecli", "run", "--interval", "200ms", "syscount"]], lambda: provoke.spin(0.5))[0][1]

    assert code == 0
    headers = [next(line.split() for line in each if "COUNT" in line.upper()) for each in (lines, theirs)]
    assert headers[0] == headers[1]


def test_the_number_of_events_and_a_file_end_it_as_told(tmp_path: Path) -> None:
    tool, out = executable("opensnoop", tmp_path), tmp_path / "events"
    opener = Opener()
    process = subprocess.Popen(
        [tool, "-j", "-o", out, "--max-events", "2", "--pid", str(opener.pid)], stderr=subprocess.PIPE, text=True
    )
    attached(process)
    opener()

    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert len(out.read_text().splitlines()) == 2
    assert "delivered 2" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--iface", "lo"],
        ["--attach", "nothing=iface:lo"],
        ["--freq", "7"],
        ["--skip", "gone"],
        ["--enable", "gone"],
        ["--ring-size", "4T"],
        ["--ring-size", "gone=4K"],
        ["--perf-pages", "8"],
        ["--binary", "/bin/true"],
        ["--btf", "/nowhere/btf"],
    ],
)
def test_what_does_not_fit_a_tool_is_said_as_ecli_says_it(words: list[str], ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "opensnoop.json").write_bytes(read("opensnoop"))
    theirs = ecli("run", *words, "opensnoop")
    command = [runner(), *words, tmp_path / "opensnoop.json"]
    ours = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert under_one_name(ours.stderr) == under_one_name(theirs.stderr)
    assert ours.stderr.count("\n") == 1


def test_it_needs_nothing_but_a_kernel(tmp_path: Path) -> None:
    """A root directory with busybox, /proc and /sys: no C library, no /usr, no /etc."""
    assert os.path.exists(BUSYBOX), "busybox-static is missing"
    jail = tmp_path / "root"
    (jail / "bin").mkdir(parents=True)
    (jail / "dev").mkdir()
    for name in ("bin/given", "dev/null"):  # the shell gives its background a /dev/null
        (jail / name).write_text("")
    shutil.copy(BUSYBOX, jail / "bin/busybox")
    tool = executable("opensnoop", jail / "bin")
    script = (
        "mkdir -p /proc /sys; mount -t proc proc /proc; mount -t sysfs sys /sys; "
        f"/bin/{tool.name} -j --max-events 1 --comm_is_not_an_option 2>/said; echo $? >/code; "
        "(while :; do : </bin/given; sleep 0.1; done) & P=$!; "
        f"/bin/{tool.name} -j --max-events 1 --pid $P; echo $?; kill $P"
    )
    env = {"PATH": "/bin"}
    subprocess.run(["/usr/sbin/chroot", jail, "/bin/busybox", "--install", "-s", "/bin"], check=True, env=env)
    done = subprocess.run(
        ["/usr/bin/unshare", "--mount", "/usr/sbin/chroot", jail, "/bin/busybox", "sh", "-c", script],
        capture_output=True, text=True, timeout=60, env=env, check=False,
    )  # fmt: skip

    event, code = done.stdout.splitlines()
    assert code == "0", done
    assert '"path":"/bin/given"' in event
    assert (jail / "code").read_text() == "2\n"
    assert (jail / "said").read_text().startswith("opensnoop: unknown option --comm_is_not_an_option")
    assert "delivered 1" in done.stderr


def test_without_privileges_it_says_which_are_missing(tmp_path: Path) -> None:
    tool = executable("opensnoop", tmp_path)
    tmp_path.chmod(0o755)
    command = ["setpriv", "--reuid", "1000", "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all", tool]
    readable = Path("/var/tmp") / f"eunomia-standalone-{os.getpid()}"
    shutil.copy(tool, readable)
    try:
        done = subprocess.run([*command[:-1], readable], capture_output=True, text=True, timeout=60, check=False)
    finally:
        readable.unlink()

    assert done.returncode == 1
    assert done.stderr == f"{readable.name}: run {readable.name}: needs CAP_BPF and CAP_PERFMON [run with sudo]\n"


SEVERAL = r"""
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile int only = 0;
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");
/// @prog_array ["second", "third"]
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 4);
    __uint(key_size, 4);
    __uint(value_size, 4);
} calls SEC(".maps");
struct event {
    int what;
};
static void say(int what)
{
    struct event *e;
    if (bpf_get_current_pid_tgid() >> 32 != only || !(e = bpf_ringbuf_reserve(&events, sizeof(*e), 0)))
        return;
    e->what = what;
    bpf_ringbuf_submit(e, 0);
}
/// @optional true
SEC("tp_btf/no_such_tracepoint") int gone(void *ctx) { say(1); return 0; }
/// @alternative kill
SEC("tp_btf/neither_this_one") int kill_new(void *ctx) { say(2); return 0; }
/// @alternative kill
SEC("tracepoint/syscalls/sys_enter_kill") int kill_old(void *ctx) { say(3); return 0; }
SEC("tracepoint/syscalls/sys_enter_getppid") int first(void *ctx) { say(4); bpf_tail_call(ctx, &calls, 1); return 0; }
SEC("tracepoint") int second(void *ctx) { say(5); return 0; }
SEC("tracepoint") int third(void *ctx) { say(6); bpf_tail_call(ctx, &calls, 0); return 0; }
SEC("?tracepoint/syscalls/sys_enter_getpgid") int off(void *ctx) { say(7); return 0; }
"""


def test_programs_that_are_optional_alternative_called_or_off_are_as_in_ecli(tmp_path: Path) -> None:
    (tmp_path / "several.bpf.c").write_text(SEVERAL)
    (tmp_path / "several.json").write_text(compile_source(str(tmp_path / "several.bpf.c")).to_json())
    child = python(
        "import os\nprint(flush=True)\ninput()\nos.getppid()\nos.getpgid(0)\nos.kill(os.getpid(), 0)\nos._exit(0)"
    )
    assert child.stdout is not None
    child.stdout.readline()
    words = ["-j", "--enable", "off", tmp_path / "several.json", "--only", child.pid]

    theirs, ours = side_by_side([["ecli", "run", *words], [runner(), *words]], lambda: child.communicate("\n"))

    assert ours[:2] == theirs[:2]
    assert [line for line in ours[1] if "what" in line] == [f'{{"what":{what}}}' for what in (4, 6, 5, 7, 3)]
    assert under_one_name(ours[2]) == under_one_name(theirs[2])
    assert "program gone is optional and left out: load program gone: " in ours[2]


@pytest.mark.parametrize(
    "mistake", ["missing-null-check", "unchecked-packet", "wrong-helper", "unbounded-loop", "stack-too-large"]
)
def test_the_verifiers_refusal_is_said_and_advised_on_as_by_ecli(mistake: str, ecli: Command, tmp_path: Path) -> None:
    source = Path(__file__).parent / f"mistakes/{mistake}.bpf.c"
    (tmp_path / "p.json").write_text(compile_source(str(source)).to_json())
    theirs = ecli("run", tmp_path / "p.json")
    command = [runner(), tmp_path / "p.json"]
    ours = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (ours.returncode, ours.stdout) == (theirs.returncode, "") == (1, "")
    assert "the verifier refuses it: " in ours.stderr
    assert under_one_name(ours.stderr) == under_one_name(theirs.stderr)
