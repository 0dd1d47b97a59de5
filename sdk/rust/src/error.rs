//! Failures: an errno of Linux, what was done, and the host's line about it.

use std::fmt;

/// Numbers of Linux; those of WASI's libc are others.
#[allow(missing_docs)]
pub mod errno {
    pub const EPERM: i32 = 1;
    pub const ENOENT: i32 = 2;
    pub const EINTR: i32 = 4;
    pub const E2BIG: i32 = 7;
    pub const EBADF: i32 = 9;
    pub const EAGAIN: i32 = 11;
    pub const ENOMEM: i32 = 12;
    pub const EACCES: i32 = 13;
    pub const EFAULT: i32 = 14;
    pub const EBUSY: i32 = 16;
    pub const EEXIST: i32 = 17;
    pub const ENODEV: i32 = 19;
    pub const EINVAL: i32 = 22;
    pub const ENOSPC: i32 = 28;
    pub const ERANGE: i32 = 34;
    pub const ENOSYS: i32 = 38;
    pub const EOPNOTSUPP: i32 = 95;
    pub const ENOTSUPP: i32 = 524;
}

/// Why something could not be done.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    errno: i32,
    operation: String,
    host: String,
}

/// What everything here returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure that the host has just reported: its line about it is asked for.
    pub(crate) fn of_host(result: i64, operation: String) -> Error {
        let mut line = [0u8; 1024];
        let length = crate::abi::wasm_bpf_error(line.as_mut_ptr(), line.len() as i32);
        let host = if length > 0 { crate::text(&line).into_owned() } else { String::new() };
        Error { errno: result.unsigned_abs().min(4095) as i32, operation, host }
    }

    /// A failure that is found here, before the host is asked.
    pub(crate) fn new(errno: i32, operation: String) -> Error {
        Error { errno, operation, host: String::new() }
    }

    /// The errno of Linux, above 0; see [`errno`]. 0 where the host gave none (an object that cannot be opened).
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The host's own line about it; empty where it has none.
    pub fn host_text(&self) -> &str {
        &self.host
    }

    /// Whether a signal came while something was waited for.
    pub fn is_interrupted(&self) -> bool {
        self.errno == errno::EINTR
    }
}

/// `-errno` or a value of the host as a `Result`.
pub(crate) fn check(result: i32, operation: impl FnOnce() -> String) -> Result<i32> {
    if result < 0 {
        return Err(Error::of_host(result.into(), operation()));
    }
    Ok(result)
}

fn describe(number: i32) -> Option<&'static str> {
    Some(match number {
        errno::EPERM => "operation not permitted",
        errno::ENOENT => "no such file, program, map or entry",
        errno::EINTR => "interrupted by a signal",
        errno::E2BIG => "no room",
        errno::EBADF => "bad descriptor",
        errno::EAGAIN => "try again",
        errno::ENOMEM => "out of memory",
        errno::EACCES => "permission denied",
        errno::EFAULT => "bad address",
        errno::EBUSY => "busy",
        errno::EEXIST => "exists already",
        errno::ENODEV => "no such device",
        errno::EINVAL => "invalid argument",
        errno::ENOSPC => "no space left",
        errno::ERANGE => "out of range",
        errno::ENOSYS => "this host does not have the function",
        errno::EOPNOTSUPP | errno::ENOTSUPP => "not supported",
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.host.is_empty() {
            return f.write_str(&self.host);
        }
        f.write_str(&self.operation)?;
        match describe(self.errno) {
            Some(words) => write!(f, ": {words}"),
            None if self.errno == 0 => Ok(()),
            None => write!(f, ": errno {}", self.errno),
        }
    }
}

// What `fn main() -> eunomia::Result<()>` prints: the same line, not the fields.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> std::io::Error {
        use std::io::ErrorKind;
        let kind = match error.errno {
            errno::EPERM | errno::EACCES => ErrorKind::PermissionDenied,
            errno::ENOENT => ErrorKind::NotFound,
            errno::EINTR => ErrorKind::Interrupted,
            errno::EEXIST => ErrorKind::AlreadyExists,
            errno::EINVAL => ErrorKind::InvalidInput,
            errno::ENOMEM => ErrorKind::OutOfMemory,
            _ => ErrorKind::Other,
        };
        std::io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_was_done_and_why_it_failed() {
        let error = Error::new(errno::ENOENT, "attach handle_exec".into());

        assert_eq!(error.to_string(), "attach handle_exec: no such file, program, map or entry");
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn without_a_host_every_call_says_so() {
        let error = check(crate::abi::wasm_bpf_possible_cpus(), || "count CPUs".into()).unwrap_err();

        assert_eq!(error.errno(), errno::ENOSYS);
        assert_eq!(error.host_text(), "");
    }
}
