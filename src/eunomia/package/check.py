"""Validation of a package's meta: each key has the type that upstream's loader demands; errors name the place."""

from __future__ import annotations

from eunomia.errors import LegacyPackageError, PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_ITEMS = 65_536
MAX_NAME = 4096
_NAMES = {str: "str", int: "int", bool: "bool", float: "float", list: "array", dict: "object", type(None): "null"}
_SAMPLE_TYPES = ("default_kv", "log2_hist", "linear_hist")
_FIELD_MAP = ("pid", "cpu_id", "comm", "kstack_sz", "ustack_sz", "kstack", "ustack")


def kind_of(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    return _NAMES.get(type(value), type(value).__name__)


def check_meta(meta: Any, place: str = "$.meta") -> None:
    """Check a meta (EunomiaObjectMeta).

    Raises:
        PackageError: a required key is missing, or a value has another type than the format says.

    Source: reference of the format, docs/reference/package.md.
    """
    _object(meta, place)
    skel = _need(meta, "bpf_skel", place)
    check_skel(skel, place + ".bpf_skel")
    export = meta.get("export_types", [])
    if isinstance(export, dict) and "export_btf" in export:
        raise LegacyPackageError(
            f"`{place}.export_types`: a package of 2022-10, from before the format was settled "
            "(compile its source again with ecc)"
        )
    for index, item in enumerate(_array(export, place + ".export_types")):
        _export_type(item, f"{place}.export_types[{index}]")
    for key in ("perf_buffer_pages", "perf_buffer_time_ms"):
        if key in meta:
            _unsigned(meta[key], f"{place}.{key}")
    if "poll_timeout_ms" in meta:
        _typed(meta["poll_timeout_ms"], int, place + ".poll_timeout_ms")
    for key in ("debug_verbose", "print_header", "enable_multiple_export_types"):
        if key in meta:
            _typed(meta[key], bool, f"{place}.{key}")
    if "eunomia" in meta:
        _object(meta["eunomia"], place + ".eunomia")
        if "data_sections" in ours(meta):
            check_sections(meta["eunomia"]["data_sections"], place + ".eunomia.data_sections")


def ours(meta: dict[str, Any]) -> dict[str, Any]:
    """Return `meta.eunomia` when it is there and of the version that we know, else an empty object."""
    found = meta.get("eunomia")
    return found if type(found) is dict and found.get("version") == 1 else {}


def check_skel(skel: Any, place: str) -> None:
    """Check a `bpf_skel`."""
    _object(skel, place)
    _name(_need(skel, "obj_name", place), place + ".obj_name")
    check_sections(_need(skel, "data_sections", place), place + ".data_sections")
    for key, check in (("maps", _map), ("progs", _prog)):
        items = _need(skel, key, place)
        for index, item in enumerate(_array([] if items is None else items, f"{place}.{key}")):
            check(item, f"{place}.{key}[{index}]")
    if skel.get("doc") is not None:
        doc = _object(skel["doc"], place + ".doc")
        for key in ("version", "brief", "details", "description"):
            if doc.get(key) is not None:
                _typed(doc[key], str, f"{place}.doc.{key}")


def check_sections(sections: Any, place: str) -> None:
    """Check data sections with their variables."""
    for index, section in enumerate(_array(sections, place)):
        where = f"{place}[{index}]"
        _object(section, where)
        _name(_need(section, "name", where), where + ".name")
        for row, variable in enumerate(_array(_need(section, "variables", where), where + ".variables")):
            _variable(variable, f"{where}.variables[{row}]")


def _variable(variable: Any, place: str) -> None:
    _object(variable, place)
    _name(_need(variable, "name", place), place + ".name")
    _name(_need(variable, "type", place), place + ".type")
    if variable.get("description") is not None:
        _typed(variable["description"], str, place + ".description")
    if "cmdarg" in variable:
        cmdarg = _object(variable["cmdarg"], place + ".cmdarg")
        for key in ("long", "short", "help"):
            if cmdarg.get(key) is not None:
                _typed(cmdarg[key], str, f"{place}.cmdarg.{key}")
        short = cmdarg.get("short")
        if short is not None and len(short) != 1:
            raise PackageError(f"`{place}.cmdarg.short`: expected one character, got {short!r:.40}")


def _map(item: Any, place: str) -> None:
    _object(item, place)
    for key in ("name", "ident"):
        _name(_need(item, key, place), f"{place}.{key}")
    if "mmaped" in item:
        _typed(item["mmaped"], bool, place + ".mmaped")
    if item.get("sample") is not None:
        _sample(item["sample"], place + ".sample")
    if "export_config" in item:
        _export_config(item["export_config"], place + ".export_config")
    if "intepreter" in item:
        _intepreter(item["intepreter"], place + ".intepreter")


def _sample(sample: Any, place: str) -> None:
    _object(sample, place)
    _unsigned(_need(sample, "interval", place), place + ".interval")
    if "type" in sample and sample["type"] not in _SAMPLE_TYPES:
        got = sample["type"] if isinstance(sample["type"], str) else kind_of(sample["type"])
        raise PackageError(f"`{place}.type`: expected {', '.join(_SAMPLE_TYPES)}, got {got!r:.40}")
    if "unit" in sample:
        _typed(sample["unit"], str, place + ".unit")
    if "clear_map" in sample:
        _typed(sample["clear_map"], bool, place + ".clear_map")


def _export_config(config: Any, place: str) -> None:
    if config in ("no_export", "default"):
        return
    if isinstance(config, dict) and len(config) == 1:
        if "btf_type_id" in config:
            _unsigned(config["btf_type_id"], place + ".btf_type_id")
            return
        if "custom_members" in config:
            for index, item in enumerate(_array(config["custom_members"], place + ".custom_members")):
                where = f"{place}.custom_members[{index}]"
                _object(item, where)
                _name(_need(item, "name", where), where + ".name")
                for key in ("offset", "btf_type_id"):
                    _unsigned(_need(item, key, where), f"{where}.{key}")
            return
    got = repr(config) if isinstance(config, str) else kind_of(config)
    raise PackageError(
        f'`{place}`: expected "no_export", "default", {{"btf_type_id"}} or {{"custom_members"}}, got {got:.40}'
    )


def _intepreter(value: Any, place: str) -> None:
    if value == "default_struct":
        return
    if not (isinstance(value, dict) and len(value) == 1 and "stack_trace" in value):
        got = repr(value) if isinstance(value, str) else kind_of(value)
        raise PackageError(f'`{place}`: expected "default_struct" or {{"stack_trace": {{…}}}}, got {got:.40}')
    trace = _object(value["stack_trace"], place + ".stack_trace")
    if "with_symbols" in trace:
        _typed(trace["with_symbols"], bool, place + ".stack_trace.with_symbols")
    if "field_map" in trace:
        fields = _object(trace["field_map"], place + ".stack_trace.field_map")
        for key in _FIELD_MAP:
            if fields.get(key) is not None:
                _typed(fields[key], str, f"{place}.stack_trace.field_map.{key}")


def _prog(item: Any, place: str) -> None:
    _object(item, place)
    for key in ("name", "attach"):
        _name(_need(item, key, place), f"{place}.{key}")
    _typed(_need(item, "link", place), bool, place + ".link")


def _export_type(item: Any, place: str) -> None:
    _object(item, place)
    _name(_need(item, "name", place), place + ".name")
    for key in ("size", "type_id"):
        _unsigned(_need(item, key, place), f"{place}.{key}")
    for index, member in enumerate(_array(_need(item, "members", place), place + ".members")):
        where = f"{place}.members[{index}]"
        _object(member, where)
        for key in ("name", "type"):
            _name(_need(member, key, where), f"{where}.{key}")


def _need(value: dict[str, Any], key: str, place: str) -> Any:
    if key not in value:
        raise PackageError(f"`{place}.{key}`: required, but missing")
    return value[key]


def _typed(value: Any, expected: type, place: str) -> None:
    if type(value) is not expected:
        raise PackageError(f"`{place}`: expected {_NAMES[expected]}, got {kind_of(value)}")


def _unsigned(value: Any, place: str) -> None:
    _typed(value, int, place)
    if not 0 <= value < 1 << 64:
        raise PackageError(
            f"`{place}`: expected an unsigned 64-bit number, got {value if abs(value) < 1 << 99 else 'a longer one'}"
        )


def _name(value: Any, place: str) -> None:
    _typed(value, str, place)
    if len(value) > MAX_NAME:
        raise PackageError(f"`{place}`: {len(value)} characters, at most {MAX_NAME} are read")
    if "\0" in value:
        raise PackageError(f"`{place}`: contains a NUL character")


def _object(value: Any, place: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise PackageError(f"`{place}`: expected object, got {kind_of(value)}")
    return value


def _array(value: Any, place: str) -> list[Any]:
    if type(value) is not list:
        raise PackageError(f"`{place}`: expected array, got {kind_of(value)}")
    if len(value) > MAX_ITEMS:
        raise PackageError(f"`{place}`: {len(value)} items, at most {MAX_ITEMS} are read")
    return value
