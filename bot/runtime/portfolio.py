"""From settings and the venue's instruments to the rules that the engine works by.

Targets, budgets, statistics and sources follow from the settings alone; instruments come from the venue's catalogue.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.domain.instrument import Instrument, instrument_id
from bot.domain.rules import AssetRule, HoldingSource, Limits, Rules
from bot.domain.targets import Budgets, StatisticsRule, TargetSpec
from bot.domain.units import AccountId, Asset, InstrumentId
from bot.runtime.fields import Symbol
from bot.runtime.fields_targets import NO_HEDGE
from bot.runtime.portfolio_targets import Currencies, caps, target
from bot.runtime.settings import LimitSettings, Settings
from bot.runtime.settings_targets import ConvertTarget

MARKETS = ("spot", "usdm")


class UnknownInstruments(Exception):
    """Rules cannot be made: the venue's catalogue lacks instruments that the config names."""

    def __init__(self, missing: Iterable[InstrumentId]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"no such instruments: {', '.join(self.missing)}")


def pricing_symbol(settings: Settings, coin: str) -> Symbol:
    """Where a coin is priced: as configured, or its spot market against the quote currency (an index: its future)."""
    asset = settings.assets[coin]
    future = hedge_symbol(settings, coin) if asset.composition else None
    return asset.pricing or future or Symbol("spot", f"{coin}{settings.quote}")


def hedge_symbol(settings: Settings, coin: str) -> Symbol | None:
    """What a coin is hedged with: as configured, or its perpetual in the quote currency; None where it has none."""
    symbol = settings.assets[coin].hedge or Symbol("usdm", f"{coin}{settings.quote}")
    return None if symbol == NO_HEDGE else symbol


def hedge_name(settings: Settings, coin: str) -> InstrumentId | None:
    """The instrument that a coin is hedged with; None where it has none."""
    symbol = hedge_symbol(settings, coin)
    return None if symbol is None else named(settings, symbol)


def account(settings: Settings, market: str) -> AccountId:
    """The wallet of a market: ``binance.spot``."""
    return AccountId(f"{settings.venue}.{market}")


def named(settings: Settings, symbol: Symbol) -> InstrumentId:
    """The instrument that a symbol of the config names."""
    return instrument_id(account(settings, symbol.market), symbol.symbol)


def instruments_wanted(settings: Settings) -> frozenset[InstrumentId]:
    """Every instrument that the config names or implies."""
    pricing = (named(settings, pricing_symbol(settings, coin)) for coin in settings.assets)
    hedges = (hedge_name(settings, coin) for coin in settings.assets)
    return frozenset((*pricing, *(name for name in hedges if name is not None)))


def sold(settings: Settings) -> frozenset[InstrumentId]:
    """The spot pairs on which targets may sell coins: only there are orders of ours looked for."""
    coins = (target.asset for target in settings.targets if isinstance(target, ConvertTarget))
    return frozenset(named(settings, pricing_symbol(settings, coin)) for coin in coins if coin in settings.assets)


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
        targets=targets(settings),
        limits=limits(settings),
        budgets=budgets(settings),
        statistics=statistics(settings),
        sources=sources(settings),
    )


def targets(settings: Settings, rates: Mapping[str, Decimal] | None = None) -> tuple[TargetSpec, ...]:
    """The targets, in the order of the file.

    `rates` is what one unit of a currency (the quote, the reporting currency) is worth in the unit of account; a
    currency without one counts one to one, as it does for the running service, whose unit of account is the quote.
    """
    money = currencies(settings, rates)
    return tuple(target(given, money) for given in settings.targets)


def currencies(settings: Settings, rates: Mapping[str, Decimal] | None = None) -> Currencies:
    """The currencies of a config with their worth in the unit of account, as `targets` takes it."""
    return Currencies(settings.quote, settings.reporting, rates or {})


def budgets(settings: Settings, rates: Mapping[str, Decimal] | None = None) -> Budgets:
    """What overlays may be worth in all; `rates` as in `targets`."""
    given, money = settings.budgets, currencies(settings, rates)
    return Budgets(
        core=given.core,
        overlay=given.overlay,
        carry=given.carry,
        assets=caps(given.assets, money),
        instruments={
            _full(settings, name): money.notional(given.instruments[name]) for name in sorted(given.instruments)
        },
        venues={name: money.notional(given.venues[name]) for name in sorted(given.venues)},
    )


def _full(settings: Settings, name: str) -> str:
    """An instrument's whole name: the config leaves out its own venue's."""
    market, _, symbol = name.partition(":")
    return named(settings, Symbol(market, symbol)) if market in MARKETS else name


def statistics(settings: Settings) -> StatisticsRule:
    """How volatilities, correlations and betas are measured."""
    given = settings.statistics
    return StatisticsRule(
        sample_ns=given.sample,
        half_life_ns=given.half_life,
        fast_half_life_ns=given.fast_half_life,
        slow_half_life_ns=given.slow_half_life,
        prior_weight=given.prior_weight,
    )


def sources(settings: Settings) -> tuple[HoldingSource, ...]:
    """The off-venue sources of holdings, by name."""
    return tuple(
        HoldingSource(name, tuple(Asset(coin) for coin in sorted(source.assets)), source.age)
        for name, source in sorted(settings.holdings.items())
    )


def _asset_rule(settings: Settings, coin: str) -> AssetRule:
    return AssetRule(
        asset=Asset(coin),
        pricing=named(settings, pricing_symbol(settings, coin)),
        hedge=hedge_name(settings, coin),
        declared=settings.assets[coin].declared.value,
        composition={Asset(part): share for part, share in sorted(settings.assets[coin].composition.items())},
    )


def limits(settings: Settings) -> Limits:
    """Every bound that an order must keep."""
    return _limits(settings.limits)


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
