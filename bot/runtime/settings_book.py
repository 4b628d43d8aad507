"""What a portfolio has beside its targets: budgets, statistics, and holdings where the daemon cannot look by itself."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field

from bot.runtime.fields import Duration, FilePath, Market, Share, Symbol, Text
from bot.runtime.quantities import duration_ns
from bot.runtime.section import Section
from bot.runtime.vocabulary import Coin, Value

InstrumentName = Annotated[str, Text(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}", "an instrument, as usdm:BTCUSDT", str.strip)]
VenueName = Annotated[str, Text(r"[a-z0-9][a-z0-9._-]{0,31}", "a venue, as binance", str.lower)]
WebUrl = Annotated[str, Text(r"https?://\S+", "a URL with http or https, as https://127.0.0.1:8443/holdings")]
PEG_REFERENCES_MAX = 8


class BudgetSettings(Section):
    """What overlays may be worth in all."""

    core: Annotated[Decimal | None, Share("0", "1")] = Field(
        default=None, description="The least share of NAV that stays in coins as they are, or hedged one to one."
    )
    overlay: Annotated[Decimal | None, Share("0", "20")] = Field(
        default=None,
        description="The most that all overlays together may be worth, longs and shorts added, as a share of NAV.",
    )
    carry: Annotated[Decimal | None, Share("0", "1")] = Field(
        default=None, description="The share of NAV that carry trades may use (they come later)."
    )
    assets: dict[Coin, Value] = Field(default_factory=dict, description="The most that a coin's overlay may be worth.")
    instruments: dict[InstrumentName, Value] = Field(
        default_factory=dict, description="The most that a position in an instrument may be worth."
    )
    venues: dict[VenueName, Value] = Field(
        default_factory=dict, description="The most that all positions at a venue together may be worth."
    )


class PegSettings(Section):
    """What says whether the quote currency is worth its dollar. Where nothing does, nobody watches it."""

    references: tuple[Annotated[Symbol, Market("spot")], ...] = Field(
        default=(),
        max_length=PEG_REFERENCES_MAX,
        description="Spot pairs of the quote currency with other dollars, as spot:USDCUSDT; three are better than one.",
    )


class RoutingSettings(Section):
    """What the futures of a coin with `alternatives` are compared by, beside their market."""

    capital_apr: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal(0),
        description="What the capital that margins a hedge would earn elsewhere, a year; its margin costs that much.",
    )
    adverse_basis: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal(0),
        description="What a perpetual may cost a year beyond its funding, as nothing brings it back to spot on a day.",
    )


class StatisticsSettings(Section):
    """How volatilities, correlations and betas are measured."""

    sample: Annotated[int, Duration("1 min", "1 d")] = Field(
        default=duration_ns("1 h"), description="All mids are sampled this often; returns are taken over this time."
    )
    half_life: Annotated[int, Duration("1 h", "3650 d")] = Field(
        default=duration_ns("14 d"), description="How fast old returns are forgotten."
    )
    fast_half_life: Annotated[int, Duration("1 h", "3650 d")] = Field(
        default=duration_ns("3 d"), description="The faster of the two that are compared to see a decoupling."
    )
    slow_half_life: Annotated[int, Duration("1 h", "3650 d")] = Field(
        default=duration_ns("30 d"), description="The slower of the two."
    )
    prior_weight: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal(0), description="Shrinkage of betas towards their prior; 0: by their standard error alone."
    )


class HoldingSettings(Section):
    """Coins that are held elsewhere: a file or an endpoint that says how many. One of file, url and url_file."""

    file: Annotated[Path | None, FilePath()] = Field(default=None, description="A JSON file.")
    url: WebUrl | None = Field(default=None, description="An endpoint that answers with JSON, without a secret in it.")
    url_file: Annotated[Path | None, FilePath()] = Field(
        default=None, description="A file of yours, mode 0600, with the URL in it, where it holds a secret."
    )
    assets: tuple[Coin, ...] = Field(min_length=1, description="The coins that it speaks of; all of them must be said.")
    every: Annotated[int, Duration("1 s", "1 d")] = Field(
        default=duration_ns("1 min"), description="How often it is read."
    )
    age: Annotated[int, Duration("1 s", "30 d")] = Field(
        default=duration_ns("1 h"),
        description="A statement older than this is unknown, and its coins are not traded.",
    )
