"""The CI files of `ecc new`: their shell lines do here what they do there, against a registry with a login."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import provoke
from support.commands import Command
from support.registries import PASSWORD, USER, Registry
from support.registry_clients import RegistryClient
from support.sites import Site

BTF = "/sys/kernel/btf/vmlinux"


def steps_of_github(project: Path) -> Iterator[tuple[str, str]]:
    """Yield name and lines of the steps that are ours."""
    workflow: Any = yaml.safe_load((project / ".github/workflows/package.yml").read_text())
    for job in ("package", "publish"):
        for step in workflow["jobs"][job]["steps"]:
            if step.get("name", "install") != "install":
                yield step["name"], step["run"]


def steps_of_gitlab(project: Path) -> Iterator[tuple[str, str]]:
    """Yield name and lines of the steps that are ours."""
    pipeline: Any = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
    compile_step, check = pipeline["package"]["script"]
    yield from (("compile", compile_step), ("check", check))
    yield from (("push", *pipeline["push"]["script"]), ("hub", *pipeline["pages"]["script"]))


@pytest.mark.parametrize(
    ("steps", "shell"), [(steps_of_github, ["bash", "-e"]), (steps_of_gitlab, ["sh", "-e"])], ids=["github", "gitlab"]
)
def test_the_steps_compile_check_sign_push_and_publish(  # noqa: PLR0917 (fixtures)
    steps: Callable[[Path], Iterator[tuple[str, str]]],
    shell: list[str],
    registry: Callable[..., Registry],
    home: dict[str, str],
    ecli: Command,
    ecc: Command,
    oras: RegistryClient,
    tmp_path: Path,
) -> None:
    there = registry(login=True)
    project, keys = tmp_path / "mytool", tmp_path / "keys"
    assert ecc("new", "mytool", cwd=tmp_path).returncode == 0
    (project / "kernels").mkdir()
    (project / "kernels/this").write_bytes(Path(BTF).read_bytes())
    keys.mkdir()
    secret = {"ECLI_KEY_PASSWORD": "a secret"}
    assert ecli("key", "generate", "-o", keys / "ci", env={**home, **secret}).returncode == 0
    image = there.repository("me/mytool")
    variables = {
        **os.environ,
        **home,
        **secret,
        "PATH": f"{Path(ecli.argv[0]).parent}:{os.environ['PATH']}",
        "REGISTRY": there.host,
        "REGISTRY_USER": USER,
        "REGISTRY_PASSWORD": PASSWORD,
        "IMAGE": image,
        "VERSION": "v1.0",
        "SOURCE_URL": "https://example.org/me/mytool",
        "SOURCE_DATE_EPOCH": "1700000000",
        "SIGNING_KEY": (keys / "ci.key").read_text().rstrip("\n"),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    (tmp_path / "temporary").mkdir()
    published = tmp_path / "published"
    published.mkdir()

    def run(name: str, lines: str) -> None:
        done = subprocess.run(
            [*shell, "-c", lines], cwd=project, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (name, done.stdout, done.stderr)

    with closing(Site(published)) as pages:
        variables["HUB_URL"] = f"{pages.url}/"
        done = []
        for name, lines in steps(project):
            run(name, lines)
            done.append(name)
        assert done == ["compile", "check", "push", "hub"]
        shutil.copytree(project / "public", published, dirs_exist_ok=True)

        for made in ("hub", "public"):  # the checkout of the next tag has nothing of the one before
            shutil.rmtree(project / made)
        variables["VERSION"] = "v1.1"
        run("hub", lines)

    assert not list((tmp_path / "temporary").iterdir()), "no key is left anywhere"
    assert not list(project.glob("*.key"))
    (tool,) = json.loads((project / "public/index.json").read_bytes())["tools"]
    assert [each["version"] for each in tool["versions"]] == ["1.1", "1.0"]
    assert "sudo ecli hub add mytool http://" in (project / "public/index.html").read_text()
    assert (project / "public/mytool/README.md").read_text() == (project / "README.md").read_text()
    verified = ecli("verify", "--key", keys / "ci.pub", f"{image}:latest", env=home)
    assert verified.returncode == 0, verified
    described = oras("manifest", "fetch", "--plain-http", "-u", USER, "-p", PASSWORD, f"{image}:1.0").stdout
    assert '"org.opencontainers.image.source":"https://example.org/me/mytool"' in described.replace(" ", "")
    assert '"org.opencontainers.image.created":"2023-11-14T22:13:20Z"' in described.replace(" ", "")
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[trust]]\nmatch = "*"\nkeys = ["{keys}/ci.pub"]\nunsigned = "refuse"\n')
    policy.chmod(0o600)
    with closing(Site(project / "public")) as site:
        for program in (f"{image}:1.0", f"{site.url}/mytool/package.json"):
            running = ecli.start(
                "run", "--json", program, env={**home, "ECLI_ALLOW_UNSIGNED": "", "EUNOMIA_POLICY": str(policy)}
            ).wait_attached()
            running.wait_for(f'"pid":{provoke.exec_program()},')
            assert running.stop().returncode == 0


def test_rights_to_write_are_those_of_jobs_for_tags_only(root: Path) -> None:
    workflow: Any = yaml.safe_load((root / "template/.github/workflows/package.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("if") == (None if name == "package" else "startsWith(github.ref, 'refs/tags/')")
        assert ("permissions" in job) == (name != "package")


def test_the_template_repository_is_what_ecc_new_makes(ecc: Command, root: Path, tmp_path: Path) -> None:
    assert ecc("new", "mytool", cwd=tmp_path).returncode == 0

    made, kept = (
        {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "mytool", root / "template")
    )
    assert kept == made
