(module ;; 64-bit pointers of map_operate, as the SDKs of Rust and Go declare it, and the 17 pages that Rust's linker gives
  (import "wasm_bpf" "wasm_bpf_map_operate" (func $operate (param i32 i32 i64 i64 i64 i64) (result i32)))
  (import "wasm_bpf" "wasm_load_bpf_object" (func $load (param i32 i32) (result i64)))
  (import "wasm_bpf" "wasm_bpf_map_fd_by_name" (func $fd (param i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 17)
  (data (i32.const 16) "array\00")
  (data (i32.const 65536) "OBJECT")
  (func $must (param $is i32) (param $step i32)
    (if (i32.eqz (local.get $is)) (then (call $exit (local.get $step)))))
  (func (export "_start") (local $map i32)
    (local.set $map (call $fd (call $load (i32.const 65536) (i32.const SIZE)) (i32.const 16)))
    (call $must (i32.ge_s (local.get $map) (i32.const 0)) (i32.const 1))
    (i32.store (i32.const 1024) (i32.const 1)) ;; key
    (i64.store (i32.const 1032) (i64.const 4711)) ;; value
    (call $must (i32.eqz (call $operate (local.get $map) (i32.const 2) (i64.const 1024) (i64.const 1032) (i64.const 0) (i64.const 0))) (i32.const 2))
    (call $must (i32.eqz (call $operate (local.get $map) (i32.const 1) (i64.const 1024) (i64.const 1040) (i64.const 0) (i64.const 0))) (i32.const 3))
    (call $must (i64.eq (i64.load (i32.const 1040)) (i64.const 4711)) (i32.const 4))
    (call $must (i32.eqz (call $operate (local.get $map) (i32.const 4) (i64.const 0) (i64.const 0) (i64.const 1048) (i64.const 0))) (i32.const 5))
    (call $must (i32.eqz (i32.load (i32.const 1048))) (i32.const 6)) ;; the first key is 0
    ;; pointers beyond 32 bits are wild, not cut
    (call $must (i32.eq (call $operate (local.get $map) (i32.const 1) (i64.const 0x100000400) (i64.const 1040) (i64.const 0) (i64.const 0)) (i32.const -14)) (i32.const 7))
    (call $must (i32.eq (call $operate (local.get $map) (i32.const 1) (i64.const 1024) (i64.const -8) (i64.const 0) (i64.const 0)) (i32.const -14)) (i32.const 8))
    (call $exit (i32.const 0))))
