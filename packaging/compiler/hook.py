"""Hatch build hook of the second wheel: ecc's modules and headers, and the guests' SDKs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "native"))
import hatch_build  # noqa: E402


class CompilerHook(BuildHookInterface):  # type: ignore[type-arg]
    """Take in what the first wheel leaves out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Tell hatchling which files to take in."""
        staging = ROOT / "build/compiler-wheel"
        staging.mkdir(parents=True, exist_ok=True)
        build_data["force_include"].update(
            {str(path): f"eunomia/{name}" for path, name in hatch_build.compiler_files(ROOT, staging)}
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Pack the wheel as small as the format allows."""
        hatch_build.repack(Path(artifact_path))
