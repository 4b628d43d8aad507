"""From settings and the venue's instruments to the rules that the engine works by."""

from collections.abc import Iterable

from bot.domain.instrument import Instrument, instrument_id
from bot.domain.rules import (
    AssetRule,
    Band,
    Base,
    Limits,
    RatioTarget,
    Rules,
    TargetSpec,
    Unit,
    WeightsTarget,
    Width,
)
from bot.domain.units import ONE, ZERO, AccountId, Asset, InstrumentId, Notional
from bot.runtime import settings as written
from bot.runtime.fields import Symbol
from bot.runtime.quantities import PERCENT, SHARES, Amount
from bot.runtime.settings import BandSettings, LimitSettings, Settings, TargetSettings

MARKETS = ("spot", "usdm")


class UnknownInstruments(Exception):
    """Rules cannot be made: the venue's catalogue lacks instruments that the config names."""

    def __init__(self, missing: Iterable[InstrumentId]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"no such instruments: {', '.join(self.missing)}")


def pricing_symbol(settings: Settings, coin: str) -> Symbol:
    """Where a coin is priced: as configured, or its spot market against the reporting currency."""
    return settings.assets[coin].pricing or Symbol("spot", f"{coin}{settings.quote}")


def hedge_symbol(settings: Settings, coin: str) -> Symbol:
    """What a coin is hedged with: as configured, or its perpetual in the reporting currency."""
    return settings.assets[coin].hedge or Symbol("usdm", f"{coin}{settings.quote}")


def account(settings: Settings, market: str) -> AccountId:
    """The wallet of a market: ``binance.spot``."""
    return AccountId(f"{settings.venue}.{market}")


def named(settings: Settings, symbol: Symbol) -> InstrumentId:
    """The instrument that a symbol of the config names."""
    return instrument_id(account(settings, symbol.market), symbol.symbol)


def instruments_wanted(settings: Settings) -> frozenset[InstrumentId]:
    """Every instrument that the config names or implies."""
    both = (pricing_symbol, hedge_symbol)
    return frozenset(named(settings, symbol(settings, coin)) for coin in settings.assets for symbol in both)


def symbols_wanted(settings: Settings) -> frozenset[str]:
    """The venue's symbols of those, as `Catalogue.listing` takes them."""
    return frozenset(wanted.partition(":")[2] for wanted in instruments_wanted(settings))


def to_rules(settings: Settings, instruments: Iterable[Instrument]) -> Rules:
    """The engine's rules. Of `instruments` only those that the config names are taken.

    Raises:
        UnknownInstruments: if one is missing; `bot.runtime.feasible.check_against` says which, at which line.
    """
    by_id = {instrument.id: instrument for instrument in instruments}
    wanted = sorted(instruments_wanted(settings))
    if missing := [name for name in wanted if name not in by_id]:
        raise UnknownInstruments(missing)
    return Rules(
        portfolio=settings.portfolio,
        quote=Asset(settings.quote),
        accounts=tuple(account(settings, market) for market in MARKETS),
        instruments=tuple(by_id[name] for name in wanted),
        assets=tuple(_asset_rule(settings, coin) for coin in sorted(settings.assets)),
        targets=tuple(_target(target, settings.quote) for target in settings.targets),
        limits=_limits(settings.limits),
    )


def _asset_rule(settings: Settings, coin: str) -> AssetRule:
    return AssetRule(
        asset=Asset(coin),
        pricing=named(settings, pricing_symbol(settings, coin)),
        hedge=named(settings, hedge_symbol(settings, coin)),
        declared=settings.assets[coin].declared.value,
    )


def _target(target: TargetSettings, quote: str) -> TargetSpec:
    match target:
        case written.NeutralTarget():
            return RatioTarget(target.name, _coins(target.assets), ONE, band(target.band, quote))
        case written.RatioTarget():
            return RatioTarget(target.name, _coins(target.assets), target.ratio, band(target.band, quote))
        case written.WeightsTarget():
            return WeightsTarget(
                name=target.name,
                weights={Asset(coin): target.weights[coin] for coin in sorted(target.weights)},
                mode=target.mode,
                base=target.base,
                band=band(target.band, quote),
                reserve=_value(target.reserve) if target.base is Base.NAV_LESS_RESERVE else ZERO,
                fixed=_value(target.fixed) if target.base is Base.FIXED else ZERO,
            )


def _coins(names: tuple[str, ...]) -> tuple[Asset, ...]:
    return tuple(Asset(name) for name in sorted(names))


def _value(amount: Amount | None) -> Notional:
    return ZERO if amount is None else amount.value


def band(settings: BandSettings, quote: str) -> Band:
    """A band with its widths as fractions, coins or quote currency."""
    return Band(width(settings.trigger, quote), width(settings.destination, quote))


def width(amount: Amount, quote: str) -> Width:
    """A written width: % of the holding (or of a weight), pp of a weights target's base, coins, or quote currency."""
    match amount.unit:
        case "%":
            return Width(amount.value * SHARES[PERCENT], Unit.RELATIVE)
        case "pp":
            return Width(amount.value * SHARES[PERCENT], Unit.POINTS)
        case unit if unit == quote:
            return Width(amount.value, Unit.QUOTE)
        case _:
            return Width(amount.value, Unit.COINS)


def _limits(limits: LimitSettings) -> Limits:
    return Limits(
        slippage_bps_max=limits.slippage,
        flatten_slippage_bps_max=limits.flatten_slippage,
        collar_mid_bps_max=limits.collar_mid,
        collar_mark_bps_max=limits.collar_mark,
        price_deviation_bps_max=limits.price_deviation,
        order_notional_max=limits.order_notional.value,
        position_notional_max=limits.position_notional.value,
        margin_ratio_max=limits.margin_ratio,
        quote_age_ns_max=limits.quote_age,
        mark_age_ns_max=limits.mark_age,
        account_age_ns_max=limits.account_age,
        reducing_quote_age_ns_max=limits.reducing_quote_age,
        clock_offset_ns_max=limits.clock_offset,
        orders_per_minute_max=limits.orders_per_minute,
        rejects_in_row_max=limits.rejects_in_row,
        ack_timeout_ns=limits.ack_timeout,
        order_deadline_ns=order_deadline_ns(limits),
        evidence_gap_ns=limits.evidence_gap,
        replica_lag_ns_max=limits.replica_lag,
        balance_step_max=limits.balance_step,
        unknown_alert_ns=limits.unknown_alert,
        unknown_halt_ns=limits.unknown_halt,
        naked_notional_seconds_max=limits.naked_exposure.value,
    )


def order_deadline_ns(limits: LimitSettings) -> int:
    """How long after it was sent an order may still reach the book: a sum, so that no part of it can be forgotten."""
    return limits.recv_window + limits.clock_offset + limits.venue_delay
