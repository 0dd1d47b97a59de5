"""Standalone executables on other kernels and machines: the lines of `ecli run`, with and without ring buffers."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.builtin import read
from support.commands import Command
from support.standalone import runner
from support.vm.lab import Vm as Lab

SCRIPT = r"""
import os, subprocess, time
from guest import emit

def both(commands, act):
    running = [subprocess.Popen(each, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for each in commands]
    time.sleep(5)
    act()
    time.sleep(1)
    for each in running:
        each.send_signal(2)
    ended = [(*each.communicate(), each.returncode) for each in running]
    for (out, said, code), name in zip(ended, ("theirs", "ours"), strict=True):
        emit(who=name, out=out, said=said, code=code)

def act():
    for _ in range(3):
        os.close(os.open("/job/kept", os.O_RDONLY | os.O_CREAT))

for name in ("opensnoop", "eunomia-run"):
    os.chmod(f"/job/{name}", 0o755)
me = str(os.getpid())
both([["ecli", "run", "-j", "opensnoop", "--pid", me], ["/job/opensnoop", "-j", "--pid", me]], act)
both([["ecli", "run", "-j", "--fields", "pid,tpid", "sigsnoop"],
      ["/job/eunomia-run", "-j", "--fields", "pid,tpid", "/job/sigsnoop.json"]], lambda: os.kill(os.getpid(), 0))
"""


@pytest.mark.parametrize(("series", "arch"), [("6.12", "arm64"), ("5.10", "amd64")])
def test_it_writes_what_ecli_writes(vm: Lab, series: str, arch: str, ecc: Command, tmp_path: Path) -> None:
    stub = runner({"arm64": "aarch64", "amd64": "x86_64"}[arch])
    made = ecc("-s", "opensnoop", "-o", tmp_path / "opensnoop", "--target-arch", arch)
    assert made.returncode == 0, made
    (tmp_path / "sigsnoop.json").write_bytes(read("sigsnoop"))
    files = {"opensnoop": tmp_path / "opensnoop", "eunomia-run": stub, "sigsnoop.json": tmp_path / "sigsnoop.json"}

    theirs, ours, of_theirs, of_ours = vm(series, arch).run(SCRIPT, files=files, timeout=150)

    assert (ours["out"], ours["code"]) == (theirs["out"], 0), ours
    assert ours["out"].count("/job/kept") == 3
    assert ours["said"] == theirs["said"].replace("ecli: ", "opensnoop: ")
    assert of_ours["code"] == of_theirs["code"] == 0, of_ours
    assert "none lost" in of_ours["said"], of_ours
    assert set(of_ours["out"].splitlines()) & set(of_theirs["out"].splitlines())
