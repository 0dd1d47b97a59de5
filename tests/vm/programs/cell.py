"""Run cases of the matrix on this kernel, each in a process of its own: `python -m vm.programs.cell FOLDER [NAME]...`.

FOLDER has the packages, NAME.json each. A line of JSON for each case goes to standard output:
{"cell", "predicted", "predicted_reason", "outcome", "reason", "count", "seconds"}. The outcomes: `fired`; `attached`,
but nothing came; `refused` by the kernel or by eunomia, with its reason; `failed`, where the case itself did.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from vm.programs.places import Words
from vm.programs.table import BY_NAME, CASES, Case

if TYPE_CHECKING:
    from eunomia.kernel.object import Object
    from eunomia.kernel.preflight import Report
    from eunomia.kernel.preflight.target import Target
    from eunomia.package.model import Package

TIME_LIMIT = 60  # seconds; emulated processors are slow
Answer = dict[str, Any]
Predict = Callable[["Package", Mapping[str, list[str]], tuple[str, ...]], tuple[str, str]]


class Live:
    """A case whose programs are attached.

    Attributes:
        obj: the object.
        words: of its place, `{"pid": …}` besides.
    """

    def __init__(self, obj: Object, words: Words) -> None:
        self.obj = obj
        self.words = words

    def hits(self) -> int:
        """Return the program's counter."""
        bss = next(each for each in self.obj.maps.values() if each.section == ".bss")
        return int(bss.variables()["hits"])


def no_prediction(_: Package, __: Mapping[str, list[str]], ___: tuple[str, ...]) -> tuple[str, str]:
    """Say that nobody was asked."""
    return "unknown", ""


def predict(
    package: Package, targets: Mapping[str, list[str]], skip: tuple[str, ...], target: Target | None = None
) -> tuple[str, str]:
    """Ask `package.check` what it expects with these targets, of a kernel that may be known already, and why."""
    return judge(package.check(targets=targets, target=target), skip)


def judge(report: Report, skip: tuple[str, ...]) -> tuple[str, str]:
    """Return the answer of a check, where some programs are loaded and only run by hand."""
    by_hand = [each for each in report.findings if each.kind == "attach target" and {*each.programs} & {*skip}]
    for status in ("no", "unknown"):
        for each in report.findings:
            if each.status == status and each.fatal and each not in by_hand:
                return status, each.detail or each.name
    return "yes", ""


def run(case: Case, package: Package, ask: Predict = no_prediction) -> Answer:
    """Run one case in a child process, which takes what it made with it."""
    reader, writer = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reader)
        signal.alarm(TIME_LIMIT)
        status = 1
        try:
            with os.fdopen(writer, "w") as out:
                json.dump(_answer(case, package, ask), out)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as source:
        text = source.read()
    _, status = os.waitpid(child, 0)
    answer: Answer = {"cell": case.name, "predicted": "unknown", "predicted_reason": "", "count": 0}
    answer |= json.loads(text) if text else {"outcome": "failed", "reason": f"ended with status {status}"}
    answer["seconds"] = round(time.monotonic() - started, 3)
    return answer


def _answer(case: Case, package: Package, ask: Predict) -> Answer:
    answer: Answer = {}
    try:
        with case.place() as words, ExitStack() as stack:
            words["pid"] = str(os.getpid())
            if case.base:
                words["base"] = str(_run_base(case, package, stack))
            targets = case.filled(words)
            answer["predicted"], answer["predicted_reason"] = ask(package, targets, case.skip)
            answer |= _attached(case, package, targets, words)
    except Exception as exc:  # of a place or a trigger: the case is at fault, and says how
        answer |= {"outcome": "failed", "reason": f"{type(exc).__name__}: {exc}"}
    return answer


def _run_base(case: Case, package: Package, stack: ExitStack) -> int:
    """Run the program that another attaches to, in an object of its own, and return its id."""
    from eunomia.kernel.object import Object

    base = stack.enter_context(Object.open(package))
    for name, program in base.programs.items():
        program.autoload = name == case.base
    base.load()
    base.programs[case.base].attach()
    with open(f"/proc/self/fdinfo/{base.programs[case.base].fd}") as info:
        return int(next(line.split()[1] for line in info if line.startswith("prog_id:")))


def _load(package: Package, targets: Mapping[str, list[str]]) -> Object:
    """Load with the `pid` of this process; programs that attach to others are told before."""
    from eunomia.kernel.object import Object

    has_pid = any(option.name == "pid" for option in package.options())
    obj = Object.open(package)
    try:
        for section, offset, data in package.settings({"pid": os.getpid()} if has_pid else {}).writes:
            obj.write(section, offset, data)
        for name, each in targets.items():
            if each[0].startswith("prog:"):
                obj.programs[name].set_target(each[0])
        obj.load()
    except BaseException:
        obj.close()
        raise
    return obj


def _attached(case: Case, package: Package, targets: Mapping[str, list[str]], words: Words) -> Answer:
    from eunomia.errors import EunomiaError

    try:
        obj = _load(package, targets)
    except (EunomiaError, OSError) as exc:
        return {"outcome": "refused", "reason": str(exc)}
    with obj:
        try:
            obj.attach(skip=case.skip, targets=targets)
        except (EunomiaError, OSError) as exc:
            return {"outcome": "refused", "reason": str(exc)}
        live = Live(obj, words)
        told = case.fire(live)
        count = live.hits() if told is None else told
    return {"outcome": "fired" if count else "attached", "count": count, "reason": ""}


def main(words: list[str]) -> int:
    """Run the cases that are named, or all."""
    from eunomia import Package

    folder, *names = words
    for case in [BY_NAME[name] for name in names] or CASES:
        package = Package.open(os.path.join(folder, f"{case.name}.json"))
        print(json.dumps(run(case, package, predict)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
