"""Build the fuzz targets of this folder with libFuzzer, ASan and UBSan, and run them: `scripts/fuzz`.

A target is fuzz_NAME.c here. Its corpus grows in build/fuzz/NAME/ from run to run; the first seeds are SEEDS, made from
the built-in tools.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from struct import pack, unpack_from

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "native")]

# native/ comes to the path in the line above, hence E402. mypy finds no `build` when it starts in the root, PyPI's
# package of that name where that is installed, and native/build.py when it starts here: one of two errors, or none.
from build import default_target, libs_for  # type: ignore[import-not-found,attr-defined,unused-ignore]  # noqa: E402

WORK = ROOT / "build/fuzz"
CFLAGS = ["-std=gnu11", "-O1", "-g", "-fno-omit-frame-pointer", "-w"]
SANITIZE = "address,undefined"
STOP = ["-fno-sanitize-recover=undefined"]
NO_TARGETS = ("main", "without")  # of native/tool: its main, and what stands in for parts of the core
OWN_MAIN = ("btf",)  # mutate by themselves: SECONDS FILE...


def clang() -> str:
    """Return the clang that has libFuzzer: EUNOMIA_FUZZ_CC or Debian's."""
    return os.environ.get("EUNOMIA_FUZZ_CC", "clang")


def targets() -> list[str]:
    """Return the names of all targets."""
    return sorted(path.stem.removeprefix("fuzz_") for path in Path(__file__).parent.glob("fuzz_*.c"))


def build(names: list[str]) -> dict[str, Path]:
    """Compile the core and these targets; only what is out of date.

    Raises:
        SystemExit: the compiler fails, or has no libFuzzer.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    libs = libs_for(ROOT, default_target())
    subprocess.run([sys.executable, ROOT / "native/tool/generate.py", ROOT / "build/tool/tables.h"], check=True)
    include = [f"-I{ROOT / 'native'}", f"-I{ROOT / 'build/tool'}", f"-isystem{libs / 'include'}"]
    headers = max(path.stat().st_mtime for path in (ROOT / "native").rglob("*.h"))

    def compile_one(source: Path) -> Path:
        made = WORK / f"{source.stem}.o"
        if not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime, headers):
            _run(clang(), *CFLAGS, f"-fsanitize=fuzzer-no-link,{SANITIZE}", *STOP, *include, "-c", source, "-o", made)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runner = [path for path in (ROOT / "native/tool").glob("*.c") if path.stem not in NO_TARGETS]
        core = list(pool.map(compile_one, sorted([*(ROOT / "native").glob("*.c"), *runner])))
        made = list(pool.map(compile_one, [Path(__file__).with_name(f"fuzz_{name}.c") for name in names]))
    archive = WORK / "libcore.a"
    archive.unlink(missing_ok=True)
    _run(
        "ar", "qcs", archive, *core
    )  # a target that has functions of its own in place of the core's is not linked to both
    archives = [archive, *(libs / "lib" / f"lib{name}.a" for name in ("bpf", "elf", "z"))]
    programs = {}
    for name, compiled in zip(names, made, strict=True):
        programs[name] = WORK / f"fuzz_{name}"
        kind = SANITIZE if name in OWN_MAIN else f"fuzzer,{SANITIZE}"
        _run(clang(), f"-fsanitize={kind}", *STOP, compiled, *archives, "-lm", "-lpthread", "-o", programs[name])
    return programs


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:2]))} …: {done.stderr.strip()[-2000:]}")


def object_seeds() -> Iterator[bytes]:
    """Yield the BPF object of each built-in tool."""
    from eunomia.package.model import Package

    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        yield bytes(Package.open(str(path)).object)


def plan_seeds() -> Iterator[bytes]:
    """Yield plan, flags, and a record: of each built-in tool."""
    from eunomia.package.model import Package

    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        plan = Package.open(str(path)).plan()
        for flags in (0, 1, 2, 3, 17):
            yield plan + bytes([flags]) + bytes(range(1, 200))
    for flags in (0, 1, 16, 17, 33, 49):
        yield decoder_plan() + bytes([flags]) + bytes(range(1, 256)) * 16


def decoder_plan() -> bytes:
    """Return a plan whose record has a member of each width for every decoder, and of 16 bytes and an array."""
    from eunomia.btf.decoders import NAMES

    kinds = [(1, 1), (1, 2), (2, 4), (1, 8), (1, 16), (7, 16), (6, 16)]  # numbers, an array of 16 bytes, text
    types = b"".join(pack("<BBHIIIII", kind, 0, 0, size, 0, 16 * (kind == 7), 0, 0) for kind, size in kinds)
    rows, at, strings = [], 0, b"\0rb\0"
    for decoder in range(len(NAMES)):
        for index, (_, size) in enumerate(kinds):
            rows.append(pack("<IIIHHI", len(strings), index, at * 8, 0, decoder, 0))
            strings += f"m{len(rows)}\0".encode()
            at += size
    types += pack("<BBHIIIII", 8, 0, 0, at, 0, len(rows), 0, 0)
    source = pack("<IBBH6I8I", 1, 1, 0, 0, 0, 1, *[0xFFFFFFFF] * 2, 0, 0, *[0xFFFFFFFF] * 8)
    record = pack("<IIIIIIQ", len(kinds), at, 0, 0, 0, 0, 0)
    body = types + b"".join(rows) + source + record + strings
    counts = (len(kinds) + 1, len(rows), 0, 1, 1, len(strings), 0)
    return pack("<4sHH8I", b"EUPL", 1, 40, 40 + len(body), *counts) + body


def batch_seeds() -> Iterator[bytes]:
    """Yield plan and records, each behind its length: of each built-in tool."""
    from eunomia.package.model import Package

    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        plan = Package.open(str(path)).plan()
        sizes = [0, 3, 40, 250] + [
            row_size for place in range(unpack_from("<I", plan, 28)[0]) if (row_size := _record_size(plan, place)) < 256
        ]
        yield plan + b"".join(bytes([size]) + bytes(range(1, 256))[:size] for size in sizes * 3)


def _record_size(plan: bytes, place: int) -> int:
    """Return the size of a record type; records stand behind types, members, values and sources."""
    types, members, values, sources, _ = unpack_from("<5I", plan, 12)
    at = 40 + 24 * types + 20 * members + 16 * values + 64 * sources + 32 * place
    return int(unpack_from("<I", plan, at + 4)[0])


def aggregate_seeds() -> Iterator[bytes]:
    """Yield the same with a byte that chooses fields: counted, with a histogram, the largest events, in each format."""
    from eunomia.package.model import Package

    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        plan = Package.open(str(path)).plan()
        for flags in (16, 48, 32, 192, 20, 52, 196, 24, 56, 114, 242):
            for fields in (0, 2, 0x13, 0x25):
                yield plan + bytes([flags, fields]) + bytes(range(1, 200)) * 3


def filter_seeds() -> Iterator[bytes]:
    """Yield plan, bytecode and a record: of each built-in tool, filters over each of its fields."""
    from eunomia.errors import FilterError
    from eunomia.events.filter import compile_filter
    from eunomia.events.filter.fields import Fields
    from eunomia.package.model import Package

    forms = ("{} == 1", "{} > 7 || !({} & 6)", "{} in {{1, 4, 9, 16, 25, 99999999}}", '{} ~ "a*[b-d]?"', '{} == "sh"')
    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        plan = Package.open(str(path)).plan()
        for name in Fields(plan).names():
            for form in forms:
                try:
                    made = compile_filter(plan, form.format(name, name))
                except FilterError:
                    continue
                yield plan + made + bytes(range(1, 200))


def snapshot_blocks(plan: bytes) -> bytes:
    """Return blocks of a recording, without checksums: names of addresses, and a snapshot of each sampled map."""
    names = b"".join(pack("<IIQII", kind, 1, 0x100, 12, 1) + bytes(8) + b"name" for kind in (1, 2, 3, 4))
    made = pack("<4sHHIIQQIIII", b"EUBK", 5, 0, len(names), len(names), 0, 1, 4, 0, 0, 0) + names
    types, members, values, sources = unpack_from("<4I", plan, 12)
    start = 40 + 24 * types + 20 * members + 16 * values
    for index in range(sources):
        kind = plan[start + 64 * index + 4]
        key, value = unpack_from("<2I", plan, start + 64 * index + 16)
        if kind != 3:
            continue
        key_size, value_size = (unpack_from("<I", plan, 40 + 24 * each + 4)[0] for each in (key, value))
        content = pack("<6I", index, 1, key_size, value_size, 0, 0) + bytes(range(1, 7)) * (key_size + value_size)
        content = content[: 24 + 3 * (key_size + value_size)]
        made += pack("<4sHHIIQQIIII", b"EUBK", 7, 0, len(content), len(content), 0, 2, 3, 0, 0, 0) + content
    return made


def recording_seeds() -> Iterator[bytes]:
    """Yield flags and a recording: of each built-in tool, with records, names and snapshots."""
    import tempfile

    from eunomia.events.recorder import Recorder
    from eunomia.package.model import Package

    for number, path in enumerate(sorted((ROOT / "src/eunomia/builtin").glob("*.json"))):
        with tempfile.TemporaryFile() as file:
            plan = Package.open(str(path)).plan()
            with Recorder(file.fileno(), "seed", {}, b"{}", plan, compress=number % 4 == 3) as recorder:
                recorder.clock(10**9, 10**9, 10**18)
                for index in range(4):
                    recorder.add(0, bytes(range(200)), 10**9 + index)
                recorder.flush()
            file.seek(0)
            data = file.read() + snapshot_blocks(plan)
        for flags in (0, 2, 4, 8, 16, 32, 128):
            yield bytes([flags]) + data


def types_seeds() -> Iterator[bytes]:
    """The types of the built-in tools and of objects whose calls take every form, with the tags of their counters."""
    from eunomia.compiler import compile_source

    for path in (ROOT / "tests/data/sources/helper_forms.bpf.c", ROOT / "tests/kernel/corpus/accounted.bpf.c"):
        section = compile_source(path).types.elf.section(".BTF")
        if section is not None:
            yield section.data


def output_seeds() -> Iterator[bytes]:
    """Yield operations: lines that fill pipe and buffer many times over, written and read in turn."""
    event, other, write, read = (bytes([0xF1, 255]), bytes([3, 60]), bytes([5, 0]), bytes([4, 20]))
    yield bytes([0]) + (event * 90 + other + write + read) * 20
    yield bytes([3]) + (bytes([0, 80]) + bytes([2, 9]) + other + write + read) * 200
    yield bytes([1]) + event * 900 + (write + read) * 400


def target_seeds() -> Iterator[bytes]:
    """Yield targets of every kind, and mistakes."""
    yield from (
        b"iface:eth0,native,replace",
        b"tc:lo:egress,handle=0x10,prio=7",
        b"tcx:lo:ingress,first",
        b"cgroup:/a\\,b",
    )
    yield from (
        b"netfilter:ipv4:input,prio=-5,defrag",
        b"socket:,fd=3,pid=4",
        b"perf:cpu-clock,freq=99,cpu=0",
        b"iter:",
    )
    yield from (b"uprobe:libc.so.6:getppid,pid=9", b"ifac:lo", b"tc:lo,prio=,prio=1", b"map:" + b"x" * 5000)


def wasi_seeds() -> Iterator[bytes]:
    """Yield calls: path_open of names below each directory, then reading, writing and others on what was opened."""
    yield from (
        bytes([call, fd, 226, 0, 1, 176, 0, 10, 0, 200]) * 20 for call in range(45) for fd in (0, 1, 3, 4, 5, 6)
    )


def wasm_seeds() -> Iterator[bytes]:
    """Yield modules without their headers: one type, an import of each kind, exports."""
    types = b"\x01\x0e\x03\x60\x02\x7f\x7e\x01\x7d\x5f\x01\x78\x00\x60\x00\x00"
    imports = b"\x02\x1c\x03\x03env\x01f\x00\x00\x01m\x01m\x02\x00\x01\x01m\x01t\x01\x70\x01\x00\x02"
    exports = b"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x01"
    yield types + imports + exports
    yield b"\x01\x09\x01\x4e\x02\x5e\x78\x01\x50\x00\x5f\x00"


def package_seeds() -> Iterator[bytes]:
    """Yield the packages of the built-in tools with a small object, words for their options, and as payloads."""
    import json

    from eunomia.package.model import Package
    from eunomia.publish.standalone import payload

    words = b"1 x true,false -5 0x10 a,b,c 1.5 10.0.0.0/8 --duration 10 -j --filter --output=x --iface lo --fields a.b"
    for path in sorted((ROOT / "src/eunomia/builtin").glob("*.json")):
        tree = json.loads(path.read_text())
        tree["bpf_object"], tree["bpf_object_size"] = "eJwDAAAAAAE=", 0
        yield json.dumps(tree).encode() + b"\0" + words
        package = Package.open(str(path))
        package.object = b"\x7fELF"
        yield payload(package)
    kinds = ("int", "uint", "bool", "char", "enum", "float", "string", "network", "tristate")
    rows = [
        [f"o_{kind}{count}", ".rodata", 0, {"network": 20, "bool": 1, "char": 1}.get(kind, 4), count, kind, "T[2]",
         {"short": kind[0], "range": [1, 2.5], "choices": {"A": 1, "b": 2}, "default": default}]
        for kind in kinds for count in (0, 3) for default in (None, "1", [1, 2], True, 1e300)
    ]  # fmt: skip
    skel = {"obj_name": "o", "data_sections": [], "maps": None, "progs": [], "doc": {"brief": "a b\n  - c\n\n d"}}
    meta = {"bpf_skel": skel, "eunomia": {"version": 1, "options": rows}}
    tree = {"bpf_object": "eJwDAAAAAAE=", "bpf_object_size": 0, "meta": meta}
    yield json.dumps(tree).encode() + b"\0" + words


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "accounting": types_seeds,
    "aggregate": aggregate_seeds,
    "batch": batch_seeds,
    "filter": filter_seeds,
    "object": object_seeds,
    "output": output_seeds,
    "package": package_seeds,
    "render": plan_seeds,
    "replay": recording_seeds,
    "sample": plan_seeds,
    "target": target_seeds,
    "wasi": wasi_seeds,
    "wasm": wasm_seeds,
}


def corpus(name: str) -> Path:
    """Return the folder of a target's inputs, with its seeds in it."""
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(SEEDS.get(name, lambda: iter(()))()):
        path = folder / f"seed-{index}"
        if not path.exists():
            path.write_bytes(seed)
    return folder


def run(name: str, program: Path, seconds: int) -> int:
    """Run a target; return how many inputs it tried.

    Raises:
        SystemExit: an input made it fail; libFuzzer keeps it in build/fuzz.
    """
    if name in OWN_MAIN:
        objects = sorted((ROOT / "tests/data").glob("*.o"))
        command = [program, seconds, *objects]
    else:
        options = [f"-max_total_time={seconds}", "-max_len=65536", "-timeout=20", f"-artifact_prefix={WORK}/{name}-"]
        command = [program, *options, "-print_final_stats=1", "-rss_limit_mb=4096", corpus(name)]
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1"}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    output = done.stdout + done.stderr
    found = re.search(r"number_of_executed_units: *(\d+)|(\d+) executions", output)
    if done.returncode or not found:
        raise SystemExit(f"fuzz_{name} failed with {done.returncode}:\n{output[-6000:]}")
    return int(found[1] or found[2])


def main() -> int:
    """Run the targets named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="fuzz the C core with libFuzzer, ASan and UBSan")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(targets())}; all, unless told")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    options = parser.parse_args()
    names = options.targets or targets()
    if unknown := [name for name in names if name not in targets()]:
        parser.error(f"no target {', '.join(unknown)}: there are {', '.join(targets())}")
    for name, program in build(names).items():
        executions = run(name, program, options.seconds)
        inputs = 0 if name in OWN_MAIN else len(list(corpus(name).iterdir()))
        print(f"fuzz_{name}: {executions} executions in {options.seconds} s, {inputs} inputs in the corpus, no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
