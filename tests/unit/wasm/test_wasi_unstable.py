"""WASI as it was until 2019, `wasi_unstable`: what it has otherwise."""

from __future__ import annotations

import time
from pathlib import Path
from struct import unpack_from

from wasmtime import wat2wasm

from support.guests import Directory, run

# Calls leave their answers between 1000 and 2000, which is then written to standard output.
GUEST = """
(module
  (import "wasi_unstable" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_unstable" "path_filestat_get" (func $path_stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file")
  (func (export "_start") (local $fd i32)
    (i32.store8 (i32.const 1000) (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)
      (i64.const 0x200026) (i64.const 0) (i32.const 0) (i32.const 8)))
    (local.set $fd (i32.load (i32.const 8)))
    (i32.store8 (i32.const 1001) (call $seek (local.get $fd) (i64.const 3) (i32.const 2) (i32.const 1008))) ;; set
    (i32.store8 (i32.const 1002) (call $seek (local.get $fd) (i64.const 2) (i32.const 0) (i32.const 1016))) ;; current
    (i32.store8 (i32.const 1003) (call $seek (local.get $fd) (i64.const -1) (i32.const 1) (i32.const 1024))) ;; end
    (i64.store (i32.const 1096) (i64.const -1))
    (i32.store8 (i32.const 1004) (call $stat (local.get $fd) (i32.const 1040)))
    (i32.store8 (i32.const 1005) (call $path_stat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 1104)))
    (i64.store (i32.const 400) (i64.const 4711)) ;; userdata; type 0 at 408; the clock's name at 416
    (i32.store (i32.const 424) (i32.const 1))
    (i64.store (i32.const 432) (i64.const 60000000))
    (i32.store8 (i32.const 1006) (call $poll (i32.const 400) (i32.const 1200) (i32.const 1) (i32.const 1240)))
    (i32.store (i32.const 16) (i32.const 1000))
    (i32.store (i32.const 20) (i32.const 1000))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))
"""


def test_layouts_and_numbers_are_those_of_their_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    known = (tmp_path / "file").stat()
    start = time.monotonic()
    with open(tmp_path / "out", "w+b") as out:
        run(bytes(wat2wasm(GUEST)), dirs=[Directory(tmp_path, "/")], stdout=out.fileno())
        out.seek(0)
        memory = out.read()
    took = time.monotonic() - start

    assert len(memory) == 1000
    assert memory[:7] == bytes(7)
    assert unpack_from("<3Q", memory, 8) == (3, 5, 9)
    for at in (40, 104):
        device, inode, kind, links, size, _, changed = unpack_from("<QQB3xI3Q", memory, at)
        assert (device, inode, kind, links, size) == (known.st_dev, known.st_ino, 4, 1, 10)
        assert changed == known.st_mtime_ns
    assert unpack_from("<q", memory, 96) == (-1,)  # the record ended before
    assert unpack_from("<QHB", memory, 200) == (4711, 0, 0)
    assert unpack_from("<I", memory, 240) == (1,)
    assert took >= 0.06
