"""What a simulated exchange is started with."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

LOOPBACK = "127.0.0.1"
KEY_CHARACTERS = 64
DEFAULT_ACCOUNT = "default"
DEFAULT_KEY = "default"
_ALPHABET = string.ascii_letters + string.digits


def _random_key() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_CHARACTERS))


@dataclass(frozen=True, slots=True)
class KeySpec:
    """An API key to be made: what it may do and whose it is. `key` and `secret` are generated when empty."""

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

    @classmethod
    def made(cls, spec: KeySpec) -> ApiKey:
        """The key of a spec, with fresh random key and secret where it names none."""
        return cls(
            name=spec.name,
            key=spec.key or _random_key(),
            secret=spec.secret or _random_key(),
            account=spec.account,
            read=spec.read,
            spot=spec.spot,
            futures=spec.futures,
            withdraw=spec.withdraw,
            transfer=spec.transfer,
            ip_restricted=spec.ip_restricted,
            expires_ms=spec.expires_ms,
        )


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account's balances at the start, in coins."""

    name: str = DEFAULT_ACCOUNT
    spot: dict[str, Decimal] = field(default_factory=dict)
    usdm: dict[str, Decimal] = field(default_factory=dict)


def _default_accounts() -> tuple[AccountSpec, ...]:
    spot = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(10_000)}
    return (AccountSpec(spot=spot, usdm={"USDT": Decimal(50_000)}),)


@dataclass(frozen=True, slots=True)
class SimexConfig:
    """Everything a simulated exchange needs to start. Port 0 is an ephemeral one.

    `market` is "synthetic" (seeded) or "recorded" (frames of `replay_dir`, again and again with `loop`). `speed` is how
    many seconds of it pass in a wall second: a synthetic exchange lives faster as a whole, funding included; a recorded
    one plays its frames faster and lives on wall time.
    `funding_rate` is a ratio per interval (positive: longs pay shorts); None leaves it to the market.
    `index_perpetual` lists DEFIUSDT too, a perpetual on an index.
    """

    market: str = "synthetic"
    replay_dir: Path | None = None
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
    index_perpetual: bool = False

    @property
    def timeline_speed(self) -> float:
        """Exchange seconds a wall second."""
        return self.speed if self.market == "synthetic" else 1.0

    def __post_init__(self) -> None:
        if self.market not in ("synthetic", "recorded"):
            raise ValueError(f"market {self.market!r}: allowed are 'synthetic' and 'recorded'")
        if (self.market == "recorded") != (self.replay_dir is not None):
            raise ValueError("market 'recorded' and a replay directory go together")
        if not 0 < self.speed <= 1_000:
            raise ValueError(f"speed {self.speed}: allowed is more than 0 and at most 1000")
        if not 1 <= self.tick_ms <= 1_000:
            raise ValueError(f"tick_ms {self.tick_ms}: allowed is 1 to 1000")
        if len({key.name for key in self.keys}) != len(self.keys):
            raise ValueError("two keys have the same name")
        unknown = {key.account for key in self.keys} - {account.name for account in self.accounts}
        if unknown:
            raise ValueError(f"keys of accounts that do not exist: {', '.join(sorted(unknown))}")
