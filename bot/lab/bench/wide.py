"""The portfolio that statuses are measured with: as many coins as one likes, each wholly hedged and a group of its own.

Each coin's hedge was opened within the last minutes, so that its order is still known.
"""

from __future__ import annotations

from decimal import Decimal

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.bands import Band, Unit, Width
from bot.domain.events import AccountSeen, Event, RunMode, Started, StreamChanged, Ticked
from bot.domain.instrument import Instrument, Kind, instrument_id
from bot.domain.market import Depth, Mark
from bot.domain.order import OrderRequest, Side, Status, TimeInForce
from bot.domain.rules import AssetRule, Rules
from bot.domain.targets import RatioTarget
from bot.domain.units import MILLISECOND_NS, SECOND_NS, ZERO, Asset, ClientOrderId, Nanos
from bot.engine.engine import Engine
from bot.engine.orders import OrderRecord
from bot.lab.bench import desk
from bot.lab.bench.desk import HOUR_NS, SETTLED_NS, SPOT, USDM, USDT

PRICE = Decimal(100)
HELD = Decimal(12)
ORDERED_NS = 60 * SECOND_NS
"""How long ago the hedges were opened."""


def coins(count: int) -> tuple[str, ...]:
    """Names of so many coins."""
    return tuple(f"C{n:03d}" for n in range(count))


def rules(count: int) -> Rules:
    """Every coin hedged inside a band of one per cent."""
    names = coins(count)
    band = Band(Width(Decimal("0.01"), Unit.RELATIVE), Width(ZERO, Unit.RELATIVE))
    return Rules(
        portfolio="wide",
        quote=USDT,
        accounts=(SPOT, USDM),
        instruments=tuple(one for name in names for one in instruments(name)),
        assets=tuple(AssetRule(Asset(n), instrument_id(SPOT, n + USDT), instrument_id(USDM, n + USDT)) for n in names),
        targets=(RatioTarget("neutral", tuple(Asset(n) for n in names), Decimal(1), band),),
        limits=desk.LIMITS,
    )


def instruments(name: str) -> tuple[Instrument, ...]:
    """A coin's spot market and its future."""
    spot, future = ((SPOT, Kind.SPOT), (USDM, Kind.LINEAR))
    return tuple(desk.instrument(kind, account, name + USDT) for account, kind in (spot, future))


def engine(now: int, count: int) -> Engine:
    """An engine with every coin in band."""
    owned, began = rules(count), now - SETTLED_NS
    start = Started(RunMode.LIVE, began // MILLISECOND_NS, owned, Nanos(began))
    made = Engine(start)
    for event in (
        start,
        *_accounts(owned, began),
        StreamChanged(f"{USDM}.user", True, "connected", Nanos(began), USDM),
        *_market(owned, now),
        *_accounts(owned, now),
    ):
        made.handle(event)
    for number, rule in enumerate(owned.assets):
        record = _opened(number, rule, now - ORDERED_NS)
        made.state.orders.records[record.request.client_id] = record
    made.handle(Ticked(Nanos(now)))
    assert all(row.needs and row.held is None and not row.called_for for row in made.assess()), "a coin is not in band"
    return made


def _accounts(owned: Rules, now: int) -> tuple[AccountSeen, AccountSeen]:
    held = tuple(Balance(rule.asset, HELD) for rule in owned.assets)
    wallet = (Balance(USDT, Decimal(1_000_000)),)
    shorts = tuple(Position(rule.hedge, -HELD, PRICE) for rule in owned.assets if rule.hedge is not None)
    return (
        AccountSeen(AccountSnapshot(account=SPOT, balances=held), Nanos(now)),
        AccountSeen(AccountSnapshot(account=USDM, balances=wallet, positions=shorts), Nanos(now)),
    )


def _market(owned: Rules, now: int) -> list[Event]:
    out: list[Event] = []
    price = float(PRICE)
    for one in owned.instruments:
        out.append(Depth(one.id, ((price - 0.01, 50.0),), ((price + 0.01, 50.0),), 0, now))
        out.append(desk.quote(one.id, price, now, 0))
        if one.kind is Kind.LINEAR:
            out.append(Mark(one.id, price, price, 0.0001, now + HOUR_NS, now))
    return out


def _opened(number: int, rule: AssetRule, moment: int) -> OrderRecord:
    """The order that opened a coin's hedge, as it is remembered."""
    assert rule.hedge is not None, "every coin of this book has a future"
    request = OrderRequest(
        client_id=ClientOrderId(f"wide{number}"),
        instrument=rule.hedge,
        side=Side.SELL,
        contracts=HELD,
        limit_price=PRICE,
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        intent=number,
        leg=0,
        decided_ns=Nanos(moment),
    )
    return OrderRecord(
        request=request,
        status=Status.FILLED,
        mid=PRICE,
        group=f"neutral:{rule.asset}",
        sent_ns=Nanos(moment),
        filled=HELD,
        average_price=PRICE,
        done_ns=Nanos(moment + SECOND_NS),
    )
