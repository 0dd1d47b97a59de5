//! The functions of the host, by the names and types of the Wasm interface's document. Elsewhere than in a guest there is no
//! host: every call fails with ENOSYS, so that the rest of the crate can be compiled and tested natively.

macro_rules! host {
    ($(fn $name:ident($($parameter:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[cfg(target_arch = "wasm32")]
        mod imported {
            #[link(wasm_import_module = "wasm_bpf")]
            extern "C" {
                $(pub fn $name($($parameter: $kind),*) -> $result;)*
            }
        }
        $(
            #[cfg(target_arch = "wasm32")]
            #[allow(clippy::too_many_arguments)]
            pub fn $name($($parameter: $kind),*) -> $result {
                // SAFETY: the host checks every pointer against the guest's memory; callers pass what they own.
                unsafe { imported::$name($($parameter),*) }
            }
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(clippy::too_many_arguments)]
            pub fn $name($($parameter: $kind),*) -> $result {
                $(let _ = $parameter;)*
                absent(stringify!($name)) as $result
            }
        )*
    };
}

/// What a function says where there is no host: an object handle of 0 is a failure, all else is -errno.
#[cfg(not(target_arch = "wasm32"))]
fn absent(name: &str) -> i32 {
    if name == "wasm_bpf_object_open" {
        0
    } else {
        -crate::errno::ENOSYS
    }
}

host! {
    fn wasm_close_bpf_object(object: i64) -> i32;
    fn wasm_bpf_error(buffer: *mut u8, size: i32) -> i32;
    fn wasm_bpf_object_open(elf: *const u8, size: i32, name: *const u8) -> i64;
    fn wasm_bpf_object_load(object: i64) -> i32;
    fn wasm_bpf_map_fd_by_name(object: i64, name: *const u8) -> i32;
    fn wasm_bpf_program_fd_by_name(object: i64, name: *const u8) -> i32;
    fn wasm_bpf_map_info(object: i64, index: i32, out: *mut u8, size: i32) -> i32;
    fn wasm_bpf_map_info_by_fd(fd: i32, out: *mut u8, size: i32) -> i32;
    fn wasm_bpf_program_info(object: i64, index: i32, out: *mut u8, size: i32) -> i32;
    fn wasm_bpf_map_set(object: i64, name: *const u8, what: i32, value: i64) -> i32;
    fn wasm_bpf_program_set(object: i64, name: *const u8, what: i32, value: i64) -> i32;
    fn wasm_bpf_program_bind(object: i64, name: *const u8, target: *const u8) -> i32;
    fn wasm_bpf_map_initial(object: i64, name: *const u8, offset: i32, buffer: *mut u8, size: i32, write: i32) -> i32;
    fn wasm_bpf_map_mmap(fd: i32, at: *mut u8, size: i32) -> i32;
    fn wasm_bpf_map_munmap(at: *mut u8, size: i32) -> i32;
    fn wasm_bpf_map_operate(fd: i32, command: i32, key: *const u8, value: *mut u8, next: *mut u8, flags: i64) -> i32;
    fn wasm_bpf_map_batch(fd: i32, command: i32, from: *const u8, to: *mut u8, keys: *mut u8, values: *mut u8,
                          count: *mut u32, flags: i64) -> i32;
    fn wasm_bpf_link_attach(object: i64, name: *const u8, target: *const u8) -> i32;
    fn wasm_bpf_link_detach(link: i32) -> i32;
    fn wasm_bpf_buffer_poll_batch(fd: i32, data: *mut u8, size: i32, timeout_ms: i32) -> i32;
    fn wasm_bpf_buffers_wait(fds: *const i32, count: i32, timeout_ms: i32) -> i32;
    fn wasm_bpf_buffer_lost(fd: i32) -> i64;
    fn wasm_bpf_possible_cpus() -> i32;
    fn wasm_bpf_take_signal() -> i32;
    fn wasm_bpf_program_test_run(object: i64, name: *const u8, data: *const u8, size: i32, out: *mut u8, room: i32,
                                 repeat: i32, result: *mut u32) -> i32;
    fn wasm_bpf_symbol(pid: i32, address: i64, buffer: *mut u8, size: i32) -> i32;
    fn wasm_bpf_probe(what: i32, name: *const u8) -> i32;
}
