"""Client order ids: `tt` and 22 of [a-z0-9], which every venue takes, and none is ever used twice.

epoch (8: milliseconds of this start, strictly rising) + intent (6) + leg (2) + attempt (2) + portfolio (4).
"""

from bot.domain.units import CLIENT_ID_PREFIX, ClientOrderId

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH, _INTENT, _LEG, _ATTEMPT, _PORTFOLIO = 8, 6, 2, 2, 4


def client_order_id(portfolio: str, epoch: int, intent: int, leg: int, attempt: int = 0) -> ClientOrderId:
    """Name an order. The same arguments give the same id, different ones different ids.

    Raises:
        ValueError: a number does not fit its field.
    """
    fields = ((epoch, _EPOCH), (intent, _INTENT), (leg, _LEG), (attempt, _ATTEMPT), (_digest(portfolio), _PORTFOLIO))
    return ClientOrderId(CLIENT_ID_PREFIX + "".join(_base36(value, width) for value, width in fields))


def _base36(value: int, width: int) -> str:
    if not 0 <= value < 36**width:
        msg = f"{value} does not fit {width} digits of a client order id"
        raise ValueError(msg)
    out = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        out = _DIGITS[digit] + out
    return out


def _digest(text: str) -> int:
    """A small fixed fingerprint (FNV-1a), so that two portfolios on one account tell their orders apart."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return int(value % 36**_PORTFOLIO)
