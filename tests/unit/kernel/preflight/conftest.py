"""Makes tests/unit/btf/btf_writer.py importable by the tests beside this."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "btf"))
