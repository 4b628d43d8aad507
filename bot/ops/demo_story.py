"""The story that the demo tells: steps as data. Each acts, asserts by the exchange's truth, and says what it saw."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from bot.ops.demo_books import Book
from bot.ops.demo_stage import Stage, StepFailed
from bot.ops.demo_told import HEDGED_STORY, agrees, mismatch, without_weather
from bot.ops.figures import coins, money
from bot.ops.simex_client import Placed

START_S = 40.0
HEDGE_S = 15.0
RECONNECT_S = 20.0
KILLED_S = 3.0
LEDGER_S = 20.0
ALERTS_S = 20.0
SILENT_MS = 7_000
QUOTE = "USDT"
SHOCK = Decimal("1.08")
FUNDING_RATE = "0.0003"
FUNDING_IN_MS = 3_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name for programs, its title for people, and what it does; it returns what it saw."""

    name: str
    title: str
    act: Callable[[Stage], str]


def open_hedge(stage: Stage) -> str:
    """Two unhedged coins are found and sold as perpetuals."""
    book = stage.hedged
    stage.until(book, "the daemon connects and sees 1 BTC and 10 ETH", lambda: _ready(stage), START_S)
    stage.until(book, "selling perpetuals against them", lambda: stage.is_neutral(book), HEDGE_S)
    stage.until(book, "the daemon agrees with the exchange", lambda: stage.is_calm(book), HEDGE_S)
    _owner_hears(stage, told=2)
    held = stage.truth(book)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        # Funding settles on the hour or rarer; here it does once in a few seconds, so that there is some to show.
        stage.exchange.set_funding(symbol, FUNDING_RATE, held.time_ms + FUNDING_IN_MS)
    return f"BTC {coins(held.position('BTCUSDT'))}, ETH {coins(held.position('ETHUSDT'))} in futures: delta-neutral"


def follow_deposit(stage: Stage) -> str:
    """Coins arrive; the hedge grows by as much."""
    book, after = stage.hedged, stage.exchange.requests_total()
    stage.exchange.deposit(book.name, "BTC", "0.5")
    _hedge_again(stage, "half a BTC is deposited", told=3)
    orders = _only(stage.orders(book, after), [("BTCUSDT", "SELL")])
    return f"+0.5 BTC seen, {_told(orders)}"


def rebalance(stage: Stage) -> str:
    """Prices move apart; the book returns to 60/40 with one short and one long order."""
    book = stage.weights
    stage.until(book, "the 60/40 book is in its band", lambda: stage.is_calm(book), START_S)
    after = stage.exchange.requests_total()
    stage.exchange.shock("BTC", str(SHOCK))
    both = lambda: len(stage.orders(book, after)) >= 2 and stage.is_calm(book)  # noqa: E731 - reads as one condition
    stage.until(book, f"BTC jumps by {(SHOCK - 1) * 100:.0f} %", both, HEDGE_S)
    orders = _only(stage.orders(book, after), [("BTCUSDT", "SELL"), ("ETHUSDT", "BUY")])
    _only(stage.orders(stage.hedged, after), [])
    return f"BTC {(SHOCK - 1) * 100:+.0f} %: {_told(orders)}; the neutral book: none"


def lose_streams(stage: Stage) -> str:
    """Every websocket is cut at once; the daemon comes back by itself and trades nothing for it."""
    book, after = stage.hedged, stage.exchange.requests_total()
    before = _connects(stage)
    count = stage.exchange.disconnect("all")
    back = lambda: _all_up(stage) and _connects(stage) > before and stage.is_calm(book)  # noqa: E731
    stage.until(book, f"{count} websockets are cut at once", back, RECONNECT_S)
    _only(stage.orders(book, after), [])
    return f"{count} websockets cut, all connected anew, no order sent"


def lose_answer(stage: Stage) -> str:
    """An order is executed, but neither its answer nor its fill is told; it is looked up, not sent again."""
    book, after = stage.hedged, stage.exchange.requests_total()
    stage.exchange.arm_fault(kind="drop_answer", method="POST", path="/fapi/v1/order", symbol="ETHUSDT", count=1)
    stage.exchange.arm_fault(kind="stall", variant="user", duration_ms=SILENT_MS)
    stage.exchange.deposit(book.name, "ETH", "2")
    _hedge_again(stage, "2 ETH are deposited; their order's answer is lost, the account's stream silent", told=4)
    (order,) = _only(stage.orders(book, after), [("ETHUSDT", "SELL")])
    looks = stage.exchange.lookups(book.name, order.params["newClientOrderId"], after)
    if order.fate != "dropped" or not looks:
        raise StepFailed(f"the order's answer was meant to be lost and looked for: {order.fate}, {looks} looks")
    stage.exchange.clear_faults()
    return "one order, its answer lost, the stream silent: found filled by looking, not sent again"


def kill(stage: Stage) -> str:
    """The kill switch: nothing is sent although the book is pushed far out of its band."""
    book = stage.hedged
    stage.verb(book, "kill", "the demo pulls the switch")
    stage.until(book, "the daemon confirms", lambda: _mode(stage) == "halt", HEDGE_S)
    after = stage.exchange.requests_total()
    stage.exchange.deposit(book.name, "BTC", "0.3")
    stage.until(book, "0.3 BTC are deposited: out of band", lambda: _is_out(stage, "BTC"), HEDGE_S)
    nothing = lambda: not stage.orders(book, after)  # noqa: E731
    stage.meanwhile(book, "out of band, and nothing is sent", nothing, KILLED_S)
    return f"0.3 BTC out of band for {KILLED_S:g} s, no order"


def arm(stage: Stage) -> str:
    """Armed again, the daemon does what it was kept from."""
    book, after = stage.hedged, stage.exchange.requests_total()
    stage.verb(book, "arm", "the demo is satisfied")
    _hedge_again(stage, "the daemon hedges what waited", told=5)
    return _told(_only(stage.orders(book, after), [("BTCUSDT", "SELL")]))


def unwind(stage: Stage) -> str:
    """Both books close their futures and hold coins only."""
    after = stage.exchange.requests_total()
    for book in (stage.hedged, stage.weights):
        stage.verb(book, "unwind", "the demo is over")
    for book in (stage.weights, stage.hedged):
        stage.until(book, f"the {book.name} book closes its futures", partial(_unwound, stage, book), HEDGE_S)
    count = sum(len(stage.orders(book, after)) for book in (stage.hedged, stage.weights))
    return f"{count} reduce-only orders, no futures left on either account"


def agree(stage: Stage) -> str:
    """What the daemons' books say is what the exchange charged and paid, to the last digit."""
    for book in (stage.weights, stage.hedged):
        what = f"the {book.name} daemon's orders, fees and funding against the exchange's own"
        stage.until(book, what, partial(_matches, stage, book), LEDGER_S)
    fees = sum((stage.truth(book).fees(QUOTE) for book in (stage.hedged, stage.weights)), Decimal(0))
    funding = stage.truth(stage.hedged).funding_received.get(QUOTE, Decimal(0))
    return f"orders, fees {money(fees)} and funding {money(funding, signed=True)} match the exchange's"


def told_once(stage: Stage) -> str:
    """Each thing that happened was told once, in order, and with the exchange's numbers."""
    book = stage.hedged

    def wrong() -> str:
        return mismatch(without_weather(stage.alerts.told(book.name)), HEDGED_STORY)

    try:
        stage.until(book, "the alerts that its owner got", lambda: not wrong(), ALERTS_S)
    except StepFailed as error:
        raise StepFailed(wrong() or str(error)) from error
    for each in (stage.hedged, stage.weights):
        what = f"the {each.name} book's alerts against the exchange's fills and fees"
        stage.until(each, what, partial(agrees, stage, each), ALERTS_S)
    count = len(stage.alerts.told(book.name)) + len(stage.alerts.told(stage.weights.name))
    return f"{count} alerts, each once and in order; coins and fees add up to the exchange's"


STORY = (
    Step("hedge", "hedge opened", open_hedge),
    Step("deposit", "deposit followed", follow_deposit),
    Step("weights", "60/40 book rebalanced", rebalance),
    Step("streams", "stream loss survived", lose_streams),
    Step("answer", "lost answer resolved", lose_answer),
    Step("kill", "kill switch obeyed", kill),
    Step("arm", "armed again", arm),
    Step("unwind", "unwound to flat", unwind),
    Step("ledger", "books agree", agree),
    Step("alerts", "alerts told", told_once),
)


def _hedge_again(stage: Stage, what: str, told: int) -> None:
    """Wait until the book is hedged again, and until its owner has been told of so many hedges in all."""
    book = stage.hedged
    stage.until(book, what, lambda: stage.is_neutral(book) and stage.is_calm(book), HEDGE_S)
    _owner_hears(stage, told)


def _owner_hears(stage: Stage, told: int) -> None:
    book = stage.hedged
    heard = lambda: sum(one.kind() == "hedge" for one in stage.alerts.told(book.name)) >= told  # noqa: E731
    stage.until(book, "the owner is told why, by which orders, and what it cost", heard, ALERTS_S)


def _ready(stage: Stage) -> bool:
    return stage.hedged.status is not None and stage.hedged.status.ready


def _mode(stage: Stage) -> str:
    return stage.hedged.status.mode.lower() if stage.hedged.status else ""


def _is_out(stage: Stage, asset: str) -> bool:
    status = stage.hedged.status
    return status is not None and any(row.asset == asset and row.breached for row in status.assets)


def _all_up(stage: Stage) -> bool:
    status = stage.hedged.status
    return status is not None and bool(status.streams) and all(stream.up for stream in status.streams)


def _connects(stage: Stage) -> int:
    """The stream that reconnected least."""
    status = stage.hedged.status
    return min((stream.connects for stream in status.streams), default=0) if status else 0


def _unwound(stage: Stage, book: Book) -> bool:
    status = book.status
    return status is not None and stage.is_flat(book) and all(row.contracts == 0 for row in status.positions)


def _matches(stage: Stage, book: Book) -> bool:
    status, held = book.status, stage.truth(book)
    if status is None:
        return False
    sums, sent = status.totals, stage.orders(book, 0)
    received = held.funding_received.get(QUOTE, Decimal(0))
    return (sums.orders, sums.fills, sums.fees, sums.funding) == (
        len(sent), held.trades_total, held.fees(QUOTE), received,
    )  # fmt: skip


def _only(orders: tuple[Placed, ...], expected: list[tuple[str, str]]) -> tuple[Placed, ...]:
    """The orders, if they are exactly the expected (symbol, side) pairs; raises StepFailed when not."""
    found = sorted((order.symbol, order.side) for order in orders)
    if found != sorted(expected):
        raise StepFailed(f"expected the orders {expected or 'none'}, the exchange got {found or 'none'}")
    return orders


def _told(orders: tuple[Placed, ...]) -> str:
    """What was ordered, in words."""
    did = {"SELL": "sold", "BUY": "bought"}
    return ", ".join(
        f"{did[order.side]} {coins(Decimal(order.params['quantity']))} {order.symbol}"
        for order in sorted(orders, key=lambda order: order.side, reverse=True)
    )
