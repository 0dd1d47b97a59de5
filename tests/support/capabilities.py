"""An ordinary user with chosen capabilities: this process becomes one, for good. Call it in a child."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

NUMBERS = {
    "CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6,
    "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_IPC_LOCK": 14, "CAP_SYS_MODULE": 16,
    "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_SYS_NICE": 23, "CAP_SYS_RESOURCE": 24, "CAP_SYSLOG": 34,
    "CAP_PERFMON": 38, "CAP_BPF": 39, "CAP_CHECKPOINT_RESTORE": 40,
}  # fmt: skip
NOBODY = 65534
_PR_SET_KEEPCAPS, _VERSION_3 = 8, 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def become_ordinary() -> None:
    """Give up uid 0 but keep the permitted capabilities, none of them effective."""
    if _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def make_effective(names: Iterable[str]) -> None:
    """Let just these capabilities count; all that are permitted stay so."""
    wanted = sum(1 << NUMBERS[name] for name in names)
    _, permitted, _ = capget()
    capset(wanted, permitted, 0)


def capget() -> tuple[int, int, int]:
    """Return the effective, permitted and inheritable capabilities of this thread."""
    header, data = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    effective, permitted, inheritable = (data[i] | data[i + 3] << 32 for i in range(3))
    return effective, permitted, inheritable


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set them."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (effective, permitted, inheritable)
    data = (ctypes.c_uint32 * 6)(*(each & 0xFFFFFFFF for each in sets), *(each >> 32 for each in sets))
    if _libc.capset(header, data):
        raise OSError(ctypes.get_errno(), f"capset {effective:x} of {permitted:x}")
