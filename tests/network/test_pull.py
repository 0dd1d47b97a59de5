"""`ecli pull`: what comes out of a registry as a file, what it is called, and what is left as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia import builtin
from support.commands import Command
from support.registries import Registry
from support.registry_clients import RegistryClient

Registries = Callable[..., Registry]
GUEST = b"\0asm\1\0\0\0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "here"
    made.mkdir()
    return made


@pytest.fixture
def reference(ecli: Command, home: dict[str, str], registry: Registries) -> str:
    """A package in a registry."""
    found = f"{registry().repository('me')}/tool:1.0"
    assert ecli("push", "opensnoop", found, env=home).returncode == 0
    return found


def test_file_is_called_as_the_image(ecli: Command, home: dict[str, str], reference: str, folder: Path) -> None:
    pulled = ecli("pull", reference, env=home, cwd=folder)

    assert pulled.returncode == 0, pulled
    assert (folder / "tool.json").read_bytes() == builtin.read("opensnoop")
    assert pulled.stdout.startswith(f"{reference}@sha256:")
    assert pulled.stderr == f"ecli: wrote tool.json ({len(builtin.read('opensnoop'))} bytes)\n"
    pinned = pulled.stdout.strip().replace(":1.0@", "@")
    assert ecli("pull", pinned, "-o", "again.json", env=home, cwd=folder).stdout == f"{pinned}\n"


def test_suffix_is_that_of_the_bytes(ecli: Command, home: dict[str, str], registry: Registries, folder: Path) -> None:
    (folder / "x.wasm").write_bytes(GUEST)
    reference = f"{registry().repository()}/.hidden.wasm_x:1"
    ecli("push", "x.wasm", reference.replace("/.", "/"), env=home, cwd=folder)

    assert ecli("pull", reference.replace("/.", "/"), env=home, cwd=folder).returncode == 0
    assert (folder / "hidden.wasm_x.wasm").read_bytes() == GUEST


def test_other_bytes_of_the_name_stay_as_they_are(
    ecli: Command, home: dict[str, str], reference: str, folder: Path
) -> None:
    (folder / "tool.json").write_text("mine")

    refused = ecli("pull", reference, env=home, cwd=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"ecli: pull {reference}: tool.json is there, and has other bytes [-o FILE replaces it]\n"
    assert (folder / "tool.json").read_text() == "mine"

    assert ecli("pull", reference, "-o", "tool.json", env=home, cwd=folder).returncode == 0
    assert ecli("pull", reference, env=home, cwd=folder).returncode == 0  # the same bytes are there
    assert sorted(os.listdir(folder)) == ["tool.json"]


def test_standard_output_has_the_bytes_alone(ecli: Command, home: dict[str, str], reference: str, folder: Path) -> None:
    pulled = ecli("pull", reference, "-o", "-", env=home, cwd=folder)

    assert pulled.stdout.encode() == builtin.read("opensnoop")
    assert pulled.stderr.startswith(f"ecli: {reference}@sha256:")
    assert os.listdir(folder) == []


def test_json_says_what_was_pulled(ecli: Command, home: dict[str, str], reference: str, folder: Path) -> None:
    told = json.loads(ecli("pull", reference, "--json", "-q", "-o", folder, env=home, cwd=folder).stdout)

    assert told["file"] == str(folder / "tool.json")
    assert told["reference"] == f"{reference}@{told['digest']}"
    assert told["mediaType"] == "application/vnd.eunomia.package.v1+json"
    assert told["size"] == len(builtin.read("opensnoop"))


def test_what_was_pulled_runs_offline_by_its_name(
    ecli: Command, home: dict[str, str], reference: str, folder: Path
) -> None:
    assert ecli("pull", reference, env=home, cwd=folder).returncode == 0

    assert "--pid" in ecli("run", "--offline", reference, "--help", env=home).stdout
    away = ecli("pull", "--offline", reference, "-o", "-", env=home)
    assert away.stdout.encode() == builtin.read("opensnoop")


def test_tag_that_moved_is_asked_for(ecli: Command, home: dict[str, str], reference: str, folder: Path) -> None:
    ecli("pull", reference, env=home, cwd=folder)
    ecli("push", "execsnoop", reference, env=home)

    assert ecli("pull", reference, "-o", "new.json", env=home, cwd=folder).returncode == 0
    assert (folder / "new.json").read_bytes() == builtin.read("execsnoop")


def test_platform_chooses(ecli: Command, home: dict[str, str], registry: Registries, oras: RegistryClient,
                          folder: Path) -> None:  # fmt: skip
    reference = f"{registry().repository()}:1"
    ecli("push", "opensnoop", reference, "--layout", "image", env=home)

    assert ecli("pull", "--platform", "linux/arm64", reference, "-o", "a.json", env=home, cwd=folder).returncode == 0
    assert (folder / "a.json").read_bytes() == builtin.read("opensnoop")
    refused = ecli("pull", "--platform", "linux/s390x", reference, env=home, cwd=folder)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"ecli: pull {reference}: nothing for linux/s390x in it: it has linux/amd64, linux/arm64"
        " [--platform PLATFORM]\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "pull: what? [ecli pull HOST/NAME:TAG; see ecli pull --help]"),
        (("opensnoop",), 1, ("pull opensnoop: it is on this machine already, and no registry was asked"
                            " [ecli export opensnoop]")),
    ],
)  # fmt: skip
def test_wrong_words_are_said(  # noqa: PLR0917
    ecli: Command, home: dict[str, str], words: tuple[str, ...], code: int, said: str, folder: Path
) -> None:
    refused = ecli("pull", *words, env=home, cwd=folder)

    assert (refused.returncode, refused.stderr) == (code, f"ecli: {said}\n")


def test_file_that_cannot_be_written_is_named(
    ecli: Command, home: dict[str, str], reference: str, folder: Path
) -> None:
    refused = ecli("pull", reference, "-o", "none/there.json", env=home, cwd=folder)

    assert (refused.returncode, refused.stderr) == (1, "ecli: write none/there.json: no such file or directory\n")


def test_of_several_programs_one_is_asked_for(  # noqa: PLR0917
    ecli: Command,
    home: dict[str, str],
    registry: Registries,
    oras: RegistryClient,
    folder: Path,
    tmp_path: Path,
) -> None:
    place = registry()
    reference = f"{place.repository()}:1"
    (tmp_path / "package.json").write_bytes(builtin.read("opensnoop"))
    (tmp_path / "app.wasm").write_bytes(GUEST)
    oras("push", *place.oras, reference, "package.json", "app.wasm", cwd=tmp_path)

    refused = ecli("pull", reference, env=home, cwd=folder)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"ecli: pull {reference}: several programs in it: package.json, app.wasm [--member NAME]\n",
    )
    for member, bytes_of in (("app.wasm", GUEST), ("package.json", builtin.read("opensnoop"))):
        pulled = ecli("pull", "--member", member, reference, "-o", member, env=home, cwd=folder)
        assert pulled.returncode == 0, pulled
        assert (folder / member).read_bytes() == bytes_of
        cached = ecli("pull", "--offline", "--member", member, reference, "-o", f"{member}.2", env=home, cwd=folder)
        assert cached.returncode == 0, cached
        assert (folder / f"{member}.2").read_bytes() == bytes_of
    none = ecli("pull", "--member", "no.wasm", reference, env=home, cwd=folder)
    assert none.returncode == 1
    assert "no 'no.wasm' in it" in none.stderr


def test_a_platform_that_one_package_does_not_serve_is_refused_as_an_index_does(
    ecli: Command, home: dict[str, str], reference: str, folder: Path
) -> None:
    refused = ecli("pull", "--platform", "linux/s390x", reference, env=home, cwd=folder)

    assert refused.returncode == 1
    assert "nothing for linux/s390x in it: it is for " in refused.stderr
    assert not (folder / "tool.json").exists()
    listed = json.loads(ecli("cache", "list", "--json", env=home).stdout)["programs"]
    assert not any("s390x" in each["name"] for each in listed)
    assert ecli("pull", "--platform", "linux/arm64", reference, env=home, cwd=folder).returncode == 0


def test_info_says_which_image(ecli: Command, home: dict[str, str], reference: str) -> None:
    found = json.loads(ecli("info", "--json", reference, env=home).stdout)

    assert found["source"].startswith(f"{reference}@sha256:")
