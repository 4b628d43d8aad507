"""From settings and the venue's instruments to the rules that the engine works by.

Targets, budgets, statistics and sources follow from the settings alone; instruments come from the venue's catalogue.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from bot.domain.instrument import Instrument, account_of
from bot.domain.rules import AssetRule, HoldingSource, Limits, RoutingRule, Rules, VenueLimits
from bot.domain.targets import Budgets, StatisticsRule, TargetSpec
from bot.domain.units import AccountId, Asset, InstrumentId
from bot.domain.venues import BYBIT, FUTURES_MARKETS, NAMES, SPOT, SPOT_MARKETS, instrument_named, split, venue_of
from bot.domain.venues import written as written_there
from bot.runtime.fields import Symbol
from bot.runtime.fields_targets import NO_HEDGE
from bot.runtime.portfolio_targets import Currencies, caps, target
from bot.runtime.quantities import duration_ns
from bot.runtime.settings import LimitSettings, Settings
from bot.runtime.settings_targets import ConvertTarget

BYBIT_LIMITS = {"quote_age": duration_ns("5 s"), "venue_delay": duration_ns("5 s")}
"""Bybit repeats a price that stands only every three seconds, and an order may lie that long behind its receipt."""


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
    symbol = settings.assets[coin].hedge or Symbol(NAMES[settings.venue].contracts, f"{coin}{settings.quote}")
    return None if symbol == NO_HEDGE else symbol


def hedge_name(settings: Settings, coin: str) -> InstrumentId | None:
    """The instrument that a coin is hedged with; None where it has none."""
    symbol = hedge_symbol(settings, coin)
    return None if symbol is None else named(settings, symbol)


def named(settings: Settings, symbol: Symbol) -> InstrumentId:
    """The instrument that a symbol of the config names, of its own venue or of the one that stands with it."""
    venue, market = split(symbol.market, settings.venue)
    return instrument_named(venue, market, symbol.symbol)


def written(settings: Settings, name: InstrumentId) -> str:
    """An instrument as the config would write it."""
    venue = venue_of(name)
    return written_there(name) if venue == settings.venue else f"{venue}.{written_there(name)}"


def venues(settings: Settings) -> tuple[str, ...]:
    """Every venue that the config needs, its own first."""
    others = sorted({venue_of(name) for name in instruments_wanted(settings)} - {settings.venue})
    return (settings.venue, *others)


def accounts(settings: Settings) -> tuple[AccountId, ...]:
    """The accounts that are looked at: all of the config's venue, and of another one those with an instrument."""
    named_there = {account_of(name) for name in instruments_wanted(settings)}
    own, *others = venues(settings)
    if others:
        # Where another venue does a part of the work, an account without any of it need not even exist.
        return tuple(one for venue in (own, *others) for one in NAMES[venue].accounts if one in named_there)
    return NAMES[own].accounts


def has_futures(settings: Settings, venue: str) -> bool:
    """Whether contracts are traded at a venue of the config: at the only one, or where an instrument is one."""
    if len(venues(settings)) == 1:
        return True
    named_there = (name for name in instruments_wanted(settings) if venue_of(name) == venue)
    return any(not written_there(name).startswith(f"{SPOT}:") for name in named_there)


def instruments_wanted(settings: Settings) -> frozenset[InstrumentId]:
    """Every instrument that the config names or implies."""
    pricing = (named(settings, pricing_symbol(settings, coin)) for coin in settings.assets)
    hedges = (hedge_name(settings, coin) for coin in settings.assets)
    others = (name for coin in settings.assets for name in alternative_names(settings, coin))
    return frozenset((*pricing, *(name for name in hedges if name is not None), *others, *pegs(settings)))


def alternative_names(settings: Settings, coin: str) -> tuple[InstrumentId, ...]:
    """The further futures that may carry a coin's hedge."""
    return tuple(named(settings, symbol) for symbol in settings.assets[coin].alternatives)


def pegs(settings: Settings) -> tuple[InstrumentId, ...]:
    """The pairs that say what the quote currency is worth in dollars."""
    return tuple(named(settings, symbol) for symbol in settings.peg.references)


def sold(settings: Settings) -> frozenset[InstrumentId]:
    """The spot pairs on which targets may sell coins: only there are orders of ours looked for."""
    coins = (target.asset for target in settings.targets if isinstance(target, ConvertTarget))
    return frozenset(named(settings, pricing_symbol(settings, coin)) for coin in coins if coin in settings.assets)


def symbols_wanted(settings: Settings, venue: str | None = None) -> frozenset[str]:
    """A venue's symbols of those (the config's own where none is given), as `Catalogue.listing` takes them."""
    chosen = venue or settings.venue
    return frozenset(name.rpartition(":")[2] for name in instruments_wanted(settings) if venue_of(name) == chosen)


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
        accounts=accounts(settings),
        instruments=tuple(by_id[name] for name in wanted),
        assets=tuple(_asset_rule(settings, coin) for coin in sorted(settings.assets)),
        targets=targets(settings),
        limits=limits(settings),
        budgets=budgets(settings),
        statistics=statistics(settings),
        sources=sources(settings),
        pegs=pegs(settings),
        routing=routing(settings),
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
    return named(settings, Symbol(market, symbol)) if market in (*SPOT_MARKETS, *FUTURES_MARKETS) else name


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


def routing(settings: Settings) -> RoutingRule:
    """What the futures of a coin are compared by, beside their market."""
    return RoutingRule(capital_apr=settings.routing.capital_apr, adverse_basis=settings.routing.adverse_basis)


def sources(settings: Settings) -> tuple[HoldingSource, ...]:
    """The off-venue sources of holdings, by name."""
    return tuple(
        HoldingSource(name, tuple(Asset(coin) for coin in sorted(source.assets)), source.age)
        for name, source in sorted(settings.holdings.items())
    )


def counted(settings: Settings) -> frozenset[Asset]:
    """Every coin that exposures have, in whichever form it is held."""
    return frozenset(Asset(form) for coin, asset in settings.assets.items() for form in (coin, *asset.held_as))


def _asset_rule(settings: Settings, coin: str) -> AssetRule:
    return AssetRule(
        asset=Asset(coin),
        pricing=named(settings, pricing_symbol(settings, coin)),
        hedge=hedge_name(settings, coin),
        declared=settings.assets[coin].declared.value,
        composition={Asset(part): share for part, share in sorted(settings.assets[coin].composition.items())},
        alternatives=alternative_names(settings, coin),
        held_as={Asset(other): units for other, units in sorted(settings.assets[coin].held_as.items())},
    )


def limits(settings: Settings) -> Limits:
    """Every bound that an order must keep; what is left out follows from the venue that an input comes from."""
    given, used = settings.limits, venues(settings)
    left_out = {key: value for key, value in BYBIT_LIMITS.items() if key not in given.model_fields_set}
    if BYBIT not in used or not left_out:
        return _limits(given)
    patient = given.model_copy(update=left_out)
    if len(used) == 1:
        return _limits(patient)
    own = VenueLimits(quote_age_ns_max=patient.quote_age, order_deadline_ns=order_deadline_ns(patient))
    return msgspec.structs.replace(_limits(given), venues={BYBIT: own})


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
        stress_distance_min=limits.stress_distance,
    )


def order_deadline_ns(limits: LimitSettings) -> int:
    """How long after it was sent an order may still reach the book: a sum, so that no part of it can be forgotten."""
    return limits.recv_window + limits.clock_offset + limits.venue_delay
