//! Maps with types.

use super::entries::Entries;
use super::raw::{Flags, RawMap, BATCH_DELETE, BATCH_UPDATE};
use crate::error::{Error, Result};
use crate::pod::Pod;
use crate::{abi, errno};
use std::marker::PhantomData;
use std::mem::size_of;

/// What [`crate::Object::map`] can make of a map.
pub trait FromRaw: Sized {
    /// Make it, if sizes and kind fit.
    fn from_raw(map: RawMap) -> Result<Self>;
}

impl FromRaw for RawMap {
    fn from_raw(map: RawMap) -> Result<RawMap> {
        Ok(map)
    }
}

fn sized<K, V>(map: &RawMap, per_cpu: bool) -> Result<()> {
    let info = map.info();
    for (what, expected, found) in
        [("keys", info.key_size, size_of::<K>()), ("values", info.value_size, size_of::<V>())]
    {
        if expected as usize != found {
            let text = format!("map {}: its {what} have {expected} bytes, the type has {found}", info.name);
            return Err(Error::new(errno::EINVAL, text));
        }
    }
    if (info.cpus > 0) != per_cpu {
        let wanted = if per_cpu { "one value for all CPUs: use Map" } else { "a value for each CPU: use PerCpuMap" };
        return Err(Error::new(errno::EINVAL, format!("map {} has {wanted}", info.name)));
    }
    Ok(())
}

/// A map with keys and values of known types.
#[derive(Clone, Debug)]
pub struct Map<K, V> {
    raw: RawMap,
    kinds: PhantomData<(K, V)>,
}

impl<K: Pod, V: Pod> FromRaw for Map<K, V> {
    fn from_raw(raw: RawMap) -> Result<Self> {
        sized::<K, V>(&raw, false)?;
        Ok(Map { raw, kinds: PhantomData })
    }
}

impl<K: Pod, V: Pod> Map<K, V> {
    /// The map as bytes.
    pub fn raw(&self) -> &RawMap {
        &self.raw
    }

    /// The value of a key, or `None`.
    pub fn lookup(&self, key: &K) -> Result<Option<V>> {
        self.lookup_with(key, Flags::ANY)
    }

    /// The same with flags ([`Flags::LOCK`]).
    pub fn lookup_with(&self, key: &K, flags: Flags) -> Result<Option<V>> {
        let mut value = V::zeroed();
        Ok(self.raw.lookup_into(key.as_bytes(), value.as_bytes_mut(), flags)?.then_some(value))
    }

    /// Write an entry.
    pub fn update(&self, key: &K, value: &V, flags: Flags) -> Result<()> {
        self.raw.update(key.as_bytes(), value.as_bytes(), flags)
    }

    /// Delete an entry; false where there is none.
    pub fn delete(&self, key: &K) -> Result<bool> {
        self.raw.delete(key.as_bytes())
    }

    /// Take an entry out, or `None`.
    ///
    /// Kernel: 5.14+ for hash maps.
    pub fn lookup_and_delete(&self, key: &K) -> Result<Option<V>> {
        Ok(self.raw.lookup_and_delete(key.as_bytes())?.and_then(|value| V::read(&value)))
    }

    /// All entries as they are met; those that come and go meanwhile may be among them.
    pub fn iter(&self) -> Entries<K, V> {
        Entries::of(self.raw.clone(), false)
    }

    /// All entries, each taken out of the map.
    pub fn drain(&self) -> Entries<K, V> {
        Entries::of(self.raw.clone(), true)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Result<K>> {
        self.raw.keys().map(|key| key.map(|bytes| K::read(&bytes).expect("sizes were checked")))
    }

    /// Write many entries at once; one by one where the kernel cannot.
    pub fn update_batch(&self, entries: &[(K, V)], flags: Flags) -> Result<()> {
        let keys: Vec<u8> = entries.iter().flat_map(|(key, _)| key.as_bytes()).copied().collect();
        let mut values: Vec<u8> = entries.iter().flat_map(|(_, value)| value.as_bytes()).copied().collect();
        if self.batch(BATCH_UPDATE, keys, values.as_mut_ptr(), entries.len(), flags)? {
            return Ok(());
        }
        entries.iter().try_for_each(|(key, value)| self.update(key, value, flags))
    }

    /// Delete many entries at once, one by one where the kernel cannot; those that are not there are passed over only then.
    pub fn delete_batch(&self, keys: &[K]) -> Result<()> {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.as_bytes()).copied().collect();
        if self.batch(BATCH_DELETE, bytes, std::ptr::null_mut(), keys.len(), Flags::ANY)? {
            return Ok(());
        }
        keys.iter().try_for_each(|key| self.delete(key).map(drop))
    }

    /// False where batches are not supported.
    fn batch(&self, command: i32, mut keys: Vec<u8>, values: *mut u8, count: usize, flags: Flags) -> Result<bool> {
        if count == 0 {
            return Ok(true);
        }
        let (fd, mut done, none) = (self.raw.fd(), count as u32, std::ptr::null_mut());
        let result =
            abi::wasm_bpf_map_batch(fd, command, none, none, keys.as_mut_ptr(), values, &mut done, flags.0 as i64);
        match -result {
            errno::EINVAL | errno::ENOTSUPP | errno::EOPNOTSUPP | errno::ENOSYS => Ok(false),
            failed if failed > 0 => self.raw.fail(result, "change entries of"),
            _ => Ok(true),
        }
    }
}

/// A map in which each CPU has its own value of a key.
#[derive(Clone, Debug)]
pub struct PerCpuMap<K, V> {
    raw: RawMap,
    kinds: PhantomData<(K, V)>,
}

impl<K: Pod, V: Pod> FromRaw for PerCpuMap<K, V> {
    fn from_raw(raw: RawMap) -> Result<Self> {
        sized::<K, V>(&raw, true)?;
        Ok(PerCpuMap { raw, kinds: PhantomData })
    }
}

impl<K: Pod, V: Pod> PerCpuMap<K, V> {
    /// The map as bytes.
    pub fn raw(&self) -> &RawMap {
        &self.raw
    }

    fn stride() -> usize {
        (size_of::<V>() + 7) / 8 * 8
    }

    /// The values of a key by CPU, or `None`.
    pub fn lookup(&self, key: &K) -> Result<Option<Vec<V>>> {
        Ok(self.raw.lookup(key.as_bytes())?.map(|bytes| Self::split(&bytes)))
    }

    fn split(bytes: &[u8]) -> Vec<V> {
        bytes.chunks(Self::stride().max(1)).filter_map(V::read).collect()
    }

    /// Write the values of a key, one for each possible CPU.
    pub fn update(&self, key: &K, values: &[V], flags: Flags) -> Result<()> {
        let mut bytes = vec![0u8; values.len() * Self::stride()];
        for (place, value) in bytes.chunks_mut(Self::stride().max(1)).zip(values) {
            place[..size_of::<V>()].copy_from_slice(value.as_bytes());
        }
        self.raw.update(key.as_bytes(), &bytes, flags)
    }

    /// Delete an entry; false where there is none.
    pub fn delete(&self, key: &K) -> Result<bool> {
        self.raw.delete(key.as_bytes())
    }

    /// All entries with their values by CPU.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, Vec<V>)>> + '_ {
        self.raw.keys().filter_map(move |key| {
            let found = key.and_then(|key| Ok(self.raw.lookup(&key)?.map(|value| (key, value))));
            match found {
                Ok(entry) => {
                    entry.map(|(key, value)| Ok((K::read(&key).expect("sizes were checked"), Self::split(&value))))
                }
                Err(error) => Some(Err(error)),
            }
        })
    }
}
