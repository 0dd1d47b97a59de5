"""Programs that are elsewhere: URLs, references of images, and words that a hub or a configured registry may know.

A word leaves this machine only where the user added a hub or configured a registry. docs/reference/names.md has the
order.
"""

from __future__ import annotations

import os

from eunomia.errors import FetchError
from eunomia.registry.reference import SCHEMES, is_reference, parse
from eunomia.registry.resolve import SUFFIXES, Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.registry.reference import Reference
    from eunomia.registry.resolve import Limits

REPOSITORY = "EUNOMIA_REPOSITORY"  # a base URL or folder with NAME/app.wasm and NAME/package.json, as in 2023
FILES = ("app.wasm", "package.json")


def elsewhere(program: str, limits: Limits) -> Program:
    """Return the program that is no file and no built-in tool.

    Raises:
        FetchError: there is nothing of this name, or it cannot be fetched.
    """
    if "://" in program and not program.startswith(SCHEMES):
        scheme = program.partition("://")[0].lower()
        if scheme not in ("http", "https"):
            raise FetchError(f"open {program}: unknown URL scheme {scheme} (known are http, https and oci)")
        from eunomia.registry.remote import url

        return url(program, program, limits)
    if is_reference(program) and (_has_host(program) or program.startswith(SCHEMES)):
        from eunomia.registry.remote import image

        reference = parse(program) if _has_host(program) else _of_registry(program)
        assert reference is not None, "text of a reference's form is one, or an error"
        return image(reference, program, limits)
    return _named(program, limits)


def _has_host(program: str) -> bool:
    """Return whether a reference says which registry it is of."""
    for scheme in SCHEMES:
        program = program.removeprefix(scheme)
    first, slash, _ = program.partition("@")[0].partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _named(program: str, limits: Limits) -> Program:
    """Return the program of a name without a host: a local hub checkout's, a hub's, the default registry's."""
    if "\0" in program:
        raise FetchError(f"open {program!r}: not a file name")
    base = os.environ.get(REPOSITORY, "")
    if base and "://" not in base:
        found = _of_folder(program, base)
        if found is not None:
            limits.say(f"{program}: {found.origin}, as {REPOSITORY} says")
            return found
    if base and "://" in base:
        found = _of_repository(program, base, limits)
        if found is not None:
            return found
    tool = _of_hubs(program, limits)
    if tool is not None:
        return tool
    reference = _of_registry(program)
    if reference is None:
        raise _not_found(program)
    limits.say(f"{program}: {reference}, by the configured default registry")
    from eunomia.registry.remote import image

    return image(reference, program, limits)


def _of_hubs(program: str, limits: Limits) -> Program | None:
    from eunomia.registry.hub import find

    found = find(program)
    if found is None:
        return None
    limits.say(f"{program}: {found.text}, by the hub {found.hub}")
    from eunomia.registry.remote import of_hub

    return of_hub(found, program, limits)


def _of_folder(program: str, base: str) -> Program | None:
    """Return the program of a name in a local checkout of a hub: NAME/app.wasm, NAME/package.json."""
    word = _word(program)
    for name in FILES if word else ():
        path = os.path.join(base, word, name)
        if os.path.isfile(path):
            from eunomia.registry.resolve import find

            found = find(os.path.abspath(path), _plain())
            found.source.text = program
            return found
    return None


def _plain() -> Limits:
    from eunomia.registry.resolve import Limits

    return Limits()


def _of_repository(program: str, base: str, limits: Limits) -> Program | None:
    """Return the program of a name below a base URL, None where the server has none (404) or is not to be asked."""
    word = _word(program)
    if not word:
        return None
    from eunomia.registry.remote import url
    from eunomia.registry.store import Store

    store = Store.open()
    places = [f"{base.rstrip('/')}/{word}/{name}" for name in FILES]
    places.sort(key=lambda place: store.lookup(place) is None)  # what it was the last time
    if limits.offline or limits.pull == "never":
        places = [place for place in places if store.lookup(place) is not None]
    for place in places:
        try:
            found = url(place, program, limits)
        except FetchError as exc:
            if exc.status not in (403, 404, 410):  # some stores of static files say 403 where there is nothing
                raise
            continue
        limits.say(f"{program}: {place}, as {REPOSITORY} says")
        return found
    return None


def _word(program: str) -> str:
    """Return the name that a folder may have in a repository, "" for none; `:latest` says nothing there."""
    word = program.removesuffix(":latest")
    return word if word and not set(word) & set("/\\:@?#%") and word[0] != "." and word.isprintable() else ""


def _of_registry(program: str) -> Reference | None:
    """Return the reference that a name is in the configured default registry, None where there is none."""
    if ("/" in program or program.endswith(SUFFIXES)) and not is_reference(program):
        return None  # a file that is not there, most likely
    from eunomia.registry.config import read

    config = read()
    if not config.registry and not is_reference(program):
        return None
    return parse(program, registry=config.registry, prefix=config.prefix)


def _not_found(program: str) -> FetchError:
    """Return the error for a name behind which there is nothing."""
    from eunomia.registry.hub import names

    if "/" in program or program.endswith(SUFFIXES):
        hub = program.partition("/")[0]
        tools = names(hub) if program.count("/") == 1 and hub else ()
        hint = f", nor such a tool in your hub {hub} [ecli search --hub {hub}; ecli hub update]" if tools else ""
        hint = hint or _no_hub(program)
        hint = hint or (", and no hub of yours has it [`ecli hub list` shows them]" if "@" in program else "")
        return FetchError(f"open {program}: no such file{hint}")
    from difflib import get_close_matches

    from eunomia import builtin

    of_hubs = names()
    near = get_close_matches(program.partition("@")[0], sorted({*builtin.names(), *of_hubs}), n=3, cutoff=0.55)
    what = "no such file, built-in tool, or tool of your hubs" if of_hubs else "no such file or built-in tool"
    search = "; `ecli search` looks through your hubs" if of_hubs else ""
    hint = f"did you mean {' or '.join(near)}?" if near else f"`ecli list` shows the built-in tools{search}"
    return FetchError(f"open {program}: {what} [{hint}{_of_caller(bool(of_hubs))}]")


def _no_hub(program: str) -> str:
    """Return that there is no such hub, of a text with the form HUB/NAME that no file here looks like."""
    hub, _, tool = program.partition("/")
    if not hub or not tool or "/" in tool or hub.strip(".~") != hub or program.endswith(SUFFIXES) or os.path.isdir(hub):
        return ""
    try:
        from eunomia.registry.hubs import load

        there = [each.name for each in load()]
    except (FetchError, ModuleNotFoundError):
        return ""
    if hub in there:
        return ""
    known = f"there are: {', '.join(there[:8])}" if there else f"ecli hub add {hub} SOURCE"
    return f", and no hub {hub} [{known}]"


def _of_caller(has_hubs: bool) -> str:
    """Return what to know where root has no hub, and the user who called sudo has."""
    caller = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 and not has_hubs else ""
    if not caller or not os.path.exists(os.path.expanduser(f"~{caller}/.config/eunomia/hubs.toml")):
        return ""
    return f"; the hubs of {caller} are not root's: ecli hub add --system makes one everybody's"
