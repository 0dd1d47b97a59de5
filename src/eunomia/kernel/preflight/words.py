"""What the verifier knows of a register, in words.

Source: kernel/bpf/log.c, `print_reg_state` (`R1=scalar(umax=7)`, `R0=map_value_or_null(id=1,map=m,ks=4,vs=8)`);
before 5.18
numbers are `inv`, and before 6.1 a pointer's map is not named.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATE = re.compile(r"\bR(\d+)(?:_[a-zA-Z]+)?=((?:[^\s()]|\([^()]*(?:\([^()]*\)[^()]*)*\))+)")
_NAMES = {
    "ctx": "the program's context",
    "map_ptr": "a map",
    "pkt_end": "the end of the packet",
    "pkt_meta": "the packet's metadata",
    "mem": "memory from a helper",
    "ringbuf_mem": "a reserved record",
    "rdonly_mem": "memory that may only be read",
    "sock": "a socket",
    "sock_common": "a socket",
    "tcp_sock": "a TCP socket",
    "buf": "a buffer",
    "rdonly_buf": "a buffer that may only be read",
    "dynptr_ptr": "a dynptr",
    "func": "a function",
    "percpu_ptr": "a per-CPU variable",
}


def states(before: list[str]) -> dict[str, str]:
    """Return the last state of each register in the lines of a log, as the log has it, by its number."""
    return {number: state for line in before for number, state in _STATE.findall(line)}


def registers(refusal: str, states: dict[str, str]) -> Iterator[str]:
    """Yield what is known of the registers that a refusal names."""
    for number in dict.fromkeys(re.findall(r"\bR(\d+)\b", refusal)):
        if number == "10":
            yield "R10 is the frame: addresses on the stack are below it"
        elif number in states:
            yield f"R{number} is {describe(states[number])}"
        elif re.search(rf"R{number} !read_ok", refusal):
            yield f"R{number} was never written"


def describe(state: str) -> str:
    """Return a state as the log has it in words; the state itself where it is of a kind that is not known."""
    kind, _, rest = state.partition("(")
    facts = _facts(rest.removesuffix(")"))
    kind = kind.strip()
    number = re.fullmatch(r"(?:invP?|P)?(-?\d+|0x[0-9a-f]+)", kind)
    if number:
        return "the number 0, NULL for a pointer" if number[1] == "0" else f"the number {number[1]}"
    if kind in ("scalar", "inv", "Pscalar", "invP"):
        return _number(facts)
    stack = re.fullmatch(r"fp(-?\d+)?", kind)
    if stack:
        return f"an address on the stack, {stack[1] or 0} from its frame"
    maybe = kind.endswith("_or_null")
    plain = kind.removesuffix("_or_null")
    text = _pointer(plain, facts)
    if text is None:
        return state
    return f"{text}, or NULL: it was not checked" if maybe else text


def _facts(text: str) -> dict[str, str]:
    """Return what stands in a state's parentheses; names may share a value: `smax=umax=7`."""
    found = {}
    for part in re.split(r",(?![^(]*\))", text):
        *names, value = part.split("=")
        found.update(dict.fromkeys(names, value))
    return found


def _number(facts: dict[str, str]) -> str:
    low = facts.get("smin", facts.get("smin_value"))
    high = facts.get("umax", facts.get("umax_value", facts.get("smax", facts.get("smax_value"))))
    low = low or facts.get("umin", facts.get("umin_value"))
    if low is None and high is None:
        return "any number: nothing is known of its range"
    if low is None:
        unsigned = "umax" in facts or "umax_value" in facts
        return f"a number from {'0' if unsigned else 'anything'} to {high}"
    return f"a number from {low} to {high or 'anything'}"


def _pointer(kind: str, facts: dict[str, str]) -> str | None:
    offset = f" at offset {facts['off']}" if facts.get("off", "0") not in ("0", "") else ""
    if kind == "map_value":
        where = f" of map {facts['map']}" if "map" in facts else " of a map"
        size = f" of {facts['vs']} bytes" if "vs" in facts else ""
        return f"a pointer into a value{size}{where}{offset}"
    if kind == "pkt":
        return f"a pointer into the packet{offset}, of which {facts.get('r', '0')} bytes were checked"
    if kind in _NAMES:
        size = f" of {facts['sz']} bytes" if "sz" in facts else ""
        return f"{'a pointer to ' if kind.endswith('mem') else ''}{_NAMES[kind]}{size}{offset}"
    found = re.fullmatch(r"((?:trusted|untrusted|rcu)_)?ptr_(\w*)", kind)
    if found:
        trust = {"untrusted_": "an untrusted pointer", "rcu_": "a pointer under RCU"}.get(found[1] or "", "a pointer")
        return f"{trust} to struct {found[2]} of the kernel{offset}" if found[2] else f"{trust} of the kernel{offset}"
    return None
