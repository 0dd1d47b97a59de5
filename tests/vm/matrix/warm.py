"""What the agent does once, before it forks the cells: imports, and the kernel's types, which take seconds to index."""

from __future__ import annotations

import ctypes  # noqa: F401
import json  # noqa: F401
import mmap  # noqa: F401
import pty  # noqa: F401
import socket  # noqa: F401
import subprocess  # noqa: F401

import eunomia.builtin
import eunomia.cli.main
import eunomia.cli.run
import vm.programs.cell
import vm.tools.cell  # noqa: F401
from eunomia import Package
from eunomia.kernel.preflight.target import Target

KERNEL = Target()
for tool in ("opensnoop", "execsnoop"):
    Package.from_bytes(eunomia.builtin.read(tool), tool).check(target=KERNEL)
_known = (KERNEL.symbols, KERNEL.module_names, KERNEL.configuration, KERNEL.lockdown, KERNEL.version_code)
