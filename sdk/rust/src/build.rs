//! For build scripts: types and skeleton of a kernel side, made when the guest is built.
//!
//! ```no_run
//! // build.rs, with eunomia in [build-dependencies] too
//! fn main() {
//!     eunomia::build::skeleton("src/bootstrap.bpf.c", "bootstrap");
//! }
//! ```
//!
//! ```ignore
//! // main.rs
//! mod bootstrap {
//!     include!(concat!(env!("OUT_DIR"), "/bootstrap.rs"));
//! }
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

/// Write `OUT_DIR/NAME.rs`: the skeleton of a source (`.bpf.c`), an object or a package, by `ecc gen skeleton`. It is made
/// again when the file, or a header beside it, changes. `ECC` names another `ecc`.
///
/// # Panics
///
/// When there is no `ecc`, or it fails; what it said is in the message.
pub fn skeleton(source: impl AsRef<Path>, name: &str) -> PathBuf {
    let source = source.as_ref();
    let folder = std::env::var_os("OUT_DIR").expect("OUT_DIR: eunomia::build::skeleton is for build scripts");
    let target = Path::new(&folder).join(format!("{name}.rs"));
    println!("cargo:rerun-if-env-changed=ECC");
    println!("cargo:rerun-if-changed={}", source.display());
    for header in headers(source) {
        println!("cargo:rerun-if-changed={}", header.display());
    }
    let ecc = std::env::var_os("ECC").unwrap_or_else(|| "ecc".into());
    let mut command = Command::new(&ecc);
    command.args(["gen", "skeleton", "--lang", "rust", "-o"]).arg(&target).arg(source);
    let done = command.output().unwrap_or_else(|error| {
        panic!("run {}: {error} [pip install 'eunomia[compile]', or set ECC to its path]", Path::new(&ecc).display())
    });
    if !done.status.success() {
        panic!("{}", String::from_utf8_lossy(&done.stderr).trim_end());
    }
    target
}

fn headers(source: &Path) -> Vec<PathBuf> {
    let folder = match source.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().map_or(false, |suffix| suffix == "h")).collect()
}
