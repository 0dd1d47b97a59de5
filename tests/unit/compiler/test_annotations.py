"""What comments mean, as clang's comment parser and upstream's ecc have it (reference 5.7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.compiler.annotations import read
from eunomia.compiler.comments import attach


def meaning(*lines: str) -> dict[str, object]:
    source = "".join(f"/// {line}\n" for line in lines) + "int a;"
    return {each.key: each.value for each in read(attach(source, {"a"})["a"])}


def test_plain_text_is_the_description() -> None:
    assert meaning("Process ID to trace") == {"description": "Process ID to trace"}


def test_worked_example_of_the_reference() -> None:
    assert meaning('@cmdarg {"default": 0, "short": "p", "long": "pid"}', "@description target pid to trace") == {
        "cmdarg": {"default": 0, "short": "p", "long": "pid"},
        "description": "target pid to trace",
    }


def test_value_that_is_json_is_json() -> None:
    assert meaning("@ifindex 1") == {"ifindex": 1}
    assert meaning("@optional true") == {"optional": True}
    assert meaning('@value "text"') == {"value": "text"}
    assert meaning("@flag called when a process starts") == {"flag": "called when a process starts"}


def test_description_stays_text_even_if_it_is_a_number() -> None:
    assert meaning("@description 5") == {"description": "5"}


def test_json_may_have_several_lines() -> None:
    assert meaning("@sample {", '  "interval": 1000,', '  "type": "log2_hist"', "}", "@unit us") == {
        "sample": {"interval": 1000, "type": "log2_hist"},
        "unit": "us",
    }


def test_json_may_hold_what_ends_text_elsewhere() -> None:
    assert meaning('@cmdarg {"help": "a & b < c @ \\"d\\" } {"}') == {"cmdarg": {"help": 'a & b < c @ "d" } {'}}


def test_keys_may_have_underscores() -> None:
    assert meaning('@event_type ["a", "b"]') == {"event_type": ["a", "b"]}


def test_later_lines_of_text_replace_earlier_ones() -> None:
    assert meaning("first line", "second line") == {"description": "second line"}


def test_ampersand_splits_text() -> None:
    assert meaning("A & B") == {"description": "B"}


def test_quotes_protect_markers() -> None:
    assert meaning('say "a & b" now') == {"description": 'say "a & b" now'}


def test_block_command_takes_its_paragraph_as_text() -> None:
    assert meaning("@brief X", "@description Y") == {"brief": "X\n Y"}
    assert meaning("@brief X", "", "@description Y") == {"brief": "X", "description": "Y"}
    assert meaning("@version 1.5") == {"version": "1.5"}


def test_blank_line_brings_back_the_description() -> None:
    assert meaning("@ifindex 1", "", "text") == {"ifindex": 1, "description": "text"}


def test_verbatim_blocks_swallow_the_rest() -> None:
    assert meaning("before", "@code", "@ifindex 1") == {"description": "before"}
    assert meaning("@code", "x", "@endcode", "@ifindex 1") == {"ifindex": 1}


def test_verbatim_lines_and_parameters_mean_nothing() -> None:
    assert meaning("@name foo", "@ifindex 1") == {"ifindex": 1}
    assert meaning("@param x the x") == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@interval 5", {}),  # read as @internal
        ("@doc text", {}),  # @dot
        ("@help text", {"helps": "text"}),
        ("@args text", {"arg": "text"}),
        ("@id 5", {}),  # @if
        ("@sample 5", {"sample": 5}),
        ("@type x", {"type": "x"}),
        ("@title x", {"title": "x"}),
    ],
)
def test_names_one_letter_off_are_corrected_as_clang_does(line: str, expected: dict[str, object]) -> None:
    assert meaning(line) == expected


def test_inline_command_of_clang_takes_one_word() -> None:
    assert meaning("@p word and text") == {"p": "and text"}


def test_command_without_text_sets_nothing() -> None:
    assert meaning("@flag") == {}


def test_escaped_marker_is_text() -> None:
    assert meaning(r"\@ifindex") == {"description": "ifindex"}


@given(st.text(alphabet='@\\{}[]"<>&; \nabsample_1:,', max_size=60))
def test_any_comment_is_read(text: str) -> None:
    source = "".join(f"/// {line}\n" for line in text.split("\n")) + "int a;"
    for comment in attach(source, {"a"}).values():
        assert all(each.key for each in read(comment))
