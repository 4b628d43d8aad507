"""Binance's private streams without I/O: the bytes of a frame in, facts and requests out.

USD-M (listen key) and spot (websocket API) tell the same things in different words. A frame becomes a tuple of
`Fact`s for the engine and `Request`s for the feed, in the order in which they are to be acted on:

- Orders of ours are `OrderReported`; all others are `ForeignOrderSeen`.
- Positions and balances are absolute, so a frame that comes twice says the same twice.
- What only tells a difference, or that something of the account was changed, is no fact: it asks for a snapshot.
- A position side other than BOTH means hedge mode, in which one instrument has two positions. Netting them would be
  a guess, so it is a fault: nothing more is sent until a person has switched the account to one-way mode.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from bot.domain.account import Balance, Position
from bot.domain.events import BalancesChanged, FaultRaised, ForeignOrderSeen, OrderReported, PositionsChanged, Source
from bot.domain.instrument import instrument_id
from bot.domain.order import OrderReport
from bot.domain.units import ZERO, Asset, ClientOrderId, Nanos
from bot.venues.binance import Acknowledged, BadFrame, RequestRefused, ShutdownAnnounced
from bot.venues.binance_facts import (
    Outcome,
    Request,
    UnknownKind,
    WantReconnect,
    WantRefresh,
    check,
    fills,
    foreign,
    nanos,
    side,
    status,
)
from bot.venues.routes import SPOT, USDM
from bot.venues.translate.binance import is_ours

_IGNORED_USDM = frozenset({"TRADE_LITE", "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT"})
_IGNORED_SPOT = frozenset({"listStatus"})


# One-letter names are the venue's own.


class _Event(msgspec.Struct):
    e: str = ""
    data: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    id: int | str | None = None
    status: int | None = None
    error: _ApiError | None = None


class _ApiError(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _UsdmOrder(msgspec.Struct):
    s: str
    c: str
    S: str
    q: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741
    z: Decimal
    L: Decimal
    T: int
    t: int
    ap: Decimal = ZERO
    m: bool = False
    R: bool = False
    ps: str = "BOTH"
    n: Decimal = ZERO
    N: str | None = None


class _OrderUpdate(msgspec.Struct):
    o: _UsdmOrder


class _WalletRow(msgspec.Struct):
    a: str
    wb: Decimal


class _PositionRow(msgspec.Struct):
    s: str
    pa: Decimal
    ep: Decimal = ZERO
    ps: str = "BOTH"


class _AccountBody(msgspec.Struct):
    m: str = ""
    B: tuple[_WalletRow, ...] = ()
    P: tuple[_PositionRow, ...] = ()


class _AccountUpdate(msgspec.Struct):
    T: int
    a: _AccountBody


class _Leverage(msgspec.Struct):
    s: str
    l: int  # noqa: E741


class _AssetMode(msgspec.Struct):
    j: bool


class _ConfigUpdate(msgspec.Struct):
    ac: _Leverage | None = None
    ai: _AssetMode | None = None


class _AlgoOrder(msgspec.Struct):
    s: str
    caid: str = ""
    X: str = ""


class _AlgoUpdate(msgspec.Struct):
    o: _AlgoOrder


class _SpotOrder(msgspec.Struct):
    s: str
    c: str
    S: str
    q: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741
    z: Decimal
    L: Decimal
    T: int
    t: int
    Z: Decimal = ZERO
    C: str = ""
    m: bool = False
    n: Decimal = ZERO
    N: str | None = None


class _SpotWallet(msgspec.Struct):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741


class _SpotPosition(msgspec.Struct):
    u: int
    B: tuple[_SpotWallet, ...]


class _SpotDelta(msgspec.Struct):
    a: str


_event = msgspec.json.Decoder(_Event).decode
_order_update = msgspec.json.Decoder(_OrderUpdate).decode
_account_update = msgspec.json.Decoder(_AccountUpdate).decode
_config_update = msgspec.json.Decoder(_ConfigUpdate).decode
_algo_update = msgspec.json.Decoder(_AlgoUpdate).decode
_spot_order = msgspec.json.Decoder(_SpotOrder).decode
_spot_position = msgspec.json.Decoder(_SpotPosition).decode
_spot_delta = msgspec.json.Decoder(_SpotDelta).decode

Buffer = bytes | msgspec.Raw


def parse_usdm(payload: bytes, received_ns: int) -> tuple[Outcome, ...]:
    """What a frame of the USD-M user stream says.

    Raises one of UNREADABLE for what cannot be read, and nothing else.
    """
    frame = _event(payload)
    body: Buffer = payload
    if len(frame.data):
        body = frame.data
        frame = _event(body)
    return _read(_USDM_READERS, _IGNORED_USDM, frame, body, received_ns)


def parse_spot(payload: bytes, received_ns: int) -> tuple[Outcome, ...]:
    """What a frame of the spot websocket API says: an event of the user stream, or an answer to a request.

    Raises one of UNREADABLE for what cannot be read, and nothing else.
    """
    frame = _event(payload)
    if not len(frame.event):
        return _control(frame)
    return _read(_SPOT_READERS, _IGNORED_SPOT, _event(frame.event), frame.event, received_ns)


def _read(
    readers: dict[str, Reader], ignored: frozenset[str], frame: _Event, body: Buffer, received_ns: int
) -> tuple[Outcome, ...]:
    if frame.e in readers:
        return readers[frame.e](body, Nanos(received_ns))
    if frame.e in ignored:
        return ()
    return (UnknownKind(frame.e),) if frame.e else _control(frame)


def _control(frame: _Event) -> tuple[Request, ...]:
    if frame.error is not None:
        return (RequestRefused(frame.id, frame.error.code, frame.error.msg),)
    if frame.id is not None and frame.status in (None, 200):
        return (Acknowledged(frame.id),)
    raise BadFrame("a frame of no known kind")


# USD-M


def _usdm_order(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    order = _order_update(payload).o
    check(order.q, order.l, order.z, order.L, order.ap, order.n)
    if not is_ours(order.c):
        return foreign(USDM, order, order.c, received_ns)
    report = OrderReport(
        client_id=ClientOrderId(order.c),
        instrument=instrument_id(USDM, order.s),
        side=side(order.S),
        status=status(order.X),
        contracts=order.q,
        filled=order.z,
        venue_id=str(order.i),
        average_price=order.ap if order.ap > 0 else None,
        reduce_only=order.R,
        updated_ns=nanos(order.T),
        fills=fills(order),
    )
    return (OrderReported(report, Source.STREAM, received_ns), *_hedge_mode(order.s, order.ps, received_ns))


def _usdm_account(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    update = _account_update(payload)
    event_ns, cause = nanos(update.T), update.a.m
    outcomes: list[Outcome] = []
    if update.a.B:
        check(*(row.wb for row in update.a.B))
        balances = tuple(Balance(Asset(row.a), row.wb) for row in update.a.B)
        outcomes.append(BalancesChanged(USDM, balances, cause, event_ns, received_ns))
    sided = {row.s: row.ps for row in update.a.P if row.ps != "BOTH"}
    plain = tuple(row for row in update.a.P if row.s not in sided)
    if plain:
        check(*(number for row in plain for number in (row.pa, row.ep)))
        positions = tuple(Position(instrument_id(USDM, row.s), row.pa, row.ep) for row in plain)
        outcomes.append(PositionsChanged(USDM, positions, cause, event_ns, received_ns))
    for symbol, sided_as in sorted(sided.items()):
        outcomes.extend(_hedge_mode(symbol, sided_as, received_ns))
    return tuple(outcomes)


def _hedge_mode(symbol: str, position_side: str, received_ns: Nanos) -> tuple[FaultRaised, ...]:
    if position_side == "BOTH":
        return ()
    text = f"{USDM} is in hedge mode ({symbol} has a {position_side} side): switch the account to one-way mode"
    return (FaultRaised(text, received_ns),)


def _usdm_config(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    update = _config_update(payload)
    what = "settings of the account were changed"
    if update.ac is not None:
        what = f"leverage of {update.ac.s} is now {update.ac.l}"
    refresh = WantRefresh(USDM, what)
    if update.ai is None or not update.ai.j:
        return (refresh,)
    text = f"{USDM} was switched to multi-assets mode: switch it back to single-asset mode"
    return (FaultRaised(text, received_ns), refresh)


def _usdm_algo(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    order = _algo_update(payload).o
    instrument = instrument_id(USDM, order.s)
    return (ForeignOrderSeen(instrument, order.caid, f"conditional order ({order.X})", ZERO, received_ns),)


def _usdm_margin_call(_payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (WantRefresh(USDM, "margin call"),)


def _usdm_key_expired(_payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (WantReconnect("the listen key expired"),)


# Spot


def _spot_execution(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    order = _spot_order(payload)
    check(order.q, order.l, order.z, order.L, order.Z, order.n)
    # When an order is cancelled, `c` names the cancel request and `C` the order.
    client_id = order.C or order.c
    if not is_ours(client_id):
        return foreign(SPOT, order, client_id, received_ns)
    report = OrderReport(
        client_id=ClientOrderId(client_id),
        instrument=instrument_id(SPOT, order.s),
        side=side(order.S),
        status=status(order.X),
        contracts=order.q,
        filled=order.z,
        venue_id=str(order.i),
        average_price=order.Z / order.z if order.z > 0 and order.Z > 0 else None,
        updated_ns=nanos(order.T),
        fills=fills(order),
    )
    return (OrderReported(report, Source.STREAM, received_ns),)


def _spot_account(payload: Buffer, received_ns: Nanos) -> tuple[Outcome, ...]:
    update = _spot_position(payload)
    check(*(number for row in update.B for number in (row.f, row.l)))
    balances = tuple(Balance(Asset(row.a), row.f + row.l, row.l) for row in update.B)
    return (BalancesChanged(SPOT, balances, "", nanos(update.u), received_ns),)


def _spot_transfer(payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (WantRefresh(SPOT, f"{_spot_delta(payload).a} was deposited, withdrawn or transferred"),)


def _spot_lock(payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (WantRefresh(SPOT, f"{_spot_delta(payload).a} was locked or unlocked by the venue"),)


def _spot_terminated(_payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (WantReconnect("the venue ended the subscription"),)


def _shutdown(_payload: Buffer, _received_ns: Nanos) -> tuple[Outcome, ...]:
    return (ShutdownAnnounced(),)


Reader = Callable[[Buffer, Nanos], tuple[Outcome, ...]]

_USDM_READERS: dict[str, Reader] = {
    "ORDER_TRADE_UPDATE": _usdm_order,
    "ACCOUNT_UPDATE": _usdm_account,
    "ACCOUNT_CONFIG_UPDATE": _usdm_config,
    "ALGO_UPDATE": _usdm_algo,
    "MARGIN_CALL": _usdm_margin_call,
    "listenKeyExpired": _usdm_key_expired,
    "serverShutdown": _shutdown,
}
_SPOT_READERS: dict[str, Reader] = {
    "executionReport": _spot_execution,
    "outboundAccountPosition": _spot_account,
    "balanceUpdate": _spot_transfer,
    "externalLockUpdate": _spot_lock,
    "eventStreamTerminated": _spot_terminated,
    "serverShutdown": _shutdown,
}
