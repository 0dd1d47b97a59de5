"""Hatch build hook: puts the extension (native/build.py) into the wheel, or into src/ for an editable installation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from build import build_extension, default_target  # noqa: E402  (native/ is no package)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build the extension into the wheel, or into src/ for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        target = default_target()
        machine, _, libc = target.split("-")
        build_data["pure_python"] = False
        if version == "editable":
            build_extension(root, target, root / "src/eunomia/_native/_core.abi3.so")
        else:
            extension = root / "build" / target / "_core.abi3.so"
            extension.parent.mkdir(parents=True, exist_ok=True)
            build_extension(root, target, extension)
            build_data["force_include"][str(extension)] = "eunomia/_native/_core.abi3.so"
        plat = "musllinux_1_2" if libc == "musl" else "manylinux_2_28"
        build_data["tag"] = f"cp311-abi3-{plat}_{machine}"
