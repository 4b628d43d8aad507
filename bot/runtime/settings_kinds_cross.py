"""What must fit together within one target of each kind: sums, sides, anchors, bases."""

from collections.abc import Iterator
from decimal import Decimal

from bot.domain.targets import Base, Neutrality
from bot.runtime.document import Document, Path
from bot.runtime.fields_targets import NONE
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import plain
from bot.runtime.settings_bands_cross import BASED_KINDS
from bot.runtime.settings_reading import currencies_of, has_price, money_problem, quote_of, read, read_share
from bot.runtime.settings_targets import BasedTarget, ConvertTarget, LeverageTarget, TiltTarget
from bot.runtime.settings_told import Told
from bot.runtime.settings_triggers import BandSettings

RESERVE_KINDS = ("weights", "leverage", "risk_parity")
"""The kinds that put the whole base into coins, so that collateral must be told apart from what is invested."""


def kind_problems(document: Document, target: Told) -> Iterator[Problem]:
    """Everything within one target that does not fit together."""
    yield from _hedgeable(document, target)
    if target.kind in BASED_KINDS:
        yield from _basis(document, target)
    check = _CHECKS.get(target.kind)
    if check is not None:
        yield from check(document, target)


def _hedgeable(document: Document, target: Told) -> Iterator[Problem]:
    """What is hedged through a future has one."""
    for coin, path in target.traded:
        if document.at("assets", coin, "hedge") == NONE:
            instead = "" if target.kind in ("proxy", "index") else ", or a target of the kind proxy"
            yield document.problem(path, f"{coin} has no future (hedge: none)", f"a coin with a future{instead}")


# ------------------------------------------------------------------------------------------------------ bases
def _basis(document: Document, target: Told) -> Iterator[Problem]:
    here, quote = target.here, quote_of(document)
    base = read(BasedTarget, document, *here, "base")
    needs = {Base.NAV_LESS_RESERVE: "reserve", Base.FIXED: "fixed"}.get(base)
    if base is Base.FIXED and document.at(*here, "fixed") is None:
        yield document.problem((*here, "base"), "the base fixed needs 'fixed'", base_choices(quote))
    for key in ("reserve", "fixed"):
        if document.at(*here, key) is not None and base is not None and key != needs:
            what = f"means nothing with the base {base.value}"
            yield document.problem((*here, key), what, "leave it out, or another base")
    if needs == "reserve":
        yield from _reserve(document, (*here, "reserve"))
    elif needs == "fixed":
        yield from money_problem(document, (*here, "fixed"))


def base_choices(quote: str) -> str:
    """The three bases that there are, as a config writes them."""
    return (
        f"base: nav_less_reserve with reserve: 20000 {quote} (collateral that does not count), base: owned, "
        f"or base: fixed with fixed: 100000 {quote}"
    )


def _reserve(document: Document, path: Path) -> Iterator[Problem]:
    known = (*currencies_of(document), *document.mapping("assets"))
    for amount in read(BasedTarget, document, *path) or ():
        if not has_price(document, amount.unit):
            below = (*path, amount.unit) if document.mapping(*path) else path
            what = f"'{amount.unit}' is neither the quote currency nor an asset"
            yield document.problem(below, what, f"an amount in {', '.join(known)}", closest(amount.unit, known))


# ------------------------------------------------------------------------------------------------------- sums
def _total(document: Document, path: Path) -> Decimal | None:
    """The sum of a section's shares; None where one of them cannot be read, or there is none."""
    shares = [read_share(document, *path, coin) for coin in document.mapping(*path)]
    return sum((share for share in shares if share is not None), Decimal(0)) if shares else None


def _complete(document: Document, path: Path) -> Iterator[Problem]:
    """Shares that are parts of one whole add up to it."""
    readable = all(read_share(document, *path, coin) is not None for coin in document.mapping(*path))
    total = _total(document, path)
    if readable and total is not None and total != 1:
        yield document.problem(path, f"the shares add up to {plain(total)}", "a sum of 1")


def _weights(document: Document, target: Told) -> Iterator[Problem]:
    path: Path = (*target.here, "weights")
    total = _total(document, path)
    if total is not None and total > 1:
        what = f"the weights add up to {plain(total)}"
        yield document.problem(path, what, "a sum of at most 1, or a target of the kind leverage")
    yield from _cash_weights(document, target)


def _cash_weights(document: Document, target: Told) -> Iterator[Problem]:
    """Of currencies the quote alone has a weight, coins have one beside it, and their base counts money."""
    quote, base = quote_of(document), read(BasedTarget, document, *target.here, "base")
    for currency, path in target.cash:
        if currency != quote:
            yield document.problem(path, f"{currency} is cash and not the quote currency", f"coins, and {quote}")
        elif not target.exposed:
            yield document.problem(path, f"{currency} alone is no portfolio", "a weight of a coin beside it")
        elif base is Base.OWNED:
            what = f"the base owned is what the coins are worth, and has no {currency} in it"
            yield document.problem(path, what, "the base nav_less_reserve, or weights of coins that leave it out")


def _leverage(document: Document, target: Told) -> Iterator[Problem]:
    yield from _complete(document, (*target.here, "weights"))
    most, wanted = (read(LeverageTarget, document, *target.here, key) for key in ("leverage_max", "leverage"))
    if most is not None and wanted is not None and wanted > most:
        what = f"leverage ({plain(wanted)}) is beyond leverage_max ({plain(most)})"
        yield document.problem((*target.here, "leverage"), what, f"at most {plain(most)}")
    trigger = read(BandSettings, document, *target.here, "band", "trigger")
    if most is not None and most == wanted and trigger is not None and trigger.value:
        what = f"leverage_max is leverage itself ({plain(most)}), so that a band of {trigger} would reach beyond it"
        yield document.problem((*target.here, "leverage_max"), what, "more than leverage, or a trigger of 0")


def _tilt(document: Document, target: Told) -> Iterator[Problem]:
    here = target.here
    long, short = (document.mapping(*here, side) for side in ("long", "short"))
    for side in ("long", "short"):
        yield from _complete(document, (*here, side))
    for coin in short:
        if coin in long:
            yield document.problem((*here, "short", coin), f"{coin} is on the long side too", "another coin")
    neutral = read(TiltTarget, document, *here, "neutral")
    for key in ("betas", "benchmark"):
        if neutral is Neutrality.DOLLAR and document.at(*here, key) is not None:
            yield document.problem((*here, key), "means nothing with neutral: dollar", "neutral: beta, or leave it out")


# ------------------------------------------------------------------------------------------- proxies and moves
def _proxy(document: Document, target: Told) -> Iterator[Problem]:
    hedged = [coin for coin in document.sequence(*target.here, "assets") if isinstance(coin, str)]
    for coin, path in target.traded:
        if coin in hedged:
            what = f"{coin} would be hedged through itself"
            yield document.problem(path, what, f"another coin, or {coin} in a target of the kind neutral or ratio")
    yield from _betas(document, target, hedged)
    for anchor in document.mapping(*target.here, "anchor_caps"):
        place: Path = (*target.here, "anchor_caps", anchor)
        yield from _anchor(document, target, place)
        yield from money_problem(document, place)


def _betas(document: Document, target: Told, hedged: list[str]) -> Iterator[Problem]:
    """Betas are those of the target's coins to its anchors, for each coin all or none."""
    for coin, given in document.mapping(*target.here, "betas").items():
        path: Path = (*target.here, "betas", coin)
        if coin not in hedged:
            yield document.problem(path, f"{coin} is not hedged here", ", ".join(hedged))
        told = given if isinstance(given, dict) else {}
        for anchor in told:
            yield from _anchor(document, target, (*path, anchor))
        if missing := [anchor for anchor, _ in target.traded if told and anchor not in told]:
            what = f"no beta to {', '.join(missing)}: what is given and what is measured cannot be mixed"
            yield document.problem(path, what, "a beta to each anchor, or none")


def _anchor(document: Document, target: Told, path: Path) -> Iterator[Problem]:
    anchors = [anchor for anchor, _ in target.traded]
    if path[-1] not in anchors:
        yield document.problem(path, f"{path[-1]} is not an anchor here", ", ".join(anchors))


def _index(document: Document, target: Told) -> Iterator[Problem]:
    group = [coin for coin in document.sequence(*target.here, "assets") if isinstance(coin, str)]
    for coin, path in target.traded:
        if coin in group:
            yield document.problem(path, f"{coin} is in the group that it shall hedge", "another index")


def _parity(document: Document, target: Told) -> Iterator[Problem]:
    given = document.mapping(*target.here, "volatilities")
    missing = [coin for coin, _ in target.exposed if coin not in given]
    if given and missing:
        what = f"no volatility of {', '.join(missing)}: what is given and what is measured cannot be mixed"
        yield document.problem((*target.here, "volatilities"), what, "all of them, or none")


def _convert(document: Document, target: Told) -> Iterator[Problem]:
    here, coin = target.here, document.at(*target.here, "asset")
    amount = read(ConvertTarget, document, *here, "amount")
    if amount is None or not isinstance(coin, str):
        return
    if amount.value == 0:
        yield document.problem((*here, "amount"), "nothing to sell", f"a number of {coin} above 0")
    if amount.unit not in ("", "coins", coin):
        yield document.problem((*here, "amount"), f"'{amount.unit}' is another coin", f"a number of {coin}")
    owned = read_share(document, *here, "owns", coin)
    if owned is not None and amount.value > owned:
        what = f"more than the target owns, {plain(owned)} {coin}"
        yield document.problem((*here, "amount"), what, f"at most {plain(owned)}")


def _sliced(document: Document, target: Told) -> Iterator[Problem]:
    yield from money_problem(document, (*target.here, "slices", "notional"))


def _moves(document: Document, target: Told) -> Iterator[Problem]:
    yield from _sliced(document, target)
    yield from _convert(document, target)


_CHECKS = {
    "weights": _weights,
    "leverage": _leverage,
    "tilt": _tilt,
    "proxy": _proxy,
    "index": _index,
    "risk_parity": _parity,
    "unwind": _sliced,
    "convert_to_spot": _moves,
}
