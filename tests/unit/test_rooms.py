"""Imports point up the table of rooms (DESIGN), inside functions too; `import eunomia` and `ecli run` are cheap."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.wheels import FIRST, WHEELS, wheel_of
from support import wasm_writer

# What each room may import besides itself: DESIGN's table, with "all above" written out.
ROOMS: dict[str, set[str]] = {
    "errors": {"wheels"},
    "wheels": set(),
    "caches": set(),
    "_native": {"errors"},
    "btf": {"_native", "errors"},
    "builtin": set(),
    "package": {"btf", "_native", "errors"},
    "compiler": {"caches", "package", "btf", "_native", "errors"},
    "kernel": {"package", "btf", "_native", "errors"},
    "events": {"kernel", "package", "btf", "_native", "errors"},
    "life": {"kernel", "package", "btf", "_native", "errors"},
    "registry": {"caches", "package", "builtin", "btf", "_native", "errors"},
    "wasm": {"caches", "kernel", "events", "package", "btf", "_native", "errors"},
    "publish": {"registry", "compiler", "caches", "package", "builtin", "btf", "_native", "errors"},
    "cli": {
        "publish",
        "wasm",
        "registry",
        "life",
        "events",
        "kernel",
        "compiler",
        "package",
        "builtin",
        "btf",
        "_native",
        "errors",
    },
}

# Imports that point down, each with its reason. They are inside functions.
SANCTIONED = {
    ("package.model", "registry"): "Package.open: a reference or URL is opened as a file is",
    ("package.model", "kernel"): "Package.load and .check: the public API's short way from a package to a kernel",
    ("kernel.object", "events"): "Object.events and .account: the public API's short way from an object to its events",
    (
        "kernel.map",
        "events",
    ): "Map.to_numpy and .to_arrow: dtypes and columns are made in one place, for events and maps",
    ("wasm.guest", "registry"): "Guest.open: a guest comes from wherever packages come from",
    ("publish.hub_build", "wasm"): "what a guest attaches and must be allowed is known where guests are read",
    ("registry.gate", "wasm"): "a rule of trust about types of programs needs the objects in a guest",
    ("registry.resolve", "compiler"): "a .bpf.c source is a program as any other, compiled on the fly",
}
VERSION = ("eunomia", "__version__")  # any room may say which version it is


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    source = root / "src/eunomia"
    for path in sorted(source.rglob("*.py")):
        parts = list(path.relative_to(source).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes below `if TYPE_CHECKING:`, which never run."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                found.update(ast.walk(statement))
    return found


def imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    """Yield (module or module.name, whether it runs when the module is imported, line) of all imports of a file."""
    tree = ast.parse(path.read_bytes())
    never = type_checking_only(tree)
    inner = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in never:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node not in inner, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "eunomia":
                yield from ((f"eunomia.{alias.name}", node not in inner, node.lineno) for alias in node.names)
            else:
                yield node.module or "", node not in inner, node.lineno


def test_imports_point_up_the_table(root: Path) -> None:
    wrong = []
    used = set()
    for name, path in modules(root):
        if name in ("", "__main__"):
            continue  # the public names and the entry point see everything
        room = name.partition(".")[0]
        for imported, at_import, line in imports(path):
            first, _, rest = imported.partition(".")
            target = rest.partition(".")[0]
            if first != "eunomia" or target in (room, "__version__", ""):
                continue
            if target in ROOMS[room]:
                continue
            if (name, target) in SANCTIONED and not at_import:
                used.add((name, target))
                continue
            wrong.append(f"{path.relative_to(root)}:{line}: {room} imports {imported}")
    assert not wrong, "\n".join(wrong)
    assert used == set(SANCTIONED), f"sanctioned, but not there: {set(SANCTIONED) - used}"


NEEDS = {"eunomia-compiler": ("eunomia-registry",)}  # packaging/compiler/pyproject.toml


def test_what_may_be_missing_is_imported_by_its_module(root: Path) -> None:
    """`from room import module` fails as ImportError, which does not say what to install: only within a wheel."""
    names = dict(modules(root))
    wrong = []
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eunomia."):
                room = node.module.removeprefix("eunomia.")
                others = {wheel_of(f"{room}.{each.name}") for each in node.names if f"{room}.{each.name}" in names}
                needed = {"", wheel_of(name), *NEEDS.get(wheel_of(name), ())}
                if others - needed and wheel_of(room) not in others:
                    wrong.append(f"{path.relative_to(root)}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def test_every_pattern_of_a_wheel_names_something(root: Path) -> None:
    names = [name for name, _ in modules(root)]
    for _, _, patterns in WHEELS.values():
        for pattern in patterns:
            found = [each for each in names if each.startswith(pattern.rstrip("*")) and wheel_of(each)]
            assert found, pattern
    assert set(names) >= FIRST


def test_every_room_is_in_the_table(root: Path) -> None:
    found = {name.partition(".")[0] for name, _ in modules(root)} - {"", "__main__"}

    assert found == set(ROOMS)


# What no start may pay for (DESIGN decision 8).
HEAVY = {
    "argparse", "asyncio", "base64", "collections", "contextlib", "copy", "dataclasses", "datetime", "difflib", "email",
    "enum", "functools", "hashlib", "http", "inspect", "json", "logging", "operator", "pathlib", "platform", "random",
    "re", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "textwrap", "threading", "tokenize",
    "cryptography", "fnmatch", "tomllib", "traceback", "typing", "urllib", "weakref", "yaml", "zipfile",
}  # fmt: skip


def loaded(code: str, *words: str, **env: str) -> set[str]:
    """Run code in a bare interpreter and return the modules that it loaded beyond those of the start."""
    program = f"import sys\nbefore = set(sys.modules)\n{code}\nsys.stderr.write(' '.join(set(sys.modules) - before))"
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with tempfile.TemporaryDirectory() as runs:  # a run of the same name on this machine would be looked at
        run = subprocess.run(
            [sys.executable, "-S", "-c", program, *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path, "EUNOMIA_RUNTIME_DIR": runs, **env},
        )
    assert run.returncode == 0, run.stderr
    return set(run.stderr.split())


def test_importing_eunomia_loads_nothing_else() -> None:
    assert loaded("import eunomia; eunomia.__version__") == {"eunomia", "__future__"}


def test_public_names_are_all_there() -> None:
    import eunomia

    for name in eunomia.__all__:
        assert getattr(eunomia, name) is not None
        assert name in dir(eunomia)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = eunomia.nothing


def test_the_way_of_a_run_up_to_loading_imports_nothing_heavy(root: Path) -> None:
    code = """
from eunomia.cli.main import dispatch
import eunomia.cli.run as run
seen = []
run.load = lambda *words: seen.append(words) or (_ for _ in ()).throw(KeyboardInterrupt)
import eunomia.kernel.object, eunomia.events.run
import eunomia.cli.privileges
eunomia.cli.privileges.require_capabilities = lambda program, package: None
assert dispatch(sys.argv[1:]) == 0 and seen
"""
    found = loaded(code, "run", str(root / "tests/data/simple-0.3.3.json"), "--pid_filter", "7", "--max-events", "1")

    heavy = {name for name in found if name.partition(".")[0] in HEAVY}
    assert not heavy, f"imported on the way of ecli run: {sorted(heavy)}"


@pytest.mark.parametrize("wanted", [":1", ""])
def test_the_way_of_a_run_of_a_reference_in_the_cache_imports_nothing_heavy(
    root: Path, tmp_path: Path, wanted: str
) -> None:
    from eunomia.registry.reference import parse
    from eunomia.registry.remote import image_name
    from eunomia.registry.store import Entry, Store

    store = Store(str(tmp_path / "cache/eunomia/registry"))
    data = (root / "tests/data/simple-0.3.3.json").read_bytes()
    digest = store.put(data)
    manifest = store.put(f'{{"layers": [{{"digest": "{digest}"}}]}}'.encode())
    wanted = wanted or f"@{manifest}"
    store.tag(Entry(image_name(parse(f"registry.example.org/tools/simple{wanted}"), ""), digest, digest=manifest))
    code = """
from eunomia.cli.main import dispatch
import eunomia.cli.run as run
seen = []
run.load = lambda *words: seen.append(words) or (_ for _ in ()).throw(KeyboardInterrupt)
import eunomia.kernel.object, eunomia.events.run
import eunomia.cli.privileges
eunomia.cli.privileges.require_capabilities = lambda program, package: None
assert dispatch(sys.argv[1:]) == 0 and seen
"""
    words = ["run", "--allow-unsigned", f"registry.example.org/tools/simple{wanted}", "--max-events", "1"]
    folders = {f"XDG_{each}_HOME": str(tmp_path / each.lower()) for each in ("CACHE", "STATE", "CONFIG")}

    found = loaded(code, *words, ECLI_CONFIG=str(tmp_path / "none"), **folders)

    heavy = {name for name in found if name.partition(".")[0] in HEAVY}
    assert not heavy, f"imported on the way of ecli run REF: {sorted(heavy)}"
    assert not {name for name in found if name.startswith("eunomia.registry.")} & {
        "eunomia.registry.download", "eunomia.registry.client", "eunomia.registry.config", "eunomia.registry.http",
    }  # fmt: skip


def test_the_way_of_a_run_of_a_guest_imports_nothing_heavy(tmp_path: Path) -> None:
    exits = wasm_writer.module(
        [("wasi_snapshot_preview1", "proc_exit", "i:")], wasm_writer.const(0) + wasm_writer.call(0)
    )
    (tmp_path / "guest.wasm").write_bytes(exits)
    code = "from eunomia.cli.main import dispatch\nassert dispatch(sys.argv[1:]) == 0"

    words = ["run", "--allow", "prog-type=xdp", "--env", "A=B", "--dir", "/proc", str(tmp_path / "guest.wasm"), "x"]
    found = loaded(code, *words, EUNOMIA_RUNTIME_DIR=str(tmp_path))

    heavy = {name for name in found if name.partition(".")[0] in HEAVY}
    assert not heavy, f"imported on the way of ecli run GUEST.wasm: {sorted(heavy)}"
    assert "eunomia.wasm.run" in found


@pytest.mark.parametrize(
    "name",
    [
        "cli.run",
        "cli.main",
        "cli.guest",
        "cli.fetch_table",
        "cli.fetching",
        "registry.hub",
        "registry.names",
        "registry.reference",
        "registry.resolve",
        "registry.remote",
        "registry.source",
        "registry.store",
        "package.model",
        "kernel.object",
        "events.run",
        "wasm.run",
        "wasm.streams",
        "wasm.words",
        "wasm.guest",
        "wasm.callbacks",
        "wasm.policy",
    ],
)
def test_modules_on_the_way_of_a_run_state_no_heavy_import(name: str, root: Path) -> None:
    path = root / "src/eunomia" / f"{name.replace('.', '/')}.py"

    heavy = [
        f"{imported} (line {line})" for imported, at_import, line in imports(path) if at_import and imported in HEAVY
    ]
    assert not heavy
