"""What the parts of one exchange share: the time, the instruments, the accounts, the outbox, the ids."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from bot.simex.core.account import Account
from bot.simex.core.events import Event
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.refusal import Reason, Refused
from bot.simex.core.venue import VenueRules

EVENTS_UNREAD_MAX = 2_000_000
ORDER_ID_FIRST = 8_000_000_001
TRADE_ID_FIRST = 1_000_001


class State:
    """Shared by the parts of one exchange and changed by nobody else. `now_ms` never goes back."""

    def __init__(self, rules: VenueRules, instruments: Iterable[Instrument], start_ms: int) -> None:
        self.rules = rules
        self.now_ms = start_ms
        self.instruments: dict[Key, Instrument] = {one.key: one for one in instruments}
        self.accounts: dict[str, Account] = {}
        self.events: list[Event] = []
        # Queue an event. The bare method of the list, because it is called for everything that happens.
        self.emit = self.events.append
        self.next_order_id = count(ORDER_ID_FIRST).__next__
        self.next_trade_id = count(TRADE_ID_FIRST).__next__
        self.next_income_id = count(1).__next__
        self.next_forced_id = count(1).__next__

    def instrument(self, key: Key) -> Instrument:
        """The instrument. Refused(UNKNOWN_SYMBOL) when there is none."""
        found = self.instruments.get(key)
        if found is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, key[1])
        return found

    def account(self, account_id: str) -> Account:
        """The account. Refused(UNKNOWN_ACCOUNT) when there is none."""
        found = self.accounts.get(account_id)
        if found is None:
            raise Refused(Reason.UNKNOWN_ACCOUNT, account_id)
        return found

    def check_unread(self) -> None:
        """RuntimeError when nobody has read the events for far too long."""
        if len(self.events) > EVENTS_UNREAD_MAX:
            raise RuntimeError(f"more than {EVENTS_UNREAD_MAX} events are unread: call drain()")

    def drain(self) -> list[Event]:
        """All queued events, in order."""
        drained = self.events.copy()
        self.events.clear()
        return drained
