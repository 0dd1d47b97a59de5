//! Maps: as bytes, with types, and with a value for each CPU.

mod entries;
mod raw;
mod typed;

pub use entries::{Entries, Keys};
pub use raw::{Flags, MapInfo, RawMap};
pub use typed::{FromRaw, Map, PerCpuMap};
