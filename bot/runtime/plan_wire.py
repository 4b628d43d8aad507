"""The snapshot file of `trimtab plan` as it is written: JSON, exact numbers as texts, times in RFC 3339 UTC.

Only the shape is judged here: names of keys, and whether a text, a list or a section stands at each. What the texts say
is judged by `bot.runtime.plan_snapshot`. A key that nobody knows is an error, wherever it stands: a snapshot that says
something which a plan would not look at must not be planned on.
"""

import json
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from bot.domain.instrument import Kind
from bot.domain.order import Side
from bot.domain.snapshot import HoldingKind, MarginMode, PositionMode
from bot.domain.targets import CORE

VERSION = 1

Number = Annotated[str, msgspec.Meta(extra={"allowed": 'a decimal number in quotes, as "1.5"'})]
Time = Annotated[str, msgspec.Meta(extra={"allowed": 'a time in UTC in quotes, as "2024-08-09T00:00:00Z"'})]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=80, extra={"allowed": "a name of 1 to 80 characters"})]
Levels = tuple[tuple[Number, Number], ...]


class _Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the snapshot."""


class WireHeld(_Wire, frozen=True, kw_only=True):
    """One holding."""

    account: Key
    asset: Key
    amount: Number
    kind: HoldingKind = HoldingKind.FREE
    factor: Number = "1"
    sleeve: Key = CORE
    as_of: Time | None = None


class WireBorrow(_Wire, frozen=True, kw_only=True):
    """What can be borrowed of an asset."""

    apr: Number
    available: Number | None = None


class WireFees(_Wire, frozen=True, kw_only=True):
    """An account's fees, as fractions."""

    maker: Number | None = None
    taker: Number | None = None


class WireAccount(_Wire, frozen=True, kw_only=True):
    """An account."""

    id: Key
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    haircuts: dict[Key, Number] = {}
    margin_balance: Number | None = None
    maintenance_margin: Number | None = None
    initial_margin: Number | None = None
    max_withdraw: Number | None = None
    transfers_allowed: bool = True
    borrow: dict[Key, WireBorrow] = {}
    fees: WireFees = WireFees()


class WirePosition(_Wire, frozen=True, kw_only=True):
    """A position."""

    account: Key
    instrument: Key
    contracts: Number
    entry_price: Number | None = None
    leverage: Number | None = None
    margin_mode: MarginMode | None = None
    isolated_wallet: Number | None = None
    liquidation_price: Number | None = None
    adl_rank: Number | None = None
    side: Literal["both", "long", "short"] = "both"
    sleeve: str = ""


class WireOrder(_Wire, frozen=True, kw_only=True):
    """An order that may still fill."""

    account: Key
    instrument: Key
    side: Side
    remaining: Number
    limit_price: Number | None = None
    reduce_only: bool = False
    state: Literal["open", "unknown"] = "open"


class WireSettlement(_Wire, frozen=True, kw_only=True):
    """How a dated contract settles."""

    fee: Number = "0"
    window_minutes: Number = "0"


class WireFunding(_Wire, frozen=True, kw_only=True):
    """A perpetual's funding."""

    rate: Number | None = None
    interval_hours: Number | None = None
    next: Time | None = None
    cap: Number | None = None
    floor: Number | None = None
    history: tuple[tuple[Time, Number], ...] = ()


class WireGreeks(_Wire, frozen=True, kw_only=True):
    """An option's greeks per contract."""

    delta: Number
    gamma: Number = "0"
    mark_coin: Number | None = None
    convention: Literal["bs", "premium_adjusted"] = "bs"


class WireTier(_Wire, frozen=True, kw_only=True):
    """A margin bracket; the deduction is derived."""

    floor: Number
    mmr: Number
    max_leverage: Number | None = None


class WireInstrument(_Wire, frozen=True, kw_only=True):
    """A contract or market, with its terms and its book."""

    id: Key
    kind: Kind
    base: Key
    venue: str = ""
    status: str = "trading"
    quote: Key | None = None
    settle: Key | None = None
    base_units: Number = "1"
    contract_size: Number | None = None
    tick_size: Number | None = None
    lot_size: Number | None = None
    min_contracts: Number | None = None
    max_contracts: Number | None = None
    min_notional: Number | None = None
    expiry: Time | None = None
    settlement: WireSettlement | None = None
    maker_fee: Number | None = None
    taker_fee: Number | None = None
    mark_price: Number | None = None
    index_price: Number | None = None
    bid: Number | None = None
    ask: Number | None = None
    bids: Levels = ()
    asks: Levels = ()
    adv_notional: Number | None = None
    funding: WireFunding | None = None
    greeks: WireGreeks | None = None
    tiers: tuple[WireTier, ...] = ()
    composition: dict[Key, Number] = {}
    max_position: Number | None = None
    quote_age_s: Number | None = None


class WireReturns(_Wire, frozen=True, kw_only=True):
    """Returns over equal intervals, oldest first."""

    interval_hours: Number
    end: Time
    series: dict[Key, tuple[Number | None, ...]]
    kind: Literal["log", "simple"] = "log"


class WireBars(_Wire, frozen=True, kw_only=True):
    """Candles: opening time, open, high, low, close, volume."""

    interval_hours: Number
    ohlcv: tuple[tuple[Time, Number, Number, Number, Number, Number], ...]


class WireOutside(_Wire, frozen=True, kw_only=True):
    """Since when a deviation is outside its band."""

    outside_since: Time | None = None


class WireCarry(_Wire, frozen=True, kw_only=True):
    """Whether a carry trade is on."""

    on: bool
    since: Time | None = None
    entry_basis: Number | None = None


class WireState(_Wire, frozen=True, kw_only=True):
    """What a running daemon remembers."""

    bands: dict[Key, WireOutside] = {}
    carry: dict[Key, WireCarry] = {}
    last_run: dict[Key, Time] = {}
    overlay_pnl: Number = "0"


class WireSnapshot(_Wire, frozen=True, kw_only=True):
    """The whole file."""

    now: Time
    prices: dict[Key, Number]
    holdings: dict[Key, Number] | tuple[WireHeld, ...]
    version: Literal[1] = 1
    accounts: tuple[WireAccount, ...] = ()
    positions: tuple[WirePosition, ...] = ()
    orders: tuple[WireOrder, ...] = ()
    instruments: tuple[WireInstrument, ...] = ()
    returns: WireReturns | None = None
    bars: dict[Key, WireBars] = {}
    open_interest: dict[Key, tuple[tuple[Time, Number], ...]] = {}
    state: WireState = WireState()


class NotJson(ValueError):
    """The text is not one JSON object. `line` counts from 1."""

    def __init__(self, what: str, line: int | None = None) -> None:
        self.what, self.line = what, line
        super().__init__(what)


def parsed(text: str) -> dict[str, Any]:
    """The text as JSON; raises NotJson. A key that stands twice, NaN and Infinity are refused."""
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error.msg}", error.lineno) from error
    except NotJson:
        raise
    except ValueError as error:
        raise NotJson(f"not JSON: {error}") from error
    except RecursionError:
        raise NotJson("its sections are nested too deep") from None
    if not isinstance(value, dict):
        raise NotJson("a snapshot must be one JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJson(f"the key '{twice[:80]}' stands twice in one section")
    return out


def _no_number(word: str) -> NoReturn:
    raise NotJson(f"{word} is not a number")
