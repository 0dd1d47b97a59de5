//! Loaded objects.

use crate::attach::{Link, Program};
use crate::error::{check, Error, Result};
use crate::map::{FromRaw, MapInfo, RawMap};
use crate::open::OpenObject;
use crate::pod::Pod;
use crate::section::Section;
use crate::{abi, errno, text};
use std::rc::Rc;

// BPF_PROG_TYPE_*, and one BPF_* attach type
const KPROBE: u32 = 2;
const TRACEPOINT: u32 = 5;
const RAW_TRACEPOINT: u32 = 17;
const RAW_TRACEPOINT_WRITABLE: u32 = 24;
const TRACING: u32 = 26;
const EXT: u32 = 28;
const LSM: u32 = 29;
const LSM_CGROUP: u32 = 43;

/// An object's number at the host: it is closed with the last handle.
#[derive(Debug)]
pub(crate) struct Handle(pub(crate) i64);

impl Drop for Handle {
    fn drop(&mut self) {
        abi::wasm_close_bpf_object(self.0);
    }
}

/// A name for the host: its bytes and a NUL.
pub(crate) fn name_of(name: &str) -> Result<Vec<u8>> {
    if name.bytes().any(|byte| byte == 0) {
        return Err(Error::new(errno::EINVAL, format!("name {name:?} has a NUL in it")));
    }
    Ok([name.as_bytes(), b"\0"].concat())
}

/// What is known of a program.
#[derive(Clone, Debug)]
pub struct ProgramInfo {
    /// Its function's name.
    pub name: String,
    /// The section that says where it attaches: `tp/sched/sched_process_exec`.
    pub section: String,
    /// `BPF_PROG_TYPE_*`.
    pub kind: u32,
    /// `BPF_*` attach type that it expects, 0 for most.
    pub expected_attach_type: u32,
    /// Instructions in the object.
    pub instructions: u32,
    /// Whether it is loaded with the object.
    pub autoload: bool,
}

impl ProgramInfo {
    /// Whether its section says where it attaches, as for tracepoints and probes. XDP, tc, sockets and control groups need a
    /// target ([`Program::attach_to`]).
    pub fn attaches_itself(&self) -> bool {
        match self.kind {
            KPROBE | TRACEPOINT | RAW_TRACEPOINT | RAW_TRACEPOINT_WRITABLE => self.section.contains('/'),
            TRACING | EXT | LSM => self.expected_attach_type != LSM_CGROUP,
            _ => false,
        }
    }
}

fn number(record: &[u8], index: usize) -> u32 {
    u32::from_le_bytes(record[index * 4..index * 4 + 4].try_into().expect("4 bytes"))
}

pub(crate) fn programs(handle: &Handle) -> Result<Vec<ProgramInfo>> {
    let mut found = Vec::new();
    loop {
        let mut record = [0u8; 272];
        let size = record.len() as i32;
        let result = abi::wasm_bpf_program_info(handle.0, found.len() as i32, record.as_mut_ptr(), size);
        if result == -errno::ENOENT {
            return Ok(found);
        }
        check(result, || "list programs".into())?;
        found.push(ProgramInfo {
            name: text(&record[16..144]).into_owned(),
            section: text(&record[144..]).into_owned(),
            kind: number(&record, 0),
            expected_attach_type: number(&record, 1),
            instructions: number(&record, 2),
            autoload: number(&record, 3) != 0,
        });
    }
}

/// An object that is loaded into the kernel. Clones are handles of the same one; it is closed, and what is attached is
/// detached, when the last handle of it or of its maps, programs and links is gone.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) handle: Rc<Handle>,
}

impl Object {
    /// Open an object: it can be adjusted before it is loaded.
    pub fn open(elf: &[u8]) -> Result<OpenObject> {
        OpenObject::open(elf, None)
    }

    /// Open an object under a name of libbpf's (`bootstrap_bpf`), which its sections' maps begin with.
    pub fn open_as(elf: &[u8], name: &str) -> Result<OpenObject> {
        OpenObject::open(elf, Some(name))
    }

    /// Open an object and load it as it is.
    pub fn load(elf: &[u8]) -> Result<Object> {
        Object::open(elf)?.load()
    }

    /// The programs in it, in the object's order.
    pub fn programs(&self) -> Result<Vec<ProgramInfo>> {
        programs(&self.handle)
    }

    /// A program by its function's name.
    pub fn program(&self, name: &str) -> Result<Program> {
        if !self.programs()?.iter().any(|program| program.name == name) {
            return Err(Error::new(errno::ENOENT, format!("find program {name}")));
        }
        Program::of(Rc::clone(&self.handle), name)
    }

    /// A map by its name; which kind of handle is made of it ([`crate::Map`], [`crate::PerCpuMap`], [`RawMap`]) the caller's
    /// types say. Keys and values must have the sizes that the map has.
    pub fn map<M: FromRaw>(&self, name: &str) -> Result<M> {
        M::from_raw(self.raw_map(name)?)
    }

    /// A map by its name, as bytes: for maps without keys, and for those whose types are known at run time alone.
    pub fn raw_map(&self, name: &str) -> Result<RawMap> {
        let wanted = name_of(name)?;
        let fd = check(abi::wasm_bpf_map_fd_by_name(self.handle.0, wanted.as_ptr()), || format!("find map {name}"))?;
        RawMap::of(Rc::clone(&self.handle), fd)
    }

    /// What the maps are, in the object's order.
    pub fn maps(&self) -> Result<Vec<MapInfo>> {
        let mut found = Vec::new();
        loop {
            let mut record = [0u8; MapInfo::SIZE];
            let size = record.len() as i32;
            let result = abi::wasm_bpf_map_info(self.handle.0, found.len() as i32, record.as_mut_ptr(), size);
            if result == -errno::ENOENT {
                return Ok(found);
            }
            check(result, || "list maps".into())?;
            found.push(MapInfo::of(&record));
        }
    }

    /// A section of variables (`.bss`, `.data`, `.rodata`), as the programs have it now.
    pub fn variables<T: Pod>(&self, section: &str) -> Result<Section<T>> {
        Section::of(self.raw_map(section)?)
    }

    /// Attach every program that was loaded to what its section says; those whose sections do not say that
    /// ([`ProgramInfo::attaches_itself`]) are passed over, as by libbpf.
    pub fn attach(&self) -> Result<Vec<Link>> {
        let loaded = self.programs()?.into_iter().filter(|program| program.autoload && program.attaches_itself());
        loaded.map(|program| Program::of(Rc::clone(&self.handle), &program.name)?.attach()).collect()
    }
}
