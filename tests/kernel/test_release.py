"""scripts/release: everything of a release in one folder, with sums that hold and signatures that anyone can check."""

from __future__ import annotations

import base64
import os
import platform
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eunomia import builtin
from support.commands import Command

Run = Callable[..., subprocess.CompletedProcess[str]]
SLOW = "wheels,onefile,libeunomia,images"  # each has tests of its own
TOOLS = sorted(path.stem for path in Path(builtin.__file__).parent.glob("[a-z]*.json"))


@pytest.fixture(scope="module")
def release(root: Path) -> Run:
    """`release(WORDS…)`: scripts/release with them."""

    def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(root / "scripts/release"), *map(str, words)]
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
        )

    return run


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, test_session: str) -> Path:
    """A folder with release.key and release.pub, without a passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    ecli = Command("ecli", test_session)
    made = ecli("key", "generate", "--no-passphrase", "-o", folder / "release")
    ecli.close()
    assert made.returncode == 0, made
    return folder


@pytest.fixture(scope="module")
def made(release: Run, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A signed release without its slow parts, and what the script printed."""
    out = tmp_path_factory.mktemp("release") / "out"
    run = release("--out", out, "--key", keys / "release.key", "--skip", SLOW, SOURCE_DATE_EPOCH="1700000000")
    assert run.returncode == 0, run.stderr
    return out, run.stdout


def files(folder: Path) -> list[str]:
    """The files of a release that are no signatures."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.endswith((".sig", ".sigstore.json")))


def test_each_file_has_its_sum_and_its_line(made: tuple[Path, str]) -> None:
    out, printed = made
    sums = (out / "SHA256SUMS").read_text()

    checked = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    named = [line.split("  ", 1)[1] for line in sums.splitlines()]
    assert sorted([*named, "SHA256SUMS"]) == files(out)
    assert printed.splitlines() == [f"{(out / name).stat().st_size:12}  {out / name}" for name in files(out)]
    assert oct(out.stat().st_mode)[-3:] == "755"


def test_a_file_that_was_changed_fails_its_sum_and_its_signature(
    made: tuple[Path, str], keys: Path, ecli: Command, tmp_path: Path
) -> None:
    out, _ = made
    for suffix in ("", ".sig", ".sigstore.json"):
        (tmp_path / f"hub.tar.gz{suffix}").write_bytes((out / f"hub.tar.gz{suffix}").read_bytes())
    with (tmp_path / "hub.tar.gz").open("r+b") as file:
        file.seek(100)
        file.write(b"!")

    refused = ecli("verify", "--key", keys / "release.pub", tmp_path / "hub.tar.gz")
    checked = subprocess.run(
        ["sha256sum", "--ignore-missing", "--quiet", "-c", out / "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1, refused
    assert (checked.returncode, checked.stdout) == (1, "hub.tar.gz: FAILED\n")


def test_every_file_is_signed_for_ecli_and_for_openssl(made: tuple[Path, str], keys: Path, ecli: Command) -> None:
    out, _ = made
    public = keys / "release.pub"
    for name in files(out):
        assert (out / f"{name}.sig").exists(), name
        assert (out / f"{name}.sigstore.json").exists(), name
    for name in ("SHA256SUMS", f"tools/opensnoop-{platform.machine()}"):
        assert ecli("verify", "--key", public, out / name).returncode == 0, name
        signature = keys / "raw"
        signature.write_bytes(base64.b64decode((out / f"{name}.sig").read_text()))
        checked = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, out / name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.stdout == "Verified OK\n", checked


def test_every_tool_is_there_for_both_architectures_and_runs(made: tuple[Path, str]) -> None:
    out, _ = made
    machines = {"x86_64": 62, "aarch64": 183}

    for arch, machine in machines.items():
        for name in ("eunomia-run", *TOOLS):
            data = (out / f"tools/{name}-{arch}").read_bytes()
            assert data[:4] == b"\x7fELF", name
            assert int.from_bytes(data[18:20], "little") == machine, name
            assert len(data) < 1_000_000, name
    shown = subprocess.run(
        [out / f"tools/opensnoop-{platform.machine()}", "--help"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown
    assert shown.stdout.startswith("Trace files as they are opened"), shown.stdout
    assert list((out / "tools/licenses").iterdir()), "what is linked in, and its terms"


def test_the_hub_of_our_tools_is_one_to_add(
    made: tuple[Path, str], keys: Path, ecli: Command, home: dict[str, str], tmp_path: Path
) -> None:
    out, _ = made
    with tarfile.open(out / "hub.tar.gz") as archive:
        assert {member.mtime for member in archive} == {1700000000}
        archive.extractall(tmp_path)

    added = ecli("hub", "add", "ours", tmp_path / "hub", "--key", keys / "release.pub", env=home)
    shown = ecli("info", "ours/opensnoop", env=home)

    assert added.stdout == (
        f"added ours: {len(TOOLS)} tools, signed with {keys}/release.pub [ecli search --hub ours]\n"
    ), added
    assert "6.12.117+deb12-cloud-arm64  fired  2026" in shown.stdout, shown


def test_the_same_commit_gives_the_same_files_and_without_a_key_it_says_so(
    made: tuple[Path, str], release: Run, tmp_path: Path
) -> None:
    first, _ = made
    out = tmp_path / "out"

    run = release("--out", out, "--skip", f"{SLOW},hub", SOURCE_DATE_EPOCH="1700000000")

    assert run.returncode == 0, run.stderr
    assert "eunomia: unsigned: no --key was given" in run.stderr
    assert not list(out.rglob("*.sig"))
    for name in files(out):
        if name != "SHA256SUMS":
            assert (out / name).read_bytes() == (first / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--skip", "wheel"], "eunomia: --skip wheel: no such part of a release"),
        (["--out"], "eunomia: --out needs a value"),
        (["--key", "none.key"], "eunomia: no key none.key (make one: ecli key generate -o release)"),
        (["everything"], "eunomia: usage: scripts/release"),
    ],
)
def test_wrong_words_are_refused_at_once(words: list[str], message: str, release: Run, tmp_path: Path) -> None:
    run = release("--out", tmp_path / "out", *words)

    assert run.returncode == 1
    assert run.stderr.startswith(message), run.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_release_is_left_alone(release: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")

    run = release("--out", tmp_path)

    assert run.returncode == 1
    assert run.stderr.startswith(f"eunomia: {tmp_path} is no release (it has files, but no SHA256SUMS)")
    assert (tmp_path / "mine").read_text() == "mine"
