"""Fuzz the host of guests: `python tests/conformance/fuzz.py [--calls N] [--modules N] [--seed N]`.

Guests of random calls (fuzz_guest.py) run one after the other in this process, while records come for them; then
damaged modules are given to the loader. Afterwards there must be no descriptor, program, map, link or thread more than
before, and no memory to speak of. The last lines have the figures: what came of the calls, and what this process held
before and after them. Exit code 1: something was left, or a guest did not make all its calls. A crash is one of this
process.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from struct import pack, unpack

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "src")]  # run as a script

from conformance import fuzz_guest  # noqa: E402
from conformance.run import kills  # noqa: E402

counted = dict.fromkeys(fuzz_guest.COUNTED, 0)
BATCH = 5000  # calls of one guest
LEAK = 8 << 20  # bytes that the allocators of both sides may keep


def main() -> int:
    """Fuzz; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100_000, help="calls of the host (100000)")
    parser.add_argument("--modules", type=int, default=2000, help="damaged modules (2000)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (0: by the clock)")
    arguments = parser.parse_args()
    seed = arguments.seed or time.time_ns() % 1_000_000
    print(f"seed {seed}", flush=True)
    objects = [_object(name) for name in ("rings", "rings", "maps", "sockfilter")]
    begun = time.monotonic()
    problems = calling(objects, arguments.calls, seed) + damaging(objects, arguments.modules, seed)
    print(*problems, sep="\n")
    print(
        f"{arguments.calls} calls, {arguments.modules} damaged modules in {time.monotonic() - begun:.1f} s:"
        f" {len(problems)} problems; " + ", ".join(f"{count} {kind}" for kind, count in counted.items() if count)
    )
    print(*(f"{what}: {before} before, {after} after" for what, (before, after) in held.items()), sep="; ")
    return bool(problems)


def calling(objects: list[bytes], calls: int, seed: int) -> list[str]:
    """Run guests of random calls and return what they left behind or did not do."""
    problems: list[str] = []
    available = _available(objects)
    stop = threading.Event()
    provoker = threading.Thread(target=_provoke, args=(stop,))
    _run(objects, 200, seed, available)  # what is made once is made now
    before, resident = _held(), _resident()
    counts = _counts(before, resident)
    provoker.start()
    try:
        for at in range(0, calls, BATCH):
            if problem := _run(objects, min(BATCH, calls - at), seed + at, available):
                problems.append(f"seed {seed + at}: {problem}")
    finally:
        stop.set()
        provoker.join()
    deadline = time.monotonic() + 20
    while (left := _held() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    problems += [f"left behind: {each}" for each in sorted(left)]
    after = _counts(_held(), _resident())
    held.update({what: (count, after[what]) for what, count in counts.items()})
    if (grown := after["resident KiB"] - counts["resident KiB"]) > LEAK >> 10:
        problems.append(f"memory: {grown} KiB more than before")
    return problems


def _counts(names: set[str], resident: int) -> dict[str, int]:
    """What this process holds, in numbers."""
    kinds = {"programs": "bpf-prog", "maps": "bpf-map", "links": "bpf_link", "perf events": "perf_event"}
    return {
        "descriptors": sum(name.startswith("descriptor") for name in names),
        **{what: sum(kind in name for name in names) for what, kind in kinds.items()},
        "threads": len(os.listdir("/proc/self/task")),
        "resident KiB": resident >> 10,
    }


def damaging(objects: list[bytes], count: int, seed: int) -> list[str]:
    """Give damaged modules to the loader: each is refused with a line, or does nothing when it runs; that is all."""
    import wasmtime

    rng = random.Random(seed)
    sound = [
        wasmtime.wat2wasm(fuzz_guest.guest(objects[:1], 1, seed, _available(objects))),
        wasmtime.wat2wasm((HERE / "guests/trap_indirect.wat").read_text()),
        wasmtime.wat2wasm((HERE / "guests/memory_grows.wat").read_text()),
    ]
    refused, before = 0, _held()
    for _ in range(count):
        wasm = bytearray(rng.choice(sound))
        kind = rng.random()
        if kind < 0.3:
            del wasm[rng.randrange(len(wasm)) :]
        for _ in range(rng.randrange(1, 6)):
            if wasm and kind > 0.1:
                wasm[min(int(rng.expovariate(1 / 300)), len(wasm) - 1)] = rng.randrange(256)
        refused += not _loads(bytes(wasm))
    left = sorted(_held() - before)
    found = [f"left behind by damaged modules: {each}" for each in left]
    if count >= 100 and refused < count // 2:
        found.append(f"only {refused} of {count} damaged modules were refused")
    return found


def _loads(wasm: bytes) -> bool:
    from eunomia._native import lib, text

    options, kept = _options([b"damaged"])
    guest = lib.eu_guest_new(wasm, len(wasm), options)
    if not guest:
        said = text(lib.eu_error())
        assert said, "no line about a damaged module"
        assert "\n" not in said, said
        return False
    lib.eu_guest_run(guest)
    lib.eu_guest_free(guest)
    del kept
    return True


def _options(argv: list[bytes], **more: object) -> tuple[object, list[object]]:
    from eunomia._native import ffi
    from eunomia.wasm import engine

    null = os.open(os.devnull, os.O_RDWR) if not _null else _null[0]
    _null[:] = [null]
    kept: list[object] = [ffi.new("char[]", word) for word in argv]
    argv_c, env = ffi.new("const char *[]", [*kept, ffi.NULL]), ffi.new("const char *[]", [ffi.NULL])
    library = ffi.new("char[]", os.fsencode(engine.library()))
    fields = {"args": argv_c, "env": env, "stdin_fd": null, "stdout_fd": null, "stderr_fd": null, "library": library}
    members = dict(ffi.typeof("struct eu_guest_options").fields)
    failed, note = (
        ffi.callback(members[name].type, lambda *_: None) for name in ("failed", "note")
    )  # else standard error gets it
    fields |= {"failed": failed, "note": note, "memory": 64 << 20, "fuel": 2_000_000_000, "duration": 120 * 10**9}
    fields |= more
    return ffi.new("struct eu_guest_options *", fields), [*kept, argv_c, env, library, failed, note, *more.values()]


_null: list[int] = []
held: dict[str, tuple[int, int]] = {}


def _run(objects: list[bytes], calls: int, seed: int, available: list[fuzz_guest.Function]) -> str:
    """Run one guest; return what is wrong with its end."""
    import wasmtime

    from eunomia._native import ffi, lib, text

    wasm = bytes(wasmtime.wat2wasm(fuzz_guest.guest(objects, calls, seed, available)))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as counts:
        host, name = ffi.new("char[]", folder.encode()), ffi.new("char[]", b"/")
        preopens = ffi.new("struct eu_preopen[]", [{"host": host, "guest": name, "writable": 1}, {}])
        options, kept = _options([b"fuzz"], preopens=preopens, stdout_fd=counts.fileno())
        guest = lib.eu_guest_new(wasm, len(wasm), options)
        if not guest:
            return f"load: {text(lib.eu_error())}"
        ending = lib.eu_guest_run(guest)
        code, said = lib.eu_guest_exit_code(guest), text(lib.eu_guest_text(guest))
        lib.eu_guest_free(guest)
        del kept, host, name
        counts.seek(0)
        number = len(fuzz_guest.COUNTED)
        for kind, count in zip(
            counted, unpack(f"<{number}I", counts.read(4 * number).ljust(4 * number, b"\0")), strict=True
        ):
            counted[kind] += count
    if ending == lib.EU_EXITED and code == fuzz_guest.DONE:
        return ""
    return f"did not make all its calls: ending {ending}, exit code {code}, {said}"


def _available(objects: list[bytes]) -> list[fuzz_guest.Function]:
    """Return the functions that the host has; a page that promises more is wrong, and told."""
    import wasmtime

    from eunomia._native import lib, text

    wanted = fuzz_guest.functions()
    while True:
        wasm = bytes(wasmtime.wat2wasm(fuzz_guest.guest(objects[:1], 1, 1, wanted)))
        options, kept = _options([b"fuzz"])
        guest = lib.eu_guest_new(wasm, len(wasm), options)
        if guest:
            lib.eu_guest_free(guest)
            del kept
            return wanted
        said = text(lib.eu_error())
        missing = set(re.findall(r"([\w-]+)\.(\w+) \(", said))
        left = [each for each in wanted if (each[0], each[1]) not in missing]
        if len(left) == len(wanted):
            raise SystemExit(f"fuzz: the guest does not load: {said}")
        print(f"NOT THERE: {' '.join('.'.join(each) for each in sorted(missing))}", flush=True)
        wanted = left


def _provoke(stop: threading.Event) -> None:
    while not stop.wait(0.004):
        kills(fuzz_guest.CHANNEL, range(40))


def _object(name: str) -> bytes:
    from eunomia.compiler import compile_source

    elf = compile_source(str(HERE / f"objects/{name}.bpf.c"), accounting=False).object
    return elf.replace(pack("<I", 0x47114711), pack("<I", fuzz_guest.CHANNEL))


def _held() -> set[str]:
    """Return descriptors, with what they are of, and threads."""
    held = {f"{len(os.listdir('/proc/self/task'))} threads"}
    for name in os.listdir("/proc/self/fd"):
        try:
            held.add(f"descriptor {name}: {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue
    return {each for each in held if "/proc/" not in each}


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
