"""Sources and packages as users have them: unmodified, compiled with nothing but -I, and run where this kernel can."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia import EunomiaError, Package
from eunomia.btf.types import STRUCT
from eunomia.compiler import compile_source
from support.commands import Command
from support.kernel_state import qdiscs

CORPUS = Path(__file__).parent / "corpus"
DATA = Path(__file__).parent.parent / "data"

# source: the event types that ecc finds by itself, by map
SOURCES: dict[str, dict[str, list[str]]] = {
    "accounted": {"events": ["event"], "samples": ["event"]},
    "bootstrap": {"rb": ["event"]},
    "fentry": {"entries": ["opened"], "exits": ["closed"]},
    "globals": {"records": ["record"]},
    "hist": {},
    "iter": {},
    "lsm": {},
    "minimal": {},
    "profile": {"events": ["stacktrace_event"]},
    "sockfilter": {"rb": ["so_event"]},
    "tc": {},
    "unlink": {},
    "uprobe": {"calls": ["call"], "results": ["result"]},
    "usdt": {"jumps": ["jump"]},
    "xdp": {},
}
# What no kernel without these features loads; the errors must say so, and the others must load.
NEEDS = {"fentry": "fentry", "lsm": "lsm"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile a source of the corpus once, with the real `ecc`, from a folder that holds only its sources."""
    folder = tmp_path_factory.mktemp("corpus")
    for path in CORPUS.iterdir():
        shutil.copy(path, folder)
    made: dict[str, Path] = {}

    def package(name: str) -> Path:
        if name not in made:
            command = Command("ecc", "corpus")
            try:
                done = command(folder / f"{name}.bpf.c", "-o", folder / f"{name}.json", timeout=120)
            finally:
                command.close()
            assert done.returncode == 0, done
            assert done.stderr == "", done
            made[name] = folder / f"{name}.json"
        return made[name]

    return package


def test_every_source_of_the_corpus_is_listed() -> None:
    assert sorted(path.name.removesuffix(".bpf.c") for path in CORPUS.glob("*.bpf.c")) == sorted(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_unmodified_source_compiles_and_its_event_types_are_found(name: str, packages: Callable[[str], Path]) -> None:
    meta = json.loads(packages(name).read_text())["meta"]

    assert meta.get("eunomia", {}).get("event_types", {}) == SOURCES[name]


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in NEEDS])
def test_package_of_the_corpus_loads(name: str, packages: Callable[[str], Path]) -> None:
    with Package.open(packages(name)).load() as obj:
        assert all(program.fd >= 0 for program in obj.programs.values())


@pytest.mark.parametrize("name", NEEDS)
def test_program_type_that_this_kernel_lacks_is_named(name: str, packages: Callable[[str], Path]) -> None:
    try:
        with Package.open(packages(name)).load() as obj:
            assert obj.programs
    except (EunomiaError, OSError) as error:
        message = str(error)  # host kernels of CI may load it: then there is nothing to say
        assert "\n" not in message
        assert NEEDS[name] in message


def test_events_of_a_process_come_with_every_field(packages: Callable[[str], Path], ecli: Command) -> None:
    running = ecli.start("run", "-j", packages("bootstrap")).wait_attached(2)
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    running.wait_for(f'"pid":{pid}')
    ended = running.wait_for('"exit_event":true').stop()
    mine = [event for event in ended.events if event["pid"] == pid]

    assert ended.returncode == 0, ended
    assert [event["exit_event"] for event in mine] == [False, True]
    assert mine[0]["filename"] == "/bin/true"
    assert mine[0]["ppid"] == os.getpid()
    assert mine[1]["comm"] == "true"
    assert mine[1]["exit_code"] == 0
    assert list(mine[0]) == ["pid", "ppid", "exit_code", "duration_ns", "comm", "filename", "exit_event"]


def test_globals_of_every_section_reach_the_program(packages: Callable[[str], Path], ecli: Command) -> None:
    options = ["--mode", "MODE_LOG", "--prefix", "good bye", "--big", "0x10", "--list", "7,8", "--writable", "-3"]
    line = ["run", "-j", "--max-events", "1", packages("globals"), "--only", os.getpid(), *options, "--custom", "77"]
    running = ecli.start(*line).wait_attached()
    os.kill(os.getpid(), 0)
    (event,) = running.finish(20).events

    assert event["mode"].startswith("MODE_LOG")
    assert event["loud"] is True
    assert event["prefix"] == "good bye"
    assert event["big"] == 16
    assert event["list"] == [7, 8, 0, 0]
    assert event["writable"] == -3
    assert event["custom"] == 77
    assert event["version"] > 0x50000
    assert event["syscalls"] is True
    assert event["bits"] == {"low": 5, "high": 10}


def test_two_rings_print_each_its_own_type(packages: Callable[[str], Path], ecli: Command) -> None:
    running = ecli.start("run", "-j", packages("uprobe"), "--target", os.getpid()).wait_attached(2)
    keep = [bytearray(200_000 + i) for i in range(4)]
    running.wait_for('"pointer"')
    ended = running.stop()
    del keep

    assert ended.returncode == 0, ended
    assert {tuple(event) for event in ended.events} >= {("pid", "size"), ("pid", "pointer")}


def test_xdp_counters_are_sampled_and_nothing_stays_on_the_interface(
    packages: Callable[[str], Path], ecli: Command
) -> None:
    import socket

    running = ecli.start("run", "-j", packages("xdp")).wait_attached()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(20):
            sender.sendto(b"x", ("127.0.0.1", 9))
    running.wait_for('"packets"')
    ended = running.stop()

    assert ended.returncode == 0, ended
    assert any("counters" in json.dumps(event) or "packets" in json.dumps(event) for event in ended.events)


def golden(name: str, elf: bytes, folder: Path) -> Path:
    """Write a package as upstream's ecc 0.3.4 does: its meta of that tool, the type ids those of our object."""
    meta = json.loads((DATA / "golden-metas.json").read_text())[name]["meta"]
    package = Package.from_object(elf, name)
    for export in meta.get("export_types", []):
        found = package.types.btf.find(export["name"], STRUCT)
        assert found is not None
        export["type_id"] = found.id
    tree = package.to_tree()
    tree["meta"] = meta
    path = folder / f"{name}.json"
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize("compat", [False, True], ids=["own", "compat"])
@pytest.mark.parametrize("name", ["minimal", "opensnoop", "sigsnoop", "tcpstates", "xdp", "bashreadline"])
def test_package_with_a_meta_of_upstream_attaches_and_ends(
    name: str, compat: bool, tmp_path: Path, ecli: Command
) -> None:
    package = golden(name, (DATA / f"golden/{name}.bpf.o").read_bytes(), tmp_path)
    ended = ecli.start("run", *(["--compat"] if compat else ["-q"]), package).wait_attached().stop()

    assert ended.returncode == 0, ended
    assert ended.stderr == "", ended


def test_tc_filter_of_a_package_of_upstream_comes_and_goes(tmp_path: Path, ecli: Command) -> None:
    running = ecli.start("run", golden("tc", (DATA / "golden/tc.bpf.o").read_bytes(), tmp_path))
    deadline = time.monotonic() + 20
    while ("lo", "clsact") not in qdiscs() and time.monotonic() < deadline:
        time.sleep(0.05)
    there = ("lo", "clsact") in qdiscs()
    ended = running.stop()

    assert there, ended
    assert ended.returncode == 0, ended
    assert ("lo", "clsact") not in qdiscs()


@pytest.mark.parametrize("compat", [False, True], ids=["own", "compat"])
def test_package_with_a_meta_of_upstream_prints_its_events(compat: bool, tmp_path: Path, ecli: Command) -> None:
    for name in ("bootstrap.bpf.c", "bootstrap.h"):
        shutil.copy(CORPUS / name, tmp_path)
    source = tmp_path / "bootstrap.bpf.c"
    with source.open("a") as file:  # upstream's ecc adds it, so that the type is in the object
        file.write("struct event *__eunomia_dummy_event_ptr;\n")
    package = golden("bootstrap", compile_source(source).object, tmp_path)

    running = ecli.start("run", *(["--compat"] if compat else ["-q"]), package).wait_attached(2)
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    ended = running.wait_for("/bin/true").stop()
    header, *rows = ended.lines
    row = next(line.split() for line in rows if "/bin/true" in line)

    assert ended.returncode == 0, ended
    names = ["TIME", "PID", "PPID", "EXIT_CODE", "DURATION_NS", "COMM", "FILENAME", "EXIT_EVENT"]
    assert header.split() == names
    assert row[1:] == [str(pid), str(os.getpid()), "0", "0", "true", "/bin/true", "false"]
    if compat:
        assert header == "".join(["TIME     ", *(name.ljust(6) + " " for name in names[1:])])
        assert next(line for line in rows if "/bin/true" in line)[8:11] == "  " + str(pid)[0]


@pytest.mark.parametrize("name", ["simple-0.3.3", "int128-0.3.2"])
def test_package_of_an_older_upstream_is_inspected(name: str, ecli: Command) -> None:
    done = ecli("inspect", DATA / f"{name}.json")

    assert done.returncode == 0, done


def test_package_of_an_older_upstream_runs(ecli: Command) -> None:
    ended = ecli.start("run", DATA / "simple-0.3.3.json").wait_attached().stop()

    assert ended.returncode == 0, ended


def test_package_without_programs_says_so_waits_and_ends(ecli: Command) -> None:
    done = ecli("run", "--duration", "0.3", DATA / "int128-0.3.2.json", timeout=20)

    assert done.returncode == 0, done
    assert "int128-0.3.2.json has no program: nothing is attached" in done.stderr
