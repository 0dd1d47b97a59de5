"""What a package's annotations on a program say about its attachment."""

from __future__ import annotations

from eunomia.errors import AttachError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from eunomia.kernel.object import Object

TC_POINTS = {"BPF_TC_INGRESS": 1, "BPF_TC_EGRESS": 2}
# enum perf_type_id and perf_sw_ids, perf_hw_id; include/uapi/linux/perf_event.h
PERF_TYPES = {"hardware": 0, "software": 1}
SOFTWARE = [
    "cpu_clock",
    "task_clock",
    "page_faults",
    "context_switches",
    "cpu_migrations",
    "page_faults_min",
    "page_faults_maj",
    "alignment_faults",
    "emulation_faults",
    "dummy",
    "bpf_output",
    "cgroup_switches",
]
HARDWARE = [
    "cpu_cycles",
    "instructions",
    "cache_references",
    "cache_misses",
    "branch_instructions",
    "branch_misses",
    "bus_cycles",
    "stalled_cycles_frontend",
    "stalled_cycles_backend",
    "ref_cpu_cycles",
]


def fill(options: Any, settings: dict[str, Any]) -> None:
    """Write the annotations `ifindex`, `flags`, `xdpopts`, `tchook`, `tcopts` and `perf_event` into attach options.

    Raises:
        AttachError: a value of the wrong kind, by its place.
    """
    name = settings["name"]
    if "ifindex" in settings:
        options.ifindex = number(settings, "ifindex", name)
    if "flags" in settings and settings["attach"].startswith("xdp"):
        options.flags = number(settings, "flags", name)
    xdp = group(settings, "xdpopts", name)
    if "old_prog_fd" in xdp:
        options.old_prog_fd = number(xdp, "old_prog_fd", name) or -1
    hook = group(settings, "tchook", name)
    if "ifindex" in hook:
        options.ifindex = number(hook, "ifindex", name)
    if "attach_point" in hook:
        point = hook["attach_point"]
        if point not in TC_POINTS:
            raise AttachError(f"program {name}: tchook: attach_point {point!r} is none of {', '.join(TC_POINTS)}")
        options.tc_point = TC_POINTS[point]
    tc = group(settings, "tcopts", name)
    for key in ("handle", "priority"):
        if key in tc:
            setattr(options, key, number(tc, key, name))
    fill_perf(options, group(settings, "perf_event", name), name)


def target_list(value: Any, program: str) -> list[str]:
    """Return the targets of `@target`, one or a list.

    Raises:
        AttachError: neither.
    """
    targets = [value] if type(value) is str else value
    if type(targets) is not list or not targets or any(type(each) is not str or "\0" in each for each in targets):
        raise AttachError(f"program {program}: target: expected text or a list of texts, got {value!r:.60}")
    return list(targets)


def with_variables(settings: dict[str, Any], owner: Object) -> dict[str, Any]:
    """Return the annotations with values for variables' names: `@perf_event {"frequency": "samples_per_second"}`.

    The variable is an option of the tool like any other; what it was set to before load counts.

    Raises:
        AttachError: there is no such variable, or it is not a whole number.
    """
    perf = settings["perf_event"]
    named = [key for key in ("frequency", "period") if type(perf) is dict and type(perf.get(key)) is str]
    if not named:
        return settings
    values = {key: _variable(owner, perf[key], settings["name"]) for key in named}
    return {**settings, "perf_event": {**perf, **values}}


def _variable(owner: Object, name: str, program: str) -> int:
    from eunomia._native import error, ffi, lib, text

    option = next((each for each in owner.package.options() if each.name == name), None)
    if option is None or option.kind not in ("int", "uint") or option.count or option.size > 8:
        raise AttachError(f"program {program}: perf_event: {name!r} is not a variable with a whole number")
    info, value = ffi.new("struct eu_map_info *"), ffi.new("uint8_t[8]")
    for index in range(lib.eu_map_count(owner.handle())):
        lib.eu_map_get(owner.handle(), index, info)
        if info.section and text(info.section) == option.section:
            if lib.eu_map_read_initial(owner.handle(), index, option.offset, value, option.size) < 0:
                raise error(f"read variable {name}")
            return int.from_bytes(bytes(value)[: option.size], "little", signed=option.kind == "int")
    raise AttachError(f"program {program}: perf_event: variable {name} has no section {option.section}")


def fill_perf(options: Any, perf: dict[str, Any], name: str) -> None:
    """Write `@perf_event {"type", "config", "frequency" | "period", "pid", "cpu"}` into attach options."""
    if not perf:
        return
    kind = perf.get("type", "software")
    names = HARDWARE if kind == "hardware" else SOFTWARE
    config = perf.get("config", names[0])
    if kind not in PERF_TYPES:
        raise AttachError(f"program {name}: perf_event: type {kind!r} is none of {', '.join(PERF_TYPES)}")
    if config not in names and type(config) is not int:
        raise AttachError(f"program {name}: perf_event: config {config!r} is none of {', '.join(names)}")
    options.perf_type = PERF_TYPES[kind]
    options.perf_config = config if type(config) is int else names.index(config)
    if "period" in perf:
        options.perf_sample = number(perf, "period", name)
    elif "frequency" in perf:
        options.perf_sample = number(perf, "frequency", name)
        options.perf_frequency = 1
    for key in ("pid", "cpu"):
        if key in perf:
            setattr(options, key, number(perf, key, name))


def number(settings: dict[str, Any], key: str, program: str) -> int:
    """Return a whole number of at most 32 bits."""
    value = settings[key]
    if type(value) is not int or not -(1 << 31) <= value < 1 << 32:
        raise AttachError(f"program {program}: {key}: expected a whole number, got {value!r}")
    return value


def group(settings: dict[str, Any], key: str, program: str) -> dict[str, Any]:
    """Return an object of settings, {} where it is absent."""
    value = settings.get(key, {})
    if type(value) is not dict:
        raise AttachError(f"program {program}: {key}: expected an object, got {value!r}")
    return value


def targets_by_program(targets: Mapping[str, Any], programs: Iterable[str]) -> dict[str, Sequence[Any]]:
    """Return what `Object.attach` was given as a sequence of targets for each program; one alone may stand for itself.

    Raises:
        ValueError: there is no such program, or a sequence is empty.
        TypeError: they are not by program.
    """
    if not hasattr(targets, "items"):
        what = type(targets).__name__
        raise TypeError(f'targets: expected targets by program, as in {{"NAME": ["iface:eth0"]}}, got {what}')
    found: dict[str, Sequence[Any]] = {}
    known = list(programs)
    for name, given in targets.items():
        if name not in known:
            raise ValueError(f"targets: no program {name} (there are {', '.join(known) or 'none'})")
        found[name] = (given,) if isinstance(given, (str, int)) or hasattr(given, "fileno") else tuple(given)
        if not found[name]:
            raise ValueError(f"targets: none for program {name} [skip={{{name!r}}} leaves it out]")
    return found
