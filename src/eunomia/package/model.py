"""A package: a BPF object, its meta, and the BTF of other kernels that travels with it."""

from __future__ import annotations

from os import uname

from eunomia.errors import LegacyPackageError, PackageError
from eunomia.package import codec
from eunomia.package.check import check_meta, kind_of, ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike
    from typing import Any, TypeVar

    from eunomia.btf.object import ObjectBtf
    from eunomia.kernel import Object
    from eunomia.kernel.preflight import Report
    from eunomia.package.options import Option, Settings

    T = TypeVar("T")

MAX_FILE = 512 << 20
_MAX_PLAN = 16 << 20
_COMMON = {"x86_64": "x86", "aarch64": "arm64"}
_LEGACY_KEYS = ("data_sz", "data")


class Package:
    """What `ecc` makes and `ecli` runs.

    Attributes:
        object: the bytes of the BPF object (ELF).
        meta: the document beside it, as in docs/reference/package.md; keys that nobody knows are kept.
        btf_archive: BTF of kernels by path in the archive (`ubuntu/20.04/x86_64/5.4.0-91-generic.btf`).
        archive_damage: what of that archive could not be read, "" for nothing.
        origin: where it came from, for messages; "" if it was made here.
        whole: the package with the objects of all architectures, of which this one is a part; mostly itself.
    """

    kind = ""  # in the state file of its run; guests have another
    __slots__ = (
        "_object_btf",
        "_options",
        "archive_damage",
        "btf_archive",
        "extra",
        "meta",
        "object",
        "origin",
        "whole",
    )

    def __init__(
        self, object: bytes, meta: dict[str, Any], btf_archive: Mapping[str, bytes] | None = None, origin: str = ""
    ) -> None:
        self.object = object
        self.meta = meta
        self.btf_archive = dict(btf_archive or {})
        self.archive_damage = ""
        self.origin = origin
        self.extra: dict[str, Any] = {}
        self.whole: Package = self
        self._object_btf: ObjectBtf | None = None
        self._options: list[Option] | None = None

    # reading

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Package:
        """Read a package, or an object, from a file; or from a registry or web server, by its reference or URL.

        Raises:
            OSError: the file cannot be read.
            PackageError: it is no package, or a damaged one.
            FetchError: it cannot be fetched; `eunomia.resolve` finds built-in tools and those of hubs too.
        """
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE + 1)
        except FileNotFoundError:
            from eunomia.registry.reference import is_reference

            if not isinstance(path, str) or not (is_reference(path) or path.startswith(("http://", "https://"))):
                raise
            from eunomia.registry.resolve import resolve

            return resolve(path)
        if len(data) > MAX_FILE:
            raise PackageError(f"read package: {path} has more than {MAX_FILE} bytes")
        return cls.from_bytes(data, str(path))

    @classmethod
    def from_bytes(cls, data: bytes, origin: str = "") -> Package:
        """Read a package from bytes; they decide what it is: JSON, tar, YAML, or an ELF object.

        Raises:
            PackageError: none of these, or a damaged one.
        """
        start = data[:16].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start == b"{" or (not start and b"{" in data[:4096]):
            return cls._from_tree(codec.parse_json(codec.decode_text(data)), origin)
        if data[:4] == b"\x7fELF":
            return cls.from_object(data, origin.rsplit("/", 1)[-1] or "object")
        return cls._from_other(data, origin)

    @classmethod
    def _from_other(cls, data: bytes, origin: str) -> Package:
        from eunomia.package import archive

        if archive.is_tar(data):
            members = archive.read_tar(data)
            package = cls.from_bytes(members.package, origin)
            package.btf_archive, package.archive_damage = members.btf, members.damage
            return package
        if archive.looks_like_yaml(data):
            return cls._from_tree(archive.parse_yaml(codec.decode_text(data)), origin)
        raise PackageError(f"read package: {archive.describe(data)}")

    @classmethod
    def from_parts(cls, meta: bytes, elf: bytes, origin: str = "") -> Package:
        """Read a bare meta (`NAME.skel.json`) and the object that belongs to it."""
        tree = codec.parse_json(codec.decode_text(meta))
        check_meta(tree, "$")
        return cls(elf, tree, origin=origin)

    @classmethod
    def _from_tree(cls, tree: Any, origin: str) -> Package:
        if type(tree) is not dict:
            raise PackageError(f"`$`: expected object, got {kind_of(tree)}")
        _refuse_legacy(tree)
        for key in ("bpf_object", "bpf_object_size", "meta"):
            if key not in tree:
                raise PackageError(f"`$.{key}`: required, but missing")
        packed, size = tree["bpf_object"], tree["bpf_object_size"]
        if type(packed) is not str:
            raise PackageError(f"`$.bpf_object`: expected str, got {kind_of(packed)}")
        if type(size) is not int:
            raise PackageError(f"`$.bpf_object_size`: expected int, got {kind_of(size)}")
        if size < 0:
            raise PackageError(f"`$.bpf_object_size`: expected a size, got {max(size, -(1 << 63))}")
        check_meta(tree["meta"])
        package = cls(codec.unpack_object(packed, size, "$.bpf_object"), tree["meta"], origin=origin)
        if len(tree) > 3:
            package.extra = {
                key: value for key, value in tree.items() if key not in {"bpf_object", "bpf_object_size", "meta"}
            }
        return package

    # making

    @classmethod
    def from_object(
        cls,
        elf: bytes,
        name: str,
        *,
        annotations: Mapping[str, Any] | None = None,
        event_types: Mapping[str, Any] | None = None,
        exports: Sequence[str] = (),
        producer: Mapping[str, Any] | None = None,
    ) -> Package:
        """Make a package of an object; its meta is inferred from the object's types, maps and sections.

        Args:
            elf: the object.
            name: its file's name, as in `opensnoop.bpf.o`; it gives libbpf's object name.
            annotations: what comments say: {"maps": {NAME: {key: value}}, "progs": …, "variables": …, "doc": {…}}.
            event_types: names (or BTF ids) of the types that each ring or perf map delivers, the likeliest first, or
                {"field": name, "types": {value: name}}.
            exports: names of structs for `export_types` besides, as a header given to ecc lists them.
            producer: who made it, for `meta.eunomia.producer`.
        """
        from eunomia.package.build import build_meta

        package = cls(elf, {}, origin=name)
        package.meta = build_meta(
            package.types,
            name,
            annotations=annotations or {},
            event_types=event_types or {},
            exports=exports,
            producer=producer,
        )
        return package

    # writing

    def to_tree(self) -> dict[str, Any]:
        """Return the document that the package is written as."""
        return {
            **self.extra,
            "bpf_object": codec.pack(self.object),
            "bpf_object_size": len(self.object),
            "meta": self.meta,
        }

    def to_json(self) -> str:
        """Return the package as JSON: minified, keys sorted, the same for the same content. Drops the BTF archive."""
        return codec.dump_json(self.to_tree())

    def to_yaml(self) -> str:
        """Return the package as YAML. Needs PyYAML (MissingDependencyError)."""
        from eunomia.package.archive import dump_yaml

        return dump_yaml(self.to_tree())

    def to_tar(self) -> bytes:
        """Return the package with its BTF archive and its object as an uncompressed tar."""
        from eunomia.package.archive import write_tar

        return write_tar(self.to_json().encode(), self.object, self.name.removesuffix("_bpf"), self.btf_archive)

    # using

    @property
    def name(self) -> str:
        """libbpf's name of the object, as in `opensnoop_bpf`."""
        name: str = self.meta["bpf_skel"]["obj_name"]
        return name

    @property
    def types(self) -> ObjectBtf:
        """The object's types and sections, read on first use.

        Raises:
            PackageError: the object's ELF or BTF is damaged.
        """
        if self._object_btf is None:
            from eunomia.btf.object import ObjectBtf

            try:
                self._object_btf = ObjectBtf(self.object)
            except PackageError as exc:
                raise PackageError(f"`$.bpf_object`: {exc}") from exc
        return self._object_btf

    def options(self) -> list[Option]:
        """Return the variables that can be set, in the order of the package; `switches` are assigned."""
        if self._options is None:
            from eunomia.package.table import from_rows

            rows = ours(self.meta).get("options")
            if rows is None:
                from eunomia.package.build import option_rows

                rows = self._damage(option_rows)
            self._options = from_rows(rows, "$.meta.eunomia.options")
        return self._options

    def plan(self) -> bytes:
        """Return the plan of its event sources and sampled maps (native/plan.h)."""
        packed = ours(self.meta).get("plan")
        if packed is None:
            from eunomia.package.build import plan_bytes

            return self._damage(plan_bytes)
        place = "$.meta.eunomia.plan"
        if type(packed) is not str:
            raise PackageError(f"`{place}`: expected str, got {kind_of(packed)}")
        return codec.inflate(codec.unpack(packed, place), place, _MAX_PLAN)

    @property
    def has_guest(self) -> bool:
        """Whether it carries a Wasm guest that gets its events; `package.guest.guest_of` has it."""
        return ours(self.whole.meta).get("guest") is not None

    def settings(self, values: Mapping[str, Any] | None = None) -> Settings:
        """Return what to write before load for these values (by variable name), the package's defaults included.

        Raises:
            OptionError: a name is unknown, or a value malformed or out of range.
        """
        from eunomia.package.options import settings

        return settings(self.options(), values or {})

    @property
    def architectures(self) -> list[str]:
        """The architectures (the kernel's names: x86, arm64…) that it has an object for, that of `object` first.

        Empty where nothing in the object depends on the architecture, and where the package does not say: it is refused
        nowhere then.
        """
        from eunomia.package.arches import served

        return served(self)

    def for_arch(self, arch: str | None = None) -> Package:
        """Return the package as one architecture runs it: with that architecture's object and what goes with it.

        Args:
            arch: any name of it (x86_64, amd64, arm64…); None: this machine's.

        Returns:
            The package itself where its own object serves that architecture, else one with that architecture's object.

        Raises:
            UnsupportedError: it was made for other architectures.
            PackageError: its entry for this one is damaged.
        """
        if arch is None and self._is_for(uname().machine):
            return self
        from eunomia.package.arches import check_byte_order, choose, kernel_name, machine, refusal

        name = machine() if arch is None else kernel_name(arch)
        found = choose(self, name)
        if found is None:
            raise refusal(self, name)
        if arch is None:
            check_byte_order(found)
        return found

    def here(self) -> Package:
        """Return the package as this machine runs it; itself where it has nothing for it, which `for_arch()` tells."""
        if self._is_for(uname().machine):
            return self
        from eunomia.package.arches import choose, machine

        return choose(self, machine()) or self

    def _is_for(self, machine: str) -> bool:
        """Whether that is plain without looking closer: this is on the way of every start."""
        served = ours(self.meta).get("arch")
        if served is None:
            return self.object[5:6] == b"\1" or self.object[:4] != b"\x7fELF"
        return type(served) is list and _COMMON.get(machine) in served

    def load(self, options: Mapping[str, Any] | None = None, **keywords: Any) -> Object:
        """Open the object, write these options and the package's defaults, and load it into the kernel.

        Args:
            options: values by variable name.
            keywords: what `kernel.Object.open` takes (`btf`, `plain_btf`, …).
        """
        from eunomia.kernel import Object

        chosen = self.for_arch()
        wanted = chosen.settings(options)
        kconfig = keywords.pop("kconfig", "") + wanted.kconfig
        opened = Object.open(chosen, kconfig=kconfig, **keywords)
        try:
            for section, offset, data in wanted.writes:
                opened.write(section, offset, data)
            opened.load()
        except BaseException:
            opened.close()
            raise
        return opened

    def check(self, kernel_btf: str | None = None, load: bool = False, **run: Any) -> Report:
        """Find out whether it runs on this kernel, or on another one by its BTF file; see `eunomia.kernel.preflight`.

        Args:
            kernel_btf: file with another kernel's types (raw BTF, or vmlinux); None: the running kernel.
            load: load it too, and report what the verifier says. Needs the privileges of a run.
            run: what the run will be given: `values`, `targets`, `enable`, `skip`, `btf`; `target`: a kernel that is
                asked about many packages.

        Returns:
            The findings; `.runs` is "yes", "no" or "unknown".
        """
        from eunomia.kernel.preflight import check

        return check(self, kernel_btf, load, **run)

    def seal(self) -> Package:
        """Write plan and option table into `meta.eunomia`, so that a run need not make them from the object's types.

        Returns:
            The package itself.
        """
        from eunomia.package.build import seal

        self._damage(seal)
        self._options = None
        return self

    def archived_btf(self, distribution: str, version: str, machine: str, release: str) -> bytes | None:
        """Return the BTF of a kernel from the archive, or None.

        Args:
            distribution: `ID` of its os-release; version: `VERSION_ID`; machine and release: as uname says. Where the
                archive has no such distribution, machine and release alone decide.
        """
        from eunomia.package.archive import find_btf

        return find_btf(self.btf_archive, distribution, version, machine, release)

    def _damage(self, make: Callable[[dict[str, Any], ObjectBtf], T]) -> T:
        """Call make(meta, types); damage that the object's types show is reported at its place."""
        try:
            return make(self.meta, self.types)
        except PackageError as exc:
            if str(exc).startswith("`"):
                raise
            raise PackageError(f"`$.bpf_object`: {exc}") from exc


def _refuse_legacy(tree: dict[str, Any]) -> None:
    """Say what an old or half document is."""
    if "bpf_object" not in tree and all(key in tree for key in _LEGACY_KEYS):
        raise LegacyPackageError(
            "read package: a flat package of before 2022-11 (eunomia 0.1, 0.2), which cannot be run "
            "[compile its source again with ecc]"
        )
    if isinstance(tree.get("ebpf_data"), str | dict) and "bpf_object" not in tree:
        raise LegacyPackageError(
            "read package: a request of the HTTP server of before 2022-11 with a flat package in `ebpf_data`, which "
            "cannot be run [compile its source again with ecc]"
        )
    if "bpf_object" in tree and "meta" in tree and "bpf_object_size" not in tree:
        raise LegacyPackageError(
            "`$.bpf_object_size`: required, but missing: a package of 2022-10, from before the format was settled "
            "[compile its source again with ecc]"
        )
    if "bpf_skel" in tree and "bpf_object" not in tree:
        raise PackageError("read package: a meta without its object [package.json of ecc has both]")
