"""Run a guest: `python -m eunomia.wasm FILE.wasm [ARGS]`, the least that runs one, for tests of the core."""

from __future__ import annotations

import os
import sys

from eunomia._native import ffi, lib, text
from eunomia.wasm import engine


def main(args: list[str]) -> int:
    """Run the guest args[0]; its exit code, or 1 with a line."""
    with open(args[0], "rb") as file:
        wasm = file.read()
    kept = [ffi.new("char[]", os.fsencode(word)) for word in args]
    argv = ffi.new("const char *[]", [*kept, ffi.NULL])
    env = ffi.new("const char *[]", [ffi.NULL])
    library = ffi.new("char[]", os.fsencode(engine.library()))
    cache = ffi.new("char[]", os.fsencode(engine.cache()))
    options = ffi.new(
        "struct eu_guest_options *",
        {"args": argv, "env": env, "stdin_fd": 0, "stdout_fd": 1, "stderr_fd": 2, "library": library, "cache": cache},
    )
    guest = lib.eu_guest_new(wasm, len(wasm), options)
    if not guest:
        print(f"{args[0]}: {text(lib.eu_error())}", file=sys.stderr)
        return 1
    lib.eu_guest_take_signals(guest)
    ending = lib.eu_guest_run(guest)
    lib.eu_guest_take_signals(ffi.NULL)
    code = int(lib.eu_guest_exit_code(guest))
    if ending in (lib.EU_TRAPPED, lib.EU_OUT_OF_FUEL, lib.EU_FAILED):
        code = 1
        print(f"{args[0]}: {text(lib.eu_guest_text(guest))}", file=sys.stderr)
        if detail := text(lib.eu_guest_detail(guest)):
            print(detail, file=sys.stderr)
    lib.eu_guest_free(guest)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
