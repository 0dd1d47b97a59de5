"""Which comment belongs to which declaration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eunomia.compiler.comments import attach


def text_of(source: str, name: str, *others: str) -> str | None:
    found = attach(source, {name, *others}).get(name)
    return None if found is None else "\n".join(line.strip() for _, line in found.lines).strip()


def test_comment_belongs_to_the_declaration_after_it() -> None:
    assert text_of("/// first\nint a;\n/// second\nint b;\n", "b") == "second"


def test_block_comment_loses_its_stars() -> None:
    assert text_of("/**\n * one\n *   two\n */\nint a;", "a") == "one\ntwo"


def test_trailing_comment_belongs_to_the_declaration_before_it() -> None:
    assert text_of("int a; ///< about a\nint b;", "a") == "about a"
    assert text_of("int a; ///< about a\nint b;", "b") is None


def test_all_names_of_one_declaration_share_its_comment() -> None:
    source = "/// both\nconst volatile int a = 1, b = 2;"
    assert text_of(source, "a") == text_of(source, "b") == "both"


def test_ordinary_comments_and_banners_are_no_documentation() -> None:
    for comment in ("// x", "/* x */", "//// x", "/*** x ***/"):
        assert text_of(f"{comment}\nint a;", "a") is None


def test_program_is_found_behind_its_macros() -> None:
    source = (
        '/// attaches\nSEC("tp_btf/x")\nint BPF_PROG(handle, struct task_struct *p)\n'
        "{ if (p) { return 1; } return 0; }\nint p;"
    )
    assert text_of(source, "handle") == "attaches"
    assert text_of(source, "p") is None
    assert text_of("/// helps\nstatic int helper(struct x *p, int q) { return 0; }\nint p;", "p") is None


def test_map_keeps_its_own_comment_and_not_its_neighbours() -> None:
    source = (
        '/// @sample {}\nstruct { __uint(type, 1); struct { int x; } *y; } first SEC(".maps");\n'
        'struct { __uint(type, 1); } second SEC(".maps");'
    )
    assert text_of(source, "first") == "@sample {}"
    assert text_of(source, "second") is None


def test_directive_between_comment_and_declaration_separates_them() -> None:
    assert text_of("/// about nothing\n#define X 1\nint a;", "a") is None


def test_only_the_nearest_of_two_separate_comments_counts() -> None:
    assert text_of("/// far\n\n/// near\nint a;", "a") == "near"
    assert text_of("/** far */\n/** near */\nint a;", "a") == "near"


def test_comments_in_strings_and_bodies_are_none() -> None:
    assert text_of('char s[] = "/// no";\nint a;', "a", "s") is None
    assert text_of("struct e {\n/// member\nint a;\n};\nint b;", "b") is None


def test_offsets_point_into_the_source() -> None:
    source = "int z;\n/**\n * @key value\n */\nint a;"
    lines = attach(source, {"a"})["a"].lines
    assert all(source[offset : offset + len(text)] == text for offset, text in lines)


@given(st.text(alphabet="/*!<@{}()\"'\\;,= \nab#", max_size=80))
def test_any_text_is_read(source: str) -> None:
    for comment in attach(source, {"a", "b"}).values():
        assert all(source[offset : offset + len(text)] == text for offset, text in comment.lines)
