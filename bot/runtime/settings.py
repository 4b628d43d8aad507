"""The config's shape: what may be written, in which units, within which bounds, and what holds where nothing is.

These models judge each value by itself. What must fit together (units and coins, bands, budgets) is judged by
`bot.runtime.settings_cross` and `load` reports both at once, so a model is only ever made through
`bot.runtime.settings_load`. Secrets have no place here: see `bot.runtime.secrets`.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.runtime.document import Document
from bot.runtime.environment import PREFIX, SEPARATOR
from bot.runtime.fields import (
    Address,
    BasisPoints,
    Coins,
    Count,
    Duration,
    FilePath,
    HostPort,
    Market,
    Share,
    Symbol,
    Text,
)
from bot.runtime.fields_targets import Hedge
from bot.runtime.quantities import Amount, bps, duration_ns
from bot.runtime.section import Section
from bot.runtime.settings_book import (
    BudgetSettings,
    HoldingSettings,
    PegSettings,
    RoutingSettings,
    StatisticsSettings,
)
from bot.runtime.settings_service import (
    AlertSettings,
    ChatSettings,
    HealthSettings,
    JournalSettings,
    LogFileSettings,
    WebSettings,
)
from bot.runtime.settings_source import DocumentSource
from bot.runtime.settings_targets import TargetSettings
from bot.runtime.vocabulary import Coin, Money, MoneySeconds, Name, Weight

DEFAULT_STATE_DIR = Path("~/.local/state/trimtab")
_DOCUMENT = "document"
ALTERNATIVES_MAX = 4
"""Further futures of a coin: each of them is looked at whenever a hedge is opened."""

HostName = Annotated[str, Text(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", "a host name", str.lower)]


def default_state_dir() -> Path:
    """The default state directory, its ~ resolved where the home folder is known."""
    try:
        return DEFAULT_STATE_DIR.expanduser()
    except RuntimeError:
        return DEFAULT_STATE_DIR


class AssetSettings(Section):
    """How a coin is priced and hedged. What is left out follows from the coin and the quote currency."""

    pricing: Annotated[Symbol | None, Market("spot", "usdm")] = Field(
        default=None,
        description="Whose mid prices the coin; spot:<COIN><QUOTE> where left out, for an index its hedge.",
    )
    hedge: Annotated[Symbol | None, Hedge("usdm")] = Field(
        default=None, description="The perpetual that hedges it; usdm:<COIN><QUOTE> where left out."
    )
    alternatives: tuple[Annotated[Symbol, Market("usdm")], ...] = Field(
        default=(),
        max_length=ALTERNATIVES_MAX,
        description="Further futures on it: hedges go to the cheapest that can take them, and move where that pays.",
    )
    declared: Annotated[Amount, Coins()] = Field(
        default=Amount(Decimal(0)), description="Coins held where the daemon cannot look (a cold wallet)."
    )
    held_as: dict[Coin, Annotated[Decimal, Share("0.000001", "1000000")]] = Field(
        default_factory=dict,
        description="Other coins that count as it (staked, lent, wrapped): how many of it one of them stands for.",
    )
    composition: dict[Coin, Weight] = Field(
        default_factory=dict, description="Of an index: the share of each coin; its future moves the exposure to each."
    )


class LimitSettings(Section):
    """Every bound that an order must keep. Money is in the quote currency."""

    slippage: Annotated[Decimal, BasisPoints("1 bps", "500 bps")] = Field(
        default=bps("15 bps"), description="How far from the mid at decision a hedge order's price may be."
    )
    flatten_slippage: Annotated[Decimal, BasisPoints("1 bps", "1000 bps")] = Field(
        default=bps("50 bps"), description="The same for unwind and flatten, where getting out counts more."
    )
    collar_mid: Annotated[Decimal, BasisPoints("1 bps", "1000 bps")] = Field(
        default=bps("30 bps"), description="No limit price further than this from the mid."
    )
    collar_mark: Annotated[Decimal, BasisPoints("1 bps", "2000 bps")] = Field(
        default=bps("100 bps"), description="No limit price further than this from the mark price."
    )
    price_deviation: Annotated[Decimal, BasisPoints("1 bps", "2000 bps")] = Field(
        default=bps("100 bps"), description="No order while mid and index are further apart: one of them is wrong."
    )
    order_notional: Money = Field(default=Amount(Decimal(25_000)), description="The largest single order.")
    position_notional: Money = Field(
        default=Amount(Decimal(250_000)), description="The largest position, orders on their way included."
    )
    margin_ratio: Annotated[Decimal, Share("0.05", "0.9")] = Field(
        default=Decimal("0.5"),
        description="Maintenance margin / margin balance after an order; beyond it only what reduces.",
    )
    stress_distance: Annotated[Decimal, Share("0", "5")] = Field(
        default=Decimal("0.15"),
        description="After an order the account must survive this move of all prices, up or down; 0 asks for none.",
    )
    quote_age: Annotated[int, Duration("50 ms", "30 s")] = Field(
        default=duration_ns("2 s"),
        description="No order on a quote older than this; 5 s at Bybit where it is left out.",
    )
    mark_age: Annotated[int, Duration("1 s", "60 s")] = Field(
        default=duration_ns("5 s"), description="No order on a mark price older than this."
    )
    account_age: Annotated[int, Duration("2 s", "10 min")] = Field(
        default=duration_ns("30 s"), description="No order on balances and positions confirmed longer ago."
    )
    reducing_quote_age: Annotated[int, Duration("50 ms", "5 min")] = Field(
        default=duration_ns("10 s"), description="The wider quote age for orders that only reduce a position."
    )
    clock_offset: Annotated[int, Duration("10 ms", "900 ms")] = Field(
        default=duration_ns("500 ms"), description="No order while the venue's clock is further from ours."
    )
    orders_per_minute: Annotated[int, Count("1", "600")] = Field(
        default=5, description="Orders an instrument may take in a minute; further ones wait."
    )
    rejects_in_row: Annotated[int, Count("1", "100")] = Field(
        default=3, description="Rejects in a row that halt an instrument."
    )
    ack_timeout: Annotated[int, Duration("100 ms", "30 s")] = Field(
        default=duration_ns("2 s"),
        description="An order not answered after this is unknown: it is looked up, never re-sent.",
    )
    recv_window: Annotated[int, Duration("100 ms", "10 s")] = Field(
        default=duration_ns("2 s"), description="How long after its timestamp the venue may still take an order."
    )
    venue_delay: Annotated[int, Duration("100 ms", "30 s")] = Field(
        default=duration_ns("1 s"),
        description="How much later still it may reach the book; 5 s at Bybit where it is left out.",
    )
    evidence_gap: Annotated[int, Duration("100 ms", "30 s")] = Field(
        default=duration_ns("1 s"), description="The time between two looks that count as two."
    )
    replica_lag: Annotated[int, Duration("100 ms", "2 min")] = Field(
        default=duration_ns("10 s"),
        description="How long after a fill a read may still show the position before it.",
    )
    balance_step: Annotated[Decimal, Share("0", "1")] = Field(
        default=Decimal("0.2"),
        description="A balance that the stream changes by more than this part of itself waits for a read that agrees.",
    )
    unknown_alert: Annotated[int, Duration("1 s", "1 h")] = Field(
        default=duration_ns("60 s"), description="An order unknown for longer is alerted."
    )
    unknown_halt: Annotated[int, Duration("5 s", "1 h")] = Field(
        default=duration_ns("5 min"), description="An order unknown for longer halts its instrument."
    )
    naked_exposure: MoneySeconds = Field(
        default=Amount(Decimal(500_000)),
        description="What one leg of a pair may be ahead of the other, in currency times seconds.",
    )


class IntervalSettings(Section):
    """How often the daemon looks by itself, whatever the streams say."""

    tick: Annotated[int, Duration("10 ms", "1 s")] = Field(
        default=duration_ns("100 ms"), description="The engine's clock: ages and deadlines are judged this often."
    )
    reconcile: Annotated[int, Duration("1 s", "5 min")] = Field(
        default=duration_ns("10 s"), description="Balances, positions and orders are read over REST."
    )
    clock: Annotated[int, Duration("1 s", "10 min")] = Field(
        default=duration_ns("30 s"), description="The venue's clock is compared with ours."
    )
    funding: Annotated[int, Duration("10 s", "1 h")] = Field(
        default=duration_ns("60 s"), description="The venue's ledger is read for funding payments."
    )
    checkpoint: Annotated[int, Duration("10 s", "1 d")] = Field(
        default=duration_ns("5 min"), description="The journal takes a checkpoint, so that a start reads only its tail."
    )
    metadata: Annotated[int, Duration("1 min", "1 d")] = Field(
        default=duration_ns("1 h"),
        description="The venue's instruments (lots, minimums, margin tiers, status) are read anew.",
    )


class ExchangeSettings(Section):
    """Where the venue is reached. Leave it out in production: the venue's own hosts are resolved as usual."""

    pin: dict[HostName, Annotated[Address, HostPort()]] = Field(
        default_factory=dict, description="Host name -> address of a simulated exchange; no other host is reached."
    )
    ca_file: Annotated[Path | None, FilePath()] = Field(
        default=None, description="The only authority whose certificates are trusted (the simulated exchange's)."
    )


class KeySettings(Section):
    """Files that hold an API key; each is yours, mode 0600, and holds one value."""

    api_key_file: Annotated[Path | None, FilePath()] = Field(default=None, description="The key.")
    api_secret_file: Annotated[Path | None, FilePath()] = Field(
        default=None, description="The secret (HMAC), or the private key in PEM form."
    )


class CredentialSettings(KeySettings):
    """Files that hold the API key of `venue`, and under its name that of another venue that instruments lie on."""

    binance: KeySettings = Field(default=KeySettings(), description="Of Binance, where `venue` is another one.")
    bybit: KeySettings = Field(default=KeySettings(), description="Of Bybit, where `venue` is another one.")


CoinBalance = Annotated[Decimal, Share("0", "1000000000")]


class PaperBalances(Section):
    """What the paper account holds, in coins."""

    spot: dict[Coin, CoinBalance] = Field(default_factory=dict, description="The spot wallet.")
    usdm: dict[Coin, CoinBalance] = Field(default_factory=dict, description="The USD-M futures wallet.")
    unified: dict[Coin, CoinBalance] = Field(default_factory=dict, description="The unified account (Bybit).")


class PaperSettings(Section):
    """The account of a dry-run: its orders are filled against the live books and nothing is sent."""

    seed: Literal["live", "config"] = Field(
        default="live", description="live: balances and positions of the real account, read once; config: those below."
    )
    balances: PaperBalances = PaperBalances()
    taker_fee: Annotated[Decimal, BasisPoints("-5 bps", "100 bps")] = Field(
        default=bps("5 bps"), description="Paid on every fill."
    )
    latency: Annotated[int, Duration("0 ms", "5 s")] = Field(
        default=duration_ns("50 ms"), description="From order to fill."
    )


class LogSettings(Section):
    """The log: decisions and what goes wrong, never quotes."""

    format: Literal["console", "json"] = Field(default="console", description="For a person, or a line of JSON each.")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    file: LogFileSettings | None = Field(default=None, description="Log to a file too, turned over by size.")


class Settings(Section, BaseSettings):
    """A portfolio's whole config."""

    # Variables reach the fields through the document (`bot.runtime.environment`), by this prefix and this delimiter.
    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        validate_default=False,
        env_prefix=PREFIX,
        env_nested_delimiter=SEPARATOR,
    )

    portfolio: Name = Field(description="Its name: journal and alerts carry it, and going live asks for it.")
    venue: Literal["binance", "bybit"] = Field(
        default="binance", description="The exchange; instruments of another one name it: bybit.linear:BTCUSDT."
    )
    quote: Literal["USDT", "USDC"] = Field(
        default="USDT", description="The quote currency: hedges settle in it, and the running service counts in it."
    )
    reporting: Coin = Field(
        default="USD",
        description="The reporting currency of `trimtab plan`; targets and budgets may write amounts in it too.",
    )
    state_dir: Annotated[Path, FilePath()] = Field(
        default_factory=default_state_dir, description="Journal, lock and control socket of this portfolio."
    )
    assets: dict[Coin, AssetSettings] = Field(min_length=1, description="How each coin is priced and hedged.")
    targets: tuple[Annotated[TargetSettings, Field(discriminator="kind")], ...] = Field(
        min_length=1, description="What the portfolio's exposure shall be; they add up."
    )
    peg: PegSettings = PegSettings()
    budgets: BudgetSettings = BudgetSettings()
    routing: RoutingSettings = RoutingSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    holdings: dict[Name, HoldingSettings] = Field(
        default_factory=dict, description="Holdings elsewhere that a file or an endpoint declares, by a name of yours."
    )
    limits: LimitSettings = LimitSettings()
    intervals: IntervalSettings = IntervalSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    credentials: CredentialSettings = CredentialSettings()
    paper: PaperSettings = PaperSettings()
    log: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()
    chat: ChatSettings = ChatSettings()
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()
    journal: JournalSettings = JournalSettings()

    def __init__(self, document: Document) -> None:
        """Read the settings out of a document; raises pydantic's ValidationError with everything that is wrong."""
        handed: dict[str, Any] = {_DOCUMENT: document}
        super().__init__(**handed)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's own signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's own signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's own signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The document alone: no ambient variable, no .env file and no folder of secrets has a say."""
        assert isinstance(init_settings, InitSettingsSource), "pydantic-settings hands over what __init__ was given"
        return (DocumentSource(settings_cls, init_settings.init_kwargs[_DOCUMENT]),)
