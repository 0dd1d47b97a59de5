//! Shows processes as they begin and end, with how long they lived. The kernel's half is bootstrap.bpf.c.

mod bootstrap_bpf;

use bootstrap_bpf::{types, Skeleton};
use eunomia::{text, Record, Result, RingBuffer, Signals};

fn print(record: Record) {
    let event = match record.read::<types::event>() {
        Some(event) => event,
        None => return eprintln!("bootstrap: a record of {} bytes", record.len()),
    };
    let comm = text(&event.comm);
    if event.event == types::EXEC {
        println!("EXEC  {comm:<16} {:<7} {:<7} {}", event.pid, event.ppid, text(&event.filename));
    } else {
        let lived = event.age / 1_000_000;
        println!("EXIT  {comm:<16} {:<7} {:<7} code {} after {lived} ms", event.pid, event.ppid, event.code);
    }
}

/// What follows `-d`: milliseconds that a process must have lived.
fn min_duration() -> u64 {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [] => 0,
        [option, number] if option == "-d" && number.parse::<u64>().is_ok() => number.parse().unwrap(),
        _ => {
            eprintln!("usage: bootstrap [-d MILLISECONDS]");
            std::process::exit(2);
        }
    }
}

fn run() -> Result<()> {
    let mut open = Skeleton::open()?;
    open.rodata.min_duration_ms = min_duration();
    let skeleton = open.load()?;
    let signals = Signals::take();
    let mut ring = RingBuffer::new();
    ring.add(&skeleton.maps.events, print)?;
    println!("EVENT COMM             PID     PPID    FILENAME/EXIT CODE");
    let _links = skeleton.attach()?;
    while !signals.stopped() {
        ring.poll(None)?;
    }
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("bootstrap: {error}");
        std::process::exit(1);
    }
}
