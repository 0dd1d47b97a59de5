//! Forbids everybody to remove folders of one name, and shows who tried. The kernel's half is lsm.bpf.c.

mod lsm_bpf;

use eunomia::{text, Error, Result, RingBuffer, Signals};
use lsm_bpf::{types, Skeleton};

fn run() -> Result<()> {
    let mut open = Skeleton::open()?;
    if let Some(name) = std::env::args().nth(1) {
        let kept = &mut open.rodata.kept;
        if name.len() >= kept.len() {
            eprintln!("lsm: {name}: longer than {} bytes", kept.len() - 1);
            std::process::exit(2);
        }
        kept.fill(0);
        kept[..name.len()].copy_from_slice(name.as_bytes());
    }
    let name = text(&open.rodata.kept).into_owned();
    let skeleton = open.load()?;
    let signals = Signals::take();
    let mut ring = RingBuffer::new();
    ring.add(&skeleton.maps.events, |record| {
        if let Some(event) = record.read::<types::event>() {
            println!("{} (user {}) may not remove {}", text(&event.comm), event.uid, text(&event.name));
        }
    })?;
    let link = skeleton.progs.keep_folder.attach()?;
    println!("folders named {name} stay");
    while !signals.stopped() {
        ring.poll(None)?;
    }
    link.detach()
}

fn main() {
    run().unwrap_or_else(|error: Error| {
        eprintln!("lsm: {error}");
        std::process::exit(1);
    })
}
