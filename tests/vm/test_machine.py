"""The machines do what tests need of them: run scripts, load modules, hide things, fail in words, and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.vm import VmError
from support.vm.lab import Vm

Lab = Callable[..., Vm]
REPORT = """
import os, subprocess, sys
from guest import emit
import eunomia
def read(path):
    return open(path).read().strip() if os.path.exists(path) else None
emit(machine=os.uname().machine, release=os.uname().release, btf=os.path.exists("/sys/kernel/btf/vmlinux"),
     lsm=read("/sys/kernel/security/lsm"), ingress=os.path.exists("/sys/module/sch_ingress"), given=read("/job/given"),
     arguments=sys.argv[1:], where=eunomia.__file__,
     version=subprocess.run(["ecli", "--version"], capture_output=True, text=True).stdout)
print("said")
"""


@pytest.mark.parametrize(("arch", "machine"), [("amd64", "x86_64"), ("arm64", "aarch64")])
def test_script_runs_with_eunomia_on_the_kernel_asked_for(vm: Lab, arch: str, machine: str) -> None:
    lab = vm("6.1", arch, modules=["sch_ingress"])

    (seen,) = lab.run(REPORT, files={"given": "content"}, arguments=["one"])

    assert seen["machine"] == machine
    assert seen["release"] == lab.kernel.release
    assert seen["release"].startswith("6.1.")
    assert (seen["btf"], seen["ingress"], seen["given"], seen["arguments"]) == (True, True, "content", ["one"])
    assert "bpf" in seen["lsm"].split(",")
    assert seen["where"] == "/opt/eunomia/eunomia/__init__.py"
    assert seen["version"].startswith("eunomia ")
    assert lab.output == "said"


def test_btf_is_hidden_and_bpf_is_no_security_module_when_told_so(vm: Lab) -> None:
    (seen,) = vm("5.10", "amd64", btf=False, lsm=False).run(REPORT)

    assert seen["btf"] is False
    assert "bpf" not in seen["lsm"].split(",")


def test_script_that_fails_says_what_it_printed(vm: Lab) -> None:
    with pytest.raises(VmError, match=r"the script ended with 1:\n(.|\n)*ZeroDivisionError"):
        vm("6.12").run("print('before')\n1 / 0")


def test_machine_that_dies_says_so_with_its_console(vm: Lab) -> None:
    script = "open('/proc/sysrq-trigger', 'w').write('c')"

    with pytest.raises(VmError, match=r"the machine ended in cell script; the console's end:\n"):
        vm("6.12", append="loglevel=4 sysrq_always_enabled").run(script)


def test_cell_that_crashes_or_hangs_costs_itself_only(vm: Lab) -> None:
    files: dict[str, bytes | str | Path] = {
        "cells.py": "import os, time\nfrom guest import emit\n"
        "def crash():\n    emit(n=1)\n    os.kill(os.getpid(), 11)\n"
        "def hang():\n    emit(n=2)\n    os.close(1), os.close(2)\n    time.sleep(99)\n"
        "def leave():\n    emit(n=3)\n    os.fork() or time.sleep(99)\n"
        "def well(n):\n    emit(n=n)\n"
    }
    cells = [
        {"name": name, "call": f"cells:{name}", "arguments": [4] * (name == "well"), "timeout": 2}
        for name in ("crash", "hang", "leave", "well")
    ]

    messages = list(vm("6.12").cells(cells, files))

    ends = {message["cell"]: message["status"] for message in messages if message["kind"] == "end"}
    assert ends == {"crash": -11, "hang": "timeout", "leave": 0, "well": 0}
    assert [message["value"]["n"] for message in messages if message["kind"] == "result"] == [1, 2, 3, 4]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_test_run_is_ended(vm: Lab, root: Path, tmp_path: Path, number: int) -> None:
    vm("6.12").machine()  # all that is needed is in the cache
    code = "import sys; from support.vm.lab import Vm; Vm('6.12', 'amd64').run('import time; time.sleep(99)')"
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root / 'tests'}", "TMPDIR": str(tmp_path)}
    runner = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    try:
        qemu = wait_for_child(runner.pid)

        runner.send_signal(number)
        runner.wait(20)
    finally:
        runner.kill()
        runner.wait()

    deadline = time.monotonic() + 10
    while is_qemu(qemu) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_qemu(qemu)
    assert list(tmp_path.iterdir()) == []


def wait_for_child(pid: int) -> int:
    """Return the process id of the QEMU that a process has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if is_qemu(int(child)):
                return int(child)
        time.sleep(0.02)
    raise AssertionError("no QEMU was started")


def is_qemu(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text()
        return "qemu" in os.readlink(f"/proc/{pid}/exe") and " Z " not in fields
    except OSError:
        return False
