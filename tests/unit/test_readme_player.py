"""What a README shows is compared with what is really shown: loosely where it must, and no looser."""

from __future__ import annotations

import pytest

from support import readme

TEXT = """
```console
$ ecc tool.bpf.c
$ sudo ecli run package.json
TIME     PID     COMM
10:11:12 42      first
10:11:12 43      second
^C
ecli: events: 2 delivered, none lost
```

and

```console
$ rmdir \\
    kept
rmdir: failed to remove 'kept': Operation not permitted
```
<!-- fails: rmdir -->
<!-- like: rmdir: …: Operation not permitted -->
"""


def step(line: str, **notes: list[str]) -> readme.Step:
    made = readme.Step("true", notes)
    made.expected.append(line)
    return made


def test_blocks_have_commands_output_and_what_comes_after_the_end() -> None:
    (build, run), (remove,) = readme.blocks(TEXT)

    assert (build.command, build.expected, build.is_interrupted) == ("ecc tool.bpf.c", [], False)
    assert run.is_interrupted
    assert run.expected == ["TIME     PID     COMM", "10:11:12 42      first", "10:11:12 43      second"]
    assert run.at_end == ["ecli: events: 2 delivered, none lost"]
    assert (remove.command, remove.fails, run.fails) == ("rmdir \\\n    kept", True, False)
    assert remove.missing("rmdir: 'kept': Operation not permitted", remove.expected) is None


@pytest.mark.parametrize(
    ("line", "shown", "same"),
    [
        ("10:11:12 42      first", "09:00:00 123456 first", True),
        ("10:11:12 42      first", "09:00:00 123456 other", False),
        ("10:11:12 42      first", "09:00:00 123456 first more", False),
        ("addr 0xffff12 took 1.5ms", "addr 0xabcdef took 200ns", True),
        ("sent … bytes", "sent 12 kilo bits", False),
        ("sent …kilo bytes", "sent 12kilo bytes", True),
    ],
)
def test_numbers_may_differ_and_words_may_not(line: str, shown: str, same: bool) -> None:
    assert (step(line).missing(shown, [line]) is None) is same


def test_words_that_must_be_the_same_are_compared_to_the_digit() -> None:
    line = "port 53 dropped 3"

    assert step(line, exact=["53"]).missing("port 53 dropped 9", [line]) is None
    assert step(line, exact=["53"]).missing("port 54 dropped 3", [line]) == line


def test_events_come_in_their_order_and_rows_in_any() -> None:
    events, rows = ["10:00:00 begin", "10:00:00 end"], ["tcp 1", "udp 2"]

    assert step("x").missing("11:00:00 begin\n11:00:01 other\n11:00:02 end", events) is None
    assert step("x").missing("11:00:00 end\n11:00:01 begin", events) == "10:00:00 end"
    assert step("x").missing("udp 7\ntcp 8", rows) is None
    assert step("x").missing("udp 7\nudp 8", rows) == "tcp 1"
    assert step("x").missing("udp 7", ["udp 1", "udp 2"]) == "udp 2"
