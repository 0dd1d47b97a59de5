"""Options of `ecli run` that exclude or need each other: one line each, before anything is loaded."""

from __future__ import annotations

import pytest

from eunomia import builtin
from eunomia.cli.parser import UsageError
from eunomia.cli.run import check
from eunomia.cli.run_checks import check_sources
from eunomia.cli.run_table import COMMAND
from eunomia.package.model import Package


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--sample 10", "--sample: '10' is not of the form 1/N, as in 1/100"),
        ("--sample 1/0", "--sample: '1/0' is not of the form 1/N, as in 1/100"),
        ("--sample 2/10", "--sample: '2/10' is not of the form 1/N, as in 1/100"),
        ("--sample 1/-3", "--sample: '1/-3' is not of the form 1/N, as in 1/100"),
        ("--rate-limit 0", "--rate-limit: '0' is not a number above 0, as in 1000 or 0.5"),
        ("--rate-limit -1", "--rate-limit: '-1' is not a number above 0, as in 1000 or 0.5"),
        ("--rate-limit nan", "--rate-limit: 'nan' is not a number above 0, as in 1000 or 0.5"),
        ("--rate-limit 1e400", "--rate-limit: '1e400' is not a number above 0, as in 1000 or 0.5"),
        ("--drill-loss 2", "--drill-loss: '2' is not a share from 0 to 1, as in 0.01 or 1%"),
        ("--drill-loss 101%", "--drill-loss: '101%' is not a share from 0 to 1, as in 0.01 or 1%"),
        ("--drill-loss inf", "--drill-loss: 'inf' is not a share from 0 to 1, as in 0.01 or 1%"),
        ("--cpu -1", "--cpu: '-1' is not a whole number from 0 on"),
        ("--cpu 1.5", "--cpu: '1.5' is not a whole number from 0 on"),
        ("--pid=", "--pid: the value is empty"),
        ("--comm=", "--comm: the value is empty"),
        ("--filter pid==1 --filter=", "--filter: the value is empty"),
        ("--fields=", "--fields: the value is empty"),
        ("--follow", "--follow needs --pid: whose children to follow"),
        ("--rotate-size 1M", "--rotate-size needs --output FILE: standard output is not rotated"),
        ("--rotate-after 1h -o -", "--rotate-after needs --output FILE: standard output is not rotated"),
        (
            "-o x --rotate-keep 3",
            "--rotate-keep needs --rotate-size or --rotate-after: when a new file begins",
        ),
        ("-j --format csv", "--json and --format csv exclude each other"),
        ("--json --folded", "--json and --folded exclude each other"),
        ("--folded --format raw", "--folded and --format raw exclude each other"),
        ("--compat --format csv", "--compat knows text and JSON, not --format csv"),
        ("--queue 1G", "--queue: 1073741824 bytes, at most 256M"),
        ("--perf-pages 3", "--perf-pages: 3 is not a power of two"),
    ],
)
def test_a_wrong_option_is_one_line(words: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(COMMAND.parse([*words.split(), "tool"]))

    assert str(caught.value) == says


@pytest.mark.parametrize("words", ["--sample 1/2", "--rate-limit 5", "--drill-loss 100%"])
def test_what_is_about_events_is_refused_where_there_are_none(words: str) -> None:
    values = COMMAND.parse([*words.split(), "tool"])
    events, maps = (Package.from_bytes(builtin.read(name), name).plan() for name in ("sigsnoop", "syscount"))

    check_sources(events, values)
    with pytest.raises(
        UsageError, match=f"{words.split(maxsplit=1)[0]} is about events, the tool has sampled maps only"
    ):
        check_sources(maps, values)


def test_right_options_have_their_values() -> None:
    words = "-j --format json --sample 1/100 --rate-limit 0.5 --drill-loss 1% --cpu 0 --pid 1 --follow -q tool"

    values = COMMAND.parse(words.split())

    check(values)
    assert (values["sample"], values["rate-limit"], values["drill-loss"], values["cpu"]) == (100, 0.5, 0.01, 0)
    assert values["quiet"] is True
