"""ecc on real sources with the real compilers: event types, annotations, outputs, errors, reproducibility."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import eunomia
from eunomia.compiler import compile_source, toolchain
from eunomia.errors import CompileError, MissingDependencyError
from eunomia.package.model import Package
from support.commands import Command

SOURCES = Path(__file__).parent.parent / "data/sources"
TOOLCHAINS = ["clang", "zig"]
SIMPLE = """#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct event { int pid; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
SEC("tp/syscalls/sys_enter_kill") int handle(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
	if (!e) return 0;
	e->pid = 1;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
"""

NOTED = """#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
/// A tool.
///
/// @version 2.0
char LICENSE[] SEC("license") = "GPL";
/// @cmdarg {"long": "pid", "short": "p"}
const volatile int target = 0;
/// in data
int writable = 5;
#define TABLE { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, int); __type(value, int); }
/// @sample {
///   "interval": 100
/// }
struct TABLE counts SEC(".maps");
struct TABLE plain SEC(".maps");
/// @optional true
SEC("tp/syscalls/sys_enter_kill") int handle(void *ctx)
{
	return target + writable + !!bpf_map_lookup_elem(&counts, &writable) + !!bpf_map_lookup_elem(&plain, &writable);
}
"""


@pytest.fixture(params=TOOLCHAINS)
def compiler(request: pytest.FixtureRequest) -> str:
    try:
        toolchain.find(request.param)
    except MissingDependencyError as exc:
        pytest.skip(str(exc))
    return str(request.param)


@pytest.fixture
def simple(tmp_path: Path) -> Path:
    path = tmp_path / "tool.bpf.c"
    path.write_text(SIMPLE)
    return path


def event_types(package: Package) -> Any:
    return package.meta["eunomia"].get("event_types")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("every_type", {"events": ["event"]}),
        ("void_helpers", {"events": ["event"], "others": ["other"]}),
        ("macro_clash", {"events": ["event"]}),
        ("newer_headers", {"events": ["pid_t"]}),
        (
            "several_rings",
            {
                "execs": ["exec_event"],
                "exits": ["exit_event", "nameless_t"],
                "perf": ["nameless_t"],
                "taken": ["head"],
                "written": ["exec_event"],
            },
        ),
    ],
)
def test_event_types_are_found_by_map(name: str, expected: dict[str, list[str]], compiler: str) -> None:
    package = compile_source(SOURCES / f"{name}.bpf.c", toolchain=compiler)

    found = event_types(package)
    assert {key: sorted(value) for key, value in found.items()} == expected


def test_what_tells_event_types_is_nowhere_in_the_package(simple: Path, compiler: str) -> None:
    package = compile_source(simple, toolchain=compiler)

    text = json.dumps(package.meta)
    assert "__eu_" not in text
    assert "eunomia.types" not in text
    assert package.meta["bpf_skel"]["data_sections"] == []
    assert [entry["name"] for entry in package.meta["bpf_skel"]["maps"]] == ["rb"]


def test_instructions_without_accounting_are_those_of_a_plain_compile(simple: Path) -> None:
    from eunomia.btf.elf import ElfFile
    from eunomia.compiler import _WorkFolder
    from eunomia.compiler.build import Build, Options

    found = []
    for macros in (True, False):
        with _WorkFolder() as work:
            options = Options(macros=macros, accounting=False)
            image = ElfFile(Build(str(simple), simple.read_bytes(), toolchain.find(), options, work).finish())
            section = image.section("tp/syscalls/sys_enter_kill")
            assert section is not None
            assert image.section(".data.eunomia") is None
            found.append(section.data)
    assert found[0] == found[1]


def test_same_source_gives_the_same_bytes_wherever_it_lies(
    simple: Path, compiler: str, tmp_path: Path, monkeypatch: Any
) -> None:
    elsewhere = tmp_path / "deep/er"
    elsewhere.mkdir(parents=True)
    shutil.copy(simple, elsewhere / simple.name)
    first = compile_source(simple, toolchain=compiler).to_json()

    monkeypatch.chdir(elsewhere)
    assert compile_source("tool.bpf.c", toolchain=compiler).to_json() == first
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert compile_source("./tool.bpf.c", toolchain=compiler).to_json() == first


def test_lines_of_the_source_are_in_the_objects_btf(simple: Path, compiler: str) -> None:
    package = compile_source(simple, toolchain=compiler)

    assert b"e->pid = 1;" in package.object
    assert str(simple.parent).encode() not in package.object
    assert b".debug_info" not in package.object


def test_header_argument_gives_the_exported_structs(simple: Path, tmp_path: Path) -> None:
    header = tmp_path / "tool.h"
    header.write_text("struct unused { int a; };\nstruct event2 { int x; };\n")
    simple.write_text('#include "vmlinux.h"\n#include "tool.h"\n' + SIMPLE.partition("\n")[2])
    package = compile_source(simple, header=header)

    assert [each["name"] for each in package.meta["export_types"]] == ["event", "unused", "event2"]
    assert sorted(os.listdir(tmp_path)) == ["tool.bpf.c", "tool.h"]


def test_annotations_reach_variables_maps_programs_and_doc(tmp_path: Path) -> None:
    path = tmp_path / "noted.bpf.c"
    path.write_text(NOTED)
    package = compile_source(path)
    skeleton = package.meta["bpf_skel"]

    assert skeleton["doc"] == {"description": "A tool.", "version": "2.0"}
    assert skeleton["data_sections"][0]["variables"][0]["cmdarg"] == {"long": "pid", "short": "p"}
    assert skeleton["maps"][0]["sample"] == {"interval": 100}
    assert "sample" not in skeleton["maps"][1]
    assert skeleton["progs"][0]["optional"] is True
    assert {option.name for option in package.options()} == {"target", "writable"}


def test_wrong_annotation_is_an_error_like_the_compilers(ecc: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.bpf.c").write_text(
        SIMPLE.replace("struct { __uint", '/// @sample {"interval": "soon"}\nstruct { __uint')
    )
    result = ecc(str(tmp_path / "bad.bpf.c"))

    assert result.returncode == 1
    assert re.search(
        r"bad\.bpf\.c:5:1\d: error: @sample: 'interval' must be a whole number, found a string\n", result.stderr
    )
    assert result.stderr.endswith("ecc: compile " + str(tmp_path / "bad.bpf.c") + ": 1 wrong annotation\n")
    assert os.listdir(tmp_path) == ["bad.bpf.c"]


def test_clangs_errors_reach_the_user_unchanged(ecc: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.bpf.c"
    path.write_text(SIMPLE.replace("e->pid = 1", "e->pid = missing"))
    result = ecc(str(path))

    assert result.returncode == 1
    assert f"{path}:10:11: error: use of undeclared identifier 'missing'" in result.stderr
    assert "eunomia_sites" not in result.stderr
    assert result.stderr.count("error:") == 1
    assert os.listdir(tmp_path) == ["bad.bpf.c"]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("struct pt p = {}; e->pid = p.x = typo;", "use of undeclared identifier 'typo'"),
        ("volatile double d = 1.5; e->pid = d == 0;", "error: A call to built-in function '__"),
    ],
)
def test_error_beside_a_redefined_kernel_type_is_the_only_one_shown(
    ecc: Command, tmp_path: Path, mistake: str, words: str
) -> None:
    path = tmp_path / "bad.bpf.c"
    own = SIMPLE.replace("struct event {", "struct pt { int x, y; };\nstruct event {", 1)
    path.write_text(own.replace("e->pid = 1;", mistake))
    result = ecc(str(path))

    assert result.returncode == 1
    assert words in result.stderr
    assert "redefinition" not in result.stderr
    assert result.stderr.count("error:") == 1, result.stderr


def test_clangs_warnings_reach_the_user_of_a_source_that_compiles(ecc: Command, tmp_path: Path) -> None:
    path = tmp_path / "warned.bpf.c"
    path.write_text(SIMPLE.replace("e->pid = 1", "e->pid = (char *)1"))
    result = ecc(str(path), "-o", str(tmp_path / "out.json"))

    assert result.returncode == 0
    assert f"{path}:10:9: warning: incompatible pointer to integer conversion" in result.stderr
    assert (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("arguments", "outputs"),
    [
        ([], {"package.json"}),
        (["-y"], {"package.yaml"}),
        (["-n"], {"tool.bpf.o", "tool.skel.json"}),
        (["-n", "-y"], {"tool.bpf.o", "tool.skel.yaml"}),
        (["--wasm-header"], {"package.json", "ewasm-skel.h"}),
        (["-o", "{}/new/dir"], {"new"}),
        (["-o", "{}/a.json"], {"a.json"}),
        (["-o", "{}/a.yaml"], {"a.yaml"}),
        (["-o", "{}/a.tar"], {"a.tar"}),
    ],
)
def test_outputs_and_nothing_else_are_written(
    ecc: Command, simple: Path, arguments: list[str], outputs: set[str]
) -> None:
    before = set(os.listdir(simple.parent))
    result = ecc(*(word.format(simple.parent) for word in arguments), str(simple))

    assert result.returncode == 0, result
    assert set(os.listdir(simple.parent)) - before == outputs
    for name in outputs & {"package.json", "package.yaml", "a.json", "a.yaml", "a.tar"}:
        assert event_types(Package.open(simple.parent / name)) == {"rb": ["event"]}


def test_object_and_meta_apart_are_a_package_again(ecc: Command, ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "tool.bpf.c").write_text(NOTED)
    assert ecc("-n", str(tmp_path / "tool.bpf.c")).returncode == 0
    package = Package.from_parts((tmp_path / "tool.skel.json").read_bytes(), (tmp_path / "tool.bpf.o").read_bytes())

    assert {option.name: option.short for option in package.options()} == {"target": "p", "writable": ""}
    with package.load({"target": 7}) as loaded:
        loaded.attach()
    (tmp_path / "package.json").write_text(package.to_json())
    assert ecli("run", "--duration", "0.2", str(tmp_path / "package.json")).returncode == 0


def test_output_of_a_suffix_that_no_package_has_is_a_slip(ecc: Command, simple: Path) -> None:
    wrong = simple.parent / "f" / "p.txt"
    result = ecc("-o", str(wrong), str(simple))

    assert result.returncode == 2
    assert result.stderr == (
        f"ecc: --output-path {wrong}: a package ends in .json, .yaml, .yml or .tar, an object in .o, a skeleton"
        " in .h, found .txt"
        f" [a folder of that name: {wrong}/]\n"
    )
    assert not wrong.parent.exists()
    assert ecc("-o", f"{wrong}/", str(simple)).returncode == 0
    assert ecc("-o", str(wrong), str(simple)).returncode == 0
    assert os.listdir(wrong) == ["package.json"]


def test_source_without_a_program_is_warned_of(ecc: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty.bpf.c"
    path.write_text("")
    result = ecc(str(path))

    assert result.returncode == 0
    assert result.stderr == f'{path}: warning: no program in it: nothing to attach [a program has SEC("...")]\n'


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("package.json", b"", "JSON, expected C source [ecli run and ecli inspect read it]"),
        ("x.bpf.c", b' {"bpf_object": 1}', "JSON, expected C source [ecli run and ecli inspect read it]"),
        ("p.yaml", b"meta: 1\n", "YAML, expected C source [ecli run and ecli inspect read it]"),
        ("p.tar", b"", "a tar, expected C source [ecli run and ecli inspect read it]"),
        ("x.o", b"\x7fELF\2\1\1", "an ELF object, expected C source [ecli run and ecli inspect read it]"),
        ("x.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary data, expected C source"),
    ],
)
def test_input_that_is_not_c_is_one_line(ecc: Command, tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    result = ecc(str(path))

    assert result.returncode == 1
    assert result.stderr == f"ecc: compile {path}: {words}\n"


def test_several_sources_make_a_package_each_and_one_failure_stops_none(
    ecc: Command, simple: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.bpf.c").write_text(SIMPLE)
    (tmp_path / "bad.bpf.c").write_text("int x")
    result = ecc("-o", str(tmp_path / "out"), str(simple), str(tmp_path / "bad.bpf.c"), str(tmp_path / "other.bpf.c"))

    assert result.returncode == 1
    assert sorted(os.listdir(tmp_path / "out")) == ["other.json", "tool.json"]
    assert "bad.bpf.c: clang refused it" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "no source given"),
        (["--no-such"], 2, "unknown option --no-such"),
        (["/nowhere/x.bpf.c"], 1, "read /nowhere/x.bpf.c: no such file or directory"),
        (["-c", "/nowhere/clang", "{}"], 1, "find compiler /nowhere/clang: no such program"),
        (["-c", "/bin/true", "{}"], 1, "it is not clang"),
        (["-n", "-b", "{}"], 2, "--btfgen needs the package"),
        (["-b", "--btfhub-archive", "/nowhere", "{}"], 1, "/nowhere: no such file or folder"),
        (["-b", "--kernels", "/bin/true", "{}"], 1, "read /bin/true: it has no .BTF section"),
        (["--vmlinux", "/nowhere/btf", "{}"], 1, "read /nowhere/btf: no such file or directory"),
        (["--vmlinux", "/bin/true", "{}"], 1, "BTF"),
        (["--target-arch", "vax", "{}"], 1, "target architecture vax: not known"),
        (["{}", "/nowhere/e.h"], 1, "read header /nowhere/e.h"),
        (["-o", "/proc/nowhere/x.json", "{}"], 1, "/proc/nowhere"),
        (["-o", "/dev/full", "{}"], 1, "write /dev/full: no space left on device"),
    ],
)
def test_failures_are_one_line_with_the_right_exit_code(
    ecc: Command, simple: Path, arguments: list[str], code: int, words: str
) -> None:
    result = ecc(*(word.format(simple) for word in arguments))

    assert result.returncode == code, result
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("ecc: ")
    assert os.listdir(simple.parent) == [simple.name]


def test_machine_without_compiler_is_told_what_to_install(ecc: Command, simple: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("eunomia.compiler.toolchain._zig", lambda: None)
    with pytest.raises(MissingDependencyError, match="apt-get install clang, or pip install ziglang"):
        compile_source(simple)


def test_kernel_without_btf_is_said_in_one_line(simple: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("eunomia.compiler.vmlinux.KERNEL_BTF", "/nowhere/vmlinux")
    with pytest.raises(CompileError, match=r"includes vmlinux\.h, and this kernel has no BTF .* \[give --vmlinux FILE"):
        compile_source(simple)


def test_sources_own_vmlinux_header_wins(simple: Path) -> None:
    (simple.parent / "vmlinux.h").write_text("#error mine\n")
    with pytest.raises(CompileError) as caught:
        compile_source(simple)
    assert "#error mine" in caught.value.diagnostics


def test_vmlinux_may_be_btf_or_a_header_of_any_name(simple: Path, tmp_path: Path) -> None:
    from eunomia._native import check, lib

    (tmp_path / "in").mkdir()
    header = tmp_path / "in/kernel-6.h"
    check(lib.eu_dump_vmlinux(b"/sys/kernel/btf/vmlinux", os.fsencode(header)), "dump")
    for given in (header, "/sys/kernel/btf/vmlinux"):
        assert event_types(compile_source(simple, vmlinux=given)) == {"rb": ["event"]}


def test_vmlinux_header_has_kfuncs_that_can_be_hidden(tmp_path: Path) -> None:
    path = tmp_path / "kfunc.bpf.c"
    path.write_text(
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC("license") = "GPL";\n'
        'SEC("tp_btf/sys_enter") int handle(void *ctx) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 0; }\n'
    )
    assert b"bpf_rcu_read_lock" in compile_source(path).object
    with pytest.raises(CompileError):
        compile_source(path, defines=["BPF_NO_KFUNC_PROTOTYPES"], cflags=["-Werror=implicit-function-declaration"])


def test_include_and_define_reach_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "my headers").mkdir()
    (tmp_path / "my headers/mine.h").write_text("#define PID 7\n")
    path = tmp_path / "tool.bpf.c"
    path.write_text(
        SIMPLE.replace(
            "struct event {", '#include "mine.h"\nchar fits[PID == 7 && MY_EXTRA == 2 ? 1 : -1];\nstruct event {'
        )
    )

    assert compile_source(path, include=[tmp_path / "my headers"], defines=["MY_EXTRA=2"])
    with pytest.raises(CompileError):
        compile_source(path, include=[tmp_path / "my headers"], cflags=["-DMY_EXTRA=3"])


def test_btfgen_adds_minimal_btf_of_each_kernel(ecc: Command, tmp_path: Path) -> None:
    source = tmp_path / "core.bpf.c"
    source.write_text(
        SIMPLE.replace(
            "e->pid = 1", "e->pid = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), tgid)"
        ).replace("#include <bpf/bpf_helpers.h>", "#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_core_read.h>")
    )
    kernels = tmp_path / "hub/debian/12/x86_64"
    kernels.mkdir(parents=True)
    shutil.copy("/sys/kernel/btf/vmlinux", kernels / "6.1.btf")
    result = ecc("-b", "--btfhub-archive", str(tmp_path / "hub"), "-o", str(tmp_path / "out"), str(source))

    assert result.returncode == 0, result
    package = Package.open(tmp_path / "out/core.tar")
    assert list(package.btf_archive) == ["debian/12/x86_64/6.1.btf"]
    assert b"task_struct" in package.btf_archive["debian/12/x86_64/6.1.btf"]
    assert len(package.btf_archive["debian/12/x86_64/6.1.btf"]) < 100_000


REGISTERS = """#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
long sum;
SEC("kprobe/vfs_read") int BPF_KPROBE(prog, struct file *file)
{
    sum += PT_REGS_PARM2(ctx) + BPF_CORE_READ(file, f_inode, i_ino);
    return 0;
}
"""


def test_btfgen_takes_the_object_of_each_kernels_architecture(ecc: Command, tmp_path: Path) -> None:
    source = tmp_path / "registers.bpf.c"
    source.write_text(REGISTERS)
    for machine in ("x86_64", "arm64"):
        kernels = tmp_path / f"hub/debian/12/{machine}"
        kernels.mkdir(parents=True)
        shutil.copy("/sys/kernel/btf/vmlinux", kernels / "6.1.btf")
    words = ["--kernels", str(tmp_path / "hub")]
    one = ecc("--target-arch", "x86", *words, "-o", str(tmp_path / "one.tar"), str(source))
    two = ecc("--target-arch", "x86,arm64", *words, "-o", str(tmp_path / "two.tar"), str(source))

    assert list(Package.open(tmp_path / "one.tar").btf_archive) == ["debian/12/x86_64/6.1.btf"]
    assert "left out: the package has no object for arm64" in one.stderr
    assert "packed BTF of 1 kernel: " in one.stderr
    assert sorted(Package.open(tmp_path / "two.tar").btf_archive) == [
        "debian/12/arm64/6.1.btf",
        "debian/12/x86_64/6.1.btf",
    ]
    assert "packed BTF of 2 kernels" in two.stderr


def test_vmlinux_header_is_made_of_a_kernel_image(ecc: Command, simple: Path, tmp_path: Path) -> None:
    """An image of this kernel's types: packed as a vmlinuz of arm64 is, a flat Image in gzip."""
    head = bytearray(4096)
    head[56:60] = b"ARM\x64"
    image = tmp_path / "vmlinuz"
    image.write_bytes(gzip.compress(bytes(head) + Path("/sys/kernel/btf/vmlinux").read_bytes(), 1))

    result = ecc("--vmlinux", str(image), "-o", str(tmp_path / "out.json"), str(simple))

    assert result.returncode == 0, result
    assert Package.open(tmp_path / "out.json").object == Package.open(_plainly(ecc, simple, tmp_path)).object


def _plainly(ecc: Command, source: Path, folder: Path) -> Path:
    assert ecc("-o", str(folder / "plain.json"), str(source)).returncode == 0
    return folder / "plain.json"


def test_linked_object_loads_as_the_unlinked_one(simple: Path) -> None:
    from eunomia.kernel import Object

    with Object.open(compile_source(simple)) as loaded:
        loaded.load()
        assert "handle" in loaded.programs


def test_doctor_and_help_and_version_need_nothing(ecc: Command) -> None:
    found = ecc("doctor").stdout
    assert "ok   compiler " in found
    assert "ok   guests in C, C++ " in found
    assert "ok   guests in Rust " in found
    assert "ok   guests in Go " in found
    assert ecc("--version").stdout.startswith(f"ecc {eunomia.__version__}")
    page = ecc("--help")
    assert page.returncode == 0
    assert "--toolchain" in page.stdout


@pytest.mark.parametrize("template", ["tracepoint", "kprobe", "uprobe", "histogram", "perf_event", "xdp"])
def test_new_project_compiles(ecc: Command, tmp_path: Path, template: str) -> None:
    assert ecc("new", "my-tool", "--template", template, "-o", str(tmp_path)).returncode == 0
    folder = tmp_path / "my-tool"
    result = ecc(str(folder / "my-tool.bpf.c"), str(folder / "my-tool.h"))

    assert result.returncode == 0, result
    assert result.stderr == ""
    assert (folder / "package.json").exists()


def test_members_of_nameless_structures_are_those_around_them(tmp_path: Path) -> None:
    """Linux 6.19 and newer: `struct filename` has a member `struct __filename_head;` in vmlinux.h."""
    header = tmp_path / "types.h"
    header.write_text("""
struct head { const char *name; int count; };
struct filename { struct head; char iname[8]; };
""")
    source = tmp_path / "names.bpf.c"
    source.write_text("""
#include "vmlinux.h"
__attribute__((section("raw_tp/sched_process_exit"), used)) int on_exit(struct filename *of) { return of->count; }
""")
    warnings: list[str] = []

    package = compile_source(source, vmlinux=header, on_warning=warnings.append)
    assert warnings == []
    (program,) = package.meta["bpf_skel"]["progs"]
    assert program["name"] == "on_exit"


def test_stale_precompiled_header_is_replaced_without_a_word(simple: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = compile_source(simple).to_json()
    header = next((tmp_path / "cache/eunomia").glob("vmlinux-*/vmlinux.h"))
    header.write_text(header.read_text() + "\n")
    notes: list[str] = []

    assert event_types(compile_source(simple, on_note=notes.append, on_warning=notes.append)) == {"rb": ["event"]}
    assert compile_source(simple).to_json() == first
    assert notes == []


def test_header_only_exports_the_headers_structs(ecc: Command, tmp_path: Path) -> None:
    (tmp_path / "events.h").write_text("struct event { int pid; char comm[16]; };\nstruct other { int x; };\n")
    result = ecc("--header-only", str(tmp_path / "events.h"))

    assert result.returncode == 0, result
    package = Package.open(tmp_path / "package.json")
    assert [each["name"] for each in package.meta["export_types"]] == ["event", "other"]


def test_without_libclang_the_source_still_compiles_and_says_so(monkeypatch: Any) -> None:
    monkeypatch.setattr("eunomia.compiler.flow._index", lambda: None)
    notes: list[str] = []
    package = compile_source(SOURCES / "void_helpers.bpf.c", on_note=notes.append)

    assert package.object
    assert notes == ["some event types stand behind void *; with libclang they can be told [pip install libclang]"]


def test_new_project_runs_at_once(ecc: Command, ecli: Command, tmp_path: Path) -> None:
    assert ecc("new", "execs", "-o", str(tmp_path)).returncode == 0
    source = tmp_path / "execs/execs.bpf.c"
    assert ecc(str(source), str(source.parent / "execs.h")).returncode == 0
    running = ecli.start("run", "-j", str(source.parent / "package.json"))
    running.wait_attached()
    subprocess.run(["/bin/true"], check=True)
    events = running.stop().events

    assert any(event["filename"] == "/bin/true" for event in events)


def test_errno_h_of_a_system_without_32_bit_headers_is_enough(simple: Path, compiler: str) -> None:
    simple.write_text(SIMPLE.replace('#include "vmlinux.h"', '#include "vmlinux.h"\n#include <errno.h>', 1))

    assert event_types(compile_source(simple, toolchain=compiler)) == {"rb": ["event"]}


def test_what_an_atomic_add_returns_names_the_flag_that_it_needs(ecc: Command, tmp_path: Path) -> None:
    source = tmp_path / "tool.bpf.c"
    source.write_text(
        '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nunsigned n;\nSEC("tracepoint/syscalls/sys_enter_kill")\n'
        "int on_kill(void *ctx)\n{\n\treturn __sync_fetch_and_add(&n, 1) == 7;\n}\n"
        'char LICENSE[] SEC("license") = "GPL";\n'
    )

    clang = ("--toolchain", "clang", "-o", tmp_path / "tool.json")
    refused = ecc(source, *clang, "-a=-mcpu=v1")
    compiled = ecc(source, *clang, "-a=-mcpu=v3")

    assert (refused.returncode, compiled.returncode) == (1, 0), (refused, compiled)
    assert "[-a=-mcpu=v3]" in refused.stderr, refused
    assert "Stack dump" not in refused.stderr, refused


def test_threads_that_need_the_same_kernel_header_do_not_take_it_from_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "t.bpf.c"
    source.write_text(SIMPLE)

    with ThreadPoolExecutor(2) as pool:
        packages = list(pool.map(compile_source, [source] * 4))

    assert len({package.object for package in packages}) == 1
