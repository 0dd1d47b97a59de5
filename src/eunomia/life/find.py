"""Finding runs by what people type: a name or a process."""

from __future__ import annotations

from difflib import get_close_matches

from eunomia.errors import EunomiaError
from eunomia.life.survey import Found, Survey


class NoSuchRunError(EunomiaError):
    """No run has this name or pid."""


def find(result: Survey, word: str) -> list[Found]:
    """Return the runs of a survey with this name or pid.

    Raises:
        NoSuchRunError: there is none; the message names what is near.
    """
    found = [each for each in result.found if word in (each.name, str(each.pid))]
    if found:
        return found
    names = [each.name for each in result.found if each.name]
    near = get_close_matches(word, names, 1)
    hint = f"did you mean {near[0]}?" if near else "`ecli ps` shows what runs"
    raise NoSuchRunError(f"no run {word} [{hint}]")
