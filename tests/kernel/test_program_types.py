"""The matrix's program of each type, on this kernel: it fires, or the kernel has no such thing and we say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.compiler import compile_source
from eunomia.package.model import Package
from vm.programs.cell import predict, run
from vm.programs.table import BY_NAME, CASES, Case

SOURCES = Path(__file__).parent.parent / "vm/programs"
# What every kernel has that this project supports.
EVERYWHERE = ("tp", "uprobe", "iter_task", "xdp", "cgroup_connect4")


def build(case: Case) -> Package:
    return compile_source(str(SOURCES / f"{case.name}.bpf.c"))


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_a_program_of_each_type_fires_or_the_kernel_is_known_not_to_have_it(name: str) -> None:
    package = build(BY_NAME[name])
    answer = run(BY_NAME[name], package, predict)

    assert answer["predicted"] in (("yes",) if name in EVERYWHERE else ("yes", "no")), answer
    assert answer["outcome"] == {"yes": "fired", "no": "refused"}[answer["predicted"]], answer
    assert (answer["reason"] != "") == (answer["outcome"] == "refused"), answer
    assert "\n" not in answer["reason"]


def test_the_table_and_the_sources_are_the_same_set() -> None:
    assert sorted(case.name for case in CASES) == sorted(path.name[:-6] for path in SOURCES.glob("*.bpf.c"))
