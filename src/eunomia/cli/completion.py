"""`ecli completion SHELL`: completion for bash, zsh and fish, made from the option tables.

The scripts hold commands and options; names of built-in tools and the options of a tool are asked from `ecli` itself
when they are needed, through the hidden `ecli completion --words`.
"""

from __future__ import annotations

import sys

from eunomia.cli.parser import Command, Opt, UsageError, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHELLS = ("bash", "zsh", "fish")
COMMAND = Command(
    "completion",
    "bash|zsh|fish",
    "write a completion script for a shell",
    (Opt("words", "", "text", "words that may follow, for the scripts", "WHAT", hidden=True),),
    details="bash: `ecli completion bash > /etc/bash_completion.d/ecli`\n\n"
    "zsh: `ecli completion zsh > DIR/_ecli`, with DIR in $fpath\n\n"
    "fish: `ecli completion fish > ~/.config/fish/completions/ecli.fish`",
    choices=SHELLS,
)


def words(options: tuple[Opt, ...]) -> list[str]:
    """Return the spellings of a table's options: those that are shown, and --help."""
    found = []
    for option in options:
        if option.hidden:
            continue
        if option.default is not True or option.kind != "flag":
            found.append(f"--{option.long}")
        if option.kind == "flag" and option.default in (True, None):
            found.append(f"--no-{option.long}")
        if option.short:
            found.append(f"-{option.short}")
    return [*found, "--help"]


def ecc_commands() -> list[Command]:
    """Return the tables of ecc and its commands."""
    try:
        from eunomia.cli.ecc import COMMAND as first
    except ModuleNotFoundError:  # eunomia-compiler is not installed
        from eunomia.cli.parser import Command

        return [Command("", "", "compile", prog="ecc")]
    from eunomia.cli.ecc_doctor import COMMAND as doctor
    from eunomia.cli.ecc_gen import COMMAND as gen
    from eunomia.cli.ecc_new import COMMAND as new
    from eunomia.cli.ecc_wasm import BUILD, NEW
    from eunomia.cli.ecc_watch import COMMAND as watch

    return [first, BUILD, doctor, gen, NEW, new, watch]


def second_name() -> Command:
    """Return the table of wasm-bpf."""
    from eunomia.cli.wasm_bpf import COMMAND as command

    return command


def tables() -> dict[str, Command]:
    """Return the tables of ecli's commands by name."""
    from eunomia.cli.help import commands

    return {each.name: each for each in commands()}


def values_of(option: Opt) -> str:
    """Return what follows an option: its choices, "@file", or "" for free text."""
    if option.choices:
        return " ".join(option.choices)
    if option.long in ("allow", "deny"):
        try:
            from eunomia.wasm.kinds import TYPES
            from eunomia.wasm.rules import KEYS
        except ModuleNotFoundError:  # a wheel that is not installed: there are no guests to allow anything
            return "all"

        return " ".join(["all", *(f"prog-type={word}" for word in sorted(TYPES)), *(f"{key}=" for key in KEYS[1:])])
    return "@file" if option.kind == "file" or option.long == "dir" else ""


def bash() -> str:
    """Return the script for bash 4 and newer."""
    found = tables()
    cases = "\n".join(f'        {name}) options="{" ".join(words(each.options))}" ;;' for name, each in found.items())
    valued = {
        f"{name}": option
        for each in found.values()
        for option in each.options
        if option.takes_value
        for name in _names(option)
    }
    arguments = []
    for name, option in valued.items():
        reply = values_of(option)
        if reply == "@file":
            arguments.append(f'        {name}) COMPREPLY=($(compgen -f -- "$word")); return ;;')
        else:
            arguments.append(f'        {name}) COMPREPLY=($(compgen -W "{reply}" -- "$word")); return ;;')
    operands = "\n".join(
        f'        {name}) operands="{" ".join(each.choices)}" ;;'
        for name, each in found.items()
        if each.choices and each.choices[0][0] != "@"
    )
    skipped = "|".join(valued)
    runners = "|".join(name for name, each in found.items() if each.stop)
    of_tools = "|".join(name for name, each in found.items() if "@builtin" in each.choices)
    of_files = "|".join(name for name, each in found.items() if each.choices == ("@file",))
    of_runs = "|".join(name for name, each in found.items() if each.choices == ("@run",))
    ecc, *others = ecc_commands()
    ecc_names = " ".join(each.name for each in others)
    ecc_options = "\n".join(
        f'        {each.name}) COMPREPLY=($(compgen -W "{" ".join(words(each.options))}" -- "$word")) ;;'
        for each in others
    )
    return f"""\
# bash completion of ecli, ecc and wasm-bpf; made by `ecli completion bash`.
_ecli_tools() {{
    ecli completion --words @builtin 2>/dev/null
}}
_ecli() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local commands="{" ".join(found)}" command="" program="" options="" operands="" each index
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        each="${{COMP_WORDS[index]}}"
        case "$each" in
        {skipped}) ((index++)); continue ;;
        -*) continue ;;
        esac
        if [[ -z "$command" && " $commands " == *" $each "* ]]; then
            command="$each"
        elif [[ -z "$program" ]]; then
            program="$each"
            [[ -n "$command" ]] || command=run
        fi
    done
    case "$previous" in
{chr(10).join(arguments)}
    esac
    case "${{command:-run}}" in
{cases}
    esac
    case "$command" in
{operands}
    esac
    if [[ "$word" == -* ]]; then
        if [[ "$command" == @({runners}) && -n "$program" ]]; then
            options="$(ecli completion --words "$program" 2>/dev/null) $options"
        fi
        COMPREPLY=($(compgen -W "$options --version" -- "$word"))
    elif [[ -z "$command" ]]; then
        COMPREPLY=($(compgen -W "$commands $(_ecli_tools)" -- "$word") $(compgen -f -- "$word"))
    elif [[ "$command" == help ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$word"))
    elif [[ "$command" == @({of_tools}) && ( -z "$program" || "$command" == inspect ) ]]; then
        COMPREPLY=($(compgen -W "$(_ecli_tools)" -- "$word") $(compgen -f -- "$word"))
    elif [[ "$command" == @({of_files}) ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
    elif [[ "$command" == @({of_runs}) ]]; then
        COMPREPLY=($(compgen -W "$(ecli completion --words @run 2>/dev/null)" -- "$word"))
    elif [[ -n "$operands" ]]; then
        COMPREPLY=($(compgen -W "$operands" -- "$word"))
    fi
}}
complete -o filenames -F _ecli ecli
_ecc() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    if [[ "$word" == -* ]]; then
        case "${{COMP_WORDS[1]}}" in
{ecc_options}
        *) COMPREPLY=($(compgen -W "{" ".join(words(ecc.options))}" -- "$word")) ;;
        esac
    else
        COMPREPLY=($(compgen -f -- "$word"))
        ((COMP_CWORD > 1)) || COMPREPLY+=($(compgen -W "{ecc_names}" -- "$word"))
    fi
}}
complete -o filenames -F _ecc ecc
_wasm_bpf() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    COMPREPLY=($(compgen -f -- "$word"))
    [[ "$word" != -* ]] || COMPREPLY=($(compgen -W "{" ".join(words(second_name().options))} --version" -- "$word"))
}}
complete -o filenames -F _wasm_bpf wasm-bpf
"""


def _names(option: Opt) -> list[str]:
    return [f"--{option.long}", *([f"-{option.short}"] if option.short else [])]


def _quoted(text: str) -> str:
    """Return text for a single-quoted word of zsh's _arguments and of fish."""
    return text.replace("\\", "\\\\").replace("'", "’").replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_option(option: Opt) -> list[str]:
    lines = []
    spellings = [word for word in words((option,)) if word != "--help"]
    for word in spellings:
        text = _quoted(option.help)
        value = ""
        if option.takes_value:
            values = values_of(option)
            action = "_files" if values == "@file" else f"({values})" if values else " "
            value = f":{_quoted(option.metavar)}:{action}"
        mark = "" if not value else "=" if word.startswith("--") else "+"
        star = "*" if option.repeat or option.kind == "verbose" else ""
        lines.append(f"'{star}{word}{mark}[{text}]{value}'")
    return lines


def zsh() -> str:
    """Return the script for zsh."""
    found = tables()
    parts = []
    for name, each in found.items():
        lines = [line for option in each.options if not option.hidden for line in _zsh_option(option)]
        if "@builtin" in each.choices:
            lines += ["'1:program:_ecli_programs'"] + (["'*::argument:_ecli_arguments'"] if each.stop else [])
        elif each.choices == ("@file",):
            lines.append("'1:file:_files'")
        elif each.choices == ("@run",):
            lines.append("'*:run:_ecli_runs'")
        elif name == "help":
            lines.append(f"'1:command:({' '.join(found)})'")
        elif each.choices:
            lines.append(f"'1:shell:({' '.join(each.choices)})'")
        body = " \\\n                ".join(["'--help[show the page]'", *lines])
        parts.append(f"            {name})\n            _arguments -s -S \\\n                {body} ;;")
    ecc, *others = ["\n".join(_zsh_ecc(each)) for each in ecc_commands()]
    described = "\n        ".join(f"'{name}:{_quoted(each.summary)}'" for name, each in found.items())
    return f"""\
#compdef ecli ecc wasm-bpf
# zsh completion of ecli, ecc and wasm-bpf; made by `ecli completion zsh`.
_ecli_programs() {{
    local -a tools
    tools=(${{(f)"$(ecli completion --words @builtin 2>/dev/null)"}})
    _alternative "tools:built-in tool:(${{tools}})" 'files:file:_files'
}}
_ecli_runs() {{
    local -a runs
    runs=(${{(f)"$(ecli completion --words @run 2>/dev/null)"}})
    compadd -- $runs
}}
_ecli_arguments() {{
    local -a options
    options=(${{(f)"$(ecli completion --words "${{words[1]}}" 2>/dev/null)"}})
    compadd -- $options {" ".join(word for word in words(found["run"].options) if word.startswith("--"))}
}}
_ecli() {{
    local -a commands
    commands=(
        {described}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        _ecli_programs
        return
    fi
    local command="${{words[2]}}"
    if (( ${{+commands[(r)$command:*]}} )); then
        shift words
        (( CURRENT-- ))
    else
        command=run
    fi
    case "$command" in
{chr(10).join(parts)}
    esac
}}
_ecc() {{
    case "$words[2]" in
{chr(10).join(others)}
{ecc}
    esac
}}
_wasm_bpf() {{
    case "" in
{chr(10).join(_zsh_ecc(second_name()))}
    esac
}}
if [[ "$service" == ecc ]]; then
    _ecc "$@"
elif [[ "$service" == wasm-bpf ]]; then
    _wasm_bpf "$@"
else
    _ecli "$@"
fi
"""


def fish() -> str:
    """Return the script for fish."""
    found = tables()
    names = " ".join(found)
    of_tools = " ".join(name for name, each in found.items() if "@builtin" in each.choices)
    lines = [
        "# fish completion of ecli, ecc and wasm-bpf; made by `ecli completion fish`.",
        f"set -l commands {names}",
        "set -l tools '(ecli completion --words @builtin 2>/dev/null)'",
        'complete -c ecli -n "not __fish_seen_subcommand_from $commands" -a "$tools"',
        f"complete -c ecli -n '__fish_seen_subcommand_from {of_tools}' -a \"$tools\"",
        "complete -c ecli -l version -s V -d 'show versions'",
        "complete -c ecli -l help -s h -d 'show the page'",
    ]
    for name, each in found.items():
        lines.append(
            f"complete -c ecli -n \"not __fish_seen_subcommand_from $commands\" -a {name} -d '{_quoted(each.summary)}'"
        )
        when = f"-n '__fish_seen_subcommand_from {name}'"
        if name == "run":
            when = f"-n 'not __fish_seen_subcommand_from {' '.join(other for other in found if other != 'run')}'"
        for option in each.options:
            if not option.hidden:
                lines += [f"complete -c ecli {when} {part}" for part in _fish_option(option)]
        if each.choices and each.choices[0][0] != "@":
            lines.append(f"complete -c ecli {when} -f -a '{' '.join(each.choices)}'")
        elif each.choices == ("@run",):
            lines.append(f"complete -c ecli {when} -f -a '(ecli completion --words @run 2>/dev/null)'")
        elif "@command" in each.choices:
            lines.append(f"complete -c ecli {when} -f -a '{names}'")
    ecc, *others = ecc_commands()
    for each in (ecc, *others):
        only = "" if each is ecc else f"-n '__fish_seen_subcommand_from {each.name}' "
        for option in each.options:
            lines += [] if option.hidden else [f"complete -c ecc {only}{part}" for part in _fish_option(option)]
    lines += [
        f"complete -c wasm-bpf {part}"
        for option in second_name().options
        if not option.hidden
        for part in _fish_option(option)
    ]
    lines.append(f"complete -c ecc -n '__fish_is_first_arg' -a '{' '.join(each.name for each in others)}'")
    return "\n".join(lines) + "\n"


def _zsh_ecc(command: Command) -> list[str]:
    """One case of the function for ecc: a command's options, and files."""
    options = [line for option in command.options if not option.hidden for line in _zsh_option(option)]
    body = " \\\n            ".join([*options, "'*:source:_files'"])
    return [f"    {command.name or '*'})", f"        _arguments -s -S \\\n            {body} ;;"]


def _fish_option(option: Opt) -> list[str]:
    parts = []
    for word in words((option,)):
        if word == "--help" or not word.startswith("--"):
            continue
        part = f"-l {word[2:]}"
        if option.short and word == f"--{option.long}":
            part += f" -s {option.short}"
        if option.takes_value:
            values = values_of(option)
            part += " -r -F" if values == "@file" else f" -x -a '{values}'" if values else " -x"
        parts.append(f"{part} -d '{_quoted(option.help)}'")
    return parts


def answer(what: str) -> list[str]:
    """Return the words for the scripts: the names of built-in tools, of runs, or the options of a built-in tool.

    A file or a URL is not opened for it: completion must not fetch or parse what the user has not decided to run.
    """
    from eunomia import builtin

    if what == "@builtin":
        return sorted(builtin.names())
    if what == "@run":
        from eunomia.life.runs import read_states

        return sorted(read_states().runs)
    if what not in builtin.names():
        return []
    from eunomia.cli.tool_help import option_words
    from eunomia.package.model import Package

    return option_words(Package.from_bytes(builtin.read(what), what))


def main(argv: list[str]) -> int:
    """Run `ecli completion`."""
    values = COMMAND.parse(argv)
    if values["words"]:
        sys.stdout.write("".join(f"{word}\n" for word in answer(values["words"])))
        return 0
    values.no_more_than(1)
    shells: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
    name = values.operands[0] if values.operands else ""
    if name not in shells:
        found = f"no shell {name}{did_you_mean(name, SHELLS)}" if name else "no shell given"
        raise UsageError(f"completion: {found} (known are {', '.join(SHELLS)})")
    sys.stdout.write(shells[name]())
    return 0
