"""When a target acts, as a config says it: bands, calendars, gates, what ends it, and how a large move is cut."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from bot.domain.bands import TRADE_MIN
from bot.domain.triggers import Signal, Start
from bot.runtime.fields import Count, Duration, OneOf, Share
from bot.runtime.fields_targets import Calendar, Moment, PriceLevel
from bot.runtime.quantities import PERCENT, Amount, duration_ns
from bot.runtime.section import Section
from bot.runtime.vocabulary import Coin, Value, Width, WidthIfAny

AUTO = "auto"
_FIXED_TAG = "a fixed band"


class BandSettings(Section):
    """When a hedge starts, and where it ends."""

    trigger: Width = Field(description="A hedge starts when the deviation is beyond this.")
    destination: Width = Field(
        default=Amount(Decimal(0), PERCENT), description="It ends this far from the target, on the same side."
    )
    trigger_below: WidthIfAny = Field(
        default=None, description="The trigger where there is less exposure than wanted; as trigger where left out."
    )
    destination_below: WidthIfAny = Field(
        default=None, description="The destination on that side; as destination where left out."
    )
    instant: WidthIfAny = Field(
        default=None, description="Beyond this it waits for nothing: no duration, calendar or gate."
    )


class AutoSettings(Section):
    """A width that follows from cost and volatility; a hedge ends at the band's inner edge."""

    risk_aversion: Annotated[Decimal | None, Share("0.01", "100000")] = Field(
        default=None, description="Risk aversion per NAV: the larger, the narrower the band. This or tracking_error."
    )
    tracking_error: Annotated[Decimal | None, Share("0.0001", "1")] = Field(
        default=None, description="The tracking error that may be left, a part of NAV a year. This or risk_aversion."
    )
    hard: Width = Field(description="Beyond this it always trades, whatever the cost.")
    floor: Width = Field(default=Amount(Decimal(0), PERCENT), description="The band is never narrower than this.")
    half_life: Annotated[int, Duration("1 h", "365 d")] = Field(
        default=duration_ns("10 d"), description="How fast old deviations are forgotten."
    )
    trade_min: Annotated[Decimal, Share("0", "0.1")] = Field(
        default=TRADE_MIN, description="A trade below this part of NAV is left out."
    )


class AutoBandSettings(Section):
    """A band that sets its own width."""

    auto: AutoSettings = Field(description="The width follows from cost and volatility.")


def _form(raw: Any) -> str:
    """Which of the two forms of a band stands there; what is neither is judged as a fixed one."""
    return AUTO if isinstance(raw, AutoBandSettings) or (isinstance(raw, dict) and AUTO in raw) else _FIXED_TAG


AnyBand = Annotated[
    Annotated[BandSettings, Tag(_FIXED_TAG)] | Annotated[AutoBandSettings, Tag(AUTO)], Discriminator(_form)
]

AT_ONCE = BandSettings.model_validate({"trigger": "0 coins", "destination": "0 coins"})
"""The band of what is simply to be done: any difference counts."""


class GateSettings(Section):
    """A signal that may delay a hedge."""

    signal: Annotated[Signal, OneOf(**{signal.value: signal for signal in Signal})] = Field(
        description="trend, chaikin: a sale waits while prices or money rise, a purchase while they fall; "
        "open_interest: while it builds up in the hedge's favour; basis: a sale waits in backwardation, a purchase in "
        "contango."
    )
    fast: Annotated[int, Count("1", "500")] = Field(default=12, description="Bars (hours) of the faster average.")
    slow: Annotated[int, Count("2", "1000")] = Field(default=48, description="Bars (hours) of the slower average.")
    threshold: Annotated[Decimal, Share("0", "10")] = Field(
        default=Decimal(0), description="How strong the signal must be, as a part of what it compares."
    )
    asset: Coin | None = Field(default=None, description="Whose bars are looked at; the hedged coin's where left out.")


class WhenSettings(Section):
    """What a hedge waits for once its band is breached; left out, it waits for nothing."""

    persist: Annotated[int, Duration("0 s", "30 d")] = Field(
        default=0, description="The deviation must have been outside for this long."
    )
    calendar: Annotated[str, Calendar()] = Field(default="", description="A cron line in UTC; none where left out.")
    start: Annotated[Start, OneOf(**{start.value: start for start in Start})] = Field(
        default=Start.EITHER,
        description="With a calendar. either: a breach or the calendar starts a hedge; both: the calendar, if the band "
        "is breached when it strikes; calendar: the calendar alone.",
    )
    gates: tuple[GateSettings, ...] = Field(default=(), description="Signals that may delay a hedge.")
    gate_delay: Annotated[int, Duration("1 min", "30 d")] = Field(
        default=duration_ns("4 h"), description="The longest that gates together may delay a hedge."
    )
    cost_to_risk: Annotated[Decimal | None, Share("0.01", "1000")] = Field(
        default=None,
        description="A hedge is skipped while it costs more than this many times the risk that it removes in a day.",
    )
    funding_cost: Annotated[Decimal | None, Share("0", "10")] = Field(
        default=None,
        description="A hedge that is expected to pay more than this part of itself a year is closed early.",
    )


class PriceSettings(Section):
    """A price that ends a target."""

    asset: Coin = Field(description="Whose price.")
    above: Annotated[Amount | None, PriceLevel()] = Field(default=None, description="It ends at this price or above.")
    below: Annotated[Amount | None, PriceLevel()] = Field(default=None, description="It ends at this price or below.")


class UntilSettings(Section):
    """What ends a target by itself; the first that comes true. Its hedge is then closed."""

    time: Annotated[int | None, Moment()] = Field(default=None, description="A moment, in UTC.")
    price: PriceSettings | None = Field(default=None, description="A price.")
    funding_cost: Annotated[Decimal | None, Share("0", "10")] = Field(
        default=None, description="The hedges are expected to pay more than this part of themselves a year."
    )
    drift_healed: bool = Field(
        default=False, description="Without any hedge every coin would be inside the band (weights, risk_parity)."
    )


class SliceSettings(Section):
    """How a large move is cut."""

    notional: Value = Field(description="At most this much of a coin at a time.")
    every: Annotated[int, Duration("1 s", "1 d")] = Field(description="One slice in this time.")
