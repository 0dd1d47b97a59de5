"""Help pages, completion scripts and the reference, all made from the option tables."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from eunomia.cli import completion, docs
from eunomia.cli.help import commands, overview, page, paragraphs, rows, spelling
from eunomia.cli.parser import Command, Opt
from eunomia.cli.tool_help import option_note
from eunomia.package.options import Option


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_pages_keep_to_the_width_of_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    for command in commands():
        text = page(command).split("\nExamples:")[0]
        longest = max(len(line) for line in text.splitlines())
        assert longest <= max(columns, 60), command.name


def test_spellings_show_what_can_be_typed() -> None:
    assert spelling(Opt("output", "o", "file", metavar="FILE")) == "-o, --output FILE"
    assert spelling(Opt("header", default=True)) == "    --no-header"
    assert spelling(Opt("clear")) == "    --[no-]clear"
    assert spelling(Opt("json", "j", default=False)) == "-j, --json"


def test_a_long_option_has_a_line_of_its_own() -> None:
    assert rows([("--a-very-long-option VALUE", "text")], 60, 20) == ["  --a-very-long-option VALUE", " " * 20 + "text"]


def test_indented_paragraphs_stay_as_they_are() -> None:
    assert paragraphs("a b\nc\n\n  code\n  more", 80) == ["a b c", "", "  code", "  more"]


def test_hidden_options_are_not_shown() -> None:
    assert "secret" not in page(Command("x", "", "x", (Opt("secret", hidden=True),)))


def test_the_overview_names_every_command() -> None:
    for command in commands():
        assert f"  {command.name} " in overview()


# Words that every reader of logs has, whatever they mean elsewhere.
OF_OTHERS = {("logs", "follow"), ("upgrade", "update")}


def test_the_same_option_is_spelled_the_same_in_every_command() -> None:
    seen: dict[str, str] = {}
    for command in docs.all_commands():
        for option in command.options:
            if option.hidden or (command.name, option.long) in OF_OTHERS:
                continue
            names = spelling(option).removesuffix(option.metavar)
            assert seen.setdefault(option.long, names) == names, f"{command.title} --{option.long}"


def test_every_option_says_what_it_does() -> None:
    for command in docs.all_commands():
        for option in command.options:
            assert option.help, f"{command.title} --{option.long}"
            assert not option.help.endswith("."), f"{command.title} --{option.long}"
        shorts = [option.short for option in command.options if option.short]
        assert len(shorts) == len(set(shorts)), command.title


@pytest.mark.parametrize("name", list(docs.PAGES))
def test_the_reference_is_what_the_tables_say(name: str, root: Path) -> None:
    written = (root / "docs/reference" / name).read_text()

    assert written == docs.PAGES[name](), "make it again: ecli docs-options docs/reference"


def complete(*words: str) -> list[str]:
    """Return what bash offers for the last of these words."""
    call = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _{words[0].replace('-', '_')}"
    script = f"{completion.bash()}\n{call}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert run.stderr == ""
    return run.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ecli", "doc"), "doctor"),
        (("ecli", "run", "--dur"), "--duration"),
        (("ecli", "--dur"), "--duration"),
        (("ecli", "run", "--no-h"), "--no-header"),
        (("ecli", "run", "--time", "is"), "iso"),
        (("ecli", "completion", "z"), "zsh"),
        (("ecli", "help", "ins"), "inspect"),
        (("ecli", "rec"), "record"),
        (("ecli", "record", "--comp"), "--compress"),
        (("ecli", "replay", "--real"), "--realtime"),
        (("ecli", "replay", "et"), "etc"),
        (("ecli", "list", "--js"), "--json"),
        (("ecc", "--targ"), "--target-arch"),
        (("ecc", "doc"), "doctor"),
        (("ecli", "run", "--allow", "prog-type=x"), "prog-type=xdp"),
        (("ecli", "run", "--dir", "/pro"), "/proc"),
        (("wasm-bpf", "--all"), "--allow"),
        (("wasm-bpf", "et"), "etc"),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: str) -> None:
    assert offered in complete(*words)


def test_bash_completes_files_after_file_options(tmp_path: Path) -> None:
    (tmp_path / "events.json").touch()

    assert complete("ecli", "run", "-o", f"{tmp_path}/ev") == [f"{tmp_path}/events.json"]


@pytest.mark.parametrize(("shell", "make"), [("zsh", completion.zsh), ("fish", completion.fish)])
def test_scripts_of_other_shells_name_every_option_and_parse_where_the_shell_is(
    shell: str, make: object, tmp_path: Path
) -> None:
    text: str = make()  # type: ignore[operator]

    for command in docs.all_commands():
        if command.name in ("doctor", "new") and command.prog == "ecc":
            continue
        for option in command.options:
            if not option.hidden:
                assert option.long in text
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(text)
        subprocess.run([shell, "-n", script], check=True)


@pytest.mark.parametrize(
    ("option", "note"),
    [
        (Option("level", ".rodata", 0, 4, 0, "int", "int", {"range": [1, 9], "initial": 3}), "[int; 1..9; default: 3]"),
        (Option("color", ".rodata", 0, 4, 0, "int", "int", {"choices": {"red": 0, "green": 2}}), "[default: red]"),
        (Option("failed", ".rodata", 0, 1, 0, "bool", "bool", {}), "[bool]"),
        (Option("all", ".rodata", 0, 1, 0, "bool", "bool", {"help": "show all"}), "show all"),
    ],
)
def test_option_without_a_text_shows_what_its_value_may_be_and_no_filler(option: Option, note: str) -> None:
    assert option_note(option) == note
