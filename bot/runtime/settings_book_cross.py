"""What must fit together in budgets, statistics and the sources of holdings."""

from collections.abc import Iterator
from decimal import Decimal

from bot.policy.purse import STABLECOINS
from bot.runtime.document import Document, Path
from bot.runtime.problems import Problem, closest
from bot.runtime.quantities import plain, written_duration
from bot.runtime.settings_book import BudgetSettings, HoldingSettings, StatisticsSettings
from bot.runtime.settings_reading import currencies_of, money_problem, quote_of, read, read_share
from bot.runtime.urls import WEB, burden_of, scheme_of

_CAPS = ("assets", "instruments", "venues")
_WAYS = ("file", "url", "url_file")
DOLLARS = frozenset(asset for asset in STABLECOINS if not asset.startswith("EUR"))
"""What may stand for a dollar."""


def book_cross_check(document: Document) -> list[Problem]:
    """Everything that does not fit together, in no particular order."""
    return [*_peg(document), *_budgets(document), *_statistics(document), *_holdings(document)]


# --------------------------------------------------------------------------------------------------------- peg
def _peg(document: Document) -> Iterator[Problem]:
    """Each reference is a pair of the quote currency with another dollar, named once."""
    quote, seen = quote_of(document), set[str]()
    for place, named in enumerate(document.sequence("peg", "references")):
        here: Path = ("peg", "references", place)
        if not isinstance(named, str) or not named.startswith("spot:"):
            continue
        symbol = named.removeprefix("spot:")
        if other_dollar(symbol, quote) is None:
            what = f"{symbol} is no pair of {quote} with another dollar"
            yield document.problem(here, what, f"a pair of {quote} with one of {', '.join(sorted(DOLLARS - {quote}))}")
        elif symbol in seen:
            yield document.problem(here, f"{symbol} is named twice", "each pair once, or it would have two votes")
        seen.add(symbol)


def other_dollar(symbol: str, quote: str) -> str | None:
    """The dollar that a pair of the quote currency trades it against; None where it is no such pair."""
    sides = [symbol.removesuffix(quote)] if symbol.endswith(quote) else []
    sides += [symbol.removeprefix(quote)] if symbol.startswith(quote) else []
    return next((one for one in sides if one in DOLLARS - {quote}), None)


# ----------------------------------------------------------------------------------------------------- budgets
def _budgets(document: Document) -> Iterator[Problem]:
    core, carry = (read(BudgetSettings, document, "budgets", key) for key in ("core", "carry"))
    if core is not None and carry is not None and core + carry > 1:
        what = f"core ({_percent(core)}) and carry ({_percent(carry)}) cannot both be had"
        yield document.problem(("budgets", "carry"), what, "together at most 100 %")
    yield from _too_small_for_targets(document)
    for kind in _CAPS:
        for key in document.mapping("budgets", kind):
            yield from money_problem(document, ("budgets", kind, key))
    known = document.mapping("assets")
    for coin in document.mapping("budgets", "assets"):
        if coin.upper() not in {one.upper() for one in known}:
            what = f"{coin} has no entry under assets"
            yield document.problem(("budgets", "assets", coin), what, ", ".join(known), closest(coin, known))


def _too_small_for_targets(document: Document) -> Iterator[Problem]:
    """What the targets ask for by themselves, whatever is held, must fit into the overlay's share."""
    overlay = read(BudgetSettings, document, "budgets", "overlay")
    asked = {name: share for name, share in _asked(document) if share > 0}
    total = sum(asked.values(), Decimal(0))
    if overlay is not None and total > overlay:
        listed = " + ".join(f"{name} {_percent(share)}" for name, share in asked.items())
        what = f"the targets ask for overlays of {_percent(total)} of their bases ({listed})"
        yield document.problem(("budgets", "overlay"), what, f"at least {_percent(total)}, or smaller targets")


def _asked(document: Document) -> Iterator[tuple[str, Decimal]]:
    """The overlay that a target wants at least, as a share of a base that is NAV; nothing that rests on holdings."""
    for index, target in enumerate(document.sequence("targets")):
        if not isinstance(target, dict) or target.get("base") not in (None, "nav_less_reserve") or target.get("owns"):
            continue
        name, here = str(target.get("name")), ("targets", index)
        match target.get("kind"):
            case "tilt":
                yield name, 2 * (read_share(document, *here, "size") or Decimal(0))
            case "cash_hedge":
                beta = read_share(document, *here, "beta") if "beta" in target else Decimal(1)
                yield name, (read_share(document, *here, "share") or Decimal(0)) * (beta or Decimal(0))
            case "leverage":
                yield name, (read_share(document, *here, "leverage") or Decimal(1)) - 1
            case _:
                pass


def _percent(share: Decimal) -> str:
    return f"{plain(share * 100)} %"


# -------------------------------------------------------------------------------------- statistics and holdings
def _statistics(document: Document) -> Iterator[Problem]:
    names = ("sample", "fast_half_life", "slow_half_life", "half_life")
    values = {key: read(StatisticsSettings, document, "statistics", key) for key in names}
    fast, slow, sample = values["fast_half_life"], values["slow_half_life"], values["sample"]
    if fast is not None and slow is not None and fast >= slow:
        key = "fast_half_life" if document.at("statistics", "fast_half_life") is not None else "slow_half_life"
        what = f"fast_half_life ({written_duration(fast)}) is not below slow_half_life ({written_duration(slow)})"
        yield document.problem(("statistics", key), what, "fast_half_life < slow_half_life")
    for key in names[1:]:
        value = values[key]
        if sample is not None and value is not None and value < sample:
            place = key if document.at("statistics", key) is not None else "sample"
            what = f"{key} ({written_duration(value)}) is shorter than a sample ({written_duration(sample)})"
            yield document.problem(("statistics", place), what, "half-lives of several samples")


def _holdings(document: Document) -> Iterator[Problem]:
    known = document.mapping("assets")
    spoken: dict[str, str] = {}
    for name in document.mapping("holdings"):
        here: Path = ("holdings", name)
        given = [way for way in _WAYS if document.at(*here, way) is not None]
        if len(given) != 1:
            what = "nothing says where it is read" if not given else f"{' and '.join(given)} at once"
            yield document.problem((*here, *given[1:2]), what, "one of file, url and url_file")
        yield from _burdened(document, here)
        every, age = (read(HoldingSettings, document, *here, key) for key in ("every", "age"))
        if every is not None and age is not None and age < every:
            key = "age" if document.at(*here, "age") is not None else "every"
            what = f"age ({written_duration(age)}) is below every ({written_duration(every)})"
            yield document.problem((*here, key), f"{what}: it would be unknown in between", "age >= every")
        for place, coin in enumerate(document.sequence(*here, "assets")):
            if not isinstance(coin, str):
                continue
            path = (*here, "assets", place)
            if coin.upper() not in {one.upper() for one in (*known, *currencies_of(document))}:
                what = f"{coin} has no entry under assets"
                yield document.problem(path, what, ", ".join(known), closest(coin, known))
            if spoken.setdefault(coin, name) != name or document.sequence(*here, "assets").index(coin) != place:
                what = f"{coin} is declared by '{spoken[coin]}' already"
                yield document.problem(path, what, "each coin in one place, or it would count twice")


def _burdened(document: Document, here: Path) -> Iterator[Problem]:
    """A URL that holds a secret belongs into a file."""
    url = document.at(*here, "url")
    if isinstance(url, str) and scheme_of(url) in WEB and (burden := burden_of(url, WEB)) is not None:
        yield document.problem((*here, "url"), f"it holds a secret ({burden})", "url_file, with the URL in that file")
