//! Walking through maps.

use super::raw::{Flags, RawMap, BATCH_LOOKUP, BATCH_LOOKUP_AND_DELETE};
use crate::error::{Error, Result};
use crate::pod::Pod;
use crate::{abi, errno};
use std::marker::PhantomData;
use std::mem::size_of;

const BATCH: usize = 512;

/// The keys of a map. The one that was given last may be deleted; where others delete, the walk may begin again. It ends after
/// twice the entries that there can be.
#[derive(Debug)]
pub struct Keys {
    map: RawMap,
    next: Option<Result<Vec<u8>>>, // asked for before the one before it is given away
    begun: bool,
    left: u64,
}

impl Keys {
    pub(crate) fn of(map: RawMap) -> Keys {
        let left = u64::from(map.info().max_entries) * 2;
        Keys { map, next: None, begun: false, left }
    }
}

impl Iterator for Keys {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.begun = true;
            self.next = self.map.next_key(None).transpose();
        }
        let given = self.next.take()?;
        if let (Ok(key), true) = (&given, self.left > 0) {
            self.left -= 1;
            self.next = self.map.next_key(Some(key)).transpose();
        }
        Some(given)
    }
}

/// The entries of a map, hundreds with each call of the host; where the kernel cannot do that, key by key.
pub struct Entries<K, V> {
    map: RawMap,
    command: i32,
    token: Vec<u8>,
    begun: bool,
    ended: bool,
    batch: usize,
    singly: Option<Keys>,
    keys: Vec<u8>,
    values: Vec<u8>,
    at: usize,
    count: usize,
    kinds: PhantomData<(K, V)>,
}

impl<K: Pod, V: Pod> Entries<K, V> {
    pub(crate) fn of(map: RawMap, take: bool) -> Entries<K, V> {
        let (key, batch) = (size_of::<K>(), BATCH.min(map.info().max_entries.max(1) as usize));
        Entries {
            command: if take { BATCH_LOOKUP_AND_DELETE } else { BATCH_LOOKUP },
            token: vec![0; key.max(16)],
            begun: false,
            ended: false,
            batch,
            singly: None,
            keys: Vec::new(),
            values: Vec::new(),
            at: 0,
            count: 0,
            map,
            kinds: PhantomData,
        }
    }

    /// Ask for the next batch.
    fn fill(&mut self) -> Result<()> {
        loop {
            self.keys.resize(self.batch * size_of::<K>(), 0);
            self.values.resize(self.batch * size_of::<V>(), 0);
            let mut count = self.batch as u32;
            let from = if self.begun { self.token.as_ptr() } else { std::ptr::null() };
            let (to, keys, values) = (self.token.as_mut_ptr(), self.keys.as_mut_ptr(), self.values.as_mut_ptr());
            let result = abi::wasm_bpf_map_batch(self.map.fd(), self.command, from, to, keys, values, &mut count, 0);
            match -result {
                errno::ENOENT => self.ended = true,
                errno::ENOSPC if self.batch < 1 << 20 => {
                    self.batch *= 2; // one bucket of a hash map has more entries than there was room for
                    continue;
                }
                errno::EINVAL | errno::ENOTSUPP | errno::EOPNOTSUPP | errno::ENOSYS if !self.begun => {
                    self.singly = Some(self.map.keys());
                    return Ok(());
                }
                failed if failed > 0 => return self.map.fail(result, "list"),
                _ => {}
            }
            self.begun = true;
            self.at = 0;
            self.count = (count as usize).min(self.batch);
            if self.count > 0 || self.ended {
                return Ok(());
            }
        }
    }

    fn one(&mut self) -> Option<Result<(K, V)>> {
        loop {
            let keys = self.singly.as_mut()?;
            let key = match keys.next()? {
                Ok(key) => key,
                Err(error) => return Some(Err(error)),
            };
            let found = if self.command == BATCH_LOOKUP_AND_DELETE {
                Self::take_out(&self.map, &key)
            } else {
                self.map.lookup(&key)
            };
            match found {
                Ok(Some(value)) => return Some(Ok((K::read(&key)?, V::read(&value)?))),
                Ok(None) => {} // it was deleted meanwhile
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn take_out(map: &RawMap, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match map.lookup_and_delete(key) {
            Err(error) if error.errno() != errno::ENOENT => {
                let mut value = map.value_buffer(); // before Linux 5.14 hash maps cannot do both at once
                let found = map.lookup_into(key, &mut value, Flags::ANY)?;
                Ok((map.delete(key)? && found).then_some(value))
            }
            found => found,
        }
    }
}

impl<K: Pod, V: Pod> Iterator for Entries<K, V> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.count && !self.ended && self.singly.is_none() {
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err::<_, Error>(error));
            }
        }
        if self.singly.is_some() {
            return self.one();
        }
        if self.at == self.count {
            return None;
        }
        let index = self.at;
        self.at += 1;
        let key = K::read(&self.keys[index * size_of::<K>()..])?;
        Some(Ok((key, V::read(&self.values[index * size_of::<V>()..])?)))
    }
}
