"""Mistakes in annotations are errors at their place."""

from __future__ import annotations

import pytest

from eunomia.compiler.annotations import read
from eunomia.compiler.comments import attach
from eunomia.compiler.diagnostics import Reporter
from eunomia.compiler.rules import check


def problems(target: str, annotation: str) -> str:
    source = f"int z;\n/// {annotation}\nint a;"
    report = Reporter("tool.bpf.c", source)
    for each in read(attach(source, {"a"})["a"]):
        check(target, each, report)
    return report.text


@pytest.mark.parametrize(
    ("target", "annotation", "place", "words"),
    [
        ("map", '@sample {"interval": }', "2:13", "expecting value"),
        ("map", "@sample fast", "2:12", "expected a JSON object"),
        ("map", '@sample {"type": "log2_hist"}', "2:13", "'interval' is missing"),
        ("map", '@sample {"interval": "fast"}', "2:13", "'interval' must be a whole number, found a string"),
        ("map", '@sample {"interval": 1, "type": "log_hist"}', "2:13", "did you mean 'log2_hist'?"),
        ("map", '@sample {"interval": -1}', "2:13", "milliseconds from 0"),
        ("map", '@sample {"interval": true}', "2:13", "found true or false"),
        ("map", '@sample {"interval": 1', "2:13", "expected a JSON object"),
        ("map", '@intepreter "stack_trace"', "2:16", "expected a JSON object"),
        ("map", '@intepreter {"stack_trace": {"field_map": {"kstack": 1}}}', "2:17", "'kstack' must be a string"),
        ("map", '@decode {"saddr": "ip7"}', "2:13", "unknown decoder 'ip7'"),
        ("map", "@event_type 5", "2:16", "expected a JSON object"),
        ("variable", '@cmdarg {"short": "pid"}', "2:13", "'short' must be one character"),
        ("variable", '@cmdarg {"long": "--pid"}', "2:13", "without dashes"),
        ("variable", '@cmdarg {"defalt": 1}', "2:13", "did you mean 'default'?"),
        ("variable", '@cmdarg {"default": 1} pid', "2:13", "text after the JSON value"),
        ("variable", '@filter {"field": "pid", "op": "~"}', "2:13", "unknown op '~', known are ==, !=, <, <=, >, >="),
        ("variable", '@filter {"op": "=="}', "2:13", "'field' is missing"),
        ("variable", '@filter {"field": 1}', "2:13", "'field' must be a string, found a whole number"),
        ("variable", "@filter a b", "2:13", "'a b' is no field's name"),
        ("variable", "@filter {pid}", "2:13", "expected a JSON object"),
        ("variable", '@range {"min": 5, "max": 1}', "2:12", "'min' 5 is above 'max' 1"),
        ("variable", "@choices []", "2:14", "not empty"),
        ("program", '@tchook {"attach_point": "INGRESS"}', "2:13", "unknown attach_point 'INGRESS'"),
        ("program", '@tcopts {"handle": "1"}', "2:13", "'handle' must be a whole number"),
        ("program", "@ifindex eth0", "2:13", "expected a whole number, found 'eth0'"),
        ("program", '@perf_event {"type": [1]}', "2:17", "'type' must be"),
        ("program", "@optional yes", "2:14", "expected true or false"),
    ],
)
def test_mistake_is_an_error_at_its_place(target: str, annotation: str, place: str, words: str) -> None:
    text = problems(target, annotation)

    line, column = place.split(":")
    assert text.startswith(f"tool.bpf.c:{line}:")
    assert abs(int(text.split(":")[2]) - int(column)) <= 1
    assert "error: @" in text
    assert words in text


@pytest.mark.parametrize(
    ("target", "annotation"),
    [
        ("map", '@sample {"interval": 0, "type": "linear_hist", "unit": "usecs", "clear_map": true}'),
        ("map", '@intepreter {"stack_trace": {}}'),
        ("map", '@intepreter {"stack_trace": {"field_map": {"kstack": "k"}, "with_symbols": false, "stack_map": "s"}}'),
        ("map", '@decode {"saddr": "ip", "key": "syscall"}'),
        ("map", "@event_type exec_event"),
        ("map", '@event_type {"field": "kind", "types": {"1": "a", "2": "b"}}'),
        ("variable", '@cmdarg {"default": "x", "long": "name", "short": "n", "help": "h"}'),
        ("program", '@tchook {"ifindex":1, "attach_point":"BPF_TC_INGRESS"}'),
        ("program", '@perf_event {"type":"software","config":"cpu_clock","frequency":49}'),
        ("program", "@unknown {broken"),
    ],
)
def test_right_ones_pass(target: str, annotation: str) -> None:
    assert problems(target, annotation) == ""


def test_caret_stands_under_the_value_after_tabs() -> None:
    source = "\t/// @ifindex x\n\tint a;"
    report = Reporter("a.c", source)
    for each in read(attach(source, {"a"})["a"]):
        check("program", each, report)

    line, caret = report.text.splitlines()[1:]
    assert line == "\t/// @ifindex x"
    assert caret.startswith("\t")
    assert caret.endswith("^")


def test_annotation_on_the_wrong_thing_is_a_warning() -> None:
    assert "warning: @sample means something on a map, not on a variable" in problems(
        "variable", '@sample {"interval": 1}'
    )


def test_colours_are_those_of_a_compiler() -> None:
    report = Reporter("a.c", "int a;", color=True)
    report.error(4, "no")

    assert (
        report.text == "\x1b[1ma.c:1:5: \x1b[0;1;31merror: \x1b[0m\x1b[1mno\x1b[0m\nint a;\n\x1b[0;1;32m    ^\n\x1b[0m"
    )
