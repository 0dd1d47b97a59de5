//! Records of a buffer, many at once: what `wasm_bpf_buffer_poll_batch` writes.

use crate::pod::Pod;
use std::ops::Deref;

/// A record of a ring or perf buffer; it is its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    bytes: &'a [u8],
    true_size: usize,
}

impl<'a> Record<'a> {
    /// The bytes, as long as the batch lives.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes it had in the kernel: more than these where it did not fit into the buffer.
    pub fn true_size(&self) -> usize {
        self.true_size
    }

    /// Whether its end is missing.
    pub fn is_cut(&self) -> bool {
        self.true_size > self.bytes.len()
    }

    /// The record as a value; `None` where it is shorter than the type.
    pub fn read<T: Pod>(&self) -> Option<T> {
        T::read(self.bytes)
    }

    /// The record as a value where it lies, and what comes behind it (the elements of a flexible array).
    pub fn view<T: Pod>(&self) -> Option<(&'a T, &'a [u8])> {
        Some((T::view(self.bytes)?, &self.bytes[std::mem::size_of::<T>()..]))
    }
}

impl Deref for Record<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

/// The records of one batch, oldest first.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(crate) fn of(batch: &'a [u8]) -> Records<'a> {
        Records { rest: batch }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize);
        let size = number(self.rest.get(..4)?)?;
        let true_size = number(self.rest.get(4..8)?)?;
        let bytes = self.rest.get(8..8usize.checked_add(size)?)?;
        self.rest = self.rest.get(8 + ((size + 7) & !7)..).unwrap_or(&[]);
        Some(Record { bytes, true_size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: &[u8], true_size: u32) -> Vec<u8> {
        let mut out = [(bytes.len() as u32).to_le_bytes(), true_size.to_le_bytes()].concat();
        out.extend_from_slice(bytes);
        out.resize((out.len() + 7) & !7, 0);
        out
    }

    #[test]
    fn records_of_a_batch_come_in_order_with_their_true_sizes() {
        let batch = [record(b"abc", 3), record(b"", 0), record(b"12345678", 100)].concat();
        let seen: Vec<Record> = Records::of(&batch).collect();

        assert_eq!(seen.iter().map(|record| record.bytes()).collect::<Vec<_>>(), [&b"abc"[..], b"", b"12345678"]);
        assert_eq!(seen.iter().map(Record::is_cut).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(seen[2].read::<[u8; 4]>(), Some(*b"1234"));
        assert_eq!(seen[0].read::<u32>(), None);
    }

    #[test]
    fn a_batch_that_ends_early_has_fewer_records() {
        let batch = record(b"abcdefgh", 8);
        for end in 0..batch.len() {
            assert_eq!(Records::of(&batch[..end]).count(), 0, "{end} bytes");
        }
        assert_eq!(Records::of(&[0xff; 64]).count(), 0);
    }
}
