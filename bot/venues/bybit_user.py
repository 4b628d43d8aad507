"""Bybit's private stream without I/O: the bytes of a frame in, facts and requests out.

The four topics tell the same things as Binance's user streams:

- `order`: where an order of ours is, cumulative; one that the engine refused after its receipt is rejected now.
- `execution`: what traded, with its fee. Of ours it is reported as a fill; the engine knows each by its id, so that
  order and execution may come in either order and twice. What the venue did by itself (auto-deleveraging, liquidation,
  settlement) carries no name of ours and is told as such; funding is the ledger's business and no trade.
- `position`: absolute. An index other than 0 means hedge mode, which is a fault: netting two sides would be a guess.
- `wallet`: absolute totals of the coins that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from bot.domain.events import (
    BalancesChanged,
    Fact,
    FaultRaised,
    ForeignOrderSeen,
    OrderRejected,
    OrderReported,
    PositionsChanged,
    Source,
)
from bot.domain.order import OrderReport, Status
from bot.domain.units import MILLISECOND_NS, ZERO, Asset, ClientOrderId, Nanos
from bot.venues.binance import BadFrame
from bot.venues.binance_facts import FOREIGN, UnknownKind, check
from bot.venues.bybit import Ponged
from bot.venues.bybit_routes import LINEAR, UNIFIED, instrument_name
from bot.venues.translate.binance import Unreadable, is_ours
from bot.venues.translate.bybit import ONE_WAY, SIDES, ExecutionRow, OrderRow
from bot.venues.translate.bybit_accounts import UNIFIED_TYPE, PositionRow, UnifiedWallet

TOPICS = ("order", "execution", "position", "wallet")
EXECUTIONS_REMEMBERED_MAX = 4_096

ADL, LIQUIDATION, SETTLEMENT = "auto-deleveraging", "liquidation", "settlement"
EXECUTION_CAUSES = {
    "AdlTrade": ADL,
    "BustTrade": LIQUIDATION,
    "Delivery": SETTLEMENT,
    "Settle": SETTLEMENT,
}
"""What the venue does by itself, by the type of its execution."""
ORDER_CAUSES = (
    ("CreateByAdl", ADL),
    ("CreateByLiq", LIQUIDATION),
    ("CreateByTakeOver", LIQUIDATION),
    ("CreateBySettle", SETTLEMENT),
)
POSITION_CAUSES = {"Liq": LIQUIDATION, "Adl": ADL}
NOT_TRADES = frozenset({"Funding"})
_APPEARED = frozenset({"New", "Untriggered"})


class Authenticated(msgspec.Struct, frozen=True):
    """The venue knows who we are on this connection."""


class AuthenticationRefused(msgspec.Struct, frozen=True):
    """The venue refused the key or its signature."""

    code: int


class TopicTaken(msgspec.Struct, frozen=True):
    """The venue took a subscription of ours."""

    topic: str


class TopicRefused(msgspec.Struct, frozen=True):
    """The venue refused a subscription of ours."""

    topic: str


Answer = Authenticated | AuthenticationRefused | TopicTaken | TopicRefused | Ponged
Told = Fact | UnknownKind | Answer


class _Frame(msgspec.Struct):
    topic: str = ""
    creation_time: int = msgspec.field(name="creationTime", default=0)
    data: tuple[msgspec.Raw, ...] | None = None
    op: str = ""
    success: bool | None = None
    ret_code: int = msgspec.field(name="retCode", default=0)
    req_id: str = ""


class _OpFrame(msgspec.Struct):
    op: str = ""
    topic: str = ""


class _Order(msgspec.Struct, rename="camel"):
    """What is read of somebody else's order."""

    order_id: str
    symbol: str
    order_link_id: str = ""
    order_status: str = ""
    create_type: str = ""
    category: str = LINEAR


_kind = msgspec.json.Decoder(_OpFrame).decode
_frame = msgspec.json.Decoder(_Frame).decode
_name = msgspec.json.Decoder(_Order).decode
_order = msgspec.json.Decoder(OrderRow).decode
_execution = msgspec.json.Decoder(ExecutionRow).decode
_position = msgspec.json.Decoder(PositionRow).decode
_wallet = msgspec.json.Decoder(UnifiedWallet).decode


class UserParser:
    """The frames of one private stream. `settle` is what a contract's fee is paid in where no currency is named."""

    def __init__(self, settle: Asset) -> None:
        self._settle = settle
        self._executions: dict[str, None] = {}
        self._readers: dict[str, Callable[[_Frame, Nanos], list[Told]]] = {
            "order": self._orders,
            "execution": self._traded,
            "position": _positions,
            "wallet": _wallets,
        }

    def parse(self, payload: bytes, received_ns: int) -> tuple[Told, ...]:
        """What a frame says.

        Raises one of `bot.venues.binance.UNREADABLE` for what cannot be read, and nothing else.
        """
        kind = _kind(payload)
        if kind.op:
            return _answer(payload, kind.op)
        if kind.topic not in self._readers:
            if not kind.topic:
                raise BadFrame("a frame of no known kind")
            return (UnknownKind(kind.topic),)
        try:
            return tuple(self._readers[kind.topic](_frame(payload), Nanos(received_ns)))
        except Unreadable as error:
            raise BadFrame(str(error)) from None

    def _orders(self, frame: _Frame, received_ns: Nanos) -> list[Told]:
        told: list[Told] = []
        for raw in frame.data or ():
            named = _name(raw)
            if is_ours(named.order_link_id):
                told += _own_order(_order(raw), received_ns)
            elif named.order_status in _APPEARED:
                told.append(_foreign(named, _created_by(named), ZERO, received_ns))
        return told

    def _traded(self, frame: _Frame, received_ns: Nanos) -> list[Told]:
        told: dict[str, Told] = {}
        for raw in frame.data or ():
            row = _execution(raw)
            if row.exec_type in NOT_TRADES or row.exec_id in self._executions or row.exec_id in told:
                continue
            check(row.exec_price, row.exec_qty)
            cause = EXECUTION_CAUSES.get(row.exec_type)
            if cause is None and is_ours(row.order_link_id):
                told[row.exec_id] = self._own_fill(row, received_ns)
            else:
                contracts = row.exec_qty * _sign(row.side)
                told[row.exec_id] = _foreign(row, cause or _created_by(row), contracts, received_ns)
        # Only now: of a frame that cannot be read nothing was told, and what it held may come again.
        self._remember(told)
        return list(told.values())

    def _own_fill(self, row: ExecutionRow, received_ns: Nanos) -> OrderReported:
        """A fill as a report of its order: what is known of it is this fill, and that it is not over yet."""
        if row.side not in SIDES or row.exec_qty <= 0 or row.exec_price <= 0:
            raise BadFrame("an execution with an impossible side, price or quantity")
        report = OrderReport(
            client_id=ClientOrderId(row.order_link_id),
            instrument=instrument_name(row.category or LINEAR, row.symbol),
            side=SIDES[row.side],
            status=Status.PARTIALLY_FILLED,
            contracts=row.order_qty or row.exec_qty,
            filled=row.exec_qty,
            venue_id=row.order_id,
            updated_ns=Nanos(int(row.exec_time) * MILLISECOND_NS),
            fills=(row.fill(self._settle),),
        )
        return OrderReported(report, Source.STREAM, received_ns)

    def _remember(self, executions: Iterable[str]) -> None:
        self._executions |= dict.fromkeys(executions)
        while len(self._executions) > EXECUTIONS_REMEMBERED_MAX:
            del self._executions[next(iter(self._executions))]


def _answer(payload: bytes, op: str) -> tuple[Answer, ...]:
    frame = _frame(payload) if op != "pong" else _Frame(op=op)
    if op in ("pong", "ping"):
        return (Ponged(),)
    if op == "auth":
        # A refusal names its code in one of two ways; a success is only ever said outright.
        return (Authenticated() if frame.success else AuthenticationRefused(frame.ret_code),)
    if op == "subscribe":
        return (TopicTaken(frame.req_id) if frame.success else TopicRefused(frame.req_id),)
    raise BadFrame("an answer to nothing that was asked")


def _own_order(row: OrderRow, received_ns: Nanos) -> list[Told]:
    check(row.qty, row.cum_exec_qty)
    if row.status is Status.REJECTED:
        reason = row.reject_reason or "rejected"
        return [OrderRejected(ClientOrderId(row.order_link_id), reason, "refused after its receipt", received_ns)]
    name = instrument_name(row.category or LINEAR, row.symbol)
    reported = OrderReported(row.report(name), Source.STREAM, received_ns)
    return [reported, *_hedge_mode(row.symbol, row.position_idx, received_ns)]


def _created_by(order: _Order | ExecutionRow) -> str:
    return next((cause for prefix, cause in ORDER_CAUSES if order.create_type.startswith(prefix)), FOREIGN)


def _foreign(row: _Order | ExecutionRow, cause: str, contracts: Decimal, received_ns: Nanos) -> ForeignOrderSeen:
    name = instrument_name(row.category or LINEAR, row.symbol)
    return ForeignOrderSeen(name, row.order_link_id or row.order_id, cause, contracts, received_ns)


def _sign(side: str) -> int:
    """+1 for what buys, -1 for what sells. Raises BadFrame."""
    if side not in SIDES:
        raise BadFrame("an execution's side is neither Buy nor Sell")
    return SIDES[side].sign


def _positions(frame: _Frame, received_ns: Nanos) -> list[Told]:
    told: list[Told] = []
    for raw in frame.data or ():
        row = _position(raw)
        if row.category not in (LINEAR, ""):
            continue
        if not row.one_way:
            told += _hedge_mode(row.symbol, row.position_idx, received_ns)
            continue
        check(row.size, row.entry)
        position = row.position(instrument_name(LINEAR, row.symbol))
        cause = POSITION_CAUSES.get(row.position_status, "")
        at_ns = Nanos(frame.creation_time * MILLISECOND_NS)
        told.append(PositionsChanged(UNIFIED, (position,), cause, at_ns, received_ns))
    return told


def _wallets(frame: _Frame, received_ns: Nanos) -> list[Told]:
    told: list[Told] = []
    for raw in frame.data or ():
        wallet = _wallet(raw)
        if wallet.account_type != UNIFIED_TYPE:
            continue
        balances = wallet.balances()
        check(*(balance.total for balance in balances))
        if balances:
            at_ns = Nanos(frame.creation_time * MILLISECOND_NS)
            told.append(BalancesChanged(UNIFIED, balances, "", at_ns, received_ns))
    return told


def _hedge_mode(symbol: str, index: int, received_ns: Nanos) -> tuple[FaultRaised, ...]:
    if index == ONE_WAY:
        return ()
    text = f"{UNIFIED} is in hedge mode ({symbol} has a side {index}): switch the account to one-way mode"
    return (FaultRaised(text, received_ns),)
