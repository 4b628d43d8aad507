"""Who is told what of the exchange's events: the tape that REST reads, the market streams, the user streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.simex.binance.futures_desk import FuturesDesk
from bot.simex.binance.listen_keys import ListenKeys
from bot.simex.binance.order_lists import ListChanged
from bot.simex.binance.spot_desk import SpotDesk
from bot.simex.binance.spot_user_events import SpotUserEvents
from bot.simex.binance.streams import MarketFrames
from bot.simex.binance.subscriptions import Hub
from bot.simex.binance.tape import Tape
from bot.simex.binance.ticker_streams import text_of
from bot.simex.binance.user_events import FuturesUserEvents
from bot.simex.binance.wsapi import ApiSession
from bot.simex.core.events import (
    AccountChanged,
    DepthChanged,
    Event,
    ForceOrder,
    MarginCalled,
    Marked,
    OrderChanged,
    SettingChanged,
    StatusChanged,
    TopChanged,
    Traded,
)
from bot.simex.timeline import Timeline


@dataclass(slots=True)
class Silence:
    """Streams that are cut off although their sockets live, until a moment of the server's clock."""

    market_until_ms: int = 0
    user_until_ms: int = 0


class MarketTeller:
    """Keeps the tape and tells the market streams; during a silence the tape goes on and the frames are lost."""

    def __init__(
        self,
        timeline: Timeline,
        tape: Tape,
        frames: Mapping[str, MarketFrames],
        silence: Silence,
        watchers: Mapping[str, Callable[[Any], None]],
    ) -> None:
        """`watchers` are told of every trade of their market, and of its marks, where it has them."""
        self._timeline = timeline
        self._tape = tape
        self._frames = frames
        self._silence = silence
        self._watchers = watchers
        self.is_silent = False
        self.handlers: dict[type, Callable[[Any], None]] = {
            TopChanged: self._top,
            DepthChanged: self._depth,
            Traded: self._traded,
            Marked: self._marked,
            ForceOrder: self._forced,
            StatusChanged: self._changed,
        }

    def begin(self) -> None:
        """A round of events begins."""
        self.is_silent = self._timeline.server_ms() < self._silence.market_until_ms

    def _top(self, event: TopChanged) -> None:
        if event.bid and event.ask:
            self._tape.quoted(event.instrument, self._timeline.wire_ms(event.time_ms), (event.bid + event.ask) // 2)
        if not self.is_silent:
            self._frames[event.instrument.category].top(event)

    def _depth(self, event: DepthChanged) -> None:
        self._frames[event.instrument.category].depth(event, is_lost=self.is_silent)

    def _traded(self, event: Traded) -> None:
        watch = self._watchers.get(event.instrument.category)
        if watch is not None:
            watch(event)
        ended = self._tape.traded(event, self._timeline.wire_ms(event.time_ms))
        if self.is_silent:
            return
        frames = self._frames[event.instrument.category]
        if ended is not None:
            frames.aggregate(event.instrument, ended)
        frames.trade(event)

    def _marked(self, event: Marked) -> None:
        watch = self._watchers.get(event.instrument.category)
        if watch is not None:
            watch(event)
        self._tape.marked(event, self._timeline.wire_ms(event.time_ms))

    def _forced(self, event: ForceOrder) -> None:
        if not self.is_silent:
            self._frames[event.instrument.category].forced(event)

    def _changed(self, event: StatusChanged) -> None:
        instrument = event.instrument
        if event.status == "closed" and instrument.is_future:
            line = self._tape.line(instrument)
            price = line.mark.mark if line.mark is not None else line.last
            self._tape.settled(instrument, self._timeline.wire_ms(event.time_ms), price)
        if not self.is_silent:
            self._frames[instrument.category].changed(event)

    def aggregates(self) -> None:
        """Tell the aggregates of trades whose time is over."""
        for instrument, one in self._tape.due_aggregates(self._timeline.server_ms()):
            if not self.is_silent:
                self._frames[instrument.category].aggregate(instrument, one)

    def tick(self) -> None:
        """Send what is due by the clock."""
        self.begin()
        self.aggregates()
        if not self.is_silent:
            for frames in self._frames.values():
                frames.tick()


@dataclass(frozen=True, slots=True)
class FuturesUsers:
    """The user streams of one futures market."""

    desk: FuturesDesk
    events: FuturesUserEvents
    keys: ListenKeys
    hub: Hub

    def tell(self, event: Any) -> None:
        """Tell an account its event, when it listens."""
        key = self.keys.key_of(event.account_id if not isinstance(event, OrderChanged) else event.order.account_id)
        if key is not None and self.hub.wanted(key):
            for payload in self.events.payloads(event):
                self.hub.publish(key, text_of(payload))

    def ended(self, key: str) -> None:
        """Tell the listeners of a key that it is no longer valid."""
        now_ms = self.desk.server_ms
        self.hub.publish(key, text_of({"e": "listenKeyExpired", "E": str(now_ms), "listenKey": key}))

    def expire(self, now_ms: int, *, everything: bool) -> list[str]:
        """Expire the keys that are due, or all of them; answers them."""
        expired = self.keys.expire(now_ms, everything)
        for key in expired:
            self.ended(key)
        return expired


class UserTeller:
    """Tells accounts what happens to them; desks take note of it first."""

    def __init__(
        self,
        timeline: Timeline,
        silence: Silence,
        spot: SpotDesk,
        futures: tuple[FuturesUsers, ...],
    ) -> None:
        self._timeline = timeline
        self._silence = silence
        self._spot = spot
        self._spot_events = SpotUserEvents(spot)
        self._futures = futures
        self.sessions: dict[ApiSession, None] = {}
        self.is_silent = False
        self.handlers: dict[type, Callable[[Any], None]] = dict.fromkeys(
            (OrderChanged, AccountChanged, SettingChanged, MarginCalled), self._tell
        )

    def begin(self) -> None:
        """A round of events begins."""
        self.is_silent = self._timeline.server_ms() < self._silence.user_until_ms

    def _tell(self, event: OrderChanged | AccountChanged | SettingChanged | MarginCalled) -> None:
        self._spot.observe(event)
        told = self._spot.lists.told()
        for users in self._futures:
            users.desk.observe(event)
        if self.is_silent:
            return
        for users in self._futures:
            users.tell(event)
        self._tell_spot(event)
        for one in told:
            self._tell_spot(one)

    def _tell_spot(self, event: OrderChanged | AccountChanged | SettingChanged | MarginCalled | ListChanged) -> None:
        if isinstance(event, OrderChanged):
            account = event.order.account_id
        else:
            account = event.what.account_id if isinstance(event, ListChanged) else event.account_id
        listeners = [one for one in self.sessions if account in one.subscriptions.values()]
        for payload in self._spot_events.payloads(event) if listeners else ():
            for session in listeners:
                session.send_event(account, payload)


class Teller:
    """Takes events and tells them."""

    def __init__(self, market: MarketTeller, users: UserTeller) -> None:
        self._market = market
        self._users = users
        self._handlers = {**market.handlers, **users.handlers}

    def tell(self, events: Iterable[Event]) -> None:
        """Tell events, in order."""
        self._market.begin()
        self._users.begin()
        handlers = self._handlers
        for event in events:
            handlers[type(event)](event)
