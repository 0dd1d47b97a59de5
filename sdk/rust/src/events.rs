//! Guests that stand between a tool and its output: `ecli run --guest FILE.wasm TOOL`.
//!
//! Such a guest is a library (`crate-type = ["cdylib"]`): what [`guest!`](crate::guest) exports is called. It has no BPF of its own.
//!
//! ```no_run
//! use eunomia::events::{Event, Filter, Verdict};
//!
//! #[derive(Default)]
//! struct OnlyRoot;
//!
//! impl Filter for OnlyRoot {
//!     fn event(&mut self, event: &mut Event) -> Verdict {
//!         match event.read::<u32>() {
//!             Some(0) => Verdict::Pass,
//!             _ => Verdict::Drop,
//!         }
//!     }
//! }
//!
//! eunomia::guest!(OnlyRoot);
//! ```

use crate::error::{check, errno, Result};
use crate::pod::Pod;
use std::mem::size_of;
use std::time::Duration;

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes no further.
    Drop,
    /// It goes on; as its record is now, where that was written to.
    Pass,
}

/// An event on its way. Its record has the layout that `ecc gen skeleton --types only --lang rust` writes down.
#[derive(Debug)]
pub struct Event<'a> {
    index: u32,
    source: u32,
    kind: u32,
    record: &'a mut [u8],
    is_changed: bool,
}

impl Event<'_> {
    /// The record's bytes.
    pub fn record(&self) -> &[u8] {
        self.record
    }

    /// The record's bytes, to be changed. It keeps its size.
    pub fn record_mut(&mut self) -> &mut [u8] {
        self.is_changed = true;
        self.record
    }

    /// The record as a value; `None` where it is shorter than the type.
    pub fn read<T: Pod>(&self) -> Option<T> {
        T::read(self.record)
    }

    /// Put a value in the place of the record's beginning.
    ///
    /// # Errors
    ///
    /// EINVAL: the record is shorter.
    pub fn write<T: Pod>(&mut self, value: &T) -> Result<()> {
        check(if size_of::<T>() > self.record.len() { -errno::EINVAL } else { 0 }, || "write a record".into())?;
        self.record_mut()[..size_of::<T>()].copy_from_slice(value.as_bytes());
        Ok(())
    }

    /// Which buffer it came from: see [`source_name`].
    pub fn source(&self) -> u32 {
        self.source
    }

    /// Which of that buffer's types it is.
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// Add a member to the event's line.
    ///
    /// # Errors
    ///
    /// What the host says: too much text, a key that is none.
    pub fn add_text(&mut self, key: &str, value: &str) -> Result<()> {
        let answer = host::add_text(self.index, key.as_ptr(), key.len() as u32, value.as_ptr(), value.len() as u32);
        check(answer, || format!("add {key}")).map(drop)
    }

    /// Add a member to the event's line.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub fn add_number(&mut self, key: &str, value: i64) -> Result<()> {
        let answer = host::add_number(self.index, key.as_ptr(), key.len() as u32, value);
        check(answer, || format!("add {key}")).map(drop)
    }

    /// Add an event ahead of this one.
    ///
    /// # Errors
    ///
    /// What the host says: no such source, a record of no size that it has.
    pub fn emit(&mut self, source: u32, record: &[u8]) -> Result<()> {
        emit_at(self.index, source, record)
    }
}

fn emit_at(index: u32, source: u32, record: &[u8]) -> Result<()> {
    check(host::emit(index, source, record.as_ptr(), record.len() as u32), || "emit".into()).map(drop)
}

/// Add an event, in [`Filter::interval`] and [`Filter::end`].
///
/// # Errors
///
/// As [`Event::emit`].
pub fn emit(source: u32, record: &[u8]) -> Result<()> {
    emit_at(0, source, record)
}

/// The name of a source's map.
///
/// # Errors
///
/// ENOENT behind the last.
pub fn source_name(source: u32) -> Result<String> {
    let mut name = [0u8; 128];
    check(host::source_name(source, name.as_mut_ptr(), name.len() as u32), || "name of a source".into())?;
    Ok(crate::text(&name).into_owned())
}

/// Say how often [`Filter::interval`] is called, in [`Filter::start`].
///
/// # Errors
///
/// What the host says.
pub fn every(interval: Duration) -> Result<()> {
    check(host::every(interval.as_millis().min(u32::MAX.into()) as u32), || "every".into()).map(drop)
}

/// What is called. Only `event` is needed.
pub trait Filter {
    /// Before anything is attached; an error ends the run.
    ///
    /// # Errors
    ///
    /// Why it must not run.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }
    /// An event.
    fn event(&mut self, event: &mut Event) -> Verdict;
    /// Each second, or as [`every`] said.
    fn interval(&mut self) {}
    /// Behind the last event.
    fn end(&mut self) {}
}

/// Call a filter for each event of a batch, and write the verdicts. `false`: it is no batch.
#[doc(hidden)]
pub fn batch(filter: &mut impl Filter, mut rest: &mut [u8]) -> bool {
    const HEAD: usize = 16;
    let mut index = 0;
    while rest.len() >= HEAD {
        let (head, behind) = std::mem::take(&mut rest).split_at_mut(HEAD);
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let size = word(0) as usize;
        if size > behind.len() {
            return false;
        }
        let (source, kind) = (word(4), word(8));
        let (record, behind) = behind.split_at_mut(size);
        let mut event = Event { index, source, kind, record, is_changed: false };
        let verdict: i32 = match filter.event(&mut event) {
            Verdict::Drop => 0,
            Verdict::Pass => 1 + i32::from(event.is_changed),
        };
        head[12..].copy_from_slice(&verdict.to_le_bytes());
        let padding = (8 - size % 8) % 8;
        rest = behind.get_mut(padding..).unwrap_or(&mut []);
        index += 1;
    }
    true
}

/// Export a filter's functions, once in a guest. It begins as its `Default`.
#[macro_export]
macro_rules! guest {
    ($filter:ty) => {
        // A guest has one thread, and the host calls one function at a time.
        ::std::thread_local! {
            static EUNOMIA_FILTER: ::std::cell::RefCell<$filter> = ::std::default::Default::default();
            static EUNOMIA_ROOM: ::std::cell::RefCell<::std::vec::Vec<u64>> = ::std::default::Default::default();
        }

        /// Where the host puts events, aligned to 8.
        #[no_mangle]
        pub extern "C" fn event_buffer(size: u32) -> *mut u64 {
            EUNOMIA_ROOM.with(|room| {
                let mut room = room.borrow_mut();
                let words = (size as usize + 7) / 8;
                if room.len() < words {
                    *room = ::std::vec![0; words];
                }
                room.as_mut_ptr()
            })
        }

        /// # Safety
        ///
        /// The host passes what `event_buffer` gave it.
        #[no_mangle]
        pub unsafe extern "C" fn on_batch(events: *mut u8, size: u32) -> i32 {
            let events = ::std::slice::from_raw_parts_mut(events, size as usize);
            EUNOMIA_FILTER.with(|filter| $crate::events::batch(&mut *filter.borrow_mut(), events) as i32 - 1)
        }

        #[no_mangle]
        pub extern "C" fn on_start() -> i32 {
            match EUNOMIA_FILTER.with(|filter| $crate::events::Filter::start(&mut *filter.borrow_mut())) {
                Ok(()) => 0,
                Err(error) => {
                    ::std::eprintln!("{}", error);
                    -1
                }
            }
        }

        #[no_mangle]
        pub extern "C" fn on_interval() -> i32 {
            EUNOMIA_FILTER.with(|filter| $crate::events::Filter::interval(&mut *filter.borrow_mut()));
            0
        }

        #[no_mangle]
        pub extern "C" fn on_end() -> i32 {
            EUNOMIA_FILTER.with(|filter| $crate::events::Filter::end(&mut *filter.borrow_mut()));
            0
        }
    };
}

#[cfg(target_arch = "wasm32")]
mod host {
    mod imported {
        #[link(wasm_import_module = "eunomia")]
        extern "C" {
            pub fn add_text(event: u32, key: *const u8, key_size: u32, value: *const u8, size: u32) -> i32;
            pub fn add_number(event: u32, key: *const u8, key_size: u32, value: i64) -> i32;
            pub fn emit(event: u32, source: u32, record: *const u8, size: u32) -> i32;
            pub fn source_name(source: u32, name: *mut u8, size: u32) -> i32;
            pub fn every(ms: u32) -> i32;
        }
    }
    macro_rules! safe {
        ($(fn $name:ident($($parameter:ident: $kind:ty),*);)*) => {
            // SAFETY: the host checks every pointer against the guest's memory; callers pass what they own.
            $(pub fn $name($($parameter: $kind),*) -> i32 { unsafe { imported::$name($($parameter),*) } })*
        };
    }
    safe! {
        fn add_text(event: u32, key: *const u8, key_size: u32, value: *const u8, size: u32);
        fn add_number(event: u32, key: *const u8, key_size: u32, value: i64);
        fn emit(event: u32, source: u32, record: *const u8, size: u32);
        fn source_name(source: u32, name: *mut u8, size: u32);
        fn every(ms: u32);
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod host {
    macro_rules! absent {
        ($(fn $name:ident($($kind:ty),*);)*) => {
            $(pub fn $name($(_: $kind),*) -> i32 { -crate::errno::ENOSYS })*
        };
    }
    absent! {
        fn add_text(u32, *const u8, u32, *const u8, u32);
        fn add_number(u32, *const u8, u32, i64);
        fn emit(u32, u32, *const u8, u32);
        fn source_name(u32, *mut u8, u32);
        fn every(u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Changes(Vec<(u32, Vec<u8>)>);

    impl Filter for Changes {
        fn event(&mut self, event: &mut Event) -> Verdict {
            self.0.push((event.source(), event.record().to_vec()));
            if event.write(&7u32).is_ok() || event.kind() == 1 {
                return Verdict::Pass;
            }
            Verdict::Drop
        }
    }

    fn put(out: &mut Vec<u8>, record: &[u8], source: u32, kind: u32) {
        for word in [record.len() as u32, source, kind, 1] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(record);
        out.resize((out.len() + 7) & !7, 0);
    }

    #[test]
    fn each_event_of_a_batch_gets_its_verdict() {
        let mut events = Vec::new();
        put(&mut events, b"12345", 3, 0);
        put(&mut events, b"a", 4, 0);
        put(&mut events, b"", 5, 1);
        let mut filter = Changes::default();

        assert!(batch(&mut filter, &mut events));

        assert_eq!(filter.0, [(3, b"12345".to_vec()), (4, b"a".to_vec()), (5, vec![])]);
        assert_eq!([events[12], events[24 + 12], events[48 + 12]], [2, 0, 1]);
        assert_eq!(&events[16..21], b"\x07\0\0\x005");
    }

    #[test]
    fn what_is_no_batch_is_told() {
        let mut events = Vec::new();
        put(&mut events, b"12345678", 0, 0);
        for end in 16..events.len() {
            assert!(!batch(&mut Changes::default(), &mut events[..end]), "{end} bytes");
        }
    }
}
