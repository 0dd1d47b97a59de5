"""The exceptions of eunomia.

EunomiaError
├── PackageError          the bytes are not a package, or a damaged one
│   └── LegacyPackageError   a package of the flat format before 2022-11
├── CompileError          a source does not compile, or a tool for it is missing
├── LoadError             the kernel or libbpf refused an object
│   └── VerifierError        the verifier refused a program; `.log` has all it said
├── AttachError           a program did not attach
├── OptionError           a value for a package's option is unknown, malformed or out of range
├── FilterError           a filter's expression is wrong; `.marked` shows where
├── FetchError            a package could not be fetched
│   └── RegistryError        a registry refused, failed or lied; `.status` is its HTTP status
├── SignatureError        a key or signature is damaged, missing, or not one that is trusted
├── GuestError            a Wasm guest is damaged, or cannot be run; `.ending` says how one that ran has ended
├── PolicyError           a rule or a file of a policy is wrong
├── RefusedError          a rule of trust, or the user, keeps something from elsewhere from being loaded
├── UnsupportedError      this kernel lacks a feature
└── MissingDependencyError   an optional Python package or a program is not installed

A failed system call without further knowledge is a plain OSError(errno, "operation operand").
"""

from __future__ import annotations


class EunomiaError(Exception):
    """Base of all errors that eunomia raises itself. `str()` is one line: operation, operand, cause [what to do]."""


class PackageError(EunomiaError):
    """The bytes are not a package, or a damaged one; the message names the place, as in `$.meta.bpf_skel`."""


class LegacyPackageError(PackageError):
    """A package in the flat format of before 2022-11."""


class CompileError(EunomiaError):
    """A source does not compile. `diagnostics` is what the compiler said, "" where it did not get to say anything.

    `str()` has its first error, `message` what came of it.
    """

    def __init__(self, message: str, diagnostics: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        error = next((line for line in self.diagnostics.splitlines() if "error: " in line), "")
        if "\x1b" in error:
            import re

            error = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", error)
        return f"{self.message}: {error}" if error else self.message


class LoadError(EunomiaError):
    """The kernel or libbpf refused an object. `log` is what libbpf said."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class VerifierError(LoadError):
    """The verifier refused a program. `str()` has its last useful line, `log` all of them."""


class AttachError(LoadError):
    """A program did not attach; the message names the program, its target and the cause."""


class OptionError(EunomiaError):
    """A value for a package's option is unknown, malformed or out of range."""


class FilterError(EunomiaError):
    """A filter's expression is wrong, between `start` and `end` of `expression`."""

    def __init__(self, message: str, expression: str = "", start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.expression = expression
        self.start = start
        self.end = end

    @property
    def marked(self) -> str:
        """The expression with carets under the place, two lines; of a long one the part around it."""
        text = "".join(char if char.isprintable() else "." for char in self.expression)
        first = max(0, self.start - 60) if len(text) > 120 else 0
        shown = ("…" if first else "") + text[first : first + 120] + ("…" if first + 120 < len(text) else "")
        place = self.start - first + bool(first)
        width = max(1, min(self.end - self.start, len(shown) - place))
        before, under = _columns(shown[:place]), _columns(shown[place : place + width])
        return f"  {shown}\n  {' ' * before}{'^' * max(1, under)}"


def _columns(text: str) -> int:
    """How wide a terminal shows text: ideographs take two columns, combining marks none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


class FetchError(EunomiaError):
    """A package could not be fetched from where its name points. `status` is the HTTP status, 0 where there is none."""

    status = 0


class SignatureError(EunomiaError):
    """A key or a signature is damaged or missing, or nobody who is trusted made it."""


class RegistryError(FetchError):
    """A registry refused, failed or lied. `status` is its HTTP status, 0 where it gave none that matters."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class GuestError(EunomiaError):
    """The bytes are no Wasm guest, or one that cannot be run here; or it was ended by a trap or a limit.

    `ending` is how one that ran has ended (`trapped`, `out of fuel`, `timed out`, `terminated`, `failed`), "" for one
    that did not begin.
    """

    def __init__(self, message: str, ending: str = "") -> None:
        super().__init__(message)
        self.ending = ending


class PolicyError(EunomiaError):
    """A rule of a policy, for guests or of trust, or the file that it is in, is wrong."""


class RefusedError(EunomiaError):
    """Something from elsewhere is not loaded: a rule of trust refuses it, or nobody said that it may be."""


class UnsupportedError(EunomiaError):
    """This kernel lacks a feature; the message names it and the kernel that first has it."""


class MissingDependencyError(EunomiaError):
    """An optional Python package or a program is not installed; the message has the command that installs it."""


def toml_error(path: str, exc: Exception) -> str:
    """Return what tomllib says is wrong with a file, the place in front: `FILE:LINE: what (column N)`."""
    text = " ".join(str(exc).split())
    what, _, place = text.rpartition(" (at line ")
    line, _, column = place.removesuffix(")").partition(", column ")
    if not what or not line.isdecimal():
        return f"{path}: {text[:1].lower()}{text[1:]}"
    return f"{path}:{line}: {what[:1].lower()}{what[1:]} (column {column})"


def missing_part(module: str) -> MissingDependencyError | None:
    """Return what is raised where a module of ours is in a wheel that is not installed; None for any other module."""
    from eunomia.wheels import WHEELS, wheel_of

    room, _, name = module.partition(".")
    wheel = wheel_of(name) if room == "eunomia" else ""
    if not wheel:
        return None
    extra, what, _ = WHEELS[wheel]
    return MissingDependencyError(f"{what}: {wheel} is not installed [pip install 'eunomia[{extra}]']")
