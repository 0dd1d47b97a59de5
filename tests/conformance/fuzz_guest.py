"""Generate a guest that calls every function of its host with random arguments, also from within callbacks.

The functions of BPF are those of docs/reference/wasm-interface.md: one that is added there is called here. What a
parameter is for tells its name, so that enough calls reach the work behind the checks. The guest ends with exit code
DONE when it made all its calls.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DONE = 42
CHANNEL = 0x2F5A1E77
_STRINGS, _SCRATCH, _SLOTS, _FDS, _WAITS, _OBJECTS = 0x4000, 0x10000, 0x800, 0x880, 0x900, 0x40000
_CELL = 32
_NAMES = [
    "on_kill",
    "on_kill_perf",
    "first",
    "second",
    "perf",
    "runs",
    ".rodata",
    "x.rodata",
    "hash",
    "array",
    "cpu_hash",
]
_NAMES += [
    "cpu_array",
    "queue",
    "stack",
    "bloom",
    "trie",
    "outer",
    "inner_a",
    "inner_b",
    "touch",
    "socket_handler",
    "rb",
    "",
]
_TARGETS = ["", "", "", "iface:lo", "/proc/self", "cgroup:/nowhere", "pid:1", "nobody"]
_PATHS = ["a", "..", "../../x", "/etc/passwd", "a/b/../c", ".", "", "b"]

# WASI preview 1: p pointer, n size, f descriptor, g the same but not standard output or error, k small, l length of a
# path, s path, I any 64 bits, w subscriptions.
_WASI = """args_get pp|args_sizes_get pp|environ_get pp|environ_sizes_get pp|clock_res_get kp|clock_time_get kIp
fd_advise fIIk|fd_allocate gkk:II|fd_close g|fd_datasync g|fd_fdstat_get fp|fd_fdstat_set_flags gk|fd_fdstat_set_rights gII
fd_filestat_get fp|fd_filestat_set_size gk:I|fd_filestat_set_times gIIk|fd_pread gpkIp|fd_prestat_get fp
fd_prestat_dir_name fpn|fd_pwrite gpkkp:I|fd_read fpkp|fd_readdir gpnIp|fd_renumber gg|fd_seek gIkp|fd_sync g|fd_tell gp
fd_write gpkp|path_create_directory gsl|path_filestat_get gkslp|path_filestat_set_times gkslIIk|path_link gkslgsl
path_open gkslkIIkp|path_readlink gslpnp|path_remove_directory gsl|path_rename gslgsl|path_symlink slgsl|path_unlink_file gsl
poll_oneoff wpkp|random_get pn|sched_yield |sock_accept gkp|sock_recv gpkkpp|sock_send gpkkp|sock_shutdown gk"""

_ROLES = {
    "obj": "handle",
    "fd": "fd",
    "link": "fd",
    "name": "name",
    "target": "target",
    "elf": "elf",
    "callback": "small",
    "timeout_ms": "bit",
    "write": "bit",
    "repeat": "bit",
    "pid": "bit",
    "cmd": "small",
    "what": "small",
    "index": "small",
    "fds": "fds",
    "at": "page",
    "flags": "wide",
    "address": "wide",
    **dict.fromkeys(
        ("buf", "data", "key", "value", "next_key", "out", "in", "keys", "values", "result", "ctx"), "pointer"
    ),
    **dict.fromkeys(("len", "size", "max_size", "out_len", "in_len", "offset"), "size"),
}
_SPECIAL = {
    ("wasm_load_bpf_object", "buf"): "elf",
    ("wasm_load_bpf_object", "len"): "elf_size",
    ("wasm_bpf_object_open", "len"): "elf_size",
    ("wasm_bpf_map_batch", "count"): "pointer",
    ("wasm_bpf_buffers_wait", "count"): "small",
    ("wasm_bpf_map_set", "value"): "few",  # or the kernel is asked for all its memory
    ("wasm_bpf_program_set", "value"): "few",
}
_WASI_ROLES = {
    "p": "pointer",
    "n": "size",
    "f": "fd",
    "g": "file",
    "k": "small",
    "l": "small",
    "s": "path",
    "I": "wide",
    "w": "waits",
}

Function = tuple[str, str, list[tuple[str, str]], str]  # module, name, (type, role) of each parameter, result


def functions() -> list[Function]:
    """Return what the pages say a host has: the interface of BPF, and WASI."""
    page = (ROOT / "docs/reference/wasm-interface.md").read_text()
    found: list[Function] = []
    for module, name, parameters, result in re.findall(
        r"^\| (?:`([\w-]+)` )?`(\w+)` \| `\(([^)]*)\) -> (i\d\d)`", page, re.M
    ):
        typed = []
        for each in filter(None, parameters.split(", ")):
            word, kind = each.split()
            role = _SPECIAL.get((name, word)) or _ROLES[word]
            typed.append((kind, role))
        found.append((module or "wasm_bpf", name, typed, result))
    for line in _WASI.replace("\n", "|").split("|"):
        name, letters = line.split(" ")
        letters, _, small = letters.partition(":")
        wide = len(small)  # so many of the last small ones have 64 bits: sizes of files, which must stay small
        typed = [("i64" if letter == "I" else "i32", _WASI_ROLES[letter]) for letter in letters]
        for at in [at for at, letter in enumerate(letters) if letter == "k"][-wide or len(letters) :]:
            typed[at] = ("i64", "few")
        found.append(("wasi_snapshot_preview1", name, typed, "i32"))
    return found


def guest(objects: list[bytes], calls: int, seed: int, available: list[Function] | None = None) -> str:
    """Return the text of a guest.

    Args:
        objects: BPF objects that it loads.
        calls: how many calls of the host it makes, those in callbacks not counted.
        seed: the same seed, the same calls.
        available: the functions to call; all of them.
    """
    called = available or functions()
    close = next(at for at, each in enumerate(called) if each[1] == "wasm_close_bpf_object")
    sizes = [len(each) for each in objects]
    places = [_OBJECTS + sum(size + 64 for size in sizes[:at]) for at in range(len(sizes))]
    pages = (places[-1] + sizes[-1]) // 65536 + 3
    return "\n".join(
        [
            "(module",
            *(_import(at, each) for at, each in enumerate(called)),
            '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))',
            f'(memory (export "memory") {pages} {pages + 16})',
            '(table (export "__indirect_function_table") 8 funcref)',
            "(type $callback (func (param i32 i32 i32) (result i32)))",
            "(elem (i32.const 1) $calls $calls $ends $nothing $other)",
            *_data(objects, places),
            f"(global $state (mut i64) (i64.const {seed * 2 + 1}))",
            "(global $depth (mut i32) (i32.const 0)) (global $elf_size (mut i32) (i32.const 0))",
            "(global $newest (mut i64) (i64.const 0))",
            *_randoms(places, sizes),
            *(_call(at, each) for at, each in enumerate(called)),
            _one(len(called)),
            _CALLBACKS,
            f'(func (export "_start") (local $left i32) (local.set $left (i32.const {calls}))',
            "(loop $more (call $one)",
            # many objects at a time, not all of them
            f"(if (i32.eqz (call $below (i32.const 24))) (then (drop (call $h{close}"
            " (i64.sub (global.get $newest) (i64.extend_i32_u (call $below (i32.const 64))))))))",
            "(br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))",
            f"(call $exit (i32.const {DONE}))))",
        ]
    )


def _import(at: int, function: Function) -> str:
    module, name, parameters, result = function
    types = " ".join(kind for kind, _ in parameters)
    return f'(import "{module}" "{name}" (func $h{at} (param {types}) (result {result})))'


def _data(objects: list[bytes], places: list[int]) -> list[str]:
    def cells(words: list[str]) -> str:
        return "".join(word + "\\00" * (_CELL - len(word)) for word in words)

    lines = [f'(data (i32.const {_STRINGS}) "{cells(_NAMES)}{cells(_TARGETS)}{cells(_PATHS)}")']
    # subscriptions of poll_oneoff: a clock that is due, and descriptors
    clock = "\\01" + "\\00" * 7 + "\\00" * 8 + "\\01" + "\\00" * 31
    readable = "\\02" + "\\00" * 7 + "\\01" + "\\00" * 7 + "\\00" * 32
    lines.append(f'(data (i32.const {_WAITS}) "{clock}{readable}{clock}{readable}")')
    for place, elf in zip(places, objects, strict=True):
        lines.append(f'(data (i32.const {place}) "{"".join(chr(92) + f"{byte:02x}" for byte in elf)}")')
    return lines


def _randoms(places: list[int], sizes: list[int]) -> list[str]:
    names, targets = _STRINGS, _STRINGS + _CELL * len(_NAMES)
    paths = targets + _CELL * len(_TARGETS)
    object_cases = "".join(
        f"(if (i32.eq (local.get $at) (i32.const {at})) (then (global.set $elf_size (i32.const {size}))"
        f" (return (i32.const {place}))))"
        for at, (place, size) in enumerate(zip(places, sizes, strict=True))
    )

    def cell(name: str, base: int, count: int, wild: int) -> str:
        return (
            f"(func ${name} (result i32) (if (i32.eqz (call $below (i32.const {wild}))) (then (return (call $pointer))))"
            f" (i32.add (i32.const {base}) (i32.mul (call $below (i32.const {count})) (i32.const {_CELL}))))"
        )

    return [
        # xorshift64
        "(func $any (result i64)"
        " (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 13))))"
        " (global.set $state (i64.xor (global.get $state) (i64.shr_u (global.get $state) (i64.const 7))))"
        " (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 17))))"
        " (global.get $state))",
        "(func $below (param $n i32) (result i32)"
        " (i32.rem_u (i32.wrap_i64 (i64.shr_u (call $any) (i64.const 24))) (local.get $n)))",
        "(func $bit (result i32) (call $below (i32.const 2)))",
        "(func $small (result i32) (i32.sub (call $below (i32.const 30)) (i32.const 1)))",
        "(func $few (result i64) (i64.extend_i32_u (call $below (i32.const 5000))))",
        "(func $handle (result i64) (local $way i32) (local.set $way (call $below (i32.const 8)))"
        " (if (i32.eqz (local.get $way)) (then (return (call $any))))"
        " (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i64.extend_i32_u (call $below (i32.const 100))))))"
        f" (i64.load (i32.add (i32.const {_SLOTS}) (i32.mul (call $below (i32.const 8)) (i32.const 8)))))",
        "(func $fd (result i32) (if (i32.eqz (call $below (i32.const 4)))"
        " (then (return (i32.sub (call $below (i32.const 300)) (i32.const 20)))))"
        f" (i32.load (i32.add (i32.const {_FDS}) (i32.mul (call $below (i32.const 16)) (i32.const 4)))))",
        "(func $file (result i32) (i32.add (i32.const 3) (call $below (i32.const 8))))",
        "(func $pointer (result i32) (local $way i32) (local.set $way (call $below (i32.const 24)))"
        " (if (i32.eqz (local.get $way)) (then (return (i32.wrap_i64 (call $any)))))"
        " (if (i32.eq (local.get $way) (i32.const 1)) (then (return"
        " (i32.sub (i32.mul (memory.size) (i32.const 65536)) (call $below (i32.const 64))))))"
        " (if (i32.eq (local.get $way) (i32.const 2)) (then (return (i32.const 0))))"
        f" (i32.add (i32.const {_SCRATCH}) (call $below (i32.const 0x20000))))",
        "(func $size (result i32) (local $way i32) (local.set $way (call $below (i32.const 12)))"
        " (if (i32.eqz (local.get $way)) (then (return (i32.wrap_i64 (call $any)))))"
        " (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i32.const 0))))"
        " (if (i32.eq (local.get $way) (i32.const 2)) (then (return (i32.const -1))))"
        " (if (i32.eq (local.get $way) (i32.const 3)) (then (return (i32.const 0x10000))))"
        " (call $below (i32.const 5000)))",
        "(func $wide (result i64) (local $way i32) (local.set $way (call $below (i32.const 4)))"
        " (if (i32.eqz (local.get $way)) (then (return (call $any))))"
        " (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i64.extend_i32_u (call $below (i32.const 16))))))"
        " (if (i32.eq (local.get $way) (i32.const 2)) (then (return"
        " (i64.shl (i64.const 1) (i64.extend_i32_u (call $below (i32.const 64)))))))"
        " (i64.const 0))",
        f"(func $fds (result i32) (i32.const {_FDS}))",
        f"(func $waits (result i32) (if (i32.eqz (call $below (i32.const 8))) (then (return (i32.const -16))))"
        f" (i32.const {_WAITS}))",
        f"(func $page (result i32) (i32.add (i32.const {_SCRATCH})"
        " (i32.mul (call $below (i32.const 32)) (i32.const 4096))))",
        cell("name", names, len(_NAMES), 12),
        cell("target", targets, len(_TARGETS), 12),
        cell("path", paths, len(_PATHS), 12),
        f"(func $elf (result i32) (local $at i32) (local.set $at (call $below (i32.const {len(places) + 1})))"
        f" {object_cases} (call $pointer))",
        "(func $elf_size (result i32) (if (i32.eqz (call $below (i32.const 8))) (then (return (call $size))))"
        " (global.get $elf_size))",
    ]


def _call(at: int, function: Function) -> str:
    _, name, parameters, result = function
    arguments = []
    for kind, role in parameters:
        made = "i64" if role in ("handle", "wide", "few") else "i32"
        conversion = {("i32", "i64"): "(i32.wrap_i64 {})", ("i64", "i32"): "(i64.extend_i32_s {})"}.get(
            (kind, made), "{}"
        )
        arguments.append(conversion.format(f"(call ${role})"))
    call = f"(call $h{at} {' '.join(arguments)})"
    if result == "i64" and name in ("wasm_load_bpf_object", "wasm_bpf_object_open"):
        body = (
            f"(local $made i64) (local.set $made {call}) (if (i64.ne (local.get $made) (i64.const 0)) (then"
            " (global.set $newest (local.get $made))"
            f" (i64.store (i32.add (i32.const {_SLOTS}) (i32.mul (call $below (i32.const 8)) (i32.const 8)))"
            " (local.get $made))))"
        )
    elif name in ("wasm_bpf_map_fd_by_name", "wasm_bpf_link_attach"):
        body = (
            f"(local $made i32) (local.set $made {call}) (if (i32.ge_s (local.get $made) (i32.const 0)) (then"
            f" (i32.store (i32.add (i32.const {_FDS}) (i32.mul (call $below (i32.const 16)) (i32.const 4)))"
            " (local.get $made))))"
        )
    else:
        body = f"(drop {call})"
    return f"(func $c{at} {body})"


def _one(count: int) -> str:
    """One call: the table of calls, twice as often one of BPF as one of WASI."""
    names = " ".join(f"$l{at}" for at in range(count))
    blocks = "".join(f"(block $l{at} " for at in reversed(range(count)))
    cases = "".join(f") (call $c{at}) (return)" for at in range(count))
    return f"(func $one {blocks}(br_table {names} (call $below (i32.const {count}))){cases})"


_CALLBACKS = """
(func $calls (type $callback)
  (if (i32.lt_u (global.get $depth) (i32.const 3)) (then
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (if (i32.eqz (call $below (i32.const 4))) (then (call $one)))
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))))
  (i32.const 0))
(func $ends (type $callback) (i32.const -5))
(func $nothing (type $callback) (drop (memory.grow (call $bit))) (i32.const 0))
(func $other)
(func (export "go-callback") (type $callback) (call $calls (local.get 0) (local.get 1) (local.get 2)))
"""
