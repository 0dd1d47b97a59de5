"""The built-in tools that sample maps (tables, histograms, stacks): what they count is what was done."""

from __future__ import annotations

import subprocess
import tempfile
import time
from typing import Any

import pytest

from support import provoke
from support.commands import Command, Result, Running
from support.tools import disk_folder, python, start


def stop(running: Running) -> Result:
    result = running.stop()
    assert result.returncode == 0, result
    assert "ecli:" not in result.stderr, result
    return result


def samples(result: Result) -> list[tuple[str, Any, Any]]:
    """(map, key, value) of every element that was printed."""
    return [(event.get("map", ""), event["key"], event["value"]) for event in result.events]


def counted(found: list[tuple[str, Any, Any]]) -> int:
    return sum(sum(value["slots"]) for _, _, value in found)


def busy(seconds: float) -> subprocess.Popen[str]:
    """Start a process that computes, says so, and stays until its input ends: its symbols need it."""
    lines = [
        "import time",
        f"end = time.monotonic() + {seconds}",
        "while time.monotonic() < end: sum(range(1000))",
        "print(flush=True)",
        "input()",
    ]
    return python("\n".join(lines))


def test_syscount_counts_calls_by_name(ecli: Command) -> None:
    child = python("import os\ninput()\nfor _ in range(1000): os.getppid()\ninput()")
    running = start(ecli, "syscount", "--pid", child.pid)
    _line(child)
    time.sleep(0.3)
    _line(child)

    found = samples(stop(running))
    assert {name for name, _, _ in found} == {"syscalls"}
    assert sum(value["count"] for _, key, value in found if key["syscall"] == "getppid") == 1000
    child.communicate()


def test_syscount_by_process_with_times_and_errors_only(ecli: Command) -> None:
    code = "import os\ninput()\nfor _ in range(100):\n try: os.stat('/nonexistent')\n except OSError: pass\ninput()"
    child = python(code)
    running = start(ecli, "syscount", "-P", "-L", "-e", "ENOENT", "--pid", child.pid)
    _line(child)
    time.sleep(0.3)
    _line(child)

    found = [entry for entry in samples(stop(running)) if entry[1] == {"pid": child.pid}]
    assert {name for name, _, _ in found} == {"timed_processes"}
    assert sum(value["count"] for _, _, value in found) == 100
    assert found[0][2]["comm"].startswith("python")
    child.communicate()


def _line(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def test_runqlat_counts_waits_of_each_process(ecli: Command) -> None:
    running = start(ecli, "runqlat", "--pids")
    child = python("import time\nfor _ in range(200): time.sleep(0.001)")
    child.communicate()

    found = [entry for entry in samples(stop(running)) if entry[1] == {"id": child.pid}]
    assert counted(found) >= 200
    assert found[0][2]["comm"].startswith("python")


def test_runqlat_prints_one_histogram_in_milliseconds(ecli: Command) -> None:
    running = ecli.start("run", "runqlat", "--milliseconds").wait_attached()
    provoke.sleeps(50)
    time.sleep(1.1)

    result = stop(running)
    assert "msecs               : count    distribution" in result.stdout
    assert "usecs" not in result.stdout


def test_cpudist_measures_time_on_and_off_the_cpu(ecli: Command) -> None:
    on, off = start(ecli, "cpudist", "--pids"), start(ecli, "cpudist", "--offcpu", "--pids")
    child = python("import time\nfor _ in range(20): time.sleep(0.02)")
    child.communicate()

    found = [entry for entry in samples(stop(off)) if entry[1] == {"id": child.pid}]
    assert sum(sum(value["slots"][14:]) for _, _, value in found) >= 20  # 2^14 us and more
    assert counted([entry for entry in samples(stop(on)) if entry[1] == {"id": child.pid}]) >= 20


def test_biolatency_counts_the_writes_of_a_disk(ecli: Command) -> None:
    disk, folder = disk_folder()
    each = start(ecli, "biolatency", "--disks", "--flags")
    none = start(ecli, "biolatency", "--disk", "nosuchdisk")
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        command = ["dd", "if=/dev/zero", f"of={file.name}", "bs=4k", "count=16", "oflag=direct"]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)

    found = samples(stop(each))
    written = [entry for entry in found if entry[1]["disk"] == disk and entry[1]["flags"].startswith("W")]
    assert counted(written) >= 16
    assert counted(samples(stop(none))) == 0


def test_softirqs_sums_up_time_by_name(ecli: Command) -> None:
    total, dist = start(ecli, "softirqs"), start(ecli, "softirqs", "--dist")
    provoke.tcp_connection()
    provoke.spin(0.3)

    found = {key["softirq"]: value for _, key, value in samples(stop(total))}
    assert {str(name).lower().removesuffix("_softirq") for name in found} & {"timer", "sched", "rcu", "net_rx"}
    assert all(value["count"] > 0 for value in found.values())
    assert counted(samples(stop(dist))) > 0


def test_hardirqs_sums_up_time_by_handler(ecli: Command) -> None:
    _, folder = disk_folder()
    total, dist = start(ecli, "hardirqs"), start(ecli, "hardirqs", "--dist", "--nanoseconds")
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        command = ["dd", "if=/dev/zero", f"of={file.name}", "bs=4k", "count=16", "oflag=direct"]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)

    found = samples(stop(total))
    with open("/proc/interrupts") as file:
        known = file.read()
    assert found
    assert all(key["hardirq"] in known and value["count"] > 0 for _, key, value in found)
    assert counted(samples(stop(dist))) > 0


def test_profile_finds_the_stacks_of_a_busy_process(ecli: Command) -> None:
    child = busy(1.2)
    running = start(ecli, "profile", "--pid", child.pid, "--frequency", 99)
    assert child.stdout is not None
    child.stdout.readline()

    found = stop(running).events
    child.communicate("\n")
    assert found
    assert {_field(event, "pid") for event in found} == {child.pid}
    assert 30 <= sum(_field(event, "count") for event in found) <= 150  # 99 a second, less what others take
    assert any("Py" in str(event) for event in found), found[:2]


def test_offcputime_finds_where_a_process_sleeps(ecli: Command) -> None:
    child = python("import time\ninput()\nfor _ in range(5): time.sleep(0.1)\ninput()")
    running = start(ecli, "offcputime", "--pid", child.pid, "--min-block-time", 50000)
    _line(child)
    time.sleep(0.7)

    found = stop(running).events
    asleep = [event for event in found if "nanosleep" in str(event)]
    assert sum(_field(event, "us") for event in asleep) >= 400_000
    child.communicate("\n")


def _field(event: dict[str, Any], name: str) -> Any:
    for part in (event, event.get("key"), event.get("value")):
        if isinstance(part, dict) and name in part:
            return part[name]
    raise AssertionError(f"no {name} in {event}")


OPTIONS = {
    "bashreadline": [],
    "biolatency": ["-Q, --queued", "-m, --milliseconds", "-D, --disks", "-F, --flags", "-d, --disk"],
    "biosnoop": ["-d, --disk", "-p, --pid", "-m, --min-us"],
    "connectguard": [
        "-d, --deny",
        "-a, --allow",
        "-D, --deny-port",
        "-A, --allow-port",
        "--default",
        "--loopback",
        "-u, --uid",
        "-n, --audit",
        "--all",
    ],
    "cpudist": ["-O, --offcpu", "-m, --milliseconds", "-P, --pids", "-L, --tids", "-p, --pid"],
    "execsnoop": ["-x, --fails", "-u, --uid", "-P, --ppid", "-n, --name", "-l, --line", "--max-args"],
    "exitsnoop": ["-p, --pid", "-x, --failed", "-T, --per-thread"],
    "gethostlatency": ["-p, --pid"],
    "hardirqs": ["-d, --dist", "-N, --nanoseconds", "-c, --cpu"],
    "mountsnoop": ["-p, --pid"],
    "offcputime": [
        "-p, --pid",
        "-U, --user-stacks-only",
        "-K, --kernel-stacks-only",
        "-m, --min-block-time",
        "--state",
    ],
    "opensnoop": ["-p, --pid", "-t, --tid", "-u, --uid", "-x, --failed", "-n, --name", "-f, --flag-filter"],
    "profile": ["-p, --pid", "-L, --tid", "-U, --user-stacks-only", "-K, --kernel-stacks-only"],
    "runqlat": ["-m, --milliseconds", "-P, --pids", "-L, --tids", "--pidnss", "-p, --pid"],
    "runqslower": ["-m, --min-us", "-p, --pid", "-t, --tid"],
    "sigsnoop": ["-p, --pid", "-t, --target", "-s, --signal", "-k, --kill", "-x, --failed"],
    "softirqs": ["-d, --dist", "-N, --nanoseconds", "-c, --cpu"],
    "syscount": ["-p, --pid", "-x, --failures", "-e, --errno", "-L, --latency", "-P, --process"],
    "tcpconnect": ["-p, --pid", "-u, --uid", "-P, --port", "-4, --ipv4", "-6, --ipv6", "-c, --count", "-L, --lport"],
    "tcpstates": ["-L, --localport", "-D, --remoteport", "-4, --ipv4", "-6, --ipv6"],
}


def test_every_tool_has_help_a_readme_and_is_listed(ecli: Command) -> None:
    listed = ecli("list")

    assert [line.split()[0] for line in listed.lines if line.split()[0] in OPTIONS] == sorted(OPTIONS)
    assert all(len(line.split()) > 3 for line in listed.lines)


@pytest.mark.parametrize("tool", sorted(OPTIONS))
def test_help_names_the_options(ecli: Command, tool: str) -> None:
    result = ecli("run", tool, "--help")

    assert result.returncode == 0, result
    missing = [option for option in OPTIONS[tool] if option not in result.stdout]
    assert not missing, result


@pytest.mark.parametrize("tool", sorted(OPTIONS))
def test_the_verifier_accepts_every_option(tool: str) -> None:
    """Options are constants to the verifier: each of them shows it other code."""
    from eunomia import builtin
    from eunomia.package import Package

    package = Package.from_bytes(builtin.read(tool), tool)
    switches = {option.name: True for option in package.options() if option.kind == "bool"}
    values = {option.name: _value(option) for option in package.options() if option.kind != "bool"}
    for chosen in ({}, switches, values, {**switches, **values}, *({name: True} for name in switches)):
        with package.load(chosen) as obj:
            assert obj.programs


def _value(option: Any) -> Any:
    value = {"string": "ab", "char": "ab", "network": "10.0.0.0/8"}.get(option.kind, 1)
    return [value] if option.count else value
