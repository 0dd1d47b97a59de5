"""`ecli export`: a package as an archive, an object, a C skeleton or an executable."""

from __future__ import annotations

import os
import sys

from eunomia.cli.fetch_table import FETCH_OPTIONS
from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError
from eunomia.cli.whole_file import write_whole
from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.package.model import Package

FORMATS = ("json", "yaml", "tar", "bpf.o", "skeleton", "standalone")  # eunomia.publish.export has them
_TEXTS = ("json", "yaml", "skeleton")

COMMAND = Command(
    "export",
    "PROG",
    "write a package in another form: archive, object, C skeleton, executable",
    (
        Opt("format", "", "choice", "what to write (what FILE's name says, else tar)", choices=FORMATS),
        Opt("output", "o", "file", "file to write, - for standard output (NAME and the form's suffix)", "FILE"),
        Opt("arch", "", "text", "architecture of bpf.o, skeleton and standalone (this machine's)", "ARCH"),
        Opt("runner", "", "flag", "write eunomia-run, which runs package files and has none inside", default=False),
        Opt("name", "", "text", "what a skeleton's names begin with (that of the object, as in bootstrap_bpf)", "NAME"),
        *FETCH_OPTIONS,
        VERBOSE,
    ),
    details="""\
PROG is a package, an object, a C source, a URL, a reference, or the name of a built-in tool. Nothing of it is run.

  json, yaml   the package, without its BTF archive
  tar          the package with its BTF archive
  bpf.o        the object alone
  skeleton     a header for C and C++, as bpftool's
  standalone   an executable that needs nothing else""",
    examples=(
        ("ecli export opensnoop --format standalone", "writes ./opensnoop, which runs without ecli"),
        ("ecli export ./package.json -o tool.bpf.o", "the object of a package"),
        ("ecli export --runner -o eunomia-run", "what runs packages where there is no ecli"),
        ("ecli export sigsnoop --format skeleton -o - | less", "to look at"),
    ),
    choices=("@builtin", "@file"),
)


def main(args: list[str]) -> int:
    """Run `ecli export`."""
    values = COMMAND.parse(args)
    if values["runner"]:
        values.no_more_than(0)
        return _runner(values)
    if not values.operands:
        raise UsageError("export: which package? [see ecli export --help]")
    values.no_more_than(1)
    output = values["output"] or ""
    from eunomia.publish import export as publish

    form = values["format"] or publish.form_of(output) or "tar"
    if values["arch"] and form not in publish.ONE_ARCHITECTURE:
        raise UsageError(f"--arch: a {form} has all architectures of the package [leave it out]")
    if values["name"] and form != "skeleton":
        raise UsageError("--name is for --format skeleton")
    program = values.operands[0]
    package, origin = _package(program, form, values)
    data = publish.export(package, form, arch=values["arch"] or "", name=values["name"] or "")
    if output == "-":
        _print(data, form)
        return 0
    path = output or publish.file_name(origin, package, form)
    write_whole(path, data, executable=form == "standalone")
    sys.stderr.write(f"ecli: wrote {path} ({len(data)} bytes)\n")
    return 0


def _runner(values: Values) -> int:
    """Write the runner of standalone executables by itself."""
    from eunomia.package.arches import kernel_name, machine
    from eunomia.publish.standalone import MACHINES, stub

    arch = kernel_name(values["arch"]) if values["arch"] else machine()
    if arch not in MACHINES:
        raise UsageError(f"--arch {values['arch']}: no runner for it [one of {', '.join(MACHINES)}]")
    data, path = stub(arch), values["output"] or "eunomia-run"
    if path == "-":
        _print(data, "runner")
        return 0
    write_whole(path, data, executable=True)
    sys.stderr.write(f"ecli: wrote {path} ({len(data)} bytes)\n")
    return 0


def _package(program: str, form: str, values: Values) -> tuple[Package, str]:
    """The package and what to call it by; a source for a skeleton is compiled without counters that only ecli reads."""
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.registry.resolve import package_of

    if form in ("skeleton", "bpf.o") and program.endswith(".c") and os.path.isfile(program):
        from eunomia.compiler import compile_source

        return compile_source(program, accounting=False), program
    limits = limits_of(values)
    found = fetched(program, limits)
    if found.is_guest:
        raise EunomiaError(f"export {program}: a Wasm guest, not a package [it is a file that runs as it is]")
    package = package_of(found.data, found.origin, remote=found.is_remote)
    if form == "standalone":  # it loads the package and asks no rules: they are asked here
        from eunomia.registry.gate import programs_of, require

        require(found, lambda: programs_of(package.types), limits)
    return package, found.origin


def _print(data: bytes, form: str) -> None:
    if form not in _TEXTS and sys.stdout.isatty():
        raise UsageError(f"a {form} is not for a terminal [-o FILE]")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
