"""A decision in words, and the value that carries it: made only for what is acted on or asked about."""

from decimal import Decimal

from bot.calc import bands
from bot.calc.bands import Space
from bot.domain.bands import Band
from bot.domain.hedge import Need
from bot.domain.units import ZERO, Qty
from bot.policy.judge import Judged
from bot.policy.view import Aim, plain, width_text


def need(judged: Judged, hedge: Qty, *, breached: bool) -> Need:
    """One asset's derivation, with the band that decides on each side of its target."""
    deviation = judged.coins
    above, over = judged.narrowest(above=True)
    below, under = judged.narrowest(above=False)
    trigger, destination = bands.in_coins(above, over.edge(above=True)), bands.in_coins(above, over.end(above=True))
    lower, lower_end = bands.in_coins(below, under.edge(above=False)), bands.in_coins(below, under.end(above=False))
    return Need(
        asset=judged.asset,
        price=judged.price,
        parts=judged.parts,
        target=judged.parts.exposure - deviation,
        deviation=deviation,
        trigger=trigger,
        destination=destination,
        breached=breached,
        hedge=hedge,
        why=because(judged, over if deviation > 0 else under, hedge, breached=breached),
        trigger_below=lower if lower != trigger else None,
        destination_below=lower_end if lower_end != destination else None,
        shares=judged.shares(),
        cause=next((aim.cause for aim in judged.aims if aim.cause is not None), None),
    )


def because(judged: Judged, band: Band, hedge: Qty, *, breached: bool) -> str:
    """The sentence: what is traded, where the exposure comes from, what the targets want of it, and the band."""
    parts, deviation = judged.parts, judged.coins
    book = f"exposure {plain(parts.exposure)} = holding {plain(parts.holding)} + futures {plain(parts.futures)}"
    if parts.working != ZERO:
        book += f" + working {plain(parts.working)}"
    if parts.index != ZERO:
        book += f" + index {plain(parts.index)}"
    aim = f"target {plain(parts.exposure - deviation)}{_shares(judged)}, deviation {plain(deviation)}"
    verdict = "breached" if breached else ("being corrected" if hedge != 0 else "kept")
    sentence = f"{book}; {aim}; band {width_text(band.edge(above=deviation > 0))} {verdict}{_notes(judged)}"
    if hedge == 0:
        return f"{judged.asset}: {sentence}"
    return f"{'buy' if hedge > 0 else 'sell'} {plain(abs(hedge))} {judged.asset}: {sentence}"


def _shares(judged: Judged) -> str:
    if len(judged.aims) == 1:
        return ""
    return f" ({', '.join(f'{name} {plain(coins)}' for name, coins in judged.shares().items())})"


def _notes(judged: Judged) -> str:
    notes = [aim.note for aim in judged.aims if aim.note]
    notes += [_bound(aim) for aim, one in zip(judged.aims, judged.overlays, strict=True) if _binds(judged, aim, one)]
    if judged.cut:
        notes.append("cut by a cap or a budget")
    return "".join(f"; {note}" for note in dict.fromkeys(notes))


def _binds(judged: Judged, aim: Aim, overlay: Decimal) -> bool:
    """Whether a bound of its own is what an aim has come to."""
    return judged.deviations[0].space is Space.QUOTE and overlay in (aim.least, aim.most)


def _bound(aim: Aim) -> str:
    """A bound in words: an overlay that may only sell, or the largest that it may be."""
    largest = aim.most if aim.least is None else -aim.least
    return f"{aim.target} only sells" if not largest else f"{aim.target} capped at {plain(largest)}"
