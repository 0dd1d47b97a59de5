"""`python -m eunomia` is `ecli`."""

import sys

from eunomia.cli.main import ecli

if __name__ == "__main__":
    sys.exit(ecli())
