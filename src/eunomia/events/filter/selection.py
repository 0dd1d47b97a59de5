"""Which events are wanted, as `--filter`, `--pid`, `--comm`, `--uid`, `--cgroup` and `--container` say it together."""

from __future__ import annotations

from eunomia.errors import FilterError
from eunomia.events.filter import code
from eunomia.events.filter.code import UNKNOWN, Code, Condition, Test, both
from eunomia.events.filter.compiler import Compiler
from eunomia.events.filter.fields import Fields, Place, RecordType
from eunomia.events.filter.numbers import Number
from eunomia.events.filter.parser import parse
from eunomia.events.filter.pushdown import Wish, wishes_of
from eunomia.events.filter.roles import Roles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROCESSES, GROUP_PROCESSES = 0, 1  # the sets of eu_members: those of --pid, those of a control group
_SAID = {"pid": "which process", "comm": "which task", "uid": "which user", "cgroup": "which control group"}


class Selection:
    """What is wanted of the events of a plan.

    Args:
        plan: of the package.
        live: the processes of the events can be followed.
        pushed: roles that the kernel side filters exactly: records that do not say them need not.

    Attributes:
        needs: what the tests ask for besides the record: "processes" (the threads of some processes, or with their
            children), "group" (ids of control groups), "group_processes", "proc" (lookups in /proc).
        wishes: comparisons that must all hold, for the kernel side.
    """

    __slots__ = ("_conditions", "_live", "_pushed", "_roles", "fields", "needs", "wishes")

    def __init__(self, plan: bytes, pushed: frozenset[str] = frozenset(), *, live: bool = False) -> None:
        self.fields = Fields(plan)
        self._roles: Roles | None = None
        self._conditions: dict[tuple[int, int], list[Condition]] = {
            (of.source, of.index): [] for of in self.fields.record_types
        }
        self.needs: set[str] = set()
        self.wishes: list[Wish] = []
        self._pushed = pushed
        self._live = live

    def add_filter(self, expression: str) -> None:
        """Want what an expression matches.

        Raises:
            FilterError: it is wrong.
        """
        tree = parse(expression)
        self.wishes += wishes_of(self.fields, expression, tree)
        for of, condition in Compiler(self.fields, expression).conditions(tree):
            self._conditions[of.source, of.index].append(condition)

    def add_pids(self, pids: Sequence[int], *, follow: bool) -> None:
        """Want the events of processes, with `follow` of their children too.

        Where `pid` may be a thread's, all ids of the processes' threads are wanted: no other process has these.

        Raises:
            FilterError: no event says of which process it is.
        """

        def condition(of: RecordType) -> Condition:
            pid = self.role(of, "pid")
            is_exact = not self._live or "pid" in self._pushed or self._roles_of().is_process(of)
            if pid is not None and not follow and is_exact:
                return Number(pid).within([(each, each) for each in pids])
            return self._in_set(pid or self.role(of, "tid"), PROCESSES, "processes")

        self._add("pid", condition)

    def add_comm(self, pattern: bytes) -> None:
        """Want the events of tasks whose name matches a pattern."""
        from eunomia.events.filter.texts import glob

        def condition(of: RecordType) -> Condition:
            comm = self.role(of, "comm")
            if comm is not None:
                return glob(comm, pattern)
            return self._by_proc(of, Test(code.COMM, 0, 0, 0, len(pattern), data=pattern))

        self._add("comm", condition)

    def add_uid(self, uid: int) -> None:
        """Want the events of a user."""

        def condition(of: RecordType) -> Condition:
            place = self.role(of, "uid")
            if place is not None:
                # -1 of an int is the uid 4294967295
                values = [(uid, uid), (uid - (1 << 32), uid - (1 << 32))] if place.signed else [(uid, uid)]
                return Number(place).within(values)
            return self._by_proc(of, Test(code.UID, 0, 0, uid, 0))

        self._add("uid", condition)

    def add_group(self) -> None:
        """Want the events of a control group: which, its members know."""

        def condition(of: RecordType) -> Condition:
            place = self.role(of, "cgroup")
            if place is not None:
                self.needs.add("group")
                return Number(place).load(Test(code.GROUP))
            return self._in_set(self.role(of, "pid") or self.role(of, "tid"), GROUP_PROCESSES, "group_processes")

        self._add("cgroup", condition)

    def role(self, of: RecordType, role: str) -> Place | None:
        """Return the field that says this of a record type's events."""
        return self._roles_of().place(of, role)

    def _roles_of(self) -> Roles:
        if self._roles is None:
            self._roles = Roles(self.fields)
        return self._roles

    def _in_set(self, place: Place | None, number: int, need: str) -> Condition:
        if place is None:
            return UNKNOWN
        self.needs.add(need)
        return Number(place).load(Test(code.PIDS, 0, 0, number))

    def _by_proc(self, of: RecordType, second: Test) -> Condition:
        place = self.role(of, "pid") or self.role(of, "tid")
        if place is None:
            return UNKNOWN
        self.needs.add("proc")
        return Number(place).load(second)

    def _add(self, role: str, condition: Callable[[RecordType], Condition]) -> None:
        found = [(of, condition(of)) for of in self.fields.record_types]
        if role in self._pushed:
            found = [(of, code.TRUE if each is UNKNOWN else each) for of, each in found]
        if all(each is UNKNOWN for _, each in found):
            names = ", ".join(self.fields.names()[:24]) or "none"
            raise FilterError(f"the events do not say of {_SAID[role]} they are [fields: {names}]")
        for of, each in found:
            self._conditions[of.source, of.index].append(each)

    def to_bytes(self) -> bytes:
        """Return the bytecode.

        Raises:
            FilterError: it is too long.
        """
        made = Code()
        try:
            for of in self.fields.record_types:
                parts = self._conditions[of.source, of.index]
                made.add(of.source, of.index, both(*parts) if parts else code.TRUE)
        except OverflowError as exc:
            raise FilterError(str(exc)) from None
        return made.to_bytes()
