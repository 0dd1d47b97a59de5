"""A kernel that lacks things, made of one that has them: a supervisor refuses chosen system calls of a command.

The command runs under a seccomp filter that hands its bpf(2) and perf_event_open(2) calls to this process
(SECCOMP_RET_USER_NOTIF, Linux 5.5). A refusal looks at the call's arguments in the command's memory, also behind
pointers, and answers with the errno that a kernel without the feature gives; everything else goes on as it was. So
nothing in eunomia or libbpf knows that it is tested.

Source: seccomp_unotify(2); include/uapi/linux/bpf.h for the layouts of union bpf_attr.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

_CALLS = {"x86_64": (321, 298, 317), "aarch64": (280, 241, 277)}  # bpf, perf_event_open, seccomp
BPF, PERF_EVENT_OPEN, SECCOMP = _CALLS[platform.machine()]
_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
_NOTIFICATION = struct.Struct("<QIIiIQ6Q")
_CONTINUE = 1
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000

MAP_CREATE, PROG_LOAD, BTF_LOAD, LINK_CREATE, TOKEN_CREATE = 0, 5, 18, 28, 36
BATCHES = range(24, 28)


class Call:
    """One system call: its arguments, and the memory of who makes it."""

    def __init__(self, number: int, pid: int, args: tuple[int, ...]) -> None:
        self.number = number
        self.args = args
        self._pid = pid

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the caller's memory."""
        with open(f"/proc/{self._pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)

    @property
    def command(self) -> int:
        """The bpf(2) command, -1 for other calls."""
        return self.args[0] if self.number == BPF else -1

    @property
    def attr(self) -> bytes:
        """The attributes of a bpf(2) or perf_event_open(2) call, with zeros behind them."""
        address, size = (self.args[1], self.args[2]) if self.number == BPF else (self.args[0], 64)
        return self.read(address, min(size, 256)).ljust(256, b"\0")

    def word(self, offset: int) -> int:
        """A 32-bit word of the attributes."""
        return int(struct.unpack_from("<I", self.attr, offset)[0])

    def helpers(self) -> set[int]:
        """The helpers that a program which is loaded calls."""
        count, address = struct.unpack_from("<IQ", self.attr, 4)
        code = self.read(address, count * 8)
        return {imm for op, regs, _, imm in struct.iter_unpack("<BBhi", code) if op == 0x85 and not regs >> 4}


Refusal = Callable[[Call], bool]


def no_ring_buffers(call: Call) -> bool:
    """Linux before 5.8."""
    return call.command == MAP_CREATE and call.word(0) == 27


def no_batches(call: Call) -> bool:
    """Linux before 5.6."""
    return call.command in BATCHES


def no_links(call: Call) -> bool:
    """Linux before 5.7 (and for perf events before 5.15)."""
    return call.command == LINK_CREATE


def no_cookies(call: Call) -> bool:
    """Linux before 5.15: no helper that gives them, no link that takes them."""
    return (call.command == PROG_LOAD and 174 in call.helpers()) or call.command == LINK_CREATE


def no_memory_groups(call: Call) -> bool:
    """Linux before 5.11, as far as programs can tell: no bpf_ktime_get_coarse_ns()."""
    return call.command == PROG_LOAD and 160 in call.helpers()


def no_mapped_arrays(call: Call) -> bool:
    """Linux before 5.5: no BPF_F_MMAPABLE."""
    return call.command == MAP_CREATE and bool(call.word(16) & 1 << 10)


def no_names(call: Call) -> bool:
    """Linux before 4.15."""
    at = {MAP_CREATE: 28, PROG_LOAD: 48}.get(call.command)
    return at is not None and any(call.attr[at : at + 16])


def no_btf(call: Call) -> bool:
    """Linux before 4.18: the kernel takes no BTF of objects."""
    return call.command == BTF_LOAD


def no_tokens(call: Call) -> bool:
    """Linux before 6.9."""
    return call.command == TOKEN_CREATE


def no_lost_counters(call: Call) -> bool:
    """Linux before 6.0: no PERF_FORMAT_LOST."""
    return call.number == PERF_EVENT_OPEN and bool(call.word(32) & 1 << 4)


class OldKernel:
    """Runs commands on a kernel without some features.

    Args:
        refusals: each call that one of them is true for fails with EINVAL.

    Attributes:
        refused: how often each refusal did, by its name.
    """

    def __init__(self, *refusals: Refusal) -> None:
        self._refusals = refusals
        self.refused = {refusal.__name__: 0 for refusal in refusals}

    def start(self, argv: Sequence[str], **keywords: object) -> subprocess.Popen[str]:
        """Start a command; the keywords are Popen's."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        listener: list[int] = []

        def supervise() -> None:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            listener.extend(descriptors)
            self._answer_all(descriptors[0])

        thread = threading.Thread(target=supervise, daemon=True)
        thread.start()
        words = [sys.executable, __file__, str(theirs.fileno()), *argv]
        child: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            words, text=True, pass_fds=[theirs.fileno()], **keywords
        )
        theirs.close()
        child.supervisor = thread  # type: ignore[attr-defined]
        return child

    def run(self, argv: Sequence[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return what it printed."""
        child = self.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = child.communicate(timeout=timeout)
        except BaseException:
            child.kill()
            child.communicate()
            raise
        child.supervisor.join(5)  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(list(argv), child.returncode, out, err)

    def _answer_all(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while poll.poll()[0][1] & select.POLLIN:
            buffer = bytearray(_NOTIFICATION.size)
            try:
                fcntl.ioctl(listener, _RECEIVE, buffer)
                identity, pid, _flags, number, _arch, _ip, *args = _NOTIFICATION.unpack(buffer)
                refused = self._is_refused(Call(number, pid, tuple(args)))
                answer = (identity, 0, -errno.EINVAL, 0) if refused else (identity, 0, 0, _CONTINUE)
                fcntl.ioctl(listener, _ANSWER, struct.pack("<QqiI", *answer))
            except OSError as exc:
                if exc.errno not in (errno.ENOENT, errno.EINTR):  # it was killed meanwhile
                    raise
        os.close(listener)

    def _is_refused(self, call: Call) -> bool:
        for refusal in self._refusals:
            if refusal(call):
                self.refused[refusal.__name__] += 1
                return True
        return False


def _filter_into(sock: socket.socket) -> None:
    """Filter this process's system calls, and send the descriptor that tells of them."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(
        struct.pack("<HBBI", *line)
        for line in (
            (0x20, 0, 0, 0),  # load the number
            (0x15, 2, 0, BPF),
            (0x15, 1, 0, PERF_EVENT_OPEN),
            (0x06, 0, 0, _ALLOW),
            (0x06, 0, 0, _NOTIFY),
        )
    )
    memory = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("<HxxxxxxQ", 5, ctypes.addressof(memory))
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    listener = libc.syscall(SECCOMP, 1, 8, program)  # SET_MODE_FILTER, NEW_LISTENER
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    socket.send_fds(sock, [b"x"], [listener])
    os.close(listener)


if __name__ == "__main__":  # between the supervisor and the command
    with socket.socket(fileno=int(sys.argv[1])) as supervisor:
        _filter_into(supervisor)
    os.execvp(sys.argv[2], sys.argv[2:])
