"""How things stand, in words: targets, open hedges, orders of unknown fate; and the alerts of a start and a stop."""

from collections.abc import Mapping
from decimal import Decimal

from bot.domain.bands import Auto, Band
from bot.domain.commands import Severity
from bot.domain.targets import (
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
    WeightsMode,
    WeightsTarget,
)
from bot.domain.units import Asset, exact
from bot.engine.modes import Mode
from bot.engine.state import State
from bot.ops.alerts import words
from bot.ops.alerts.kinds import Alert, Kind, life_key
from bot.ops.alerts.voice import Voice
from bot.policy.view import width_text

SHOWN_MAX = 8


def starting(voice: Voice, state: State, version: str) -> Alert:
    """The daemon started: with which targets, and what it found. `state` has folded the Started event."""
    modes, count = state.modes, len(state.layout.rules.targets)
    halted = "" if modes.overall is Mode.RUN else f", {modes.overall.name}"
    facts = [("version", version), ("mode", f"{voice.run_mode}, {modes.overall.name}")]
    facts += [(f"target {target.name}", target_text(target)) for target in state.layout.rules.targets]
    facts += [("open hedges", open_positions(state)), ("unresolved orders", open_orders(state))]
    facts += [(f"latched {scope}", f"{one.mode.name}: {one.reason}") for scope, one in sorted(modes.latches.items())]
    return voice.say(
        Kind.START,
        voice.portfolio,
        f"started: {voice.run_mode}, {count} target{'s' * (count != 1)}{halted}",
        [
            f"Open hedges: {open_positions(state)}; unresolved orders: {open_orders(state)}.",
            "Both are as the journal has them, until the venue has confirmed them.",
            "" if modes.overall is Mode.RUN else "It stays as it is until it is armed.",
        ],
        key=life_key(voice.portfolio),
        severity=Severity.INFO if modes.overall is Mode.RUN else Severity.WARNING,
        facts=facts,
    )


def stopping(voice: Voice, state: State) -> Alert:
    """The daemon ends in good order: what stays open and is watched by nobody."""
    flat = not any(belief.position.contracts for belief in state.accounts.positions.values())
    watched = (
        "No hedge is open." if flat else "Hedges stay as they are and nobody watches them until it is started again."
    )
    return voice.say(
        Kind.STOP,
        voice.portfolio,
        "stopped" if flat else f"stopped, hedges stay: {open_positions(state)}",
        [watched],
        key=life_key(voice.portfolio),
        severity=Severity.INFO,
        facts=[
            ("open hedges", open_positions(state)),
            ("unresolved orders", open_orders(state)),
            ("mode", f"{voice.run_mode}, {state.modes.overall.name}"),
        ],
    )


def target_text(target: TargetSpec) -> str:
    """A target in words."""
    ends = "; ends by itself" if target.until is not None else ""
    return f"{_aim_text(target)}; {band_text(target.band)}{ends}"


def band_text(band: Band | Auto) -> str:
    """A band in words."""
    if isinstance(band, Auto):
        return f"band by cost and volatility, at most {width_text(band.hard)}"
    within = f"band {width_text(band.trigger)} to {width_text(band.destination)}"
    below = band.trigger_below or band.destination_below
    return (
        f"{within}, below {width_text(band.edge(above=False))} to {width_text(band.end(above=False))}"
        if below
        else within
    )


def _aim_text(target: TargetSpec) -> str:  # noqa: C901, PLR0911 - the one match over the kinds
    match target:
        case RatioTarget():
            return f"hedge {words.percent(target.ratio, 0)} of {words.listed(target.assets)}"
        case WeightsTarget():
            how = "only ever shorts" if target.mode is WeightsMode.TRIM_ONLY else "shorts and longs"
            return f"{_shares(target.weights)} of {_base(target.basis)}, {how}"
        case TiltTarget():
            sides = f"{_shares(target.long)} against {_shares(target.short)}"
            return f"tilt {_share(target.size)} of {_base(target.basis)} into {sides}, {target.neutral.value}-neutral"
        case CashTarget():
            return f"take {_share(target.share)} of {_base(target.basis)} out of the market by {target.anchor}"
        case LeverageTarget():
            held, most = words.number(target.leverage), words.number(target.leverage_max)
            return f"hold {held} x {_base(target.basis)} as {_shares(target.weights)}, at most {most} x"
        case ProxyTarget():
            return (
                f"hedge {words.percent(target.ratio, 0)} of {words.listed(target.assets)} "
                f"through {words.listed(target.anchors)}"
            )
        case IndexTarget():
            coins = words.listed(target.assets)
            return f"keep {coins} at {_share(target.weight)} of {_base(target.basis)} by {words.listed(target.indices)}"
        case ParityTarget():
            coins = words.listed(target.assets)
            return f"equal risk of {coins}, in all {_share(target.exposure)} of {_base(target.basis)}"
        case UnwindTarget():
            return f"close the hedges of {words.listed(target.assets)}, slice by slice"
        case ConvertTarget():
            return f"sell {words.coins(target.amount, target.asset)} and close as much of its hedge"


def _shares(weights: Mapping[Asset, Decimal]) -> str:
    return words.listed(f"{asset} {_share(weight)}" for asset, weight in sorted(weights.items()))


def _base(basis: Basis) -> str:
    return basis.base.value.replace("_", " ")


def open_positions(state: State) -> str:
    """Futures positions as believed, each with its value at mark."""
    found = []
    for name, belief in sorted(state.accounts.positions.items()):
        instrument, mark = state.layout.instruments.get(name), state.books.marks.get(name)
        if not belief.position.contracts or instrument is None:
            continue
        amount = instrument.coins(belief.position.contracts)
        value = f" ({words.money(amount * exact(mark.mark), state.layout.rules.quote)})" if mark is not None else ""
        found.append(f"{words.coins(amount, instrument.base)}{value}")
    return _bounded(found)


def open_orders(state: State) -> str:
    """Orders of which the end is not known."""
    live = state.orders.live()
    return _bounded(
        [
            f"{one.request.side.value} {words.number(one.request.contracts)} {one.request.instrument} "
            f"({one.status.value.replace('_', ' ')})"
            for one in live
        ]
    )


def _bounded(found: list[str]) -> str:
    more = len(found) - SHOWN_MAX
    return words.listed([*found[:SHOWN_MAX], *([f"{more} more"] if more > 0 else [])]) if found else "none"


def _share(weight: Decimal) -> str:
    return f"{words.number(weight * 100)} %"
