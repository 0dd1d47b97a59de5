"""Which certificates are trusted: the system's (or SSL_CERT_FILE's), `--ca-file`'s, and Docker's and Podman's folders.

Source: docs.docker.com "Verify repository client with certificates"; containers-certs.d(5).
"""

from __future__ import annotations

import os
import ssl

from eunomia.errors import FetchError

FOLDERS = ("/etc/containers/certs.d", "/etc/docker/certs.d")


def context(host: str, ca_file: str = "", insecure: bool = False, folders: tuple[str, ...] = FOLDERS) -> ssl.SSLContext:
    """Return what a TLS connection to a host believes.

    Args:
        host: `HOST[:PORT]`, as the folders of certificates are called.
        ca_file: PEM file to trust besides, "" for none.
        insecure: believe any certificate.
        folders: which have a folder for each host.

    Raises:
        FetchError: ca_file cannot be read, or has no certificate.
    """
    made = ssl.create_default_context()
    if ca_file:
        try:
            made.load_verify_locations(cafile=ca_file)
        except ssl.SSLError:
            raise FetchError(f"open {ca_file}: no certificate in it [--ca-file takes a PEM file]") from None
        except OSError as exc:
            raise FetchError(f"open {ca_file}: {(exc.strerror or str(exc)).lower()} [--ca-file FILE]") from None
    for folder in folders:
        _load_folder(made, os.path.join(folder, host))
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _load_folder(made: ssl.SSLContext, folder: str) -> None:
    """Load NAME.crt as authorities, and NAME.cert with NAME.key as our own; what cannot be read is left."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        try:
            if name.endswith(".crt"):
                made.load_verify_locations(cafile=path)
            elif name.endswith(".cert"):
                made.load_cert_chain(path, f"{path.removesuffix('.cert')}.key")
        except OSError:  # ssl.SSLError is one
            continue
