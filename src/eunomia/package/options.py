"""Options of a package: global variables that are set before the object is loaded. On the way of `ecli run`."""

from __future__ import annotations

from struct import error as StructError
from struct import pack, unpack

from eunomia.errors import OptionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_TRUE = ("true", "yes", "on", "y", "1")
_FALSE = ("false", "no", "off", "n", "0")
NETWORK_SIZE = 20  # __be32 address[4]; __u8 length, family (4, 6; 0: no network); two bytes of padding
_FLOATS = {4: "<f", 8: "<d"}


class Option:
    """One variable that can be set.

    `kind` is int, uint, bool, char, enum, float, string, network or tristate (kconfig). `size` is the bytes of one
    element and `count` the number of elements, 0 for a variable that is no array (a string is one element). `default`
    is what the package says is written when the user gives nothing (None: nothing is written), `initial` what the
    object holds. `switches` maps each spelling on a command line to the value it stands for, None where a value follows
    it; the first is the one that help pages show.
    """

    __slots__ = (
        "choices",
        "count",
        "default",
        "help",
        "initial",
        "kind",
        "limits",
        "long",
        "name",
        "offset",
        "section",
        "short",
        "size",
        "switches",
        "type",
    )

    def __init__(  # noqa: PLR0917 - a row of the compact table
        self,
        name: str,
        section: str,
        offset: int,
        size: int,
        count: int,
        kind: str,
        type_text: str,
        extras: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.section = section
        self.offset = offset
        self.size = size
        self.count = count
        self.kind = kind
        self.type = type_text
        self.long: str = extras.get("long") or name
        self.short: str = extras.get("short") or ""
        self.help: str = extras.get("help") or ""
        self.default = extras.get("default")
        self.initial = extras.get("initial")
        if self.initial is None and section != ".kconfig":
            self.initial = _zero(kind, count)
        self.limits: Sequence[Any] | None = extras.get("range")
        self.choices: Mapping[str, Any] | None = extras.get("choices")
        self.switches: dict[str, bool | None] = {}

    @property
    def takes_value(self) -> bool:
        """Whether a value follows its switch; False for a bool."""
        return not (self.kind == "bool" and not self.count)

    @property
    def shown_default(self) -> str:
        """What help pages show as its default."""
        value = self.default if self.default is not None else self.initial
        text = "" if value is None else self.text(value)
        return text if len(text) <= 60 else text[:59] + "…"

    def text(self, value: Any) -> str:
        """Return a value as the user would type it."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(self.text(item) for item in value)
        for name, number in (self.choices or {}).items():
            if number == value:
                return name
        if self.kind == "char" and isinstance(value, int) and 32 < value < 127 and not chr(value).isdigit():
            return chr(value)
        if self.kind == "float" and self.size == 4 and isinstance(value, float):
            return f"{value:.7g}"
        return str(value)

    def parse(self, text: str) -> Any:
        """Return the value that a text on the command line stands for.

        Raises:
            OptionError: not a value of this type, or out of range.
        """
        if self.count and self.kind != "char":
            items = text.split(",") if text else []
            return self._counted([self._parse(item.strip() if self.kind != "string" else item) for item in items])
        return self._parse(text)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a value, as long as the variable; text is parsed where the type is none of text.

        Raises:
            OptionError: not a value of this type, or out of range.
        """
        if isinstance(value, str) and (self.kind not in {"string", "network"} or self.count):
            value = self.parse(value)
        if self.count:
            if not isinstance(value, list | tuple):
                raise self._error(f"expected up to {self.count} values, got {value!r:.60}")
            return b"".join(self._encode(item) for item in self._counted(value)).ljust(self.size * self.count, b"\0")
        return self._encode(value)

    def decode(self, data: bytes) -> Any:
        """Return the value that a variable's bytes hold."""
        if self.count:
            items = [self._decode(data[at : at + self.size]) for at in range(0, self.size * self.count, self.size)]
            while items and not items[-1]:
                items.pop()
            return items
        return self._decode(data)

    def kconfig(self, value: Any) -> str:
        """Return a line for libbpf's kconfig text, as in `CONFIG_HZ=250`."""
        if isinstance(value, str) and self.kind != "string":
            value = self.parse(value)
        if self.kind == "bool":
            return f"{self.name}={'y' if value else 'n'}\n"
        if self.kind == "tristate":
            number = self._number(value)
            if number not in {0, 1, 2}:
                raise self._error(f"{number} is none of n, y, m")
            return f"{self.name}={'nym'[number]}\n"
        if self.kind == "char" and value in {ord("y"), ord("n"), ord("m")}:
            return f"{self.name}={chr(value)}\n"
        if self.kind == "string":
            self._encode(value)
            if '"' in value or "\n" in value:
                raise self._error('a value of kconfig cannot contain `"` or a new line')
            return f'{self.name}="{value}"\n'
        self._encode(value)
        return f"{self.name}={self._number(value)}\n"

    def _counted(self, items: Sequence[Any]) -> Sequence[Any]:
        if len(items) > self.count:
            raise self._error(f"{len(items)} values, `{self.type}` holds {self.count}")
        return items

    def _parse(self, text: str) -> Any:
        if self.kind == "string":
            return text
        if self.kind == "network":
            return str(self._network(text))
        if self.kind == "bool":
            lower = text.lower()
            if lower in _TRUE:
                return True
            if lower in _FALSE:
                return False
            raise self._error(f"expected true or false, got {text!r:.60}")
        if self.choices:
            found = self._choice(text)
            if found is not None:
                return found
        if self.kind == "float":
            try:
                return float(text)
            except ValueError:
                raise self._error(f"expected a number, got {text!r:.60}") from None
        if self.kind == "char" and len(text) == 1 and not text.isdigit():
            return self._ranged(ord(text))
        return self._ranged(self._integer(text))

    def _choice(self, text: str) -> Any:
        choices = self.choices or {}
        if text in choices:
            return choices[text]
        same = [value for name, value in choices.items() if name.lower() == text.lower()]
        return same[0] if len(same) == 1 else None

    def _integer(self, text: str) -> int:
        body = text.strip().lower()
        sign = body[:1]
        digits = body[1:] if sign in {"+", "-"} else body
        base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 8 if digits[:1] == "0" and len(digits) > 1 else 10)
        try:
            if "_" in digits or not digits[:1].isalnum() or len(digits) > 80:
                raise ValueError
            number = int(digits[2:] if digits[:2] in {"0x", "0o", "0b"} else digits, base)
        except ValueError:
            if self.choices:
                raise self._error(f"{text!r:.60} is none of {_listed(self.choices)}") from None
            raise self._error(f"expected a number, got {text!r:.60}") from None
        return -number if sign == "-" else number

    def _ranged(self, number: int) -> int:
        bits = self.size * 8
        signed = self.kind != "uint"
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if self.kind in {"enum", "char"}:  # its values may be of either sign
            high = (1 << bits) - 1
        if not low <= number <= high:
            raise self._error(f"{number} is out of range for {self.type.split('[')[0]} ({low}..{high})")
        return number

    def _limited(self, number: Any) -> None:
        if self.limits is not None and not isinstance(number, str):
            low, high = self.limits
            if (low is not None and number < low) or (high is not None and number > high):
                bounds = f"{'' if low is None else low}..{'' if high is None else high}"
                raise self._error(f"{number} is out of range ({bounds})")
        if self.choices and self.kind not in {"enum", "tristate"} and number not in self.choices.values():
            raise self._error(f"{number} is none of {_listed(self.choices)}")

    def _number(self, value: Any) -> int:
        if isinstance(value, str):
            value = self._parse(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if isinstance(value, float) and value.is_integer():
                return int(value)
            raise self._error(f"expected a number, got {value!r:.60}")
        return value

    def _encode(self, value: Any) -> bytes:
        if self.kind == "string":
            return self._encode_text(value)
        if self.kind == "network":
            return self._encode_network(value)
        if isinstance(value, str):
            value = self._parse(value)
        if self.kind == "bool":
            if not isinstance(value, bool | int) or value not in {0, 1}:
                raise self._error(f"expected true or false, got {value!r:.60}")
            return (b"\1" if value else b"\0").ljust(self.size, b"\0")
        if self.kind == "float":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self._error(f"expected a number, got {value!r:.60}")
            self._limited(value)
            try:
                return pack(_FLOATS[self.size], value)
            except (OverflowError, StructError):
                raise self._error(f"{value} is out of range for {self.type}") from None
        number = self._ranged(self._number(value))
        self._limited(number)
        return (number & (1 << self.size * 8) - 1).to_bytes(self.size, "little")

    def _encode_text(self, value: Any) -> bytes:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self._error(f"expected text, got {value!r:.60}")
        if self.choices and value not in self.choices:
            raise self._error(f"{value!r:.60} is none of {_listed(self.choices)}")
        data = value.encode("utf-8", "surrogateescape")
        if len(data) + 1 > self.size:
            raise self._error(f"{len(data)} bytes and a NUL do not fit into {self.type} ({self.size} bytes)")
        if b"\0" in data:
            raise self._error("text contains a NUL character")
        return data.ljust(self.size, b"\0")

    def _network(self, text: Any) -> Any:
        from ipaddress import ip_network

        try:
            return ip_network(text)
        except ValueError as exc:
            raise self._error(f"{exc} [an address, or a network like 10.0.0.0/8 or 2001:db8::/32]") from None

    def _encode_network(self, value: Any) -> bytes:
        if not value:
            return bytes(NETWORK_SIZE)
        network = self._network(value)
        address: bytes = network.network_address.packed
        return address.ljust(16, b"\0") + bytes((network.prefixlen, network.version, 0, 0))

    def _decode(self, data: bytes) -> Any:
        if self.kind == "network":
            return _decode_network(data)
        if self.kind == "string":
            return data.split(b"\0", 1)[0].decode("utf-8", "replace")
        if self.kind == "bool":
            return any(data)
        if self.kind == "float":
            return unpack(_FLOATS[self.size], data)[0]
        return int.from_bytes(data, "little", signed=self.kind != "uint")

    def _error(self, cause: str) -> OptionError:
        shown = next(iter(self.switches), "--" + self.long)
        return OptionError(f"option {shown}: {cause}")


class Settings:
    """What to do before load: bytes to write into sections, and lines of kconfig text."""

    __slots__ = ("kconfig", "writes")

    def __init__(self) -> None:
        self.writes: list[tuple[str, int, bytes]] = []
        self.kconfig = ""


def settings(options: Sequence[Option], values: Mapping[str, Any]) -> Settings:
    """Return what sets these values, and the package's own values for variables that are not named.

    Args:
        values: by the variables' names; text or values of the type.

    Raises:
        OptionError: a name is unknown, or a value malformed or out of range.
    """
    known = {option.name: option for option in options}
    for name in values:
        if name not in known:
            raise OptionError(f"option {name}: the package has no such variable{_near(name, known)}")
    result = Settings()
    for option in options:
        value = values.get(option.name)
        if value is None:
            value = option.default
        if value is None:
            continue
        if option.section == ".kconfig":
            result.kconfig += option.kconfig(value)
        else:
            result.writes.append((option.section, option.offset, option.encode(value)))
    return result


def _decode_network(data: bytes) -> str:
    from ipaddress import ip_address

    size = {4: 4, 6: 16}.get(data[17])
    return f"{ip_address(data[:size])}/{data[16]}" if size else ""


def _zero(kind: str, count: int) -> Any:
    if count:
        return []
    return {"string": "", "network": "", "bool": False, "float": 0.0}.get(kind, 0)


def _listed(choices: Mapping[str, Any]) -> str:
    names = list(choices)
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _near(name: str, known: Mapping[str, Option]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else f" (it has {', '.join(known)})" if known else " (it has none)"
