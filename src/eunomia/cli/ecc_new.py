"""`ecc new NAME`: start a project."""

from __future__ import annotations

from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError

TEMPLATE_NAMES = ("tracepoint", "kprobe", "uprobe", "histogram", "perf_event", "xdp")
COMMAND = Command(
    "new",
    "NAME",
    "make a project that compiles and runs at once: source, header, README, CI workflow",
    (
        Opt("template", "t", "choice", "what it starts from", default="tracepoint", choices=TEMPLATE_NAMES),
        Opt("output-path", "o", "file", "folder that the project's folder goes into", "DIR", default="."),
        VERBOSE,
    ),
    prog="ecc",
    examples=(
        ("ecc new mytool", "a tool on a tracepoint"),
        ("ecc new lat --template histogram", "a sampled histogram"),
    ),
)


def main(argv: list[str]) -> int:
    """Make the project and say what to do next."""
    import os

    values = COMMAND.parse(argv)
    values.no_more_than(1)
    if not values.operands:
        raise UsageError("no name given [ecc new NAME]")
    name = values.operands[0]
    from eunomia.compiler.projects import create

    for path in create(name, values["template"], values["output-path"]):
        print(path)
    folder = os.path.normpath(os.path.join(values["output-path"], name))
    print(f"\nnext: cd {folder} && ecc {name}.bpf.c {name}.h && sudo ecli run package.json")
    return 0
