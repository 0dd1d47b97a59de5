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
from typing import TYPE_CHECKING, Any

from vm.programs.places import Words
from vm.programs.table import BY_NAME, CASES, Case

if TYPE_CHECKING:
    from eunomia.kernel.object import Object
    from eunomia.package.model import Package

TIME_LIMIT = 60  # seconds; emulated processors are slow
Answer = dict[str, Any]
Predict = Callable[["Package", Mapping[str, list[str]]], tuple[str, str]]


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
        offset = next(each[2] for each in self.obj.package.meta["eunomia"]["options"] if each[0] == "hits")
        bss = next(each for each in self.obj.maps.values() if each.section == ".bss")
        return int.from_bytes(bytes(bss[0])[offset : offset + 8], "little")


def no_prediction(_: Package, __: Mapping[str, list[str]]) -> tuple[str, str]:
    """Say that nobody was asked."""
    return "unknown", ""


def predict(package: Package, targets: Mapping[str, list[str]], **run: Any) -> tuple[str, str]:
    """Ask `package.check` what it expects with these targets: yes, no or unknown, and why."""
    report = package.check(targets=targets, **run)
    against = [finding for finding in report.findings if finding.fatal and finding.status == report.runs]
    return report.runs, "" if report.runs == "yes" or not against else against[0].detail or against[0].name


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
        with case.place() as words:
            words["pid"] = str(os.getpid())
            targets = case.filled(words)
            answer["predicted"], answer["predicted_reason"] = ask(package, targets)
            answer |= _attached(case, package, targets, words)
    except Exception as exc:  # of a place or a trigger: the case is at fault, and says how
        answer |= {"outcome": "failed", "reason": f"{type(exc).__name__}: {exc}"}
    return answer


def _attached(case: Case, package: Package, targets: Mapping[str, list[str]], words: Words) -> Answer:
    from eunomia.errors import EunomiaError

    try:
        obj = package.load({"pid": os.getpid()} if any(o.name == "pid" for o in package.options()) else {})
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
        print(json.dumps(run(case, package)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
