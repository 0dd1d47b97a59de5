"""WASI preview 1: arguments, standard input and output, clocks, waiting, ending."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from eunomia._native import lib
from support.guests import build_c, eventually, pipe, read_until, run, start

CHARACTER_DEVICE, SEEK, TELL, READ, WRITE = 2, 1 << 2, 1 << 5, 1 << 1, 1 << 6


def test_arguments_arrive_as_they_are_and_no_environment(wasi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the host")

    made = run(wasi, "words", "a b", "", "ü")

    assert made.out == "a b\n\nü\n"


def test_environment_is_what_was_given(wasi: Path) -> None:
    assert run(wasi, "words", env=["A=1", "B=x y"]).out == "env A=1\nenv B=x y\n"


def test_more_arguments_than_four_mebibytes_are_refused(wasi: Path) -> None:
    with pytest.raises(ValueError, match="arguments of the guest: more than 4 MiB"):
        start(wasi, ["x" * 1_000_000] * 5)


@pytest.mark.parametrize(("code", "is_seen"), [(0, 0), (1, 1), (125, 125), (126, 126), (255, 255), (-1, 255), (256, 0)])
def test_exit_code_is_passed_on_modulo_256(wasi: Path, code: int, is_seen: int) -> None:
    made = run(wasi, "exit", str(code))

    assert (made.ending, made.code) == (lib.EU_EXITED if code else made.ending, is_seen)


@pytest.mark.parametrize(
    ("signal", "out", "code"), [(0, "0\n", 0), (6, "", 134), (9, "", 137), (16, "0\n", 0), (99, "28\n", 0)]
)
def test_raised_signal_ends_the_guest_as_it_ends_a_process(wasi: Path, signal: int, out: str, code: int) -> None:
    made = run(wasi, "raise", str(signal))

    assert (made.out, made.code) == (out, code)


def test_line_is_in_the_pipe_while_the_guest_waits_for_input(wasi: Path) -> None:
    with pipe() as (read, write), pipe() as (stdin, feed):
        guest = start(wasi, ["lines"], stdin=stdin, stdout=write)
        first = read_until(read, b"first\n")
        os.write(feed, b"hello\n")
        second = read_until(read, b"hello\n")
        os.close(feed)
        last = read_until(read, b"end\n")

        assert (first, second, last) == (b"first\n", b"got hello\n", b"end\n")
        assert guest.wait().code == 0


def test_line_is_in_the_file_while_the_guest_waits_for_input(wasi: Path, tmp_path: Path) -> None:
    with pipe() as (stdin, feed), open(tmp_path / "out", "wb") as out:
        guest = start(wasi, ["lines"], stdin=stdin, stdout=out.fileno())

        assert eventually(lambda: (tmp_path / "out").read_bytes() == b"first\n")

        os.close(feed)
        guest.wait()

    assert (tmp_path / "out").read_bytes() == b"first\nend\n"


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_standard_descriptors_look_like_a_terminal(wasi: Path, fd: int) -> None:
    words = run(wasi, "fdstat", str(fd)).out.split()
    rights = int(words[6], 16)

    assert (words[0], int(words[2]), words[9]) == ("0", CHARACTER_DEVICE, "1")
    assert rights & (SEEK | TELL) == 0
    assert rights & (READ | WRITE) == (READ if fd == 0 else WRITE)


def test_write_larger_than_a_pipe_arrives_whole(wasi: Path) -> None:
    with pipe() as (read, write):
        guest = start(wasi, ["big", "300000"], stdout=write)
        got = b""
        while len(got) < 300000:
            got += os.read(read, 65536)
        made = guest.wait()

    assert got == b"x" * 300000
    assert made.err == "300000\n"


def test_closed_output_ends_the_guest_without_a_word(wasi: Path) -> None:
    with pipe() as (read, write):
        os.close(read)
        made = run(wasi, "flood", "1000000", stdout=write)

    assert (made.ending, made.code, made.err) == (lib.EU_EXITED, 0, "")


def test_output_beyond_its_bound_ends_the_guest(wasi: Path) -> None:
    made = run(wasi, "flood", "1000000", max_output=1000)

    assert made.ending == lib.EU_FAILED
    assert made.text == "wrote more than the 1000 bytes of output that it may"
    assert len(made.out) == 1000


@pytest.mark.parametrize("command", [["sleep", "60000"], ["lines"], ["poll", "60000"], ["flood", "10000000"], ["busy"]])
def test_terminate_interrupts_every_wait(wasi: Path, command: list[str]) -> None:
    with pipe() as (stdin, _), pipe() as (_, write):
        guest = start(wasi, command, stdin=stdin, stdout=write)
        eventually(lambda: lib.eu_guest_state(guest.guest) == 1)
        time.sleep(0.1)
        lib.eu_guest_terminate(guest.guest)

        assert guest.wait().ending == lib.EU_TERMINATED


def test_pause_prolongs_a_sleep_and_resume_ends_it(wasi: Path) -> None:
    guest = start(wasi, ["sleep", "50"])
    eventually(lambda: lib.eu_guest_state(guest.guest) == 1)
    was_paused = lib.eu_guest_pause(guest.guest) == 0
    time.sleep(0.3)

    assert not was_paused or not guest.is_over()

    lib.eu_guest_resume(guest.guest)

    assert guest.wait().code == 0


def test_duration_ends_a_sleep(wasi: Path) -> None:
    assert run(wasi, "sleep", "60000", duration=50_000_000).ending == lib.EU_TIMED_OUT


def test_sleeps_are_as_long_as_they_are_said(wasi: Path) -> None:
    slept = [
        float(line.split()[-1]) for line in (run(wasi, "sleep", "120").out + run(wasi, "until", "120").out).splitlines()
    ]

    assert len(slept) == 3
    assert all(0.119 <= each < 30 for each in slept)


def test_clocks_are_those_of_the_host(wasi: Path) -> None:
    before = [time.time_ns(), time.monotonic_ns()]
    rows = [list(map(int, line.split())) for line in run(wasi, "clocks").out.splitlines()]
    after = [time.time_ns(), time.monotonic_ns()]

    for clock in (0, 1):
        assert before[clock] <= rows[clock][1] <= after[clock]
    assert [row[0] for row in rows] == [0, 0, 0, 0, 28]
    assert all(0 < row[3] <= 10_000_000 for row in rows[:4])


def test_random_bytes_differ(wasi: Path) -> None:
    first, second = run(wasi, "random").out, run(wasi, "random").out

    assert len(first) == len(second) == 33
    assert first != second


def test_poll_tells_input_from_the_end_of_time(wasi: Path) -> None:
    with pipe() as (stdin, feed):
        quiet = run(wasi, "poll", "30", stdin=stdin).out
        os.write(feed, b"x")
        ready = run(wasi, "poll", "60000", stdin=stdin).out
        os.read(stdin, 1)
        os.close(feed)
        closed = run(wasi, "poll", "60000", stdin=stdin).out

    assert (quiet, ready, closed) == ("0\n", "1 in\n", "1 in hup\n")


def test_pointers_and_numbers_out_of_range_are_answered_with_an_errno(wasi: Path) -> None:
    fault, badf, inval, notsock = 21, 8, 28, 57

    numbers = [int(word) for word in run(wasi, "wild").out.split()]

    assert numbers == [fault] * 7 + [badf] * 2 + [fault, inval, inval, notsock, badf]


@pytest.mark.parametrize(("way", "number"), [("sleep", 2), ("read", 15)])
def test_guest_that_takes_signals_is_told_in_its_wait(tmp_path: Path, way: str, number: int) -> None:
    wasm = build_c(Path(__file__).parent / "guests/signals.c", tmp_path / "signals.wasm")
    with pipe() as (read, write), pipe() as (stdin, _):
        guest = start(wasm, [way], stdin=stdin, stdout=write)
        read_until(read, b"waits\n")
        lib.eu_guest_signal(guest.guest, number)  # where it does not wait yet, it is told when it begins to
        made = guest.wait()

        assert os.read(read, 100) == f"1 {number} 0\n".encode()
    assert (made.ending, made.code) == (lib.EU_RETURNED, 0)
