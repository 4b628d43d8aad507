"""The promises of turning settings into the engine's rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.bands import Band, Unit, Width
from bot.domain.rules import RoutingRule
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    ConvertTarget,
    Decoupled,
    IndexTarget,
    LeverageTarget,
    Neutrality,
    ParityMethod,
    ParityTarget,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
    WeightsMode,
    WeightsTarget,
)
from bot.domain.triggers import Slices
from bot.domain.units import SECOND_NS, Asset, Notional, Qty
from bot.runtime.portfolio import UnknownInstruments, instruments_wanted, symbols_wanted, targets, to_rules
from tests.runtime.configs import RIGHT, WEIGHTS, catalogue, changed, instrument, loaded, with_limit


def test_instruments_follow_from_the_quote() -> None:
    """A coin without further words is priced by its spot market and hedged with its perpetual, both in the quote."""
    assert {
        "binance.spot:BTCUSDT",
        "binance.usdm:BTCUSDT",
        "binance.spot:ETHUSDT",
        "binance.usdm:ETHUSDT",
    } == instruments_wanted(loaded().settings)
    assert {"BTCUSDC", "ETHUSDC"} == symbols_wanted(loaded(RIGHT + "quote: USDC\n").settings)


def test_the_rules_are_the_whole_portfolio() -> None:
    """Accounts, instruments, coins and targets are all there, in an order that does not depend on the file's."""
    rules = to_rules(loaded().settings, [instrument("spot", "XRPUSDT", "XRP"), *reversed(catalogue())])

    assert ("binance.spot", "binance.usdm") == rules.accounts
    assert sorted(i.id for i in catalogue()) == [i.id for i in rules.instruments]
    assert ["BTC", "ETH"] == [rule.asset for rule in rules.assets]
    assert "binance.usdm:BTCUSDT" == rules.assets[0].hedge


def test_what_futures_are_compared_by_is_the_owners() -> None:
    """Capital has no price and a basis no cost until the config says so; so it is with the aversion of a proxy."""
    settings = loaded(f"{RIGHT}routing: {{capital_apr: 5 %, adverse_basis: 1 %}}\n").settings

    assert (
        RoutingRule(capital_apr=Decimal("0.05"), adverse_basis=Decimal("0.01"))
        == to_rules(settings, catalogue()).routing
    )
    assert RoutingRule() == to_rules(loaded().settings, catalogue()).routing


def test_neutral_is_a_ratio_of_one() -> None:
    """Delta-neutral is no case of its own: the whole holding is hedged."""
    target = to_rules(loaded().settings, catalogue()).targets[0]

    assert isinstance(target, RatioTarget)
    assert (Decimal(1), ("BTC", "ETH")) == (target.ratio, target.assets)


@pytest.mark.parametrize(
    ("written", "width"),
    [
        ("1 %", Width(Decimal("0.01"), Unit.RELATIVE)),
        ("500 USDT", Width(Decimal(500), Unit.QUOTE)),
        ("0.02 coins", Width(Decimal("0.02"), Unit.COINS)),
        ("0.02 BTC", Width(Decimal("0.02"), Unit.COINS)),
    ],
)
def test_widths_keep_their_meaning(written: str, width: Width) -> None:
    """A width is a fraction, an amount of quote currency or a number of coins, exactly as written."""
    text = changed("assets: [BTC, ETH]", "assets: [BTC]").replace("trigger: 1 %", f"trigger: {written}")
    target = to_rules(loaded(text).settings, catalogue()).targets[0]

    assert isinstance(target.band, Band)
    assert width == target.band.trigger


def test_weights_keep_their_base() -> None:
    """Weights, mode, base, reserve and points reach the engine as written."""
    target = to_rules(loaded(WEIGHTS).settings, catalogue()).targets[0]

    assert isinstance(target, WeightsTarget)
    assert {"BTC": Decimal("0.6"), "ETH": Decimal("0.4")} == target.weights
    assert WeightsMode.FULL_REBALANCE == target.mode
    assert Basis(base=Base.NAV_LESS_RESERVE, reserve={Asset("USDT"): Qty(Decimal(20_000))}) == target.basis
    assert Band(Width(Decimal("0.05"), Unit.POINTS), Width(Decimal(0), Unit.POINTS)) == target.band


def test_limits_carry_their_units() -> None:
    """Basis points, nanoseconds and currency arrive as such."""
    limits = to_rules(loaded(with_limit("slippage: 0.1 %")).settings, catalogue()).limits

    assert (Decimal(10), 2 * SECOND_NS, Decimal(25_000)) == (
        limits.slippage_bps_max,
        limits.quote_age_ns_max,
        limits.order_notional_max,
    )


def test_the_distance_that_an_account_must_survive_arrives() -> None:
    """Fifteen per cent where nothing is said; zero switches it off."""
    said, off = (
        to_rules(loaded(text).settings, catalogue()).limits for text in (RIGHT, with_limit("stress_distance: 0"))
    )

    assert (Decimal("0.15"), Decimal(0)) == (said.stress_distance_min, off.stress_distance_min)


def test_references_of_the_peg_are_instruments_like_others() -> None:
    """They are wanted of the venue and named in the rules, and no coin comes of them."""
    settings = loaded(f"{RIGHT}peg: {{references: [spot:USDCUSDT]}}\n").settings
    rules = to_rules(settings, (*catalogue(), instrument("spot", "USDCUSDT", "USDC")))

    assert "USDCUSDT" in symbols_wanted(settings)
    assert ("binance.spot:USDCUSDT",) == rules.pegs
    assert ["BTC", "ETH"] == [rule.asset for rule in rules.assets]
    assert () == to_rules(loaded().settings, catalogue()).pegs


def test_an_orders_deadline_is_the_sum_of_its_delays() -> None:
    """Nobody can shorten the time in which an order may still land without shortening what it is made of."""
    text = with_limit("recv_window: 3 s") + "  clock_offset: 200 ms\n  venue_delay: 2 s\n"

    assert 5_200_000_000 == to_rules(loaded(text).settings, catalogue()).limits.order_deadline_ns


def test_a_missing_instrument_makes_no_rules() -> None:
    """A target without an instrument never reaches the engine."""
    with pytest.raises(UnknownInstruments, match=r"binance\.usdm:ETHUSDT"):
        to_rules(loaded().settings, catalogue()[:3])


def targets_of(lines: str, **rates: str) -> tuple[TargetSpec, ...]:
    """The targets of a config of BTC, ETH, a coin without a future and an index."""
    head = "portfolio: p\nassets: {BTC: {}, ETH: {}, NEXO: {hedge: none}, DEFI: {composition: {UNI: 0.6, AAVE: 0.4}}}\n"
    worth = {unit: Decimal(rate) for unit, rate in rates.items()}
    return targets(loaded(f"{head}targets:\n{lines}").settings, worth)


def test_a_coin_without_a_future_has_a_price_and_no_hedge() -> None:
    """A coin that is hedged through others is still priced; an index is priced by its own future."""
    head = (
        "portfolio: p\nassets: {NEXO: {hedge: none}, BTC: {}, DEFI: {composition: {UNI: 0.6, AAVE: 0.4}}}\ntargets:\n"
    )
    text = f"{head}  - {{name: p, kind: proxy, assets: [NEXO], anchors: [BTC], band: {{trigger: 5 %}}}}\n"
    settings = loaded(text).settings
    wanted = {"binance.spot:NEXOUSDT", "binance.spot:BTCUSDT", "binance.usdm:BTCUSDT", "binance.usdm:DEFIUSDT"}

    assert wanted == instruments_wanted(settings)
    named = [instrument(name.partition(":")[0].partition(".")[2], name.partition(":")[2]) for name in wanted]
    rules = {rule.asset: rule for rule in to_rules(settings, named).assets}
    assert rules[Asset("NEXO")].hedge is None
    assert {"AAVE": Decimal("0.4"), "UNI": Decimal("0.6")} == rules[Asset("DEFI")].composition


def test_tilts_and_cash_hedges_arrive() -> None:
    """Sides, size, neutrality and betas of a tilt; share, anchor and beta of a cash hedge."""
    tilt, cash = targets_of(
        "  - {name: t, kind: tilt, long: {ETH: 1}, short: {BTC: 100 %}, size: 5 %, neutral: beta, betas: {ETH: 1.2},"
        " band: {trigger: 1 pp}, cap: 5000 USDT}\n"
        "  - {name: c, kind: cash_hedge, share: 20 %, anchor: BTC, beta: measured, band: {trigger: 1 pp}}\n"
    )

    assert isinstance(tilt, TiltTarget)
    assert isinstance(cash, CashTarget)
    assert ({"ETH": Decimal(1)}, {"BTC": Decimal(1)}, Decimal("0.05")) == (tilt.long, tilt.short, tilt.size)
    assert (Neutrality.BETA, "BTC", {"ETH": Decimal("1.2")}) == (tilt.neutral, tilt.benchmark, tilt.betas)
    assert Decimal(5000) == tilt.cap
    assert (Decimal("0.2"), "BTC", None, Basis()) == (cash.share, cash.anchor, cash.beta, cash.basis)


def test_a_cash_hedge_without_a_beta_has_that_of_its_anchor() -> None:
    """A beta of 1 is assumed where nothing is said, and measured where that is asked for."""
    (cash,) = targets_of("  - {name: c, kind: cash_hedge, share: 20 %, anchor: BTC, band: {trigger: 1 pp}}\n")

    assert isinstance(cash, CashTarget)
    assert Decimal(1) == cash.beta


def test_leverage_and_parity_arrive() -> None:
    """Multiples, bounds, methods and volatilities as exact numbers."""
    leverage, parity = targets_of(
        "  - {name: l, kind: leverage, weights: {ETH: 1}, leverage: 1.5, leverage_max: 2, base: fixed, fixed: 10 USD,"
        " band: {trigger: 1 pp}}\n"
        "  - {name: r, kind: risk_parity, assets: [BTC], method: equal_risk, exposure: 0.5, volatilities: {BTC: 60 %},"
        " base: owned, band: {auto: {risk_aversion: 100, hard: 5 pp}}}\n"
    )

    assert isinstance(leverage, LeverageTarget)
    assert isinstance(parity, ParityTarget)
    assert (Decimal("1.5"), Decimal(2)) == (leverage.leverage, leverage.leverage_max)
    assert Basis(base=Base.FIXED, fixed=Notional(Decimal(10))) == leverage.basis
    assert (ParityMethod.EQUAL_RISK, Decimal("0.5"), {"BTC": Decimal("0.6")}) == (
        parity.method,
        parity.exposure,
        parity.volatilities,
    )


def test_proxies_and_indices_arrive() -> None:
    """Betas by coin and anchor, what is done when they break, and the group of an index."""
    proxy, index = targets_of(
        "  - {name: p, kind: proxy, assets: [NEXO], anchors: [ETH, BTC], betas: {NEXO: {BTC: 1.2, ETH: 0}}, "
        "samples: 100,"
        " beta_error: 0.2, effectiveness: 40 %, decoupled: hold, anchor_caps: {BTC: 9 USDT}, "
        "risk_aversion: 7, band: {trigger: 5 %}}\n"
        "  - {name: i, kind: index, assets: [ETH, BTC], indices: [DEFI], weight: 50 %, band: {trigger: 1 pp}}\n"
    )

    assert isinstance(proxy, ProxyTarget)
    assert isinstance(index, IndexTarget)
    assert ({"NEXO": {"BTC": Decimal("1.2"), "ETH": Decimal(0)}}, ("BTC", "ETH")) == (proxy.betas, proxy.anchors)
    assert (100, Decimal("0.2"), Decimal("0.4"), Decoupled.HOLD) == (
        proxy.samples_min,
        proxy.beta_error_max,
        proxy.effectiveness_min,
        proxy.decoupled,
    )
    assert ({"BTC": Decimal(9)}, Decimal(7)) == (proxy.anchor_caps, proxy.risk_aversion)
    assert (("BTC", "ETH"), ("DEFI",), Decimal("0.5"), Decimal(1)) == (
        index.assets,
        index.indices,
        index.weight,
        index.beta,
    )


def test_moves_arrive_with_a_band_of_nothing() -> None:
    """What is to be done is done to the last lot; slices keep their size and pace."""
    unwind, convert = targets_of(
        "  - {name: u, kind: unwind, assets: [ETH], slices: {notional: 1000 USDT, every: 1 min}}\n"
        "  - {name: v, kind: convert_to_spot, asset: BTC, amount: 0.5 BTC, slices: {notional: 500 USDT, every: 2 s}}\n",
        USDT="0.99",
    )

    assert isinstance(unwind, UnwindTarget)
    assert isinstance(convert, ConvertTarget)
    assert Slices(notional_max=Notional(Decimal(990)), every_ns=60 * SECOND_NS) == unwind.slices
    assert (Decimal("0.5"), "BTC", 2 * SECOND_NS) == (convert.amount, convert.asset, convert.slices.every_ns)
    nothing = Width(Decimal(0), Unit.COINS)
    assert Band(nothing, nothing) == unwind.band == convert.band


@pytest.mark.parametrize(("rates", "worth"), [({}, "1000"), ({"USDT": "0.9998"}, "999.8"), ({"USD": "2"}, "1000")])
def test_money_counts_at_its_rate(rates: dict[str, str], worth: str) -> None:
    """A plan counts an amount at the snapshot's price of its currency; the service, which has none, one to one."""
    (target,) = targets_of("  - {name: n, kind: neutral, assets: [BTC], band: {trigger: 1000 USDT}}\n", **rates)

    assert isinstance(target, RatioTarget)
    assert Band(Width(Decimal(worth), Unit.QUOTE), Width(Decimal(0), Unit.RELATIVE)) == target.band


def test_a_reserve_is_units_of_assets() -> None:
    """Collateral is so many coins of each, whatever they are worth; sleeves too."""
    (target,) = targets_of(
        "  - {name: w, kind: weights, weights: {BTC: 1}, mode: trim_only, reserve: {USDT: 20000, USDC: 5}, owns: "
        "{BTC: 2 BTC},"
        " band: {trigger: 1 pp}}\n",
        USDT="0.9",
    )

    assert isinstance(target, WeightsTarget)
    assert {"USDT": Decimal(20_000), "USDC": Decimal(5)} == target.basis.reserve
    assert {"BTC": Decimal(2)} == target.owns
