"""Looks on at a bot and its exchange in one process: which situations are met, and which invariant is broken.

The bot shows it every step with the state after it; the exchange every event as it happens. Because both are told in
one thread, "while an order is unknown" is exact and no comparison of clocks.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from bot.domain.commands import Command, Notice, SubmitOrder
from bot.domain.events import (
    Action,
    Event,
    FaultRaised,
    ForeignOrderSeen,
    OperatorAsked,
    OrderReported,
    OrderUnanswered,
    Remarked,
    Source,
    StreamChanged,
)
from bot.domain.order import Status
from bot.domain.units import SECOND_NS
from bot.engine.modes import Mode
from bot.engine.orders import TERMINAL, OrderRecord
from bot.engine.state import State
from bot.runtime.companion import House
from bot.simex.core.events import AccountChanged, OrderChanged
from bot.simex.core.events import Event as ExchangeEvent
from bot.simex.core.exchange import Exchange
from bot.simex.faults.model import Fault, Touch, When
from bot.simex.serve import Simex
from bot.simex.truth import Witness
from tests.swarm import situations as met

ACCOUNT: Final = "default"
BREACHES_MAX: Final = 20
MINUTE_NS: Final = 60 * SECOND_NS
ON_THE_WAY: Final = (Status.PENDING_NEW, Status.UNKNOWN)
BROKEN: Final = (" failed: ", "the engine failed", "companion")


class Eye(Witness):
    """The exchange's own witness, which tells another one."""

    def __init__(self, exchange: Exchange, tell: Callable[[Iterable[ExchangeEvent]], None]) -> None:
        super().__init__(exchange)
        self._tell = tell

    def see(self, events: Iterable[ExchangeEvent]) -> None:
        """Note and tell."""
        kept = tuple(events)
        super().see(kept)
        self._tell(kept)


class Observer:
    """A companion of the bot. `met` counts situations, `breaches` are sentences, `notices` what a person was told.

    `on_fill` is asked with coin and side (-1: a sale) after each fill of the bot's, and says what is wrong with it.
    """

    name = "observer"

    def __init__(self, on_fill: Callable[[str, int], str] = lambda _, __: "") -> None:
        self._on_fill = on_fill
        self.met: Counter[str] = Counter()
        self.breaches: list[str] = []
        self.notices: list[Notice] = []
        self.refusals: list[str] = []
        self.state: State | None = None
        self._seen: dict[str, OrderRecord] = {}
        self._by_rest: set[str] = set()
        self._unanswered: set[str] = set()
        self._partial: set[str] = set()
        self._venues_of: dict[str, set[str]] = {}
        self._sent_ns: deque[int] = deque()
        self._is_key_gone = False
        self._simex: Simex | None = None
        self._requests_read = 0

    def watch(self, simex: Simex) -> None:
        """Look at an exchange as well."""
        self._simex = simex
        eyes = {venue: Eye(one, partial(self.on_exchange, venue)) for venue, one in simex.exchanges.items()}
        simex.witnesses = eyes
        # Messages are looked at only where a fault may hit them: this one never does.
        never = When(probability=0)
        simex.injections.arm(Fault("message_lost", when=never, duration_ms=3_600_000))
        take = simex.injections.take

        def taken(point: Any, touch: Touch, *spares: Any) -> Any:
            if point == "message":
                self._message(touch)
            return take(point, touch, *spares)

        simex.injections.take = taken  # type: ignore[method-assign, assignment]

    def breach(self, text: str) -> None:
        """Note that an invariant does not hold."""
        if len(self.breaches) < BREACHES_MAX and text not in self.breaches:
            self.breaches.append(text)

    # ----------------------------------------------------------------------------------------------------- the bot
    async def run(self, house: House) -> None:
        """Live beside the daemon."""
        await asyncio.Event().wait()

    def on_step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        """A step was journaled."""
        self.state = state
        try:
            self._step(event, commands, state)
        except Exception as error:  # noqa: BLE001 - a companion's failure would only be logged: here it must be red
            self.breach(f"the observer failed: {error!r}")

    def _step(self, event: Event, commands: Sequence[Command], state: State) -> None:
        self.notices += [one for one in commands if isinstance(one, Notice)]
        self._happened(event, state)
        self._orders(state)
        self._requests(state)
        sent = [one.order.request for one in commands if isinstance(one, SubmitOrder)]
        if sent:
            self._limits(state, len(sent))
        for request in sent:
            self._sized(state, request.client_id)

    def _happened(self, event: Event, state: State) -> None:
        match event:
            case OrderReported():
                self._reported(event)
            case OrderUnanswered():
                self._lost(event)
            case ForeignOrderSeen():
                self.met[met.ADL_SEEN] += "auto-deleveraging" in event.cause
                self.met[met.LIQUIDATION_SEEN] += "liquidation" in event.cause
            case OperatorAsked(action=Action.KILL):
                self.met[met.KILL_IN_FLIGHT] += any(one.status in ON_THE_WAY for one in self._seen.values())
            case StreamChanged() if event.account is not None:
                self._stream(event, state)
            case FaultRaised() | Remarked():
                text = event.what if isinstance(event, FaultRaised) else f"{event.topic} {event.text}"
                if any(word in text for word in BROKEN):
                    self.breach(f"something of the bot broke: {text}")
            case _:
                pass

    def _reported(self, event: OrderReported) -> None:
        name, filled = event.report.client_id, event.report.filled
        known = self._seen.get(name)
        if event.source is not Source.STREAM:
            if known is not None and filled > known.filled:
                self._by_rest.add(name)
        elif name in self._by_rest and filled > 0:
            self._by_rest.discard(name)
            self.met[met.REST_FIRST] += 1

    def _lost(self, event: OrderUnanswered) -> None:
        self.met[met.ANSWER_LOST] += 1
        self._unanswered.add(event.client_id)
        self.met[met.PARTIAL_LOST] += event.client_id in self._partial

    def _stream(self, event: StreamChanged, state: State) -> None:
        if event.up:
            self.met[met.LISTEN_KEY] += self._is_key_gone
            self._is_key_gone = False
        elif any(one.request.client_id in self._partial for one in state.orders.live()):
            self.met[met.PARTIAL_DISCONNECT] += 1

    def _orders(self, state: State) -> None:
        """Nothing goes backwards, nothing is resolved without proof, and one future has one live order at most."""
        live: Counter[str] = Counter()
        for name, record in state.orders.records.items():
            before = self._seen.get(name)
            if before is not record:
                if before is not None:
                    self._moved(before, record)
                self._seen[name] = record
            live[record.request.instrument] += record.live
        for instrument, count in live.items():
            if count > 1:
                self.breach(f"{count} live orders on {instrument}")

    def _moved(self, before: OrderRecord, after: OrderRecord) -> None:
        name = after.request.client_id
        if after.filled < before.filled:
            self.breach(f"order {name}: filled fell from {before.filled} to {after.filled}")
        if before.status in TERMINAL and after.status is not before.status:
            self.breach(f"order {name}: {before.status.value} became {after.status.value}")
        if after.filled > before.filled:
            self._venue(after)
        if before.status is Status.UNKNOWN and after.status is Status.NOT_PLACED:
            self.met[met.UNKNOWN_ABSENT] += 1
        elif before.status is Status.UNKNOWN and after.filled > before.filled:
            self.met[met.UNKNOWN_EXECUTED] += 1

    def _venue(self, record: OrderRecord) -> None:
        """A coin's fills come from one venue until they come from another one, too."""
        place, _, symbol = record.request.instrument.rpartition(":")
        venue = "bybit" if place.startswith("bybit") else "binance"
        known = self._venues_of.setdefault(symbol, set())
        if known and venue not in known:
            self.met[met.SECOND_VENUE] += 1
        known.add(venue)

    def _limits(self, state: State, sent: int) -> None:
        if state.modes.overall is Mode.HALT:
            self.breach("an order was decided under a halt")
        self._sent_ns += [state.now] * sent
        while self._sent_ns and self._sent_ns[0] <= state.now - MINUTE_NS:
            self._sent_ns.popleft()
        if len(self._sent_ns) > (most := state.layout.limits.orders_per_minute_max * len(state.layout.instruments)):
            self.breach(f"{len(self._sent_ns)} orders within a minute, allowed are {most}")

    def _sized(self, state: State, client_id: Any) -> None:
        """The order, and the position at its worst, are within their limits."""
        request, limits = state.orders.records[client_id].request, state.layout.limits
        size = state.layout.instruments[request.instrument].contract_size
        worth = request.contracts * size * request.limit_price
        if worth > limits.order_notional_max:
            self.breach(f"order {client_id} is worth {worth}, allowed is {limits.order_notional_max}")
        held = state.accounts.positions[request.instrument].position.contracts
        after = held + sum(one.remaining for one in state.orders.live(request.instrument))
        worst = abs(after) * size * request.limit_price
        if abs(after) > abs(held) and worst > limits.position_notional_max:
            self.breach(
                f"order {client_id}: the position may be worth {worst}: {limits.position_notional_max} is allowed"
            )

    # ------------------------------------------------------------------------------------------------ the exchange
    def on_exchange(self, venue: str, events: Iterable[ExchangeEvent]) -> None:
        """Something happened in a venue's exchange."""
        for event in events:
            if isinstance(event, OrderChanged) and event.order.account_id == ACCOUNT:
                self._filled(event)
            elif isinstance(event, AccountChanged) and event.account_id == ACCOUNT:
                self._account(event)

    def _filled(self, event: OrderChanged) -> None:
        order, name = event.order, event.order.client_id
        if event.trade is None or order.origin != "user":
            return
        if wrong := self._on_fill(order.instrument.base, order.side):
            self.breach(wrong)
        if 0 < order.filled < order.quantity:
            self.met[met.PARTIAL_LOST] += name in self._unanswered and name not in self._partial
            self._partial.add(name)
        else:
            self._partial.discard(name)

    def _account(self, event: AccountChanged) -> None:
        unknown = any(one.status is Status.UNKNOWN for one in self._seen.values())
        self.met[met.ADL_UNKNOWN] += event.reason == "adl" and unknown
        on_way = any(one.live for one in self._seen.values())
        self.met[met.FUNDING_INSIDE] += event.reason == "funding" and on_way

    def _requests(self, state: State) -> None:
        """Bans that were answered since the last look, while an order was unknown."""
        assert self._simex is not None
        log = self._simex.requests
        if log.total == self._requests_read:
            return
        rows = log.select(after_seq=self._requests_read)
        self._requests_read = log.total
        if any(row.status == 418 for row in rows):
            self.met[met.BAN_UNKNOWN] += any(one.status is Status.UNKNOWN for one in state.orders.live())

    def _message(self, touch: Touch) -> None:
        """The bot sent something on a websocket: a topic that it leaves is asked for anew."""
        asked = [one for one in touch.channels if one.startswith("orderbook.50.")]
        if self.state is None or "unsubscribe" not in touch.channels or not asked:
            return
        under_way = {one.request.instrument.rpartition(":")[2] for one in self.state.orders.live()}
        under_way |= {f"{group.rpartition(':')[2]}USDT" for group in self.state.legs.corrections}
        self.met[met.RESYNC] += any(one.rpartition(".")[2] in under_way for one in asked)

    @property
    def has_partial(self) -> bool:
        """Whether an order has filled in part, and no more yet."""
        return bool(self._partial)

    def key_gone(self) -> None:
        """A listen key has been expired."""
        self._is_key_gone = True

    def holds_unknown(self) -> bool:
        """Whether an order's fate is unknown."""
        return any(one.status is Status.UNKNOWN for one in self._seen.values())

    def holds_doubt(self) -> bool:
        """Whether an order may still fill, or a position is not what the venue says."""
        beliefs = self.state.accounts.positions.values() if self.state is not None else ()
        return self.holds_live() or not all(one.settled for one in beliefs)

    def holds_live(self) -> bool:
        """Whether an order may still fill."""
        return any(one.live for one in self._seen.values())
