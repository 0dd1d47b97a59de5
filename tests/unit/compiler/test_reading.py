"""What clang's diagnostics tell."""

from __future__ import annotations

from eunomia.compiler.reading import macros_at_fault

SITES, OTHER = "/include/eunomia_sites.h", "/include/vmlinux.h"
CLANG_14 = f"""tool.bpf.c:12:18: error: too few arguments provided to function-like macro invocation
        return ops.bpf_map_update_elem(1);
                                        ^
{SITES}:75:9: note: macro 'bpf_map_update_elem' defined here
#define bpf_map_update_elem(map, ...) \\
        ^
tool.bpf.c:13:2: error: no member named 'x'
{SITES}:30:2: note: expanded from macro 'bpf_ringbuf_output'
{SITES}:31:2: note: expanded from macro '__EU_COUNTED'
{SITES}:30:2: note: expanded from macro 'bpf_ringbuf_output'
{OTHER}:9:2: note: expanded from macro 'bpf_core_read'
"""


def test_macros_of_our_headers_that_errors_name_are_found_once_in_order() -> None:
    assert macros_at_fault(CLANG_14, (SITES,)) == ["bpf_map_update_elem", "bpf_ringbuf_output"]
    assert macros_at_fault(CLANG_14, ()) == []
    assert macros_at_fault("", (SITES,)) == []
