"""The private certificate authority."""

from __future__ import annotations

import ssl
from pathlib import Path

from bot.simex.hosts import BINANCE
from bot.simex.tls import authority, server_context


def handshake(server: ssl.SSLContext, trusted: Path, host: str) -> str:
    """The TLS version that client and server agree on, in memory."""
    client = ssl.create_default_context(cafile=str(trusted))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=host)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return one.version() or ""


def test_every_host_is_certified(tmp_path: Path) -> None:
    """A client that trusts the file completes a verified handshake for each venue host."""
    ca, certificate = authority(tmp_path)
    context = server_context(ca, BINANCE)

    assert {"TLSv1.3"} == {handshake(context, certificate, host) for host in BINANCE}


def test_the_authority_is_kept(tmp_path: Path) -> None:
    """A second start with the same directory is trusted by a client of the first; its key is private."""
    first, certificate = authority(tmp_path)
    text = certificate.read_bytes()
    second, _ = authority(tmp_path)

    assert text == certificate.read_bytes()
    assert first.cert_pem.bytes() == second.cert_pem.bytes()
    assert 0o600 == (tmp_path / "simex-ca.key").stat().st_mode & 0o777
    assert "TLSv1.3" == handshake(server_context(second, BINANCE), certificate, "fapi.binance.com")
