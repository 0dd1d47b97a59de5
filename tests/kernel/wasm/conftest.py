"""Guests of C with a BPF object in them, built once a session: GUEST and BPF of each module."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from eunomia.wasm import Guest, Policy
from support.bpf_guests import Lines, compile_guest, compile_object


@pytest.fixture(scope="module")
def wasm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The module's guest: it prints what the function that its first argument names finds."""
    folder = tmp_path_factory.mktemp("guest")
    elf = compile_object(folder, request.module.BPF)
    flags = getattr(request.module, "FLAGS", ())
    return compile_guest(folder, request.module.GUEST, elf, flags=flags).read_bytes()


@pytest.fixture
def lines(wasm: bytes) -> Lines:
    """Run one function of the guest to its end; the lines it wrote. Nothing of it stays in the kernel."""

    def run(*args: str, policy: Sequence[str] = ("all",), **options: Any) -> list[str]:
        with Guest(wasm, "guest.wasm").run(args, policy=Policy(list(policy)), **options) as run:
            run.wait(30)
            assert (run.ending, run.text) == ("returned", ""), run.stderr + "\n".join(run.failures)
            return run.stdout.splitlines()

    return run


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """No descriptor of this process is of BPF or of a perf event when a test ends."""
    yield
    assert not _held()


def _held() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            kind = os.readlink(f"/proc/self/fd/{name}")
            if "bpf" in kind or "perf_event" in kind:
                found.append(kind)
    return found
