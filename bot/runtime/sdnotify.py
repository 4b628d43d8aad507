"""Tells the service manager how it goes: systemd's notification protocol, datagrams to `$NOTIFY_SOCKET`.

Nothing here waits and nothing here fails: without a service manager there is nobody to tell, and one that does not
listen must not hold up what it watches. The socket is a path, or a name in the abstract space where it begins with `@`.
"""

import os
import socket
from collections.abc import Mapping

STATUS_CHARACTERS_MAX = 200
_MICROSECOND_NS = 1_000


class Notifier:
    """The way to the service manager; every method says whether the message was handed over."""

    def __init__(self, address: str, watchdog_ns: int | None = None) -> None:
        self.watchdog_ns = watchdog_ns
        """The service manager acts when it hears nothing for so long; None where it does not watch."""
        self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else os.fsencode(address)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """The notifier that a service's environment names; one that tells nobody where it names none."""
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_ns_of(environment))

    def ready(self) -> bool:
        """The service has begun."""
        return self._send("READY=1")

    def stopping(self) -> bool:
        """The service is about to end."""
        return self._send("STOPPING=1")

    def status(self, text: str) -> bool:
        """One line for a person, as `systemctl status` shows it."""
        return self._send(f"STATUS={' '.join(text.split())[:STATUS_CHARACTERS_MAX]}")

    def feed(self) -> bool:
        """The watchdog: all that it watches turns."""
        return self._send("WATCHDOG=1")

    def _send(self, message: str) -> bool:
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.setblocking(False)
                sending.sendto(message.encode(), self._address)
        except OSError:
            return False
        return True


def watchdog_ns_of(environment: Mapping[str, str]) -> int | None:
    """How often the service manager wants to hear from this process; None where it does not watch it."""
    text, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not (text.isascii() and text.isdigit() and int(text) > 0) or pid not in ("", str(os.getpid())):
        return None
    return int(text) * _MICROSECOND_NS
