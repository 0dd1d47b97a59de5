"""Loading, attaching and reading a case of the matrix as an ordinary user, each step with capabilities of its own."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from support import capabilities
from vm.programs.cell import Live

if TYPE_CHECKING:
    from eunomia.package.model import Package
    from vm.programs.table import Case

ADMIN = "CAP_SYS_ADMIN"
CLONE_NEWNET = 0x40000000
Steps = dict[str, Collection[str]]
_libc = ctypes.CDLL(None, use_errno=True)


def needs(package: Package) -> Steps:
    """Return what each step needs on this kernel, as `ecli check` says it to an ordinary user."""
    from eunomia.kernel.preflight.privileges import needed
    from eunomia.kernel.preflight.target import Target

    found = needed(package.types, Target(), is_root=False).values()
    return {step: [need.capability for need in found if step in need.steps] for step in ("load", "attach")}


def attempt(case: Case, package: Package, load: Collection[str], attach: Collection[str]) -> tuple[str, str]:
    """Return the step at which it failed and why: load, attach, read, or ("", "") when it fired and was read.

    Maps are read, and all is detached, without any capability but, where the kernel needs one for maps, CAP_BPF.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        signal.alarm(60)
        status = 1
        try:
            os.write(writer, json.dumps(_attempt(case, package, load, attach)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as source:
        text = source.read()
    os.waitpid(child, 0)
    step, why = json.loads(text) if text else ("case", "the child died")
    return step, why


def _attempt(case: Case, package: Package, load: Collection[str], attach: Collection[str]) -> tuple[str, str]:
    from eunomia.errors import EunomiaError

    with contextlib.suppress(
        ValueError, OSError
    ):  # kernels before 5.11 charge memory to it; a container may not raise it
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if _libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with case.place() as words:
        words["pid"] = str(os.getpid())
        for path in (words.get("cgroup"), os.path.dirname(words.get("binary", ""))):
            if path:
                os.chmod(path, 0o755)  # who made it was root
        targets = case.filled(words)
        everything = capabilities.capget()[1]
        capabilities.become_ordinary()
        step = "load"
        obj: Any = None
        try:
            capabilities.make_effective(load)
            obj = package.load({"pid": os.getpid()} if any(o.name == "pid" for o in package.options()) else {})
            step = "attach"
            capabilities.make_effective(attach)
            obj.attach(targets=targets)
            step = "read"
            capabilities.capset(everything, everything, 0)
            live = Live(obj, words)
            told = case.fire(live)
            capabilities.make_effective(_for_maps(attach))
            count = live.hits() if told is None else told
            return ("", "") if count else ("read", "it did not fire")
        except (EunomiaError, OSError) as exc:
            return step, str(exc)
        finally:
            capabilities.capset(everything, everything, 0)
            if obj is not None:
                obj.close()


def _for_maps(held: Collection[str]) -> Collection[str]:
    from eunomia._native import lib

    wanted = {"CAP_BPF", ADMIN} if lib.eu_bpf_is_guarded() else set()
    return [each for each in held if each in wanted]


def without_each(steps: Steps) -> Iterator[tuple[str, str, Steps]]:
    """Yield (step, capability, the steps without it); CAP_SYS_ADMIN stands for others, which then need not be there."""
    for step, names in steps.items():
        for name in names:
            if ADMIN not in names or name not in ("CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"):
                yield step, name, {**steps, step: [each for each in names if each != name]}
