(module ;; made by fuzz_guest.py: @WORDS@ are put in; $hN are the host's functions, $cN calls one with random arguments
@IMPORTS@
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(memory (export "memory") @PAGES@ @MAX_PAGES@)
(table (export "__indirect_function_table") 8 funcref)
(type $callback (func (param i32 i32 i32) (result i32)))
(elem (i32.const 1) $calls $calls $ends $nothing $other)
@DATA@
(global $state (mut i64) (i64.const @SEED@))
(global $depth (mut i32) (i32.const 0))
(global $elf_size (mut i32) (i32.const 0))
(global $newest (mut i64) (i64.const 0))
;; what came of it, written to standard output at the end: objects, attached programs, records, calls that worked, errors…
@COUNTERS@

(func $any (result i64) ;; xorshift64
  (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 13))))
  (global.set $state (i64.xor (global.get $state) (i64.shr_u (global.get $state) (i64.const 7))))
  (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 17))))
  (global.get $state))
(func $below (param $n i32) (result i32)
  (i32.rem_u (i32.wrap_i64 (i64.shr_u (call $any) (i64.const 24))) (local.get $n)))
(func $bit (result i32) (call $below (i32.const 2)))
(func $small (result i32) (i32.sub (call $below (i32.const 30)) (i32.const 1)))
(func $few (result i64) (i64.extend_i32_u (call $below (i32.const 5000))))

;; mostly an object that is open
(func $handle (result i64) (local $way i32)
  (local.set $way (call $below (i32.const 8)))
  (if (i32.eqz (local.get $way)) (then (return (call $any))))
  (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i64.extend_i32_u (call $below (i32.const 100))))))
  (i64.load (i32.add (i32.const @SLOTS@) (i32.mul (call $below (i32.const 8)) (i32.const 8)))))
(func $keep_handle (param $made i64)
  (if (i64.eqz (local.get $made)) (then (return)))
  (global.set $newest (local.get $made))
  (global.set $n0 (i32.add (global.get $n0) (i32.const 1)))
  (i64.store (i32.add (i32.const @SLOTS@) (i32.mul (call $below (i32.const 8)) (i32.const 8))) (local.get $made)))
;; mostly a map or link that was handed out
(func $fd (result i32)
  (if (i32.eqz (call $below (i32.const 4))) (then (return (i32.sub (call $below (i32.const 300)) (i32.const 20)))))
  (i32.load (i32.add (i32.const @FDS@) (i32.mul (call $below (i32.const 16)) (i32.const 4)))))
(func $keep_fd (param $made i32)
  (if (i32.lt_s (local.get $made) (i32.const 0)) (then (return)))
  (i32.store (i32.add (i32.const @FDS@) (i32.mul (call $below (i32.const 16)) (i32.const 4))) (local.get $made)))
(func $attached (param $made i32) (result i32)
  (global.set $n1 (i32.add (global.get $n1) (i32.gt_s (local.get $made) (i32.const 0))))
  (local.get $made))
(func $told (param $result i32) (result i32)
  (if (i32.ge_s (local.get $result) (i32.const 0)) (then
    (global.set $n3 (i32.add (global.get $n3) (i32.const 1))) (return (local.get $result))))
  @TELL@
  (global.set $n@OTHER@ (i32.add (global.get $n@OTHER@) (i32.const 1)))
  (local.get $result))
(func $asked (param $errno i32)
  (if (local.get $errno)
    (then (global.set $n@WASI_ERRNO@ (i32.add (global.get $n@WASI_ERRNO@) (i32.const 1))))
    (else (global.set $n@WASI@ (i32.add (global.get $n@WASI@) (i32.const 1))))))
(func $file (result i32) (i32.add (i32.const 3) (call $below (i32.const 8))))

;; anywhere, at the end of the memory, 0, or mostly where nothing breaks
(func $pointer (result i32) (local $way i32)
  (local.set $way (call $below (i32.const 24)))
  (if (i32.eqz (local.get $way)) (then (return (i32.wrap_i64 (call $any)))))
  (if (i32.eq (local.get $way) (i32.const 1)) (then (return
    (i32.sub (i32.mul (memory.size) (i32.const 65536)) (call $below (i32.const 64))))))
  (if (i32.eq (local.get $way) (i32.const 2)) (then (return (i32.const 0))))
  (i32.add (i32.const @SCRATCH@) (call $below (i32.const 0x20000))))
(func $size (result i32) (local $way i32)
  (local.set $way (call $below (i32.const 12)))
  (if (i32.eqz (local.get $way)) (then (return (i32.wrap_i64 (call $any)))))
  (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i32.const 0))))
  (if (i32.eq (local.get $way) (i32.const 2)) (then (return (i32.const -1))))
  (if (i32.eq (local.get $way) (i32.const 3)) (then (return (i32.const 0x10000))))
  (call $below (i32.const 5000)))
(func $wide (result i64) (local $way i32)
  (local.set $way (call $below (i32.const 4)))
  (if (i32.eqz (local.get $way)) (then (return (call $any))))
  (if (i32.eq (local.get $way) (i32.const 1)) (then (return (i64.extend_i32_u (call $below (i32.const 16))))))
  (if (i32.eq (local.get $way) (i32.const 2)) (then (return
    (i64.shl (i64.const 1) (i64.extend_i32_u (call $below (i32.const 64)))))))
  (i64.const 0))
(func $fds (result i32) (i32.const @FDS@))
(func $waits (result i32)
  (if (i32.eqz (call $below (i32.const 8))) (then (return (i32.const -16))))
  (i32.const @WAITS@))
(func $page (result i32) (i32.add (i32.const @SCRATCH@) (i32.mul (call $below (i32.const 32)) (i32.const 4096))))
(func $string (param $base i32) (param $count i32) (result i32)
  (if (i32.eqz (call $below (i32.const 12))) (then (return (call $pointer))))
  (i32.add (local.get $base) (i32.mul (call $below (local.get $count)) (i32.const @CELL@))))
@STRINGS@
(func $elf (result i32) (local $at i32)
  (local.set $at (call $below (i32.const @OBJECTS@)))
  @OBJECT_CASES@
  (call $pointer))
(func $elf_size (result i32)
  (if (i32.eqz (call $below (i32.const 8))) (then (return (call $size))))
  (global.get $elf_size))

@CALLS@
@ONE@
(func $calls (type $callback)
  (global.set $n2 (i32.add (global.get $n2) (i32.const 1)))
  (if (i32.lt_u (global.get $depth) (i32.const 3)) (then
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (if (i32.eqz (call $below (i32.const 4))) (then (call $one)))
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))))
  (i32.const 0))
(func $ends (type $callback) (i32.const -5))
(func $nothing (type $callback) (drop (memory.grow (call $bit))) (i32.const 0))
(func $other)
(func (export "go-callback") (type $callback) (call $calls (local.get 0) (local.get 1) (local.get 2)))
;; what a guest does that means it: records come, and callbacks run
(func $sane (local $object i64) (local $map i32)
  (local.set $object (call $h@LOAD@ (i32.const @FIRST@) (i32.const @FIRST_SIZE@)))
  (call $keep_handle (local.get $object))
  (drop (call $attached (i32.add (i32.const 1)
    (call $h@ATTACH@ (local.get $object) (i32.const @ON_KILL@) (i32.const 0)))))
  (local.set $map (call $h@MAP@ (local.get $object) (i32.const @RING@)))
  (call $keep_fd (local.get $map))
  (drop (call $h@POLL@ (local.get $object) (local.get $map) (i32.add (i32.const 1) (call $below (i32.const 3)))
    (i32.const 0) (i32.const @SCRATCH@) (i32.const 4096) (i32.const 20))))
(func (export "_start") (local $left i32)
  (local.set $left (i32.const @COUNT@))
  (loop $more
    (call $one)
    ;; many objects at a time, not all of them
    (if (i32.eqz (call $below (i32.const 24))) (then
      (drop (call $h@CLOSE@ (i64.sub (global.get $newest) (i64.extend_i32_u (call $below (i32.const 64))))))))
    (if (i32.eqz (call $below (i32.const 60))) (then (call $sane)))
    (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  @STORES@
  (i32.store (i32.const @IOVEC@) (i32.const 0)) ;; an iovec, of all of these
  (i32.store offset=4 (i32.const @IOVEC@) (i32.const @IOVEC@))
  (drop (call $h@WRITE@ (i32.const 1) (i32.const @IOVEC@) (i32.const 1) (i32.add (i32.const @IOVEC@) (i32.const 8))))
  (call $exit (i32.const @DONE@))))
