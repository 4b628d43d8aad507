"""The venue's endpoints that we use, with what each costs of the rate budget."""

from __future__ import annotations

import msgspec

from bot.domain.units import AccountId
from bot.domain.venues import BINANCE_SPOT, BINANCE_USDM

SPOT, USDM = BINANCE_SPOT, BINANCE_USDM
SPOT_HOST = "api.binance.com"
USDM_HOST = "fapi.binance.com"
HOSTS = {SPOT: SPOT_HOST, USDM: USDM_HOST}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint: ccxt's name of its section, its path and method, and its weight."""

    account: AccountId
    section: str
    path: str
    method: str = "GET"
    weight: int = 1
    orders: int = 0
    signed: bool = True
    may_be_empty: bool = False
    """Whether `{}` is an answer."""
    served_by: str = ""
    """The host, where it does not follow from the account."""
    per_second: int = 0
    """How often a second it may be asked, where the venue counts so; 0 where it does not."""

    @property
    def host(self) -> str:
        """The host that serves it."""
        return self.served_by or HOSTS[self.account]


def _usdm(path: str, weight: int, section: str = "fapiPrivate", method: str = "GET", orders: int = 0) -> Route:
    return Route(account=USDM, section=section, path=path, method=method, weight=weight, orders=orders)


ORDER_NEW = _usdm("order", 0, method="POST", orders=1)
ORDER_CANCEL = _usdm("order", 1, method="DELETE")
ORDER_QUERY = _usdm("order", 1)
ORDERS_ALL = _usdm("allOrders", 5)
ORDERS_OPEN = _usdm("openOrders", 1)
ORDERS_OPEN_EVERYWHERE = _usdm("openOrders", 40)
TRADES = _usdm("userTrades", 5)
USDM_ACCOUNT = _usdm("account", 5, section="fapiPrivateV3")
POSITIONS = _usdm("positionRisk", 5, section="fapiPrivateV3")
INCOME = _usdm("income", 30)
BRACKETS = _usdm("leverageBracket", 1)
COMMISSION = _usdm("commissionRate", 20)
POSITION_MODE = _usdm("positionSide/dual", 30)
ASSET_MODE = _usdm("multiAssetsMargin", 30)
SYMBOL_CONFIG = _usdm("symbolConfig", 5)
LISTEN_KEY_NEW = Route(account=USDM, section="fapiPrivate", path="listenKey", method="POST", signed=False)
LISTEN_KEY_EXTEND = Route(
    account=USDM, section="fapiPrivate", path="listenKey", method="PUT", signed=False, may_be_empty=True
)
USDM_TIME = Route(account=USDM, section="fapiPublic", path="time", signed=False)
USDM_INFO = Route(account=USDM, section="fapiPublic", path="exchangeInfo", signed=False)
MARKS = Route(account=USDM, section="fapiPublic", path="premiumIndex", signed=False)
MARKS_EVERYWHERE = Route(account=USDM, section="fapiPublic", path="premiumIndex", weight=10, signed=False)

SPOT_ACCOUNT = Route(account=SPOT, section="private", path="account", weight=20)
SPOT_ORDER_NEW = Route(account=SPOT, section="private", path="order", method="POST", weight=1, orders=1)
SPOT_ORDER_CANCEL = Route(account=SPOT, section="private", path="order", method="DELETE", weight=1)
SPOT_ORDER_QUERY = Route(account=SPOT, section="private", path="order", weight=4)
SPOT_ORDERS_ALL = Route(account=SPOT, section="private", path="allOrders", weight=20)
SPOT_ORDERS_OPEN = Route(account=SPOT, section="private", path="openOrders", weight=6)
SPOT_TRADES = Route(account=SPOT, section="private", path="myTrades", weight=20)
"""5 with an order's id, by the venue's list of changes; counted at the price it had before, which is safe."""
KEY_SCOPE = Route(account=SPOT, section="sapi", path="account/apiRestrictions", weight=1)
SPOT_TIME = Route(account=SPOT, section="public", path="time", signed=False)
SPOT_INFO = Route(account=SPOT, section="public", path="exchangeInfo", weight=20, signed=False)

CLOCKS = {SPOT: SPOT_TIME, USDM: USDM_TIME}

SPOT_KLINES = Route(account=SPOT, section="public", path="klines", weight=2, signed=False)
USDM_KLINES = Route(account=USDM, section="fapiPublic", path="klines", weight=5, signed=False)
FUNDING_RATES = Route(account=USDM, section="fapiPublic", path="fundingRate", signed=False)
FUNDING_INFO = Route(account=USDM, section="fapiPublic", path="fundingInfo", signed=False)
OPEN_INTEREST = Route(account=USDM, section="fapiData", path="openInterestHist", signed=False)
