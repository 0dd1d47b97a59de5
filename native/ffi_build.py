"""cffi's view of the C core: the declarations of api_*.h, checked by the C compiler against the definitions."""

from __future__ import annotations

import re
from pathlib import Path

import cffi

HERE = Path(__file__).parent
MODULE = "eunomia._native._core"


def make() -> cffi.FFI:
    """Return an FFI that declares everything in the api_*.h files."""
    ffi = cffi.FFI()
    for header in sorted(HERE.glob("api_*.h")):
        text = re.sub(r"^#(include|ifndef|define \w+_H$|endif|pragma).*$", "", header.read_text(), flags=re.M)
        ffi.cdef(text)
    ffi.set_source(MODULE, '#include "eunomia.h"', py_limited_api=True)
    return ffi
