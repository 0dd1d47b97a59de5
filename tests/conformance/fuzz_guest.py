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
# What calls of BPF may answer, counted each: Linux errnos by their names, and below, those of WASI together.
ERRORS = {
    "EPERM": 1,
    "ENOENT": 2,
    "E2BIG": 7,
    "EBADF": 9,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EFAULT": 14,
    "EBUSY": 16,
    "EEXIST": 17,
    "ENODEV": 19,
    "EINVAL": 22,
    "EMFILE": 24,
    "ENOSPC": 28,
    "EOPNOTSUPP": 95,
}
COUNTED = (
    "objects",
    "attached programs",
    "records in callbacks",
    "calls of BPF that worked",
    *ERRORS,
    "other errors",
    "calls of WASI that worked",
    "calls of WASI with an errno",
)
_PROGRAMS = ["on_kill", "on_kill_perf", "on_kill", "touch", "socket_handler", "first", ""]
_MAPS = ["first", "second", "perf", "runs", ".rodata", "x.rodata", "hash", "array", "cpu_hash", "cpu_array", "queue"]
_MAPS += ["stack", "bloom", "trie", "outer", "inner_a", "inner_b", "rb", "on_kill", ""]
_TARGETS = ["", "", "", "", "", "", "iface:lo", "/proc/self", "cgroup:/nowhere", "pid:1", "nobody"]
_PATHS = ["a", "..", "../../x", "/etc/passwd", "a/b/../c", ".", "", "b"]

# WASI preview 1: p pointer, n size, f descriptor, g the same but not standard output or error, k small, l length of a
# path, s path, I any 64 bits, w subscriptions.
_WASI = """args_get pp|args_sizes_get pp|environ_get pp|environ_sizes_get pp|clock_res_get kp|clock_time_get kIp
fd_advise fIIk|fd_allocate gkk:II|fd_close g|fd_datasync g
fd_fdstat_get fp|fd_fdstat_set_flags gk|fd_fdstat_set_rights gII
fd_filestat_get fp|fd_filestat_set_size gk:I|fd_filestat_set_times gIIk|fd_pread gpkIp|fd_prestat_get fp
fd_prestat_dir_name fpn|fd_pwrite gpkkp:I|fd_read fpkp|fd_readdir gpnIp|fd_renumber gg|fd_seek gIkp|fd_sync g|fd_tell gp
fd_write gpkp|path_create_directory gsl|path_filestat_get gkslp|path_filestat_set_times gkslIIk|path_link gkslgsl
path_open gkslkIIkp|path_readlink gslpnp|path_remove_directory gsl
path_rename gslgsl|path_symlink slgsl|path_unlink_file gsl
poll_oneoff wpkp|random_get pn|sched_yield |sock_accept gkp|sock_recv gpkkpp|sock_send gpkkp|sock_shutdown gk"""

_ROLES = {
    "obj": "handle",
    "fd": "fd",
    "link": "fd",
    "name": "map",
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
    page = page.partition("## The first interface")[2]
    page = "## ".join(page.split("\n## ")[:2])  # this section, and the additions: all that a command may import
    found: list[Function] = []
    for module, name, parameters, result in re.findall(
        r"^\| (?:`([\w-]+)` )?`(\w+)` \| `\(([^)]*)\) -> (i\d\d)`", page, re.M
    ):
        typed = []
        for each in filter(None, parameters.split(", ")):
            word, kind = each.split()
            programs = word == "name" and ("program" in name or "attach" in name)
            role = (
                "program"
                if programs
                else _SPECIAL.get((name, word)) or _ROLES.get(word) or ("wide" if kind == "i64" else "pointer")
            )
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
    at = {f"{each[0]}.{each[1]}": at for at, each in enumerate(called)}
    places = [_OBJECTS + sum(len(elf) + 64 for elf in objects[:at]) for at in range(len(objects))]
    pages = (places[-1] + len(objects[-1])) // 65536 + 3
    words = {
        "IMPORTS": "\n".join(_import(at, each) for at, each in enumerate(called)),
        "PAGES": pages,
        "MAX_PAGES": pages + 16,
        "DATA": "\n".join(_data(objects, places)),
        "SEED": seed * 2 + 1,
        "SLOTS": _SLOTS,
        "FDS": _FDS,
        "WAITS": _WAITS,
        "SCRATCH": _SCRATCH,
        "CELL": _CELL,
        "STRINGS": "\n".join(_strings()),
        "OBJECTS": len(objects) + 1,
        "COUNTERS": "\n".join(f"(global $n{at} (mut i32) (i32.const 0))" for at in range(len(COUNTED))),
        "TELL": "\n  ".join(_tell(errno, at) for at, errno in enumerate(ERRORS.values(), COUNTED.index("EPERM"))),
        "OTHER": COUNTED.index("other errors"),
        "WASI": COUNTED.index("calls of WASI that worked"),
        "WASI_ERRNO": COUNTED.index("calls of WASI with an errno"),
        "STORES": "\n  ".join(f"(i32.store (i32.const {4 * at}) (global.get $n{at}))" for at in range(len(COUNTED))),
        "IOVEC": 4 * len(COUNTED),
        "OBJECT_CASES": "\n  ".join(
            f"(if (i32.eq (local.get $at) (i32.const {at})) (then"
            f" (global.set $elf_size (i32.const {len(elf)})) (return (i32.const {place}))))"
            for at, (place, elf) in enumerate(zip(places, objects, strict=True))
        ),
        "CALLS": "\n".join(_call(at, each) for at, each in enumerate(called)),
        "ONE": _one(called),
        "WRITE": at["wasi_snapshot_preview1.fd_write"],
        "CLOSE": at["wasm_bpf.wasm_close_bpf_object"],
        "LOAD": at["wasm_bpf.wasm_load_bpf_object"],
        "ATTACH": at["wasm_bpf.wasm_attach_bpf_program"],
        "MAP": at["wasm_bpf.wasm_bpf_map_fd_by_name"],
        "POLL": at["wasm_bpf.wasm_bpf_buffer_poll"],
        "FIRST": places[0],
        "FIRST_SIZE": len(objects[0]),
        "ON_KILL": _STRINGS,
        "RING": _STRINGS + _CELL * len(_PROGRAMS),
        "COUNT": calls,
        "DONE": DONE,
    }
    text = Path(__file__).with_suffix(".wat").read_text()
    return re.sub("@([A-Z_]+)@", lambda found: str(words.get(found[1], found[0])), text)


def _tell(errno: int, at: int) -> str:
    return f"(if (i32.eq (local.get $result) (i32.const {-errno})) (then {_add(at)} (return (local.get $result))))"


def _add(at: int) -> str:
    return f"(global.set $n{at} (i32.add (global.get $n{at}) (i32.const 1)))"


def _import(at: int, function: Function) -> str:
    module, name, parameters, result = function
    types = " ".join(kind for kind, _ in parameters)
    return f'(import "{module}" "{name}" (func $h{at} (param {types}) (result {result})))'


def _data(objects: list[bytes], places: list[int]) -> list[str]:
    def cells(words: list[str]) -> str:
        return "".join(word + "\\00" * (_CELL - len(word)) for word in words)

    lines = [f'(data (i32.const {_STRINGS}) "{cells(_PROGRAMS)}{cells(_MAPS)}{cells(_TARGETS)}{cells(_PATHS)}")']
    # subscriptions of poll_oneoff: a clock that is due, and descriptors
    clock = "\\01" + "\\00" * 7 + "\\00" * 8 + "\\01" + "\\00" * 31
    readable = "\\02" + "\\00" * 7 + "\\01" + "\\00" * 7 + "\\00" * 32
    lines.append(f'(data (i32.const {_WAITS}) "{clock}{readable}{clock}{readable}")')
    for place, elf in zip(places, objects, strict=True):
        lines.append(f'(data (i32.const {place}) "{"".join(chr(92) + f"{byte:02x}" for byte in elf)}")')
    return lines


def _strings() -> list[str]:
    """$program, $map, $target and $path: one of the strings of _data, now and then anything."""
    lines, base = [], _STRINGS
    for name, strings in (("program", _PROGRAMS), ("map", _MAPS), ("target", _TARGETS), ("path", _PATHS)):
        call = f"(call $string (i32.const {base}) (i32.const {len(strings)}))"
        lines.append(f"(func ${name} (result i32) {call})")
        base += _CELL * len(strings)
    return lines


def _call(at: int, function: Function) -> str:
    module, name, parameters, result = function
    arguments = []
    for kind, role in parameters:
        made = "i64" if role in ("handle", "wide", "few") else "i32"
        conversion = {("i32", "i64"): "(i32.wrap_i64 {})", ("i64", "i32"): "(i64.extend_i32_s {})"}.get(
            (kind, made), "{}"
        )
        arguments.append(conversion.format(f"(call ${role})"))
    call = f"(call $h{at} {' '.join(arguments)})"
    if module == "wasi_snapshot_preview1":
        return f"(func $c{at} (call $asked {call}))"
    if result == "i32":
        call = f"(call $told {call})"
    if name in ("wasm_load_bpf_object", "wasm_bpf_object_open"):
        return f"(func $c{at} (call $keep_handle {call}))"
    if name == "wasm_bpf_link_attach":
        return f"(func $c{at} (call $keep_fd (call $attached {call})))"
    if name == "wasm_bpf_map_fd_by_name":
        return f"(func $c{at} (call $keep_fd {call}))"
    if name.startswith("wasm_attach"):
        return f"(func $c{at} (drop (call $attached (i32.add {call} (i32.const 1)))))"
    return f"(func $c{at} (drop {call}))"


def _one(called: list[Function]) -> str:
    """One of the calls: those of BPF four times as often."""
    names = [f"$l{at}" for at, each in enumerate(called) for _ in range(1 if each[0].startswith("wasi") else 4)]
    blocks = "".join(f"(block $l{at} " for at in reversed(range(len(called))))
    cases = "".join(f") (call $c{at}) (return)" for at in range(len(called)))
    table = f"(br_table {' '.join(names)} {names[0]} (call $below (i32.const {len(names)})))"
    return f"(func $one {blocks}{table}{cases})"
