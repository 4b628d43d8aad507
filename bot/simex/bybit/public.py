"""The public websocket of one category: subscriptions in, frames out.

Trades and liquidations go out as they happen; books, tickers, klines, alerts and price limits by the clock, each topic
at its documented interval. Nothing is built for a topic that nobody listens to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bot.simex.bybit.desk import Desk
from bot.simex.bybit.feeds import INTERVALS_MS, BookFeed
from bot.simex.bybit.figures import money, price, quantity
from bot.simex.bybit.intervals import INTERVALS
from bot.simex.bybit.market import price_limits, public_trade_id
from bot.simex.bybit.market_history import bar_end_ms
from bot.simex.bybit.notices import Insurance
from bot.simex.bybit.order_shapes import side_name
from bot.simex.bybit.sessions import Hub, Line, Reply, acknowledged, encoded, parsed, topics_of
from bot.simex.bybit.tape import Printed
from bot.simex.bybit.ticker_shapes import Tickers
from bot.simex.core.events import ForceOrder
from bot.simex.core.instrument import Instrument

ARGS_CHARACTERS_MAX: Final = 21_000
SPOT_ARGS_MAX: Final = 10
TRADES_IN_MESSAGE_MAX: Final = 1_024
KLINE_MS: Final = 1_000
ALERT_MS: Final = 1_000
PRICE_LIMIT_MS: Final = 300
LIQUIDATION_MS: Final = 500
_ALERT_COINS: Final = {"linear": ("USDT", "USDC"), "inverse": ("inverse",)}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its parts: `detail` is the depth of a book, the interval of a kline, the coin of an alert."""

    name: str
    kind: str
    instrument: Instrument | None = None
    detail: str = ""


@dataclass(slots=True)
class _Clocked:
    """A topic by the clock: when next, and what was sent last."""

    due_ms: int = 0
    sent: Row = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class PublicSession:
    """One connection of a public websocket."""

    line: Line
    frames: PublicFrames
    kind: str = "market"
    topics: dict[str, Topic] = field(default_factory=dict)

    def receive(self, text: str) -> list[str]:
        """The replies to one message."""
        self.line.alive()
        message = parsed(text)
        if message is None:
            return [encoded(acknowledged(self.line, {}, "", success=False, text="Invalid JSON"))]
        return [encoded(one) for one in self._reply(message)]

    def _reply(self, message: dict[str, Any]) -> list[Reply]:
        op = message.get("op")
        if op == "ping":
            return [acknowledged(self.line, message, "ping", text="pong")]
        if op not in ("subscribe", "unsubscribe"):
            return [acknowledged(self.line, message, str(op)[:30], success=False, text="error:unknown op")]
        names = topics_of(message)
        if names is None:
            return [acknowledged(self.line, message, op, success=False, text="error:args invalid")]
        fault = self.frames.fault(names, sum(map(len, self.topics)) if op == "subscribe" else 0)
        if fault:
            return [acknowledged(self.line, message, op, success=False, text=fault)]
        # Spot names the operation in its answer, the others leave it empty.
        told = op if self.frames.category == "spot" else ""
        reply = acknowledged(self.line, message, op, text=told)
        if op == "unsubscribe":
            self._drop(names)
            return [reply]
        return [reply, *self._follow(names)]

    def _follow(self, names: Iterable[str]) -> list[Reply]:
        first: list[Reply] = []
        for name in names:
            self.topics[name] = topic = self.frames.topic(name)
            first += self.frames.follow(topic, self)
        return first

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            topic = self.topics.pop(name, None)
            if topic is not None:
                self.frames.leave(topic, self)

    def closed(self) -> None:
        """The connection is gone."""
        self._drop(list(self.topics))
        self.frames.forget(self)


class PublicFrames:
    """The frames of one category."""

    def __init__(self, desk: Desk, category: str, insurance: Insurance) -> None:
        self.category = category
        self._desk = desk
        self._insurance = insurance
        self._tickers = Tickers(desk)
        self._hub: Hub[PublicSession] = Hub()
        self._books: dict[str, BookFeed] = {}
        self._clocked: dict[str, tuple[Topic, _Clocked]] = {}
        self._liquidations: dict[str, list[Row]] = {}
        self.sessions: dict[PublicSession, None] = {}

    # ------------------------------------------------------------------------------------------------- subscriptions
    def connect(self, line: Line) -> PublicSession:
        """A new connection."""
        session = PublicSession(line, self)
        self.sessions[session] = None
        return session

    def forget(self, session: PublicSession) -> None:
        """A connection is gone."""
        self.sessions.pop(session, None)

    def fault(self, names: list[str], characters: int) -> str:
        """Why these topics may not be subscribed; empty when they may."""
        if self.category == "spot" and len(names) > SPOT_ARGS_MAX:
            return f"error:args size >{SPOT_ARGS_MAX}"
        if characters + sum(map(len, names)) > ARGS_CHARACTERS_MAX:
            return f"error:args length exceeds {ARGS_CHARACTERS_MAX} characters"
        unknown = next((name for name in names if self._parse(name) is None), None)
        return "" if unknown is None else f"error:handler not found,topic:{unknown}"

    def topic(self, name: str) -> Topic:
        """The parts of a topic that has no fault."""
        found = self._parse(name)
        assert found is not None
        return found

    def _parse(self, name: str) -> Topic | None:
        kind, _, rest = name.partition(".")
        if kind == "adlAlert":
            return Topic(name, kind, None, rest) if rest in _ALERT_COINS.get(self.category, ()) else None
        detail, _, symbol = rest.partition(".") if kind in ("orderbook", "kline") else ("", "", rest)
        instrument = self._desk.exchange.instruments.get((self.category, symbol))
        if instrument is None:
            return None
        allowed = {
            "orderbook": detail in {str(depth) for depth in INTERVALS_MS},
            "kline": detail in INTERVALS,
            "publicTrade": True,
            "tickers": True,
            "priceLimit": True,
            "allLiquidation": instrument.is_future,
        }
        return Topic(name, kind, instrument, detail) if allowed.get(kind) else None

    def follow(self, topic: Topic, session: PublicSession) -> list[Row]:
        """A session listens; answers what it is sent at once."""
        is_first = not self._hub.wanted(topic.name)
        self._hub.add(topic.name, session)
        instrument = topic.instrument
        if topic.kind == "orderbook" and instrument is not None:
            return [self._open_book(topic, instrument, is_first)]
        if topic.kind in ("tickers", "kline", "priceLimit", "adlAlert"):
            known = self._clocked.get(topic.name) if not is_first else None
            clocked = known[1] if known else _Clocked()
            self._clocked[topic.name] = (topic, clocked)
            if topic.kind == "tickers" and instrument is not None:
                clocked.sent = clocked.sent or self._tickers.frame(instrument)
                return [self._ticker(topic, "snapshot", clocked.sent)]
        return []

    def leave(self, topic: Topic, session: PublicSession) -> None:
        """A session listens no longer."""
        self._hub.remove(topic.name, session)
        if not self._hub.wanted(topic.name):
            self._clocked.pop(topic.name, None)
            self._liquidations.pop(topic.name, None)
            if topic.name in self._books:
                self._books[topic.name].opened = False

    def _open_book(self, topic: Topic, instrument: Instrument, is_first: bool) -> Row:
        feed = self._books.get(topic.name)
        if feed is None:
            feed = self._books[topic.name] = BookFeed(instrument, int(topic.detail), topic.name)
        if is_first or not feed.opened:
            feed.open(self._desk)
        return feed.snapshot(self._desk)

    # -------------------------------------------------------------------------------------------------------- events
    def trades(self, instrument: Instrument, printed: list[Printed]) -> None:
        """Public trades of one instrument, oldest first."""
        topic = f"publicTrade.{instrument.name}"
        if not self._hub.wanted(topic):
            return
        for start in range(0, len(printed), TRADES_IN_MESSAGE_MAX):
            rows = [self._trade(instrument, one) for one in printed[start : start + TRADES_IN_MESSAGE_MAX]]
            self._publish(topic, {"topic": topic, "type": "snapshot", "ts": self._desk.server_ms, "data": rows})

    def liquidation(self, event: ForceOrder) -> None:
        """A liquidation, told with those of its half second. `S` is the side of the position that is liquidated."""
        topic = f"allLiquidation.{event.instrument.name}"
        if self._hub.wanted(topic):
            row = {
                "T": self._desk.wire(event.time_ms),
                "s": event.instrument.name,
                "S": side_name(-event.side),
                "v": quantity(event.instrument, event.filled or event.quantity),
                "p": price(event.instrument, event.price),
            }
            self._liquidations.setdefault(topic, []).append(row)

    def restart(self) -> None:
        """The service was restarted: every book begins again with u = 1."""
        for topic, feed in self._books.items():
            if feed.opened:
                self._publish(topic, feed.restart(self._desk))

    # ------------------------------------------------------------------------------------------------------ the clock
    def tick(self) -> None:
        """Send what is due now."""
        for topic, feed in self._books.items():
            if feed.opened:
                message = feed.update(self._desk)
                if message is not None:
                    self._publish(topic, message)
        now_ms = self._desk.server_ms
        for asked, clocked in list(self._clocked.values()):
            if now_ms >= clocked.due_ms:
                self._send_clocked(asked, clocked, now_ms)
        if self._liquidations and now_ms % LIQUIDATION_MS < LIQUIDATION_MS // 2:
            gathered, self._liquidations = self._liquidations, {}
            for topic, rows in gathered.items():
                self._publish(topic, {"topic": topic, "type": "snapshot", "ts": now_ms, "data": rows})

    def _send_clocked(self, topic: Topic, clocked: _Clocked, now_ms: int) -> None:
        interval = {"kline": KLINE_MS, "adlAlert": ALERT_MS, "priceLimit": PRICE_LIMIT_MS}.get(topic.kind, 100)
        if topic.kind == "tickers" and self.category == "spot":
            interval = 50
        clocked.due_ms = now_ms - now_ms % interval + interval
        instrument = topic.instrument
        if topic.kind == "adlAlert":
            rows = [one.frame_row() for one in self._insurance.alerts(topic.detail)]
            self._publish(topic.name, {"topic": topic.name, "type": "snapshot", "ts": now_ms, "data": rows})
        elif instrument is None:
            return
        elif topic.kind == "tickers":
            self._send_ticker(topic, instrument, clocked)
        elif topic.kind == "kline":
            self._send_klines(topic, instrument, clocked, now_ms)
        else:
            limits = price_limits(self._desk, instrument)
            if limits != clocked.sent:
                clocked.sent = limits
                self._publish(topic.name, {"topic": topic.name, "data": limits, "ts": now_ms})

    def _send_ticker(self, topic: Topic, instrument: Instrument, clocked: _Clocked) -> None:
        row = self._tickers.frame(instrument)
        changed = {name: value for name, value in row.items() if clocked.sent.get(name) != value}
        if not changed:
            return
        clocked.sent = row
        if self.category == "spot":
            self._publish(topic.name, self._ticker(topic, "snapshot", row))
        else:
            self._publish(topic.name, self._ticker(topic, "delta", {"symbol": instrument.name, **changed}))

    def _ticker(self, topic: Topic, kind: str, data: Row) -> Row:
        assert topic.instrument is not None
        seq = self._desk.exchange.depth(topic.instrument.key, 1)[0]
        now_ms = self._desk.server_ms
        if self.category == "spot":
            return {"topic": topic.name, "ts": now_ms, "type": kind, "cs": seq, "data": data}
        return {"topic": topic.name, "type": kind, "data": data, "cs": seq, "ts": now_ms}

    def _send_klines(self, topic: Topic, instrument: Instrument, clocked: _Clocked, now_ms: int) -> None:
        """The open bar when it changed; before it, once, the one that has closed."""
        bars = self._desk.tape.bars(instrument, "trade").rows(INTERVALS[topic.detail], 0, now_ms, 2)
        rows = []
        for bar in bars:
            end_ms = bar_end_ms(bar, INTERVALS[topic.detail])
            confirmed = end_ms < now_ms
            told = clocked.sent.get("start") == bar.opened_ms and not clocked.sent["confirm"]
            if confirmed and not told:
                continue
            rows.append(
                {
                    "start": bar.opened_ms,
                    "end": end_ms,
                    "interval": topic.detail,
                    "open": price(instrument, bar.open),
                    "close": price(instrument, bar.close),
                    "high": price(instrument, bar.high),
                    "low": price(instrument, bar.low),
                    "volume": quantity(instrument, bar.volume),
                    "turnover": money(bar.turnover),
                    "confirm": confirmed,
                    "timestamp": min(now_ms, end_ms),
                }
            )
        if rows and not _same_bar(rows[-1], clocked.sent):
            clocked.sent = rows[-1]
            self._publish(topic.name, {"topic": topic.name, "data": rows, "ts": now_ms, "type": "snapshot"})

    def _trade(self, instrument: Instrument, printed: Printed) -> Row:
        event = printed.event
        row: Row = {
            "T": self._desk.wire(event.time_ms),
            "s": instrument.name,
            "S": "Sell" if event.buyer_is_maker else "Buy",
            "v": quantity(instrument, event.quantity),
            "p": price(instrument, event.price),
        }
        if instrument.is_future:
            row["L"] = printed.direction
        row |= {"i": public_trade_id(instrument, event.trade_id), "BT": False, "RPI": False, "seq": printed.seq}
        return row

    def _publish(self, topic: str, message: Row) -> None:
        listeners = self._hub.listeners(topic)
        if listeners:
            text = encoded(message)
            for session in listeners:
                session.line.send(text)


def _same_bar(row: Row, before: Row) -> bool:
    return all(row[name] == before.get(name) for name in row if name != "timestamp")
