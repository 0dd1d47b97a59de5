"""The wheel keeps its promises, and works in a Debian that has no compiler, no headers, no libbpf and no libelf."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_DT_FLAGS

from support import debian, provoke
from support.commands import SESSION_VARIABLE, Running

BIN = Path(sys.executable).parent
EXTENSION = "eunomia/_native/_core.abi3.so"
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
LIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def build(root: Path, folder: Path, machine: str = os.uname().machine) -> Path:
    run = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "EUNOMIA_TARGET": f"{machine}-linux-gnu.2.28"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel for each machine, both built on this one."""
    return {machine: build(root, tmp_path_factory.mktemp(machine), machine) for machine in MACHINES}


@pytest.fixture(scope="module")
def wheel(wheels: dict[str, Path]) -> Path:
    """The wheel that can be installed here."""
    return wheels[os.uname().machine]


@pytest.fixture(scope="module")
def compiler_wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of ecc's part."""
    return build(root / "packaging/compiler", tmp_path_factory.mktemp("compiler"))


@pytest.fixture(scope="module")
def wasm_wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the guests' host."""
    return build(root / "packaging/wasm", tmp_path_factory.mktemp("wasm"))


@pytest.fixture(scope="module")
def registry_wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of registries, hubs and signatures."""
    return build(root / "packaging/registry", tmp_path_factory.mktemp("registry"))


def test_no_file_is_in_two_wheels(wheel: Path, compiler_wheel: Path, registry_wheel: Path, wasm_wheel: Path) -> None:
    wheels = [set(zipfile.ZipFile(each).namelist()) for each in (wheel, compiler_wheel, registry_wheel, wasm_wheel)]

    assert registry_wheel.name == "eunomia_registry-0.1.0-py3-none-any.whl"
    assert wasm_wheel.name == "eunomia_wasm-0.1.0-py3-none-any.whl"
    assert sum(map(len, wheels)) == len(set().union(*wheels))
    assert "eunomia/registry/client.py" in wheels[2]
    assert "eunomia/wasm/guest.py" in wheels[3]


def test_compiler_has_a_wheel_of_its_own(wheel: Path, compiler_wheel: Path, root: Path, tmp_path: Path) -> None:
    first, second = (set(zipfile.ZipFile(path).namelist()) for path in (wheel, compiler_wheel))
    metadata = zipfile.ZipFile(compiler_wheel).read("eunomia_compiler-0.1.0.dist-info/METADATA")
    again = build(root / "packaging/compiler", tmp_path)
    data = {path for path in (root / "src/eunomia/compiler").rglob("*") if path.is_file() and ".py" not in path.suffix}

    assert compiler_wheel.name == "eunomia_compiler-0.1.0-py3-none-any.whl"
    assert not first & second
    assert not [name for name in first if name.startswith("eunomia/compiler")]
    assert {str(path.relative_to(root / "src")) for path in data} < second
    assert "eunomia/sdk.tar.xz" in second
    assert message_from_bytes(metadata).get_all("Requires-Dist") == ["eunomia-registry==0.1.0", "eunomia==0.1.0"]
    assert again.read_bytes() == compiler_wheel.read_bytes()


@pytest.mark.parametrize("machine", MACHINES)
def test_wheel_is_small_and_holds_what_it_needs_once(wheels: dict[str, Path], machine: str, root: Path) -> None:
    wheel = wheels[machine]
    names = zipfile.ZipFile(wheel).namelist()
    tools = {f"eunomia/builtin/{path.parent.name}.json" for path in (root / "tools").glob("*/*.bpf.c")}

    assert wheel.stat().st_size < 1_000_000
    assert [name for name in names if name.endswith(".so")] == [EXTENSION]
    assert {name for name in names if name.startswith("eunomia/builtin/") and name.endswith(".json")} == tools
    assert "eunomia/_native/licenses/libbpf-LICENSE.BSD-2-Clause" in names
    assert "eunomia/py.typed" in names
    assert len(names) == len(set(names))
    assert [name for name in names if "__pycache__" in name or name.endswith(".digest")] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_extension_is_for_the_machine_of_the_tag_and_needs_only_glibc(
    wheels: dict[str, Path], machine: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheels[machine]) as archive:
        extension = archive.extract(EXTENSION, tmp_path)
    with open(extension, "rb") as file:
        elf = ELFFile(file)
        tags = {tag.entry.d_tag: tag for tag in elf.get_section_by_name(".dynamic").iter_tags()}
        needed = {tag.needed for tag in elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")}
        flags = tags["DT_FLAGS"].entry.d_val if "DT_FLAGS" in tags else 0
        versions = {
            version.name
            for _, auxiliaries in elf.get_section_by_name(".gnu.version_r").iter_versions()
            for version in auxiliaries
        }
        defined = {
            symbol.name
            for symbol in elf.get_section_by_name(".dynsym").iter_symbols()
            if symbol.entry.st_shndx != "SHN_UNDEF"
        }

    assert elf.header.e_machine == MACHINES[machine]
    assert wheels[machine].name.endswith(f"-cp311-abi3-manylinux_2_28_{machine}.whl")
    assert "libc.so.6" in needed
    assert needed <= LIBC
    assert "DT_TEXTREL" not in tags
    assert not flags & ENUM_DT_FLAGS["DF_TEXTREL"]
    assert max(tuple(map(int, name[6:].split("."))) for name in versions if name[:6] == "GLIBC_") <= (2, 28)
    assert defined == {"PyInit__core"}


@pytest.mark.parametrize("machine", MACHINES)
def test_wheel_depends_on_nothing_but_cffi(wheels: dict[str, Path], machine: str) -> None:
    archive = zipfile.ZipFile(wheels[machine])
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    required = message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []

    assert [re.split(r"[^\w-]", line)[0] for line in required if "extra ==" not in line] == ["cffi"]


@pytest.mark.parametrize("machine", MACHINES)
def test_wheel_is_for_every_python_from_3_11_and_glibc_from_2_28(
    wheels: dict[str, Path], machine: str, tmp_path: Path
) -> None:
    wheel = wheels[machine]
    shown = subprocess.run([BIN / "auditwheel", "show", wheel], capture_output=True, text=True, check=False)
    with zipfile.ZipFile(wheel) as archive:
        extension = archive.extract(EXTENSION, tmp_path)
    stable = subprocess.run(
        [BIN / "abi3audit", "--strict", "--assume-minimum-abi3", "3.11", extension],
        capture_output=True,
        text=True,
        check=False,
    )

    assert wheel.name.split("-", 2)[2].startswith("cp311-abi3-manylinux_2_28_")
    assert shown.returncode == 0, shown.stderr
    policy = re.search(r'platform tag:\s+"manylinux_2_(\d+)_', shown.stdout.replace("\n", " "))
    assert policy, shown.stdout
    assert int(policy[1]) <= 28
    assert stable.returncode == 0, stable.stdout + stable.stderr


@pytest.mark.parametrize("machine", MACHINES)
def test_wheel_is_reproducible(wheels: dict[str, Path], machine: str, root: Path, tmp_path: Path) -> None:
    again = build(root, tmp_path, machine)

    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheels[machine].read_bytes()).hexdigest()


def bare_code(text: str) -> str:
    """Return a module's code with its lines, without docstrings and types."""
    tree = ast.parse(text)
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body, node.end_lineno, node.end_col_offset = [ast.Pass(lineno=1, col_offset=0)], None, None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = node.end_col_offset = node.end_lineno = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                first.value.value, first.end_lineno, first.value.end_lineno = "", None, None
                first.end_col_offset = first.value.end_col_offset = None
    places = [(type(node).__name__, getattr(node, "lineno", 0)) for node in ast.walk(tree)]
    return f"{ast.dump(tree)} {places}"


def test_modules_do_what_the_sources_do_line_by_line(
    wheel: Path, compiler_wheel: Path, registry_wheel: Path, wasm_wheel: Path, root: Path
) -> None:
    contents = {}
    for archive in map(zipfile.ZipFile, (wheel, compiler_wheel, registry_wheel, wasm_wheel)):
        contents.update({name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")})

    assert sorted(contents) == sorted(str(path.relative_to(root / "src")) for path in (root / "src").rglob("*.py"))
    for name, text in contents.items():
        assert bare_code(text) == bare_code((root / "src" / name).read_text()), name
    assert "Return the package as one architecture runs it" in contents["eunomia/package/model.py"]


def test_headers_of_the_wheel_give_the_same_object(
    wheel: Path, compiler_wheel: Path, root: Path, tmp_path: Path
) -> None:
    for path in (wheel, compiler_wheel):
        zipfile.ZipFile(path).extractall(tmp_path / "unpacked")
    code = "import sys; from eunomia.cli.main import ecc; sys.exit(ecc())"
    objects = []
    for folder in (tmp_path / "unpacked", root / "src"):
        words = [sys.executable, "-c", code, "-o", tmp_path / "out.json", root / "tests/kernel/corpus/uprobe.bpf.c"]
        subprocess.run(words, env={**os.environ, "PYTHONPATH": str(folder)}, check=True)
        objects.append((tmp_path / "out.json").read_bytes())

    assert objects[0] == objects[1]


def test_wheels_hold_the_same_packages_for_both_machines(wheels: dict[str, Path]) -> None:
    tools = [
        {name: archive.read(name) for name in archive.namelist() if name.startswith("eunomia/builtin/")}
        for archive in map(zipfile.ZipFile, wheels.values())
    ]

    assert "eunomia/builtin/opensnoop.json" in tools[0]
    assert tools[0] == tools[1]


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bare Debian with the wheel in /opt/eunomia, installed by its own Python without network."""
    if not shutil.which("debootstrap"):
        pytest.skip("no debootstrap (scripts/test installs it)")
    root = debian.bare_root(tmp_path_factory.mktemp("debian"))
    wheels = root / "wheels"
    wheels.mkdir()
    shutil.copy(wheel, wheels)
    download = [sys.executable, "-m", "pip", "download", "-q", "--dest", str(wheels), "--only-binary", ":all:"]
    subprocess.run([*download, "--python-version", "3.11", "cffi"], check=True)
    install = "python3 -m venv /opt/eunomia && /opt/eunomia/bin/pip install -q --no-index --find-links /wheels eunomia"
    run = subprocess.run(debian.inside(root, "sh", "-ec", install), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    yield root
    shutil.rmtree(root)


def test_bare_debian_has_nothing_to_compile_with(bare: Path) -> None:
    script = """
        for name in cc gcc clang ld make bpftool; do ! command -v $name || exit 1; done
        ! find /usr /lib /etc -name 'libbpf*' -o -name 'libelf*.so*' -o -name bpf_helpers.h | grep .
        [ ! -e /usr/include/linux/bpf.h ]
        [ ! -e /usr/include/stdio.h ]
    """
    run = subprocess.run(debian.inside(bare, "sh", "-ec", script), capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_opensnoop_prints_events_in_a_bare_debian(bare: Path, test_session: str) -> None:
    command = debian.inside(bare, f"{SESSION_VARIABLE}={test_session}", "/opt/eunomia/bin/ecli", "run", "opensnoop")
    running = Running(command, None, {**os.environ, SESSION_VARIABLE: test_session}, None)
    try:
        running.wait_attached()
        path = provoke.open_file()
        running.wait_for(path)
    finally:
        result = running.stop()

    assert result.returncode == 0, result
    assert any(path in line and str(os.getpid()) in line for line in result.lines), result


def test_compiling_without_the_compilers_wheel_says_what_to_install(bare: Path) -> None:
    script = """
        printf 'char LICENSE[] __attribute__((section("license"))) = "GPL";' > /tmp/x.bpf.c
        for command in 'ecc /tmp/x.bpf.c' 'ecli inspect /tmp/x.bpf.c' 'ecc build-wasm /tmp' 'ecc new thing'; do
            /opt/eunomia/bin/$command && exit 1
        done
        /opt/eunomia/bin/ecli doctor | grep -A1 compiler
    """
    run = subprocess.run(debian.inside(bare, "sh", "-c", script), capture_output=True, text=True, check=False)
    lines = run.stderr.splitlines()
    missing = "compile and publish: eunomia-compiler is not installed [pip install 'eunomia[compile]']"

    assert lines == [f"ecc: {missing}", f"ecli: {missing}", f"ecc: {missing}", f"ecc: {missing}"]
    assert "eunomia[compile]" in run.stdout


def test_guests_without_the_guests_wheel_say_what_to_install(bare: Path) -> None:
    script = r"""
        printf '\0asm\1\0\0\0' > /tmp/x.wasm
        for command in 'ecli run' 'ecli inspect' wasm-bpf; do /opt/eunomia/bin/$command /tmp/x.wasm && exit 1; done
        /opt/eunomia/bin/ecli doctor | grep 'wasm guests'
        /opt/eunomia/bin/ecli completion bash > /tmp/completion
    """
    run = subprocess.run(debian.inside(bare, "sh", "-c", script), capture_output=True, text=True, check=False)
    missing = "the host of guests: eunomia-wasm is not installed [pip install 'eunomia[wasm]']"

    assert run.returncode == 0, run
    assert run.stderr.splitlines() == [f"ecli: {missing}", f"ecli: {missing}", f"wasm-bpf: {missing}"]
    assert missing in run.stdout


def test_references_without_the_registries_wheel_say_what_to_install(bare: Path) -> None:
    script = """
        for words in 'run 127.0.0.1:5000/tools/x:1' 'hub list' 'login 127.0.0.1:5000' 'verify /etc/passwd'; do
            /opt/eunomia/bin/ecli $words && exit 1
        done
        /opt/eunomia/bin/ecli --help | grep ' login '
        /opt/eunomia/bin/ecli nosuch
    """
    run = subprocess.run(debian.inside(bare, "sh", "-c", script), capture_output=True, text=True, check=False)
    missing = "ecli: registries, hubs and signatures: eunomia-registry is not installed [pip install 'eunomia[oci]']"

    assert run.stderr.splitlines() == [
        *[missing] * 4,
        "ecli: open nosuch: no such file or built-in tool [`ecli list` shows the built-in tools]",
    ]
    assert run.stdout.split() == ["login", "not", "installed", "[pip", "install", "'eunomia[oci]']"]
