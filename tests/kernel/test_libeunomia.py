"""libeunomia: what a C program is promised, under sanitizers, on the real kernel; and how it looks from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia import builtin

CASES = [
    "wrong_arguments",
    "refused",
    "damaged_packages",
    "formats",
    "balances",
    "stops_and_threads",
    "closes_while_it_polls",
    "several_at_once",
    "by_upstreams_names",
]
PACKAGES = Path(builtin.__file__).parent


def done(*command: object) -> str:
    """Run a command that must succeed; return what it prints."""
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="session")
def sanitized(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test program with the library, both under AddressSanitizer and UndefinedBehaviorSanitizer."""
    prefix = tmp_path_factory.mktemp("sanitized")
    done(sys.executable, root / "native/libeunomia/build.py", "--sanitize", prefix)
    flags = ["-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    source = root / "tests/native/libeunomia/api.c"
    include = f"-I{root / 'native/libeunomia/include'}"
    done("clang", *flags, include, "-o", prefix / "api", source, prefix / "lib/libeunomia.a", "-lpthread", "-lm")
    return prefix / "api"


@pytest.mark.parametrize("case", CASES)
def test_the_library_keeps_its_promises(case: str, sanitized: Path) -> None:
    package = PACKAGES / ("exitsnoop.json" if case == "refused" else "sigsnoop.json")
    run = subprocess.run([sanitized, case, package], capture_output=True, text=True, timeout=120, check=False)

    assert run.stderr == "", "nothing is printed, and the sanitizers are silent"
    assert run.returncode == 0, run.stdout
    assert run.stdout.splitlines()[-1] == "passed"
    if case == "formats":
        text, event, raw, _ = run.stdout.splitlines()
        assert text.split()[1:3] == ["api", "SIGURG"]
        assert re.fullmatch(r'\{"pid":\d+,"comm":"api","sig":"SIGURG",.*\}', event)
        assert int(raw.removeprefix("raw ")) >= 40


@pytest.mark.parametrize("compiler", [("cc", "-std=c99", "-xc"), ("c++", "-std=c++11", "-xc++")])
def test_the_header_is_valid_c_and_cplusplus(compiler: tuple[str, ...], root: Path, tmp_path: Path) -> None:
    (tmp_path / "user").write_text("#include <eunomia/eunomia-bpf.h>\nint main(void) { return !eunomia_version(); }\n")
    words = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{root / 'native/libeunomia/include'}"]

    done(*compiler[:2], *words, *compiler[2:], tmp_path / "user")


def test_the_shared_library_shows_its_header_and_nothing_else(libeunomia: Path, root: Path) -> None:
    header = (root / "native/libeunomia/include/eunomia/eunomia-bpf.h").read_text()
    code = re.sub(r"/\*.*?\*/|typedef [^;]*;", "", header, flags=re.S)
    declared = set(re.findall(r"\b(\w+)\([^;{]*\);", code))
    shown = done("nm", "-D", "--defined-only", "--with-symbol-versions", libeunomia / "lib/libeunomia.so")
    names = [line.split()[-1] for line in shown.splitlines()]
    assert {name.partition("@")[0] for name in names} - {"LIBEUNOMIA_0.1"} == declared
    assert all(name.endswith("LIBEUNOMIA_0.1") for name in names)

    archive = done("nm", "--defined-only", "--extern-only", libeunomia / "lib/libeunomia.a")
    assert set(re.findall(r"[TDBRV] (\w+)$", archive, re.M)) == declared


def test_both_are_small_and_need_an_old_c_library_only(libeunomia: Path) -> None:
    shared = (libeunomia / "lib/libeunomia.so").resolve()
    assert shared.stat().st_size < 1_000_000
    static = (libeunomia / "lib/libeunomia.a").stat().st_size
    assert static < (1_000_000 if os.uname().machine == "x86_64" else 1_060_000)

    needed = done("readelf", "-dV", shared)
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", needed)) <= {
        "libc.so.6",
        "libpthread.so.0",
        "libm.so.6",
        "libdl.so.2",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }
    versions = [tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", needed)]
    assert max(versions) <= (2, 28)
    assert "libeunomia.so.0" in re.findall(r"SONAME.*\[(.*)\]", needed)


def test_pkg_config_finds_it_wherever_it_is(libeunomia: Path) -> None:
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libeunomia / "lib/pkgconfig")}
    run = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "eunomia"], env=environment, capture_output=True, text=True, check=True
    )

    words = run.stdout.split()
    assert "-leunomia" in words
    include = next(word for word in words if word.startswith("-I"))
    assert (Path(include[2:]) / "eunomia/eunomia-bpf.h").exists()


def test_licences_of_what_is_inside_come_along(libeunomia: Path) -> None:
    names = {path.name for path in (libeunomia / "share/licenses/libeunomia").iterdir()}

    assert {"LICENSE", "libbpf-LICENSE.BSD-2-Clause", "elfutils-COPYING-LGPLV3", "zlib-LICENSE"} <= names
