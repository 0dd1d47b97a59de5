//! Shows who executes what, and at the end how often each user did. The kernel's half is execve.bpf.c.

mod execve_bpf;

use eunomia::{text, Result, RingBuffer, Signals};
use execve_bpf::{types, Skeleton};

fn run() -> Result<()> {
    let skeleton = Skeleton::load()?;
    let signals = Signals::take();
    let mut shown = 0u64;
    let mut ring = RingBuffer::new();
    ring.add_batch(&skeleton.maps.events, |records| {
        for (event, _) in records.filter_map(|record| record.view::<types::event>()) {
            println!("[{}] {} -> {}", event.pid, text(&event.parent), text(&event.path));
            shown += 1;
        }
    })?;
    let links = skeleton.attach()?;
    println!("ready");
    while !signals.stopped() {
        ring.poll(None)?;
    }
    drop(links);
    ring.consume()?; // what came until it was detached
    let lost = ring.lost()?;
    drop(ring);
    for entry in skeleton.maps.calls.iter() {
        let (uid, counts) = entry?;
        println!("user {uid}: {} calls", counts.iter().sum::<u64>());
    }
    println!("{shown} shown, {lost} lost");
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("execve: {error}");
        std::process::exit(1);
    }
}
