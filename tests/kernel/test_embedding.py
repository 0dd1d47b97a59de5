"""The examples of embedding do what their READMEs say, and what docs/embedding.md shows compiles."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia import builtin
from support import readme
from support.commands import SESSION_VARIABLE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/embedding"


@pytest.mark.parametrize("name", ["c-daemon", "libbpf-makefile", "python-plugins"])
def test_readme_is_true(name: str, test_session: str, libeunomia: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PKG_CONFIG_PATH": str(libeunomia / "lib/pkgconfig"),
        SESSION_VARIABLE: test_session,
    }
    done = subprocess.run(
        [sys.executable, "-m", "support.readme", EXAMPLES / name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    commands = [step.command for steps in readme.blocks((EXAMPLES / name / "README.md").read_text()) for step in steps]
    assert [f"$ {command}" in done.stdout for command in commands] == [True] * len(commands)
    assert any(command.startswith("sudo ") for command in commands)


def test_the_documents_program_runs_with_either_library(libeunomia: Path, root: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```c\n(.*?)^```$", (root / "docs/embedding.md").read_text(), re.M | re.S)
    main = """
    static char bytes[1 << 20];
    int main(int argc, char **argv) {
        FILE *file = fopen(argv[1], "rb");
        return run(bytes, fread(bytes, 1, sizeof(bytes), file), argc - 1, argv + 1);
    }
    """
    (tmp_path / "program.c").write_text(code + main)
    lib = libeunomia / "lib"
    compile_it = ["cc", "-Wall", "-Werror", "-Wno-unused-parameter", f"-I{libeunomia / 'include'}", "program.c"]
    for how in ([f"-L{lib}", "-leunomia", f"-Wl,-rpath,{lib}"], [str(lib / "libeunomia.a"), "-lpthread", "-lm"]):
        subprocess.run([*compile_it, "-o", "program", *how], cwd=tmp_path, check=True)
        package = Path(builtin.__file__).parent / "sigsnoop.json"
        wrong = subprocess.run(
            [tmp_path / "program", package, "--signal", "none"], capture_output=True, text=True, check=False
        )
        assert wrong.returncode == 1
        assert wrong.stdout == ""
        assert wrong.stderr.startswith("option --signal: ")
        assert wrong.stderr.count("\n") == 1


def test_the_index_names_every_example_of_embedding() -> None:
    index = (EXAMPLES.parent / "README.md").read_text()

    for path in EXAMPLES.glob("*/README.md"):
        assert f"](embedding/{path.parent.name})" in index
