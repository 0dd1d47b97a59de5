"""Texts of tools as HTML: what is understood, and that nothing of a text is ever markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.publish.hub_markdown import plain, render, sample_of

REL = 'rel="noopener noreferrer nofollow"'
TABLE = (
    '<div class="scroll"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>1|2</code></td>'
    "<td>&lt;i&gt;</td></tr></tbody></table></div>"
)
TAGS = re.compile(
    r'</?(?:p|pre|code|h[2-6]|ul|ol|li|strong|table|thead|tbody|tr|th|td)>|</?div(?: class="scroll")?>|</a>'
    r'|<a href="https?://[^"<> ]*" rel="noopener noreferrer nofollow">'
)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# title\n\none\ntwo", "<p>one two</p>"),
        ("## Head `x`", "<h3>Head <code>x</code></h3>"),
        ("a **b** c", "<p>a <strong>b</strong> c</p>"),
        ("```console\n$ <x>\n```", "<pre><code>$ &lt;x&gt;</code></pre>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("- a\n- b\n  more\n", "<ul><li>a</li><li>b more</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("text\n- a", "<p>text</p>\n<ul><li>a</li></ul>"),
        ("[x](https://y.example/?a=1&b)", f'<p><a href="https://y.example/?a=1&amp;b" {REL}>x</a></p>'),
        ("[x](../reference/y.md)", "<p>x</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](javascript:alert)", "<p>x</p>"),
        ("![x](https://y.example/z.png)", "<p>x</p>"),
        ("`[x](https://y.example)`", "<p><code>[x](https://y.example)</code></p>"),
        ("an `open end", "<p>an `open end</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("| a | b |\n|---|---|\n| `1\\|2` | <i> |", TABLE),
        ("", ""),
    ],
)  # fmt: skip
def test_a_text_is_rendered(text: str, html: str) -> None:
    assert render(text) == html


@given(st.text(alphabet="`*[]()<>\"'&|-#! \nax:/1.\\", max_size=200) | st.text(max_size=200))
def test_no_text_makes_markup_of_its_own(text: str) -> None:
    rest = TAGS.sub("", render(text))

    assert "<" not in rest
    assert ">" not in rest


@given(st.text(alphabet="`*[]()<>|-# \nab", max_size=60))
def test_every_text_ends(text: str) -> None:
    assert render(text * 20).count("<script") == 0


def test_the_sample_is_the_first_block_of_a_terminal_and_shown_once() -> None:
    text = "# t\n\n```c\nint x;\n```\n\n```console\n$ run\nout\n```\n\nmore\n"

    assert sample_of(text) == "$ run\nout"
    assert render(text, without=sample_of(text)) == "<pre><code>int x;</code></pre>\n<p>more</p>"
    assert sample_of("nothing") == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Every `execve(2)`, **who** forks [whom](https://x.example/).", "Every execve(2), who forks whom."),
        ("*Slow* _reads_ of a_b_c, 2 * 3 * 4, `*x*`", "Slow reads of a_b_c, 2 * 3 * 4, *x*"),
        ("![logo](logo.png) a tool", " a tool"),
    ],
)
def test_a_summary_has_no_marks(text: str, words: str) -> None:
    assert plain(text) == words
