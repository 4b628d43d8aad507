"""Values that tests of the core are made of: instruments, limits, rules, quotes and books with sensible defaults."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from bot.domain.bands import Band, Unit, Width
from bot.domain.instrument import Instrument, Kind, Tier, instrument_id
from bot.domain.market import Depth, Mark, Quote
from bot.domain.rules import AssetRule, Limits, Rules
from bot.domain.targets import Base, Basis, RatioTarget, TargetSpec, WeightsMode, WeightsTarget
from bot.domain.units import SECOND_NS, AccountId, Asset, InstrumentId, Nanos

SPOT = AccountId("binance.spot")
USDM = AccountId("binance.usdm")
BTC, ETH, USDT = Asset("BTC"), Asset("ETH"), Asset("USDT")
START_NS = Nanos(1_700_000_000 * SECOND_NS)
PRICES = {"BTC": 60_000.0, "ETH": 2_500.0}
HALF_SPREAD = 0.1
LEVELS = 20


def d(text: str | int) -> Decimal:
    """A decimal, short."""
    return Decimal(text)


def pricing(coin: str) -> InstrumentId:
    """The spot market that prices a coin."""
    return instrument_id(SPOT, f"{coin}USDT")


def hedge(coin: str) -> InstrumentId:
    """The perpetual that hedges a coin."""
    return instrument_id(USDM, f"{coin}USDT")


def perpetual(coin: str = "BTC", **changes: Any) -> Instrument:
    """A linear perpetual with a tick of 0.1, a lot of 0.001 and a minimum of 100."""
    symbol = f"{coin}USDT"
    made = Instrument(
        id=hedge(coin),
        account=USDM,
        symbol=symbol,
        kind=Kind.LINEAR,
        base=Asset(coin),
        quote=USDT,
        settle=USDT,
        tick=d("0.1"),
        lot=d("0.001"),
        contracts_min=d("0.001"),
        notional_min=d(100),
        reduce_only_below_minimum=True,
        taker_fee=d("0.0005"),
        tiers=(Tier(d(0), d("0.004"), d(0)), Tier(d(300_000), d("0.005"), d(300))),
    )
    return msgspec.structs.replace(made, **changes)


def spot(coin: str = "BTC") -> Instrument:
    """A spot market."""
    return perpetual(coin, id=pricing(coin), account=SPOT, kind=Kind.SPOT, tiers=())


def limits(**changes: Any) -> Limits:
    """The limits that tests start from."""
    made = Limits(
        slippage_bps_max=d(15),
        flatten_slippage_bps_max=d(50),
        collar_mid_bps_max=d(30),
        collar_mark_bps_max=d(100),
        price_deviation_bps_max=d(100),
        order_notional_max=d(250_000),
        position_notional_max=d(500_000),
        margin_ratio_max=d("0.5"),
        quote_age_ns_max=2 * SECOND_NS,
        mark_age_ns_max=5 * SECOND_NS,
        account_age_ns_max=30 * SECOND_NS,
        reducing_quote_age_ns_max=10 * SECOND_NS,
        clock_offset_ns_max=SECOND_NS // 2,
        orders_per_minute_max=5,
        rejects_in_row_max=3,
        ack_timeout_ns=5 * SECOND_NS,
        order_deadline_ns=4 * SECOND_NS,
        evidence_gap_ns=SECOND_NS,
        replica_lag_ns_max=10 * SECOND_NS,
        balance_step_max=d("0.2"),
        unknown_alert_ns=60 * SECOND_NS,
        unknown_halt_ns=300 * SECOND_NS,
        naked_notional_seconds_max=d(100_000),
    )
    return msgspec.structs.replace(made, **changes)


def band(trigger: str, destination: str = "0", unit: Unit = Unit.RELATIVE) -> Band:
    """A band with both widths in one unit."""
    return Band(Width(d(trigger), unit), Width(d(destination), unit))


def neutral(*coins: str, ratio: str = "1", within: Band | None = None) -> RatioTarget:
    """A ratio target with a band of one per cent."""
    names = tuple(Asset(coin) for coin in coins or ("BTC", "ETH"))
    return RatioTarget("neutral", names, d(ratio), within or band("0.01"))


def weights(
    shares: dict[str, str] | None = None,
    mode: WeightsMode = WeightsMode.FULL_REBALANCE,
    base: Base = Base.OWNED,
    within: Band | None = None,
    reserve: Decimal | int = 0,
    fixed: Decimal | int = 0,
    **changes: Any,
) -> WeightsTarget:
    """A weights target, 60/40 with a band of five points. `reserve` is in USDT."""
    named = {Asset(coin): d(share) for coin, share in (shares or {"BTC": "0.6", "ETH": "0.4"}).items()}
    made = WeightsTarget(
        name="weights",
        weights=named,
        mode=mode,
        basis=Basis(base=base, reserve={USDT: Decimal(reserve)}, fixed=Decimal(fixed)),
        band=within or band("0.05", unit=Unit.POINTS),
    )
    return msgspec.structs.replace(made, **changes)


def rules(*targets: TargetSpec, coins: tuple[str, ...] = ("BTC", "ETH"), **changes: Any) -> Rules:
    """A portfolio of coins with one spot and one futures account."""
    made = Rules(
        portfolio="main",
        quote=USDT,
        accounts=(SPOT, USDM),
        instruments=tuple(make(coin) for coin in coins for make in (spot, perpetual)),
        assets=tuple(AssetRule(Asset(coin), pricing(coin), hedge(coin)) for coin in coins),
        targets=targets or (neutral(*coins),),
        limits=limits(),
    )
    return msgspec.structs.replace(made, **changes)


def quote(name: InstrumentId, mid: float, at: int = START_NS, half: float = HALF_SPREAD) -> Quote:
    """The best bid and ask around a mid."""
    return Quote(name, round(mid - half, 6), round(mid + half, 6), 5.0, 5.0, at, at)


def depth(name: InstrumentId, mid: float, at: int = START_NS, size: float = 50.0, step: float = 0.1) -> Depth:
    """Twenty equal levels a side, the first where `quote` has its top."""
    bids = tuple((round(mid - HALF_SPREAD - step * k, 6), size) for k in range(LEVELS))
    asks = tuple((round(mid + HALF_SPREAD + step * k, 6), size) for k in range(LEVELS))
    return Depth(name, bids, asks, at, at)


def mark(name: InstrumentId, price: float, at: int = START_NS) -> Mark:
    """A mark at the index."""
    return Mark(name, price, price, 0.0001, at + 3600 * SECOND_NS, at)
