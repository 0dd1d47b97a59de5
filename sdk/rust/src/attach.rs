//! Programs of a loaded object, and their links.

use crate::abi;
use crate::error::{check, Result};
use crate::object::{name_of, Handle};
use std::rc::Rc;

/// A program of a loaded object.
#[derive(Clone, Debug)]
pub struct Program {
    object: Rc<Handle>,
    name: Vec<u8>,
}

/// What a test run of a program gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// What the program returned.
    pub returned: u32,
    /// Nanoseconds of a run, on average.
    pub nanoseconds: u32,
    /// The packet or context afterwards.
    pub output: Vec<u8>,
}

impl Program {
    pub(crate) fn of(object: Rc<Handle>, name: &str) -> Result<Program> {
        Ok(Program { object, name: name_of(name)? })
    }

    /// Its function's name.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name[..self.name.len() - 1]).expect("it was made of a str")
    }

    /// Attach it to what its section says.
    pub fn attach(&self) -> Result<Link> {
        self.link("")
    }

    /// Attach it to a target in the host's own words: an interface (`eth0`) for XDP, the directory of a control group for
    /// programs of those, `tc:eth0:ingress`, `socket:eth0`, `netns:self`, `map:NAME`… as in `ecli run --attach`.
    pub fn attach_to(&self, target: &str) -> Result<Link> {
        self.link(target)
    }

    /// Attach an XDP, tc, tcx or netkit program to an interface.
    pub fn attach_interface(&self, name: &str) -> Result<Link> {
        self.link(&format!("iface:{}", escaped(name)))
    }

    /// Attach it to a control group, by its directory.
    pub fn attach_cgroup(&self, directory: &str) -> Result<Link> {
        self.link(&format!("cgroup:{}", escaped(directory)))
    }

    /// Attach it to a kernel function: `tcp_connect`, `tcp_connect+8`.
    pub fn attach_kprobe(&self, function: &str) -> Result<Link> {
        self.link(&format!("kprobe:{function}"))
    }

    /// Attach it to a function of a program or library; of one process, or of all (`None`).
    pub fn attach_uprobe(&self, binary: &str, function: &str, pid: Option<u32>) -> Result<Link> {
        let pid = pid.map_or(String::new(), |pid| format!(",pid={pid}"));
        self.link(&format!("uprobe:{}:{function}{pid}", escaped(binary)))
    }

    /// Attach it to a statically defined probe of a program or library.
    pub fn attach_usdt(&self, binary: &str, provider: &str, name: &str, pid: Option<u32>) -> Result<Link> {
        let pid = pid.map_or(String::new(), |pid| format!(",pid={pid}"));
        self.link(&format!("usdt:{}:{provider}:{name}{pid}", escaped(binary)))
    }

    /// Attach it to a tracepoint.
    pub fn attach_tracepoint(&self, category: &str, name: &str) -> Result<Link> {
        self.link(&format!("tp:{category}/{name}"))
    }

    /// Attach it to a perf event, as perf(1) calls them, so many times a second on each CPU.
    pub fn attach_perf_event(&self, event: &str, frequency: u64) -> Result<Link> {
        self.link(&format!("perf:{event},freq={frequency}"))
    }

    /// Its number at the host, for the values of prog arrays and of maps of devices and CPUs.
    pub fn fd(&self) -> Result<i32> {
        let fd = abi::wasm_bpf_program_fd_by_name(self.object.0, self.name.as_ptr());
        check(fd, || format!("find program {}", self.name()))
    }

    fn link(&self, target: &str) -> Result<Link> {
        let wanted = name_of(target)?;
        let link = check(abi::wasm_bpf_link_attach(self.object.0, self.name.as_ptr(), wanted.as_ptr()), || {
            format!("attach program {} {target}", self.name()).trim_end().into()
        })?;
        Ok(Link { number: link, _object: Rc::clone(&self.object) })
    }

    /// Run it in the kernel over `input`, without attaching it.
    ///
    /// `room`: bytes that may come back; `repeat`: how often it runs.
    pub fn test_run(&self, input: &[u8], room: usize, repeat: u32) -> Result<TestRun> {
        let mut output = vec![0u8; room];
        let mut result = [0u32; 2];
        let (object, name) = (self.object.0, self.name.as_ptr());
        let (data, size, out) = (input.as_ptr(), input.len() as i32, output.as_mut_ptr());
        let times = repeat as i32;
        let done =
            abi::wasm_bpf_program_test_run(object, name, data, size, out, room as i32, times, result.as_mut_ptr());
        let length = check(done, || format!("run program {}", self.name()))?;
        output.truncate(length as usize);
        Ok(TestRun { returned: result[0], nanoseconds: result[1], output })
    }
}

/// An attached program: it is detached when this is dropped.
#[must_use = "a link that is dropped detaches its program"]
#[derive(Debug)]
pub struct Link {
    number: i32,
    _object: Rc<Handle>,
}

impl Link {
    /// Detach the program now, and say whether that went well.
    pub fn detach(mut self) -> Result<()> {
        let number = std::mem::take(&mut self.number);
        check(abi::wasm_bpf_link_detach(number), || "detach program".into()).map(drop)
    }

    /// Leave the program attached until its object is closed. This handle of the object goes with it.
    pub fn forget(mut self) {
        self.number = 0;
    }
}

/// A name within a target, which a comma would end.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace(',', "\\,")
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.number > 0 {
            abi::wasm_bpf_link_detach(self.number);
        }
    }
}
