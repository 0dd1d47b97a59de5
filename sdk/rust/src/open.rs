//! Objects that are open and not loaded yet: their variables, sizes and programs can be set.

use crate::error::{check, Error, Result};
use crate::object::{name_of, programs, Handle, Object, ProgramInfo};
use crate::pod::Pod;
use crate::{abi, errno};
use std::rc::Rc;

/// An object that is open. Nothing of it is in the kernel.
#[derive(Debug)]
pub struct OpenObject {
    handle: Handle,
}

impl OpenObject {
    pub(crate) fn open(elf: &[u8], name: Option<&str>) -> Result<OpenObject> {
        exit_on_panic();
        let called = name.map(name_of).transpose()?;
        let pointer = called.as_ref().map_or(std::ptr::null(), |bytes| bytes.as_ptr());
        let size = i32::try_from(elf.len())
            .map_err(|_| Error::new(errno::E2BIG, format!("open object of {} bytes", elf.len())))?;
        let handle = abi::wasm_bpf_object_open(elf.as_ptr(), size, pointer);
        if handle == 0 {
            return Err(Error::of_host(0, format!("open object {}", name.unwrap_or(""))));
        }
        Ok(OpenObject { handle: Handle(handle) })
    }

    /// The programs in it.
    pub fn programs(&self) -> Result<Vec<ProgramInfo>> {
        programs(&self.handle)
    }

    /// A program, to be set up; the calls that set something fail where there is none of this name.
    pub fn program<'a>(&'a self, name: &'a str) -> OpenProgram<'a> {
        OpenProgram { object: self, name }
    }

    /// A map, to be set up; the calls that set something fail where there is none of this name.
    pub fn map<'a>(&'a self, name: &'a str) -> OpenMap<'a> {
        OpenMap { object: self, name }
    }

    /// The initial values of a section's variables (`.rodata`, `.data`, `.bss`).
    pub fn section<T: Pod>(&self, name: &str) -> Result<Box<T>> {
        let mut value = T::zeroed_box();
        self.map(name).initial(0, value.as_bytes_mut())?;
        Ok(value)
    }

    /// Set the initial values of a section's variables. `.rodata` cannot be changed after load.
    pub fn set_section<T: Pod>(&self, name: &str, value: &T) -> Result<()> {
        self.map(name).set_initial(0, value.as_bytes())
    }

    /// Load it into the kernel: all maps, and the programs whose autoload is on.
    pub fn load(self) -> Result<Object> {
        check(abi::wasm_bpf_object_load(self.handle.0), || "load object".into())?;
        Ok(Object { handle: Rc::new(self.handle) })
    }
}

/// Have a panic end the guest as it ends a native program, with 101; as an abort it would be a trap, and 1.
fn exit_on_panic() {
    #[cfg(all(target_arch = "wasm32", panic = "abort"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                before(panic);
                std::process::exit(101)
            }));
        });
    }
}

/// A map of an object that is not loaded yet.
#[derive(Clone, Copy, Debug)]
pub struct OpenMap<'a> {
    object: &'a OpenObject,
    name: &'a str,
}

impl OpenMap<'_> {
    fn set(&self, what: i32, value: u32) -> Result<()> {
        let name = name_of(self.name)?;
        let result = abi::wasm_bpf_map_set(self.object.handle.0, name.as_ptr(), what, value.into());
        check(result, || format!("set up map {}", self.name)).map(drop)
    }

    /// How many entries it has room for; of a ring buffer its bytes.
    pub fn set_max_entries(&self, count: u32) -> Result<()> {
        self.set(1, count)
    }

    /// Pages of a perf buffer on each CPU: a power of two.
    pub fn set_pages(&self, pages: u32) -> Result<()> {
        self.set(2, pages)
    }

    /// `BPF_MAP_TYPE_*`.
    pub fn set_kind(&self, kind: u32) -> Result<()> {
        self.set(3, kind)
    }

    /// Bytes of a key.
    pub fn set_key_size(&self, size: u32) -> Result<()> {
        self.set(4, size)
    }

    /// Bytes of a value.
    pub fn set_value_size(&self, size: u32) -> Result<()> {
        self.set(5, size)
    }

    /// `BPF_F_*` of its creation.
    pub fn set_flags(&self, flags: u32) -> Result<()> {
        self.set(6, flags)
    }

    /// Whether it is made at all.
    pub fn set_autocreate(&self, create: bool) -> Result<()> {
        self.set(7, create.into())
    }

    /// Read the initial bytes of a section's map from `offset` on.
    pub fn initial(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        self.access(offset, bytes.as_mut_ptr(), bytes.len(), 0)
    }

    /// Write the initial bytes of a section's map from `offset` on.
    pub fn set_initial(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.access(offset, bytes.as_ptr() as *mut u8, bytes.len(), 1)
    }

    fn access(&self, offset: usize, bytes: *mut u8, size: usize, write: i32) -> Result<()> {
        let name = name_of(self.name)?;
        let (object, offset, size) = (self.object.handle.0, offset as i32, size as i32);
        let result = abi::wasm_bpf_map_initial(object, name.as_ptr(), offset, bytes, size, write);
        check(result, || format!("initial values of map {}", self.name)).map(drop)
    }
}

/// A program of an object that is not loaded yet.
#[derive(Clone, Copy, Debug)]
pub struct OpenProgram<'a> {
    object: &'a OpenObject,
    name: &'a str,
}

impl OpenProgram<'_> {
    fn set(&self, what: i32, value: u32) -> Result<()> {
        let name = name_of(self.name)?;
        let result = abi::wasm_bpf_program_set(self.object.handle.0, name.as_ptr(), what, value.into());
        check(result, || format!("set up program {}", self.name)).map(drop)
    }

    /// Whether it is loaded with the object.
    pub fn set_autoload(&self, load: bool) -> Result<()> {
        self.set(1, load.into())
    }

    /// `BPF_PROG_TYPE_*`.
    pub fn set_kind(&self, kind: u32) -> Result<()> {
        self.set(2, kind)
    }

    /// `BPF_*` attach type that it expects.
    pub fn set_expected_attach_type(&self, kind: u32) -> Result<()> {
        self.set(3, kind)
    }

    /// The kernel function (`tcp_connect`) or program (`prog:NAME`) that it attaches to.
    pub fn bind(&self, target: &str) -> Result<()> {
        let (name, wanted) = (name_of(self.name)?, name_of(target)?);
        let result = abi::wasm_bpf_program_bind(self.object.handle.0, name.as_ptr(), wanted.as_ptr());
        check(result, || format!("bind program {} to {target}", self.name)).map(drop)
    }
}
