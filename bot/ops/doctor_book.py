"""What the doctor judges of a portfolio at today's prices and holdings: fees, bands, leverage, margin.

Pure functions over what was read; each finding that hangs on a line of the config names it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal

from bot.calc import stress
from bot.calc.margin import maintenance, ratio
from bot.domain.account import MarginState
from bot.domain.instrument import Instrument
from bot.domain.units import ZERO
from bot.ops.check import peg_words
from bot.ops.findings import Found, fine, no, warning
from bot.runtime.document import Path
from bot.runtime.feasible import corrections, hedges_needed
from bot.runtime.market import Market
from bot.runtime.portfolio import hedge_name
from bot.runtime.quantities import plain
from bot.runtime.settings_load import Loaded
from bot.venues.translate.catalogue import Fees
from bot.venues.translate.settings import SymbolSetting

LEVERAGE_SENSIBLE_MAX = 25
"""Beyond it leverage brings no hedge closer, and lowers the largest position that the venue allows."""
BPS = Decimal(10_000)
CENT = Decimal("0.01")
COIN_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Book:
    """What was read. `holdings` is None where no balances could be; `fees` has the symbols whose rates were read."""

    loaded: Loaded
    market: Market
    holdings: Mapping[str, Decimal] | None
    margin: MarginState | None = None
    settings: Mapping[str, SymbolSetting] = field(default_factory=dict)
    fees: Mapping[str, Fees] = field(default_factory=dict)

    @property
    def quote(self) -> str:
        """The quote currency."""
        return self.loaded.settings.quote

    @property
    def hedges(self) -> dict[str, Instrument]:
        """The future of each coin, by coin; of futures that the venue does not have, nothing."""
        by_id = {one.id: one for one in self.market.instruments}
        settings = self.loaded.settings
        wanted = ((coin, hedge_name(settings, coin)) for coin in settings.assets)
        return {coin: by_id[name] for coin, name in wanted if name is not None and name in by_id}

    @property
    def positions(self) -> dict[str, Decimal]:
        """The value of the position (quote currency, 0 or more) that each coin's hedge takes; none without holdings."""
        if self.holdings is None:
            return {}
        needed, prices = hedges_needed(self.loaded, self.market.prices, self.holdings), self.market.prices
        return {coin: abs(coins) * prices[coin] for coin, coins in needed.items() if coin in prices}

    def at(self, path: Path, what: str) -> str:
        """A finding at the line of the config that it hangs on."""
        return str(self.loaded.problem(path, what))


def judged(book: Book) -> Iterator[Found]:
    """Every finding, in the order of a person's questions: what it costs, what it trades, whether it is margined."""
    yield from _fees(book)
    yield from _bands(book)
    yield _peg(book)
    if book.holdings is None or book.margin is None or book.margin.margin_balance <= 0:
        yield warning(
            "margin", "leverage and margin were not judged: the balances were not read, or there is no margin"
        )
        return
    yield from _limits(book)
    yield from _leverage(book, book.margin.margin_balance)
    yield _margin(book, book.margin)
    yield from _distance(book, book.margin.margin_balance)


# ------------------------------------------------------------------------------------------ fees and bands
def _fees(book: Book) -> Iterator[Found]:
    paper = book.loaded.settings.paper.taker_fee
    for symbol, rates in sorted(book.fees.items()):
        paid = rates.taker * BPS
        if paid > paper:
            what = (
                f"the account pays {plain(paid)} bps as taker of {symbol}, a dry-run only {plain(paper)} bps, so that "
                f"it looks better than live: set {plain(paid)} bps"
            )
            yield warning("fees", book.at(("paper", "taker_fee"), what))
        else:
            said = f"a dry-run pays {plain(paper)} bps"
            yield fine("fees", f"{symbol}: taker {plain(paid)} bps, maker {plain(rates.maker * BPS)} bps; {said}")


def _bands(book: Book) -> Iterator[Found]:
    """What a breach trades and costs. A band below the smallest order is the market's finding, with its line."""
    hedges, paper = book.hedges, book.loaded.settings.paper.taker_fee / BPS
    for one in corrections(book.loaded, book.market.instruments, book.market.prices, book.holdings):
        if one.coins < one.smallest:
            continue
        rates = book.fees.get(hedges[one.coin].symbol)
        value = one.coins * one.price
        fee = value * (rates.taker if rates is not None else paper)
        text = (
            f"{one.target}, {one.coin}: a breach trades {_coins(one.coins)} {one.coin} ({_money(value)} {book.quote}) "
            f"or more and costs {_money(fee)} {book.quote} in fees; the smallest order is {_coins(one.smallest)} "
            f"{one.coin} ({_money(one.smallest * one.price)} {book.quote})"
        )
        yield fine("band", text)


# --------------------------------------------------------------------------------------- leverage and margin
def _limits(book: Book) -> Iterator[Found]:
    most = book.loaded.settings.limits.position_notional.value
    for coin, value in sorted(book.positions.items()):
        if value > most:
            what = f"hedging {coin} takes a position of {_money(value)} {book.quote}: what is above stays unhedged"
            yield warning("position limit", book.at(("limits", "position_notional"), what))


def _leverage(book: Book, balance: Decimal) -> Iterator[Found]:
    """Whether what is held can be margined at the leverages set, and whether the configured limits could be."""
    most, count = book.loaded.settings.limits.position_notional.value, len(book.hedges)
    for_all, for_limits = _whole(sum(book.positions.values(), ZERO) / balance), _whole(most * count / balance)
    path = ("limits", "position_notional")
    if for_limits > LEVERAGE_SENSIBLE_MAX:
        what = (
            f"positions up to this in {count} instruments would need {for_limits}x on a margin balance of "
            f"{_money(balance)} {book.quote}: lower it, or add collateral"
        )
        yield warning("leverage", book.at(path, what))
    for instrument in sorted(book.hedges.values(), key=lambda one: one.symbol):
        setting = book.settings.get(instrument.symbol)
        if setting is not None:
            yield _one_leverage(book, setting, (for_all, min(for_limits, LEVERAGE_SENSIBLE_MAX)))


def _one_leverage(book: Book, setting: SymbolSetting, needed: tuple[int, int]) -> Found:
    for_all, for_limits = needed
    most, path = book.loaded.settings.limits.position_notional.value, ("limits", "position_notional")
    here, cap = f"{setting.symbol} is set to {setting.leverage}x", setting.max_notional_value
    if setting.leverage < for_all:
        return no("leverage", f"{here}; hedging what is held takes at least {for_all}x, or more collateral")
    if setting.leverage < for_limits:
        what = f"{here}; positions up to this take at least {for_limits}x"
        return warning("leverage", book.at(path, what))
    if cap is not None and cap < most:
        what = f"{here}, where the venue allows no position above {_money(cap)} {book.quote}: lower the leverage"
        return warning("leverage", book.at(path, what))
    if setting.leverage > LEVERAGE_SENSIBLE_MAX:
        return warning("leverage", f"{here}; above {LEVERAGE_SENSIBLE_MAX}x nothing is gained: lower it")
    return fine("leverage", f"{here}; hedging what is held takes {for_all}x")


def _margin(book: Book, margin: MarginState) -> Found:
    """The margin ratio with everything hedged, other positions of the account left out, against the limit."""
    hedges, most = book.hedges, book.loaded.settings.limits.margin_ratio
    untold = sorted(coin for coin in book.positions if coin in hedges and not hedges[coin].tiers)
    if untold:
        return warning("margin", f"not judged: the venue gives no margin brackets for {', '.join(untold)}")
    values = ((hedges[coin], value) for coin, value in book.positions.items() if coin in hedges and value > 0)
    after = ratio(sum((maintenance(value, future.tiers) for future, value in values), ZERO), margin.margin_balance)
    said = f"with everything hedged the margin ratio is {plain((after * 100).quantize(CENT))} %"
    if after <= most:
        return fine("margin", f"{said}, and {plain(most * 100)} % is the limit")
    what = f"{said}: hedges end before they are whole; add collateral"
    return warning("margin", book.at(("limits", "margin_ratio"), what))


def _distance(book: Book, balance: Decimal) -> Iterator[Found]:
    """The rise of all prices that everything hedged survives as shorts, against the limit."""
    hedges, prices, least = book.hedges, book.market.prices, book.loaded.settings.limits.stress_distance
    held = {coin: value for coin, value in book.positions.items() if coin in hedges and value > 0}
    if not least or any(not hedges[coin].tiers for coin in held):
        return
    shorts = tuple(
        stress.Exposed(
            instrument=hedges[coin], contracts=-value / prices[coin] / hedges[coin].contract_size, mark=prices[coin]
        )
        for coin, value in held.items()
    )
    nearest = stress.distance(stress.Pool(cash=balance, positions=shorts)).nearest
    said = "with everything hedged no move of prices liquidates"
    if nearest.is_finite():
        said = f"with everything hedged a move of {plain((nearest * 100).quantize(CENT))} % liquidates"
    if nearest >= least:
        yield fine("distance", f"{said}, and {plain(least * 100)} % is the limit")
    else:
        what = f"{said}: hedges end before they are whole; add collateral"
        yield warning("distance", book.at(("limits", "stress_distance"), what))


# --------------------------------------------------------------------------------------------------- the peg
def _peg(book: Book) -> Found:
    """Whether anybody would notice that the quote currency is not worth its dollar any more."""
    references, words = book.loaded.settings.peg.references, peg_words(book.loaded.settings)
    if not references:
        return warning("peg", book.at(("peg", "references"), words))
    return fine("peg", words)


def _whole(leverage: Decimal) -> int:
    return max(1, int(leverage.to_integral_value(ROUND_UP)))


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(CENT):,}"


def _coins(amount: Decimal) -> str:
    return plain(amount.quantize(COIN_STEP))
