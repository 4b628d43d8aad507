"""The filters of both venues: what makes an order unacceptable before anything is matched, and with which code.

Spot answers -1013 "Filter failure: NAME"; USD-M has a code for every filter. Refusals that depend on the book or on
balances (-2010, -2019, -2022, -5021, -5022) are raised where those are known.
"""

from __future__ import annotations

import re
from decimal import Decimal

from bot.simex.model import ZERO, NewOrder, Reject, Side, Symbol

SPOT_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}\Z")
FUTURES_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}\Z")
SPOT_TYPES = frozenset({"LIMIT", "MARKET", "LIMIT_MAKER"})
FUTURES_TYPES = frozenset({"LIMIT", "MARKET"})


def validate(symbol: Symbol, new: NewOrder, reference: Decimal, best: Decimal | None) -> None:
    """Raise Reject unless the order passes every filter of its symbol.

    `reference` is the mark price on usdm and the mid on spot; `best` the best opposite price, None on an empty side.
    """
    if symbol.market == "spot":
        _validate_spot(symbol, new, reference)
    else:
        _validate_futures(symbol, new, reference, best)


def decimals(number: Decimal) -> int:
    """How many decimals a number needs, trailing zeros not counted."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _off_step(value: Decimal, step: Decimal) -> bool:
    return value % step != 0


# ------------------------------------------------------------------------------------------------- spot
def _validate_spot(symbol: Symbol, new: NewOrder, reference: Decimal) -> None:
    if symbol.status != "TRADING":
        raise Reject(-1013, "Market is closed.")
    if new.type not in SPOT_TYPES:
        raise Reject(-1116, "Invalid orderType.")
    if new.time_in_force == "GTX":
        raise Reject(-1115, "Invalid timeInForce.")
    if new.reduce_only or new.position_side != "BOTH":
        raise Reject(-1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.")
    if new.client_order_id and not SPOT_CLIENT_ID.match(new.client_order_id):
        legal = "^[a-zA-Z0-9-_]{1,36}$"
        raise Reject(-1100, f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{legal}'.")
    _spot_quantity(symbol, new)
    if new.type != "MARKET":
        _spot_price(symbol, new, reference)
    _spot_notional(symbol, new, reference)


def _spot_quantity(symbol: Symbol, new: NewOrder) -> None:
    if new.type == "MARKET" and new.quote_quantity is not None:
        if new.quantity is not None or new.quote_quantity <= 0:
            raise Reject(-1013, "Invalid quantity.")
        return
    quantity = new.quantity
    if quantity is None:
        raise Reject(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
    if quantity <= 0:
        raise Reject(-1013, "Invalid quantity.")
    if decimals(quantity) > symbol.quantity_precision:
        raise Reject(-1111, "Parameter 'quantity' has too much precision.")
    if quantity < symbol.min_qty or quantity > symbol.max_qty or _off_step(quantity, symbol.lot):
        raise Reject(-1013, "Filter failure: LOT_SIZE")
    if new.type == "MARKET" and quantity > symbol.market_max_qty:
        raise Reject(-1013, "Filter failure: MARKET_LOT_SIZE")


def _spot_price(symbol: Symbol, new: NewOrder, reference: Decimal) -> None:
    price = new.price
    if price is None:
        raise Reject(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.")
    if price <= 0:
        raise Reject(-1013, "Invalid price.")
    if decimals(price) > symbol.price_precision:
        raise Reject(-1111, "Parameter 'price' has too much precision.")
    if price < symbol.min_price or price > symbol.max_price or _off_step(price, symbol.tick):
        raise Reject(-1013, "Filter failure: PRICE_FILTER")
    if not reference * symbol.multiplier_down <= price <= reference * symbol.multiplier_up:
        raise Reject(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")


def _spot_notional(symbol: Symbol, new: NewOrder, reference: Decimal) -> None:
    price = reference if new.type == "MARKET" else new.price or ZERO
    notional = new.quote_quantity if new.quantity is None else new.quantity * price
    if notional is not None and notional < symbol.min_notional:
        raise Reject(-1013, "Filter failure: NOTIONAL")


# -------------------------------------------------------------------------------------------------- usdm
def _validate_futures(symbol: Symbol, new: NewOrder, mark: Decimal, best: Decimal | None) -> None:
    if symbol.status == "BREAK":
        raise Reject(-4141, "Symbol is closed.")
    if symbol.status == "SETTLING" and not new.reduce_only:
        raise Reject(-4140, "Invalid symbol status for opening position.")
    if new.type not in FUTURES_TYPES:
        raise Reject(-1116, "Invalid orderType.")
    if new.client_order_id and not FUTURES_CLIENT_ID.match(new.client_order_id):
        raise Reject(-4015, "Client order id is not valid.")
    _futures_quantity(symbol, new)
    if new.type == "LIMIT":
        _futures_price(symbol, new, mark)
    elif best is not None and not within_percent_price(symbol, new.side, best, mark):
        raise Reject(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
    _futures_notional(symbol, new, mark)


def _futures_quantity(symbol: Symbol, new: NewOrder) -> None:
    quantity = new.quantity
    if quantity is None:
        raise Reject(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.")
    if quantity <= 0:
        raise Reject(-4003, "Quantity less than or equal to zero.")
    if decimals(quantity) > symbol.quantity_precision:
        raise Reject(-1111, "Precision is over the maximum defined for this asset.")
    if quantity < symbol.min_qty:
        raise Reject(-4004, "Quantity less than min quantity.")
    if quantity > (symbol.market_max_qty if new.type == "MARKET" else symbol.max_qty):
        raise Reject(-4005, "Quantity greater than max quantity.")
    if _off_step(quantity, symbol.lot):
        raise Reject(-4023, "Qty not increased by step size.")


def _futures_price(symbol: Symbol, new: NewOrder, mark: Decimal) -> None:
    price = new.price
    if price is None:
        raise Reject(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.")
    if price <= 0:
        raise Reject(-4001, "Price less than 0.")
    if decimals(price) > symbol.price_precision:
        raise Reject(-1111, "Precision is over the maximum defined for this asset.")
    if price > symbol.max_price:
        raise Reject(-4002, "Price greater than max price.")
    if price < symbol.min_price:
        raise Reject(-4013, "Price less than min price.")
    if _off_step(price, symbol.tick):
        raise Reject(-4014, "Price not increased by tick size.")
    if not within_percent_price(symbol, new.side, price, mark):
        bound = percent_price_bound(symbol, new.side, mark)
        if new.side == "BUY":
            raise Reject(-4016, f"Limit price can't be higher than {bound}.")
        raise Reject(-4024, f"Limit price can't be lower than {bound}.")


def _futures_notional(symbol: Symbol, new: NewOrder, mark: Decimal) -> None:
    price = mark if new.type == "MARKET" else new.price or ZERO
    if not new.reduce_only and (new.quantity or ZERO) * price < symbol.min_notional:
        text = f"Order's notional must be no smaller than {symbol.min_notional} (unless you choose reduce only)."
        raise Reject(-4164, text)


def percent_price_bound(symbol: Symbol, side: Side, mark: Decimal) -> Decimal:
    """The worst price at which an order of this side may trade: above the mark for buys, below it for sells."""
    factor = symbol.multiplier_up if side == "BUY" else symbol.multiplier_down
    return (mark * factor / symbol.tick).to_integral_value() * symbol.tick


def within_percent_price(symbol: Symbol, side: Side, price: Decimal, mark: Decimal) -> bool:
    """Whether a price is not beyond the percent-price bound of its side."""
    bound = percent_price_bound(symbol, side, mark)
    return price <= bound if side == "BUY" else price >= bound
