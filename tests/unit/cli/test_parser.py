"""Option tables: what the parser takes, what it refuses, and how it says so."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.cli.convert import CONVERT, parse_seconds, parse_size
from eunomia.cli.parser import (
    CONVERTED,
    VERBOSE,
    Command,
    HelpRequested,
    Opt,
    UsageError,
    Values,
    Verbosity,
    did_you_mean,
)

OPTIONS = (
    Opt("json", "j", default=False),
    Opt("output", "o", "file", metavar="FILE"),
    Opt("header", default=True),
    Opt("clear"),
    Opt("max-events", "n", "count"),
    Opt("time", kind="choice", choices=("none", "clock")),
    Opt("skip", kind="text", repeat=True),
    Opt("duration", kind="seconds"),
    Opt("secret", hidden=True),
    VERBOSE,
)
COMMAND = Command("demo", "FILE", "demonstrate", OPTIONS)
STOPPING = Command("run", "PROG", "run", OPTIONS, stop=True)


@pytest.fixture(autouse=True)
def _verbosity() -> Any:
    yield
    Verbosity.level = 0


def parse(*argv: str) -> Values:
    return COMMAND.parse(argv)


def test_options_that_are_not_given_have_their_defaults() -> None:
    values = parse()

    assert (values["json"], values["header"], values["clear"], values["skip"]) == (False, True, None, [])
    assert values.operands == []


@pytest.mark.parametrize("argv", [("--output=x",), ("--output", "x"), ("-o", "x"), ("-ox",), ("-o=x",), ("-jo", "x")])
def test_a_value_follows_by_equals_sign_space_or_directly(argv: tuple[str, ...]) -> None:
    assert parse(*argv)["output"] == "x"


def test_short_options_cluster() -> None:
    values = parse("-jvn5", "file")

    assert (values["json"], values["max-events"], values["verbose"]) == (True, 5, 1)
    assert values.operands == ["file"]


def test_every_flag_has_its_no_form() -> None:
    assert parse("--no-header")["header"] is False
    assert parse("--no-clear")["clear"] is False
    assert parse("--clear")["clear"] is True
    assert parse("--json", "--no-json")["json"] is False


def test_double_dash_ends_options() -> None:
    assert parse("--", "--json", "-x").operands == ["--json", "-x"]


def test_a_lone_dash_is_an_operand() -> None:
    assert parse("-").operands == ["-"]


def test_a_value_may_begin_with_a_dash() -> None:
    assert parse("--output", "-")["output"] == "-"


def test_repeated_options_make_a_list() -> None:
    assert parse("--skip", "a", "--skip=b")["skip"] == ["a", "b"]


def test_words_after_the_first_operand_are_left_alone_where_the_command_says_so() -> None:
    values = STOPPING.parse(["-j", "tool", "--json", "-p", "1", "--", "x"])

    assert values.operands == ["tool"]
    assert values.rest == ["--json", "-p", "1", "--", "x"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--jsn",), "unknown option --jsn (did you mean --json?) [see ecli demo --help]"),
        (("--max",), "unknown option --max (did you mean --max-events?) [see ecli demo --help]"),
        (("--secrets",), "unknown option --secrets [see ecli demo --help]"),
        (("-x",), "unknown option -x [see ecli demo --help]"),
        (("--json=1",), "--json takes no value, found '1'"),
        (("--output",), "--output needs a value: FILE"),
        (("-o",), "-o needs a value: FILE"),
        (("--no-output",), "unknown option --no-output (did you mean --output?) [see ecli demo --help]"),
        (("--max-events", "0"), "--max-events: '0' is not a whole number above 0"),
        (("--max-events", "-1"), "--max-events: '-1' is not a whole number above 0"),
        (("--time", "soon"), "--time: 'soon' is none of none, clock"),
        (("--duration", "x"), "--duration: 'x' is not a time in seconds above 0, as in 10, 0.5, 200ms or 5m"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(argv: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as failure:
        parse(*argv)

    assert str(failure.value) == message


@pytest.mark.parametrize("word", ["-h", "--help", "-jh"])
def test_help_is_asked_for_by_an_exception_with_the_command(word: str) -> None:
    with pytest.raises(HelpRequested) as request:
        parse(word)

    assert request.value.command is COMMAND


def test_too_many_operands_are_refused() -> None:
    with pytest.raises(UsageError, match=r"unexpected argument 'b' \[see ecli demo --help\]"):
        parse("a", "b").no_more_than(1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("0.5", 0.5), ("200ms", 0.2), ("10s", 10), ("5m", 300), ("1h", 3600), ("1e3", 1000), ("50us", 5e-5)],
)
def test_times_are_seconds_unless_a_unit_is_given(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "ms", "1x", "1e99"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("64K", 65536), ("64k", 65536), ("16M", 16 << 20), ("1GiB", 1 << 30), ("2KB", 2048), ("1T", 1 << 40)],
)
def test_sizes_are_bytes_with_suffixes_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "K", "1.5M", "٣", "1P", "9" * 30])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_a_word_is_compared_with_the_beginning_of_longer_names_too() -> None:
    assert did_you_mean("--pif", ["--plain-btf", "--pid_filter"]) == " (did you mean --pid_filter?)"
    assert did_you_mean("--xyz", ["--plain-btf"]) == ""


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_give_values_or_a_usage_error(argv: list[str]) -> None:
    try:
        values = COMMAND.parse(argv)
    except (UsageError, HelpRequested):
        return
    assert set(values) == {option.long for option in OPTIONS}


def test_every_kind_that_is_converted_has_a_conversion() -> None:
    assert set(CONVERT) == CONVERTED


@pytest.mark.parametrize("kind", sorted(CONVERTED))
@given(text=st.text(max_size=30))
def test_a_conversion_gives_a_value_or_a_usage_error(kind: str, text: str) -> None:
    value: Any = 0
    with contextlib.suppress(UsageError):
        value = Opt("x", kind=kind).convert(text)

    assert kind == "number" or value >= 0
