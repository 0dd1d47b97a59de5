"""Signatures of a hub's files: beside each version, and beside the index; those that hold already are kept."""

from __future__ import annotations

import os
from base64 import b64decode
from typing import Any

from eunomia.publish.private_keys import PrivateKey
from eunomia.publish.sign import BUNDLE_SUFFIX, RAW_SUFFIX, sign_file
from eunomia.registry import hub_index


def sign_versions(tree: dict[str, Any], out: str, key: PrivateKey) -> None:
    """Sign every version that lies in the hub's folder, and name the files with the signatures in the index.

    Raises:
        OSError: a file cannot be read or written.
    """
    for tool in tree["tools"]:
        for version in tool["versions"]:
            location = version["location"]
            if "://" not in location:
                sign(os.path.join(out, location), key)
                version["signatures"] = [location + BUNDLE_SUFFIX, location + RAW_SUFFIX]


def sign_index(out: str, key: PrivateKey) -> None:
    """Sign the index of a hub's folder, which has been written."""
    sign(os.path.join(out, hub_index.FILE), key)


def sign(path: str, key: PrivateKey) -> None:
    """Sign a file, if it has no signature of this key: signing again would give other bytes for nothing."""
    try:
        with open(path, "rb") as file, open(path + RAW_SUFFIX, "rb") as signature:
            if os.path.exists(path + BUNDLE_SUFFIX) and key.public.has_signed(
                b64decode(signature.read(65536)), file.read()
            ):
                return
    except (OSError, ValueError):
        pass  # none yet, or a damaged one
    sign_file(path, key)
