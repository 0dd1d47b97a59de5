"""The usual mistakes on other kernels, and the page about them: `PYTHONPATH=src:tests python -m vm.mistakes` writes it.

The page is docs/verifier-mistakes.md: each source, and what `ecli check --load` prints for it on KERNEL.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import eunomia
from eunomia.cli.check import page
from eunomia.kernel.preflight.mistakes import MISTAKES
from eunomia.kernel.preflight.report import Finding, Report, Verified
from support.vm.lab import Vm

ROOT = Path(__file__).parents[2]
SOURCES = {path.name.removesuffix(".bpf.c"): path for path in sorted((ROOT / "tests/kernel/mistakes").glob("*.bpf.c"))}
PAGE = ROOT / "docs/verifier-mistakes.md"
KERNEL = "6.12"
_SCRIPT = """
import glob, os, eunomia
from eunomia.kernel.preflight.target import Target
from guest import emit
target = Target()
for path in sorted(glob.glob("/packages/*.json")):
    report = eunomia.Package.open(path).check(load=True, target=target)
    try:
        with eunomia.Package.open(path).load():
            line = ""
    except eunomia.VerifierError as exc:
        line = str(exc)
    emit(mistake=os.path.basename(path)[:-5], tree=report.to_tree(), line=line)
"""
_HEAD = f"""\
# The usual mistakes, and what the verifier makes of them

Each source here is one that the verifier refuses, in `tests/kernel/mistakes`, with what `ecli check --load` prints on
Linux {KERNEL}. The advice stands in the line of a refused `ecli run` and in Python's `VerifierError` too. All of them
are recognised on 5.10, 6.1, {KERNEL} and the newest kernel, whose words differ (tests/vm/test_mistakes.py; this page is
written from there). Includes and the licence are left out.
"""


def packages(folder: Path) -> dict[str, Path]:
    """Compile the sources; return where each is to be in the guest."""
    files = {}
    for name, source in SOURCES.items():
        files[f"/packages/{name}.json"] = folder / f"{name}.json"
        (folder / f"{name}.json").write_text(eunomia.compile(source).seal().to_json())
    return files


def run(series: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return what each source gives on a kernel, by the mistake's name."""
    rows = Vm(series, "amd64", memory=1024).run(_SCRIPT, files=packages(folder), timeout=300)
    return {row["mistake"]: row for row in rows}


def report_of(tree: dict[str, Any]) -> Report:
    """Return a report from its JSON."""
    findings = [Finding(**{**each, "programs": tuple(each["programs"])}) for each in tree["findings"]]
    verified = [
        Verified(**{**each, "stack": tuple(each["stack"]), "registers": tuple(each["registers"])})
        for each in tree["verified"]
    ]
    return Report(tree["package"], tree["kernel"], tree["live"], findings, verified, tree["failure"])


def text(rows: dict[str, dict[str, Any]]) -> str:
    """Return the page."""
    order = [each.name for each in MISTAKES if each.name in rows]
    parts = [_HEAD, " · ".join(f"[{name}](#{name})" for name in order), ""]
    for name in order:
        report = report_of(rows[name]["tree"])
        report.findings = [each for each in report.findings if each.status == "no"]
        printed = "\n".join(page(report, False)).partition("\n\n")[2].rstrip()
        parts += [f"## {name}", "", "```c", _code(name), "```", "```", printed, "```", ""]
    return "\n".join(parts)


@cache
def _code(name: str) -> str:
    lines = SOURCES[name].read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("#include", "char LICENSE")) or "Proprietary" in line]
    return "\n".join(kept).strip().replace("\n\n\n", "\n\n")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        PAGE.write_text(text(run(KERNEL, Path(work))))
