//! A module beside a guest: it counts records that the guest hands to it, and asks the host by itself.
#![allow(unknown_lints, static_mut_refs)]

#[link(wasm_import_module = "wasm_bpf")]
extern "C" {
    fn wasm_bpf_probe(what: i32, name: *const u8) -> i32;
    fn wasm_bpf_module_copy(module: *const u8, at: u32, buf: *mut u8, len: u32, to: i32) -> i32;
}

static mut ROOM: [u8; 256] = [0; 256];
static mut COUNTS: Vec<(u32, u32)> = Vec::new();

/// Where the guest puts a record.
#[no_mangle]
pub extern "C" fn room() -> u32 {
    unsafe { ROOM.as_mut_ptr() as u32 }
}

#[no_mangle]
pub extern "C" fn add(size: u32) -> u32 {
    unsafe {
        let number = u32::from_le_bytes([ROOM[0], ROOM[1], ROOM[2], ROOM[3]]);
        match COUNTS.iter_mut().find(|row| row.0 == number) {
            Some(row) => row.1 += size,
            None => COUNTS.push((number, size)),
        }
        COUNTS.len() as u32
    }
}

/// Read a number of the guest's memory.
#[no_mangle]
pub extern "C" fn fetch(at: u32) -> u32 {
    let mut bytes = [0; 4];
    let err = unsafe { wasm_bpf_module_copy(std::ptr::null(), at, bytes.as_mut_ptr(), 4, 0) };
    if err == 0 { u32::from_le_bytes(bytes) } else { err as u32 }
}

#[no_mangle]
pub extern "C" fn report() {
    for (number, size) in unsafe { &COUNTS } {
        println!("rust: {} {}", number, size);
    }
    println!("rust: ring buffers {}", unsafe { wasm_bpf_probe(3, b"27\0".as_ptr()) });
}
