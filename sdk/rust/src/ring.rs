//! Ring and perf buffers: closures that get the records, in batches.

use crate::error::{check, Error, Result};
use crate::map::RawMap;
use crate::records::{Record, Records};
use crate::{abi, errno};
use std::time::Duration;

const SIZE: usize = 64 << 10;
const RINGBUF: u32 = 27;
const PERF_EVENT_ARRAY: u32 = 4;

type Handler<'a> = Box<dyn FnMut(Records<'_>) + 'a>;

/// Several ring or perf buffers that are read together. Records come in the order in which they were written to one buffer;
/// those of a perf buffer in that of each CPU.
pub struct RingBuffer<'a> {
    maps: Vec<RawMap>,
    fds: Vec<i32>,
    handlers: Vec<Handler<'a>>,
    data: Vec<u64>, // aligned for every type
    cut: u64,
}

/// The same for perf buffers: which one it is, the map says.
pub type PerfBuffer<'a> = RingBuffer<'a>;

impl Default for RingBuffer<'_> {
    fn default() -> Self {
        RingBuffer::new()
    }
}

impl<'a> RingBuffer<'a> {
    /// None yet; records of up to 64 KB are whole.
    pub fn new() -> RingBuffer<'a> {
        RingBuffer::with_capacity(SIZE)
    }

    /// None yet; `bytes`: those of a batch, and so of the longest record, with 8 more for each.
    pub fn with_capacity(bytes: usize) -> RingBuffer<'a> {
        let (maps, fds, handlers) = (Vec::new(), Vec::new(), Vec::new());
        RingBuffer { maps, fds, handlers, data: vec![0; bytes / 8 + 3], cut: 0 }
    }

    /// Have `handler` called for each record of a map.
    pub fn add(&mut self, map: &RawMap, mut handler: impl FnMut(Record<'_>) + 'a) -> Result<()> {
        self.add_batch(map, move |records| records.for_each(&mut handler))
    }

    /// Have `handler` called for each batch of records of a map.
    pub fn add_batch(&mut self, map: &RawMap, handler: impl FnMut(Records<'_>) + 'a) -> Result<()> {
        let info = map.info();
        if info.kind != RINGBUF && info.kind != PERF_EVENT_ARRAY {
            let what = format!("read map {}: type {}, expected a ring or perf buffer", info.name, info.kind);
            return Err(Error::new(errno::EINVAL, what));
        }
        if self.fds.contains(&map.fd()) {
            return Err(Error::new(errno::EEXIST, format!("read map {}: it was added before", info.name)));
        }
        self.fds.push(map.fd());
        self.maps.push(map.clone());
        self.handlers.push(Box::new(handler));
        Ok(())
    }

    /// Wait for records and deliver those that are there; their number. It is 0 when the time was up, or a signal came that
    /// this guest takes ([`crate::Signals`]). `None` waits without an end.
    pub fn poll(&mut self, timeout: Option<Duration>) -> Result<usize> {
        let wait = timeout.map_or(-1, |time| time.as_millis().min(i32::MAX as u128) as i32);
        match self.fds.len() {
            0 => Err(Error::new(errno::EINVAL, "poll: no buffer was added".into())),
            1 => self.deliver(0, wait),
            count => {
                let ready = abi::wasm_bpf_buffers_wait(self.fds.as_ptr(), count as i32, wait);
                if ready == -errno::EAGAIN || ready == -errno::EINTR {
                    return Ok(0);
                }
                let first = check(ready, || "wait for buffers".into())? as usize;
                (0..count).try_fold(0, |sum, step| Ok(sum + self.deliver((first + step) % count, 0)?))
            }
        }
    }

    /// Deliver what is there without waiting, until all buffers are empty; the number of records.
    pub fn consume(&mut self) -> Result<usize> {
        let mut sum = 0;
        loop {
            let count = (0..self.fds.len()).try_fold(0, |sum, index| Ok(sum + self.deliver(index, 0)?))?;
            if count == 0 {
                return Ok(sum);
            }
            sum += count;
        }
    }

    /// Records so far whose end was missing, because they were larger than the batch.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Records of all buffers that were lost so far, as far as the kernel says.
    pub fn lost(&self) -> Result<u64> {
        self.maps.iter().try_fold(0, |sum, map| Ok(sum + map.lost()?))
    }

    fn deliver(&mut self, index: usize, wait: i32) -> Result<usize> {
        let (at, size) = (self.data.as_mut_ptr().cast::<u8>(), self.data.len() * 8);
        let result = abi::wasm_bpf_buffer_poll_batch(self.fds[index], at, size as i32, wait);
        if result == -errno::EINTR || result == -errno::EAGAIN {
            return Ok(0);
        }
        let length = check(result, || format!("poll map {}", self.maps[index].info().name))? as usize;
        // SAFETY: the bytes are those of `data`, which nobody else has now.
        let batch = unsafe { std::slice::from_raw_parts(at, length.min(size)) };
        let (count, cut) =
            Records::of(batch).fold((0, 0), |(count, cut), record| (count + 1, cut + u64::from(record.is_cut())));
        self.cut += cut;
        if count > 0 {
            (self.handlers[index])(Records::of(batch));
        }
        Ok(count)
    }
}
