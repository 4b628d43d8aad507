"""From the targets of a config to the targets that are judged: fractions, coins, nanoseconds and one unit of account.

Money may be written in the quote currency or in the reporting currency. The running service counts in the quote, a
plan in the reporting currency; `Currencies.rates` says what one of either is worth there. Where there is no rate a
unit of one counts as a unit of the other: the running service has no price of the dollar itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from bot.domain.bands import Auto, Band, Unit, Width
from bot.domain.targets import (
    Base,
    Basis,
    CashTarget,
    ConvertTarget,
    IndexTarget,
    LeverageTarget,
    ParityTarget,
    ProxyTarget,
    RatioTarget,
    TargetSpec,
    TiltTarget,
    UnwindTarget,
    WeightsTarget,
)
from bot.domain.triggers import Gate, PriceEnd, Slices, Until, When
from bot.domain.units import ONE, ZERO, Asset, Nanos, Notional, Price, Qty
from bot.runtime import settings_targets as written
from bot.runtime.quantities import PERCENT, POINTS, SHARES, Amount
from bot.runtime.settings_triggers import (
    AutoBandSettings,
    BandSettings,
    GateSettings,
    SliceSettings,
    UntilSettings,
    WhenSettings,
)


@dataclass(frozen=True, slots=True)
class Currencies:
    """The currencies that amounts are written in, and what one unit of each is worth in the unit of account."""

    quote: str
    reporting: str
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    def counts(self, unit: str) -> bool:
        """Whether an amount in this unit is money."""
        return unit in (self.quote, self.reporting)

    def notional(self, amount: Amount) -> Notional:
        """An amount of money in the unit of account."""
        return Notional(amount.value * self.rates.get(amount.unit, ONE))


def target(given: written.TargetSettings, money: Currencies) -> TargetSpec:
    """A target as the engine and a plan judge it."""
    match given:
        case written.NeutralTarget() | written.RatioTarget():
            return _ratio(given, money)
        case written.WeightsTarget() | written.ParityTarget() | written.LeverageTarget():
            return _weighted(given, money)
        case written.TiltTarget() | written.CashTarget() | written.IndexTarget():
            return _overlay(given, money)
        case written.ProxyTarget():
            return _proxy(given, money)
        case written.UnwindTarget() | written.ConvertTarget():
            return _move(given, money)


def _ratio(given: written.NeutralTarget | written.RatioTarget, money: Currencies) -> RatioTarget:
    return RatioTarget(
        name=given.name,
        assets=_coins(given.assets),
        ratio=given.ratio if isinstance(given, written.RatioTarget) else ONE,
        band=band(given.band, money),
        when=_when(given.when),
        until=_until(given.until, money),
        owns=_owned(given.owns),
        cap=_cap(given.cap, money),
    )


def _weighted(
    given: written.WeightsTarget | written.ParityTarget | written.LeverageTarget, money: Currencies
) -> WeightsTarget | ParityTarget | LeverageTarget:
    when, until, owns = _when(given.when), _until(given.until, money), _owned(given.owns)
    cap, basis = _cap(given.cap, money), _basis(given, money)
    match given:
        case written.WeightsTarget():
            return WeightsTarget(
                name=given.name,
                weights=_shares({coin: given.weights[coin] for coin in written.exposed(given)}),
                mode=given.mode,
                band=band(given.band, money),
                basis=_with_cash(basis, given),
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )
        case written.LeverageTarget():
            return LeverageTarget(
                name=given.name,
                weights=_shares(given.weights),
                leverage=given.leverage,
                leverage_max=given.leverage_max,
                band=fixed_band(given.band, money),
                basis=basis,
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )
        case written.ParityTarget():
            return ParityTarget(
                name=given.name,
                assets=_coins(given.assets),
                band=band(given.band, money),
                method=given.method,
                mode=given.mode,
                exposure=given.exposure,
                volatilities=_shares(given.volatilities),
                basis=basis,
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )


def _with_cash(basis: Basis, given: written.WeightsTarget) -> Basis:
    """A weight of the quote currency says that all of it counts, but for what a reserve takes out."""
    named = given.weights.keys() - set(written.exposed(given))
    if basis.base is not Base.NAV_LESS_RESERVE or not named:
        return basis
    return msgspec.structs.replace(basis, reserve={Asset(one): ZERO for one in sorted(named)} | dict(basis.reserve))


def _overlay(
    given: written.TiltTarget | written.CashTarget | written.IndexTarget, money: Currencies
) -> TiltTarget | CashTarget | IndexTarget:
    when, until, owns = _when(given.when), _until(given.until, money), _owned(given.owns)
    cap, basis, fixed = _cap(given.cap, money), _basis(given, money), fixed_band(given.band, money)
    match given:
        case written.TiltTarget():
            return TiltTarget(
                name=given.name,
                long=_shares(given.long),
                short=_shares(given.short),
                size=given.size,
                neutral=given.neutral,
                benchmark=Asset(given.benchmark),
                betas=_shares(given.betas),
                band=fixed,
                basis=basis,
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )
        case written.CashTarget():
            return CashTarget(
                name=given.name,
                share=given.share,
                anchor=Asset(given.anchor),
                beta=given.beta,
                band=fixed,
                basis=basis,
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )
        case written.IndexTarget():
            return IndexTarget(
                name=given.name,
                assets=_coins(given.assets),
                indices=_coins(given.indices),
                weight=given.weight,
                beta=given.beta,
                band=fixed,
                basis=basis,
                when=when,
                until=until,
                owns=owns,
                cap=cap,
            )


def _proxy(given: written.ProxyTarget, money: Currencies) -> ProxyTarget:
    return ProxyTarget(
        name=given.name,
        assets=_coins(given.assets),
        anchors=_coins(given.anchors),
        ratio=given.ratio,
        betas={Asset(coin): _shares(given.betas[coin]) for coin in sorted(given.betas)},
        beta_prior=given.beta_prior,
        beta_error_max=given.beta_error,
        samples_min=given.samples,
        effectiveness_min=given.effectiveness,
        decoupled=given.decoupled,
        decoupled_share=given.decoupled_share,
        anchor_caps=caps(given.anchor_caps, money),
        cost_aware=given.cost_aware,
        risk_aversion=given.risk_aversion,
        band=fixed_band(given.band, money),
        when=_when(given.when),
        until=_until(given.until, money),
        owns=_owned(given.owns),
        cap=_cap(given.cap, money),
    )


def _move(given: written.UnwindTarget | written.ConvertTarget, money: Currencies) -> UnwindTarget | ConvertTarget:
    slices, fixed = _slices(given.slices, money), fixed_band(given.band, money)
    when, until, owns = _when(given.when), _until(given.until, money), _owned(given.owns)
    cap = _cap(given.cap, money)
    if isinstance(given, written.UnwindTarget):
        return UnwindTarget(
            name=given.name,
            assets=_coins(given.assets),
            slices=slices,
            band=fixed,
            when=when,
            until=until,
            owns=owns,
            cap=cap,
        )
    return ConvertTarget(
        name=given.name,
        asset=Asset(given.asset),
        amount=Qty(given.amount.value),
        slices=slices,
        band=fixed,
        when=when,
        until=until,
        owns=owns,
        cap=cap,
    )


# ---------------------------------------------------------------------------------------------- parts of targets
def _coins(names: tuple[str, ...]) -> tuple[Asset, ...]:
    return tuple(Asset(name) for name in sorted(names))


def _shares(given: Mapping[str, Decimal]) -> dict[Asset, Decimal]:
    return {Asset(coin): given[coin] for coin in sorted(given)}


def _owned(given: Mapping[str, Amount]) -> dict[Asset, Qty]:
    return {Asset(coin): Qty(given[coin].value) for coin in sorted(given)}


def caps(given: Mapping[str, Amount], money: Currencies) -> dict[Asset, Notional]:
    """A cap for each coin, in the unit of account."""
    return {Asset(coin): money.notional(given[coin]) for coin in sorted(given)}


def _cap(given: Amount | None, money: Currencies) -> Notional | None:
    return None if given is None else money.notional(given)


def _basis(given: written.BasedTarget, money: Currencies) -> Basis:
    reserve: dict[Asset, Qty] = {}
    if given.base is Base.NAV_LESS_RESERVE and given.reserve is not None:
        for amount in given.reserve:
            reserve[Asset(amount.unit)] = Qty(reserve.get(Asset(amount.unit), ZERO) + amount.value)
    fixed = money.notional(given.fixed) if given.base is Base.FIXED and given.fixed is not None else Notional(ZERO)
    return Basis(base=given.base, reserve=reserve, fixed=fixed)


def _when(given: WhenSettings) -> When:
    return When(
        persist_ns=given.persist,
        calendar=given.calendar,
        start=given.start,
        gates=tuple(_gate(gate) for gate in given.gates),
        gate_delay_ns_max=given.gate_delay,
        cost_to_risk_max=given.cost_to_risk,
        funding_cost_max=given.funding_cost,
    )


def _gate(given: GateSettings) -> Gate:
    return Gate(
        signal=given.signal,
        fast=given.fast,
        slow=given.slow,
        threshold=given.threshold,
        asset=None if given.asset is None else Asset(given.asset),
    )


def _until(given: UntilSettings | None, money: Currencies) -> Until | None:
    if given is None:
        return None
    price = given.price
    end = None
    if price is not None:
        above, below = (None if one is None else Price(money.notional(one)) for one in (price.above, price.below))
        end = PriceEnd(asset=Asset(price.asset), above=above, below=below)
    return Until(
        at_ns=None if given.time is None else Nanos(given.time),
        price=end,
        funding_cost_max=given.funding_cost,
        drift_healed=given.drift_healed,
    )


def _slices(given: SliceSettings, money: Currencies) -> Slices:
    return Slices(notional_max=money.notional(given.notional), every_ns=given.every)


# --------------------------------------------------------------------------------------------------------- bands
def band(given: BandSettings | AutoBandSettings, money: Currencies) -> Band | Auto:
    """A band with its widths as fractions, coins or money."""
    if isinstance(given, BandSettings):
        return fixed_band(given, money)
    auto = given.auto
    return Auto(
        hard=width(auto.hard, money),
        risk_aversion=auto.risk_aversion,
        tracking_error=auto.tracking_error,
        floor=width(auto.floor, money),
        half_life_ns=auto.half_life,
        trade_min=auto.trade_min,
    )


def fixed_band(given: BandSettings | AutoBandSettings, money: Currencies) -> Band:
    """The band of a target whose width is written; `settings_targets_cross` has refused any other."""
    assert isinstance(given, BandSettings), "a band that sets its own width belongs to other kinds"
    below, end_below, instant = (
        None if one is None else width(one, money)
        for one in (given.trigger_below, given.destination_below, given.instant)
    )
    return Band(width(given.trigger, money), width(given.destination, money), below, end_below, instant)


def width(amount: Amount, money: Currencies) -> Width:
    """A written width: % of the holding (or of a weight), pp of a target's base, coins, or money."""
    if amount.unit == PERCENT:
        return Width(amount.value * SHARES[PERCENT], Unit.RELATIVE)
    if amount.unit == POINTS:
        return Width(amount.value * SHARES[PERCENT], Unit.POINTS)
    if money.counts(amount.unit):
        return Width(money.notional(amount), Unit.QUOTE)
    return Width(amount.value, Unit.COINS)
