"""What a script in the machine uses: `from guest import emit`."""

from __future__ import annotations

import json
import os


def emit(**values: object) -> None:
    """Hand a result to the test, at once: it has it even when the machine dies the moment after."""
    data = (json.dumps(values, default=str) + "\n").encode()
    results = int(os.environ["EUNOMIA_VM_RESULTS"])
    while data:
        data = data[os.write(results, data) :]
