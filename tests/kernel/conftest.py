"""Fixtures for modules whose tests share one source: their SOURCE, compiled once, and loaded for this process alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
