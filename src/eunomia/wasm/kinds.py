"""The words of a policy for programs, and for what they attach to: from the kernel's types, sections and targets.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

from eunomia.package.program_words import OBSERVING, TYPES, of_section

__all__ = ["OBSERVING", "TYPES", "of_section"]

# enum bpf_prog_type, include/uapi/linux/bpf.h; kprobe, sched_cls, tracing and lsm are told apart further.
_TYPES = {
    1: "socket", 2: "kprobe", 3: "tc", 4: "tc", 5: "tp", 6: "xdp", 7: "perf_event", 8: "cgroup", 9: "cgroup",
    10: "lwt", 11: "lwt", 12: "lwt", 13: "sockops", 14: "sk_skb", 15: "cgroup", 16: "sk_msg", 17: "raw_tp",
    18: "cgroup", 19: "lwt", 20: "lirc", 21: "sk_reuseport", 22: "flow_dissector", 23: "cgroup",
    24: "raw_tp_writable", 25: "cgroup", 26: "tracing", 27: "struct_ops", 28: "freplace", 29: "lsm", 30: "sk_lookup",
    31: "syscall", 32: "netfilter",
}  # fmt: skip
# enum bpf_attach_type of tracing and lsm programs.
_ATTACH = {23: "tp_btf", 24: "fentry", 25: "fexit", 26: "fmod_ret", 28: "iter", 43: "lsm_cgroup"}
# What the programs of a word attach to, where that is not called as they are.
_KINDS = {
    "xdp": "iface", "tc": "iface", "tcx": "iface", "netkit": "iface", "cgroup": "cgroup", "sockops": "cgroup",
    "lsm_cgroup": "cgroup", "sk_lookup": "netns", "flow_dissector": "netns", "lwt": "route", "sk_msg": "map",
    "sk_skb": "map", "sk_reuseport": "socket", "freplace": "prog", "perf_event": "perf", "raw_tp_writable": "raw_tp",
}  # fmt: skip
OF_INTERFACES = ("iface", "tc", "tcx", "netkit")
# Kinds of targets that programs share which observe: a rule for a place narrows these, it allows no type.
SHARED = ("raw_tp", "socket", "prog")
_TARGETS = (*OF_INTERFACES, "cgroup", "netns", "netfilter", "map", "socket", "perf", "kprobe", "uprobe", "usdt",
            "route", "prog", "tp", "raw_tp", "iter")  # fmt: skip
# Not what only runs when it is called, nor whole tables of programs, which attach with all that is in them.
KINDS = frozenset((*_TARGETS, *(_KINDS.get(word, word) for word in TYPES))) - {"syscall", "struct_ops"}
WITH_PATHS = ("cgroup", "uprobe", "usdt", "netns")


def word_of(kind: int, attach_type: int, section: str) -> str:
    """Return the word for a program: its type decides, and its section where several words share a type.

    A section that changes things is believed, whatever type was set after opening: the core may set it back at load.
    """
    word, near = _word_of_type(kind, attach_type, section), of_section(section)
    return near if word in OBSERVING and near and near not in OBSERVING else word


def _word_of_type(kind: int, attach_type: int, section: str) -> str:
    word = _TYPES.get(kind, str(kind))
    if word in ("kprobe", "tc"):
        near = of_section(section)
        return near if near in (("kprobe", "uprobe", "usdt") if word == "kprobe" else ("tc", "tcx", "netkit")) else word
    if word == "raw_tp":  # what native/handlers.c looks up at load is one until then: lsm, fmod_ret, fentry, …
        return of_section(section) or word
    return _ATTACH.get(attach_type, word) if word in ("tracing", "lsm") else word


def kind_of(word: str) -> str:
    """Return what programs of a word attach to: `iface`, `cgroup`…, or as they are called."""
    return _KINDS.get(word, word)


def split_target(word: str, section: str, target: str) -> tuple[str, str]:
    """Return (kind, name) of what a program is attached to.

    Args:
        word: of the program.
        section: says the rest of a target that is "".
        target: as the guest gave it: `KIND:NAME…`, or the plain name of an interface or the path of a control group.
    """
    kind, colon, name = target.partition(":")
    if colon and kind in _TARGETS:
        return kind, name
    if target:
        return kind_of(word), target
    return kind_of(word), section.partition("/")[2]


def plain_name(kind: str, name: str) -> str:
    """Return the name in a target's words: without options, and without what is not part of an interface or path.

    It is cut as the core cuts it (native/target.c, attach_device.c, uprobe.c): a `:` counts also where it is quoted.
    """
    text, escaped = "", False
    for char in name:
        if not escaped and char == "\\":
            escaped = True
            continue
        if not escaped and char == ",":
            break
        text, escaped = text + char, False
    if kind in (*OF_INTERFACES, "socket", "usdt"):
        return text.partition(":")[0]
    return text.rpartition(":")[0] if kind == "uprobe" and ":" in text else text


def alternatives(kind: str, name: str) -> list[str]:
    """Return the names that a target may stand for: `a|b` is the first that there is, a kprobe's offset is no name."""
    plain = plain_name(kind, name)
    if kind in WITH_PATHS or kind in OF_INTERFACES:
        return [plain]
    found = plain.split("|") if "|" in plain else [plain]
    return [each.partition("+")[0].rpartition(":")[2] for each in found] if kind == "kprobe" else found


def is_foreign(kind: str, name: str) -> bool:
    """Tell whether a target belongs to somebody else although its kind only observes: another's socket."""
    return kind == "socket" and name.startswith(",")


def is_same(rule: str, kind: str) -> bool:
    """Tell whether a rule's kind is that of a target; `iface` stands for all ways to attach to one."""
    return rule == kind or (rule == "iface" and kind in OF_INTERFACES)


def is_near(rule: str, kind: str) -> bool:
    """Tell whether a rule's kind narrows a target's: all ways to attach to an interface are narrowed together."""
    return rule == kind or (rule in OF_INTERFACES and kind in OF_INTERFACES)


def interface(name: str) -> str:
    """Return the first name of an interface, which may be given by another of its names, or its number."""
    import _socket

    try:
        number = int(name) if name.isascii() and name.isdecimal() else _socket.if_nametoindex(name)
        return _socket.if_indextoname(number)
    except (OSError, OverflowError, ValueError):
        return name
