"""A package against kernels of which there is a BTF file: findings, the answer, what is printed, the exit code."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from btf_writer import Writer

from eunomia.btf import types as kinds
from eunomia.cli.check import main
from eunomia.cli.parser import UsageError
from eunomia.errors import PackageError
from eunomia.kernel.preflight import tables
from eunomia.kernel.preflight.report import Finding, Report
from eunomia.package import Package

DATA = Path(__file__).parents[3] / "data"


def write_kernel(
    path: Path,
    *,
    helpers: int = 211,
    functions: tuple[str, ...] = (),
    members: tuple[str, ...] = (),
    tracer: tuple[str, ...] | None = ("direct_call",),
    registers: str = "",
) -> Path:
    """Write the BTF of a kernel with this many helpers, these functions, and a task_struct with these members.

    Args:
        path: where.
        tracer: members of its struct ftrace_ops, None: it has no such struct.
        registers: a member of its struct pt_regs, which tells its architecture; "": it has none.
    """
    writer = Writer()
    number = writer.int("int", 4, kinds.SIGNED)
    for kind, (enum, prefix, names, _floors) in tables.KINDS.items():
        known = names[: helpers + 1] if kind == "helper" else names
        values = [
            (f"{prefix}{name.upper()}" if kind != "helper" else f"{prefix}{name}", n) for n, name in enumerate(known)
        ]
        extra = b"".join(struct.pack("<Ii", writer.string(text), n) for text, n in values)
        writer.add(kinds.ENUM, enum, 4, vlen=len(values), extra=extra)
    proto = writer.proto(number)
    for name in functions:
        writer.add(kinds.FUNC, name, proto)
    writer.struct("task_struct", 64, *[(name, number, 32 * at) for at, name in enumerate(members)])
    if tracer is not None:
        writer.struct("ftrace_ops", 64, *[(name, number, 32 * at) for at, name in enumerate(tracer)])
    if registers:
        writer.struct("pt_regs", 4, (registers, number, 0))
    path.write_bytes(writer.bytes())
    return path


def golden(name: str) -> Package:
    return Package.open(DATA / f"golden/{name}.bpf.o")


def by_status(report: Report, status: str) -> set[str]:
    return {f"{each.kind}: {each.name}" for each in report.findings if each.status == status}


def test_a_function_that_is_gone_is_named_with_its_program_and_line(tmp_path: Path) -> None:
    old = write_kernel(tmp_path / "old.btf", functions=("do_unlinkat",))
    new = write_kernel(tmp_path / "new.btf", functions=("filename_unlinkat",))

    assert golden("fentry-link").check(str(old)).runs == "yes"
    report = golden("fentry-link").check(str(new))

    assert report.runs == "no"
    first = report.blocking[0]
    assert (first.kind, first.name, first.programs) == ("attach target", "fentry/do_unlinkat", ("do_unlinkat",))
    assert first.where == "fentry-link.bpf.c:2"
    assert first.advice == "similar names: filename_unlinkat"


@pytest.mark.parametrize(
    ("tracer", "registers", "answer"),
    [
        (("direct_call",), "orig_x0", "yes"),
        (("func",), "orig_ax", "yes"),  # before 6.4 x86 had them without
        (("func",), "orig_x0", "no"),
        (("func",), "orig_gpr2", "unknown"),
        (None, "orig_ax", "no"),
    ],
)
def test_functions_call_programs_where_ftrace_has_direct_calls(
    tmp_path: Path, tracer: tuple[str, ...] | None, registers: str, answer: str
) -> None:
    kernel = write_kernel(tmp_path / "k.btf", functions=("do_unlinkat",), tracer=tracer, registers=registers)

    findings = golden("fentry-link").check(str(kernel)).findings
    found = next(each for each in findings if each.name == "fentry/do_unlinkat")
    assert found.status == answer
    assert ("direct calls" in found.detail) == (answer != "yes")


def test_a_kprobe_on_what_btf_does_not_name_is_unknown_not_missing(tmp_path: Path) -> None:
    report = golden("kprobe-link").check(str(write_kernel(tmp_path / "k.btf")))

    assert report.runs == "unknown"
    assert "attach target: kprobe/do_unlinkat" in by_status(report, "unknown")


def test_fields_that_are_missing_are_named_and_those_asked_for_first_are_guarded(tmp_path: Path) -> None:
    kernel = write_kernel(tmp_path / "k.btf", members=("pid",))
    report = Package.open(DATA / "core.bpf.o").check(str(kernel))

    assert "relocation: field task_struct.count" in by_status(report, "no")
    assert "relocation: field task_struct.pid" in by_status(report, "yes")
    assert "relocation: field task_struct.state" in by_status(report, "guarded")


def test_numbers_have_the_names_and_first_kernels_of_the_kernels_history() -> None:
    assert tables.name_of("helper", 130) == "ringbuf_output"
    assert [tables.since("helper", number) for number in (1, 4, 112, 130, 174, 211, 212)] == [
        "3.19", "4.1", "5.5", "5.8", "5.15", "6.2", "",
    ]  # fmt: skip
    assert [tables.since("map type", number) for number in (1, 27, 33, 99)] == ["3.19", "5.8", "6.9", ""]
    assert [tables.since("program type", number) for number in (2, 26, 31, 32)] == ["4.1", "5.5", "5.14", "6.4"]
    assert tables.name_of("attach type", 42) == "trace_kprobe_multi"
    assert tables.name_of("helper", 5000) == "5000"


def test_optional_programs_are_left_out_of_the_answer() -> None:
    missing = Finding("helper", "bpf_x", "no", fatal=False)

    assert Report("p", "k", True, [missing]).runs == "yes"
    assert Report("p", "k", True, [missing, Finding("helper", "bpf_y", "unknown")]).runs == "unknown"
    assert Report("p", "k", True, [Finding("helper", "bpf_y", "no")]).runs == "no"
    assert Report("p", "k", True, failure="load program p: …").runs == "no"


def test_the_command_prints_the_answer_first_and_exits_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = str(write_kernel(tmp_path / "k.btf"))
    package = str(DATA / "golden/fentry-link.bpf.o")

    assert main(["--kernel-btf", kernel, package]) == 1
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"fentry_link_bpf: runs on {kernel}: no (2 things it needs are missing)"
    assert lines[2] == "missing  attach target: fentry/do_unlinkat"
    assert [line.strip() for line in lines[3:7]] == [
        "function do_unlinkat is not in this BTF (another one than vmlinux's is not looked at)",
        'at fentry-link.bpf.c:2: PROG("fentry/do_unlinkat", do_unlinkat) { printk("enter\\n"); return 0; }',
        "program do_unlinkat",
        "",
    ]
    assert main(["--kernel-btf", kernel, str(DATA / "golden/kprobe-link.bpf.o")]) == 0
    assert "not everything can be told" in capsys.readouterr().out


def test_json_has_every_finding_with_every_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = str(write_kernel(tmp_path / "k.btf"))

    assert main(["-j", "--kernel-btf", kernel, str(DATA / "golden/fentry-link.bpf.o")]) == 1
    found: dict[str, Any] = json.loads(capsys.readouterr().out)

    assert list(found) == ["package", "kernel", "live", "runs", "findings", "verified", "failure"]
    assert (found["runs"], found["live"], found["kernel"]) == ("no", False, kernel)
    keys = ["kind", "name", "status", "fatal", "programs", "where", "since", "detail", "advice", "source"]
    assert all(list(each) == keys for each in found["findings"])


def test_what_is_no_btf_is_an_error_of_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.btf"
    bad.write_bytes(b"nonsense")

    with pytest.raises(PackageError, match=r"^read .*bad\.btf: neither BTF"):
        golden("minimal").check(str(bad))
    with pytest.raises(FileNotFoundError):
        golden("minimal").check(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="only the running kernel"):
        golden("minimal").check(str(bad), load=True)
    with pytest.raises(UsageError, match="leave one of them out"):
        main(["--load", "--kernel-btf", str(bad), str(DATA / "golden/minimal.bpf.o")])
    with pytest.raises(UsageError, match="no program given"):
        main([])
