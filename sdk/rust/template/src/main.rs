//! Shows programs as they are executed. The kernel's half is @IDENT@.bpf.c; `ecc build-wasm` makes @IDENT@_bpf.rs of it.

mod @IDENT@_bpf;

use eunomia::{text, Result, RingBuffer, Signals};
use @IDENT@_bpf::{types, Skeleton};

fn run(wanted_pid: i32) -> Result<()> {
    let mut open = Skeleton::open()?;
    open.rodata.wanted_pid = wanted_pid;
    let skeleton = open.load()?;
    let signals = Signals::take();
    let mut ring = RingBuffer::new();
    ring.add(&skeleton.maps.events, |record| {
        if let Some(event) = record.read::<types::event>() {
            println!("{:<7} {:<16} {}", event.pid, text(&event.comm), text(&event.filename));
        }
    })?;
    let _links = skeleton.attach()?;
    println!("PID     COMM             FILENAME");
    while !signals.stopped() {
        ring.poll(None)?;
    }
    Ok(())
}

fn main() {
    let wanted_pid = match std::env::args().nth(1).map(|word| word.parse()) {
        None => 0,
        Some(Ok(pid)) => pid,
        Some(Err(_)) => {
            eprintln!("usage: @NAME@ [PID]");
            std::process::exit(2);
        }
    };
    if let Err(error) = run(wanted_pid) {
        eprintln!("@NAME@: {error}");
        std::process::exit(1);
    }
}
