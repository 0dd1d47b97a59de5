//! Maps as bytes.

use super::entries::Keys;
use crate::error::{check, Error, Result};
use crate::object::Handle;
use crate::{abi, errno, text};
use std::ptr::{null, null_mut};
use std::rc::Rc;

const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const DELETE: i32 = 3;
const NEXT_KEY: i32 = 4;
const LOOKUP_AND_DELETE: i32 = 21;
const FREEZE: i32 = 22;
pub(crate) const BATCH_LOOKUP: i32 = 24;
pub(crate) const BATCH_LOOKUP_AND_DELETE: i32 = 25;
pub(crate) const BATCH_UPDATE: i32 = 26;
pub(crate) const BATCH_DELETE: i32 = 27;

/// How an entry is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u64);

impl Flags {
    /// Make the entry, or change it.
    pub const ANY: Flags = Flags(0);
    /// Make it; EEXIST where it is there.
    pub const NO_EXIST: Flags = Flags(1);
    /// Change it; ENOENT where it is not there.
    pub const EXIST: Flags = Flags(2);
    /// Under the spin lock in the value.
    pub const LOCK: Flags = Flags(4);
}

/// What a map is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapInfo {
    /// `BPF_MAP_TYPE_*`.
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value, of one CPU's where each has its own.
    pub value_size: u32,
    /// Entries that it has room for.
    pub max_entries: u32,
    /// `BPF_F_*` of its creation.
    pub flags: u32,
    /// Values of an entry where each CPU has its own, else 0.
    pub cpus: u32,
    /// Whether its memory can be mapped.
    pub mmapable: bool,
    /// libbpf's name.
    pub name: String,
    /// The section whose variables it holds, or empty.
    pub section: String,
}

impl MapInfo {
    pub(crate) const SIZE: usize = 160;

    /// The host's record of a map.
    pub(crate) fn of(record: &[u8; MapInfo::SIZE]) -> MapInfo {
        let number = |index: usize| u32::from_le_bytes(record[index * 4..index * 4 + 4].try_into().expect("4 bytes"));
        MapInfo {
            kind: number(0),
            key_size: number(1),
            value_size: number(2),
            max_entries: number(3),
            flags: number(4),
            cpus: number(6),
            mmapable: number(7) != 0,
            name: text(&record[32..96]).into_owned(),
            section: text(&record[96..]).into_owned(),
        }
    }
}

/// A map, as bytes. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct RawMap {
    fd: i32,
    info: Rc<MapInfo>,
    _object: Rc<Handle>,
}

impl RawMap {
    pub(crate) fn of(object: Rc<Handle>, fd: i32) -> Result<RawMap> {
        let mut record = [0u8; MapInfo::SIZE];
        check(abi::wasm_bpf_map_info_by_fd(fd, record.as_mut_ptr(), record.len() as i32), || {
            "ask what a map is".into()
        })?;
        Ok(RawMap { fd, info: Rc::new(MapInfo::of(&record)), _object: object })
    }

    /// What it is.
    pub fn info(&self) -> &MapInfo {
        &self.info
    }

    /// Its number at the host, for maps of maps.
    pub fn fd(&self) -> i32 {
        self.fd
    }

    /// Bytes of a whole value: for per-CPU maps a multiple of 8 for each possible CPU.
    pub fn value_len(&self) -> usize {
        let one = self.info.value_size as usize;
        if self.info.cpus == 0 {
            one
        } else {
            (one + 7) / 8 * 8 * self.info.cpus as usize
        }
    }

    pub(crate) fn value_buffer(&self) -> Vec<u8> {
        vec![0; self.value_len()]
    }

    fn expect(&self, what: &str, found: usize, expected: usize) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let text = format!("{what} of map {}: {found} bytes, expected {expected}", self.info.name);
        Err(Error::new(errno::EINVAL, text))
    }

    pub(crate) fn fail<T>(&self, result: i32, verb: &str) -> Result<T> {
        Err(Error::of_host(result.into(), format!("{verb} map {}", self.info.name)))
    }

    fn operate(&self, command: i32, key: *const u8, value: *mut u8, next: *mut u8, flags: u64) -> i32 {
        abi::wasm_bpf_map_operate(self.fd, command, key, value, next, flags as i64)
    }

    /// Read the value of a key into `value`; false where there is none.
    pub fn lookup_into(&self, key: &[u8], value: &mut [u8], flags: Flags) -> Result<bool> {
        self.take(LOOKUP, key, value, flags)
    }

    fn take(&self, command: i32, key: &[u8], value: &mut [u8], flags: Flags) -> Result<bool> {
        self.expect("key", key.len(), self.info.key_size as usize)?;
        self.expect("value", value.len(), self.value_len())?;
        let pointer = if key.is_empty() { null() } else { key.as_ptr() };
        match self.operate(command, pointer, value.as_mut_ptr(), null_mut(), flags.0) {
            result if result == -errno::ENOENT => Ok(false),
            result if result < 0 => self.fail(result, "look up in"),
            _ => Ok(true),
        }
    }

    /// The value of a key, or `None`. Of a queue or stack (empty key): the next one, which stays there.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = self.value_buffer();
        Ok(self.lookup_into(key, &mut value, Flags::ANY)?.then_some(value))
    }

    /// Take an entry out; `None` where there is none. Of a queue or stack (empty key): the next one.
    pub fn lookup_and_delete(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = self.value_buffer();
        Ok(self.take(LOOKUP_AND_DELETE, key, &mut value, Flags::ANY)?.then_some(value))
    }

    /// Write an entry. Into a queue or stack (empty key): put a value.
    pub fn update(&self, key: &[u8], value: &[u8], flags: Flags) -> Result<()> {
        self.expect("key", key.len(), self.info.key_size as usize)?;
        self.expect("value", value.len(), self.value_len())?;
        let pointer = if key.is_empty() { null() } else { key.as_ptr() };
        let result = self.operate(UPDATE, pointer, value.as_ptr() as *mut u8, null_mut(), flags.0);
        if result < 0 {
            self.fail(result, "update")
        } else {
            Ok(())
        }
    }

    /// Delete an entry; false where there is none.
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.expect("key", key.len(), self.info.key_size as usize)?;
        match self.operate(DELETE, key.as_ptr(), null_mut(), null_mut(), 0) {
            result if result == -errno::ENOENT => Ok(false),
            result if result < 0 => self.fail(result, "delete from"),
            _ => Ok(true),
        }
    }

    /// The key behind another, the first for `None`; `None` behind the last.
    pub fn next_key(&self, key: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        if let Some(key) = key {
            self.expect("key", key.len(), self.info.key_size as usize)?;
        }
        let mut next = vec![0u8; self.info.key_size as usize];
        match self.operate(NEXT_KEY, key.map_or(null(), <[u8]>::as_ptr), null_mut(), next.as_mut_ptr(), 0) {
            result if result == -errno::ENOENT => Ok(None),
            result if result < 0 => self.fail(result, "list keys of"),
            _ => Ok(Some(next)),
        }
    }

    /// All keys, one call of the host each.
    pub fn keys(&self) -> Keys {
        Keys::of(self.clone())
    }

    /// Let nobody but the programs write to it any more.
    pub fn freeze(&self) -> Result<()> {
        let result = self.operate(FREEZE, null(), null_mut(), null_mut(), 0);
        if result < 0 {
            self.fail(result, "freeze")
        } else {
            Ok(())
        }
    }

    /// Records of this ring or perf buffer that were lost so far, as far as the kernel says.
    pub fn lost(&self) -> Result<u64> {
        let result = abi::wasm_bpf_buffer_lost(self.fd);
        if result < 0 {
            return Err(Error::of_host(result, format!("ask what map {} lost", self.info.name)));
        }
        Ok(result as u64)
    }
}
