"""What a decision rests on: which coins, which cash, which sources; what none of its targets needs stops nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.calc.boxes import EVERYWHERE
from bot.domain.bands import Auto, Unit, Width
from bot.domain.events import HoldingsDeclared
from bot.domain.instrument import Kind
from bot.domain.market import Depth, Mark, Quote
from bot.domain.rules import AssetRule, HoldingSource, Rules
from bot.domain.targets import (
    Base,
    Basis,
    Budgets,
    CashTarget,
    ConvertTarget,
    IndexTarget,
    LeverageTarget,
    Neutrality,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
)
from bot.domain.triggers import PriceEnd, Slices, Until, When
from bot.domain.units import SECOND_NS, Asset, Nanos, Qty
from bot.engine import views
from bot.engine.declared import Declared
from bot.engine.layout import Layout, coins_of
from bot.engine.trust import Beliefs, mark_of, price_room
from tests.engine.kit import World
from tests.engine.test_marks import same_again
from tests.kit import (
    BTC,
    ETH,
    START_NS,
    USDT,
    band,
    d,
    depth,
    hedge,
    limits,
    neutral,
    perpetual,
    pricing,
    quote,
    rules,
    spot,
    weights,
)

SOL, PEPE, INDEX = Asset("SOL"), Asset("PEPE"), Asset("DEFI")
COINS = ("BTC", "ETH", "SOL")
NAV = Basis(reserve={USDT: d(50_000)})
SLICES = Slices(notional_max=d(1_000), every_ns=SECOND_NS)
CASH = CashTarget(name="cash", share=d("0.2"), anchor=BTC, band=band("0.02"), basis=NAV)
TILT = TiltTarget(name="tilt", long={ETH: d(1)}, short={BTC: d(1)}, size=d("0.1"), band=band("0.02"))
PROXY = ProxyTarget(name="proxy", assets=(SOL,), anchors=(BTC,), band=band("0.02"), betas={SOL: {BTC: d(1)}})
GIVEN: TargetSpec = msgspec.structs.replace(TILT, neutral=Neutrality.BETA, betas={BTC: d(1), ETH: d("1.2")})
LEVER = LeverageTarget(name="up", weights={BTC: d(1)}, leverage=d(2), leverage_max=d(2), band=band("0.1"))


def futureless(*targets: TargetSpec, **changes: Any) -> Rules:
    """SOL is held and priced and has no future."""
    made = rules(*targets, coins=COINS, limits=limits(orders_per_minute_max=99), **changes)
    assets = tuple(AssetRule(one.asset, one.pricing, None if one.asset == SOL else one.hedge) for one in made.assets)
    instruments = tuple(one for one in made.instruments if one.id != hedge("SOL"))
    return msgspec.structs.replace(made, assets=assets, instruments=instruments)


class Market(World):
    """A world that shows the spot market of coins without a future, too."""

    def feed(self) -> None:
        """Publish it."""
        super().feed()
        for name in (pricing("SOL"),):
            price = self.venue.prices.get("SOL")
            if price is not None and name in {i.id for i in self.rules.instruments}:
                for event in (depth(name, price, self.now), quote(name, price, self.now)):
                    self.handle(event)


def world_of(owned: Rules, **coins: str) -> Market:
    """A running world of SOL at 150 and the others."""
    world = Market(owned, {coin: d(total) for coin, total in coins.items()})
    world.venue.prices["SOL"] = 150.0
    world.start()
    return world


# ---------------------------------------------------------------------------------------------------------- layout
@pytest.mark.parametrize(
    ("targets", "expected", "cash"),
    [
        ((neutral("BTC"),), {"neutral:BTC": "BTC"}, set()),
        ((weights(base=Base.OWNED),), {"weights": "BTC ETH"}, set()),
        ((CASH,), {"cash": "BTC ETH SOL"}, {"cash"}),
        ((PROXY,), {"proxy": "BTC SOL"}, set()),
        ((CASH, neutral("ETH")), {"cash": "BTC ETH SOL", "neutral:ETH": "ETH"}, {"cash"}),
        (
            (weights(base=Base.NAV_LESS_RESERVE), neutral("SOL")),
            {"weights": "BTC ETH", "neutral:SOL": "SOL"},
            {"weights"},
        ),
        (
            (msgspec.structs.replace(CASH, owns={BTC: d(1), USDT: d(5)}),),
            {"cash": "BTC"},
            {"cash"},
        ),
        (
            (msgspec.structs.replace(neutral("BTC"), until=Until(price=PriceEnd(asset=SOL, above=d(9)))),),
            {"neutral:BTC": "BTC SOL"},
            set(),
        ),
        (
            (msgspec.structs.replace(neutral("BTC"), band=Auto(hard=Width(d(1), Unit.POINTS))),),
            {"neutral:BTC": "BTC ETH SOL"},
            {"neutral:BTC"},
        ),
    ],
    ids=["ratio", "owned", "nav", "proxy", "apart", "elsewhere", "own sleeve", "price end", "auto"],
)
def test_a_group_rests_on_what_its_targets_look_at(
    targets: tuple[TargetSpec, ...], expected: dict[str, str], cash: set[str]
) -> None:
    """A ratio target only on its own coin; a share of net asset value on all that it counts, and the cash."""
    layout = Layout.of(rules(*targets, coins=COINS))

    assert expected == {name: " ".join(assets) for name, assets in layout.inputs.items()}
    assert cash == layout.cash


@pytest.mark.parametrize(
    ("budgets", "inputs", "cash"),
    [
        (Budgets(assets={BTC: d(1)}), "BTC", False),
        (Budgets(overlay=d("0.5")), "BTC ETH SOL", True),
        (Budgets(core=d("0.5")), "BTC ETH SOL", True),
        (Budgets(venues={"binance": d(1)}), "BTC ETH", False),
    ],
)
def test_a_budget_over_all_rests_on_all(budgets: Budgets, inputs: str, cash: bool) -> None:
    """A share of net asset value on everything, a venue's cap on everything that can be traded."""
    layout = Layout.of(futureless(neutral("BTC"), budgets=budgets))

    assert inputs == " ".join(layout.inputs["neutral:BTC"])
    assert cash == ("neutral:BTC" in layout.cash)


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        (neutral("BTC"), True),
        (weights(), True),
        (CASH, True),
        (TILT, True),
        (GIVEN, True),
        (LEVER, True),
        (msgspec.structs.replace(CASH, beta=None), False),
        (msgspec.structs.replace(TILT, neutral=Neutrality.BETA), False),
        (PROXY, False),
        (msgspec.structs.replace(neutral("BTC"), when=When(persist_ns=1)), False),
        (msgspec.structs.replace(neutral("BTC"), until=Until(at_ns=Nanos(1))), False),
        (msgspec.structs.replace(neutral("BTC"), owns={BTC: d(1)}), False),
        (msgspec.structs.replace(neutral("BTC"), band=Auto(hard=Width(d(1), Unit.POINTS))), False),
    ],
)
def test_what_looks_at_prices_alone_is_shown_no_more(target: TargetSpec, plain: bool) -> None:
    """So that the ordinary book costs no more than it has to."""
    layout = Layout.of(rules(target, coins=COINS))

    assert plain == bool(layout.plain)
    assert plain is not layout.statistical


def test_every_kind_names_its_coins() -> None:
    """What a target names, each once, in its own order."""
    index = IndexTarget(name="i", assets=(ETH, SOL), indices=(INDEX,), weight=d("0.1"), band=band("0.1"))
    unwind = UnwindTarget(name="u", assets=(BTC,), slices=SLICES, band=band("0.1"))
    convert = ConvertTarget(name="c", asset=SOL, amount=d(1), slices=SLICES, band=band("0.1"))
    named = [coins_of(one) for one in (neutral(), weights(), TILT, CASH, LEVER, PROXY, index, unwind, convert)]

    assert [(BTC, ETH), (BTC, ETH), (ETH, BTC), (BTC,), (BTC,), (SOL, BTC), (ETH, SOL, INDEX), (BTC,), (SOL,)] == named


def test_what_is_only_planned_has_no_group() -> None:
    """It is remembered by name."""
    convert = ConvertTarget(name="c", asset=BTC, amount=d(1), slices=SLICES, band=band("0.1"), when=When(persist_ns=1))
    layout = Layout.of(rules(neutral("BTC"), convert))

    assert (("c",), ("neutral:BTC",)) == (tuple(layout.planned), tuple(group.name for group in layout.groups))
    assert ("neutral:BTC",) == layout.groups_of("neutral")


# ----------------------------------------------------------------------------------------------- coins without a future
def test_a_coin_without_a_future_is_hedged_through_another() -> None:
    """100 SOL at 150 with a beta of 1 are 0.25 BTC."""
    world = world_of(futureless(PROXY), BTC="0", SOL="100").run(4)

    assert d("-0.25") == world.position("BTC")
    assert [] == [n for n in world.notices("held") if "account" not in n.text]
    same_again(world)


def test_its_price_counts_for_those_who_look_at_it_alone() -> None:
    """Without a quote of SOL what counts it waits; the others go on."""
    world = world_of(futureless(PROXY, neutral("ETH")), SOL="100", ETH="10")
    del world.venue.prices["SOL"]
    world.engine.state.books.quotes.pop(pricing("SOL"), None)
    world.run(4)

    assert (d(0), d(-10)) == (world.position("BTC"), world.position("ETH"))
    assert "price (SOL)" in [n.text for n in world.notices("held") if n.subject == "proxy"][-1]


def test_no_index_says_what_its_price_should_be() -> None:
    """The box of a coin without a future lies around its mid: within it bid and ask cannot be too far apart."""
    world = world_of(futureless(PROXY), SOL="100").run(2)
    mids, indices = price_room(world.engine.state, SOL)

    assert 148.5 < mids.lo < 148.52
    assert 151.48 < mids.hi < 151.5
    assert (mids.hi - mids.lo) / 2 <= mids.lo * 0.01
    assert indices == EVERYWHERE


def test_net_asset_value_counts_everything_that_is_named() -> None:
    """1 BTC, 10 ETH, 100 SOL and 50,000 of declared collateral: a fifth of 100,000 is 1/3 BTC."""
    world = world_of(futureless(CASH), BTC="1", ETH="10", SOL="100").run(4)
    group = world.engine.state.layout.groups[0]
    seen = views.view(Beliefs(world.engine.state), group)

    assert {BTC, ETH, SOL, USDT, mark_of(hedge("BTC"))} == seen.prices.keys()
    assert d(1) == seen.prices[USDT]
    assert d("-0.333") == world.position("BTC")


# ----------------------------------------------------------------------------------------------------- other units
def thousands() -> Rules:
    """PEPE, priced one by one and hedged by the thousand."""
    future = perpetual("PEPE", base_units=d(1_000), tick=d("0.000001"), lot=d(1), notional_min=d(5))
    market = spot("PEPE")
    market = msgspec.structs.replace(market, tick=d("0.00000001"))
    made = rules(neutral("PEPE"), coins=(), assets=(AssetRule(PEPE, pricing("PEPE"), hedge("PEPE")),))
    return msgspec.structs.replace(made, instruments=(market, future), limits=limits(collar_mid_bps_max=d(500)))


class Thousands(World):
    """A market of PEPE at 0.00001 and of its future at 0.01."""

    def feed(self) -> None:
        """Publish it."""
        at = self.now
        events: list[Quote | Depth | Mark] = [Mark(hedge("PEPE"), 0.01, 0.01, 0.0001, at + 1, at)]
        for name, price in ((pricing("PEPE"), 0.00001), (hedge("PEPE"), 0.01)):
            low, high = round(price * 0.9999, 10), round(price * 1.0001, 10)
            events.append(Depth(name, ((low, 1e9),), ((high, 1e9),), at, at))
            events.append(Quote(name, low, high, 1e9, 1e9, at, at))
        for event in events:
            self.handle(event)


def test_a_future_by_the_thousand_hedges_units() -> None:
    """5,000,000 PEPE need 5,000 contracts of 1,000; the index is held against the same unit."""
    world = Thousands(thousands(), {"PEPE": d(5_000_000)})
    world.venue.places = False
    world.start()
    for _ in range(2):
        world.tick()
    world.run(1)
    (request,) = world.sent[:1]

    assert (d(5_000), "sell") == (request.contracts, request.side.value)
    (assessment,) = world.engine.assess()
    mids, indices = price_room(world.engine.state, PEPE)
    assert mids.lo < 0.00001 < mids.hi
    assert indices.lo < 0.01 < indices.hi
    assert assessment.needs[0].parts.holding == d(5_000_000)
    record = world.engine.state.orders.records[request.client_id]
    assert d("0.01") == record.spot
    assert {"neutral": d(-5_000)} == record.wants


# --------------------------------------------------------------------------------------------------- off the venue
SOURCES = (HoldingSource("cold", (BTC,), 60 * SECOND_NS),)


def declared(world: World, amount: str, age_s: int = 0) -> None:
    """The cold wallet was read."""
    at = Nanos(world.now - age_s * SECOND_NS)
    world.handle(HoldingsDeclared("cold", {BTC: Qty(amount)}, at, world.now))


def test_declared_holdings_count_while_they_are_fresh() -> None:
    """Never read or too old they are unknown, and what needs them waits; the others do not."""
    world = World(rules(neutral(), sources=SOURCES), {"BTC": d(1), "ETH": d(10)}).start().run(4)
    assert (d(0), d(-10)) == (world.position("BTC"), world.position("ETH"))
    assert [n.text for n in world.notices("held")][-1] == "declared (BTC): the source cold has not been read yet"
    declared(world, "2")
    world.run(4)
    assert d(-3) == world.position("BTC")
    world.run(60)

    assert world.notices("held")[-1].text == "declared (BTC): the source cold was last right longer than 60 s ago"
    assert d(-3) == world.position("BTC")
    same_again(world)


def test_an_older_reading_changes_nothing() -> None:
    """Whatever comes late is of the past."""
    world = World(rules(neutral("BTC"), sources=SOURCES), {"BTC": d(1)}).start()
    declared(world, "2")
    declared(world, "7", age_s=5)
    world.run(4)

    assert d(-3) == world.position("BTC")


def test_sources_add_up_and_are_forgotten_with_their_rule() -> None:
    """Each for the coins that it may hold."""
    owned = Declared()
    for name, amount in (("a", "1"), ("b", "2")):
        owned.on_read(HoldingsDeclared(name, {BTC: Qty(amount), ETH: Qty("9")}, START_NS, START_NS), limits())
    both = (HoldingSource("a", (BTC,), 1), HoldingSource("b", (BTC, ETH), 1), HoldingSource("c", (BTC,), 1))

    assert (d(3), d(9)) == (owned.of(both, BTC), owned.of(both, ETH))
    owned.keep(both[:1])
    assert {"a"} == owned.readings.keys()


# ------------------------------------------------------------------------------------------------- what is looked at
def test_own_coins_have_their_own_profit() -> None:
    """The contracts of a target with a sleeve of coins make its profit, and no other's."""
    own = RatioTarget("mine", (BTC,), d(1), band("0.01"), owns={BTC: d(1)})
    world = World.neutral(own, coins={"BTC": "3"}).run(4)
    world.price("BTC", 61_000.0)
    state = world.engine.state
    seen = views.view(Beliefs(state), state.layout.groups[0])

    assert d(-1) == world.position("BTC")
    assert {"mine": seen.unrealized} == seen.unrealized_of
    assert {"mine": {BTC: d(-1)}} == seen.booked


def test_without_a_book_of_the_future_cost_and_basis_are_unknown() -> None:
    """They are left out, not zero."""
    world = world_of(futureless(PROXY), SOL="100").run(2)
    state = world.engine.state
    seen = views.view(Beliefs(state), state.layout.groups[0])
    assert {BTC} == seen.costs.keys() == seen.basis.keys()
    del state.books.quotes[hedge("BTC")]
    seen = views.view(Beliefs(state), state.layout.groups[0])

    assert ({}, {}) == (seen.costs, seen.basis)


def test_an_index_is_seen_through() -> None:
    """Two contracts of an index at 2,500, half of it BTC, are 2,500 dollars of bitcoin."""
    made = rules(CASH, coins=COINS)
    index = AssetRule(INDEX, pricing("ETH"), hedge("ETH"), composition={BTC: d("0.5"), SOL: d("0.5")})
    future = perpetual("ETH", kind=Kind.INDEX, base=INDEX)
    instruments = tuple(future if one.id == hedge("ETH") else one for one in made.instruments)
    owned = msgspec.structs.replace(made, assets=(made.assets[0], index), instruments=instruments)
    world = World(owned, {"BTC": d(1)}).start().run(2)
    state = world.engine.state
    belief = state.accounts.positions[hedge("ETH")]
    held = msgspec.structs.replace(belief.position, contracts=d(2))
    state.accounts.positions[hedge("ETH")] = msgspec.structs.replace(belief, position=held)
    seen = views.view(Beliefs(state), state.layout.groups[0])

    assert {INDEX: {BTC: d("0.5"), SOL: d("0.5")}} == state.layout.indices
    assert d(2_500) / seen.prices[BTC] == seen.parts[BTC].index
    assert d(2) == seen.parts[INDEX].linear
