"""Wasm guests: programs in any language that load, attach and read eBPF, in a sandbox.

    from eunomia.wasm import Guest

    with Guest.open("bootstrap.wasm").run(["-d", "100"]) as run:
        ...
        print(run.stdout)

The names are imported on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.wasm.directories import Directory
    from eunomia.wasm.eventguest import EventGuest
    from eunomia.wasm.guest import Guest
    from eunomia.wasm.memory import Memory
    from eunomia.wasm.policy import Policy
    from eunomia.wasm.run import Run

__all__ = ["Directory", "EventGuest", "Guest", "Memory", "Policy", "Run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "directories" if name == "Directory" else name.lower()
    value: object = getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
