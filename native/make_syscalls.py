"""Write syscalls.c, and syscalls.h of the SDK: system calls by number, from the kernel headers that ziglang carries.

`python native/make_syscalls.py` after a newer ziglang; the result is committed, so that building needs no headers.
"""

from __future__ import annotations

import re
from pathlib import Path

import ziglang

INCLUDE = Path(ziglang.__file__).parent / "lib/libc/include"
TABLES = {"x86_64": "x86-linux-any/asm/unistd_64.h", "aarch64": "aarch64-linux-any/asm/unistd_64.h"}


def table(header: str) -> list[str]:
    """Return names by number, "" where there is none."""
    text = (INCLUDE / header).read_text()
    numbers = {int(number): name for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.M)}
    return [numbers.get(number, "") for number in range(max(numbers) + 1)]


def lines(names: list[str]) -> str:
    """Return the names as C string literals, wrapped."""
    out, line = [], "   "
    for name in names:
        item = f' "{name}",'
        if len(line) + len(item) > 140:
            out.append(line)
            line = "   "
        line += item
    return "\n".join([*out, line])


def main() -> None:
    """Write the file beside this script."""
    tables = {name: table(header) for name, header in TABLES.items()}
    Path(__file__).with_name("syscalls.c").write_text(
        "/* Made by make_syscalls.py: do not edit. */\n"
        '#include "syscalls.h"\n#include <stddef.h>\n\n/* clang-format off */\n'
        "static const char *const names[] = {\n"
        f"#if defined(__x86_64__)\n{lines(tables['x86_64'])}\n"
        f"#elif defined(__aarch64__)\n{lines(tables['aarch64'])}\n"
        '#else\n    "",\n#endif\n};\n/* clang-format on */\n\n'
        "const char *eu_syscall_name(uint64_t number) {\n"
        "    return number < sizeof(names) / sizeof(names[0]) && names[number][0] ? names[number] : NULL;\n}\n"
    )
    guests = "\n".join(
        f"/* {name} */\n#define EU_SYSCALLS_{name.upper()} \\\n{words(table)}" for name, table in tables.items()
    )
    (Path(__file__).parents[1] / "sdk/c/include/eunomia/syscalls.h").write_text(
        "/* Made by native/make_syscalls.py: do not edit. Names by number, a gap as the number that goes on. */\n"
        f"#ifndef EUNOMIA_SYSCALLS_H\n#define EUNOMIA_SYSCALLS_H\n{guests}\n#endif\n"
    )


def words(names: list[str]) -> str:
    """Return the names as one C string: words, and before a gap the number of the next name."""
    text, gap = "", False
    for number, name in enumerate(names):
        if not name:
            gap = True
            continue
        text += f"{number} " * gap + f"{name} "
        gap = False
    rows = [text[at : at + 120] for at in range(0, len(text), 120)]
    return " \\\n".join(f'\t"{row}"' for row in rows)


if __name__ == "__main__":
    main()
