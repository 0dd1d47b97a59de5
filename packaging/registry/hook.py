"""Hatch build hook of this wheel: what the first leaves out (native/hatch_build.py)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "native"))
from hatch_build import PartHook

__all__ = ["PartHook"]
