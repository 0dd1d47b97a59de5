"""cffi's view of the C core: the declarations of api_*.h, checked by the C compiler against the definitions."""

from __future__ import annotations

import re
from pathlib import Path

import cffi

HERE = Path(__file__).parent
MODULE = "eunomia._native._core"
# What guests call in Python (src/eunomia/wasm/callbacks.py); cffi makes C functions of these.
CALLBACKS = """
extern "Python" int eu_python_decides(void *, const struct eu_guest_request *, char *, size_t);
extern "Python" void eu_python_failed(void *, const char *, char *, size_t);
extern "Python" void eu_python_record(void *, uint64_t, const char *, const void *, uint64_t);
extern "Python" void eu_python_lost(void *, const char *, const char *, uint64_t, int);
extern "Python" void eu_python_note(void *, const char *);
extern "Python" struct eu_object *eu_python_package(void *, const char *, uint64_t, int *);
extern "Python" int eu_python_call(void *, struct eu_guest *, uint64_t *);
"""


def make() -> cffi.FFI:
    """Return an FFI that declares everything in the api_*.h files."""
    ffi = cffi.FFI()
    for header in sorted(HERE.glob("api_*.h")):
        text = re.sub(r"^#(include|ifndef|define \w+_H$|endif|pragma).*$", "", header.read_text(), flags=re.M)
        ffi.cdef(text)
    ffi.cdef(CALLBACKS)
    ffi.set_source(MODULE, '#include "eunomia.h"', py_limited_api=True)
    return ffi
