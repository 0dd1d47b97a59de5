"""`ecli test-run`: run one program of a package without an event, on data of one's own."""

from __future__ import annotations

import sys

from eunomia.cli.fetch_table import FETCHING
from eunomia.cli.parser import JSON, VERBOSE, Command, Opt, UsageError, did_you_mean
from eunomia.cli.run_table import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.cli.parser import Values
    from eunomia.kernel.object import Object
    from eunomia.kernel.testrun import TestRun
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

MAX_DATA = 1 << 20
PROG_ARRAY = 3
SHARED = tuple(option for option in OPTIONS if option.long == "btf" or option.group == FETCHING)
COMMAND = Command(
    "test-run",
    "PROG [PROGRAM] [ARGS]",
    "run one program of a package once, without an event",
    (
        Opt("data", "", "text", "the packet, from its Ethernet header on [default: 64 zero bytes]", "HEX|@FILE"),
        Opt("context", "", "text", "what the program's argument points to", "HEX|@FILE"),
        Opt("repeat", "", "count", "run it N times, for a better mean", "N", default=1),
        *SHARED,
        JSON,
        VERBOSE,
    ),
    stop=True,
    details="""\
PROG is what `ecli run` takes, PROGRAM the name of one of its programs; it may be left out where there is one only.
After it come the tool's own options. Nothing is attached: only this program is loaded, and the kernel calls it.

Programs of packets (XDP, tc, socket filters, cgroup_skb, lwt, flow_dissector, netfilter) take --data. Raw tracepoints
take their arguments as --context, 8 bytes each; `syscall` programs their own struct; sk_lookup a struct bpf_sk_lookup.
Kprobes, uprobes, tracepoints and perf events cannot be test-run: the kernel refuses.

Exit codes: 0 it ran, whatever it returned; 1 it did not; 2 usage.""",
    examples=(
        ("sudo ecli test-run xdp_drop.json --data @packet.bin", "what XDP does with a packet"),
        ("sudo ecli test-run -j filter.bpf.c check --data 0102 --repeat 100000", "one of several, timed"),
    ),
    choices=("@builtin", "@file"),
)


def main(argv: list[str]) -> int:
    """Run `ecli test-run`."""
    values = COMMAND.parse(argv)
    if not values.operands:
        raise UsageError("test-run: which package? [see ecli test-run --help]")
    from eunomia.cli.arguments import take_arguments
    from eunomia.cli.fetching import fetched, limits_of
    from eunomia.cli.run import admit
    from eunomia.registry.resolve import package_of

    words = values.rest
    named = words.pop(0) if words and not words[0].startswith("-") else None
    place = values.operands[0]
    limits = limits_of(values)
    program = fetched(place, limits)
    package = package_of(program.data, program.origin, remote=program.is_remote)
    chosen, asked = take_arguments(package, values, place)
    if asked:
        from eunomia.cli.parser import HelpRequested

        raise HelpRequested(COMMAND)
    admit(program, package.here(), values, limits)
    for option in ("data", "context"):
        values[option] = read_bytes(option, values[option])
    found, name = _run(package, values, package.settings(chosen), named)
    if values["json"]:
        import json

        sys.stdout.write(json.dumps(document(found, name, values["repeat"])) + "\n")
    else:
        sys.stdout.write("\n".join(page(found, name, values["repeat"])) + "\n")
    return 0


def read_bytes(option: str, text: str | None) -> bytes | None:
    """Return the bytes of an option, hexadecimal digits (blanks and colons may be between them) or @FILE."""
    if text is None:
        return None
    if text.startswith("@"):
        with open(text[1:], "rb") as file:
            data = file.read(MAX_DATA + 1)
    else:
        try:
            data = bytes.fromhex(text.replace(":", " ").removeprefix("0x"))
        except ValueError:
            raise UsageError(f"--{option}: {text[:40]!r} is neither hexadecimal digits nor @FILE") from None
    if len(data) > MAX_DATA:
        raise UsageError(f"--{option}: more than {MAX_DATA} bytes")
    return data


def _run(package: Package, values: Values, settings: Settings, named: str | None) -> tuple[TestRun, str]:
    from eunomia.cli.privileges import require_capabilities
    from eunomia.kernel.object import Object

    with Object.open(package, btf=values["btf"], kconfig=settings.kconfig) as live:
        name = choose(live, named)
        require_capabilities(package.name, package)
        for section, offset, written in settings.writes:
            live.write(section, offset, written)
        has_tail_calls = any(each.type == PROG_ARRAY for each in live.maps.values())
        for program in live.programs.values():
            program.autoload = program.name == name or (has_tail_calls and program.autoload)
        live.load()
        return live.programs[name].test_run(values["data"], values["context"] or b"", repeat=values["repeat"]), name


def choose(live: Object, named: str | None) -> str:
    """Return the program's name.

    Raises:
        UsageError: there is none of this name, or several and none was named.
    """
    known = ", ".join(live.programs) or "none"
    if named is None:
        if len(live.programs) != 1:
            raise UsageError(f"test-run: which program? (there are {known})")
        return next(iter(live.programs))
    if named not in live.programs:
        raise UsageError(f"test-run: no program {named}{did_you_mean(named, live.programs)} (there are {known})")
    return named


def document(found: TestRun, name: str, repeat: int) -> dict[str, object]:
    """Return the JSON document of a test run."""
    return {
        "program": name,
        "result": found.result,
        "name": found.name or None,
        "data": found.data.hex(),
        "context": found.context.hex(),
        "repeat": repeat,
        "ns": found.duration_ns,
    }


def page(found: TestRun, name: str, repeat: int) -> Iterator[str]:
    """Yield the lines for people."""
    yield f"program  {name}"
    yield f"result   {found.result}{f' {found.name}' if found.name else ''}"
    if found.duration_ns is not None:
        yield f"time     {found.duration_ns} ns a run{f', mean of {repeat}' if repeat > 1 else ''}"
    for title, data in (("data", found.data), ("context", found.context)):
        if data:
            yield f"{title:8} {len(data)} bytes"
            yield from dump(data)


def dump(data: bytes) -> Iterator[str]:
    """Yield lines of 16 bytes, with their offsets."""
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        yield f"  {offset:04x}  {row[:8].hex(' ')}{'  ' if len(row) > 8 else ''}{row[8:].hex(' ')}"
