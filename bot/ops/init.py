"""What `trimtab init` asks, and how its answers are read: pure functions from a text to a value, or to a mistake.

Six questions: name, venue, coins, goal, account, alerts. Each has a default, so that whoever only presses Enter gets a
config that hedges a paper account.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import msgspec

from bot.domain.venues import BINANCE, BYBIT, VENUES

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
COIN = re.compile(r"[A-Z0-9]{1,15}")
COINS_MAX = 50
NAME_DEFAULT = "savings"
VENUE_DEFAULT = "binance"
ACROSS = "+"
"""Between the venue where the coins lie and the one where their hedges are."""
COINS_DEFAULT = "BTC,ETH"
GOAL_DEFAULT = "neutral"
ALERTS_DEFAULT = "none"
RATIO_MIN, RATIO_MAX = Decimal("0.01"), Decimal(3)
PERCENT_MIN = Decimal("0.1")
"""The least that weights may add up to, as a part of the whole."""
AMOUNT_MAX = Decimal(1_000_000_000)
QUOTES = ("USDT", "USDC")
COLLATERAL = "USDT=50000"
_LOOPBACK = re.compile(r"(json|xml|form)s?://(localhost|127(\.\d{1,3}){3})(:\d+)?(/\S*)?")

# What a paper account holds of a coin where nobody said: of the order of the price of one bitcoin.
_PAPER = {"BTC": "1", "ETH": "10", "BNB": "50", "SOL": "250", "LTC": "500", "XRP": "20000", "ADA": "50000"}
_PAPER_OTHER = "1000"

Answer = TypeVar("Answer")


class Mistake(Exception):
    """An answer that cannot be taken; one line that says why and what may stand there."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the exposure shall be: `ratio` of the holding hedged (kind ratio), or `weights` as fractions."""

    kind: str
    ratio: Decimal = Decimal(1)
    weights: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A paper account's balances in coins, or the files that hold the real one's key and secret.

    `other` are those of the second venue, where there is one.
    """

    paper: Mapping[str, Decimal] | None = None
    key_file: Path | None = None
    secret_file: Path | None = None
    other: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class Alerts:
    """Where alerts go: a file with the URL, or a URL on this machine; neither for nowhere."""

    file: Path | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a simulated exchange serves the venue's hosts, and the authority that it is trusted by."""

    hosts: Mapping[str, str]
    ca_file: Path


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that a config is written from."""

    name: str
    coins: tuple[str, ...]
    goal: Goal
    account: Account
    alerts: Alerts
    pin: Pin | None = None
    venues: tuple[str, ...] = (VENUE_DEFAULT,)
    """Where the coins lie, and where they are hedged if that is another one."""

    @property
    def quote(self) -> str:
        """The reporting currency: the one that a paper account's collateral is in, else the usual one."""
        paper = self.account.paper or {}
        return next((quote for quote in QUOTES if paper.get(quote)), QUOTES[0])


class _Ready(msgspec.Struct, frozen=True):
    """What of a simulated exchange's ready file says how it is reached."""

    pin: dict[str, tuple[str, int]]
    ca_file: str


# ------------------------------------------------------------------------------------------------ reading
def name(text: str) -> str:
    """The portfolio's name."""
    found = text.strip().lower()
    if not NAME.fullmatch(found):
        raise Mistake(f"'{text}' is no name: write up to 32 of a-z, 0-9, - and _, as {NAME_DEFAULT}")
    return found


def venues(text: str) -> tuple[str, ...]:
    """One venue, or two: where the coins lie, and where they are hedged."""
    found = tuple(dict.fromkeys(part.strip().lower() for part in text.split(ACROSS)))
    if set(found) - set(VENUES) or text.count(ACROSS) > 1:
        across = f"{BINANCE}{ACROSS}{BYBIT}"
        raise Mistake(f"'{text}' is no venue: write {BINANCE}, {BYBIT}, or {across} for coins there and hedges here")
    return found


def coins(text: str) -> tuple[str, ...]:
    """Coins in capitals, each once."""
    found = tuple(dict.fromkeys(part.upper() for part in re.split(r"[,\s]+", text.strip()) if part))
    wrong = [coin for coin in found if not COIN.fullmatch(coin)]
    if not found or wrong or len(found) > COINS_MAX:
        raise Mistake(f"'{text}' is no list of coins: write them with commas between, as {COINS_DEFAULT}")
    if priced := [coin for coin in found if coin in QUOTES]:
        raise Mistake(f"{', '.join(priced)} is what hedges settle in, not a coin to hedge")
    return found


def goal(text: str, held: Sequence[str]) -> Goal:
    """`neutral`, `ratio 0.5` (or `50 %`), or `weights BTC=60,ETH=40`; weights alone say what they are."""
    if "=" in text.strip().partition(" ")[0]:
        return Goal("weights", weights=weights(text, held))
    kind, _, rest = text.strip().partition(" ")
    match kind.lower():
        case "neutral" if not rest.strip():
            return Goal("neutral")
        case "ratio":
            return Goal("ratio", ratio=ratio(rest))
        case "weights":
            return Goal("weights", weights=weights(rest, held))
        case _:
            raise Mistake(f"'{text}' is no goal: write neutral, ratio 0.5, or weights {example_weights(held)}")


def ratio(text: str) -> Decimal:
    """The part of the holding that is hedged: 0.5 or 50 %."""
    found = _number(text.removesuffix("%")) if text.strip() else None
    if found is not None and text.strip().endswith("%"):
        found /= 100
    if found is None or not RATIO_MIN <= found <= RATIO_MAX:
        raise Mistake(
            f"'{text.strip()}' is no ratio: write the part that is hedged, {RATIO_MIN} to {RATIO_MAX}, as 0.5"
        )
    return found


def weights(text: str, held: Sequence[str]) -> Mapping[str, Decimal]:
    """Weights as fractions; written in per cent (60) or as fractions (0.6), together at most the whole."""
    found = _pairs(text, f"weights: write COIN=PERCENT, as {example_weights(held)}")
    if missing := sorted(set(held) ^ set(found)):
        raise Mistake(f"weights and coins differ in {', '.join(missing)}: give every coin one weight")
    total = sum(found.values(), Decimal(0))
    whole = Decimal(1) if total <= 1 else Decimal(100)
    # Percentages that add up to next to nothing were meant as something else.
    if not PERCENT_MIN * whole <= total <= whole or not all(found.values()):
        raise Mistake(
            f"'{text.strip()}': the weights are above 0 and together 10 to 100 per cent, as {example_weights(held)}"
        )
    return {coin: weight / whole for coin, weight in found.items()}


def account(text: str, folder: Path, held: Sequence[str], at: Sequence[str] = (VENUE_DEFAULT,)) -> Account:
    """Balances of a paper account, or two files for each venue: the API key's and its secret's."""
    if "=" in text:
        return Account(paper=balances(text, held))
    parts = re.split(r"[,\s]+", text.strip())
    if len(parts) != 2 * len(at):
        example = "BTC=1,ETH=10,USDT=50000"
        files = " and ".join(f"the key's file and the secret's of {venue}" for venue in at)
        raise Mistake(f"'{text}' is no account: write paper balances, as {example}, or {files}")
    return keyed(parts, folder)


def keyed(files: Sequence[str], folder: Path) -> Account:
    """The real account, by the files of its key and secret, and of the second venue's after them."""
    (key, secret), *others = (_key(files[at], files[at + 1], folder) for at in range(0, len(files), 2))
    return Account(key_file=key, secret_file=secret, other=others[0] if others else None)


def _key(key_file: str, secret_file: str, folder: Path) -> tuple[Path, Path]:
    """The files of a key and its secret; they are read once, to see that they can be."""
    from bot.runtime.redact import Redactor
    from bot.runtime.secrets import CredentialError, load_credentials
    from bot.runtime.settings import CredentialSettings

    key, secret = _path(key_file, folder), _path(secret_file, folder)
    files = CredentialSettings.model_construct(api_key_file=key, api_secret_file=secret)
    try:
        load_credentials(files, Redactor(), {})
    except CredentialError as error:
        raise Mistake(str(error)) from None
    return key, secret


def balances(text: str, held: Sequence[str]) -> Mapping[str, Decimal]:
    """Coins and reporting currency of a paper account."""
    found = _pairs(text, "balances: write COIN=AMOUNT, as BTC=1,ETH=10,USDT=50000")
    if strange := sorted(set(found) - {*held, *QUOTES}):
        raise Mistake(f"'{text}': {', '.join(strange)} is not among the coins, {', '.join(held)}")
    if not any(found.get(quote) for quote in QUOTES):
        raise Mistake(f"'{text}': futures need collateral: add {COLLATERAL}")
    return found


def alerts(text: str, folder: Path) -> Alerts:
    """`none`, a file with a sink's URL in it, or a URL on this machine."""
    answer = text.strip()
    if answer.lower() in ("", "none", "no"):
        return Alerts()
    if _LOOPBACK.fullmatch(answer):
        return Alerts(url=answer)
    if "://" in answer:
        raise Mistake("that URL may hold a token: put it into a file of yours (chmod 600) and name the file")
    found = _path(answer, folder)
    if not found.is_file():
        raise Mistake(f"there is no file {found}: put the sink's URL into one (chmod 600), or answer none")
    if found.stat().st_mode & 0o077:
        raise Mistake(f"{found} may be read by others: chmod 600 {found}")
    return Alerts(file=found)


def pin(path: Path, wanted: Iterable[str]) -> Pin:
    """Where `trimtab simex` serves, out of the file that it writes for `--ready-file`."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=_Ready)
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}; start `trimtab simex --ready-file {path}` first") from None
    except msgspec.MsgspecError as error:
        raise Mistake(f"{path} is not what `trimtab simex --ready-file` writes: {error}") from None
    if missing := sorted(set(wanted) - said.pin.keys()):
        raise Mistake(f"{path} does not name {', '.join(missing)}")
    hosts = {host: f"{said.pin[host][0]}:{said.pin[host][1]}" for host in sorted(wanted)}
    return Pin(hosts, Path(said.ca_file))


# --------------------------------------------------------------------------------------------- questions
def paper_default(held: Sequence[str]) -> str:
    """What a paper account holds where nobody said."""
    return ",".join([*(f"{coin}={_PAPER.get(coin, _PAPER_OTHER)}" for coin in held), COLLATERAL])


def asked(question: str, default: str, read: Callable[[str], Answer], ask: Callable[[str, str], str]) -> Answer:
    """Ask until the answer can be taken; `ask` prints and returns what was typed, the default for nothing."""
    problem = ""
    while True:
        try:
            return read(ask(f"{problem}{question}", default))
        except Mistake as mistake:
            problem = f"  {mistake}\n"


def example_weights(held: Sequence[str]) -> str:
    """Equal weights of the coins, as they are written."""
    share = 100 // max(len(held), 1)
    return ",".join(f"{coin}={share}" for coin in held)


def _pairs(text: str, wanted: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in (part for part in re.split(r"[,\s]+", text.strip()) if part):
        coin, _, amount = part.partition("=")
        number = _number(amount.removesuffix("%"))
        if not COIN.fullmatch(coin.upper()) or number is None or not 0 <= number <= AMOUNT_MAX:
            raise Mistake(f"'{part}' cannot be read as {wanted}")
        if coin.upper() in found:
            raise Mistake(f"{coin.upper()} is named twice")
        found[coin.upper()] = number
    if not found:
        raise Mistake(f"nothing is named: {wanted}")
    return found


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _path(text: str, folder: Path) -> Path:
    try:
        return folder / Path(text.strip()).expanduser()
    except RuntimeError:
        raise Mistake(f"{text}: the home folder is not known") from None
