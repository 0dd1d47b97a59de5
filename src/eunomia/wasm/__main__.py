"""Run a guest without the commands: `python -m eunomia.wasm FILE.wasm [ARGS]`."""

from __future__ import annotations

import sys

from eunomia.errors import EunomiaError
from eunomia.wasm.guest import Guest
from eunomia.wasm.policy import Policy
from eunomia.wasm.run import FAILED


def main(args: list[str]) -> int:
    """Run the guest args[0], which may do everything; its exit code, or 1 with a line."""

    def failed(line: str, said: list[str]) -> None:
        print("\n".join([f"{args[0]}: {line}", *said]), file=sys.stderr)

    try:
        run = Guest.open(args[0]).run(
            args[1:],
            policy=Policy(["all"]),
            stdin=0,
            stdout=1,
            stderr=2,
            on_failure=failed,
            thread=False,
            take_signals=True,
        )
        with run:
            code = run.exit_code or 0
            if run.loss_line():
                failed(run.loss_line(), [])
            if run.ending in FAILED:
                print(f"{args[0]}: {run.text}", file=sys.stderr)
            if run.detail:
                print(run.detail, file=sys.stderr)
            return code
    except EunomiaError as exc:
        print(exc, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
