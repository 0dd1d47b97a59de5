"""Guests that are damaged, too greedy or not allowed: a line, an exit code, and nothing left in the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import old_guests
from support import wasm_writer as writer
from support.commands import Command, Result

WASI = "wasi_snapshot_preview1"
EXIT = (WASI, "proc_exit", "i:")
LOAD = ("wasm_bpf", "wasm_load_bpf_object", "ii:I")


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return old_guests.compile_all(tmp_path_factory.mktemp("guests"))


def run(ecli: Command, tmp_path: Path, wasm: bytes, *options: str) -> Result:
    path = tmp_path / "guest.wasm"
    path.write_bytes(wasm)
    return ecli("run", *options, str(path))


def said(result: Result, code: int = 1) -> str:
    """Return the one line of a run that failed with a code."""
    assert result.returncode == code, repr(result)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, repr(result)
    assert lines[0].startswith("ecli: ")
    return lines[0]


def exits(number: int) -> bytes:
    return writer.module([EXIT], writer.const(number) + writer.call(0))


@pytest.mark.parametrize(
    ("wasm", "words"),
    [
        (b"\0asm\x0d\0\1\0", "the component exports neither run nor wasi:cli/run"),
        (b"\0asm\2\0\0\0", "Wasm version 2, expected 1"),
        (b"\0asm\1", "truncated: 5 bytes"),
        (exits(3)[:-4], "damaged Wasm module"),
        (exits(3)[:30], "damaged Wasm module"),
        (writer.HEADER + bytes(3000), "compile the module"),
        (writer.module([EXIT], writer.call(0)), "compile the module"),
        (writer.module(export="main"), "exports no function _start"),
        (
            writer.module(export="event_buffer"),
            "is a guest of events, which a tool's output goes through [ecli run --guest",
        ),
        (writer.module([("eunomia", "every", "i:i")], export="event_buffer"), "is a guest of events"),
        (writer.module([("wasm_bpf", "wasm_load_bpf_object", "ii:i")]), "wasm_bpf.wasm_load_bpf_object"),
        (writer.module([("env", "magic", "iI:i"), LOAD, ("wasm_bpf", "fly", ":")]), "env.magic"),
        (writer.module([("env", "magic", "iI:i"), LOAD, ("wasm_bpf", "fly", ":")]), "wasm_bpf.fly"),
        (writer.module(body=writer.UNREACHABLE), "unreachable"),
        (writer.module(body=writer.call(0)), "stack overflow"),
        (writer.module(pages=60000), "memory"),
    ],
)
def test_what_cannot_run_is_a_line(wasm: bytes, words: str, ecli: Command, tmp_path: Path) -> None:
    line = said(run(ecli, tmp_path, wasm))

    assert f"{tmp_path}/guest.wasm: " in line
    assert words in line


def test_bytes_that_are_nothing_are_not_taken_for_a_guest(ecli: Command, tmp_path: Path) -> None:
    assert "not a package" in said(run(ecli, tmp_path, b"hello\n"))


@pytest.mark.parametrize(
    ("data", "words", "by_second_name"),
    [
        (b"", "empty, not a package", "empty, not a Wasm module"),
        (b"hello\n", "neither JSON, tar, YAML, an ELF object nor a Wasm module", "not a Wasm module [ecli run takes"),
        (b"(module)\n", "WebAssembly as text, not a module [wat2wasm", "WebAssembly as text, not a module [wat2wasm"),
        (b"\x1f\x8b\x08\0", "compressed with gzip [gunzip it first]", "not a Wasm module"),
        (b"{}", "`$.bpf_object`: required, but missing", "not a Wasm module [ecli run takes packages"),
        (b"\0asm\x0d\0\1\0", "the component exports neither", "the component exports neither"),
        (exits(126), "", ""),
    ],
)
def test_both_names_of_the_command_say_what_a_file_is(
    data: bytes, words: str, by_second_name: str, ecli: Command, tmp_path: Path
) -> None:
    (tmp_path / "x.wasm").write_bytes(data)
    program = "import sys; from eunomia.cli.wasm_bpf import main; sys.exit(main())"
    second = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.wasm"), "-h"], capture_output=True, text=True, check=False
    )
    first = ecli("run", str(tmp_path / "x.wasm"), "-h")

    for result, expected in ((first, words), (second, by_second_name)):
        assert result.returncode == (1 if expected else 126), result
        assert expected in result.stderr
        assert len(result.stderr.splitlines()) == bool(expected)


@pytest.mark.parametrize(("number", "code"), [(0, 0), (1, 1), (3, 3), (125, 125), (126, 126), (255, 255), (-1, 255)])
def test_a_guests_exit_code_is_the_commands(number: int, code: int, ecli: Command, tmp_path: Path) -> None:
    result = run(ecli, tmp_path, exits(number))

    assert (result.returncode, result.stderr) == (code, "")


def test_a_guest_that_loops_runs_out_of_fuel_or_time(ecli: Command, tmp_path: Path) -> None:
    loop = writer.module(body=writer.LOOP + writer.BRANCH + writer.END)

    assert "out of fuel" in said(run(ecli, tmp_path, loop, "--fuel", "1000000"))
    ended = run(ecli, tmp_path, loop, "--fuel", "0", "--duration", "0.2")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_guest_without_memory_to_grow_is_told_so(ecli: Command, tmp_path: Path) -> None:
    grow = writer.const(32) + b"\x40\x00"  # memory.grow by 2 MiB: its result is -1 where there is no more
    body = grow + writer.const(1) + b"\x6a" + writer.call(0)  # exits with result + 1
    wasm = writer.module([EXIT], body)

    assert run(ecli, tmp_path, wasm, "--memory", "1M").returncode == 0
    assert run(ecli, tmp_path, wasm, "--memory", "4M").returncode == 3


def test_an_object_that_does_not_load_is_told_with_the_verifiers_last_lines(
    ecli: Command, guests: dict[str, Path]
) -> None:
    result = ecli("run", str(guests["unsafe"]))

    assert result.returncode == 3
    *verifier, line = result.stderr.splitlines()
    assert line.startswith("ecli: load program on: the verifier refuses it: R")
    assert "invalid mem access 'scalar'" in line
    assert any("invalid mem access 'scalar'" in each for each in verifier)
    assert all(each.startswith("  ") for each in verifier)


def test_what_is_printed_of_it_is_what_the_page_shows(ecli: Command, guests: dict[str, Path]) -> None:
    page = (Path(__file__).parents[3] / "docs/wasm.md").read_text()
    shown = page.partition("$ sudo ecli run unsafe.wasm\n")[2].partition("```")[0]

    printed = ecli("run", str(guests["unsafe"])).stderr

    def words(text: str) -> list[list[str]]:  # R1=8 is R1_w=8 on other kernels
        return [line.replace("_w=", "=").split() for line in text.splitlines()]

    assert len(words(shown)) == 6
    assert words(printed) == words(shown)


def test_a_program_type_that_this_kernel_locks_away_is_named(ecli: Command, guests: dict[str, Path]) -> None:
    line = said(ecli("run", "--allow", "all", str(guests["locked"])), 3)

    assert line.startswith(
        "ecli: load program on (fentry/do_sys_openat2): this kernel refuses the program type even to"
    )
    assert "ulimit" not in line


def test_an_object_that_is_none_is_told(ecli: Command, tmp_path: Path) -> None:
    body = writer.const(1024) + writer.const(5) + writer.call(0) + b"\x50" + writer.call(1)  # exits with: handle is 0
    result = run(ecli, tmp_path, writer.module([LOAD, EXIT], body, data=[(1024, b"hello")]))

    assert "not a proper ELF object" in said(result, 1)


def test_a_record_size_of_a_gigabyte_is_an_error_of_the_guests(ecli: Command, guests: dict[str, Path]) -> None:
    result = ecli("run", str(guests["events"]), "1", "", str(1 << 30))

    assert (result.returncode, result.lines) == (5, ["attached", "poll -14"])
    line = said(result, 5)
    assert line.startswith("ecli: poll map rb: data: 1073741824 bytes at ")
    assert line.endswith(" are not all within the guest's memory [max_size is what data has room for]")


def test_what_changes_is_refused_with_the_option_that_allows_it(ecli: Command, guests: dict[str, Path]) -> None:
    refused = said(ecli("run", str(guests["xdp"]), "0", "lo"), 3)
    assert refused == (
        "ecli: refused: program on: programs of type xdp change or block what they are attached to: not allowed by"
        " default [--allow prog-type=xdp]"
    )
    elsewhere = said(ecli("run", "--allow", "iface=eth77", str(guests["xdp"]), "0", "lo"), 4)
    assert elsewhere == "ecli: refused: program on to iface:lo: only iface:eth77 is allowed [--allow iface=lo]"
    for option in ("prog-type=xdp", "iface=lo", "all"):
        allowed = ecli("run", "--allow", option, str(guests["xdp"]), "0", "lo")
        assert (allowed.returncode, allowed.stdout, allowed.stderr) == (0, "attached\n", "")
    denied = said(ecli("run", "--allow", "all", "--deny", "prog-type=xdp", str(guests["xdp"]), "0", "lo"), 3)
    assert "--deny denies prog-type=xdp" in denied


def test_helpers_that_change_are_refused(ecli: Command, guests: dict[str, Path]) -> None:
    line = said(ecli("run", str(guests["signal"]), "0"), 3)
    assert "it calls bpf_send_signal()" in line
    assert "[--allow helper=send_signal]" in line

    assert (
        ecli("run", "--allow", "helper=send_signal", "--deny", "attach=tp:*", str(guests["signal"]), "0").returncode
        == 4
    )


def test_a_policys_limit_holds_whatever_is_allowed(ecli: Command, guests: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[limit]\nprog-type = ["tp"]\n')
    path.chmod(0o644)

    line = said(ecli("run", "--policy", str(path), "--allow", "all", str(guests["xdp"]), "0", "lo"), 3)

    assert f"the limit in {path} leaves it out" in line


def test_the_machines_file_limits_every_guest(guests: dict[str, Path], tmp_path: Path) -> None:
    setup = (
        f"mount -t tmpfs none {tmp_path} && mkdir {tmp_path}/up {tmp_path}/work && "
        f"mount -t overlay -o lowerdir=/etc,upperdir={tmp_path}/up,workdir={tmp_path}/work overlay /etc && "
        "mkdir -p /etc/eunomia && printf '[limit]\\nprog-type = [\"tp\"]\\n' > /etc/eunomia/policy.toml && "
    )
    program = "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())"
    command = f"exec {sys.executable} -c '{program}' run --allow all {guests['xdp']} 0 lo"

    result = subprocess.run(["unshare", "-m", "sh", "-c", setup + command], capture_output=True, text=True, check=False)

    assert result.returncode == 3, result
    assert result.stderr == (
        "ecli: refused: program on: programs of type xdp are not allowed: the limit in /etc/eunomia/policy.toml"
        " leaves it out\n"
    )
    assert not os.path.exists("/etc/eunomia/policy.toml")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-j"], "--json is for packages"),
        (["--filter", "pid == 1"], "--filter is for packages"),
        (["--allow", "xdp"], "did you mean prog-type=xdp?"),
        (["--dir", "a:b:c"], "is not HOST[:GUEST][:ro|rw|token]"),
        (["--env", "=x"], "is not NAME=VALUE or NAME"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    options: list[str], words: str, ecli: Command, tmp_path: Path
) -> None:
    assert words in said(run(ecli, tmp_path, exits(0), *options), 2)


def test_options_of_guests_are_refused_for_packages(ecli: Command) -> None:
    assert "--memory is for Wasm guests, and sigsnoop is a package" in said(
        ecli("run", "--memory", "1M", "sigsnoop"), 2
    )
    assert "ecli run takes guests" not in ecli("record", "sigsnoop", "--help").stderr


def test_commands_for_packages_say_that_this_is_a_guest(ecli: Command, tmp_path: Path) -> None:
    (tmp_path / "g.wasm").write_bytes(exits(0))

    assert "is a Wasm guest, not a package" in said(ecli("record", "-o", "x", str(tmp_path / "g.wasm")), 2)
    assert "a Wasm guest, not a package" in said(ecli("check", str(tmp_path / "g.wasm")), 2)


def test_a_missing_engine_is_a_line_with_the_command_that_installs_it(tmp_path: Path) -> None:
    path = tmp_path / "guest.wasm"
    path.write_bytes(exits(0))
    site = next(Path(each) for each in sys.path if (Path(each) / "cffi").is_dir())
    lib = tmp_path / "site"
    lib.mkdir()
    for found in [*site.glob("_cffi_backend*"), *site.glob("cffi")]:
        (lib / found.name).symlink_to(found)
    source = Path(__file__).parents[3] / "src"
    program = "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())"

    result = subprocess.run(
        [sys.executable, "-S", "-c", program, "run", str(path)],
        env={**os.environ, "PYTHONPATH": f"{source}:{lib}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr == "ecli: run a guest: the package wasmtime is not installed [pip install 'eunomia[wasm]']\n"


def test_without_root_the_guest_runs_and_is_told_what_it_lacks(ecli: Command, guests: dict[str, Path]) -> None:
    command = [sys.executable, "-c", "import sys; from eunomia.cli.main import ecli; sys.exit(ecli())"]
    result = subprocess.run(
        ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all", "--reuid", "65534",
         "--clear-groups", *command, "run", "-"],
        input=guests["events"].read_bytes(),
        env={**os.environ, "HOME": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        capture_output=True,
        check=False,
    )  # fmt: skip

    line = result.stderr.decode().splitlines()[-1]
    assert result.returncode == 3, result
    assert line == "ecli: load object -: operation not permitted: needs CAP_BPF and CAP_PERFMON [run with sudo]"
    assert ecli("run", str(guests["events"]), "0").returncode == 0
