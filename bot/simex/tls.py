"""The private certificate authority that lets simex answer under the venues' real host names.

A client trusts it by its CA file alone; the certificate's key never leaves this process and, with a state directory,
only the authority itself is kept (mode 0600), so that a restarted simex is still trusted by a running client.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme

CA_CERTIFICATE = "simex-ca.pem"
CA_PRIVATE_KEY = "simex-ca.key"


def authority(directory: Path) -> tuple[trustme.CA, Path]:
    """The authority kept in `directory`, made on first use, and the path of its public certificate."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate, private_key = directory / CA_CERTIFICATE, directory / CA_PRIVATE_KEY
    if certificate.exists() and private_key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), private_key.read_bytes()), certificate
    made = trustme.CA(organization_name="simex", organization_unit_name="simulated exchange, loopback only")
    _write_private(private_key, made.private_key_pem.bytes())
    certificate.write_bytes(made.cert_pem.bytes())
    return made, certificate


def server_context(ca: trustme.CA, hosts: Iterable[str]) -> ssl.SSLContext:
    """A server context whose certificate names every host in `hosts`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*sorted(hosts)).configure_cert(context)
    return context


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
