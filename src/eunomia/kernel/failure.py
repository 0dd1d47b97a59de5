"""What libbpf and the verifier said, as one line and the right exception. Imported only when something failed."""

from __future__ import annotations

import errno
import os
import re

from eunomia._native import error, lib, text
from eunomia.errors import AttachError, EunomiaError, LoadError, UnsupportedError, VerifierError
from eunomia.kernel.object import KERNEL_BTF
from eunomia.package.model import Package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    class Unloaded(Protocol):
        """What did not load: an Object, or a guest's, with what is known of its programs by name."""

        @property
        def package(self) -> Any:
            """What it is of: a package, or something that has a name and types as one."""

        @property
        def programs(self) -> Mapping[str, Any]:
            """By name: each with `section` and `types`."""

        def handle(self) -> Any:
            """Return the core's object."""


RINGBUF = 27  # BPF_MAP_TYPE_RINGBUF
BEGIN, END = "-- BEGIN PROG LOAD LOG --", "-- END PROG LOAD LOG --"
SUDO = " [run with sudo]"


def open_failure(package: Package) -> EunomiaError:
    """Return the exception for an object that libbpf does not open."""
    log = text(lib.eu_log())
    reason = last_words(log)
    if "sec" in reason and (
        "unrecognized" in reason or "missing SEC()" in reason or "unexpected program type" in reason
    ):
        return UnsupportedError(f"open object {package.name}: {reason}")
    return LoadError(f"{error('open object').strerror}{f': {reason}' if reason else ''}", log)


def last_words(log: str) -> str:
    """Return libbpf's last warning that says a cause, without its name; "" where it said nothing."""
    lines = [line.removeprefix("libbpf: ").strip() for line in log.splitlines() if line.startswith("libbpf: ")]
    telling = [
        line
        for line in lines
        if not re.match(
            r"(failed to load object|prog '.*': failed to load: |permission error while |Failed to bump RLIMIT_|-- )",
            line,
        )
    ]
    return telling[-1].rstrip(".") if telling else ""


def culprit(failed: Unloaded) -> str | None:
    """Return the program that made loading fail, where libbpf or a handler named one."""
    found = re.findall(r"^libbpf: prog '([^']+)'", text(lib.eu_log()), re.M)
    name = found[-1] if found else None
    return name if name in failed.programs else None


def load_failure(failed: Unloaded) -> EunomiaError | OSError:
    """Return the exception for an object that does not load."""
    log = text(lib.eu_log())
    number = lib.eu_errno()
    line = text(lib.eu_error())
    name = failed.package.name
    if line.startswith("program "):  # a handler knows what is missing
        return UnsupportedError(f"load {line}")
    if re.search(r"failed to find valid kernel BTF|[Ee]rror loading vmlinux BTF|kernel BTF.* not found", log):
        from eunomia.kernel.archive import missing_btf

        return UnsupportedError(
            f"load object {name}: {last_words(log) if os.path.exists(KERNEL_BTF) else missing_btf(failed.package)}"
        )
    program = culprit(failed)
    if program and (BEGIN in log or END in log):  # of a long log only the end was kept
        return verifier_failure(program, log, number, failed.programs[program].section)
    if program:
        return refused(failed, program, number, log)
    words = last_words(log)
    if number in (1, 13):
        from eunomia.package.privileges import lacking, needs_capabilities

        wanted = needs_capabilities(failed.package.types, failed.programs)
        needs = lacking((each for each, need in wanted.items() if "load" in need.steps), lib.eu_capabilities())
        if not needs and lib.eu_bpf_is_refused():
            return PermissionError(
                number,
                f"load object {name}: bpf() is refused to this process, by a container's seccomp filter or a security"
                " module [run the container with --privileged, or with --cap-add SYS_ADMIN]",
            )
        limit = lib.eu_memlock_limit()
        inner = in_user_namespace()
        if "bpf_object__probe_loading" in words:  # the first thing that libbpf tries; its advice is of other times
            words = "" if needs or inner or limit < 0 else "failed to create a first program"
        if limit >= 0 and "failed to create" in words:
            return PermissionError(
                number,
                f"load object {name}: {words}: this kernel counts BPF memory against RLIMIT_MEMLOCK, which is"
                f" {limit} bytes here [ulimit -l unlimited, or give it CAP_SYS_RESOURCE]",
            )
        cause = f"{words or 'operation not permitted'}{f': needs {needs}' if needs else ''}"
        if inner and not needs:
            cause += ": capabilities of a user namespace are not the machine's, and no BPF token delegates this"
        return PermissionError(number, f"load object {name}: {cause}{SUDO}")
    return LoadError(f"load object {name}: {words or os.strerror(number).lower()}", log)


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace other than the machine's, where capabilities count for less."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() != ["0", "0", "4294967295"]
    except OSError:
        return False


def lacks_rings(failed: Unloaded) -> bool:
    """Whether loading failed because this kernel has no ring buffers, so that perf buffers may do."""
    return (
        lib.eu_errno() == errno.EINVAL
        and bool(lib.eu_has_rings(failed.handle()))
        and re.search(r"^libbpf: map '.*': failed to create", text(lib.eu_log()), re.M) is not None
        and lib.eu_probe_map_type(RINGBUF) == 0
    )


def ring_failure(failed: Unloaded) -> UnsupportedError | None:
    """Return the exception for a program that knows no other buffers than rings, where the kernel has none."""
    log = text(lib.eu_log())
    if not re.search(r"func (bpf_ringbuf_\w+|unknown)#13[0-5]\b", log):
        return None
    return UnsupportedError(
        f"load object {failed.package.name}: this kernel has no ring buffers (Linux 5.8 and newer do), and program "
        f"{culprit(failed)} knows no other way [compile it with both, as docs/writing-a-tool.md shows]",
    )


def verifier_failure(program: str, log: str, number: int, section: str = "") -> EunomiaError | OSError:
    """Return the verifier's refusal: why and where, and what to do about the usual mistakes; all of it as log."""
    from eunomia.kernel.preflight.refusal import read

    said = read(log.rpartition(BEGIN)[2].partition(END)[0])
    if not said.reason:
        return silent_refusal(program, number, log, section)
    where = next((line for line in reversed(said.before) if line.startswith("; ")), "")
    source = f" (at {_source(where)})" if where and where != said.reason else ""
    hints = [_closed_helper(said.reason) or said.mistake.advice] if said.mistake else []
    if len(said.before) > 1:
        hints.append("-v shows the whole log" if hints else "-v shows all of it")
    hint = f" [{'; '.join(hints)}]" if hints else ""
    return VerifierError(f"load program {program}: the verifier refuses it: {said.reason}{source}{hint}", log)


def _closed_helper(reason: str) -> str:
    """Return that a locked-down kernel is why a helper may not be called, "" where it is not."""
    from eunomia.kernel.preflight.calls import RESTRICTED
    from eunomia.kernel.preflight.found import OPEN

    found = re.search(r"\b(?:helper|func) bpf_\w+#(\d+)", reason)
    return f"{_CLOSED}: {OPEN}" if found and int(found[1]) in RESTRICTED and _is_closed() else ""


_CLOSED = "the kernel is locked down (confidentiality)"


def _is_closed() -> bool:
    from eunomia.kernel.preflight.target import Target

    return Target().lockdown == "confidentiality"


def _source(line: str) -> str:
    """Return the verifier's line about the source, `; TEXT @ FILE:LINE` (the place since 6.9), as FILE:LINE `TEXT`."""
    text, _, place = line[2:].partition(" @ ")
    return f"{place.strip().rpartition('/')[2]} `{text.strip()}`".lstrip()


def refused(failed: Unloaded, program: str, number: int, log: str) -> EunomiaError | OSError:
    """Return the exception for a program that the kernel refused without a verifier log."""
    said = last_words(log)
    if "BPF program load failed" in said or not said:
        section = failed.programs[program].section
        if number in (1, 13):
            return silent_refusal(program, number, log, section)
        cause = os.strerror(number).lower()
        if number == 22:
            cause += f": this kernel does not know the program type or its attach type{_since(failed, program)}"
        if number == 524:
            cause = "not supported by this kernel (error 524)"
        return UnsupportedError(f"load program {program} ({section}): {cause}")
    return LoadError(f"load {said}", log)


def _since(failed: Unloaded, program: str) -> str:
    """Return which kernel knows a program's types, in brackets, "" where the tables do not tell."""
    from eunomia.kernel.preflight.tables import since

    kind, attach = failed.programs[program].types
    known = (attach > 2 and since("attach type", attach)) or since("program type", kind)
    return f" [{known} or newer]" if known else ""


def silent_refusal(program: str, number: int, log: str, section: str = "") -> EunomiaError | OSError:
    """Return the exception for EPERM without a word of the verifier."""
    from eunomia.package.privileges import BPF, lacking, row_of

    row = row_of(section)
    needs = lacking(row.load if row else (BPF,), lib.eu_capabilities())
    where = f" ({section})" if section else ""
    if needs:
        return PermissionError(number, f"load program {program}{where}: operation not permitted: needs {needs}{SUDO}")
    return UnsupportedError(
        f"load program {program}{where}: this kernel refuses the program type even to root, without a verifier log "
        f"{_why_silent(section.partition('/')[0].removesuffix('.s'))}"
    )


# What the kernel must have been built with, by section.
_BUILT_WITH = {
    **dict.fromkeys(
        ("fentry", "fexit", "fmod_ret", "freplace"),
        ("CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", " [a kprobe, tracepoint or tp_btf program may do instead]"),
    ),
    "lsm": ("CONFIG_BPF_LSM", ""),
    "lsm_cgroup": ("CONFIG_BPF_LSM, 6.0 or newer", ""),
}


def _why_silent(family: str) -> str:
    """Return what may be behind a refusal without a word, and what does instead."""
    from eunomia.kernel.preflight.target import Target

    option, instead = _BUILT_WITH.get(family, ("it", ""))
    target = Target()
    config = target.configuration
    known = config.get(option, "n") if config else ""
    causes = [f"built without {option}"] if known != "y" else []
    if target.lockdown == "confidentiality":
        causes.append("locked down for confidentiality")
    if known != "n":
        causes.append("a policy of this machine forbids it")
    return f"({', or '.join(causes)}){instead}"


def attach_failure(exc: OSError, name: str, several: bool) -> AttachError:
    """Return the exception for a program that did not attach; with others, say how to run without it."""
    no_target = exc.errno == errno.EDESTADDRREQ  # it is left to the user where to attach: that is what to say
    hints = [f"--skip {name} runs without it"] if several and not no_target else []
    reason = str(exc.strerror or exc)
    if exc.errno in (errno.EPERM, errno.ENOENT, errno.EACCES) and re.search("tracepoint|k(ret)?probe", reason):
        from eunomia.kernel.preflight.found import OPEN

        if _is_closed():
            reason += f": {_CLOSED}"
            hints.insert(0, OPEN)
    hint = f" [{'; '.join(hints)}]" if hints else ""
    return AttachError(f"{reason}{hint}", text(lib.eu_log()))
