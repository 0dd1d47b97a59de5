"""Fixtures of several modules: their SOURCE, compiled once, and loaded for this process alone; places of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.kernel.object import Object
from eunomia.package.model import Package


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The module's SOURCE as a package."""
    name = request.module.__name__.removeprefix("test_")
    path = tmp_path_factory.mktemp(name) / f"{name}.bpf.c"
    path.write_text(request.module.SOURCE)
    return compile_source(str(path))


@pytest.fixture
def live(package: Package) -> Iterator[Object]:
    """It, attached; its variable `only` is this process."""
    with package.load({"only": os.getpid()}) as obj:
        obj.attach()
        yield obj


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State files and logs of the test's own."""
    monkeypatch.setenv("EUNOMIA_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("EUNOMIA_LOG_DIR", str(tmp_path / "log"))
    return tmp_path


@pytest.fixture(scope="session")
def conformance_guest(root: Path) -> Callable[[str], Path]:
    """`conformance_guest(NAME) -> Path` of NAME.wasm: a guest of tests/conformance/guests.toml, built once."""
    from conformance.build import Builder

    return Builder(root / "build/guests").guest


@pytest.fixture(scope="session")
def libeunomia(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with libeunomia installed, as scripts/libeunomia makes it."""
    prefix = tmp_path_factory.mktemp("libeunomia")
    build = [sys.executable, str(root / "native/libeunomia/build.py"), str(prefix)]
    made = subprocess.run(build, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return prefix
