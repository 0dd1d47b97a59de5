"""From what a user calls a program to its package: a file, a built-in tool, a URL, an image, a hub's tool, or `-`.

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

LOCK = "eunomia.lock"
SUFFIXES = (".json", ".tar", ".o", ".c", ".wasm", ".yaml", ".yml")
WASM = b"\0asm"
MAX_FILE = 256 << 20  # bytes; a package with BTF of many kernels has some tens of MB
MAX_DOWNLOAD = 64 << 20
TIMEOUT = 30.0  # seconds


class Limits:
    """How a program is fetched, what may be spent on it, and what it must be.

    Args:
        timeout: seconds for the whole download.
        max_size: bytes that a download may have.
        sha256: hexadecimal digest that the bytes must have, "" for any. It is checked before anything is parsed.
        pull: `always` asks the registry or web server, `missing` only where the cache has nothing, `never` does not
            ask; "" is `missing` for images, and `always` for URLs.
        offline: nobody is asked, whatever `pull` says.
        plain_http: registries without TLS; None: those on loopback.
        ca_file: PEM file of certificates that are trusted besides the system's, "" for none.
        platform: of an image with several: `linux/arm64`; "" for this machine's.
        member: of an image with several programs: the title, path or digest of the one, "" for the one there is.
        lock: path of the lock file; "" is `eunomia.lock` in the current folder, where there is one of ours.
        locked: only what the lock file has may come from elsewhere.
        tell: called with a line that a user should see, and whether it is a warning (others are details).
        progress: called with what is downloaded, the bytes that came, and the bytes that it has (-1: unknown).

    Attributes:
        mark: called with the name of each part of the work when it is done.
    """

    __slots__ = (
        "ca_file", "lock", "locked", "mark", "max_size", "member", "offline", "plain_http", "platform", "progress",
        "pull", "sha256", "tell", "timeout",
    )  # fmt: skip

    def __init__(
        self,
        timeout: float = TIMEOUT,
        max_size: int = MAX_DOWNLOAD,
        sha256: str = "",
        *,
        pull: str = "",
        offline: bool = False,
        plain_http: bool | None = None,
        ca_file: str = "",
        platform: str = "",
        member: str = "",
        lock: str = "",
        locked: bool = False,
        tell: Callable[[str, bool], None] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.timeout = timeout
        self.max_size = max_size
        self.sha256 = sha256
        self.pull = pull
        self.offline = offline
        self.plain_http = plain_http
        self.ca_file = ca_file
        self.platform = platform
        self.member = member
        self.lock = lock
        self.locked = locked
        self.tell = tell
        self.progress = progress
        self.mark: Callable[[str], None] = _unmarked

    def say(self, line: str) -> None:
        """Tell a detail."""
        if self.tell is not None:
            self.tell(line, False)

    def warn(self, line: str) -> None:
        """Tell what a user should see."""
        if self.tell is not None:
            self.tell(line, True)


def _unmarked(_part: str) -> None:
    """Let a part of the work pass unmeasured."""


def resolve(program: str, limits: Limits | None = None) -> Package:
    """Return the package that `program` names.

    Args:
        program: a path, the name of a built-in tool or of one in a hub, an image's reference, an http or https URL, or
            `-` for standard input (docs/reference/names.md).
        limits: how it is fetched, and the digest that the bytes must have.

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
    if program == "-":
        data = verified(_read(0, MAX_FILE, "standard input"), limits, "standard input")
        return Program(data, "-", Source("stdin", "-", pinned=bool(limits.sha256)))
    if limits.lock or limits.locked or os.path.lexists(LOCK):
        from eunomia.registry.lock import held

        return held(program, limits, find)
    return find(program, limits)


def find(program: str, limits: Limits) -> Program:
    """Return the bytes of what `program` names: a file, a built-in tool, or what `names` finds elsewhere.

    Raises:
        FetchError, PackageError, OSError: as for `fetch`.
    """
    pinned = bool(limits.sha256)
    if "://" not in program:
        is_word = "/" not in program and not program.endswith(SUFFIXES)
        path = _path(program, is_word, limits)
        data = _builtin(program) if is_word and not path else None
        if data is not None:
            limits.say(f"{program}: a built-in tool")
            return Program(verified(data, limits, program), program, Source("builtin", program, pinned=pinned))
        path = path or (program if os.path.isdir(program) else "")
        if path and os.path.isdir(path):
            from eunomia.registry.folder import program_in

            path = program_in(path)
        if path:
            limits.say(f"{program}: {'the file' if path == program else path}")
            return Program(verified(_file(path), limits, path), path, Source("file", program, path, pinned=pinned))
    if limits.locked:
        raise FetchError(f"open {program}: not in {limits.lock or LOCK}, and --locked was given [ecli lock {program}]")
    from eunomia.registry.names import elsewhere

    found = elsewhere(program, limits)
    verified(found.data, limits, program)
    found.source.pinned |= pinned
    return found


def _path(program: str, is_word: bool, limits: Limits) -> str:
    """Return the path of the file that program is, "" for none. The folder of a word is looked at later.

    A file goes before a built-in tool of its name; another user's does not: he may wait there for root to come by.
    """
    try:
        facts = os.stat(program)
    except (OSError, ValueError):
        return "" if is_word or not is_file_name(program) else program
    if is_word and facts.st_mode & 0o170000 == 0o040000:
        return ""
    if is_word and _builtin(program) is not None:
        if facts.st_uid not in own_users():
            limits.warn(f"{program}: the built-in tool; the file in this folder is another user's [./{program} is it]")
            return ""
        if facts.st_mode & 0o111:  # as `ecli export --format standalone` writes it
            limits.warn(
                f"{program}: the built-in tool; the file in this folder is executable itself [./{program} is it]"
            )
            return ""
        limits.warn(f"{program}: the file in this folder, not the built-in tool of that name")
    return program


def is_file_name(program: str) -> bool:
    """Return whether a name has a form that only files have."""
    if program[:1] in (".", "/", "~") or "\0" in program:
        return True
    from eunomia.registry.reference import is_reference

    return program.endswith(SUFFIXES) and not is_reference(program)


def own_users() -> tuple[int, ...]:
    """Return the numbers of the users whose files in the current folder are trusted: our own, root, who called sudo."""
    own = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if own == 0 else ""
    return (own, 0, int(caller)) if caller.isdecimal() else (own, 0)


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


def verified(data: bytes, limits: Limits, name: str) -> bytes:
    """Return data, or raise FetchError where it has not the digest that it must have."""
    if limits.sha256:
        from eunomia.registry.store import digest_of

        expected = limits.sha256.lower().removeprefix("sha256:")
        actual = digest_of(data).removeprefix("sha256:")
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
        raise FetchError(f"open {path}: no such file") from None
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
        from eunomia.errors import missing_part

        missing = missing_part(exc.name or "")
        if missing is None:
            raise
        raise missing from exc
    compiler: Callable[[str], Package] = compile_source
    if origin != "-":
        return compiler(origin)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ecli-") as folder:
        path = f"{folder}/stdin.bpf.c"
        with open(path, "wb") as file:
            file.write(data)
        return compiler(path)
