"""`check(kernel_btf=…)` of kernels that nobody boots: by their types alone it is never wrong, and often sure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eunomia import Package, builtin
from eunomia.kernel.preflight.target import Target
from eunomia.kernel.preflight.tracing import tracepoint
from support.vm.kernels import ARCHITECTURES, SERIES
from support.vm.lab import Vm
from vm.matrix import packages
from vm.programs.cell import judge
from vm.programs.table import BY_NAME
from vm.tools.table import targets

Lab = Callable[..., Vm]
Cell = tuple[str, str]
KERNELS = [f"{series} {arch}" for arch in ARCHITECTURES for series in SERIES]
# What test programs attach to is of another machine, and does not matter.
WORDS = {"iface": "lo", "binary": "/bin/true", "pid": "1", "base": "1", "cgroup": "/sys/fs/cgroup", "fd": "3"}
RIGHT = {"fired": "yes", "refused": "no"}

# Of 107 cells on each kernel: answers that are no "unknown" at least, and those of them that are a no.
SURE = {
    "5.10 amd64": (52, 16),
    "6.1 amd64": (49, 10),
    "6.12 amd64": (40, 0),
    "newest amd64": (38, 0),
    "5.10 arm64": (57, 25),
    "6.1 arm64": (53, 17),
    "6.12 arm64": (40, 0),
    "newest arm64": (38, 0),
}
# Of another machine, or of the kernel's build and boot, which types do not tell: nothing else may be unknown.
NOT_TOLD = ("of another machine", "not in BTF", "where it attaches is not in the section", "none is known to run")


class Foretold:
    """What is foretold of a kernel, and what happened there."""

    def __init__(self, name: str, lab: Vm, folder: Path, page: dict[str, Any], programs: Path) -> None:
        """Ask of every cell of the page."""
        btf = folder / f"{name.replace(' ', '-')}.btf"
        btf.write_bytes(lab.kernel.btf())
        self.target = Target(str(btf))
        self.answers: dict[Cell, tuple[str, str]] = {}
        self.outcomes: dict[Cell, str] = {}
        column = f"{lab.kernel.name} {lab.kernel.arch}"
        for row in page["rows"]:
            cell = (row["kind"], row["name"])
            assert column in row["on"], f"docs/matrix.json has no {column}: run scripts/matrix --write"
            self.answers[cell] = _ask(*cell, self.target, programs)
            self.outcomes[cell] = row["on"][column]["outcome"]

    def wrong(self) -> list[str]:
        """Return the false answers."""
        return [
            f"{kind} {name}: foretold {answer} ({why or 'nothing missing'}), and it {self.outcomes[kind, name]}"
            for (kind, name), (answer, why) in self.answers.items()
            if answer not in ("unknown", RIGHT[self.outcomes[kind, name]])
        ]


def _ask(kind: str, name: str, target: Target, programs: Path) -> tuple[str, str]:
    if kind == "tool":
        package = Package.from_bytes(builtin.read(name), name)
        return judge(package.check(targets=targets(name), target=target), ())
    case, package = BY_NAME[name], Package.open(programs / f"{name}.json")
    return judge(package.check(targets=case.filled(WORDS), target=target), case.skip)


@pytest.fixture(scope="module")
def foretold(vm: Lab, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Foretold]:
    """All kernels; none is booted."""
    page = json.loads((root / "docs/matrix.json").read_text())
    folder, programs = tmp_path_factory.mktemp("btf"), packages.programs()
    return {name: Foretold(name, vm(*name.split()), folder, page, programs) for name in KERNELS}


@pytest.mark.parametrize("name", KERNELS)
def test_no_answer_is_wrong_and_enough_are_sure(foretold: dict[str, Foretold], name: str) -> None:
    kernel = foretold[name]
    counted = Counter(answer for answer, _ in kernel.answers.values())
    unknown = Counter(why for answer, why in kernel.answers.values() if answer == "unknown")

    assert kernel.wrong() == []
    assert len(kernel.answers) >= 107
    sure, no = SURE[name]
    said = f"{counted['unknown']} of {len(kernel.answers)} unknown: {unknown.most_common()}"
    assert counted["yes"] + counted["no"] >= sure, said
    assert counted["no"] >= no, said


@pytest.mark.parametrize("name", KERNELS)
def test_what_is_unknown_is_what_types_do_not_tell(foretold: dict[str, Foretold], name: str) -> None:
    answers = foretold[name].answers
    untold = {
        cell: why
        for cell, (answer, why) in answers.items()
        if answer == "unknown" and not any(words in why for words in NOT_TOLD)
    }

    assert untold == {}
    assert Counter(answer for answer, _ in answers.values())["yes"] >= 28


@pytest.mark.parametrize("series", SERIES)
def test_old_system_calls_have_no_tracepoints_on_arm64(foretold: dict[str, Foretold], series: str) -> None:
    for call in ("open", "unlink", "rename", "stat", "newstat", "mkdir", "access", "fork"):
        found = tracepoint(foretold[f"{series} arm64"].target, "tp", f"syscalls/sys_enter_{call}", (5, 0))
        assert found.status == "no", call
    for arch in ARCHITECTURES:
        found = tracepoint(foretold[f"{series} {arch}"].target, "tp", "syscalls/sys_enter_openat", (5, 0))
        assert found.status == "yes", arch


@pytest.mark.parametrize("series", ["5.10", "6.1"])
def test_arm64_without_direct_calls_takes_no_fentry(foretold: dict[str, Foretold], series: str) -> None:
    answers = foretold[f"{series} arm64"].answers

    for name in ("fentry", "fexit", "fmod_ret", "lsm", "lsm_s", "lsm_cgroup"):
        answer, why = answers["program", name]
        assert answer == "no", name
        assert "error 524" in why or name == "lsm_cgroup"
    assert [foretold[each].target.has_trampolines for each in ("5.10 arm64", "6.1 arm64")] == [False, True]
