"""Who is told what of the exchange's events: rows for the queries, messages for the sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bot.simex.bybit.account import AccountRest
from bot.simex.bybit.desk import WALLET, Desk
from bot.simex.bybit.position_shapes import position_event
from bot.simex.bybit.positions import PositionRest
from bot.simex.bybit.private import PrivateHub
from bot.simex.bybit.public import PublicFrames
from bot.simex.bybit.stops import Stops
from bot.simex.bybit.tape import Printed
from bot.simex.core.events import (
    AccountChanged,
    Event,
    ForceOrder,
    Marked,
    OrderChanged,
    SettingChanged,
    StatusChanged,
    TopChanged,
    Traded,
)
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.order import PositionSide


@dataclass(slots=True)
class Silence:
    """Streams that are cut off although their sockets live, until a moment of the server's clock."""

    market_until_ms: int = 0
    user_until_ms: int = 0


@dataclass(slots=True)
class _Round:
    """What one round of events leaves to be done at its end.

    The core tells the money of a fill before its order. `moved` waits for the order, whose sequence it then carries.
    `stops` is what the stops of positions have to hear, in the order in which it happened.
    """

    printed: dict[Key, list[Printed]] = field(default_factory=dict)
    stops: list[Callable[[], None]] = field(default_factory=list)
    moved: list[AccountChanged] = field(default_factory=list)


class Teller:
    """Takes events and tells them."""

    def __init__(
        self,
        desk: Desk,
        silence: Silence,
        *,
        private: PrivateHub,
        public: Mapping[str, PublicFrames],
        positions: PositionRest,
        account: AccountRest,
        stops: Stops,
    ) -> None:
        self._desk = desk
        self._silence = silence
        self._private = private
        self._public = public
        self._positions = positions
        self._account = account
        self._stops = stops

    def tell(self, events: Iterable[Event]) -> None:
        """Tell events. Stops of positions are made and cancelled by what happened: events of the next time."""
        one = _Round()
        for event in events:
            if isinstance(event, OrderChanged):
                self._order(event, one)
            elif isinstance(event, AccountChanged):
                one.moved.append(event)
                for row in event.positions:
                    one.stops.append(
                        partial(self._stops.moved, event.account_id, row.instrument.key, row.side, row.quantity)
                    )
            elif isinstance(event, SettingChanged):
                self._setting(event)
            else:
                self._market(event, one)
        self._accounts(one)
        if self._desk.server_ms >= self._silence.market_until_ms:
            for key, trades in one.printed.items():
                self._public[key[0]].trades(self._desk.exchange.instruments[key], trades)
        for hear in one.stops:
            hear()

    @property
    def _is_silent(self) -> bool:
        return self._desk.server_ms < self._silence.user_until_ms

    # ------------------------------------------------------------------------------------------------------ accounts
    def _order(self, event: OrderChanged, one: _Round) -> None:
        rows, trade, order = self._desk.recorder.order_changed(event), event.trade, event.order
        if trade is not None and trade.origin == "settlement":
            self._desk.tape.settled(trade.instrument, self._desk.wire(trade.time_ms), trade.price)
        if not self._is_silent:
            self._private.rows(order.account_id, rows)
        self._accounts(one)
        if order.trigger is not None and order.status != "untriggered":
            one.stops.append(partial(self._stops.ended, order.order_id))
        wanted = self._desk.recorder.tag_of(order).attached
        if trade is not None and wanted is not None:
            one.stops.append(partial(self._stops.filled, order, wanted, trade.quantity))

    def _accounts(self, one: _Round) -> None:
        moved, one.moved = one.moved, []
        for event in moved:
            self._account_changed(event)

    def _account_changed(self, event: AccountChanged) -> None:
        account = self._desk.account(event.account_id)
        if event.wallet == WALLET:
            self._desk.replica.balances.changed(event, self._desk.server_ms)
        payments = self._desk.recorder.funding(account) if event.reason == "funding" else []
        if not self._is_silent:
            self._private.rows(event.account_id, list(payments))
        for row in event.positions:
            self._position(event.account_id, row.instrument, row.side)
        if event.wallet == WALLET and event.coins and not self._is_silent:
            coins = tuple(coin.asset for coin in event.coins)
            self._private.wallet(event.account_id, partial(self._account.wallet, account, coins))

    def _setting(self, event: SettingChanged) -> None:
        """A new leverage is a message of the position, in hedge mode of both."""
        instrument = event.instrument
        if instrument is None or not instrument.is_future:
            return
        hedge = self._desk.account(event.account_id).hedge_mode.get(instrument.category, False)
        sides: tuple[PositionSide, ...] = ("long", "short") if hedge else ("both",)
        for side in sides:
            self._position(event.account_id, instrument, side)

    def _position(self, account_id: str, instrument: Instrument, side: PositionSide) -> None:
        row = self._positions.changed(self._desk.account(account_id), instrument, side)
        if not self._is_silent:
            category = instrument.category
            self._private.position(account_id, category, partial(position_event, row, category))

    # -------------------------------------------------------------------------------------------------------- market
    def _market(self, event: Event, one: _Round) -> None:
        wire, tape = self._desk.wire, self._desk.tape
        if isinstance(event, Traded):
            self._stops.traded(event.instrument.key, event.price)
            told = tape.traded(event, wire(event.time_ms), self._desk.recorder.next_seq())
            one.printed.setdefault(event.instrument.key, []).append(told)
        elif isinstance(event, TopChanged):
            if event.bid and event.ask:
                tape.quoted(event.instrument, wire(event.time_ms), (event.bid + event.ask) // 2)
        elif isinstance(event, Marked):
            self._desk.recorder.marks[event.instrument.key] = event.mark
            tape.marked(event, wire(event.time_ms))
        elif isinstance(event, StatusChanged):
            if event.status == "closed" and event.instrument.is_future:
                mark = self._desk.exchange.marks.mark(event.instrument.key)
                tape.settled(event.instrument, wire(event.time_ms), mark)
        elif isinstance(event, ForceOrder):
            self._public[event.instrument.category].liquidation(event)
