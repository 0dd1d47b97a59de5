//! A guest in Rust as the first SDK made them: a trampoline for closures, 64-bit pointers of map_operate.
#[link(wasm_import_module = "wasm_bpf")]
extern "C" {
    fn wasm_load_bpf_object(elf: u32, size: u32) -> u64;
    fn wasm_close_bpf_object(object: u64) -> i32;
    fn wasm_attach_bpf_program(object: u64, name: u32, target: u32) -> i32;
    fn wasm_bpf_map_fd_by_name(object: u64, name: u32) -> i32;
    fn wasm_bpf_map_operate(fd: i32, cmd: i32, key: u64, value: u64, next_key: u64, flags: u64) -> i32;
    fn wasm_bpf_buffer_poll(object: u64, fd: i32, sample: u32, ctx: u32, data: u32, size: i32, timeout_ms: i32) -> i32;
}

static OBJECT: &[u8] = include_bytes!("rings.bpf.o");

type Closure<'a> = Box<dyn FnMut(&[u8]) -> i32 + 'a>;

extern "C" fn trampoline(ctx: u32, data: u32, size: u32) -> i32 {
    let closure = unsafe { &mut *(ctx as *mut Closure) };
    closure(unsafe { std::slice::from_raw_parts(data as *const u8, size as usize) })
}

fn main() {
    let count: usize = std::env::args().nth(2).expect("rust CHANNEL COUNT").parse().unwrap();
    let channel: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut elf = OBJECT.to_vec();
    let marker = elf.windows(4).position(|bytes| bytes == [0x11, 0x47, 0x11, 0x47]).expect("channel's place");
    elf[marker..marker + 4].copy_from_slice(&channel.to_le_bytes());
    unsafe {
        let object = wasm_load_bpf_object(elf.as_ptr() as u32, elf.len() as u32);
        assert_ne!(object, 0);
        drop(elf);
        assert!(wasm_attach_bpf_program(object, b"on_kill\0".as_ptr() as u32, 0) >= 0);
        let fd = wasm_bpf_map_fd_by_name(object, b"first\0".as_ptr() as u32);
        let runs = wasm_bpf_map_fd_by_name(object, b"runs\0".as_ptr() as u32);
        let mut data = vec![0u8; 256];
        let mut sequences = Vec::new();
        {
            let mut closure: Closure = Box::new(|bytes| {
                sequences.push(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize);
                if sequences.len() < count { 0 } else { -1 }
            });
            let ctx = &mut closure as *mut Closure as u32;
            println!("ready");
            while wasm_bpf_buffer_poll(object, fd, trampoline as usize as u32, ctx, data.as_mut_ptr() as u32, 256, 100) >= 0 {}
        }
        let (key, mut value) = (0u32, 0u64);
        let result = wasm_bpf_map_operate(runs, 1, &key as *const u32 as u64, &mut value as *mut u64 as u64, 0, 0);
        println!("{} records, in order: {}", sequences.len(), sequences.iter().enumerate().all(|(at, &each)| at == each));
        println!("lookup: {}, runs: {}", result, value);
        println!("close: {}, {}", wasm_close_bpf_object(object), wasm_close_bpf_object(object));
    }
}
