"""The `ecc` command: from C sources to packages."""

from __future__ import annotations

from eunomia.cli.parser import Command, Opt, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values

_OUT, _CLANG = "Output", "Compiler"
SUB_COMMANDS = ("build-wasm", "doctor", "gen", "gen-wasm-skel", "new", "watch")
VERBOSE = ("-v", "-vv", "--verbose")
COMMAND = Command(
    "",
    "SOURCE.bpf.c [EVENTS.h]",
    "compile libbpf-style C sources to packages that `ecli run` runs",
    (
        Opt(
            "output-path",
            "o",
            "file",
            "package (ends in .json, .yaml or .tar), object (.o), skeleton for libbpf (.h), or folder, made if need be"
            " (new and with a dot: DIR/)",
            "FILE|DIR",
            group=_OUT,
        ),
        Opt("output", "", "file", "the same", "FILE|DIR", group=_OUT, hidden=True),
        Opt("yaml", "y", "flag", "write YAML instead of JSON", default=False, group=_OUT),
        Opt(
            "no-generate-package-json",
            "n",
            "flag",
            "write the object and its meta apart, no package",
            default=False,
            group=_OUT,
        ),
        Opt(
            "guest",
            "",
            "file",
            "a Wasm guest that gets the package's events before they are shown, or its source, which is built",
            "FILE",
            group=_OUT,
        ),
        Opt("wasm-header", "", "flag", "also write ewasm-skel.h, the package as a C string", default=False, group=_OUT),
        Opt(
            "btfgen",
            "b",
            "flag",
            "also write a tar with minimal BTF of other kernels, for those that have none (see --kernels)",
            default=False,
            group=_OUT,
        ),
        Opt(
            "kernels",
            "",
            "file",
            "kernels for --btfgen: BTF, vmlinux, vmlinuz, a kernel's .deb, or a folder of these",
            "FILE|DIR",
            repeat=True,
            group=_OUT,
        ),
        Opt("btfhub-archive", "", "file", "the same, as upstream calls it", "DIR", repeat=True, group=_OUT),
        Opt(
            "standalone",
            "s",
            "flag",
            "write an executable that needs no ecli and no Python, of a source or a package",
            default=False,
            group=_OUT,
        ),
        Opt(
            "provenance",
            "",
            "flag",
            "also write how a package was made (FILE.intoto.json, SLSA) and what is in it (FILE.cdx.json, CycloneDX)",
            default=False,
            group=_OUT,
        ),
        Opt(
            "builder-id",
            "",
            "text",
            "who makes it, for --provenance [default: as GitHub's or GitLab's runners say, else a local build]",
            "URI",
            group=_OUT,
        ),
        Opt(
            "header-only", "", "flag", "SOURCE is a header: its structs are the event types", default=False, group=_OUT
        ),
        Opt("include", "I", "file", "search this folder for headers first", "DIR", repeat=True, group=_CLANG),
        Opt("define", "D", "text", "define a macro", "NAME[=VALUE]", repeat=True, group=_CLANG),
        Opt(
            "additional-cflags",
            "a",
            "text",
            "one more word for clang, as it is (-a=-Wall)",
            "FLAG",
            repeat=True,
            group=_CLANG,
        ),
        Opt(
            "target-arch",
            "",
            "text",
            "architectures to compile for, as in x86,arm64, or all (this machine's)",
            "ARCH[,ARCH]",
            group=_CLANG,
        ),
        Opt(
            "vmlinux",
            "",
            "file",
            "make vmlinux.h of this BTF or image, or use this header (this kernel's BTF); for one arch: ARCH=FILE",
            "[ARCH=]FILE",
            repeat=True,
            group=_CLANG,
        ),
        Opt(
            "toolchain",
            "",
            "text",
            "clang, zig (PyPI's ziglang) or a path (the first there is)",
            "NAME|PATH",
            group=_CLANG,
        ),
        Opt("clang-bin", "c", "file", "the clang to use", "PATH", group=_CLANG),
        Opt(
            "llvm-strip-bin",
            "l",
            "file",
            "not needed, accepted for upstream's command lines",
            "PATH",
            group=_CLANG,
            hidden=True,
        ),
        Opt(
            "accounting",
            "",
            "flag",
            "leave out what counts events and losses, and what makes wake-ups adaptive",
            default=True,
            group=_CLANG,
        ),
        Opt("workspace-path", "w", "file", "folder whose include/ is searched for headers", "DIR", group=_CLANG),
        Opt("verbose", "v", "verbose", "say what is done", default=0),
        Opt("version", "V", "flag", "print the version", default=False),
    ),
    prog="ecc",
    details="An EVENTS.h gives the event types by its structs; without it they are read from the source itself.\n"
    "`ecc doctor` tells what is installed, `ecc new NAME` starts a project,\n"
    "`ecc watch SOURCE` compiles and runs at every save,\n"
    "`ecc gen skeleton PROG` writes types and skeleton for C, Rust and Go;\n"
    "`ecc gen-wasm-skel DIR` starts a Wasm guest, `ecc build-wasm DIR` builds it.",
    examples=(
        ("ecc opensnoop.bpf.c", "writes package.json beside the source"),
        ("ecc -o build/ *.bpf.c", "one NAME.json for each source"),
        ("ecc -s opensnoop.bpf.c", "writes the executable opensnoop"),
        ("ecc -o tool.json -I include tool.bpf.c", "a package of that name"),
        ("ecc -o tool.skel.h tool.bpf.c", "a C skeleton as bpftool's, for a program with libbpf"),
        ("ecc --target-arch x86,arm64 tool.bpf.c", "one package for both, compiled here"),
        (
            "ecc --kernels btf/ --kernels linux-image-5.4.deb -o tool.tar tool.bpf.c",
            "runs there without the kernels' BTF",
        ),
    ),
    choices=("@file", *SUB_COMMANDS),
)


def main(argv: list[str]) -> int:
    """Run ecc with the words after its name; return the exit code."""
    first = next((place for place, word in enumerate(argv) if word not in VERBOSE), 0)
    if argv[first : first + 1] and argv[first] in SUB_COMMANDS:
        argv = [argv[first], *argv[:first], *argv[first + 1 :]]
    if argv[:1] == ["doctor"]:
        from eunomia.cli.ecc_doctor import main as doctor

        return doctor(argv[1:])
    if argv[:1] == ["new"]:
        from eunomia.cli.ecc_new import main as new

        return new(argv[1:])
    if argv[:1] == ["watch"]:
        from eunomia.cli.ecc_watch import main as watch

        return watch(argv[1:])
    if argv[:1] == ["gen"]:
        from eunomia.cli.ecc_gen import main as gen

        return gen(argv[1:])
    if argv[:1] in (["build-wasm"], ["gen-wasm-skel"]):
        from eunomia.cli import ecc_wasm

        return (ecc_wasm.build if argv[0] == "build-wasm" else ecc_wasm.new)(argv[1:])
    values = _parse(argv)
    if values["version"]:
        return _version()
    return _compile(values)


def _parse(argv: list[str]) -> Values:
    """Parse the words of a compilation.

    Raises:
        UsageError: an option is wrong; or one of a sub-command stands before its name.
    """
    try:
        values = COMMAND.parse(argv)
        later = values.operands[0] if values.operands else ""
    except UsageError:
        later = next((word for word in argv if word in SUB_COMMANDS), "")
        if not later:
            raise
    if later in SUB_COMMANDS:
        raise UsageError(f"options of `ecc {later}` go after its name [ecc {later} --help]")
    return values


def _version() -> int:
    from eunomia import __version__

    print(f"ecc {__version__}")
    return 0


def _compile(values: Values) -> int:
    from eunomia.cli.ecc_output import Job, split_operands

    if not values.operands:
        raise UsageError("no source given [ecc SOURCE.bpf.c, see ecc --help]")
    if values["standalone"]:
        from eunomia.cli.ecc_standalone import make_standalone

        sources = [name for name in values.operands if not name.endswith((".h", ".hpp"))]
        header = next((name for name in values.operands if name not in sources), None)
        job = Job(values, sources, header)
        return make_standalone(values, sources, job.compile, job.note)
    sources, header = split_operands(values.operands, values["header-only"])
    return Job(values, sources, header).run()
