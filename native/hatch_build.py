"""Hatch build hook: puts the extension, the built-in tools and the licences of what is linked in into the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from build import DEVELOPMENT, build_extension, default_target, is_current, is_host, libs_for

HELPERS = "compiler/include/bpf/bpf_helper_defs.h"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build the extension and the tools into the wheel, or into src/ for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and tell hatchling which files to take in and what the wheel is called."""
        root, target = Path(self.root), default_target()
        machine, _, libc = target.split("-")
        plat = "musllinux_1_2" if libc == "musl" else "manylinux_2_28"
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{plat}_{machine}"
        development = root / DEVELOPMENT
        if version == "editable":
            if not is_current(root, development):
                build_extension(root, target, development)
            builtin = root / "src/eunomia/builtin"
            build_tools(root, root / "src", builtin)
            return
        staging = root / "build" / target / "wheel"
        extension = staging / "_core.abi3.so"
        build_extension(root, target, extension)
        if is_host(target):
            development = extension
        elif (
            not development.exists()
        ):  # compiling the tools runs our own compiler, which needs an extension that runs here
            build_extension(root, host_target(), development)
        with tempfile.TemporaryDirectory() as folder:
            build_tools(root, importable(root, development, Path(folder)), staging / "builtin")
        include = build_data["force_include"]
        include[str(extension)] = "eunomia/_native/_core.abi3.so"
        for package in sorted((staging / "builtin").glob("*.json")):
            include[str(package)] = f"eunomia/builtin/{package.name}"
        for text in sorted((libs_for(root, target) / "licenses").iterdir()):
            include[str(text)] = f"eunomia/_native/licenses/{text.name}"
        include[str(without_manual(root, staging))] = f"eunomia/{HELPERS}"


def without_manual(root: Path, folder: Path) -> Path:
    """Write the header of helpers without the manual page in its comments, three quarters of it; return the file."""
    text = (root / "src/eunomia" / HELPERS).read_text()
    first, end, rest = text.partition("*/")
    made = folder / Path(HELPERS).name
    made.write_text(first + end + re.sub(r"/\*.*?\*/\n?", "", rest, flags=re.DOTALL))
    return made


def host_target() -> str:
    """Return the target of this machine, whatever is being built."""
    given = os.environ.pop("EUNOMIA_TARGET", None)
    try:
        return default_target()
    finally:
        if given is not None:
            os.environ["EUNOMIA_TARGET"] = given


def importable(root: Path, extension: Path, folder: Path) -> Path:
    """Make a folder from which `import eunomia` gives these sources with that extension; src/ is not touched.

    It is made of symbolic links, and must not be inside the project: hatchling follows them and takes no folder twice.
    """
    package = folder / "eunomia"
    native = package / "_native"
    native.mkdir(parents=True)
    for path in (root / "src/eunomia").iterdir():
        if path.name not in ("_native", "__pycache__"):
            (package / path.name).symlink_to(path)
    for path in (root / "src/eunomia/_native").iterdir():
        if path.suffix == ".py":
            (native / path.name).symlink_to(path)
    (native / "_core.abi3.so").symlink_to(extension)
    return folder


def build_tools(root: Path, path: Path, output: Path) -> None:
    """Compile tools/NAME/NAME.bpf.c to output/NAME.json with the eunomia that is found in path."""
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(root / "tools/build.py"), str(output)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), *filter(None, sys.path)])}
    if subprocess.run(command, env=environment, check=False).returncode:
        raise SystemExit("compile the built-in tools failed (see above)")
