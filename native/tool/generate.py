"""Write tables.h of the standalone runner out of the tables that ecli itself goes by, so that both say the same.

`python native/tool/generate.py FILE`: the options of `ecli run` that the runner has, the verifier's usual mistakes, the
capabilities that programs need.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from eunomia.cli.run_table import OPTIONS
from eunomia.kernel.preflight.mistakes import MISTAKES
from eunomia.package.perfmon import HELPERS
from eunomia.package.privileges import NUMBERS, PROGRAMS

# What of the options of `ecli run` the runner has; not filters (their compiler is Python's), guests, runs in the
# background, downloads.
HAS = (
    "json", "format", "fields", "output", "compat", "time", "ts", "event-names", "header", "raw-values", "big-ints",
    "symbols", "folded", "rotate-size", "rotate-after", "rotate-keep", "trace-pipe", "sample", "rate-limit",
    "drill-loss", "count-by", "hist", "sort", "top", "duration", "max-events", "fail-on-loss", "interval", "clear",
    "per-cpu", "attach", "iface", "attach-cgroup", "binary", "freq", "enable", "skip", "btf", "ring-size",
    "perf-pages", "wakeup", "cpu", "queue", "keep-privileges", "plain-btf", "quiet", "verbose",
)  # fmt: skip
KINDS = ("flag", "verbose", "text", "file", "count", "index", "number", "rate", "share", "one-in", "seconds", "size",
         "choice")  # fmt: skip


def runner_options() -> list:
    """Return the options of `ecli run` that the runner has, in their order."""
    return [each for each in OPTIONS if each.long in HAS]


def text(value: str) -> str:
    """Return a C string."""
    body = "".join(
        f"\\{c}" if c in '"\\' else c if 32 <= ord(c) < 127 else "".join(f"\\{b:03o}" for b in c.encode())
        for c in value
    )
    return f'"{body}"'


def name(word: str) -> str:
    """Return the name of an enum's member."""
    return f"OPT_{word.upper().replace('-', '_')}"


def option(each) -> str:
    """Return the row of an option."""
    default = each.default if isinstance(each.default, str) else ""
    on = {True: 1, False: 0}.get(each.default, -1) if each.kind == "flag" else 0
    choices = "|".join(each.choices)
    short = f"'{each.short}'" if each.short else "0"
    return (
        f"    [{name(each.long)}] = {{{text(each.long)}, {text(each.help)}, {text(each.metavar)}, {text(each.group)}, "
        f"{text(choices)}, {text(default)}, {short}, KIND_{each.kind.upper().replace('-', '_')}, {on}, "
        f"{int(each.repeat)}, {int(each.hidden)}}},"
    )


def main(path: str) -> None:
    """Write the header where it is not there, or another one."""
    options = runner_options()
    rows = [f"    {name(each.long)}," for each in options]
    lines = ["/* Made by native/tool/generate.py. */", "#ifndef TOOL_TABLES_H", "#define TOOL_TABLES_H"]
    lines += ["enum opt {", *rows, "    OPTIONS", "};"]
    lines += ["enum kind {", *(f"    KIND_{each.upper().replace('-', '_')}," for each in KINDS), "};"]
    lines += [
        "#ifdef TOOL_OPTIONS",
        "static const struct opt_row rows[OPTIONS] = {",
        *map(option, options),
        "};",
        "#endif",
    ]
    lines += ["#ifdef TOOL_MISTAKES", "static const struct mistake mistakes[] = {"]
    for each in MISTAKES:
        if "(?" in each.pattern:
            raise SystemExit(f"mistake {each.name}: its pattern is none of POSIX")
        lines.append(f"    {{{text(each.name)}, {text(each.pattern)}, {text(each.advice)}}},")
    lines += ["};", "/* Helpers that need CAP_PERFMON. */"]
    lines += [f"static const short guarded[] = {{{', '.join(map(str, sorted(HELPERS)))}}};", "#endif"]
    lines += ["#ifdef TOOL_PRIVILEGES", "static const struct privilege privileges[] = {"]
    for row in PROGRAMS:
        bits = " | ".join(f"1ull << {NUMBERS[each]}" for each in row.load)
        lines += [f"    {{{text(prefix)}, {bits}}}," for prefix in row.sections]
    lines += ["};", "#endif", "#endif", ""]
    write(Path(path), "\n".join(lines))


def write(target: Path, made: str) -> None:
    """Write a file where it holds something else."""
    if not target.exists() or target.read_text() != made:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made)


def lines_of(words: str) -> str:
    """Return a text as C strings, a line each."""
    return "\n".join(text(line)[:-1] + '\\n"' for line in words.splitlines())


NOTICE = """\
This program is made of eunomia for Python and of these libraries, linked into it:

libbpf   {bpf}: LGPL-2.1 or BSD-2-Clause; used under BSD-2-Clause
libelf   {elf} (elfutils): LGPL-3.0-or-later or GPL-2.0-or-later; used under LGPL-3.0-or-later
zlib     {zlib}: zlib licence
musl     (of zig {zig}): MIT

libelf is free software: its source, and what is needed to link this program with another version of it, is what the
eunomia-compiler package of this version is built from: native/build_libs.sh fetches and compiles the libraries,
native/tool/build.py links them. Who passes this program on passes on this notice and the texts of the licences, which
stand in eunomia/publish/stubs/licenses of that package.
"""


def licenses(libs: Path) -> str:
    """Return the notes on the libraries that are linked in."""
    sources = {path.name.split("-")[0].split("_")[0]: path.name for path in (libs.parent / "src").glob("*.dsc")}

    def version(name: str) -> str:
        return sources.get(name, f"{name}_").removesuffix(".dsc").partition("_")[2]

    zig = (libs / "recipe").read_text().split()[1].removeprefix("zig-")
    return NOTICE.format(bpf=version("libbpf"), elf=version("elfutils"), zlib=version("zlib"), zig=zig)


if __name__ == "__main__":
    main(sys.argv[1])
