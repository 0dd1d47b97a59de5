"""`ecli login`: check credentials against a registry and store them where Docker's and Podman's programs find them."""

from __future__ import annotations

import sys

from eunomia.cli.parser import VERBOSE, Command, Opt, UsageError
from eunomia.cli.registry_options import CONNECTION, connection
from eunomia.cli.report import clean

COMMAND = Command(
    "login",
    "REGISTRY",
    "check credentials against a registry, and store them",
    (
        Opt("username", "u", "text", "who; asked for on a terminal where it is missing", "USER"),
        Opt("password-stdin", "", "flag", "read the password, or a token, from standard input", default=False),
        *CONNECTION,
        VERBOSE,
    ),
    details="""\
REGISTRY is HOST[:PORT], as in ghcr.io. The credentials are stored in the file of `docker login`
(~/.docker/config.json, or $DOCKER_CONFIG/config.json; $REGISTRY_AUTH_FILE if it is set) with mode 0600, or by the
credential helper that the file names. A file is no safe: where there is a helper, use it.""",
    examples=(
        ("ecli login ghcr.io", "asks for the name and the password"),
        ('echo "$TOKEN" | ecli login -u me --password-stdin ghcr.io', "in a script"),
    ),
)
MAX_PASSWORD = 64 << 10


def main(argv: list[str]) -> int:
    """Run `ecli login`."""
    from eunomia.registry.client import Client
    from eunomia.registry.credentials import Credentials, load
    from eunomia.registry.logins import file_to_write, store

    values = COMMAND.parse(argv)
    values.no_more_than(1)
    registry = registry_of(values.operands, "login")
    load(file_to_write())  # what is wrong with it is said before a password is typed
    username, password = _asked(values["username"] or "", values["password-stdin"])
    known = Credentials(username, password)
    with Client(registry, credentials=known, **connection(values)) as client:
        was_asked = client.check()
    place = store(registry, known)
    if not was_asked:
        sys.stderr.write(clean(f"ecli: login {registry}: it lets anybody in: the password was not checked") + "\n")
    sys.stdout.write(clean(f"logged in to {registry} as {username}, stored {place}") + "\n")
    return 0


def registry_of(operands: list[str], command: str) -> str:
    """Return the registry that a command names; a pasted URL is one too.

    Raises:
        UsageError: there is none, or a repository behind it.
        FetchError: it is no host.
    """
    from eunomia.registry.credentials import HUB_KEY
    from eunomia.registry.reference import parse

    if not operands:
        raise UsageError(f"{command}: which registry? [HOST[:PORT], as in ghcr.io; see ecli {command} --help]")
    text = operands[0]
    if text == HUB_KEY:
        return "docker.io"
    host = text.removeprefix("https://").removeprefix("http://").removeprefix("oci://").rstrip("/")
    if "/" in host or "@" in host or not host:
        raise UsageError(f"{command}: {text!r} is not HOST[:PORT] [as in ghcr.io]")
    if "." not in host and ":" not in host and host != "localhost":
        raise UsageError(f"{command}: {text!r} is not HOST[:PORT] [as in ghcr.io]")
    return parse(f"{host}/x/x").registry


def _asked(username: str, from_stdin: bool) -> tuple[str, str]:
    """Return the name and the password, asking for what is missing."""
    if from_stdin:
        if not username:
            raise UsageError("login: --password-stdin needs the name too [-u USER]")
        password = sys.stdin.readline(MAX_PASSWORD).rstrip("\r\n")
    else:
        if not sys.stdin.isatty():
            raise UsageError("login: no terminal to ask for a password at [-u USER --password-stdin]")
        from getpass import getpass

        username = username or _line("username: ")
        try:
            password = getpass("password: ", sys.stderr)
        except EOFError:
            sys.stderr.write("\n")
            password = ""
    if not username or not password:
        raise UsageError(f"login: an empty {'password' if username else 'name'}")
    if ":" in username:
        raise UsageError("login: a name with a colon in it cannot be sent")
    return username, password


def _line(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
