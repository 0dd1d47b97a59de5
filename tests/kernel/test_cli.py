"""`ecli run` on the real kernel: its command line, endings, output and start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import provoke
from support.commands import Command

HEAVY = ("argparse", "contextlib", "dataclasses", "enum", "functools", "inspect", "json", "pathlib", "re", "typing")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_clean_end(ecli: Command, number: signal.Signals) -> None:
    running = ecli.start("run", "-q", "sigsnoop").wait_attached()

    result = running.stop(number)

    assert (result.returncode, result.stderr) == (0, ""), result


@pytest.mark.parametrize("delay", [0.005, 0.02, 0.04, 0.08, 0.15])
def test_a_signal_while_starting_is_a_clean_end_or_what_the_interpreter_makes_of_it(
    ecli: Command, delay: float
) -> None:
    running = ecli.start("run", "-q", "opensnoop", "-x")
    time.sleep(delay)

    result = running.stop(signal.SIGTERM)

    assert result.returncode in (0, -signal.SIGTERM), result  # before the first line of ours, the kernel ends it
    assert result.stderr == "", result


def test_sighup_stays_ignored_under_nohup(ecli: Command) -> None:
    running = ecli.start("run", "sigsnoop", "--duration", "1.5", prefix=["nohup"]).wait_attached()
    running.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)

    assert running.process.poll() is None
    assert running.finish().returncode == 0


def test_ecli_prog_is_ecli_run_prog_and_events_are_lines_of_json(ecli: Command) -> None:
    running = ecli.start("-j", "sigsnoop", "--max-events", "1", "--signal", signal.SIGUSR1).wait_attached()
    provoke.signals(signal.SIGUSR1)

    result = running.finish()

    assert result.returncode == 0, result
    assert len(result.events) == 1
    assert result.events[0]["sig"] == "SIGUSR1"


def test_long_options_of_ecli_may_follow_the_tool(ecli: Command) -> None:
    result = ecli("run", "opensnoop", "--json", "--ts", "--duration=300ms")

    assert result.returncode == 0, result
    for event in result.events:
        assert next(iter(event)) == "ts"


def test_output_goes_to_a_file_on_request(ecli: Command, tmp_path: Path) -> None:
    out = tmp_path / "events"
    running = ecli.start("run", "-j", "-o", out, "opensnoop", "--pid", os.getpid(), "--max-events", "3").wait_attached()
    for _ in range(5):
        provoke.open_file()

    result = running.finish()

    assert (result.returncode, result.stdout) == (0, ""), result
    assert len(out.read_text().splitlines()) == 3


def test_the_header_is_written_once_to_a_file_and_not_at_all_on_request(ecli: Command) -> None:
    with_header = ecli("run", "sigsnoop", "--duration", "0.3")
    without = ecli("run", "sigsnoop", "--duration", "0.3", "--no-header")

    assert with_header.lines[0].split()[0] == "TIME"
    assert with_header.stdout.count("TIME ") == 1
    assert "TIME" not in without.stdout


def test_times_of_text(ecli: Command) -> None:
    for time_option, first in (("none", "PID"), ("clock", "TIME"), ("iso", "TIME")):
        result = ecli("run", "sigsnoop", "--time", time_option, "--duration", "0.2")
        assert result.lines[0].split()[0] == first, time_option


def test_verbosity_says_when_it_is_attached(ecli: Command) -> None:
    result = ecli("run", "-v", "sigsnoop", "--duration", "0.2")

    assert "ecli: sigsnoop: attached 1 program\n" in result.stderr


def test_a_ring_buffers_size_is_what_was_asked_for(ecli: Command) -> None:
    for words in (("--ring-size", "64K"), ("--ring-size", "events=60000")):
        result = ecli("run", *words, "sigsnoop", "--duration", "0.2")
        assert result.returncode == 0 or "no ring buffer events" in result.stderr, result


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--ring-size", "nothing=1M"), "--ring-size: no ring buffer nothing"),
        (("--ring-size", "x"), "--ring-size: 'x' is not a size"),
        (("--ring-size", "8G"), "--ring-size: 8G: a ring buffer has at most 2G"),
        (("--perf-pages", "4"), "--perf-pages: there is no perf buffer in it"),
        (("--perf-pages", "events=3"), "--perf-pages: 3 is not a power of two"),
    ],
)
def test_ring_sizes_that_cannot_be(ecli: Command, words: tuple[str, ...], part: str) -> None:
    result = ecli("run", *words, "sigsnoop")

    assert result.returncode == 2
    assert part in result.stderr


def test_a_package_runs_from_standard_input(ecli: Command) -> None:
    from eunomia import builtin

    result = ecli("run", "-", "--duration", "0.2", input=builtin.read("sigsnoop"))

    assert result.returncode == 0, result


def test_an_object_runs_without_its_meta(ecli: Command, tmp_path: Path) -> None:
    from eunomia import builtin
    from eunomia.package.model import Package

    path = tmp_path / "sigsnoop.bpf.o"
    path.write_bytes(Package.from_bytes(builtin.read("sigsnoop")).object)
    running = ecli.start("run", "-j", path).wait_attached()
    provoke.signals(signal.SIGUSR1)

    result = running.wait_for('"sig":10').stop()

    assert result.returncode == 0, result


def test_a_package_of_upstreams_runs(ecli: Command, root: Path) -> None:
    result = ecli("run", "-p", "json", root / "tests/data/simple-0.3.3.json", "--duration", "0.3")

    assert result.returncode == 0, result


@pytest.mark.parametrize("tool", ["opensnoop", "sigsnoop", "biolatency"])
def test_a_start_imports_nothing_heavy(tool: str) -> None:
    command = [sys.executable, "-X", "importtime", "-c"]
    code = "import sys; from eunomia.cli.main import ecli; sys.argv[0] = 'ecli'; sys.exit(ecli())"

    run = subprocess.run([*command, code, "run", tool, "--duration", "0.1"], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}

    assert imported.isdisjoint(HEAVY)


def test_doctor_finds_this_machine_fit(ecli: Command) -> None:
    result = ecli("doctor", "-j")

    found = json.loads(result.stdout)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert result.returncode == 0, result
    assert found["ok"] is True
    assert states["privileges"] == states["libbpf"] == states["tracefs"] == states["wasm guests"] == "ok"


def test_doctor_without_privileges_says_what_to_do(ecli: Command) -> None:
    result = ecli("doctor", prefix=["setpriv", "--reuid=65534", "--clear-groups"])

    assert result.returncode == 1
    assert "run with sudo" in result.stdout


def test_version_names_libbpf_and_the_kernel(ecli: Command) -> None:
    result = ecli("--version")

    facts = dict(line.split(" ", 1) for line in result.lines)
    assert facts["kernel"] == os.uname().release
    assert facts["libbpf"].split(".")[0] == "1"


def test_list_and_help_of_every_tool(ecli: Command) -> None:
    from eunomia import builtin

    listed = json.loads(ecli("list", "-j").stdout)

    assert [entry["name"] for entry in listed] == builtin.names()
    assert all(entry["summary"] for entry in listed)
    for name in builtin.names():
        result = ecli("run", name, "--help")
        assert (result.returncode, result.stderr) == (0, ""), result
        assert f"Usage: ecli run [ECLI OPTIONS] {name}" in result.stdout
