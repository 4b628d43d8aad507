"""Actions: what a scenario does to a market, to accounts and to clocks, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.simex.core.exchange import Exchange
from bot.simex.core.flow import Flow, IndexPrice, Level
from bot.simex.core.instrument import Key
from bot.simex.core.numbers import MONEY, money, unscaled
from bot.simex.core.order import BUY
from bot.simex.core.venue import BINANCE
from bot.simex.faults.armed import Injections
from bot.simex.faults.catalogue import KINDS
from bot.simex.faults.clock import VenueClock
from bot.simex.faults.conductor import ACTS, Conductor
from bot.simex.faults.market import Bent
from bot.simex.faults.model import Scope
from bot.simex.faults.scenario import of
from bot.simex.timeline import Timeline
from tests.simex.core.trading_stage import PERP, SPOT, START_MS, Stage, Tape, coins, n, perpetual, shown, text


class Moving(Tape):
    """A market whose shocks add up."""

    def __init__(self, books: Iterable[Key], flow: Iterable[Flow]) -> None:
        super().__init__(books, flow)
        self.factor = 1.0

    def shock(self, base: str, factor: float, now_ms: int) -> Iterator[Flow]:
        """Every price of the opening book times all factors so far."""
        self.factor *= factor
        return super().shock(base, self.factor, now_ms)


class World:
    """One exchange whose market can be bent, and what a running one would offer beside it."""

    def __init__(self, *steps: dict[str, Any]) -> None:
        self.tape = Moving((PERP, SPOT), [IndexPrice("BTCUSDT", START_MS, n(100))])
        exchange = Exchange(BINANCE, (perpetual(), coins()), Bent(self.tape), seed=1, start_ms=START_MS)
        self.exchange = exchange
        self.exchanges = {"binance": exchange}
        self.dialects: dict[str, Any] = {}
        self.timeline = Timeline(lambda: self.exchange.now_ms)
        self.clocks = {"binance": VenueClock(self.timeline)}
        self.told: list[Any] = []
        for name in ("default", "other"):
            account = exchange.open_account(name)
            for wallet in ("spot", "usdm"):
                exchange.funds.deposit(account, wallet, "USDT", money(Decimal(100_000)))
        self.injections = Injections(lambda: self.exchange.now_ms)
        self.conductor = Conductor(self, self.injections)
        of({"steps": list(steps)}, Path()).arm(self.injections)

    def live(self, ms: int = 0) -> None:
        """Let time pass."""
        self.exchange.advance(self.exchange.now_ms + ms)
        self.conductor.see("binance", self.exchange.drain())
        self.conductor.tick()
        self.exchange.check()
        assert [] == [one for one in self.conductor.failures if one["kind"] != "adl_rank"], self.conductor.failures

    def book(self) -> tuple[list[str], list[str]]:
        """The prices of the perpetual's book."""
        _, bids, asks = self.exchange.depth(PERP, 10)
        return [shown(one)[0] for one in bids], [shown(one)[0] for one in asks]

    def mark(self) -> Decimal:
        """The perpetual's mark."""
        return unscaled(self.exchange.marks.mark(PERP))

    def held(self, name: str = "default") -> str:
        """The position of an account."""
        account = self.exchange.state.account(name)
        return text(account.position(self.exchange.instruments[PERP], "both").quantity)

    def now_ms(self) -> int:
        """Exchange time."""
        return self.exchange.now_ms

    def hang_up(self, scope: Scope, code: int | None) -> int:
        """Noted."""
        self.told.append(("hang_up", scope.venue, code))
        return 0

    def shut(self, venue: str, *, is_shut: bool) -> None:
        """Noted."""
        self.told.append(("shut", venue, is_shut))

    def disconnect(self, kind: str, refuse_ms: int) -> int:
        """Noted."""
        self.told.append(("disconnect", kind, refuse_ms))
        return 0

    def stall(self, kind: str, duration_ms: int) -> None:
        """Noted."""
        self.told.append(("stall", kind, duration_ms))

    def expire_listen_keys(self) -> int:
        """Noted."""
        self.told.append("expire_listen_keys")
        return 0

    def revoke_key(self, name: str, venues: Iterable[str]) -> bool:
        """Noted."""
        self.told.append(("revoke_key", name, *venues))
        return True

    def change_key(self, name: str, changes: Any, venues: Iterable[str]) -> bool:
        """Noted."""
        self.told.append(("key", name, dict(changes), *venues))
        return True

    def crowd(self, market: str, weight: int) -> None:
        """Noted."""
        self.told.append(("crowd", market, weight))


PERPETUAL = {"scope": {"symbol": "BTCUSDT"}}
SELL = {"do": "foreign_order", **PERPETUAL, "with": {"market": "usdm", "side": "SELL", "quantity": "0.5"}}


def test_every_act_of_the_catalogue_can_be_done() -> None:
    """What is an action, or happens to sockets at a moment, has its function, and nothing else has."""
    assert {name for name, kind in KINDS.items() if kind.timing == "moment"} == set(ACTS)


def test_a_shock_is_for_good() -> None:
    """Every price of the asset moves."""
    world = World({"do": "shock", "with": {"asset": "BTC", "factor": 2}})
    world.live()
    world.live(60_000)

    assert (["199.8", "199.6", "199.4"], ["200.2", "200.4", "200.6"]) == world.book()


@pytest.mark.parametrize(
    ("variant", "bids", "asks"),
    [
        ("empty", [], []),
        ("no_bids", [], ["100.1", "100.2", "100.3"]),
        ("no_asks", ["99.9", "99.8", "99.7"], []),
        ("factor", ["104.9", "104.8", "104.7"], ["105.1", "105.2", "105.3"]),
    ],
)
def test_a_bent_book_is_straight_again(variant: str, bids: list[str], asks: list[str]) -> None:
    """For its time; what the market said meanwhile is in the book afterwards."""
    step = {"do": "book", "variant": variant, **PERPETUAL, "with": {"market": "usdm", "factor": 1.05}, "for": "1s"}
    world = World(step)
    world.live()
    bent = world.book()
    world.tape.flow.append(Level(PERP, START_MS + 500, BUY, n("99.6"), n(1)))
    world.live(1_000)

    assert (bids, asks) == bent
    assert (["99.9", "99.8", "99.7", "99.6"], ["100.1", "100.2", "100.3"]) == world.book()


def test_a_thin_book() -> None:
    """A twentieth of every level is left."""
    world = World({"do": "book", "variant": "thin", **PERPETUAL, "for": "1s"})
    world.live()

    assert "0.05" == shown(world.exchange.depth(PERP, 1)[1][0])[1]


def test_a_mark_and_an_index_that_are_off() -> None:
    """Held, then as the market has it; the books do not move."""
    world = World(
        {"do": "mark", **PERPETUAL, "with": {"price": "108"}, "for": "2s"},
        {"do": "index", "at": "5s", "with": {"name": "BTCUSDT", "factor": 0.9}, "for": "2s"},
    )
    world.live(1)
    held, book = world.mark(), world.book()
    world.live(3_000)
    free = world.mark()
    world.live(1_999)
    world.live(1_000)
    index = unscaled(world.exchange.marks.index(PERP))
    world.live(2_000)
    world.live(1_000)

    assert (Decimal(108), Decimal(100), Decimal(90)) == (held, free, index)
    assert (Decimal(100), book) == (unscaled(world.exchange.marks.index(PERP)), world.book())


def test_a_status_for_a_time() -> None:
    """Halted, and trading again."""
    world = World({"do": "status", "variant": "halted", **PERPETUAL, "for": "1s"})
    world.live()
    during = {one.status for one in world.exchange.instruments.values()}
    world.live(1_000)

    assert ({"halted"}, {"trading"}) == (during, {one.status for one in world.exchange.instruments.values()})


def test_funding_changes() -> None:
    """The rate is what is prescribed and charged when it says; interval and cap change and come back."""
    world = World(
        {"do": "funding_rate", "at": "2s", **PERPETUAL, "with": {"rate": "0.001", "in_ms": 5_000}},
        {"do": "funding_terms", **PERPETUAL, "with": {"interval_h": 1, "cap": "0.03"}, "for": "1s"},
    )
    world.live()
    terms = world.exchange.instruments[PERP].funding
    world.live(1_000)
    after = world.exchange.instruments[PERP].funding
    world.live(1_000)
    rate, at_ms = world.exchange.accounting.rates.rate(PERP), world.exchange.accounting.rates.next_ms(PERP)

    assert terms is not None
    assert after is not None
    assert (3_600_000, 3_000_000, -3_000_000) == (terms.interval_ms, terms.cap, terms.floor)
    assert (100_000, START_MS + 7_000, 28_800_000) == (rate, at_ms, after.interval_ms)


def test_filters_and_delisting() -> None:
    """The grid changes; a contract is reduce-only and then closed."""
    world = World(
        {"do": "filters", "scope": {"symbol": "BTCUSDT"}, "with": {"lot": "0.01", "notional_min": "20"}},
        {"do": "delist", **PERPETUAL, "with": {"reduce_only_ms": 1_000, "settle_ms": 3_000}},
    )
    world.live()
    rules = world.exchange.instruments[PERP].filters
    world.live(1_001)
    restricted = world.exchange.instruments[PERP].status
    world.live(3_000)

    assert (n("0.01"), 20 * MONEY) == (rules.lot, rules.notional_min)
    assert ("reduce_only", "closed") == (restricted, world.exchange.instruments[PERP].status)


def test_a_flash_crash_comes_back() -> None:
    """Down to the factor in its time, and up to where it was."""
    world = World({"do": "crash", "with": {"asset": "BTC", "factor": 0.6, "over_ms": 2_000}})
    bids = []
    for ms in (0, 1_000, 1_000, 2_000, 60_000):
        world.live(ms)
        bids.append(Decimal(world.book()[0][0]))

    assert (Decimal("99.9"), Decimal("59.9")) == (bids[0], bids[2])
    assert 70 < bids[1] < 80
    assert [Decimal("99.9")] * 2 == bids[3:]


def test_a_share_is_deleveraged_after_a_stranger_has_traded() -> None:
    """A foreign order makes a position; a third of it goes at the given price without a fee."""
    adl = {"do": "adl", "at": "1s", **PERPETUAL, "with": {"share": 0.4, "price": "100"}}
    world = World(SELL, adl)
    world.live()
    before = world.held()
    world.live(1_000)
    trade = world.exchange.state.account("default").trades[-1]

    assert ("-0.5", "-0.3", "adl", 0) == (before, world.held(), trade.origin, trade.fee)


def test_a_rank_is_fixed_for_a_time() -> None:
    """Four, and then what the score says."""
    world = World(SELL, {"do": "adl_rank", **PERPETUAL, "with": {"rank": 4}, "for": "1s"})
    world.live()
    account, one = world.exchange.state.account("default"), world.exchange.instruments[PERP]
    fixed = world.exchange.valuation.position(account, one, "both").adl_rank
    world.live(1_000)

    assert (4, True) == (fixed, world.exchange.valuation.position(account, one, "both").adl_rank < 4)


def test_a_liquidation_by_the_mark() -> None:
    """The mark goes where the position cannot be kept, and back; all money is where it was put."""
    take = {"do": "withdraw", "with": {"wallet": "usdm", "asset": "USDT", "amount": "99990"}}
    world = World({**take}, SELL, {"do": "liquidate", "at": "1s", **PERPETUAL, "for": "2s"})
    world.live()
    world.live(1_000)
    world.live(1_500)
    origins = {one.origin for one in world.exchange.state.account("default").trades}
    world.live(2_000)

    assert origins & {"liquidation", "takeover"}
    assert world.mark() < 101


def test_money_moves() -> None:
    """Coins arrive, change the wallet, leave; the insurance fund falls by half."""
    world = World(
        {"do": "deposit", "scope": {"account": "other"}, "with": {"wallet": "spot", "asset": "BTC", "amount": "2"}},
        {"do": "transfer", "with": {"from_wallet": "spot", "to_wallet": "usdm", "asset": "USDT", "amount": "5"}},
        {"do": "insurance", "with": {"asset": "USDT", "amount": "1000"}},
        {"do": "insurance", "at": 1, "with": {"asset": "USDT", "factor": 0.5}},
    )
    world.live()
    world.live(1)
    wallets = world.exchange.state.account("default").wallets

    assert 2 * MONEY == world.exchange.state.account("other").wallets["spot"]["BTC"].balance
    assert (99_995 * MONEY, 100_005 * MONEY) == (wallets["spot"]["USDT"].balance, wallets["usdm"]["USDT"].balance)
    assert 500 * MONEY == world.exchange.accounting.ledger.insurance["USDT"]


def test_settings_are_changed_behind_the_owners_back() -> None:
    """Hedge mode and leverage."""
    world = World(
        {"do": "settings", "with": {"dual_side": True, "market": "usdm"}},
        {"do": "settings", **PERPETUAL, "with": {"leverage": 3, "market": "usdm"}},
    )
    world.live()
    account = world.exchange.state.account("default")

    assert (True, 3) == (
        account.hedge_mode["usdm"],
        account.position(world.exchange.instruments[PERP], "both").leverage,
    )


def test_what_the_service_is_asked() -> None:
    """Sockets, streams, keys and limits are handed to the running exchange; limits come back."""
    world = World(
        {"do": "disconnect", "variant": "user", "with": {"refuse_ms": 50}},
        {"do": "stall", "variant": "market", "for": "3s"},
        {"do": "expire_listen_keys"},
        {"do": "key", "with": {"name": "default", "futures": False, "expires_in_ms": 10}},
        {"do": "revoke_key", "with": {"name": "default"}, "scope": {"venue": "bin*"}},
        {"do": "crowd", "variant": "usdm", "with": {"weight": 9}, "for": "1s"},
        {"do": "close", "with": {"code": 1008}, "scope": {"venue": "binance"}},
        {"do": "reset_mid_frame"},
    )
    world.live()
    world.live(1_000)

    assert [
        ("disconnect", "user", 50),
        ("stall", "market", 3_000),
        "expire_listen_keys",
        ("key", "default", {"futures": False, "expires_ms": START_MS + 10}, "binance"),
        ("revoke_key", "default", "binance"),
        ("crowd", "usdm", 9),
        ("hang_up", "binance", 1008),
        ("hang_up", "", None),
        ("crowd", "usdm", 0),
    ] == world.told


def test_a_venues_clock_steps_and_drifts() -> None:
    """Its server's clock and its wire times move together; the common time line does not."""
    world = World(
        {"do": "clock_step", "with": {"step_ms": 2_000}, "for": "10s"},
        {"do": "clock_drift", "with": {"ms_per_min": 600}},
    )
    clock = world.clocks["binance"]
    world.live()
    stepped = clock.server_ms() - world.timeline.server_ms()
    world.live(9_999)
    drifted = clock.server_ms() - world.timeline.server_ms()
    world.live(1)

    assert (2_000, 2_100, 100) == (stepped, drifted, clock.own_ms())
    assert clock.wire_ms(START_MS) == START_MS + 100
    assert START_MS + 10_000 == clock.exchange_ms()


def test_an_event_sets_off_an_action() -> None:
    """When an order of the account is filled, its position is deleveraged half a second later."""
    world = World(SELL, {"do": "adl", "on_event": "fill", "at": 500, **PERPETUAL, "with": {"share": 1}})
    world.live()
    world.live(1)
    held = world.held()
    world.live(500)

    assert ("-0.5", "0") == (held, world.held())


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"do": "adl", **PERPETUAL}, "no position"),
        ({"do": "shock", "with": {"asset": "XYZ", "factor": 2}}, "traded nowhere"),
        ({"do": "status", "variant": "halted", "scope": {"venue": "okx"}}, "venue 'okx': there are binance"),
        ({"do": "mark", "scope": {"symbol": "NONE"}}, "nothing is it"),
        ({"do": "index", "with": {"name": "X", "factor": 2}}, "allowed are BTCUSDT"),
        ({"do": "deposit", "with": {"wallet": "x", "asset": "BTC", "amount": "1"}}, "allowed are spot"),
        ({"do": "withdraw", "with": {"wallet": "spot", "asset": "USDT", "amount": "9999999"}}, "INSUFFICIENT_BALANCE"),
        ({"do": "service_restart"}, "bybit"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(step: dict[str, Any], says: str) -> None:
    """The clock goes on; the reason is kept."""
    world = World(step)
    world.exchange.advance(START_MS + 10)
    world.exchange.drain()
    world.conductor.tick() if step["do"] != "service_restart" else world.dialects.update(binance=None)
    world.conductor.tick()
    (failure,) = world.conductor.failures

    assert (step["do"], True) == (failure["kind"], says in failure["error"]), failure


def test_the_stage_of_trading_is_untouched() -> None:
    """Without a bend a bent market says exactly what the market under it says."""
    plain, bent = Stage(), World()
    plain.exchange.advance(START_MS + 100)
    bent.live(100)

    assert plain.book() == tuple([shown(one) for one in side] for side in bent.exchange.depth(PERP, 10)[1:])
