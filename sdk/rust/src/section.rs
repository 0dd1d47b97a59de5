//! Sections of variables of a loaded object: `.bss`, `.data`, `.rodata`.

use crate::error::{Error, Result};
use crate::map::{Flags, RawMap};
use crate::pod::Pod;
use crate::{abi, errno};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::marker::PhantomData;
use std::mem::{align_of, size_of};

const PAGE: usize = 4096;

/// The variables of a section. Where the host can, their memory is that of the programs; else each access asks the kernel.
#[derive(Debug)]
pub struct Section<T> {
    mapped: Option<Mapped>, // goes before what may be the last handle of the object
    map: RawMap,
    kind: PhantomData<T>,
}

#[derive(Debug)]
struct Mapped {
    at: *mut u8,
    layout: Layout,
}

impl Mapped {
    fn of(map: &RawMap) -> Option<Mapped> {
        let size = (map.info().value_size as usize + PAGE - 1) / PAGE * PAGE;
        let layout = Layout::from_size_align(size, PAGE).ok().filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout has a size.
        let at = unsafe { alloc_zeroed(layout) };
        if at.is_null() {
            return None;
        }
        if abi::wasm_bpf_map_mmap(map.fd(), at, size as i32) < 0 {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(at, layout) };
            return None;
        }
        Some(Mapped { at, layout })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if abi::wasm_bpf_map_munmap(self.at, self.layout.size() as i32) == 0 {
            // SAFETY: it is ordinary memory again, allocated with this layout. (Else it stays what it is, for ever.)
            unsafe { dealloc(self.at, self.layout) };
        }
    }
}

impl<T: Pod> Section<T> {
    pub(crate) fn of(map: RawMap) -> Result<Section<T>> {
        let info = map.info();
        if (info.value_size as usize) < size_of::<T>() {
            let what = format!("section {}: {} bytes, its type has {}", info.name, info.value_size, size_of::<T>());
            return Err(Error::new(errno::EINVAL, what));
        }
        let writable = info.section.starts_with(".bss") || info.section.starts_with(".data");
        let mapped = if info.mmapable && writable && align_of::<T>() <= PAGE { Mapped::of(&map) } else { None };
        Ok(Section { map, mapped, kind: PhantomData })
    }

    /// Whether reads and writes are those of the programs' own memory.
    pub fn is_mapped(&self) -> bool {
        self.mapped.is_some()
    }

    /// The variables in the programs' own memory, `None` where that is not mapped. Programs change them at any time: read and
    /// write through `std::ptr::read_volatile` and `write_volatile`.
    pub fn as_ptr(&self) -> Option<*mut T> {
        self.mapped.as_ref().map(|mapped| mapped.at.cast())
    }

    /// The variables as they are now.
    pub fn get(&self) -> Result<T> {
        if let Some(at) = self.as_ptr() {
            // SAFETY: the memory has the size of the type and more, is aligned to a page, and holds any bytes.
            return Ok(unsafe { at.read_volatile() });
        }
        let mut value = self.map.value_buffer();
        self.map.lookup_into(&0u32.to_le_bytes(), &mut value, Flags::ANY)?;
        Ok(T::read(&value).expect("its size was checked"))
    }

    /// Change variables: only the bytes that `change` changes are written where the memory is mapped, else all of the section.
    pub fn update(&self, change: impl FnOnce(&mut T)) -> Result<()> {
        let before = self.get()?;
        let mut after = before;
        change(&mut after);
        if let Some(mapped) = &self.mapped {
            for (offset, (old, new)) in before.as_bytes().iter().zip(after.as_bytes()).enumerate() {
                if old != new {
                    // SAFETY: within the mapped memory, whose size is that of the type or more.
                    unsafe { mapped.at.add(offset).write_volatile(*new) };
                }
            }
            return Ok(());
        }
        let mut value = self.map.value_buffer();
        value[..size_of::<T>()].copy_from_slice(after.as_bytes());
        self.map.update(&0u32.to_le_bytes(), &value, Flags::ANY)
    }
}
