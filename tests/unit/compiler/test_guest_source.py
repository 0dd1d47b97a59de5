"""`long` of a guest's own files has 64 bits, as in the programs that they share structures with."""

from __future__ import annotations

import pytest

from eunomia.compiler.guest_source import fix_formats, numbered, told, widen


def widened(line: str) -> str:
    return widen(f'# 1 "user.c"\n{line}', lambda path: False).split("\n")[1]


@pytest.mark.parametrize(
    ("line", "wide"),
    [
        ("unsigned long x;", "unsigned long long x;"),
        ("long int a = -1L;", "long long int a = -1ll;"),
        ("unsigned int long b;", "unsigned int long long b;"),
        ("x = 1UL << 40 | 0xffLU;", "x = 1ull << 40 | 0xffull;"),
        ("sizeof(long)", "sizeof(long long)"),
        ("strtoul(arg, &end, 0); atol(s);", "strtoull(arg, &end, 0); atoll(s);"),
    ],
)
def test_long_becomes_64_bits(line: str, wide: str) -> None:
    assert widened(line) == wide


@pytest.mark.parametrize(
    "line",
    [
        "unsigned long long x = 5ULL;",
        "long double y = 1.0L;",
        "double long z = 1e5L;",
        "char *s = \"a long 1L\", c = 'L';",
        "int longer = 10, belong;",
        "x = 0xdeadbeef;",
    ],
)
def test_what_is_no_long_stays(line: str) -> None:
    assert widened(line) == line


def test_system_headers_and_the_sdk_stay_as_they_are() -> None:
    text = '# 1 "/usr/include/x.h" 1 3\nlong a;\n'
    text += '# 9 "/sdk/bpf/libbpf.h"\nlong b;\n# 2 "user.c" 2\nlong c;\n# 1 "<built-in>"\nlong d;'

    lines = widen(text, lambda path: path.startswith("/sdk")).split("\n")

    assert [line for line in lines if line[0] != "#"] == ["long a;", "long b;", "long long c;", "long d;"]


@pytest.mark.parametrize(
    ("line", "wide"),
    [
        ("struct a { size_t n; ssize_t m; };", "struct a { unsigned long long n; long long m; };"),
        (
            "struct a { const char *s; };",
            "struct a { __attribute__((aligned(8))) const char *s; unsigned eu_upper_s; };",
        ),
        (
            "struct a { void *p[2], q; };",
            "struct a { __attribute__((aligned(8))) void *p[2]; unsigned eu_upper_p[2]; void q; };",
        ),
        ("struct a { int x, y; };", "struct a { int x, y; };"),
        ("extern char *name;", "extern char *name;"),
        ("int f(char *s);", "int f(char *s);"),
    ],
)
def test_headers_of_both_sides_have_the_layout_of_the_bpf_program(line: str, wide: str) -> None:
    text = f'# 1 "both.h"\n{line}\n# 1 "user.c"\n{line}'

    lines = widen(text, lambda path: False, lambda path: path == "both.h").split("\n")

    assert lines[1::2] == [wide, line]


def test_members_on_lines_of_their_own_are_members() -> None:
    text = '# 1 "both.h"\nstruct a {\n\tstruct b *next;\n};\nstruct b *first;'

    lines = widen(text, lambda path: False, lambda path: True).split("\n")

    assert lines[2:] == [
        "\t__attribute__((aligned(8))) struct b *next; unsigned eu_upper_next;",
        "};",
        "struct b *first;",
    ]


def test_formats_are_corrected_as_clang_proposes_and_nothing_else() -> None:
    text = 'printf("é %ld %lx\\n", a, b);\nint unused;'
    said = (
        "x.c:1:12: warning: format\n"
        'fix-it:"x.c":{1:12-1:15}:"%lld"\n'
        'fix-it:"x.c":{1:16-1:19}:"%llx"\n'
        'fix-it:"x.c":{2:1-2:4}:"(void)"\n'
    )

    assert fix_formats(text, said) == 'printf("é %lld %llx\\n", a, b);\nint unused;'


def test_markers_leave_their_lines_behind() -> None:
    assert numbered('# 1 "a.c"\nint x;\n# 5 "b.h" 1\nint y;') == "\nint x;\n\nint y;"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        (
            "void say(int n, const char *f, ...) {",
            "void __attribute__((format(printf, 2, 3))) say(int n, const char *f, ...) {",
        ),
        ("int sscanf(const char *, const char *, ...);", None),
        ("int open(const char *path, int flags, ...);", None),
        ('void say(char *f, ...) { printf("%ld", 1l); }', None),
    ],
)
def test_functions_that_take_formats_are_told_to_clang(text: str, marked: str | None) -> None:
    assert told(text) == (marked or text)
