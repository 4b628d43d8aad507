"""The far end of every measurement: a process that floods frames and answers orders, on loopback only.

A websocket client asks for frames by a text message: a number of frames, or `count:rate` for that many at so many a
second, or anything else (a venue's SUBSCRIBE) for the number that its address names: `/KIND/COUNT/...`. A POST is
answered as a filled order, with the moment at which its first byte arrived in a header.

    python -m bot.lab.bench.far_end CA_FILE      prints its ports as JSON and ends with its standard input
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

import trustme

from bot.lab.bench import frames
from bot.lab.bench.wire import Closed, Wire

HOSTS = ("stream.binance.com", "fapi.binance.com")
FIRST_BYTE = "x-first-byte-ns"
SLICE_FRAMES = 50_000
"""Frames are made in slices before they are sent, so that making them does not slow the flood."""
REQUEST_BYTES_MAX = 1 << 16
LIFETIME_S = 600.0
_LOOPBACK = "127.0.0.1"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = 0x8


def _serve(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_converse, args=(sock, context), daemon=True).start()


def _converse(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        with sock:
            wire = Wire(sock, context)
            while _answer(wire):
                pass
    except (Closed, OSError):
        return  # a client that leaves is how every measurement ends


def _answer(wire: Wire) -> bool:
    """Serve one request; False when the connection was a websocket and is used up."""
    wire.expect()
    head, rest = _head(wire)
    lines = head.split("\r\n")
    path = lines[0].split(" ")[1]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("upgrade", "").lower() == "websocket":
        _stream(wire, path, headers["sec-websocket-key"], rest)
        return False
    body = rest
    while len(body) < int(headers.get("content-length", "0")):
        body += wire.read()
    wire.write([_filled(body, wire.first_byte_ns)])
    return True


def _head(wire: Wire) -> tuple[str, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += wire.read()
        if len(received) > REQUEST_BYTES_MAX:
            raise Closed
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _filled(body: bytes, first_byte_ns: int) -> bytes:
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    answer = json.dumps(
        {
            "orderId": 1,
            "clientOrderId": form["newClientOrderId"],
            "symbol": form["symbol"],
            "side": form["side"],
            "status": "FILLED",
            "origQty": form["quantity"],
            "executedQty": form["quantity"],
            "avgPrice": form["price"],
            "updateTime": time.time_ns() // 1_000_000,
        }
    ).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n"
        f"{FIRST_BYTE}: {first_byte_ns}\r\n\r\n"
    )
    return head.encode() + answer


def _stream(wire: Wire, path: str, key: str, unread: bytes) -> None:
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()).decode()
    upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    wire.write([f"{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()])
    kind, count = path.split("/")[1:3]
    sent = 0
    while (message := _message(wire, unread)) is not None:
        text, unread = message
        asked, _, rate = text.partition(":") if text[:1].isdigit() else (count, "", "")
        _send(wire, kind, sent, int(asked), float(rate or 0))
        sent += int(asked)


def _send(wire: Wire, kind: str, after: int, count: int, rate: float) -> None:
    if not rate:
        for start in range(after, after + count, SLICE_FRAMES):
            wire.write(list(frames.flood(kind, start, min(SLICE_FRAMES, after + count - start))))
        return
    began = time.monotonic()
    for number, frame in enumerate(frames.flood(kind, after, count)):
        time.sleep(max(began + number / rate - time.monotonic(), 0.0))
        wire.write([frame])


def _message(wire: Wire, unread: bytes) -> tuple[str, bytes] | None:
    """The next text message of a client and what follows it; None when it closes. Clients mask, and ask briefly."""
    while (split := _split(unread)) is None:
        unread += wire.read()
    opcode, payload, rest = split
    if opcode == _CLOSE:
        return None
    return (payload.decode(), rest) if opcode == 0x1 else _message(wire, rest)


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    mask, body = data[start : start + 4], data[start + 4 : start + 4 + size]
    if len(body) < size or len(mask) < 4:
        return None
    return data[0] & 0xF, bytes(b ^ mask[i % 4] for i, b in enumerate(body)), data[start + 4 + size :]


def _listen(context: ssl.SSLContext | None) -> int:
    listener = socket.create_server((_LOOPBACK, 0))
    threading.Thread(target=_serve, args=(listener, context), daemon=True).start()
    return int(listener.getsockname()[1])


def main() -> None:
    """Serve until the standard input ends, at most for LIFETIME_S."""
    ca = trustme.CA()
    Path(sys.argv[1]).write_bytes(ca.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*HOSTS).configure_cert(context)
    print(json.dumps({"plain": _listen(None), "tls": _listen(context)}), flush=True)
    end = threading.Timer(LIFETIME_S, os._exit, (1,))
    end.daemon = True
    end.start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
