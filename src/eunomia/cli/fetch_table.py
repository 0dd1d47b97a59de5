"""The options of whatever fetches a program: the same words in `run`, `inspect`, `pull`, `verify` and their like."""

from __future__ import annotations

from eunomia.cli.parser import Opt

FETCHING = "Fetching"

FETCH_OPTIONS = (
    Opt(
        "sha256",
        "",
        "text",
        "the digest that PROG's bytes must have, checked before anything else",
        "HEX",
        group=FETCHING,
    ),
    Opt(
        "pull",
        "",
        "choice",
        "when a registry or web server is asked for what the cache has [default: missing; always for URLs]",
        choices=("always", "missing", "never"),
        group=FETCHING,
    ),
    Opt("offline", "", "flag", "ask nobody: files, built-in tools and what the cache has", default=False,
        group=FETCHING),
    Opt("platform", "", "text", "of an image with several architectures [default: this machine's]", "linux/ARCH",
        group=FETCHING),
    Opt("member", "", "text", "of an image with several programs: the title, path or digest of the one", "NAME",
        group=FETCHING),
    Opt("plain-http", "", "flag", "talk to the registry without TLS; loopback needs no such word", default=False,
        group=FETCHING),
    Opt("ca-file", "", "file", "certificates (PEM) to trust besides the system's", group=FETCHING),
    Opt("lock", "", "file", "the lock file [default: eunomia.lock in this folder, where there is one of yours]",
        group=FETCHING),
    Opt("locked", "", "flag", "refuse what would come from elsewhere and is not in the lock file", default=False,
        group=FETCHING),
    Opt("timeout", "", "seconds", "time limit of a download", default=30.0, group=FETCHING),
    Opt("max-size", "", "size", "size limit of a download [default: 64M]", default=0, group=FETCHING),
)  # fmt: skip

# For what loads a program, and not for what looks at one.
ALLOW_UNSIGNED = Opt(
    "allow-unsigned",
    "",
    "flag",
    "run what comes from the network although nobody signed it, and no rule is about it (ECLI_ALLOW_UNSIGNED=1)",
    default=False,
    group=FETCHING,
)
