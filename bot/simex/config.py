"""What a simulated exchange is started with."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.simex.faults.scenario import Scenario

LOOPBACK = "127.0.0.1"
KEY_CHARACTERS = 64
DEFAULT_ACCOUNT = "default"
DEFAULT_KEY = "default"
VENUES = ("binance", "bybit")
MARKETS = ("synthetic", "recorded", "history")
LAG_MS_MAX = 60_000
ENGINE_DELAY_MS = 5
LIMITS_FACTOR_MAX = 1_000
_ALPHABET = string.ascii_letters + string.digits
_RSA_BITS = 2_048
_RSA_EXPONENT = 65_537
# How requests are signed with a key. Bybit has no Ed25519: such a key is Binance's alone.
KeyKind = Literal["hmac", "ed25519", "rsa"]
KEY_KINDS: tuple[KeyKind, ...] = ("hmac", "ed25519", "rsa")


def _random_key() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_CHARACTERS))


def _random_secret(kind: KeyKind) -> str:
    """A shared secret, or a private key as PEM (PKCS#8, not encrypted), as the owner of a key keeps it."""
    if kind == "hmac":
        return _random_key()
    private = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True, slots=True)
class KeySpec:
    """An API key to be made: what it may do and whose it is. `key` and `secret` are generated when empty.

    The secret of an Ed25519 or RSA key is its private half as PEM. `ips`: the addresses it may be used from; none: any.
    """

    name: str
    account: str = DEFAULT_ACCOUNT
    read: bool = True
    spot: bool = True
    futures: bool = True
    withdraw: bool = False
    transfer: bool = False
    ip_restricted: bool = True
    expires_ms: int | None = None
    key: str = ""
    secret: str = field(default="", repr=False)
    kind: KeyKind = "hmac"
    ips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KEY_KINDS:
            raise ValueError(f"key {self.name!r}: kind {self.kind!r}: allowed are {', '.join(KEY_KINDS)}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the exchange with its scopes; the secret stays out of `repr`."""

    name: str
    key: str
    secret: str = field(repr=False)
    account: str
    read: bool
    spot: bool
    futures: bool
    withdraw: bool
    transfer: bool
    ip_restricted: bool
    expires_ms: int | None
    kind: KeyKind = "hmac"
    ips: tuple[str, ...] = ()

    @classmethod
    def made(cls, spec: KeySpec) -> ApiKey:
        """The key of a spec, with fresh random key and secret where it names none."""
        return cls(
            name=spec.name,
            key=spec.key or _random_key(),
            secret=spec.secret or _random_secret(spec.kind),
            account=spec.account,
            read=spec.read,
            spot=spec.spot,
            futures=spec.futures,
            withdraw=spec.withdraw,
            transfer=spec.transfer,
            ip_restricted=spec.ip_restricted,
            expires_ms=spec.expires_ms,
            kind=spec.kind,
            ips=spec.ips,
        )


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account's balances at the start, in coins, by wallet: Binance's spot, usdm and coinm, Bybit's unified.

    `parent` names the master of a sub-account.
    """

    name: str = DEFAULT_ACCOUNT
    spot: dict[str, Decimal] = field(default_factory=dict)
    usdm: dict[str, Decimal] = field(default_factory=dict)
    coinm: dict[str, Decimal] = field(default_factory=dict)
    unified: dict[str, Decimal] = field(default_factory=dict)
    parent: str = ""

    def wallets(self, venue: str) -> dict[str, dict[str, Decimal]]:
        """The wallets of a venue and what is in them."""
        if venue == "bybit":
            return {"unified": self.unified}
        return {"spot": self.spot, "usdm": self.usdm, "coinm": self.coinm}


def _default_accounts() -> tuple[AccountSpec, ...]:
    spot = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(10_000)}
    coinm = {"BTC": Decimal(1)}
    unified = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(50_000)}
    return (AccountSpec(spot=spot, usdm={"USDT": Decimal(50_000)}, coinm=coinm, unified=unified),)


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} {value}: allowed is {least} to {most}")


@dataclass(frozen=True, slots=True)
class SimexConfig:
    """Everything a simulated exchange needs to start. Port 0 is an ephemeral one.

    `market` is "synthetic" (seeded), "recorded" (frames of `replay_dir`, again and again with `loop`) or "history"
    (public Binance files below `history_dir`, Binance alone). `speed` is how many seconds of it pass in a wall second:
    an exchange lives faster as a whole, funding included; a recorded one plays its frames faster, on wall time.
    `funding_rate` is a ratio per interval (positive: longs pay shorts); None leaves it to the market.
    `is_calm`: a synthetic market without stress and without common jumps. `faults` is what goes wrong, from the start.

    `query_lag_ms`: queries of orders, trades, positions and balances are this far behind. `replica_lag_ms`: each is
    from 0 to so much further behind, drawn for every query. `engine_delay_ms`: Bybit's engine
    carries an order out so long after it was accepted, and acknowledgements by socket take as long (0: at once).
    `limits_factor` multiplies the venues' rate limits.
    """

    venues: tuple[str, ...] = VENUES

    market: str = "synthetic"
    replay_dir: Path | None = None
    history_dir: Path | None = None
    loop: bool = False
    speed: float = 1.0
    seed: int = 1
    funding_rate: Decimal | None = None
    funding_interval_s: int | None = None
    accounts: tuple[AccountSpec, ...] = field(default_factory=_default_accounts)
    keys: tuple[KeySpec, ...] = (KeySpec(DEFAULT_KEY),)
    state_dir: Path | None = None
    ready_file: Path | None = None
    tls_port: int = 0
    control_port: int = 0
    tick_ms: int = 20
    plain_http: bool = True
    is_calm: bool = False
    query_lag_ms: int = 0
    replica_lag_ms: int = 0
    engine_delay_ms: int = ENGINE_DELAY_MS
    limits_factor: int = 1
    faults: Scenario = field(default_factory=Scenario)

    @property
    def timeline_speed(self) -> float:
        """Exchange seconds a wall second."""
        return 1.0 if self.market == "recorded" else self.speed

    def __post_init__(self) -> None:
        if self.market not in MARKETS:
            raise ValueError(f"market {self.market!r}: allowed are {', '.join(MARKETS)}")
        if (self.market == "recorded") != (self.replay_dir is not None):
            raise ValueError("market 'recorded' and a replay directory go together")
        if (self.market == "history") != (self.history_dir is not None):
            raise ValueError("market 'history' and a directory of files go together")
        if not 0 < self.speed <= 1_000:
            raise ValueError(f"speed {self.speed}: allowed is more than 0 and at most 1000")
        if not self.venues or set(self.venues) - set(VENUES):
            raise ValueError(f"venues {', '.join(self.venues)}: allowed are {', '.join(VENUES)}")
        _within("tick_ms", self.tick_ms, 1, 1_000)
        _within("query_lag_ms", self.query_lag_ms, 0, LAG_MS_MAX)
        _within("replica_lag_ms", self.replica_lag_ms, 0, LAG_MS_MAX)
        _within("engine_delay_ms", self.engine_delay_ms, 0, LAG_MS_MAX)
        _within("limits_factor", self.limits_factor, 1, LIMITS_FACTOR_MAX)
        if len({key.name for key in self.keys}) != len(self.keys):
            raise ValueError("two keys have the same name")
        unknown = {key.account for key in self.keys} - {account.name for account in self.accounts}
        if unknown:
            raise ValueError(f"keys of accounts that do not exist: {', '.join(sorted(unknown))}")
