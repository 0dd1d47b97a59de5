"""What the launcher runs: puts right what a Python away from its system must know, then is `ecli`."""

from __future__ import annotations

import os
import sys

# Where systems keep the certificates that they trust: Debian, Arch, Alpine; Fedora; openSUSE; others.
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def find_certificates(own: str) -> None:
    """Tell OpenSSL, whose own folder is another system's, where the certificates are: the system's, else our copy."""
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return
    for path in CERTIFICATES:
        if os.access(path, os.R_OK):
            os.environ["SSL_CERT_FILE"] = path
            return
    os.environ["SSL_CERT_FILE"] = own


def main() -> int:
    """Run the command that the file is called by."""
    here, sys.argv = sys.argv[0], sys.argv[1:]
    find_certificates(os.path.dirname(here) + "/cacert.pem")
    if os.path.basename(sys.argv[0]).startswith("wasm-bpf"):
        from eunomia.cli.wasm_bpf import main as wasm_bpf

        return wasm_bpf()
    from eunomia.cli.main import ecli

    return ecli()


sys.exit(main())
