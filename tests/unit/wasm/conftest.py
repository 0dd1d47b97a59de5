"""Guests of this folder, built once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import guests


@pytest.fixture(scope="session")
def wasi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the guest that does one thing with WASI: guests/wasi.c."""
    folder = tmp_path_factory.mktemp("guests")
    return guests.build_c(Path(__file__).parent / "guests/wasi.c", folder / "wasi.wasm")
