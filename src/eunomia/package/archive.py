"""The other forms of a package: tar with a BTF archive, YAML; and what bytes are that are none of them."""

from __future__ import annotations

import io
import tarfile
from typing import Any, NamedTuple

from eunomia.errors import MissingDependencyError, PackageError

_MAX_MEMBERS = 100_000
_MAX_TOTAL = 512 << 20
_MAX_BTF = 64 << 20
_MAX_PACKAGE = 256 << 20
_MAX_YAML = 64 << 20
_ARCHIVE = "btfhub-archive/"
_MACHINES = {"aarch64": ("aarch64", "arm64"), "x86_64": ("x86_64", "amd64")}  # uname says it so, BTFHub also otherwise
_MAGICS = (
    (b"EUREC\r\n", "a recording of events, not a package [ecli replay FILE]"),
    (b"\0asm", "a Wasm module, not a package"),
    (b"(module", "WebAssembly as text, not a module [wat2wasm or wasm-tools makes one of it]"),
    (b"(component", "WebAssembly as text, not a component [wasm-tools makes one of it]"),
    (b"\x1f\x8b", "gzip data (gunzip it: a package is plain JSON or plain tar)"),
    (b"\xfd7zXZ", "xz data (unpack it: a package is plain JSON or plain tar)"),
    (b"PK\3\4", "a zip archive, not a package"),
    (b"(\xb5/\xfd", "zstd data (unpack it: a package is plain JSON or plain tar)"),
    (b"#!", "a script, not a package"),
    (b"<", "an HTML or XML page, not a package"),
    (b"\x9f\xeb", "raw BTF, not a package"),
)


class TarMembers(NamedTuple):
    """What of a tar belongs to a package; `damage` says what of its archive could not be read."""

    package: bytes
    btf: dict[str, bytes]
    damage: str


def is_tar(data: bytes) -> bool:
    """Whether bytes begin with a tar header, by its checksum."""
    if len(data) < 512 or not data[0]:
        return False
    try:
        stated = int(data[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stated == sum(data[:148]) + 8 * 32 + sum(data[156:512])


def read_tar(data: bytes) -> TarMembers:
    """Return `package.json` and the files below `btfhub-archive/`. Nothing is unpacked to disk.

    What is wrong with the archive of BTF alone is no error: most kernels have their own.

    Raises:
        PackageError: damaged, without package.json, with a path that leaves the archive, or too large.
    """
    found = _read_members(data, ignore_zeros=False)
    if not found.package:  # a header before it may be damaged
        found = _read_members(data, ignore_zeros=True)
    if not found.package:
        raise PackageError("read tar: no package.json at its root")
    return found


def _read_members(data: bytes, ignore_zeros: bool) -> TarMembers:
    package, damage = b"", "a header in it is damaged" if ignore_zeros else ""
    btf: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", ignore_zeros=ignore_zeros) as tar:
            for number, member in enumerate(tar):
                name = _safe_name(member.name)
                total += member.size
                if number >= _MAX_MEMBERS or total > _MAX_TOTAL:
                    raise PackageError(f"read tar: more than {_MAX_MEMBERS} members or {_MAX_TOTAL} bytes")
                if name == "package.json":
                    package = _content(tar, member, name, _MAX_PACKAGE)
                elif name.startswith(_ARCHIVE) and not member.isdir():
                    try:
                        btf[name.removeprefix(_ARCHIVE)] = _archived(tar, member, name, btf)
                    except PackageError as exc:
                        damage = damage or str(exc).removeprefix("read tar: ")
    except (tarfile.TarError, EOFError, ValueError, OverflowError, OSError) as exc:
        if not package:
            raise PackageError(f"read tar: {exc} (truncated?)") from exc
        damage = damage or f"{exc} (truncated?)"
    return TarMembers(package, btf, damage)


def _archived(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, btf: dict[str, bytes]) -> bytes:
    """The BTF of a kernel; a hard link is one that stands before it: the same types."""
    if not member.islnk():
        return _content(tar, member, name, _MAX_BTF)
    target = _safe_name(member.linkname).removeprefix(_ARCHIVE)
    if target not in btf:
        raise PackageError(f"read tar: {name} is a link to {target!r:.80}, which does not stand before it")
    return btf[target]


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, limit: int) -> bytes:
    if not member.isreg():
        raise PackageError(f"read tar: {name} is no regular file")
    if member.size > limit or member.size < 0:
        raise PackageError(f"read tar: {name} has {member.size} bytes, at most {limit} are read")
    file = tar.extractfile(member)
    content = file.read() if file is not None else b""
    if len(content) != member.size:
        raise PackageError(f"read tar: {name} is cut off after {len(content)} of {member.size} bytes")
    return content


def _safe_name(name: str) -> str:
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise PackageError(f"read tar: member {name!r:.80} leaves the archive")
    return "/".join(parts)


def write_tar(package: bytes, elf: bytes, name: str, btf: dict[str, bytes]) -> bytes:
    """Return a tar as `ecc --btfgen` writes it: the archive, package.json, the object; the same bytes every time."""
    out = io.BytesIO()
    first: dict[bytes, str] = {}
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.GNU_FORMAT) as tar:
        members = [(f"./{_ARCHIVE}{path}", btf[path]) for path in sorted(btf)]
        for path, content in [*members, ("package.json", package), (name, elf)]:
            info = tarfile.TarInfo(path)
            info.mode = 0o644
            same = first.setdefault(content, path)
            if same == path:
                info.size = len(content)
            else:  # of kernels with the same types, the second is a link
                info.type, info.linkname = tarfile.LNKTYPE, same
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def find_btf(archive: dict[str, bytes], distribution: str, version: str, machine: str, release: str) -> bytes | None:
    """Return the BTF of a kernel: by the whole path, else by machine and release where these name one set of types.

    What is no BTF counts as not there.
    """
    from eunomia.btf.image import is_btf

    machines = _MACHINES.get(machine, (machine,))
    for name in machines:
        found = archive.get(f"{distribution}/{version}/{name}/{release}.btf")
        if found is not None and is_btf(found):
            return found
    for near in (f"{distribution}/", ""):
        others = {
            btf
            for path, btf in archive.items()
            if path.startswith(near) and _is_for(path, (*machines, "any"), release) and is_btf(btf)
        }
        if len(others) == 1:
            return others.pop()
    return None


def _is_for(path: str, machines: tuple[str, ...], release: str) -> bool:
    folders, _, name = path.rpartition("/")
    return name == f"{release}.btf" and folders.rpartition("/")[2] in machines


def looks_like_yaml(data: bytes) -> bool:
    """Whether bytes begin like a package written as YAML."""
    for line in data[:65536].splitlines():
        text = line.strip()
        if not text or text.startswith((b"#", b"%")) or text == b"---":
            continue
        return text.startswith((b"bpf_object", b"meta:", b"bpf_skel:"))
    return False


def parse_yaml(text: str) -> Any:
    """Return the tree of a YAML document.

    Raises:
        PackageError: malformed; MissingDependencyError: PyYAML is not installed.
    """
    yaml = _yaml("read")
    if len(text) > _MAX_YAML:
        raise PackageError(f"read YAML: {len(text)} characters, at most {_MAX_YAML} are read")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):  # aliases could blow up
                raise yaml.YAMLError("aliases are not allowed in a package")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)
    except RecursionError:
        raise PackageError("read YAML: nested too deep") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise PackageError(f"read YAML: {getattr(exc, 'problem', None) or exc}{where}") from exc


def dump_yaml(tree: Any) -> str:
    """Return a tree as YAML, keys sorted, without the aliases that parse_yaml() refuses."""
    yaml = _yaml("write")

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(tree, Dumper=Dumper, sort_keys=True, allow_unicode=True, width=1 << 30)
    return text


def _yaml(what: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingDependencyError(f"{what} YAML: PyYAML is not installed [pip install pyyaml]") from None
    return yaml


def describe(data: bytes) -> str:
    """Say in a few words what bytes are that are no package."""
    if not data.strip():
        return "it is empty"
    for magic, words in _MAGICS:
        if data.startswith(magic):
            return words
    if b"SEC(" in data[:65536] and b"#include" in data[:65536]:
        return "C source, not a package [ecc compiles it]"
    if data.lstrip()[:1] == b"[":
        return "not a package: JSON, perhaps, but not an object"
    return "not a package: neither JSON, tar, YAML, an ELF object nor a Wasm module"
