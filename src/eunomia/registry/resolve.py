"""From what a user calls a program to its package: a file, a URL, `-`, or the name of a built-in tool.

What a program *is* its bytes decide: package (JSON, YAML, tar), BPF object (ELF) or C source. This module is on the way
of `ecli run`; what is rare is imported where it is needed.
"""

from __future__ import annotations

import os

from eunomia.errors import FetchError, PackageError, UnsupportedError
from eunomia.registry.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from eunomia.package.model import Package

SUFFIXES = (".json", ".tar", ".o", ".c", ".wasm", ".yaml", ".yml")
WASM = b"\0asm"
MAX_FILE = 256 << 20  # bytes; a package with BTF of many kernels has some tens of MB
MAX_DOWNLOAD = 64 << 20
TIMEOUT = 30.0  # seconds


class Limits:
    """What may be spent on fetching a program, and what it must be.

    Args:
        timeout: seconds for the whole download.
        max_size: bytes that a download may have.
        sha256: hexadecimal digest that the bytes must have, "" for any. It is checked before anything is parsed.
    """

    __slots__ = ("max_size", "sha256", "timeout")

    def __init__(self, timeout: float = TIMEOUT, max_size: int = MAX_DOWNLOAD, sha256: str = "") -> None:
        self.timeout = timeout
        self.max_size = max_size
        self.sha256 = sha256


def resolve(program: str, limits: Limits | None = None) -> Package:
    """Return the package that `program` names.

    Args:
        program: the name of a built-in tool, a path, an http or https URL, or `-` for standard input. A bare name that
            is a built-in tool's is that tool, whatever files are in the current directory; `./NAME` is the file.
        limits: for downloads, and the digest that the bytes must have.

    Raises:
        FetchError: there is nothing of this name, or a download failed.
        PackageError: the bytes are not a program, or damaged.
        UnsupportedError: a kind of program that this version does not run.
        CompileError: a C source does not compile.
        RefusedError: a rule of trust refuses it.
        OSError: a file cannot be read.
    """
    found = fetch(program, limits)
    package = package_of(found.data, found.origin, remote=found.is_remote)
    from eunomia.registry.gate import programs_of, require

    require(found, lambda: programs_of(package.types), limits)
    return package


class Program:
    """The bytes of a program: a package, an object, a source or a Wasm guest.

    Attributes:
        data: the bytes.
        origin: where they come from, for messages, names and relative includes.
        source: the same, as trust decisions need it.
        is_remote: they come from elsewhere, and are not given to a compiler.
        is_guest: they are a Wasm module or component.
    """

    __slots__ = ("data", "origin", "source")

    def __init__(self, data: bytes, origin: str, source: Source) -> None:
        self.data = data
        self.origin = origin
        self.source = source

    @property
    def is_remote(self) -> bool:
        """Whether the bytes come from elsewhere."""
        return self.source.is_remote

    @property
    def is_guest(self) -> bool:
        """Whether the bytes begin as Wasm does."""
        return self.data[:4] == WASM


def fetch(program: str, limits: Limits | None = None) -> Program:
    """Return the bytes of what `program` names, as `resolve` finds it; of a folder those of the one program in it.

    Raises:
        FetchError: there is nothing of this name, or a download failed.
        PackageError: more bytes than a program has.
        OSError: a file cannot be read.
    """
    limits = limits or Limits()
    pinned = bool(limits.sha256)
    if program == "-":
        data = _verified(_read(0, MAX_FILE, "standard input"), limits, "standard input")
        return Program(data, "-", Source("stdin", "-", pinned=pinned))
    if "://" in program:
        from eunomia.registry.store import digest_of

        data = _verified(_download(program, limits), limits, program)
        return Program(data, program, Source("url", program, data_digest=digest_of(data), pinned=pinned))
    if "/" not in program and not program.endswith(SUFFIXES):
        found = _builtin(program)
        if found is not None:
            return Program(_verified(found, limits, program), program, Source("builtin", program, pinned=pinned))
    path = program
    if os.path.isdir(program):
        from eunomia.registry.folder import program_in

        path = program_in(program)
    return Program(_verified(_file(path), limits, path), path, Source("file", program, path, pinned=pinned))


def package_of(data: bytes, origin: str, *, remote: bool = False) -> Package:
    """Return the package in data, by what its first bytes say.

    Args:
        data: the bytes of a package, an object or a C source.
        origin: where they come from, for messages, names and relative includes.
        remote: they come from elsewhere, and are not given to a compiler.
    """
    from eunomia.package.model import Package

    if data[:4] == b"\x7fELF":
        return _of_object(data, origin)
    if data[:4] == WASM:
        raise PackageError(f"open {origin}: a Wasm guest, not a package [ecli run and ecli inspect take it]")
    if data[:2] == b"\x1f\x8b":
        raise PackageError(f"open {origin}: compressed with gzip [gunzip it first]")
    if not data.strip():
        raise PackageError(f"open {origin}: empty, not a package")
    if data[:1] != b"{" and _is_source(data, origin):
        if remote:
            raise UnsupportedError(
                f"open {origin}: a C source from elsewhere is not compiled [download it, read it, then run the file]"
            )
        return _compiled(data, origin)
    try:
        return Package.from_bytes(data, origin)
    except PackageError as exc:
        raise type(exc)(f"read {origin}: {str(exc).removeprefix('read package: ')}") from exc


def _of_object(data: bytes, origin: str) -> Package:
    from eunomia.package.model import Package

    try:
        return Package.from_object(data, file_name(origin))
    except PackageError as exc:  # it names a place in a package, and this is none
        cause = str(exc).removeprefix("`$.bpf_object`: ").removeprefix("read object: ")
        raise type(exc)(f"read {origin}: {cause}") from exc


def file_name(origin: str) -> str:
    """Return the last part of where a program came from, without a URL's query, as a name for its object."""
    return origin.partition("?")[0].rstrip("/").rpartition("/")[2].lstrip("-") or "program.bpf.o"


def _verified(data: bytes, limits: Limits, name: str) -> bytes:
    if limits.sha256:
        import hashlib

        expected = limits.sha256.lower().removeprefix("sha256:")
        actual = hashlib.sha256(data).hexdigest()
        if actual != expected:
            raise FetchError(f"open {name}: sha256 is {actual}, expected {expected}")
    return data


def _builtin(name: str) -> bytes | None:
    from eunomia import builtin

    try:
        return builtin.read(name)
    except FileNotFoundError:
        return None


def _file(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _not_found(path) from None
    except ValueError:  # a NUL in the name
        raise FetchError(f"open {path!r}: not a file name") from None
    except OSError as exc:
        raise _file_error(path, exc) from exc
    try:
        return _read(descriptor, MAX_FILE, path)
    except OSError as exc:
        raise _file_error(path, exc) from exc
    finally:
        os.close(descriptor)


def _file_error(path: str, exc: OSError) -> OSError:
    return OSError(exc.errno, f"open {path}: {(exc.strerror or str(exc)).lower()}")


def _read(descriptor: int, limit: int, name: str) -> bytes:
    """Read a descriptor to its end; regular files in one call."""
    chunks = []
    total = 0
    while chunk := os.read(descriptor, 1 << 20):
        chunks.append(chunk)
        total += len(chunk)
        if total > limit:
            raise PackageError(f"open {name}: larger than {limit >> 20} MB, not a package")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _download(url: str, limits: Limits) -> bytes:
    scheme = url.partition("://")[0].lower()
    if scheme in ("oci", "docker"):
        raise UnsupportedError(
            f"open {url}: OCI references are not supported by this version [use a file or an http URL]"
        )
    if scheme not in ("http", "https"):
        raise FetchError(f"open {url}: unknown URL scheme {scheme} (known are http and https)")
    from eunomia.registry.http import download

    return download(url, timeout=limits.timeout, max_size=limits.max_size)


def _not_found(program: str) -> FetchError | UnsupportedError:
    """Return the error for a name behind which there is nothing: never a try at some registry instead."""
    first, slash, _ = program.partition("/")
    is_host = first not in ("", ".", "..") and ("." in first or ":" in first or first == "localhost")
    if (slash and is_host and not program.endswith(SUFFIXES)) or (not slash and ":" in program):
        return UnsupportedError(f"open {program}: no such file, and OCI references are not supported by this version")
    if slash or program.endswith(SUFFIXES):
        return FetchError(f"open {program}: no such file")
    from difflib import get_close_matches

    from eunomia import builtin

    near = get_close_matches(program, builtin.names(), n=3, cutoff=0.55)
    hint = f"did you mean {' or '.join(near)}?" if near else "`ecli list` shows the built-in tools"
    return FetchError(f"open {program}: no such file or built-in tool [{hint}]")


def _is_source(data: bytes, origin: str) -> bool:
    if b"\0" in data[:4096]:
        return False
    if origin.endswith((".c", ".h")):
        return True
    return b"#include" in data and (b'SEC("' in data or b"__section" in data)


def _compiled(data: bytes, origin: str) -> Package:
    """Compile a source where it lies (for its relative includes); standard input by way of a temporary file.

    The import of the compiler is a sanctioned exception of the rooms' table: a source is a program as any other.
    """
    try:
        from eunomia.compiler import compile_source
    except ModuleNotFoundError as exc:
        from eunomia.errors import no_compiler

        raise no_compiler() from exc
    compiler: Callable[[str], Package] = compile_source
    if origin != "-":
        return compiler(origin)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ecli-") as folder:
        path = f"{folder}/stdin.bpf.c"
        with open(path, "wb") as file:
            file.write(data)
        return compiler(path)
