"""Other projects' clients of registries, as a user types them: oras and cosign (trixie's), skopeo, buildah (ours)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from . import trixie
from .commands import Result

TRIXIE = ("oras", "cosign")
HOME_VARIABLES = {
    "HOME": "",
    "XDG_CONFIG_HOME": ".config",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
    "XDG_DATA_HOME": ".local/share",
    "XDG_RUNTIME_DIR": "run",
    "DOCKER_CONFIG": ".docker",
}


def home_environment(folder: Path) -> dict[str, str]:
    """Return the variables that make folder the home: no configuration, cache or login of this machine is seen.

    What nobody signed may run there; tests of trust say otherwise.
    """
    found = {name: str(folder / place) for name, place in HOME_VARIABLES.items()}
    for path in found.values():
        os.makedirs(path, mode=0o700, exist_ok=True)
    return {**found, "REGISTRY_AUTH_FILE": str(folder / "auth.json"), "ECLI_ALLOW_UNSIGNED": "1"}


class RegistryClient:
    """`oras("push", …) -> Result`; fails the test where the command fails, unless `check=False`."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        found = trixie.program(name) if name in TRIXIE else shutil.which(name)
        assert found, f"no {name} (apt-get install {name})"
        self.program, self.environment = str(found), environment

    def __call__(
        self,
        *args: object,
        check: bool = True,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        input: str | None = None,
    ) -> Result:
        """Run it to its end."""
        words = [self.program, *map(str, args)]
        run = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **self.environment, **(env or {})},
            input=input or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
        result = Result(words, run.returncode, run.stdout, run.stderr)
        assert not check or run.returncode == 0, repr(result)
        return result
