"""What a guest may ask of the kernel: allowed by default is what observes, and nothing that changes or blocks.

docs/reference/policy.md says it for users. On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations

import os

from eunomia.errors import PolicyError
from eunomia.package.calls import REGISTERS
from eunomia.wasm import kinds
from eunomia.wasm.rules import Rules
from eunomia.wasm.sizes import size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MACHINE = "/etc/eunomia/policy.toml"
DEFAULTS = {"map-size": 256 << 20, "objects": 64, "links": 1024}


class Wish:
    """A program that a guest wants to load or attach: its name, its word (`xdp`), its section."""

    __slots__ = ("name", "section", "word")

    def __init__(self, name: str, word: str, section: str) -> None:
        self.name = name
        self.word = word
        self.section = section


class Policy:
    """What guests may do.

    Args:
        allow: rules as `--allow` takes them: `prog-type=xdp`, `iface=eth0`, `attach=cgroup:/sys/fs/cgroup/x`, `all`.
        deny: rules as `--deny` takes them; they go before what is allowed. `all`: not even what only observes.
        files: policy files, read after these.
        machine: what /etc/eunomia/policy.toml says holds too.

    Raises:
        PolicyError: a rule or a file is wrong, or others than root can write the file.
        TypeError: a string in place of a list.
    """

    __slots__ = ("_allow", "_deny", "_limits")

    def __init__(
        self, allow: Iterable[str] = (), deny: Iterable[str] = (), files: Iterable[str] = (), *, machine: bool = True
    ) -> None:
        for name, given in (("allow", allow), ("deny", deny), ("files", files)):
            if isinstance(given, (str, bytes)):
                raise TypeError(f"{name} is one string, a list of them is needed: [{given!r}]")
        try:
            self._allow = [Rules(allow, "--allow")]
            self._deny = [Rules(deny, "--deny", numbers=False)]
        except PolicyError as exc:
            raise PolicyError(str(exc).removeprefix("--")) from None
        self._limits: list[Rules] = []
        paths = list(files)
        if machine and os.path.lexists(MACHINE):
            paths.append(MACHINE)
        for path in paths:
            from eunomia.wasm.policy_file import read

            allowed, denied, limit = read(path)
            self._allow.append(allowed)
            self._deny.append(denied)
            if limit is not None:
                self._limits.append(limit)

    def with_groups(self, paths: Iterable[str]) -> Policy:
        """Return this policy with control groups that the user has handed to the guest as tokens."""
        rules = Rules(origin="--dir")
        rules.attach = [("cgroup", os.path.realpath(path)) for path in paths]
        if not rules.attach:
            return self
        other = Policy(machine=False)
        other._allow, other._deny, other._limits = [*self._allow, rules], self._deny, self._limits
        return other

    def with_types(self, words: Iterable[str], origin: str) -> Policy:
        """Return this policy with the types of programs limited to some, by a rule that stands in `origin`."""
        rules = Rules(origin=origin)
        rules.names["prog-type"] = list(words)
        other = Policy(machine=False)
        other._allow, other._deny, other._limits = self._allow, self._deny, [*self._limits, rules]
        return other

    def number(self, key: str) -> int:
        """Return how much a guest may have: `map-size` in bytes, `objects`, `links`."""
        given = [rules.numbers[key] for rules in self._allow if key in rules.numbers]
        value = max(given, default=(1 << 62 if self._allows_all() and key == "map-size" else DEFAULTS[key]))
        return min(value, *(rules.numbers.get(key, value) for rules in self._limits), value)

    def refuse_load(self, programs: Iterable[Wish], maps_size: int, pins: Iterable[tuple[str, str]] = ()) -> str:
        """Return why an object must not be loaded, "" where it may.

        Args:
            programs: those of it that will be loaded.
            maps_size: bytes of all its maps.
            pins: (map, path) of maps that are shared through the file system.
        """
        for program in programs:
            why = self.refuse_type(program)
            if why:
                return f"program {program.name}: {why}"
        for name, path in pins:
            why = self._refuse_pin(path)
            if why:
                return f"map {name}: {why}"
        most = self.number("map-size")
        if maps_size > most:
            limit = next((rules for rules in self._limits if rules.numbers.get("map-size", most + 1) == most), None)
            hint = f"{limit.origin} limits it" if limit else f"--allow map-size={size_text(maps_size)}"
            return f"its maps have {size_text(maps_size)}, at most {size_text(most)} may be [{hint}]"
        return ""

    def refuse_type(self, program: Wish) -> str:
        """Return why a program must not be loaded, by its word; "" where it may."""
        word, kind = program.word, kinds.kind_of(program.word)
        why = self._forbidden("prog-type", word)
        if why:
            return f"programs of type {word} are not allowed: {why}"
        if kind not in kinds.SHARED and any(rules.limits(kind) for rules in self._allow):
            return ""
        return self._refuse_by_type(word)

    def _refuse_by_type(self, word: str) -> str:
        if self._allowed("prog-type", word):
            return ""
        why = ""
        if word not in kinds.OBSERVING:
            why = "change or block what they are attached to: not allowed by default"
        elif self._denies_all():
            why = "are not allowed: --deny all"
        option = f"prog-type={word}" if word in kinds.TYPES else "all"
        return f"programs of type {word} {why} [--allow {option}]" if why else ""

    def _refuse_pin(self, path: str) -> str:
        why = self._forbidden("pin", path)
        if not why and not self._allowed("pin", path):
            why = f"shared with whoever opens that: not allowed by default [--allow pin={path}]"
        return f"it is pinned at {path}, {why}" if why else ""

    def refuse_calls(self, helpers: Iterable[str], kernel: Iterable[str], programs: Iterable[Wish]) -> str:
        """Return why code must not be loaded, by the helpers and functions of the kernel that it calls."""
        observes = all(program.word in kinds.OBSERVING for program in programs)
        wanted = [
            ("helper", name, f"calls bpf_{name}()") for name in sorted(helpers) if name != "setsockopt" or observes
        ]
        wanted += [("kfunc", name, f"calls {name}()") for name in sorted(kernel)]
        for key, name, does in wanted:
            shown = "may change registers of a process" if name == REGISTERS else does
            why = self._forbidden(key, name)
            if why:
                return f"it {shown}: {why}"
            if not self._allowed(key, name):
                what = "which changes what it observes" if key == "helper" else "which may change the kernel's state"
                return f"it {shown}, {what}: not allowed by default [--allow {key}={name}]"
        return ""

    def refuse_attach(self, program: Wish, target: str) -> str:
        """Return why a program must not be attached to a target, "" where it may."""
        kind, name = kinds.split_target(program.word, program.section, target)
        if kind == "cgroup" and name and not name.startswith("/"):
            name = os.path.join(_groups() if target.startswith("cgroup:") else os.getcwd(), name)
        elif kind in kinds.OF_INTERFACES:
            name = _own_name(kind, name)
        why = self._refuse_target(program, kind, name)
        return f"program {program.name} to {kind}{name and ':'}{name}: {why}" if why else ""

    def _refuse_target(self, program: Wish, kind: str, name: str) -> str:
        for rules in self._deny:
            if rules.touches(kind, name):
                return f"{rules.origin} denies it"
        for rules in self._limits:
            if rules.limits(kind) and not rules.has_target(kind, name):
                return f"the limit in {rules.origin} leaves it out"
        plain = kinds.plain_name(kind, name)
        if kind == "cgroup" and any(rules.limits(kind) for rules in (*self._allow, *self._deny, *self._limits)):
            straight = os.path.realpath(plain)
            if straight != (plain.rstrip("/") or "/"):
                return f"its path has symbolic links or .. in it [write cgroup:{straight}]"
        narrowed = any(rules.limits(kind) for rules in self._allow)
        if any(rules.has_target(kind, name) for rules in self._allow) or self._allows_all():
            return ""
        if narrowed:
            return f"only {self._named(kind)} allowed [{_attach_option(kind, plain, name)}]"
        if kinds.is_foreign(kind, name):
            return f"the socket is another's: not allowed by default [{_attach_option(kind, plain, name)}]"
        return self._forbidden("prog-type", program.word) or self._refuse_by_type(program.word)

    def _named(self, kind: str) -> str:
        """Return the targets of a kind that are allowed, with the verb."""
        found = []
        for rules in self._allow:
            if kind in kinds.OF_INTERFACES:
                found += [f"iface:{name}" for name in rules.names.get("iface", ())]
            found += [f"{each}:{pattern}" for each, pattern in rules.attach if kinds.is_same(each, kind)]
        return f"{', '.join(found)} {'is' if len(found) == 1 else 'are'}"

    def refuse_symbols(self, pid: int) -> str:
        """Return why the guest must not have names of addresses, "" where it may."""
        word = "processes" if pid > 0 else "kernel"
        why = self._forbidden("symbols", word)
        if not why and self._denies_all() and not self._allowed("symbols", word):
            why = f"--deny all [--allow symbols={word}]"
        return f"symbols of {word}: {why}" if why else ""

    def _forbidden(self, key: str, word: str) -> str:
        """Return who forbids a word, whatever is allowed; "" for nobody."""
        for rules in self._deny:
            if rules.names_word(key, word):
                return f"{rules.origin} denies {key}={word}"
        for rules in self._limits:
            if key in rules.names and not rules.names_word(key, word):
                return f"the limit in {rules.origin} leaves it out"
        return ""

    def _allowed(self, key: str, word: str) -> bool:
        return any(rules.everything or rules.names_word(key, word) for rules in self._allow)

    def _allows_all(self) -> bool:
        return any(rules.everything for rules in self._allow)

    def _denies_all(self) -> bool:
        return any(rules.everything for rules in self._deny)


def _own_name(kind: str, name: str) -> str:
    """Return a target with the interface's own name, which it may have given by number or by another name."""
    from _socket import if_indextoname, if_nametoindex

    plain = kinds.plain_name(kind, name)
    if not plain or not name.startswith(plain):
        return name
    try:
        index = int(plain) if plain.isascii() and plain.isdecimal() else if_nametoindex(plain)
        return if_indextoname(index) + name[len(plain) :]
    except (OSError, OverflowError):
        return name


def _groups() -> str:
    """Return where cgroup v2 is mounted, as native/attach_cgroup.c looks for it."""
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        return next((line.split()[4] for line in file if " - cgroup2 " in line), "/sys/fs/cgroup")


def _attach_option(kind: str, plain: str, name: str) -> str:
    if kind in kinds.OF_INTERFACES:
        return f"--allow iface={plain}"
    rule = f"attach={kind}:{plain if kind in kinds.WITH_PATHS else name}"
    is_plain = rule.isprintable() and not set(rule) & set(" *?[]{};&|$!~#`'\"\\()<>")
    return f"--allow {rule}" if is_plain else f"--allow '{rule}'"
