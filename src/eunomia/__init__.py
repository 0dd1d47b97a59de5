"""eunomia for Python: write only the kernel side of an eBPF tool, compile it once, run it anywhere.

The public names are imported on first use (PEP 562), so that `import eunomia` costs next to nothing:

    import eunomia

    package = eunomia.compile("tool.bpf.c")  # or Package.open("package.json"), resolve("opensnoop")
    with package.load({"pid_target": 42}) as obj:
        obj.attach()
        for event in obj.events("rb"):
            print(event)
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.compiler import compile_source as compile
    from eunomia.errors import (
        AttachError,
        CompileError,
        EunomiaError,
        FetchError,
        FilterError,
        GuestError,
        LegacyPackageError,
        LoadError,
        MissingDependencyError,
        OptionError,
        PackageError,
        PolicyError,
        RefusedError,
        UnsupportedError,
        VerifierError,
    )
    from eunomia.events.account import Account
    from eunomia.events.batch import Batch
    from eunomia.events.filter import compile_filter
    from eunomia.events.recorder import Recorder
    from eunomia.events.recording import Recording, Replay
    from eunomia.events.run import Run, RunOptions
    from eunomia.events.stream import EventStream
    from eunomia.kernel.map import Map
    from eunomia.kernel.object import Object
    from eunomia.kernel.preflight.report import Finding, Report
    from eunomia.kernel.program import Link, Program
    from eunomia.package.model import Package
    from eunomia.package.options import Option
    from eunomia.registry.resolve import Limits, resolve
    from eunomia.wasm import Guest, Policy

__all__ = [
    "Account",
    "AttachError",
    "Batch",
    "CompileError",
    "EunomiaError",
    "EventStream",
    "FetchError",
    "FilterError",
    "Finding",
    "Guest",
    "GuestError",
    "LegacyPackageError",
    "Limits",
    "Link",
    "LoadError",
    "Map",
    "MissingDependencyError",
    "Object",
    "Option",
    "OptionError",
    "Package",
    "PackageError",
    "Policy",
    "PolicyError",
    "Program",
    "Recorder",
    "Recording",
    "RefusedError",
    "Replay",
    "Report",
    "Run",
    "RunOptions",
    "UnsupportedError",
    "VerifierError",
    "__version__",
    "compile",
    "compile_filter",
    "resolve",
    "wasm",
]

# Where each public name lives; what is not here is in eunomia.errors.
_HOMES = {
    "Account": "eunomia.events.account",
    "Batch": "eunomia.events.batch",
    "EventStream": "eunomia.events.stream",
    "Finding": "eunomia.kernel.preflight.report",
    "Guest": "eunomia.wasm",
    "Limits": "eunomia.registry.resolve",
    "Link": "eunomia.kernel.program",
    "Map": "eunomia.kernel.map",
    "Object": "eunomia.kernel.object",
    "Option": "eunomia.package.options",
    "Package": "eunomia.package.model",
    "Policy": "eunomia.wasm",
    "Program": "eunomia.kernel.program",
    "Recorder": "eunomia.events.recorder",
    "Recording": "eunomia.events.recording",
    "Replay": "eunomia.events.recording",
    "Report": "eunomia.kernel.preflight.report",
    "Run": "eunomia.events.run",
    "RunOptions": "eunomia.events.run",
    "compile": "eunomia.compiler",
    "compile_filter": "eunomia.events.filter",
    "resolve": "eunomia.registry.resolve",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        if name == "wasm":
            return __import__("eunomia.wasm").wasm
        module = __import__(_HOMES.get(name, "eunomia.errors"), fromlist=[name])
    except ModuleNotFoundError as exc:
        from eunomia.errors import missing_part

        missing = missing_part(exc.name or "")
        if missing is None:
            raise
        raise missing from exc
    value: object = getattr(module, "compile_source" if name == "compile" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
