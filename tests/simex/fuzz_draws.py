"""What the fuzzer throws: parameters, bodies and messages between almost right and not right at all."""

from __future__ import annotations

import json
from random import Random
from typing import Any

NAMES = (
    "symbol side type quantity price timeInForce timestamp recvWindow newClientOrderId orderId origClientOrderId "
    "limit fromId startTime endTime leverage marginType dualSidePosition positionSide reduceOnly closePosition "
    "stopPrice quoteOrderQty newOrderRespType selfTradePreventionMode listenKey asset amount batchOrders "
    "orderIdList interval symbols pair contractType algoType triggerPrice countdownTime multiAssetsMargin "
    "category orderType qty orderLinkId buyLeverage sellLeverage mode tradeMode settleCoin baseCoin cursor coin "
    "accountType openOnly request timeWindow stopLoss takeProfit tpslMode positionIdx transferId fromAccountType "
    "toAccountType fromMember period workingType"
).split()
WORDS = (
    "BTCUSDT BTCUSD_PERP BTCUSD ETHUSDT btcusdt NOPE BUY SELL Buy Sell LIMIT MARKET Limit Market STOP_MARKET GTC "
    "IOC FOK GTX PostOnly linear spot inverse option unified USDT BTC true false 1m 5m 1h D 0 1 -1 0.001 0.0005 "
    "60000 1e3 1E-9 99999999999999999999 0.00000000000000001 NaN Infinity -Infinity null None [] {} \u0000 "
    "\u2028 \ud83d\ude00 ' \" % ../../etc 9223372036854775808 -9223372036854775809 1_000 0x10 +1 1. .5 UNIFIED "
    "FUND CROSSED ISOLATED BOTH LONG"
).split(" ")
MARKETS_AND_TOPICS = (
    "btcusdt@depth btcusdt@depth5@100ms btcusdt@aggTrade btcusdt@bookTicker !ticker@arr !markPrice@arr@1s "
    "btcusd_perp@kline_1m btcusdt@kline_9x @ @@@ orderbook.1.BTCUSDT orderbook.50.BTCUSDT orderbook.7.X "
    "publicTrade.BTCUSDT tickers.BTCUSDT order execution position wallet adlAlert.USDT kline.1.BTCUSDT "
    "dcp.future ."
).split()
OPERATIONS = (
    "SUBSCRIBE UNSUBSCRIBE LIST_SUBSCRIPTIONS SET_PROPERTY GET_PROPERTY subscribe unsubscribe auth ping pong "
    "login order.create order.amend order.cancel order.create-batch order.place order.cancel order.status "
    "order.modify order.cancelReplace session.logon session.status userDataStream.subscribe "
    "userDataStream.subscribe.signature userDataStream.start depth ticker.price account.status account.balance "
    "algoOrder.place v2/account.position klines exchangeInfo nothing"
).split()
DEPTH_MAX = 4
NESTING = 30_000
WORD_LENGTH = 3_000


class Draws:
    """Draws from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.random.random() < share

    def word(self) -> str:
        """A text: a known word, a number, or rubbish."""
        roll = self.random.random()
        if roll < 0.7:
            return self.random.choice(WORDS)
        if roll < 0.85:
            return str(self.random.randint(-(10**6), 10**15))
        if roll < 0.98:
            return "".join(chr(self.random.randint(1, 0x2FF)) for _ in range(self.random.randint(0, 40)))
        return self.random.choice("9xA.") * WORD_LENGTH

    def value(self, depth: int = 0) -> Any:
        """A JSON value of any type."""
        roll = self.random.random()
        if roll < 0.5 or depth >= DEPTH_MAX:
            return self.word()
        if roll < 0.8:
            return self.random.choice(
                (None, True, False, 0, -1, 1, 1.5, 1e308, 2**63, 2**200, float("nan"), "", [], {})
            )
        if roll < 0.9:
            return [self.value(depth + 1) for _ in range(self.random.randint(0, 4))]
        return {self.random.choice(NAMES): self.value(depth + 1) for _ in range(self.random.randint(0, 4))}

    def spoiled(self, right: dict[str, Any]) -> dict[str, Any]:
        """Parameters with up to three of them lost, made wrong or added."""
        found = dict(right)
        for _ in range(self.random.choice((0, 1, 1, 2, 3))):
            name = self.random.choice([*found, *self.random.sample(NAMES, 2)])
            if name in found and self.chance(0.3):
                del found[name]
            else:
                found[name] = self.value()
        return found

    def order(self, venue: str) -> dict[str, Any]:
        """An order that is right, at one venue or the other; some rest, some take, some do not fit the account."""
        pick, price = self.random.choice, str(self.random.randint(55_000, 65_000))
        quantity = pick(("0.001", "0.01", "0.5", "40"))
        if venue == "bybit":
            side, kind = pick(("Buy", "Sell")), pick(("Limit", "Market"))
            names = {"category": pick(("linear", "spot", "inverse")), "symbol": pick(("BTCUSDT", "BTCUSD"))}
            return {**names, "side": side, "orderType": kind, "qty": quantity, "price": price}
        limit = {"type": "LIMIT", "price": price, "timeInForce": pick(("GTC", "IOC", "FOK"))}
        terms = pick((limit, {"type": "MARKET"}))
        symbol = pick(("BTCUSDT", "BTCUSDT", "BTCUSD_PERP"))
        return {"symbol": symbol, "side": pick(("BUY", "SELL")), "quantity": quantity, **terms}

    def garbage(self) -> bytes:
        """Bytes that are no JSON, or JSON that nobody means."""
        right = json.dumps(self.value()).encode()
        return self.random.choice(
            (
                right[: len(right) // 2],
                right + b"}",
                b"[" * NESTING,
                b'{"a":' * NESTING,
                b'{"symbol": "BTCUSDT", "symbol": 1}',
                b"\xff\xfe\x00",
                b'"\\ud800"',
                b"{'single': 1}",
                b"0" * WORD_LENGTH,
                self.random.randbytes(self.random.randint(0, 200)),
            )
        )

    def message(self, venue: str) -> str:
        """A websocket message as text."""
        if self.chance(0.2):
            return self.garbage().decode("utf-8", "replace")
        topics = [self.random.choice(MARKETS_AND_TOPICS) for _ in range(self.random.randint(0, 3))]
        arguments = self.random.choice((topics, [self.order(venue)], self.order(venue), self.value()))
        name, list_name = ("op", "args") if venue == "bybit" else ("method", "params")
        right = {name: self.random.choice(OPERATIONS), list_name: arguments, "id": self.random.randint(0, 9)}
        return json.dumps(self.spoiled(right) if self.chance(0.5) else right)
