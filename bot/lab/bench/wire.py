"""One accepted connection of the far end, plain or TLS, over a blocking socket.

TLS runs over memory buffers, so that every frame is a record of its own, as a venue sends it, while many records leave
in one call: the reader is the bottleneck, and what it spends is what is measured.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterable

CHUNK_BYTES = 1 << 16
_STAMP = struct.Struct("qq")
_SO_TIMESTAMPNS = 35
"""Linux: the kernel notes when each segment was queued, which on loopback is within the sender's own call."""


class Closed(Exception):
    """The peer has gone."""


class Wire:
    """Reads and writes bytes. `first_byte_ns` is when the first byte since `expect` reached this socket (Unix time)."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        self.first_byte_ns = 0
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._tls: ssl.SSLObject | None = None
        if context is not None:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            self._shake_hands(self._tls)

    def expect(self) -> None:
        """A new request is waited for: its first byte is to be noted."""
        self.first_byte_ns = 0

    def read(self) -> bytes:
        """The next bytes. Raises Closed."""
        if self._tls is None:
            return self._receive()
        # What follows the handshake may have come with its last message.
        while not (plain := self._decrypted(self._tls)):
            self._incoming.write(self._receive())
        return plain

    def write(self, pieces: Iterable[bytes]) -> None:
        """Send the pieces, each as a TLS record of its own."""
        tls = self._tls
        if tls is None:
            self._sock.sendall(b"".join(pieces))
            return
        for piece in pieces:
            tls.write(piece)
            if self._outgoing.pending >= CHUNK_BYTES:
                self._sock.sendall(self._outgoing.read())
        self._sock.sendall(self._outgoing.read())

    def _receive(self) -> bytes:
        if self.first_byte_ns:
            received = self._sock.recv(CHUNK_BYTES)
        else:
            # A single byte, so that the note is that of the first segment and not of a later one.
            received, notes, _, _ = self._sock.recvmsg(1, 256)
            self.first_byte_ns = next((_nanoseconds(data) for _, _, data in notes), time.time_ns())
        if not received:
            raise Closed
        return received

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._sock.sendall(self._outgoing.read())
                self._incoming.write(self._receive())
            else:
                self._sock.sendall(self._outgoing.read())
                return

    def _decrypted(self, tls: ssl.SSLObject) -> bytes:
        plain = bytearray()
        while True:
            try:
                part = tls.read(CHUNK_BYTES)
            except ssl.SSLWantReadError:
                return bytes(plain)
            if not part:
                raise Closed
            plain += part


def _nanoseconds(note: bytes) -> int:
    seconds, nanoseconds = _STAMP.unpack(note[: _STAMP.size])
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
