"""The options that say which events are wanted: `--filter`, `--pid`, `--follow`, `--comm`, `--uid`, `--cgroup`,
`--container`.
"""

from __future__ import annotations

import os

from eunomia.cli.parser import UsageError
from eunomia.errors import EunomiaError, FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.events.filter.members import Members
    from eunomia.events.filter.selection import Selection
    from eunomia.events.run import RunOptions
    from eunomia.package.model import Package
    from eunomia.package.options import Settings

OPTIONS = ("filter", "pid", "comm", "uid", "cgroup", "container")


class Choice:
    """What was chosen: bytecode, and what it needs while events flow.

    Attributes:
        bytecode: for `RunOptions.filter`.
        pushed: what the kernel side was told to filter, for -v.
        selection: what it was compiled from.
    """

    __slots__ = ("_folder", "_live", "_members", "_pids", "bytecode", "follow", "pushed", "selection")

    def __init__(self, selection: Selection, pids: list[int], folder: str, *, follow: bool, live: bool = False) -> None:
        self.bytecode = selection.to_bytes()
        self.pushed: list[str] = []
        self.follow = follow
        self.selection = selection
        self._pids = pids
        self._folder = folder
        self._live = live
        self._members: Members | None = None

    def open(self, options: RunOptions) -> None:
        """Let a run filter; the processes and control groups that are asked for are followed from now on.

        Raises:
            OSError: the kernel does not let us.
        """
        options.filter = self.bytecode
        missing = [str(pid) for pid in self._pids if not os.path.exists(f"/proc/{pid}")]
        if missing and self._live:
            from eunomia.cli.run import warn

            warn(f"--pid: there is no process {', '.join(missing)} now")
        if self.selection.needs:
            from eunomia import builtin
            from eunomia.events.filter.members import Members

            helper = builtin.read("_follow")
            self._members = Members(self.selection.needs, self._pids, self._folder, follow=self.follow, helper=helper)
            options.members = self._members.handle
            if self._members.note:
                from eunomia.cli.run import warn

                warn(self._members.note)

    def close(self) -> None:
        """Stop following; the run is closed by now."""
        members, self._members = self._members, None
        if members is not None:
            members.close()


def choose(package: Package, values: Values, settings: Settings, given: set[str]) -> Choice:
    """Compile what the options say; write what the kernel side can filter into settings.

    Args:
        given: the package's variables that the user has set, which stay as they are.

    Raises:
        UsageError: an option is malformed, or the events do not say what it asks for.
    """
    from eunomia.events.filter.fields import Fields
    from eunomia.events.filter.pushdown import push, role_wishes

    wishes = role_wishes(Fields(package.plan()), exact(values))
    told = push(package, list(wishes.values()), settings, given)
    pushed = frozenset(role for role, wish in wishes.items() if wish.field in told)
    choice = select(package.plan(), values, pushed, live=True)
    told.update(push(package, choice.selection.wishes, settings, given))
    choice.pushed = [f"{field} is filtered in the kernel: {written}" for field, written in told.items()]
    return choice


def exact(values: Values) -> dict[str, int | str]:
    """Return the roles of fields for which one value is wanted."""
    found: dict[str, int | str] = {}
    pids = parse_pids(values["pid"]) if values["pid"] else []
    if len(pids) == 1 and not values["follow"]:
        found["pid"] = pids[0]
    if values["uid"]:
        found["uid"] = parse_user(values["uid"])
    if values["comm"] and not set(values["comm"]) & set("*?[\\"):
        found["comm"] = values["comm"]
    return found


def select(plan: bytes, values: Values, pushed: frozenset[str] = frozenset(), *, live: bool = False) -> Choice:
    """Compile what the options say for the records of a plan.

    Args:
        pushed: roles of fields that the kernel side filters: events that do not say them pass.
        live: the events are those of this machine, now.

    Raises:
        UsageError: an option is malformed, or the events do not say what it asks for.
    """
    from eunomia.events.filter.selection import Selection

    if values["cgroup"] and values["container"]:
        raise UsageError("--cgroup and --container exclude each other")
    selection = Selection(plan, pushed, live=live)
    pids: list[int] = []
    folder = option = ""
    try:
        for option in OPTIONS:
            text = values[option]
            if not text:
                continue
            if option == "filter":
                for expression in text:
                    selection.add_filter(expression)
            elif option == "pid":
                pids = parse_pids(text)
                selection.add_pids(pids, follow=values["follow"])
            elif option == "comm":
                selection.add_comm(text.encode("utf-8", "surrogateescape"))
            elif option == "uid":
                selection.add_uid(parse_user(text))
            else:
                folder = find_group(option, text)
                selection.add_group()
        return Choice(selection, pids, folder, follow=values["follow"], live=live)
    except FilterError as exc:
        raise _usage(option, exc) from exc


def _usage(option: str, exc: FilterError) -> UsageError:
    failure = UsageError(f"--{option}: {exc}")
    if exc.expression:
        failure.marked = exc.marked
    return failure


def parse_pids(text: str) -> list[int]:
    """Return the process ids of `42` or `42,43`."""
    pids = []
    for word in text.split(","):
        digits = word.strip()
        if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) < 1 << 31):
            raise UsageError(f"--pid: {word!r} is not a process id")
        pids.append(int(digits))
    return pids


def parse_user(text: str) -> int:
    """Return the id of a user, given by number or name."""
    if text.isascii() and text.isdecimal():
        if int(text) >= (1 << 32) - 1:
            raise UsageError(f"--uid: {text} is not a user id")
        return int(text)
    from pwd import getpwnam

    try:
        return getpwnam(text).pw_uid
    except KeyError:
        raise UsageError(f"--uid: no user {text!r}") from None


def find_group(option: str, text: str) -> str:
    """Return the folder of a control group or of a container's."""
    from eunomia.events.filter.containers import NoSuchContainerError, find_container
    from eunomia.events.filter.groups import NoSuchGroupError, find_group, hierarchy

    try:
        return find_group(text) if option == "cgroup" else find_container(text, hierarchy())
    except (NoSuchGroupError, NoSuchContainerError) as exc:
        raise EunomiaError(f"--{option}: {exc}") from exc
