"""What iterators print, as the output of a run. Imported only where a package has some."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.cli.parser import Values
    from eunomia.events.run import Run
    from eunomia.kernel.object import Object
    from eunomia.kernel.program import Program

CHUNK = 1 << 16


def show_iterators(live: Object, values: Values, out: int, reader: Run) -> bool:
    """Print what each attached iterator walks, once, or at each `--interval` until the run ends.

    Returns:
        Whether that was all there is to do: nothing else of the package is attached, and nothing is read or sampled.
    """
    programs = [each for each in live.programs.values() if each.attached and each.takes("iter")]
    others = any(each.attached and each not in programs for each in live.programs.values())
    alone = not others and not reader.has_sources
    end = time.monotonic() + values["duration"] if values["duration"] else None
    while True:
        for program in programs:
            for chunk in _text(program, values["json"] or values["format"] == "json"):
                _write(out, chunk)
        pause = values["interval"]
        if not (alone and pause) or (end is not None and time.monotonic() + pause > end):
            return alone
        time.sleep(pause)


def _text(program: Program, as_json: bool) -> Iterator[bytes]:
    with program.iterate() as file:
        if not as_json:
            while chunk := file.read(CHUNK):
                yield chunk
            return
        import json
        from io import BufferedReader

        for row in BufferedReader(file):
            text = row.decode(errors="replace").rstrip("\n")
            line = json.dumps({"program": program.name, "text": text}, ensure_ascii=False, separators=(",", ":"))
            yield f"{line}\n".encode()


def _write(out: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(out, view) :]
