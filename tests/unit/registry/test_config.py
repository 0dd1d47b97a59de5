"""The configuration: files over files, the environment over both, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.errors import FetchError
from eunomia.registry import config


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file; the machine's is not looked at."""
    monkeypatch.setattr(config, "SYSTEM", str(tmp_path / "system.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ECLI_CONFIG", raising=False)
    monkeypatch.delenv("ECLI_REGISTRY", raising=False)
    (tmp_path / "eunomia").mkdir()
    return tmp_path / "eunomia/config.toml"


def test_without_files_there_is_no_registry(file: Path) -> None:
    found = config.read()

    assert (found.registry, found.prefix, found.registries) == ("", "", {})
    assert not file.exists()


def test_the_users_file_goes_over_the_machines_and_the_environment_over_both(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.toml").write_text(
        'registry = "system.example.org"\nprefix = "all"\n[registries."lab:5000"]\nplain-http = true\nca-file = "/a"\n'
    )
    assert (config.read().registry, config.read().prefix) == ("system.example.org", "all")

    file.write_text('registry = "own.example.org/tools"\n[registries."LAB:5000"]\nca-file = "/b"\n')
    found = config.read()
    assert (found.registry, found.prefix) == ("own.example.org", "tools")  # the prefix of another registry is gone
    assert found.registries == {"lab:5000": {"plain-http": True, "ca-file": "/b"}}

    monkeypatch.setenv("ECLI_REGISTRY", "oci://now.example.org/x/y")
    assert (config.read().registry, config.read().prefix) == ("now.example.org", "x/y")


def test_eunomia_config_is_in_place_of_all(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('registry = "own.example.org"')
    (tmp_path / "other.toml").write_text('prefix = "p"')
    monkeypatch.setenv("ECLI_CONFIG", str(tmp_path / "other.toml"))

    assert (config.read().registry, config.read().prefix) == ("", "p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("registy = 'x'", "unknown key registy [known are registry, prefix, registries]"),
        ("registry = 5", "registry is not a text"),
        ("registries = []", "registries is not a table"),
        ("[registries.a]\ninsecure = true", "unknown key registries.a.insecure"),
        ("[registries.a]\nplain-http = 'yes'", "registries.a.plain-http is not true or false"),
        ("registries.a = 1", "registries.a is not a table"),
        ("registry = ", "invalid value"),
        ("\xff", ""),
        ("[" * 100000, ""),
    ],
)
def test_what_is_wrong_is_told_with_the_file(file: Path, text: str, message: str) -> None:
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(FetchError) as failure:
        config.read()

    assert str(failure.value).startswith(f"read {file}:")
    assert message in str(failure.value)
