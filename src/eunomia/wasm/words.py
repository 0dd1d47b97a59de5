"""Hints in messages, in the words of whoever reads them.

On the way of `ecli run GUEST.wasm`: imports nothing heavy.
"""

from __future__ import annotations


def in_python(line: str) -> str:
    """Return a message of the core or the policy, whose hints name options of `ecli run`, for a Python program."""
    said, found, hint = line.rpartition(" [--")
    if found and hint.startswith("link "):
        line = f"{said} [Guest.register() or Guest.link() offers it]"
    elif found and hint.startswith("allow ") and hint.endswith("]"):
        rule = hint[len("allow ") : -1]
        if rule.startswith("'") and rule.endswith("'"):
            rule = rule[1:-1]
        line = f"{said} [Policy(allow=[{rule!r}])]"
    return line.replace(": --deny ", ": deny ")
