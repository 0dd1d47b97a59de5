"""Every built-in tool and a program of every type, on every kernel: what `ecli check` foretells happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eunomia import builtin
from support.vm.lab import Vm
from vm.matrix import compare
from vm.matrix.__main__ import keep, summary
from vm.matrix.measure import KERNELS, Measurement
from vm.tools.table import TOOLS

Lab = Callable[..., Vm]


@pytest.fixture(scope="module")
def measured(vm: Lab, pytestconfig: pytest.Config) -> Iterator[list[compare.Document]]:
    """All kernels, measured once, two at a time."""
    for series, arch in KERNELS:
        vm(series, arch)  # fetched first, one after the other
    measurement = Measurement()
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    kernels = []
    try:
        for kernel in measurement.run():
            kernels.append(kernel)
            if reporter is not None:
                reporter.write_line("\n".join(["", *summary(kernel)]))
        keep(kernels)
        yield kernels
    finally:
        measurement.stop()


def test_every_built_in_tool_has_something_that_provokes_it() -> None:
    assert sorted(TOOLS) == builtin.names()


@pytest.mark.parametrize(("series", "arch"), KERNELS)
def test_what_was_predicted_happens(measured: list[compare.Document], series: str, arch: str) -> None:
    (kernel,) = [each for each in measured if (each["series"], each["arch"]) == (series, arch)]

    assert compare.all_wrong(kernel) == []
    assert len([cell for cell in kernel["cells"] if cell["outcome"] == "fired"]) > 60


@pytest.mark.parametrize(("series", "arch"), KERNELS)
def test_the_real_command_line_foretells_and_runs(measured: list[compare.Document], series: str, arch: str) -> None:
    (command,) = [each["command"] for each in measured if (each["series"], each["arch"]) == (series, arch)]

    assert command["check"] == 0
    assert 0 < command["python"] < command["run"] < 30


def test_the_page_says_what_was_measured(measured: list[compare.Document], root: Path) -> None:
    page = json.loads((root / "docs/matrix.json").read_text())

    differences = list(compare.iter_differences(page, compare.table(measured, page["date"])))
    assert differences == [], "run: scripts/matrix --last --write"
