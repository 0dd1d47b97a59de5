"""Sources of all kinds compile for other architectures with this kernel's types alone; others' packages are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.compiler.targets import ALL
from eunomia.package import Package
from eunomia.package.arches import BIG_ENDIAN, machine
from support.commands import Command

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(ROOT.glob("tools/*/*.bpf.c"))
ONE_ONLY = {"accounted.bpf.c"}  # reads registers by their names on x86
SOURCES = sorted([*ROOT.glob("tests/data/sources/*.bpf.c"), *ROOT.glob("tests/kernel/corpus/*.bpf.c")])
SOURCES = [path for path in SOURCES if path.name not in ONE_ONLY]
OTHERS = [arch for arch in ALL if arch not in (machine(), "loongarch")]
PROBE = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
long seen;
SEC("uprobe/libc.so.6:getaddrinfo")
int BPF_UPROBE(probe, int argc) { seen = argc; return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_source_compiles_for_every_architecture_without_its_types(source: Path) -> None:
    package = compile_source(source, target_arch=",".join([machine(), *OTHERS]))

    assert package.architectures[0] == machine()
    assert set(package.architectures) == {machine(), *OTHERS}
    for arch in OTHERS:
        order = package.for_arch(arch).object[5]
        assert order == (2 if arch in BIG_ENDIAN else 1), arch
    assert [o.name for o in package.for_arch("riscv").options()] == [o.name for o in package.options()]


@pytest.mark.parametrize("source", TOOLS, ids=lambda path: path.stem)
def test_built_in_tool_is_one_object_for_all_that_are_little_endian(source: Path) -> None:
    package = compile_source(source, target_arch=f"{machine()},riscv,s390")

    assert package.architectures == [machine(), "riscv", "s390"]
    assert list(package.meta["eunomia"]["objects"]) == ["s390"]
    assert package.meta["eunomia"]["portable"] is True


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    (tmp_path / "probe.bpf.c").write_text(PROBE)
    return tmp_path / "probe.bpf.c"


def test_package_of_another_architecture_is_refused_in_one_line(ecc: Command, ecli: Command, probe: Path) -> None:
    path = probe.parent / "probe.json"
    assert ecc("--target-arch", "arm64,riscv64", "-o", path, probe).returncode == 0
    again = f"[compile its source again: ecc --target-arch arm64,riscv,{machine()}]"

    for words in (("run", "--duration", "1"), ("evidence",)):
        run = ecli(*words, path)
        assert run.returncode == 1, run
        assert run.stderr == f"ecli: open {path}: made for arm64 and riscv, and this machine is {machine()} {again}\n"
    checked = ecli("check", path)
    assert checked.returncode == 1
    assert f"missing  machine: object for {machine()}" in checked.stdout
    assert f"ecc --target-arch arm64,riscv,{machine()}" in checked.stdout
    assert ecli("run", path, "--help").returncode == 0
    assert "arm64; objects of their own for riscv" in ecli("inspect", path).stdout


def test_package_that_runs_here_is_found_behind_another_architectures(ecc: Command, ecli: Command, probe: Path) -> None:
    path = probe.parent / "probe.json"
    ecc("--target-arch", f"arm64,{machine()},s390x", "-o", path, probe)
    run = ecli("run", "-v", "--duration", "0.2", path)

    assert run.returncode == 0, run
    assert "attached 1 program" in run.stderr
    tree = json.loads(path.read_text())
    assert tree["meta"]["eunomia"]["arch"] == ["arm64"]
    assert sorted(tree["meta"]["eunomia"]["objects"]) == sorted([machine(), "s390"])


def test_package_without_a_record_is_tried_everywhere(ecc: Command, ecli: Command, probe: Path) -> None:
    path = probe.parent / "probe.json"
    ecc("--target-arch", machine(), "-o", path, probe)
    package = Package.open(path)
    assert package.architectures == [machine()]

    package.meta["eunomia"] = {"version": 1}
    path.write_text(package.to_json())
    assert ecli("run", "--duration", "0.1", path).returncode == 0


def test_objects_apart_are_named_by_their_architectures(ecc: Command, probe: Path) -> None:
    run = ecc("-n", "--target-arch", f"{machine()},riscv,s390", "-o", f"{probe.parent}/out/", probe)

    assert run.returncode == 0, run
    assert sorted(path.name for path in (probe.parent / "out").iterdir()) == [
        "probe.bpf.o", "probe.riscv.bpf.o", "probe.s390.bpf.o", "probe.skel.json",
    ]  # fmt: skip
    assert (probe.parent / "out/probe.s390.bpf.o").read_bytes()[5] == 2


def test_two_kernel_headers_for_one_architecture_are_a_mistake(ecc: Command, probe: Path) -> None:
    run = ecc("--vmlinux", "arm64=a", "--vmlinux", "aarch64=b", probe)

    assert (run.returncode, run.stderr.splitlines()[0]) == (
        2, "ecc: --vmlinux: two files for arm64 [for one of them: ARCH=FILE]",
    )  # fmt: skip


def test_header_of_one_architecture_is_for_that_one_only(ecc: Command, probe: Path) -> None:
    (probe.parent / "broken.h").write_text("#error this one\n")
    words = ("--vmlinux", f"arm64={probe.parent / 'broken.h'}", "-o", probe.parent / "p.json", probe)

    assert ecc("--target-arch", machine(), *words).returncode == 0
    failed = ecc("--target-arch", f"{machine()},arm64", *words)
    assert failed.returncode == 1
    assert "for arm64: clang refused it" in failed.stderr
