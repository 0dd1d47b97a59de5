"""Policy files, their rules of trust: `[[trust]]` of /etc/eunomia/policy.toml and of the user's own.

The tables for guests beside them are read by eunomia.wasm.policy_file, from the same file of the machine.
"""

from __future__ import annotations

import datetime
import os
import stat
import tomllib
from typing import Any

from eunomia.errors import PolicyError, toml_error
from eunomia.package.program_words import TYPES, of_section
from eunomia.registry.trust import MODES, UNSIGNED, Identity, Key, Policy, Rule
from eunomia.registry.trust_match import Pattern

MAX_FILE = 1 << 20
MAX_KEY = 64 << 10
MAX_ROOT = 4 << 20
OF_GUESTS = ("allow", "deny", "limit")
KEYS = (
    "match", "mode", "keys", "identities", "signed-as", "programs", "hooks", "allow-digests", "deny-digests",
    "unsigned",
)  # fmt: skip
DIGEST = 71  # characters of sha256:HEX


def read_policy(system: list[str], user: str = "") -> Policy:
    """Return the rules of the files that there are.

    Args:
        system: the machine's files, whose tables for guests are read elsewhere.
        user: the user's own, "" for none; it has rules of trust only.

    Raises:
        PolicyError: a file cannot be read, is wrong, or can be written by others than root and this user.
    """
    return Policy([*(read(path) for path in system), *([read(user, guests=False)] if user else ())])


def read(path: str, *, guests: bool = True) -> list[Rule]:
    """Return the rules of trust in a file; without `guests` tables for them are wrong there."""
    data = read_checked(path, MAX_FILE, f"policy {path}")
    try:
        text = data.decode()
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise PolicyError(f"policy {toml_error(path, exc)}") from exc
    for name in tree:
        if name in OF_GUESTS and isinstance(tree[name], dict):
            if not guests:
                raise PolicyError(f"policy {path}: [{name}] is for guests, and is not read from here "
                                  f"[/etc/eunomia/policy.toml, or --policy FILE]")  # fmt: skip
        elif name != "trust":
            raise PolicyError(f"policy {path}: {name!r} is none of the tables [[trust]], [allow], [deny], [limit]")
    rows = tree.get("trust", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PolicyError(f"policy {path}: trust: expected tables, each begun with [[trust]]")
    lines = [
        number for number, line in enumerate(text.splitlines(), 1) if line.replace(" ", "").startswith("[[trust]]")
    ]
    named = [f"{path}:{line}" for line in lines]
    if len(named) != len(rows):  # written as an array, or the words stand in a text
        named = [f"{path} rule {number}" for number in range(1, len(rows) + 1)]
    return [_Reader(origin, os.path.dirname(os.path.abspath(path))).rule(row)
            for origin, row in zip(named, rows, strict=True)]  # fmt: skip


def read_checked(path: str, limit: int, what: str) -> bytes:
    """Return a file's bytes, when nobody but root and this user can write it.

    Raises:
        PolicyError: others can, it cannot be read, or it has more bytes than that.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PolicyError(f"{what}: no regular file")
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PolicyError(f"{what}: others can write it [chown root {path}; chmod go-w {path}]")
            data = file.read(limit + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror or str(exc) if isinstance(exc, OSError) else "not a file name"
        raise PolicyError(f"{what}: {reason.lower()}") from exc
    if len(data) > limit:
        raise PolicyError(f"{what}: more than {limit} bytes")
    return data


def _date(text: str) -> datetime.date:
    """Return the day, or the time, that a text is: as TOML would read it without quotes."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text)


class _Reader:
    """One table to its rule; what is wrong is told with the place and the key."""

    def __init__(self, origin: str, folder: str) -> None:
        self.origin = origin
        self.folder = folder

    def rule(self, row: dict[str, Any]) -> Rule:
        for key in row:
            if key not in KEYS:
                self._fail(key, f"unknown, expected one of {', '.join(KEYS)}")
        if "match" not in row:
            self._fail("match", "required, but missing")
        rule = Rule(self.origin, self._patterns("match", row["match"]))
        rule.mode = self._word(row, "mode", MODES, "enforce")
        rule.unsigned = self._word(row, "unsigned", UNSIGNED, "")
        rule.keys = [self._key(each) for each in self._list("keys", row.get("keys", []))]
        rule.identities = [self._identity(each) for each in self._list("identities", row.get("identities", []))]
        if "programs" in row:
            rule.programs = frozenset(map(self._program, self._texts("programs", row["programs"], empty=True)))
        if "hooks" in row:
            rule.hooks = tuple(self._texts("hooks", row["hooks"], empty=True))
        rule.allowed = self._digests("allow-digests", row)
        rule.denied = self._digests("deny-digests", row)
        for key in ("keys", "identities"):
            if key in row and not row[key]:
                self._fail(key, 'empty: nobody could sign [leave it out, or unsigned = "refuse"]')
        if "signed-as" in row:
            rule.signed_as = tuple(self._patterns("signed-as", row["signed-as"]))
            if not rule.wants_signature:
                self._fail("signed-as", "without keys or identities no signature is looked at")
            other = next((each.text for each in rule.signed_as if not each.is_registry), "")
            if other:
                self._fail("signed-as", f"{other!r}: only images have a name in their signatures [ghcr.io/acme/*]")
        return rule

    def _patterns(self, key: str, value: object) -> list[Pattern]:
        found = []
        for text in self._texts(key, value):
            try:
                found.append(Pattern(text))
            except PolicyError as exc:
                self._fail(key, str(exc))
        return found

    def _fail(self, key: str, why: str) -> None:
        raise PolicyError(f"policy {self.origin}: {key}: {why}")

    def _list(self, key: str, value: object) -> list[Any]:
        return value if isinstance(value, list) else [value]

    def _texts(self, key: str, value: object, *, empty: bool = False) -> list[str]:
        found = self._list(key, value)
        if not all(isinstance(each, str) for each in found) or not (found or empty):
            self._fail(key, "expected a text or a list of texts")
        return found

    def _word(self, row: dict[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
        value = row.get(key, default)
        if key in row and value not in known:
            self._fail(key, f"{value!r} is none of {', '.join(known)}")
        return str(value)

    def _program(self, word: str) -> str:
        found = word if word in TYPES else of_section(word)
        if not found:
            self._fail("programs", f"{word!r} is none of {', '.join(sorted(TYPES))}")
        return found

    def _digests(self, key: str, row: dict[str, Any]) -> frozenset[str]:
        found = set()
        for text in self._texts(key, row.get(key, []), empty=True):
            digest = text.lower() if ":" in text else f"sha256:{text.lower()}"
            if len(digest) != DIGEST or digest[:7] != "sha256:" or digest[7:].strip("0123456789abcdef"):
                self._fail(key, f"{text!r} is not sha256: and 64 hexadecimal digits")
            found.add(digest)
        return frozenset(found)

    def _key(self, value: object) -> Key:
        until: object = 0
        if isinstance(value, dict):
            self._only("keys", value, ("file", "pem", "not-after"))
            if ("file" in value) == ("pem" in value):
                self._fail("keys", "expected one of file and pem")
            until = value.get("not-after", 0)
            value = value.get("file", value.get("pem"))
        if not isinstance(value, str) or not value.strip():
            self._fail("keys", "expected the file of a public key, its PEM, or { file = …, not-after = … }")
            raise AssertionError
        if "-----BEGIN" in value:
            name, pem = "the key in it", value.encode()
        else:
            name = value
            path = os.path.join(self.folder, value)
            pem = read_checked(path, MAX_KEY, f"policy {self.origin}: keys: {path}")
        if b"PRIVATE KEY-----" in pem:
            self._fail("keys", f"{name}: a private key [only its public part belongs here]")
        if b"-----BEGIN PUBLIC KEY-----" not in pem and b"-----BEGIN CERTIFICATE-----" not in pem:
            self._fail("keys", f"{name}: no public key in PEM")
        return Key(name, pem, self._time(until))

    def _time(self, value: object) -> float:
        if value == 0:
            return 0.0
        if isinstance(value, str):
            try:
                value = _date(value)
            except ValueError:
                self._fail("keys", f"not-after: {value!r} is no date [2027-12-31]")
        if isinstance(value, datetime.datetime):
            return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()
        if isinstance(value, datetime.date):  # the day itself still counts
            day = datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC)
            return (day + datetime.timedelta(days=1)).timestamp()
        self._fail("keys", f"not-after: {value!r} is no date [2027-12-31]")
        raise AssertionError

    def _identity(self, value: object) -> Identity:
        if not isinstance(value, dict):
            self._fail("identities", 'expected { identity = "…", issuer = "https://…" }')
            raise AssertionError
        self._only("identities", value, ("identity", "issuer", "root"))
        for key in ("identity", "issuer"):
            if not isinstance(value.get(key), str) or not value[key]:
                self._fail("identities", f"{key}: required, a text")
        root, data = value.get("root", ""), b""
        if not isinstance(root, str):
            self._fail("identities", "root: expected the name of a file")
        if root:
            root = os.path.join(self.folder, root)
            data = read_checked(root, MAX_ROOT, f"policy {self.origin}: identities: {root}")
        return Identity(value["identity"], value["issuer"], root, data)

    def _only(self, key: str, value: dict[str, Any], known: tuple[str, ...]) -> None:
        for name in value:
            if name not in known:
                self._fail(key, f"{name!r} is none of {', '.join(known)}")
