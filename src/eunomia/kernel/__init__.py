"""Live BPF objects: maps, programs, links."""

from eunomia.kernel.object import Object
from eunomia.kernel.program import Link, Program

__all__ = ["Link", "Object", "Program"]
