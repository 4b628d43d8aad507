"""What must fit together in `when` and `until`: calendars, gates and their data, what ends a target."""

from collections.abc import Iterator

from bot.domain.triggers import Signal, Start
from bot.runtime.document import Document, Path
from bot.runtime.fields_targets import NONE, written_moment
from bot.runtime.problems import Problem, closest
from bot.runtime.settings_reading import money_problem, read
from bot.runtime.settings_told import Told
from bot.runtime.settings_triggers import GateSettings, PriceSettings, UntilSettings, WhenSettings

_OF_TWO_AVERAGES = (Signal.TREND, Signal.CHAIKIN)
_OF_THE_FUTURE = (Signal.OPEN_INTEREST, Signal.BASIS)
_DRIFTING = ("weights", "risk_parity")
"""The kinds whose drift can heal without a hedge."""


def trigger_problems(document: Document, target: Told, now_ns: int | None) -> Iterator[Problem]:
    """Everything about when one target acts that does not fit together; no moment is past where `now_ns` is None."""
    yield from _calendar(document, (*target.here, "when"))
    for place in range(len(document.sequence(*target.here, "when", "gates"))):
        yield from _gate(document, target, (*target.here, "when", "gates", place))
    if document.at(*target.here, "until") is not None:
        yield from _until(document, target, (*target.here, "until"), now_ns)


def _calendar(document: Document, here: Path) -> Iterator[Problem]:
    start = read(WhenSettings, document, *here, "start")
    if start in (Start.BOTH, Start.CALENDAR) and not document.at(*here, "calendar"):
        what = f"start: {start.value} needs a calendar"
        yield document.problem((*here, "start"), what, "calendar: '0 8 * * 1', or start: either")


def _gate(document: Document, target: Told, here: Path) -> Iterator[Problem]:
    fast, slow = (read(GateSettings, document, *here, key) for key in ("fast", "slow"))
    signal = read(GateSettings, document, *here, "signal")
    if signal in _OF_TWO_AVERAGES and fast is not None and slow is not None and fast >= slow:
        key = "fast" if document.at(*here, "fast") is not None else "slow"
        yield document.problem((*here, key), f"fast ({fast}) is not shorter than slow ({slow})", "fast < slow")
    asset = document.at(*here, "asset")
    known = document.mapping("assets")
    if isinstance(asset, str) and asset.upper() not in {coin.upper() for coin in known}:
        what = f"{asset} has no entry under assets, so there is no data of it"
        yield document.problem((*here, "asset"), what, ", ".join(known), closest(asset, known))
    watched = [asset] if isinstance(asset, str) else [coin for coin, _ in target.traded]
    without = [coin for coin in watched if document.at("assets", coin, "hedge") == NONE]
    if signal in _OF_THE_FUTURE and without:
        what = f"{signal.value} is data of a future, and {', '.join(without)} has none (hedge: none)"
        yield document.problem((*here, "signal"), what, "another signal, or an asset with a future")


def _until(document: Document, target: Told, here: Path, now_ns: int | None) -> Iterator[Problem]:
    at_ns = read(UntilSettings, document, *here, "time")
    if at_ns is not None and now_ns is not None and at_ns <= now_ns:
        what = f"over already: it is {written_moment(now_ns)}"
        yield document.problem((*here, "time"), what, "a moment to come, or the target taken out")
    if read(UntilSettings, document, *here, "drift_healed") is True and target.kind not in _DRIFTING:
        what = f"a target of the kind {target.kind} has no drift that could heal"
        yield document.problem((*here, "drift_healed"), what, f"a target of the kind {' or '.join(_DRIFTING)}")
    if not any(document.mapping(*here).values()):
        yield document.problem(here, "nothing that could end it", "time, price, funding_cost or drift_healed")
    if document.at(*here, "price") is not None:
        yield from _price(document, (*here, "price"))


def _price(document: Document, here: Path) -> Iterator[Problem]:
    asset, known = document.at(*here, "asset"), document.mapping("assets")
    if isinstance(asset, str) and asset.upper() not in {coin.upper() for coin in known}:
        what = f"{asset} has no entry under assets, so nothing says how to price it"
        yield document.problem((*here, "asset"), what, ", ".join(known), closest(asset, known))
    above, below = (read(PriceSettings, document, *here, key) for key in ("above", "below"))
    if document.at(*here, "above") is None and document.at(*here, "below") is None:
        yield document.problem(here, "no price", "above, below, or both")
    for key in ("above", "below"):
        yield from money_problem(document, (*here, key))
    if above is not None and below is not None and below.value >= above.value:
        what = f"{below} is not below {above}: every price would end it"
        yield document.problem((*here, "below"), what, f"less than {above}")
