"""A hostile reader against prices and fills: wrong prints, spreads that open, one half of the news of a fill."""

from __future__ import annotations

import msgspec
import pytest

from bot.domain.account import Balance
from bot.domain.events import (
    BalancesChanged,
    Event,
    OrderReported,
    PositionsChanged,
)
from bot.domain.market import Quote
from bot.domain.order import OrderRequest, Side
from bot.domain.targets import CashTarget, TargetSpec
from bot.domain.triggers import PriceEnd, Until
from bot.domain.units import Nanos
from tests.engine.kit import Venue, World
from tests.engine.test_adversary_targets import ALL_OF_NAV, SOL, told
from tests.engine.test_inputs import CASH, LEVER, PROXY, Market, futureless
from tests.engine.test_marks import FIXED, of_one, same_again, texts
from tests.kit import BTC, USDM, USDT, band, d, hedge, neutral, pricing, quote


# ------------------------------------------------------------------------------------------------- wrong prints
class Wide(Market):
    """A market whose book of SOL falls apart: `spread` is how far bid and ask are from the middle."""

    spread = 0.0

    def feed(self) -> None:
        """Publish it."""
        super().feed()
        price = self.venue.prices.get("SOL")
        if price is not None and self.spread:
            low, high = price * (1 - self.spread), price * (1 + 3 * self.spread)
            self.handle(Quote(pricing("SOL"), low, high, 1.0, 1.0, self.now, self.now))


def wide(target: TargetSpec) -> Wide:
    """A coin without a future whose bids and asks are gone but for one of each."""
    world = Wide(futureless(target), {"SOL": d(500)})
    world.venue.prices["SOL"] = 150.0
    world.start().run(6)
    world.spread = 0.3
    world.run(6)
    return world


def test_a_coin_without_an_index_has_no_price_where_it_has_no_market() -> None:
    """A bid of 105 and an ask of 285 say nothing of a coin at 150: its proxy stays as it is."""
    world = wide(PROXY)

    assert d("-1.25") == world.position("BTC")
    assert "price (SOL): bid and ask are more than" in told(world, "held")
    world.spread = 0.0
    world.run(6)
    assert 1 == len(world.sent)
    same_again(world)


def test_a_book_that_falls_apart_ends_nothing() -> None:
    """What ends a target for good is a price, not the middle of nothing."""
    world = wide(msgspec.structs.replace(PROXY, until=Until(price=PriceEnd(asset=SOL, above=d(180)))))

    assert [] == texts(world, "ended")
    assert d("-1.25") == world.position("BTC")


def test_a_print_that_the_index_contradicts_ends_nothing() -> None:
    """One wick through the price that ends a target, while the index stands."""
    ending = msgspec.structs.replace(neutral("BTC"), until=Until(price=PriceEnd(asset=BTC, below=d(50_000))))
    world = of_one(ending).run(6)
    world.handle(quote(pricing("BTC"), 45_000.0, world.now))
    world.run(6)

    assert [] == texts(world, "ended")
    assert d(-1) == world.position("BTC")


# ---------------------------------------------------------------------------------------------------------- churn
def test_two_targets_on_one_coin_come_to_rest() -> None:
    """A tight band and a wide one, partial fills, prices that go round: one correction each time, and then rest."""
    cash = msgspec.structs.replace(CASH, basis=FIXED, band=band("0.2"))
    world = World.neutral(neutral("BTC"), cash, coins={"BTC": "1"}, orders_per_minute_max=99)
    world.venue.fills_at_most = d("0.3")
    world.run(12)
    sent, resting = len(world.sent), world.position("BTC")
    for price in (60_100.0, 59_900.0, 60_000.0) * 4:
        world.price("BTC", price)
        world.run(2)

    assert sent == 5
    assert d("-1.333") == resting
    assert sent == len(world.sent)
    same_again(world)


def test_a_cap_that_binds_and_lets_go_sends_nothing_inside_the_band() -> None:
    """The cap takes the place of the amount: on either side of it the hedge is what it was, within the band."""
    capped = msgspec.structs.replace(neutral("BTC"), cap=d(60_000), band=band("0.01"))
    world = of_one(capped).run(6)
    for price in (60_200.0, 59_800.0) * 5:
        world.price("BTC", price)
        world.run(2)

    assert 1 == len(world.sent)
    same_again(world)


# ------------------------------------------------------------------------------------ half of a fill's consequences
class Crediting(Venue):
    """An exchange that books the profit of what is closed to the wallet, and tells of it before or after the fill."""

    wallet_first = True

    def submit(self, request: OrderRequest, now: int) -> list[Event]:
        """What the wallet has won comes with the position, one event after the other."""
        before = self.position(request.instrument)
        events = super().submit(request, now)
        after = self.position(request.instrument)
        price = next(event.report.average_price for event in events if isinstance(event, OrderReported)) or d(0)
        closed = before.contracts - after.contracts if abs(after.contracts) < abs(before.contracts) else d(0)
        self.wallet += closed * (price - before.entry_price)
        told = BalancesChanged(USDM, (Balance(USDT, self.wallet),), "ORDER", Nanos(now), Nanos(now))
        kinds = {type(event): event for event in events}
        account = [told, kinds[PositionsChanged]]
        return [*account, kinds[OrderReported]] if self.wallet_first else [kinds[OrderReported], *account]


def crediting(target: TargetSpec, *others: TargetSpec, coins: dict[str, str], wallet_first: bool) -> World:
    """A running world at such an exchange."""
    world = World.neutral(target, *others, coins=coins, orders_per_minute_max=99, balance_step_max=d(9))
    venue = Crediting(world.venue.prices, world.venue.coins)
    venue.wallet_first = wallet_first
    world.venue = venue
    return world.run(12)


@pytest.mark.parametrize("wallet_first", [True, False])
def test_net_asset_value_waits_for_both_halves_of_a_fill(wallet_first: bool) -> None:
    """Half of a short that won 5,000 is closed: its profit is never counted twice, nor not at all, by another group."""
    cash = CashTarget(name="cash", share=d("0.5"), anchor=BTC, band=band("0.001"), basis=ALL_OF_NAV)
    coins = {"BTC": "1", "ETH": "10"}
    world = crediting(cash, neutral("ETH"), coins=coins, wallet_first=wallet_first)
    world.price("ETH", 2_000.0)
    world.run(6)
    resting = len(world.sent)
    world.deposit("ETH", "-5")
    world.run(12)
    bitcoins = [one for one in world.sent[resting:] if one.instrument == hedge("BTC")]

    assert d(-5) == world.position("ETH")
    assert [Side.BUY] == [one.side for one in bitcoins]
    same_again(world)


@pytest.mark.parametrize("wallet_first", [True, False])
def test_leverage_that_falls_with_the_market_is_taken_off_once(wallet_first: bool) -> None:
    """In a crash each step down is one reduce-only sale; the loss that it realizes is not bought back."""
    lever = msgspec.structs.replace(
        LEVER, leverage=d(3), leverage_max=d(3), weights={BTC: d(1)}, basis=ALL_OF_NAV, band=band("0.05")
    )
    world = crediting(lever, coins={"BTC": "0.5"}, wallet_first=wallet_first)
    bought = len(world.sent)
    for price in (54_000.0, 48_000.0, 43_000.0):
        world.price("BTC", price)
        world.run(12)
    later = world.sent[bought:]

    assert later
    assert all(one.reduce_only and one.side is Side.SELL for one in later)
    assert len(later) <= 3
    same_again(world)
