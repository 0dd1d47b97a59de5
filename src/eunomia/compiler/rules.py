"""What the values of known annotations must be; everything else is passed on as it is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from eunomia.compiler.annotations import Annotation
    from eunomia.compiler.diagnostics import Reporter

_SAMPLE_TYPES = ("default_kv", "log2_hist", "linear_hist")
_ATTACH_POINTS = ("BPF_TC_INGRESS", "BPF_TC_EGRESS", "BPF_TC_CUSTOM")
FILTER_OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
_STACK_KEYS = ("field_map", "with_symbols", "stack_map")
_ROLES = ("pid", "cpu_id", "comm", "kstack_sz", "ustack_sz", "kstack", "ustack")
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    dict: "an object",
    list: "a list",
    float: "a number",
}


def check(target: str, annotation: Annotation, report: Reporter) -> bool:
    """Check one annotation; mistakes go to `report`.

    Args:
        target: what it stands on: variable, map, program or licence.
        annotation: with its place.

    Returns:
        Whether it is to be used.
    """
    rule = _RULES.get((target, annotation.key))
    if rule is None:
        meant = _ELSEWHERE.get(annotation.key)
        if meant and meant != target:
            report.warning(annotation.offset, f"@{annotation.key} means something on a {meant}, not on a {target}")
        return True
    problem = rule(annotation)
    if problem:
        report.error(annotation.offset, f"@{annotation.key}: {problem}")
    return not problem


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _found(value: object) -> str:
    if value is None:
        return "null"
    return next((name for kind, name in _NAMES.items() if type(value) is kind), "something else")


def _object(annotation: Annotation, kinds: dict[str, tuple[type, ...]], required: tuple[str, ...] = ()) -> str:
    """Check a JSON object's members; return what is wrong, or ""."""
    if annotation.problem:
        return f"expected a JSON object, {annotation.problem}"
    value = annotation.value
    if not isinstance(value, dict):
        return f"expected a JSON object, found {_found(value)}"
    return _members(value, kinds, required)


def _members(value: dict[str, object], kinds: dict[str, tuple[type, ...]], required: tuple[str, ...] = ()) -> str:
    for key, member in value.items():
        allowed = kinds.get(key)
        if allowed is None:
            return f"unknown key {key!r}{_near(key, kinds)}"
        if member is not None and not _is(member, *allowed):
            wanted = " or ".join(_NAMES[kind] for kind in allowed if kind is not float)
            return f"{key!r} must be {wanted}, found {_found(member)}"
        if isinstance(member, int) and not isinstance(member, bool) and not -(1 << 63) <= member < 1 << 64:
            return f"{key!r} is {member}, more than 64 bits hold"
    missing = next((key for key in required if key not in value), None)
    return f"{missing!r} is missing" if missing else ""


def _near(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(word, names, n=1)
    return f" (did you mean {near[0]!r}?)" if near else f", known are {', '.join(names)}"


def _cmdarg(annotation: Annotation) -> str:
    problem = _object(
        annotation, {"default": (bool, int, float, str, list), "long": (str,), "short": (str,), "help": (str,)}
    )
    if problem:
        return problem
    value: dict[str, object] = annotation.value
    short, long = value.get("short"), value.get("long")
    if isinstance(short, str) and (len(short) != 1 or short in "-=" or short.isspace()):
        return f"'short' must be one character, found {short!r}"
    if isinstance(long, str) and (not long or long.startswith("-") or "=" in long or any(c.isspace() for c in long)):
        return f"'long' must be an option's name without dashes before it, found {long!r}"
    return ""


def _sample(annotation: Annotation) -> str:
    kinds: dict[str, tuple[type, ...]] = {"interval": (int,), "type": (str,), "unit": (str,), "clear_map": (bool,)}
    problem = _object(annotation, kinds, ("interval",))
    if problem:
        return problem
    value: dict[str, object] = annotation.value
    interval = value["interval"]
    if not isinstance(interval, int) or not 0 <= interval < 1 << 32:
        return f"'interval' is milliseconds from 0 (print at the end only), found {interval}"
    kind = value.get("type")
    if kind is not None and kind not in _SAMPLE_TYPES:
        return f"unknown type {kind!r}{_near(str(kind), _SAMPLE_TYPES)}"
    return ""


def _intepreter(annotation: Annotation) -> str:
    if annotation.value == "default_struct":
        return ""
    problem = _object(annotation, {"stack_trace": (dict,)}, ("stack_trace",))
    if problem:
        return problem
    stack: dict[str, object] = annotation.value["stack_trace"]
    if stack is None:
        return "'stack_trace' must be an object, found null"
    problem = _members(stack, {"field_map": (dict,), "with_symbols": (bool,), "stack_map": (str,)})
    fields = stack.get("field_map")
    if not problem and isinstance(fields, dict):
        problem = _members(fields, dict.fromkeys(_ROLES, (str,)))
    return problem


def _event_type(annotation: Annotation) -> str:
    value = annotation.value
    if isinstance(value, str):
        return (
            ""
            if value.removeprefix("struct ").replace("_", "a").isalnum()
            else f"expected a type's name, found {value!r}"
        )
    if isinstance(value, list):
        return "" if value and all(isinstance(name, str) for name in value) else "a list must hold names of types"
    problem = _object(annotation, {"field": (str,), "types": (dict,)}, ("field", "types"))
    if problem:
        return problem
    types: dict[str, object] = value["types"]
    for number, name in types.items():
        if not isinstance(name, str):
            return f"the type for {number!r} must be a name, found {_found(name)}"
    return "" if types else "'types' names no type"


def _decode(annotation: Annotation) -> str:
    from eunomia.btf.decoders import DECODERS, parse
    from eunomia.errors import PackageError

    kinds = (str, dict)
    problem = _object(annotation, dict.fromkeys(annotation.value, kinds) if isinstance(annotation.value, dict) else {})
    if problem:
        return problem
    value: dict[str, str | dict[str, object]] = annotation.value
    names = (told["decoder"] if isinstance(told, dict) and "decoder" in told else told for told in value.values())
    unknown = next((name for name in names if isinstance(name, str) and name not in DECODERS), None)
    if unknown is not None:
        return f"unknown decoder {unknown!r}{_near(unknown, DECODERS)}"
    try:
        parse(value)
    except PackageError as exc:
        return str(exc)
    return ""


def _tchook(annotation: Annotation) -> str:
    problem = _object(annotation, {"ifindex": (int,), "attach_point": (str,)})
    if problem:
        return problem
    point = annotation.value.get("attach_point")
    return (
        f"unknown attach_point {point!r}{_near(str(point), _ATTACH_POINTS)}"
        if point not in (None, *_ATTACH_POINTS)
        else ""
    )


def _perf_event(annotation: Annotation) -> str:
    number = (int, str)
    return _object(annotation, {"type": number, "config": number, "frequency": number, "period": number})


def _target(annotation: Annotation) -> str:
    value = annotation.value
    targets = value if isinstance(value, list) else [value]
    if not targets or not all(isinstance(each, str) for each in targets):
        return f"expected a target as iface:eth0 or a list of them, found {_found(value)}"
    wrong = next((each for each in targets if ":" not in each), None)
    return "" if wrong is None else f"{wrong!r} is no target [KIND:NAME, as in iface:eth0]"


def _alternative(annotation: Annotation) -> str:
    if not isinstance(annotation.value, str):
        annotation.value = annotation.raw
    return "" if annotation.value.strip() else "expected the name of a group"


def _prog_array(annotation: Annotation) -> str:
    if annotation.problem:
        return f"expected a list of programs or an object of places and programs, {annotation.problem}"
    value = annotation.value
    names = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    if not names or not all(isinstance(each, str) or (each is None and isinstance(value, list)) for each in names):
        return f"expected a list of programs or an object of places and programs, found {annotation.raw[:40]!r}"
    wrong = next((key for key in value if not key.isdecimal()), None) if isinstance(value, dict) else None
    return "" if wrong is None else f"place {wrong!r} is no number"


def _range(annotation: Annotation) -> str:
    problem = _object(annotation, {"min": (int, float), "max": (int, float)})
    if problem:
        return problem
    low, high = (annotation.value.get(key) for key in ("min", "max"))
    return f"'min' {low} is above 'max' {high}" if low is not None and high is not None and low > high else ""


def _filter(annotation: Annotation) -> str:
    value = annotation.value
    if isinstance(value, str) and not value.startswith(("{", "[")):
        field: object = value
    else:
        problem = _object(annotation, {"field": (str,), "op": (str,)}, ("field",))
        if problem:
            return problem
        field, operator = value["field"], value.get("op")
        if operator is not None and operator not in FILTER_OPERATORS:
            return f"unknown op {operator!r}, known are {', '.join(FILTER_OPERATORS)}"
    parts = str(field).replace("[", ".").replace("]", "").split(".")
    return "" if all(part.isidentifier() or part.isdecimal() for part in parts) else f"{field!r} is no field's name"


def _choices(annotation: Annotation) -> str:
    if annotation.problem:
        return f"expected a JSON list or object, {annotation.problem}"
    if not isinstance(annotation.value, (list, dict)) or not annotation.value:
        return f"expected a list or an object that is not empty, found {_found(annotation.value)}"
    return ""


def _whole(annotation: Annotation) -> str:
    return "" if _is(annotation.value, int) else f"expected a whole number, found {annotation.raw[:40]!r}"


def _yes_no(annotation: Annotation) -> str:
    return "" if isinstance(annotation.value, bool) else f"expected true or false, found {annotation.raw[:40]!r}"


def _text(annotation: Annotation) -> str:
    if not isinstance(annotation.value, str):
        annotation.value = annotation.raw
    return ""


_RULES: dict[tuple[str, str], Callable[[Annotation], str]] = {
    ("variable", "cmdarg"): _cmdarg,
    ("variable", "range"): _range,
    ("variable", "choices"): _choices,
    ("variable", "filter"): _filter,
    ("map", "sample"): _sample,
    ("map", "intepreter"): _intepreter,
    ("map", "event_type"): _event_type,
    ("map", "decode"): _decode,
    ("map", "prog_array"): _prog_array,
    ("program", "tchook"): _tchook,
    ("program", "tcopts"): lambda annotation: _object(annotation, {"handle": (int,), "priority": (int,)}),
    ("program", "ifindex"): _whole,
    ("program", "flags"): _whole,
    ("program", "xdpopts"): lambda annotation: _object(annotation, {"old_prog_fd": (int,)}),
    ("program", "perf_event"): _perf_event,
    ("program", "optional"): _yes_no,
    ("program", "target"): _target,
    ("program", "alternative"): _alternative,
    **{("licence", key): _text for key in ("brief", "details", "version", "description")},
    **{(target, "description"): _text for target in ("variable", "map", "program")},
}
_ELSEWHERE = {
    key: target
    for target, key in _RULES
    if key not in ("description", "flags", "optional", "range", "choices", "version", "brief", "details")
}
