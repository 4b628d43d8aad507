"""What the demo's steps act with: the exchange, the two books, and bounded waits that keep the screen alive."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.ops.demo_alerts import Receiver
from bot.ops.demo_books import Book
from bot.ops.demo_screen import Screen
from bot.ops.processes import OUR_HOME
from bot.ops.simex_client import Placed, SimexClient, Truth

POLL_S = 0.12
VERB_S_MAX = 15.0
ASSETS = ("BTC", "ETH")
LOT = Decimal("0.001")
"""Of BTCUSDT and ETHUSDT on the simulated exchange: nothing smaller than this can be hedged."""


class StepFailed(Exception):
    """What a step promised did not happen; the message is what was seen instead."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a step can reach. A look is a status of the book; truth is the exchange's own."""

    exchange: SimexClient
    hedged: Book
    weights: Book
    screen: Screen
    pause_s: float
    alerts: Receiver

    def look(self, book: Book) -> None:
        """Look at a book's daemon once and show it."""
        self.screen.show(book.look())

    def until(self, book: Book, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Look at a book until something holds; raises StepFailed when it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        self.screen.doing(what)
        while True:
            self.look(book)
            if holds():
                return
            if time.monotonic() > deadline:
                raise StepFailed(f"not within {seconds:g} s: {what}\n{self._seen(book)}")
            time.sleep(POLL_S)

    def meanwhile(self, book: Book, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Look at a book for `seconds`; raises StepFailed as soon as something no longer holds."""
        deadline = time.monotonic() + seconds
        self.screen.doing(what)
        while time.monotonic() < deadline:
            self.look(book)
            if not holds():
                raise StepFailed(f"did not hold: {what}\n{self._seen(book)}")
            time.sleep(POLL_S)

    def pause(self, book: Book) -> None:
        """Give the reader a moment."""
        deadline = time.monotonic() + self.pause_s
        while time.monotonic() < deadline:
            self.look(book)
            time.sleep(POLL_S)

    def verb(self, book: Book, *words: str) -> None:
        """Run a verb of `trimtab` on a book as a person would; raises StepFailed unless it ends with 0."""
        self.screen.doing(f"$ trimtab {' '.join(words)}")
        command = [sys.executable, "-m", "bot.ops.cli", *words, "--state-dir", str(book.state_dir)]
        done = subprocess.run(  # noqa: S603 - our own interpreter and verbs
            command, capture_output=True, text=True, timeout=VERB_S_MAX, check=False, cwd=OUR_HOME
        )
        if done.returncode != 0:
            raise StepFailed(f"trimtab {words[0]} ended with {done.returncode}: {done.stderr.strip()}")

    def truth(self, book: Book) -> Truth:
        """The book's account as the exchange knows it."""
        return self.exchange.truth(book.name)

    def orders(self, book: Book, after: int) -> tuple[Placed, ...]:
        """The order requests of the book's account above a sequence number."""
        return self.exchange.orders(book.name, after)

    def is_calm(self, book: Book) -> bool:
        """Whether the daemon runs, has everything in band and nothing on its way, and holds what the exchange says."""
        status = book.status
        if status is None or not status.ready or status.mode.lower() != "run" or not status.assets:
            return False
        held = self.truth(book)
        return all(
            row.breached is False and not row.working and row.futures == held.position(f"{row.asset}USDT")
            for row in status.assets
        )

    def is_neutral(self, book: Book) -> bool:
        """Whether every coin of the account is hedged as far as lots allow, by the exchange's own numbers."""
        held = self.truth(book)
        return all(abs(held.coins(asset) + held.position(f"{asset}USDT")) <= LOT for asset in ASSETS)

    def is_flat(self, book: Book) -> bool:
        """Whether the account holds no futures, by the exchange's own numbers."""
        held = self.truth(book)
        return all(held.position(f"{asset}USDT") == 0 for asset in ASSETS)

    def _seen(self, book: Book) -> str:
        held = self.truth(book)
        coins = ", ".join(f"{row.asset} {row.free + row.locked}" for row in held.spot)
        futures = ", ".join(f"{row.symbol} {row.quantity}" for row in held.usdm.positions) or "no futures"
        sums = f"{held.trades_total} fills, fees {held.fees('USDT')}, funding {held.funding_received.get('USDT', 0)}"
        lines = [f"  the exchange has {coins}; {futures}; {sums}"]
        if book.status is None:
            return "\n".join([*lines, "  the daemon has not answered"])
        lines += [f"  the daemon has {book.status.totals}"]
        lines += [f"  {row.asset}: {row.why} held: {row.held_because}" for row in book.status.assets]
        lines += [f"  {latch.mode} {latch.scope}: {latch.reason}" for latch in book.status.latches]
        lines += [f"  {notice}" for notice in book.status.notices[-5:]]
        return "\n".join(lines)
