"""The words after PROG: the tool's options first, then ecli's long ones."""

from __future__ import annotations

from typing import Any

import pytest

from eunomia.cli.arguments import take_arguments
from eunomia.cli.parser import UsageError, Values
from eunomia.cli.run_table import COMMAND
from eunomia.errors import OptionError
from eunomia.package.options import Option
from eunomia.package.switches import assign_switches


class Tool:
    """A package as far as its options go."""

    def __init__(self, *options: Option) -> None:
        assign_switches(options)
        self._options = list(options)
        point = {"name": "start_point", "type": "struct pt"}
        self.meta = {"bpf_skel": {"data_sections": [{"name": ".rodata", "variables": [point]}]}}

    def options(self) -> list[Option]:
        return self._options


def tool() -> Any:
    return Tool(
        Option("target_pid", ".rodata", 0, 4, 0, "int", "pid_t", {"long": "pid", "short": "p"}),
        Option("failed", ".rodata", 4, 1, 0, "bool", "bool", {"short": "x"}),
        Option("min_us", ".rodata", 8, 8, 0, "uint", "__u64", {"long": "duration", "range": [0, 100]}),
        Option("comm", ".rodata", 16, 16, 0, "string", "char[16]", {"short": "n"}),
    )


def take(*words: str) -> tuple[dict[str, Any], str, Values]:
    values = COMMAND.parse(["tool", *words])
    chosen, asked = take_arguments(tool(), values, "tool")
    return chosen, asked, values


@pytest.mark.parametrize("words", [("--pid", "7"), ("--pid=7",), ("-p", "7"), ("-p7",), ("-xp7",), ("-p=0x7",)])
def test_the_tools_options_are_long_and_short(words: tuple[str, ...]) -> None:
    assert take(*words)[0]["target_pid"] == 7


@pytest.mark.parametrize("word", ["--start_point", "--start-point=1"])
def test_variable_that_is_no_option_says_why(word: str) -> None:
    name = word.partition("=")[0]
    words = f"unknown option {name}: variable start_point is a `struct pt`, and only numbers"
    with pytest.raises(UsageError, match=f"^{words}"):
        take(word)


def test_long_options_of_ecli_are_understood_after_the_tool() -> None:
    chosen, _, values = take("--json", "--max-events", "3", "--no-header", "--pid", "1")

    assert (values["json"], values["max-events"], values["header"]) == (True, 3, False)
    assert chosen == {"target_pid": 1}


def test_the_tools_options_come_before_those_of_ecli() -> None:
    chosen, _, values = take("--duration", "5")

    assert chosen == {"min_us": 5}
    assert values["duration"] is None


def test_short_options_of_ecli_are_refused_after_the_tool_with_the_long_one_named() -> None:
    with pytest.raises(
        UsageError, match=r"unknown option -j of tool \[ecli's short options go before PROG; after it, use"
    ):
        take("-j")


def test_a_bool_is_a_flag_and_takes_its_opposite() -> None:
    assert take("--failed")[0] == {"failed": True}
    assert take("--failed=false")[0] == {"failed": False}
    assert take("-x")[0] == {"failed": True}


@pytest.mark.parametrize(
    ("word", "asked"), [("--help", "help"), ("-h", "help"), ("--version", "version"), ("-xV", "version")]
)
def test_help_and_version_of_the_tool_are_asked_for(word: str, asked: str) -> None:
    assert take(word)[1] == asked


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pd", "1"), "unknown option --pd (did you mean --pid?) [see ecli run tool --help]"),
        (("--pid",), "--pid needs a value: pid_t"),
        (("-z",), "unknown option -z [see ecli run tool --help]"),
        (("word",), "unexpected argument 'word': tool takes options only [see ecli run tool --help]"),
        (("--", "--pid"), "unexpected argument '--pid': tool takes options only [see ecli run tool --help]"),
    ],
)
def test_a_wrong_word_says_what_is_wrong(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as failure:
        take(*words)

    assert str(failure.value) == message


def test_a_value_that_is_no_number_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="--pid: expected a number, got 'abc'"):
        take("--pid", "abc")


def test_double_dash_at_the_end_is_allowed() -> None:
    assert take("--pid", "1", "--")[0] == {"target_pid": 1}
