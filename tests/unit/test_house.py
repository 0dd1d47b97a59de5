"""The commands behind set-up say what is wrong in one line, and the pieces that state the same thing agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPTS = [
    "bench",
    "check",
    "development",
    "fuzz",
    "images",
    "lib.sh",
    "libeunomia",
    "links",
    "matrix",
    "onefile",
    "quickstart",
    "release",
    "setup",
    "test",
    "wheel",
]


def build_libs(root: Path, *args: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(root / "native/build_libs.sh"), *map(str, args)]
    return subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)


def commands(folder: Path, **texts: str) -> dict[str, str]:
    """Write shell scripts that stand for commands, and return the environment that finds them first."""
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_recipe_names_the_targets_it_knows(root: Path, tmp_path: Path) -> None:
    run = build_libs(root, tmp_path, "powerpc64le-linux-gnu.2.28", sys.executable)

    assert run.returncode == 1
    assert run.stderr == (
        "build_libs: unknown target powerpc64le-linux-gnu.2.28"
        " (one of {x86_64,aarch64}-linux-{gnu.2.28,musl}, riscv64-linux-gnu.2.28)\n"
    )


def test_recipe_says_how_to_get_a_missing_compiler(root: Path, tmp_path: Path) -> None:
    run = build_libs(root, tmp_path, "x86_64-linux-musl", "/bin/false")

    assert run.returncode == 1
    assert run.stderr == "build_libs: /bin/false has no ziglang (install: /bin/false -m pip install ziglang)\n"


def test_recipe_says_that_apt_knows_no_debian(root: Path, tmp_path: Path) -> None:
    env = commands(tmp_path / "bin", **{"apt-get": "exit 0", "grep": "exit 1"})

    run = build_libs(root, tmp_path / "libs", "x86_64-linux-musl", zig(tmp_path), env=env)

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("build_libs: ")
    assert "EUNOMIA_DEBIAN_MIRROR" in run.stderr or "debian-archive-keyring" in run.stderr


def test_recipe_shows_what_apt_said_when_the_mirror_fails(root: Path, tmp_path: Path) -> None:
    env = commands(tmp_path / "bin", **{"apt-get": "echo 'E: no route to mirror'; exit 100"})

    run = build_libs(
        root,
        tmp_path / "libs",
        "x86_64-linux-musl",
        zig(tmp_path),
        env={**env, "EUNOMIA_DEBIAN_MIRROR": "http://192.0.2.1/debian"},
    )

    assert run.returncode == 1
    if "debian-archive-keyring" not in run.stderr:  # apt systems without Debian's keyring end earlier
        assert "E: no route to mirror\n" in run.stderr
        assert run.stderr.endswith("build_libs: apt-get update of http://192.0.2.1/debian trixie failed (see above)\n")


def zig(folder: Path) -> Path:
    """A Python that answers like one with ziglang: these tests end before anything is compiled."""
    path = folder / "python"
    path.write_text("#!/bin/sh\necho 0.0.0\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run", "native/build_libs.sh"])
def test_script_is_valid_shell(root: Path, name: str) -> None:
    run = subprocess.run(["bash", "-n", str(root / name)], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")
    assert name.endswith("lib.sh") or os.access(root / name, os.X_OK)


def test_all_scripts_are_covered(root: Path) -> None:
    assert sorted(path.name for path in (root / "scripts").iterdir() if path.is_file()) == SCRIPTS


def test_make_only_calls_scripts_that_exist(root: Path) -> None:
    text = (root / "Makefile").read_text()
    targets = re.search(r"^(setup .*):$", text, re.M)

    assert targets is not None
    assert all((root / "scripts" / name).exists() for name in targets[1].split())


def test_link_to_something_else_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ecli").write_text("mine")
    environment = {**os.environ, "EUNOMIA_LINKS": str(tmp_path)}

    made = subprocess.run(
        [root / "scripts/links", "make"], env=environment, capture_output=True, text=True, check=False
    )
    ecc = os.readlink(tmp_path / "ecc")
    removed = subprocess.run(
        [root / "scripts/links", "remove"], env=environment, capture_output=True, text=True, check=False
    )

    assert (tmp_path / "ecli").read_text() == "mine"
    assert f"{tmp_path}/ecli is not ours, left alone" in made.stderr
    assert ecc == str(root / ".venv/bin/ecc")
    assert not (tmp_path / "ecc").is_symlink()
    assert f"{tmp_path}/ecli is not a link to this checkout" in removed.stderr


def test_cffi_is_the_only_hard_dependency(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]

    assert [re.split(r"\W", line)[0] for line in project["dependencies"]] == ["cffi"]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_readme_is_short(root: Path, name: str) -> None:
    assert len((root / name).read_text().splitlines()) <= 120


def test_links_of_the_documents_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "tools").rglob("*.md")]
    dead = []
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            target = link.partition("#")[0]
            if target and "://" not in link and not (page.parent / target).exists():
                dead.append(f"{page.relative_to(root)}: {link}")

    assert pages
    assert dead == []


def test_index_names_every_document(root: Path) -> None:
    index = (root / "docs/README.md").read_text()
    pages = [path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")]

    assert [name for name in pages if name != "README.md" and f"({name})" not in index] == []
