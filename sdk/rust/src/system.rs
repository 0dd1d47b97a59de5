//! What a guest can ask of the machine: CPUs, symbols, features, signals.

use crate::abi;
use crate::error::{check, Result};
use crate::object::name_of;
use std::cell::Cell;

/// CPUs that the machine may ever have: the number of values that a per-CPU map has for a key.
pub fn possible_cpus() -> Result<usize> {
    Ok(check(abi::wasm_bpf_possible_cpus(), || "count possible CPUs".into())? as usize)
}

/// `name+0xoffset` of an address of the kernel (`pid` 0), or of a process.
pub fn symbol(pid: i32, address: u64) -> Result<String> {
    let mut buffer = [0u8; 512];
    let length = abi::wasm_bpf_symbol(pid, address as i64, buffer.as_mut_ptr(), buffer.len() as i32);
    check(length, || format!("find the symbol of {address:#x}"))?;
    Ok(crate::text(&buffer).into_owned())
}

/// Something that a kernel has or lacks.
#[derive(Clone, Copy, Debug)]
pub enum Feature<'a> {
    /// A kernel function that fentry and fexit programs can attach to.
    Fentry(&'a str),
    /// A tracepoint that `tp_btf` programs can attach to.
    BtfTracepoint(&'a str),
    /// `BPF_MAP_TYPE_*`.
    MapType(u32),
    /// `BPF_PROG_TYPE_*`.
    ProgramType(u32),
    /// A kernel function that kprobes can be put on.
    Kprobe(&'a str),
    /// A tracepoint, as `category:name`.
    Tracepoint(&'a str),
    /// A structure, or a member: `task_struct.pid`.
    Member(&'a str),
    /// The kernel's own types.
    KernelBtf,
    /// A helper (its number) for a program type.
    Helper(u32, u32),
}

/// Whether this kernel has something.
pub fn probe(feature: Feature<'_>) -> Result<bool> {
    let (what, name) = match feature {
        Feature::Fentry(name) => (1, name.to_owned()),
        Feature::BtfTracepoint(name) => (2, name.to_owned()),
        Feature::MapType(number) => (3, number.to_string()),
        Feature::ProgramType(number) => (4, number.to_string()),
        Feature::Kprobe(name) => (5, name.to_owned()),
        Feature::Tracepoint(name) => (6, name.to_owned()),
        Feature::Member(name) => (7, name.to_owned()),
        Feature::KernelBtf => (8, String::new()),
        Feature::Helper(program, helper) => (9, format!("{program}:{helper}")),
    };
    let found = abi::wasm_bpf_probe(what, name_of(&name)?.as_ptr());
    Ok(check(found, || format!("probe {feature:?}"))? != 0)
}

/// SIGINT and SIGTERM, taken by the guest itself. A program that uses this is not ended by the first one: what waits comes
/// back at once, and [`Signals::stopped`] says so. The second one ends it. Without it a guest ends at the first.
#[derive(Debug, Default)]
pub struct Signals {
    seen: Cell<i32>,
}

impl Signals {
    /// Take signals from now on.
    pub fn take() -> Signals {
        Signals::default()
    }

    /// Whether one came since.
    pub fn stopped(&self) -> bool {
        self.last() != 0
    }

    /// The last one that came (Linux's number: 2 SIGINT, 15 SIGTERM), 0 for none.
    pub fn last(&self) -> i32 {
        let came = abi::wasm_bpf_take_signal();
        if came > 0 {
            self.seen.set(came);
        }
        self.seen.get()
    }
}
