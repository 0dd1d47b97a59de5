//! Guests in Rust: load eBPF objects, attach their programs and read their maps and buffers from a WebAssembly module.
//!
//! A guest is an ordinary program for `wasm32-wasip1` (`wasm32-wasi` before Rust 1.78). It runs with
//! `ecli run GUEST.wasm`, which asks the kernel on its behalf.
//!
//! ```no_run
//! use eunomia::{Object, RingBuffer, Signals};
//!
//! # static OBJECT: &[u8] = &[];
//! fn main() -> eunomia::Result<()> {
//!     let object = Object::load(OBJECT)?;
//!     let _links = object.attach()?;
//!     let mut ring = RingBuffer::new();
//!     ring.add(&object.raw_map("events")?, |record| println!("{} bytes", record.len()))?;
//!     let signals = Signals::take();
//!     while !signals.stopped() {
//!         ring.poll(None)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Types of events, keys and values, and a skeleton, are written by `ecc gen skeleton --lang rust` (see [`build`]).
//! Whatever owns something of the kernel lets go of it when it is dropped: a [`Link`] detaches, and an object is closed
//! with the last of its handles ([`Object`], [`Map`], [`Program`], [`Link`]).

#![warn(missing_docs)]

mod abi;
mod attach;
pub mod build;
mod error;
pub mod events;
mod map;
mod object;
mod open;
mod pod;
mod records;
mod ring;
mod section;
mod system;

pub use attach::{Link, Program, TestRun};
pub use error::{errno, Error, Result};
pub use map::{Entries, Flags, FromRaw, Keys, Map, MapInfo, PerCpuMap, RawMap};
pub use object::{Object, ProgramInfo};
pub use open::{OpenMap, OpenObject, OpenProgram};
pub use pod::{text, Pod};
pub use records::{Record, Records};
pub use ring::{PerfBuffer, RingBuffer};
pub use section::Section;
pub use system::{possible_cpus, probe, symbol, Feature, Signals};
