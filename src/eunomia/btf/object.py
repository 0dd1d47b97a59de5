"""The types of a BPF object file with what its ELF tables add: places of variables, maps, programs, licence."""

from __future__ import annotations

from eunomia.btf.elf import SHT_NOBITS, STT_FUNC, ElfFile, require_bpf
from eunomia.btf.types import ARRAY, DATASEC, DECL_TAG, EXTERN, PTR, STATIC, STRUCT, VAR, Btf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.btf.elf import Section, Symbol
    from eunomia.btf.types import Type

# enum bpf_map_type, include/uapi/linux/bpf.h
MAP_TYPES = [
    "unspec",
    "hash",
    "array",
    "prog_array",
    "perf_event_array",
    "percpu_hash",
    "percpu_array",
    "stack_trace",
    "cgroup_array",
    "lru_hash",
    "lru_percpu_hash",
    "lpm_trie",
    "array_of_maps",
    "hash_of_maps",
    "devmap",
    "sockmap",
    "cpumap",
    "xskmap",
    "sockhash",
    "cgroup_storage",
    "reuseport_sockarray",
    "percpu_cgroup_storage",
    "queue",
    "stack",
    "sk_storage",
    "devmap_hash",
    "struct_ops",
    "ringbuf",
    "inode_storage",
    "task_storage",
    "bloom_filter",
    "user_ringbuf",
    "cgrp_storage",
    "arena",
    "insn_array",
]
PERF_EVENT_ARRAY, STACK_TRACE, RINGBUF, USER_RINGBUF, ARENA = 4, 7, 27, 31, 33
_DATA_PREFIXES = (".data", ".rodata", ".bss")
HIDDEN_SECTIONS = ("eunomia.", ".data.eunomia")


class Variable:
    """A global variable; `type` is the type of its value."""

    __slots__ = ("linkage", "name", "offset", "size", "tag_id", "type")

    def __init__(self, name: str, type_id: int, *, offset: int, size: int, linkage: int, tag_id: int) -> None:
        self.name = name
        self.type = type_id
        self.offset = offset
        self.size = size
        self.linkage = linkage
        self.tag_id = tag_id

    @property
    def is_static(self) -> bool:
        """Whether other objects cannot see it, which keeps it out of skeletons."""
        return self.linkage == STATIC


class DataSection:
    """A section of variables (a DATASEC), in the order of their offsets."""

    __slots__ = ("name", "size", "variables")

    def __init__(self, name: str, size: int, variables: list[Variable]) -> None:
        self.name = name
        self.size = size
        self.variables = variables


class MapDefinition:
    """A map as the object's `.maps` section defines it. `type` is 0 where the definition leaves it out."""

    __slots__ = (
        "flags",
        "key_size",
        "key_type",
        "max_entries",
        "name",
        "offset",
        "pinning",
        "type",
        "value_size",
        "value_type",
    )

    def __init__(self, name: str, offset: int) -> None:
        self.name = name
        self.offset = offset
        self.type = self.flags = self.max_entries = self.pinning = 0
        self.key_size = self.value_size = self.key_type = self.value_type = 0

    @property
    def type_name(self) -> str:
        """The kernel's name of its type in lower case, as in `percpu_hash`."""
        return MAP_TYPES[self.type] if self.type < len(MAP_TYPES) else str(self.type)


class ProgramDefinition:
    """A program: the function, and the section that says where it attaches (without libbpf's leading `?`)."""

    __slots__ = ("autoload", "name", "nr_insns", "section")

    def __init__(self, name: str, section: str, nr_insns: int) -> None:
        self.name = name
        self.autoload = not section.startswith("?")
        self.section = section.removeprefix("?")
        self.nr_insns = nr_insns


class ObjectBtf:
    """An object file: its BTF, with variables placed by the symbol table, as libbpf does when it opens it.

    clang leaves the sizes of DATASECs and the offsets of global variables 0 in a relocatable object.

    Raises:
        PackageError: the bytes are no BPF object, or its tables are damaged.

    Source: libbpf 1.5 `btf_fixup_datasec`, `bpf_object__init_user_btf_maps`, `bpf_object__add_programs`.
    """

    __slots__ = ("_definitions", "_sections", "_symbols", "btf", "elf")

    def __init__(self, data: bytes) -> None:
        require_bpf(data)
        self.elf = ElfFile(data)
        section = self.elf.section(".BTF")
        self.btf = Btf.from_bytes(section.data) if section is not None and section.data else None
        self._sections: dict[str, DataSection] | None = None
        self._definitions: dict[str, MapDefinition] | None = None
        self._symbols: dict[str, Symbol] | None = None

    @property
    def sections(self) -> dict[str, DataSection]:
        """Sections of variables by name, in the order of their types. Empty without BTF."""
        if self._sections is None:
            self._sections = {}
            if self.btf is not None:
                for found in self.btf.of_kind(DATASEC):
                    self._sections.setdefault(found.name, self._section(self.btf, found))
        return self._sections

    @property
    def maps(self) -> dict[str, MapDefinition]:
        """Maps that the source defines, in the order of `.maps`."""
        if self._definitions is None:
            section = self.sections.get(".maps")
            self._definitions = {}
            if section is not None and self.btf is not None:
                for variable in section.variables:
                    self._definitions[variable.name] = _map_definition(self.btf, variable)
        return self._definitions

    @property
    def programs(self) -> list[ProgramDefinition]:
        """Programs in libbpf's order: by section, then by place in it. Subprograms (`.text`) are none."""
        sections = self.elf.sections
        found = [
            symbol
            for symbol in self.elf.symbols
            if symbol.type == STT_FUNC
            and 0 < symbol.section < len(sections)
            and _has_programs(sections[symbol.section])
        ]
        found.sort(key=lambda symbol: (symbol.section, symbol.value))
        return [ProgramDefinition(symbol.name, sections[symbol.section].name, symbol.size // 8) for symbol in found]

    @property
    def data_sections(self) -> list[Section]:
        """ELF sections that libbpf makes maps of, in its order."""
        return [section for section in self.elf.sections if _is_data(section)]

    @property
    def licence(self) -> str:
        """What the `license` section says; "" without one."""
        section = self.elf.section("license")
        return section.data.split(b"\0", 1)[0].decode("utf-8", "replace") if section is not None else ""

    def tags(self, type_id: int) -> list[str]:
        """Declaration tags of a type or variable itself (not of its members)."""
        if self.btf is None:
            return []
        return [tag.name for tag in self.btf.of_kind(DECL_TAG) if tag.ref == type_id and tag.component == -1]

    def initial(self, section: str, offset: int, size: int) -> bytes:
        """Return the bytes that the object gives a variable; zeroes in `.bss` and past a section's end."""
        found = self.elf.section(section)
        if found is None or found.type == SHT_NOBITS:
            return bytes(size)
        return found.data[offset : offset + size].ljust(size, b"\0")

    def section_size(self, name: str) -> int:
        """Return the size of an ELF section in memory, 0 when there is none."""
        found = self.elf.section(name)
        return found.size if found is not None else 0

    def _symbol(self, name: str) -> Symbol | None:
        if self._symbols is None:
            self._symbols = {
                symbol.name: symbol for symbol in self.elf.symbols if symbol.name and symbol.type != STT_FUNC
            }
        return self._symbols.get(name)

    def _section(self, btf: Btf, datasec: Type) -> DataSection:
        size = datasec.size or self.section_size(datasec.name)
        variables = []
        for var_id, stored, var_size in datasec.variables:
            offset = stored
            var = btf.type(var_id)
            if var.kind != VAR:  # `.ksyms` lists functions too
                continue
            linkage = var.linkage
            if linkage not in {STATIC, EXTERN}:
                symbol = self._symbol(var.name)
                if symbol is not None:
                    if datasec.size == 0:
                        offset = symbol.value
                    if symbol.is_hidden:
                        linkage = STATIC
            variables.append(
                Variable(
                    var.name,
                    var.ref,
                    offset=offset,
                    size=var_size or btf.sizeof(var.ref),
                    linkage=linkage,
                    tag_id=var_id,
                )
            )
        if datasec.name != ".kconfig":
            variables.sort(key=lambda variable: variable.offset)
        return DataSection(datasec.name, size, variables)


def _has_programs(section: Section) -> bool:
    return section.is_executable and section.name != ".text" and section.size > 0


def _is_data(section: Section) -> bool:
    name = section.name
    for prefix in _DATA_PREFIXES:
        if name == prefix or name.startswith(prefix + "."):
            if name.startswith(HIDDEN_SECTIONS):
                return False
            # a section of executable type, or relocations of one, is none of these
            if prefix == ".bss":
                return section.type == SHT_NOBITS
            return section.type == 1 and section.size > 0 and not section.is_executable
    return False


def _map_definition(btf: Btf, variable: Variable) -> MapDefinition:
    """Read `__uint(name, N)` (a pointer to an array of N ints) and `__type(name, T)` (a pointer to T)."""
    definition = MapDefinition(variable.name, variable.offset)
    struct = btf.resolve(variable.type)
    if struct.kind == ARRAY:
        struct = btf.resolve(struct.array[0])
    if struct.kind != STRUCT:
        return definition
    for member in struct.members:
        pointer = btf.resolve(member.type)
        if pointer.kind != PTR:
            continue
        if member.name in {"key", "value"}:
            size = btf.sizeof(pointer.ref)
            if member.name == "key":
                definition.key_type, definition.key_size = pointer.ref, size
            else:
                definition.value_type, definition.value_size = pointer.ref, size
            continue
        target = btf.resolve(pointer.ref)
        if target.kind == ARRAY and member.name in _NUMBERS:
            setattr(definition, _NUMBERS[member.name], target.array[1])
    return definition


_NUMBERS = {
    "type": "type",
    "max_entries": "max_entries",
    "map_flags": "flags",
    "key_size": "key_size",
    "value_size": "value_size",
    "pinning": "pinning",
}
