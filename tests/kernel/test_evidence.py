"""`ecli evidence` on the real kernel: what came of a package is what it says, and the package keeps it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package import Package
from eunomia.package.arches import machine
from eunomia.package.evidence import digest, evidence_of
from support.commands import Command

FIRES = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
long seen;
SEC("raw_tp/sched_switch") int switched(void *ctx) { seen++; return 0; }
SEC("tp/syscalls/sys_enter_%s") int entered(void *ctx) { seen++; return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


def make(folder: Path, syscall: str) -> Path:
    (folder / "tool.bpf.c").write_text(FIRES % syscall)
    (folder / "tool.json").write_text(compile_source(folder / "tool.bpf.c").to_json())
    return folder / "tool.json"


def test_programs_that_run_and_those_that_do_not_are_told_apart(ecli: Command, tmp_path: Path) -> None:
    path = make(tmp_path, "acct")  # which nobody calls
    run = ecli("evidence", "-j", "--duration", "300ms", path)
    found = json.loads(run.stdout)

    assert run.returncode == 0, run
    assert found["kernel"] == os.uname().release
    assert (found["arch"], found["outcome"]) == (machine(), "fired")
    assert found["reason"] == "1 of 2 programs ran, not entered"
    assert found["object"] == digest(Package.open(path))


def test_it_ends_when_all_have_run(ecli: Command, tmp_path: Path) -> None:
    run = ecli("evidence", "-j", "--duration", "60", make(tmp_path, "clock_nanosleep"), timeout=50)

    assert json.loads(run.stdout)["reason"] == "2 of 2 programs ran"


def test_package_that_does_not_attach_is_refused_with_the_reason(ecli: Command, tmp_path: Path) -> None:
    path = make(tmp_path, "nosuchcall")
    run = ecli("evidence", "-o", path, path)

    (kept,) = evidence_of(Package.open(path))
    assert run.returncode == 1
    assert kept["outcome"] == "refused"
    assert "nosuchcall" in kept["reason"]
    assert kept["reason"] in run.stdout


def test_evidence_of_two_machines_goes_into_one_package(ecli: Command, tmp_path: Path) -> None:
    path = make(tmp_path, "acct")
    here = ecli("evidence", "-j", "--duration", "0.2", path).stdout
    (tmp_path / "here.json").write_text(here)
    (tmp_path / "there.json").write_text(json.dumps(json.loads(here) | {"kernel": "5.10.1", "outcome": "attached"}))
    before = Package.open(path).to_tree()
    froms = ("--from", tmp_path / "here.json", "--from", tmp_path / "there.json")
    run = ecli("evidence", *froms, "-o", path, path)

    assert run.returncode == 0, run
    shown = ecli("inspect", path).stdout
    assert [(e["kernel"], e["outcome"]) for e in json.loads(ecli("inspect", "-j", path).stdout)["evidence"]] == [
        ("5.10.1", "attached"), (os.uname().release, "fired"),
    ]  # fmt: skip
    assert "Evidence: what came of it, by kernel" in shown
    assert f"{machine()}  5.10.1" in " ".join(shown.split(" ")) or "5.10.1" in shown
    after = Package.open(path).to_tree()
    del after["meta"]["eunomia"]["evidence"]
    assert after == before
    assert ecli("run", "--duration", "0.1", path).returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--from", "a.json", "{}"), 2, "--from needs a package to put it into [-o FILE]"),
        (("-o", "out", "{}"), 2, "--output out: a package ends in .json"),
        (("--from", "/nonexistent", "-o", "o.json", "{}"), 1, "read /nonexistent: no such file or directory"),
    ],
)
def test_mistakes_are_one_line(ecli: Command, tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    path = make(tmp_path, "acct")
    run = ecli("evidence", *(word.format(path) for word in words))

    assert run.returncode == code, run
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1
