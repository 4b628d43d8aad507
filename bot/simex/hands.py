"""What the control API does to one exchange by hand: accounts, prices, rates, settings, orders.

Every function takes the exchange and the body of the request. The names of Binance are kept where the bodies carry
words: BUY, LIMIT, CROSSED. NotAllowed, Refused and ValueError say what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from bot.simex.asked import NotAllowed, decimal, flag, integer, mapping, optional_decimal, positive, text
from bot.simex.config import DEFAULT_ACCOUNT, AccountSpec
from bot.simex.core.exchange import Exchange
from bot.simex.core.instrument import Instrument, Key
from bot.simex.core.numbers import money, scaled
from bot.simex.core.order import BUY, SELL, Order, OrderType, PositionSide, Side, Ticket, TimeInForce
from bot.simex.house import fund

FACTOR_MAX = 100
LEVERAGE_MAX = 200
FEE_MAX = Decimal("0.01")
ID_MAX = 2**63
_SIDES: Final[Mapping[str, Side]] = {"BUY": BUY, "SELL": SELL}
_TYPES: Final[Mapping[str, OrderType]] = {"LIMIT": "limit", "MARKET": "market"}
_TIMES: Final[Mapping[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "POST_ONLY": "post_only"}
_POSITION_SIDES: Final[Mapping[str, PositionSide]] = {"BOTH": "both", "LONG": "long", "SHORT": "short"}
_MARGIN_TYPES: Final = ("CROSSED", "ISOLATED")

Body = Mapping[str, Any]


def open_account(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Open an account with coins in its wallets."""
    wallets = {name: _amounts(mapping(body, name)) for name in ("spot", "usdm", "coinm", "unified") if name in body}
    spec = AccountSpec(name=text(body, "account"), parent=str(body.get("parent", "")), **wallets)
    fund(exchange, exchange.state.rules.name, spec)
    return {"ok": True}


def deposit(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Put coins into a wallet."""
    return _moved(exchange, body, exchange.funds.deposit)


def withdraw(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Take coins out of a wallet."""
    return _moved(exchange, body, exchange.funds.withdraw)


def shock(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Multiply every price of an asset ("BTC"), or of an instrument's base ("BTCUSDT"), for good."""
    factor = positive(body, "factor")
    if factor > FACTOR_MAX:
        raise NotAllowed(f"factor {factor}: allowed is more than 0 and at most {FACTOR_MAX}")
    named = text(body, "asset")
    bases = _bases(exchange, named)
    exchange.shock(min(bases) if bases else named, float(factor))
    return {"ok": True}


def knows(exchange: Exchange, named: str) -> bool:
    """Whether an asset, or an instrument of that name, is traded here."""
    return bool(_bases(exchange, named))


def _bases(exchange: Exchange, named: str) -> set[str]:
    return {one.base for one in exchange.instruments.values() if named in (one.base, one.name)}


def funding(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Prescribe a perpetual's rate (none: let it float) and, if given, when it is charged next."""
    rate, next_ms = optional_decimal(body, "rate"), body.get("next_ms")
    if next_ms is not None and (isinstance(next_ms, bool) or not isinstance(next_ms, int)):
        raise NotAllowed("next_ms: milliseconds since 1970 are needed")
    exchange.set_rate(_future(exchange, body).key, None if rate is None else scaled(rate), next_ms)
    return {"ok": True}


def settings(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Change an account's position mode, asset mode, leverage or margin type as its owner would."""
    account = exchange.state.account(text(body, "account", DEFAULT_ACCOUNT))
    chosen = exchange.funds.settings
    if "dual_side" in body:
        category = text(body, "market", next(iter(exchange.state.rules.wallets)))
        chosen.hedge_mode(account, "usdm" if category == "spot" else category, hedge=flag(body, "dual_side"))
    if "multi_assets" in body:
        chosen.multi_assets(account, multi=flag(body, "multi_assets"))
    if "leverage" in body:
        chosen.leverage(account, _future(exchange, body), integer(body, "leverage", 0, 1, LEVERAGE_MAX))
    if "margin_type" in body:
        isolated = text(body, "margin_type", None, _MARGIN_TYPES) == "ISOLATED"
        chosen.margin_type(account, _future(exchange, body), isolated=isolated)
    return {"ok": True}


def fees(exchange: Exchange, body: Body) -> dict[str, Any]:
    """Give an account futures fees of its own (both rates), or those of the instruments again (neither)."""
    account = exchange.state.account(text(body, "account", DEFAULT_ACCOUNT))
    rates = [optional_decimal(body, name) for name in ("maker", "taker")]
    if any(rate is not None and abs(rate) > FEE_MAX for rate in rates):
        raise NotAllowed(f"fee rates: allowed is -{FEE_MAX} to {FEE_MAX}")
    for one in exchange.instruments.values():
        if not one.is_future:
            continue
        if rates == [None, None]:
            account.fees.pop(one.category, None)
        else:
            own = (one.maker_fee, one.taker_fee)
            maker, taker = (fee if rate is None else scaled(rate) for rate, fee in zip(rates, own, strict=True))
            account.fees[one.category] = (maker, taker)
    return {"ok": True}


def place(exchange: Exchange, body: Body) -> Order:
    """Place an order by hand."""
    kind, price = text(body, "type", "LIMIT", tuple(_TYPES)), optional_decimal(body, "price")
    ticket = Ticket(
        instrument=instrument_of(exchange, body),
        side=_SIDES[text(body, "side", None, tuple(_SIDES))],
        type=_TYPES[kind],
        quantity=scaled(positive(body, "quantity")),
        price=0 if price is None else scaled(price),
        tif=_TIMES[text(body, "time_in_force", "GTC", tuple(_TIMES))],
        reduce_only=bool(body.get("reduce_only")),
        position_side=_POSITION_SIDES[text(body, "position_side", "BOTH", tuple(_POSITION_SIDES))],
        client_id=str(body.get("client_order_id", "")),
    )
    return exchange.place(text(body, "account", DEFAULT_ACCOUNT), ticket)


def cancel(exchange: Exchange, body: Body) -> Order:
    """Cancel an order by hand."""
    account = text(body, "account", DEFAULT_ACCOUNT)
    key, number = instrument_of(exchange, body).key, integer(body, "order_id", 0, 0, ID_MAX)
    return exchange.cancel(account, exchange.orders.find(account, key, number))


def instrument_of(exchange: Exchange, body: Body) -> Instrument:
    """The instrument of `market` and `symbol`."""
    return exchange.state.instrument(
        (text(body, "market", None, tuple(exchange.state.rules.wallets)), text(body, "symbol"))
    )


def _future(exchange: Exchange, body: Body) -> Instrument:
    """The future of `symbol`, in `market` where that is given."""
    name, market = text(body, "symbol"), body.get("market")
    found = [
        one
        for one in exchange.instruments.values()
        if one.is_future and one.name == name and market in (None, one.category)
    ]
    return found[0] if found else exchange.state.instrument(_unknown(name))


def _unknown(name: str) -> Key:
    return ("", name)


def _amounts(rows: Mapping[str, Any]) -> dict[str, Decimal]:
    return {asset: decimal(rows, asset) for asset in rows}


def _moved(exchange: Exchange, body: Body, move: Callable[..., None]) -> dict[str, Any]:
    account = exchange.state.account(text(body, "account", DEFAULT_ACCOUNT))
    wallet = text(body, "wallet", None, tuple(exchange.state.rules.regimes))
    move(account, wallet, text(body, "asset"), money(positive(body, "amount")))
    return {"ok": True}
