"""`--attach`: which of its words is the program, and which programs attach to what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.cli.parser import UsageError
from eunomia.cli.targets import choose_targets, quoted, split

KINDS = {"iface", "tc", "cgroup"}


class Program:
    """A program that takes some kinds of targets."""

    def __init__(self, *kinds: str, autoload: bool = True) -> None:
        self.kinds, self.autoload = kinds, autoload

    def takes(self, kind: str) -> bool:
        if kind not in KINDS:
            raise OSError(22, f"target kind {kind}: there is none of this name")
        return kind in self.kinds

    def refusal(self, target: str) -> str:
        return "target iface:bad,word: unknown option word" if target == "iface:bad,word" else ""


def chosen(*attach: str, iface: tuple[str, ...] = (), cgroup: tuple[str, ...] = ()) -> dict[str, list[str]]:
    programs = {"drop": Program("iface"), "shape": Program("iface", "tc"), "off": Program("iface", autoload=False)}
    live: Any = SimpleNamespace(programs=programs, target_kinds=lambda: {"iface", "tc"})
    values: Any = {
        "attach": list(attach),
        "iface": list(iface),
        "attach-cgroup": list(cgroup),
        "binary": None,
        "freq": None,
    }
    return choose_targets(live, values)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("count=iface:eth0", ("count", "iface:eth0")),
        ("iface:eth0", ("", "iface:eth0")),
        ("tc:eth0,handle=1", ("", "tc:eth0,handle=1")),
        ("shape=tc:eth0,handle=1", ("shape", "tc:eth0,handle=1")),
        ("cgroup:/a=b", ("", "cgroup:/a=b")),
        ("=iface:lo", ("", "=iface:lo")),
    ],
)
def test_a_program_is_what_stands_before_the_first_equals_sign(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


@given(st.text())
def test_a_quoted_name_has_no_comma_of_its_own(name: str) -> None:
    text = quoted(name)

    assert "," not in text.replace("\\\\", "").replace("\\,", "")
    assert text.replace("\\,", ",").replace("\\\\", "\\") == name or "\\" in name


def test_a_target_without_a_program_is_for_all_that_take_it() -> None:
    assert chosen("iface:eth0", "tc:eth1") == {"drop": ["iface:eth0"], "shape": ["iface:eth0", "tc:eth1"]}


def test_a_named_program_goes_before_what_is_said_for_all() -> None:
    found = chosen("drop=iface:v0", "drop=iface:v1", iface=("eth0",))

    assert found == {"drop": ["iface:v0", "iface:v1"], "shape": ["iface:eth0"]}


def test_an_interface_with_a_comma_in_its_name_is_quoted() -> None:
    assert chosen(iface=("a,b",))["drop"] == ["iface:a\\,b"]


@pytest.mark.parametrize(
    ("attach", "message"),
    [
        ("drip=iface:lo", r"--attach: no program drip \(did you mean drop\?\) \(there are drop, shape, off\)"),
        ("eth0", r"--attach: 'eth0' names no target \[PROGRAM=KIND:NAME"),
        ("drop=eth0", "--attach: 'drop=eth0' names no target"),
        ("cgroup:/x", r"--attach: no program of the package can be attached to cgroup:/x \[they take iface, tc\]"),
        ("ifac:lo", r"--attach: target kind ifac: there is none of this name \[iface, tc\]"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(attach: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chosen(attach)


def test_a_control_group_that_no_program_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="--attach-cgroup: no program of the package can be attached to cgroup:/sys"):
        chosen(cgroup=("/sys",))


def test_an_interface_takes_the_words_of_its_target() -> None:
    assert chosen(iface=("eth0,native,replace",))["drop"] == ["iface:eth0,native,replace"]
    assert chosen(iface=("a,b,generic",))["drop"] == ["iface:a\\,b,generic"]


@pytest.mark.parametrize(
    ("attach", "iface", "said"),
    [
        ((), ("eth0", "eth0"), "--iface: iface:eth0 is given twice"),
        (("drop=iface:v0", "drop=iface:v0"), (), "--attach: drop=iface:v0 is given twice"),
        (("iface:bad,word",), (), "target iface:bad,word: unknown option word"),
    ],
)
def test_what_no_kernel_could_take_is_wrong_usage(attach: tuple[str, ...], iface: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(*attach, iface=iface)

    assert str(caught.value) == said
