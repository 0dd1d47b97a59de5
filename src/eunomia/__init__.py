"""eunomia for Python: write only the kernel side of an eBPF tool, compile it once, run it anywhere."""

from __future__ import annotations

__version__ = "0.1.0"
