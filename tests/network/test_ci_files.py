"""The CI files of `ecc new`: their shell lines do here what they do there, against a registry with a login."""

from __future__ import annotations

import os
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
from support.sites import Site

BTF = "/sys/kernel/btf/vmlinux"


def steps_of_github(project: Path) -> Iterator[tuple[str, str]]:
    """Yield name and lines of the steps that are ours."""
    workflow: Any = yaml.safe_load((project / ".github/workflows/package.yml").read_text())
    for step in workflow["jobs"]["package"]["steps"]:
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
        "SIGNING_KEY": (keys / "ci.key").read_text().rstrip("\n"),
    }

    done = []
    for name, lines in steps(project):
        run = subprocess.run(
            [*shell, "-c", lines], cwd=project, env=variables, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, (name, run.stdout, run.stderr)
        done.append(name)

    assert done == ["compile", "check", "push", "hub"]
    assert not (project / "signing.key").exists()
    verified = ecli("verify", "--key", keys / "ci.pub", f"{image}:latest", env=home)
    assert verified.returncode == 0, verified
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[trust]]\nmatch = "*"\nkeys = ["{keys}/ci.pub"]\nunsigned = "refuse"\n')
    policy.chmod(0o600)
    with closing(Site(project / "public")) as site:
        for program in (f"{image}:v1.0", f"{site.url}/mytool/package.json"):
            running = ecli.start(
                "run", "--json", program, env={**home, "ECLI_ALLOW_UNSIGNED": "", "EUNOMIA_POLICY": str(policy)}
            ).wait_attached()
            running.wait_for(f'"pid":{provoke.exec_program()},')
            assert running.stop().returncode == 0


def test_the_template_repository_is_what_ecc_new_makes(ecc: Command, root: Path, tmp_path: Path) -> None:
    assert ecc("new", "mytool", cwd=tmp_path).returncode == 0

    made, kept = (
        {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "mytool", root / "template")
    )
    assert kept == made
