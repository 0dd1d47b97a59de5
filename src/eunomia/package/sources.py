"""Which maps of a package are sources of events or are sampled, and with which types: what goes into its plan."""

from __future__ import annotations

from eunomia.btf.decoders import parse
from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF, STACK_TRACE
from eunomia.btf.plan import (
    CLEAR,
    FINAL,
    IN_VALUE,
    LINEAR_HIST,
    LOG2_HIST,
    MATCH_SIZE,
    MATCH_VALUE,
    PERF,
    RING,
    ROLES,
    SAMPLE,
    STACKS,
    SYMBOLS,
    Plan,
    Record,
    Source,
)
from eunomia.btf.types import ENUM, ENUM64, INT, STRUCT, UNION
from eunomia.errors import PackageError
from eunomia.package.check import ours
from eunomia.package.guess import guess, similarity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from eunomia.btf.decoders import StaticMap
    from eunomia.btf.object import MapDefinition, ObjectBtf
    from eunomia.btf.types import Btf, Type

_STYLES = {"log2_hist": LOG2_HIST, "linear_hist": LINEAR_HIST}
_KERNEL_STACK_IDS = (
    "kern_stack_id",
    "kernel_stack_id",
    "kstack_id",
    "kstackid",
    "kstack",
    "kern_stack",
    "kernel_stack",
    "stack_id",
)
_USER_STACK_IDS = ("user_stack_id", "ustack_id", "ustackid", "ustack", "user_stack")
_PIDS = ("pid", "tgid", "tid")
_COMMS = ("comm", "name", "task")
_CPUS = ("cpu_id", "cpu")
_MAX_INTERVAL = 0xFFFFFFFF
_MAX_MEMBERS = 500  # that are looked through for a field


def build_plan(meta: dict[str, Any], obj: ObjectBtf) -> bytes:
    """Return the plan of a package, from its meta and the types in its object.

    Raises:
        PackageError: the meta names types that the object does not have.
    """
    plan = Plan(obj.btf)
    chooser = _Chooser(meta, obj, plan)
    sources = []
    for index, entry in enumerate(meta["bpf_skel"]["maps"] or []):
        try:
            source = chooser.source(entry)
        except PackageError as exc:
            text = str(exc)
            if text.startswith("`"):
                raise
            raise PackageError(f"`$.meta.bpf_skel.maps[{index}]`: {text}") from exc
        if source is not None:
            sources.append(source)
    return plan.to_bytes(sources)


def event_types(meta: dict[str, Any], obj: ObjectBtf, entry: dict[str, Any]) -> list[Type]:
    """Return the types that a ring or perf map delivers, the likeliest first; [] where nothing tells.

    Args:
        entry: the map's, of `bpf_skel.maps`.
    """
    definition = obj.maps.get(entry["name"])
    chooser = _Chooser(meta, obj, Plan(obj.btf))
    chosen = chooser.types(entry, definition) if definition is not None else []
    return [chooser.named(name) for name in _by_field(chosen)[1].values()] if isinstance(chosen, dict) else chosen


class _Chooser:
    def __init__(self, meta: dict[str, Any], obj: ObjectBtf, plan: Plan) -> None:
        self.meta = meta
        self.obj = obj
        self.plan = plan
        self.exports: list[dict[str, Any]] = meta.get("export_types") or []
        self.multiple = bool(meta.get("enable_multiple_export_types"))
        told = ours(meta).get("event_types")
        self.told: dict[str, Any] = told if isinstance(told, dict) else {}
        self.guessed = False

    def source(self, entry: dict[str, Any]) -> Source | None:
        definition = self.obj.maps.get(entry["name"])
        if definition is None:
            return None
        if entry.get("sample") is not None:
            if self.multiple and entry.get("export_config", "no_export") == "no_export":
                return None
            return self._sample(entry, definition)
        if definition.type in {RINGBUF, PERF_EVENT_ARRAY}:
            if (
                self.multiple
                and entry.get("export_config", "no_export") == "no_export"
                and entry["name"] not in self.told
            ):
                return None
            return self._events(entry, definition)
        return None

    # events

    def _events(self, entry: dict[str, Any], definition: MapDefinition) -> Source:
        source = Source(entry["name"], RING if definition.type == RINGBUF else PERF)
        decoders = _decoders(entry)
        config = entry.get("export_config")
        if isinstance(config, dict) and "custom_members" in config:
            rows = [(row["name"], row["offset"], row["btf_type_id"]) for row in config["custom_members"]]
            source.records.append(self._record(self.plan.add_members(entry["name"], rows, decoders)))
        else:
            self._typed_records(source, entry, definition, decoders)
        if not source.records:
            source.records.append(Record(self.plan.add_bytes(), 0))
        self._stack_roles(source, entry)
        return source

    def _record(self, index: int) -> Record:
        return Record(index, self.plan.size(index))

    def _typed_records(
        self, source: Source, entry: dict[str, Any], definition: MapDefinition, decoders: dict[str, int | StaticMap]
    ) -> None:
        chosen = self.types(entry, definition)
        if isinstance(chosen, dict):
            source.records += self._by_value(chosen, decoders)
            return
        for found in chosen:
            record = self._record(self.plan.add(found.id, decoders, "value"))
            if all(record.type != other.type for other in source.records):
                source.records.append(record)
        if len(source.records) > 1:
            for record in source.records:
                record.flags = MATCH_SIZE
            # what matches none by its size: the likeliest; where all are guesses, bytes
            first = source.records[0]
            source.records.append(Record(self.plan.add_bytes(), 0) if self.guessed else Record(first.type, first.size))

    def types(self, entry: dict[str, Any], definition: MapDefinition) -> list[Type] | dict[str, Any]:
        """The types that a ring or perf map delivers, the likeliest first; {"field", "types"} where a field tells."""
        btf = self.obj.btf
        if btf is None:
            return []
        told = entry.get("event_type") or self.told.get(entry["name"])
        if isinstance(told, dict):
            return told
        if told:
            return [self.named(item) for item in (told if isinstance(told, list) else [told])]
        config = entry.get("export_config")
        if isinstance(config, dict):
            type_id = config["btf_type_id"]
            if not 0 < type_id < len(btf):
                raise PackageError(f"`export_config`: type {type_id} is not in the object's BTF")
            return [btf.type(type_id)]
        if definition.value_type:
            return [btf.type(definition.value_type)]
        if self.exports:
            return self._exported(entry["name"])
        self.guessed = True
        return guess(self.obj)

    def named(self, item: Any) -> Type:
        btf = self.obj.btf
        assert btf is not None
        if type(item) is int and 0 < item < len(btf):
            return btf.type(item)
        found = btf.find_spelled(item) if isinstance(item, str) else None
        if found is None:
            raise PackageError(f"event type {item!r:.60} is not in the object's BTF")
        return found

    def _exported(self, map_name: str) -> list[Type]:
        """`export_types`: the first is what upstream takes for every map; with several, the best name goes first."""
        found = []
        for index, item in enumerate(self.exports):
            kind = self._exported_type(item, index)
            if kind is not None:
                found.append((item["name"], kind))
        sources = [name for name, definition in self.obj.maps.items() if definition.type in {RINGBUF, PERF_EVENT_ARRAY}]
        if len(sources) > 1 and len(found) > 1:
            found.sort(key=lambda pair: -similarity(map_name, pair[0]))
        return [kind for _name, kind in found]

    def _exported_type(self, item: dict[str, Any], index: int) -> Type | None:
        btf = self.obj.btf
        assert btf is not None
        place = f"`$.meta.export_types[{index}]`"
        if 0 < item["type_id"] < len(btf):
            found = btf.resolve(item["type_id"])
            if found.kind in {STRUCT, UNION} and (not found.name or found.name == item["name"]):
                return found
        by_name = btf.find_spelled(item["name"])
        if by_name is None:
            if index == 0:
                raise PackageError(
                    f"{place}: struct {item['name']} is not in the object's BTF (type {item['type_id']})"
                )
            return None
        return by_name

    def _by_value(self, told: dict[str, Any], decoders: dict[str, int | StaticMap]) -> Iterable[Record]:
        field, types = _by_field(told)
        for value, name in types.items():
            found = self.named(name)
            record = self._record(self.plan.add(found.id, decoders, "value"))
            offset, size, numbers = self._field(found, field)
            record.flags = MATCH_VALUE
            record.value_offset, record.value_size = offset, size
            try:
                record.value = (numbers[value] if value in numbers else int(value, 0)) & (1 << size * 8) - 1
            except ValueError:
                raise PackageError(f"`event_type`: {value!r:.60} is neither a number nor a name of the enum") from None
            yield record

    def _field(self, found: Type, field: str) -> tuple[int, int, dict[str, int]]:
        btf = self.obj.btf
        assert btf is not None
        member = _find_member(btf, found, field, iter(range(_MAX_MEMBERS)))
        if member is None:
            raise PackageError(f"`event_type`: struct {found.name} has no member `{field}`")
        bits, kind = member
        if kind.kind not in {INT, ENUM, ENUM64} or bits % 8 or kind.size > 8:
            raise PackageError(f"`event_type`: member `{field}` of {found.name} is no whole number")
        return bits // 8, kind.size, dict(kind.values) if kind.kind in {ENUM, ENUM64} else {}

    # samples

    def _sample(self, entry: dict[str, Any], definition: MapDefinition) -> Source:
        sample = entry["sample"]
        source = Source(entry["name"], SAMPLE)
        source.style = _STYLES.get(sample.get("type", "default_kv"), 0)
        source.interval_ms = min(sample["interval"], _MAX_INTERVAL)
        source.unit = sample.get("unit", "")
        source.flags = (CLEAR if sample.get("clear_map") else 0) | (FINAL if sample["interval"] == 0 else 0)
        decoders = _decoders(entry)
        config = entry.get("export_config")
        source.key_type = self._side(definition.key_type, definition.key_size, decoders, "key")
        if isinstance(config, dict) and "custom_members" in config:
            rows = [(row["name"], row["offset"], row["btf_type_id"]) for row in config["custom_members"]]
            source.value_type = self.plan.add_members(entry["name"], rows, decoders)
        elif isinstance(config, dict):
            source.value_type = self.plan.add(config["btf_type_id"], decoders, "value")
        else:
            source.value_type = self._side(definition.value_type, definition.value_size, decoders, "value")
        self._stack_roles(source, entry)
        return source

    def _side(self, type_id: int, size: int, decoders: dict[str, int | StaticMap], word: str) -> int:
        if type_id:
            return self.plan.add(type_id, decoders, word)
        return self.plan.add_blob(size, decoders.get(word, 0))

    # stacks

    def _stack_roles(self, source: Source, entry: dict[str, Any]) -> None:
        intepreter = entry.get("intepreter")
        trace = intepreter.get("stack_trace") if isinstance(intepreter, dict) else None
        stack_map = self._stack_map(trace)
        if trace is None and not (source.kind == SAMPLE and stack_map and source.style == 0):
            return
        fields = dict((trace or {}).get("field_map") or {})
        roles = self._roles(source, fields, bool(stack_map))
        if "kstack" not in roles and "ustack" not in roles:
            if trace is None:
                return
            raise PackageError(
                "`intepreter`: found neither a kernel nor a user stack among the fields [name them in `field_map`]"
            )
        source.style = STACKS
        source.roles = roles
        if stack_map and all(self._is_id(source, roles[role]) for role in ("kstack", "ustack") if role in roles):
            source.stack_map = stack_map
        if (trace or {}).get("with_symbols", True):
            source.flags |= SYMBOLS

    def _is_id(self, source: Source, place: int) -> bool:
        if source.kind != SAMPLE:
            return self.plan.is_number(source.records[0].type, place)
        return self.plan.is_number(source.value_type if place & IN_VALUE else source.key_type, place & ~IN_VALUE)

    def _stack_map(self, trace: dict[str, Any] | None) -> str:
        named = (trace or {}).get("stack_map")
        if isinstance(named, str):
            if named not in self.obj.maps:
                raise PackageError(f"`intepreter`: stack map {named!r:.60} is not in the object")
            return named
        found = [name for name, definition in self.obj.maps.items() if definition.type == STACK_TRACE]
        return found[0] if found else ""

    def _roles(self, source: Source, fields: dict[str, str], by_id: bool) -> dict[str, int]:
        places: dict[str, int] = {}
        if source.kind == SAMPLE:
            places |= {name: place | IN_VALUE for name, place in self.plan.member_names(source.value_type).items()}
            places |= self.plan.member_names(source.key_type)
        else:
            places |= self.plan.member_names(source.records[0].type)
        usual: dict[str, tuple[str, ...]] = {role: (role,) for role in ROLES}
        if by_id:
            usual |= {
                "kstack": _KERNEL_STACK_IDS,
                "ustack": _USER_STACK_IDS,
                "pid": _PIDS,
                "comm": _COMMS,
                "cpu_id": _CPUS,
            }
        roles = {}
        for role in ROLES:
            names = (fields[role],) if fields.get(role) else usual[role]
            found = next((places[name] for name in names if name in places), None)
            if found is not None:
                roles[role] = found
            elif fields.get(role):
                raise PackageError(f"`intepreter`: field mapping `{fields[role]}` of {role} is not a member")
        return roles


def _by_field(told: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    field, types = told.get("field"), told.get("types")
    if not isinstance(field, str) or not isinstance(types, dict) or not types:
        raise PackageError('`event_type`: expected {"field": name, "types": {value: struct}}')
    return field, types


def _find_member(btf: Btf, struct: Type, name: str, budget: Iterator[int]) -> tuple[int, Type] | None:
    """Bit offset and type of a member, looked for in anonymous members too, as far as the budget reaches."""
    struct = btf.resolve(struct.id)
    if struct.kind not in {STRUCT, UNION}:
        return None
    for member, _left in zip(struct.members, budget, strict=False):
        if member.name == name:
            return (member.bit_offset, btf.resolve(member.type)) if not member.bit_size else None
        if not member.name:
            inner = _find_member(btf, btf.resolve(member.type), name, budget)
            if inner is not None:
                return member.bit_offset + inner[0], inner[1]
    return None


def _decoders(entry: dict[str, Any]) -> dict[str, int | StaticMap]:
    decode = entry.get("decode")
    return parse(decode) if isinstance(decode, dict) else {}
