"""The words for programs by their sections: those of policies, for guests and for what comes from elsewhere.

On the way of `ecli run GUEST.wasm`: imports nothing.
"""

from __future__ import annotations

# How sections begin that share a type, or that have another word; the longer first.
_SECTIONS = (
    ("raw_tracepoint.w", "raw_tp_writable"), ("raw_tp.w", "raw_tp_writable"), ("raw_tracepoint", "raw_tp"),
    ("raw_tp", "raw_tp"), ("tracepoint", "tp"), ("tp_btf", "tp_btf"), ("tp", "tp"), ("kprobe", "kprobe"),
    ("kretprobe", "kprobe"), ("ksyscall", "kprobe"), ("kretsyscall", "kprobe"), ("uprobe", "uprobe"),
    ("uretprobe", "uprobe"), ("usdt", "usdt"), ("fentry", "fentry"), ("fexit", "fexit"), ("fmod_ret", "fmod_ret"),
    ("iter", "iter"), ("lsm_cgroup", "lsm_cgroup"), ("lsm", "lsm"), ("perf_event", "perf_event"),
    ("socket", "socket"), ("xdp", "xdp"), ("tcx", "tcx"), ("netkit", "netkit"), ("tc", "tc"), ("classifier", "tc"),
    ("action", "tc"), ("cgroup_skb", "cgroup"), ("cgroup", "cgroup"), ("sockops", "sockops"), ("sk_msg", "sk_msg"),
    ("sk_skb", "sk_skb"), ("sk_lookup", "sk_lookup"), ("sk_reuseport", "sk_reuseport"),
    ("flow_dissector", "flow_dissector"), ("lwt", "lwt"), ("lirc_mode2", "lirc"), ("struct_ops", "struct_ops"),
    ("freplace", "freplace"), ("netfilter", "netfilter"), ("syscall", "syscall"),
)  # fmt: skip
OBSERVING = frozenset(
    ("tp", "raw_tp", "tp_btf", "kprobe", "uprobe", "usdt", "fentry", "fexit", "iter", "perf_event", "socket")
)
TYPES = frozenset(word for _, word in _SECTIONS)


def of_section(section: str) -> str:
    """Return the word that a section asks for, "" where libbpf does not know it."""
    name = section.removeprefix("?")
    for prefix, word in _SECTIONS:
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] in ("", "/", ".", "_", "+"):
            return word
    return ""
