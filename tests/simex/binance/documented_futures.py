"""What the documentation of the futures shows: the fields of its examples, and its error codes with their texts."""

from __future__ import annotations

_ORDER = (
    "clientOrderId executedQty orderId avgPrice origQty price reduceOnly side positionSide status stopPrice "
    "closePosition symbol timeInForce type origType updateTime workingType priceProtect priceMatch "
    "selfTradePreventionMode"
).split()
_POSITION_V2 = (
    "entryPrice breakEvenPrice marginType isAutoAddMargin isolatedMargin leverage liquidationPrice markPrice "
    "positionAmt symbol unRealizedProfit positionSide updateTime"
).split()
_ASSET = (
    "asset walletBalance unrealizedProfit marginBalance maintMargin initialMargin positionInitialMargin "
    "openOrderInitialMargin crossWalletBalance crossUnPnl availableBalance maxWithdrawAmount updateTime"
).split()
_ACCOUNT_POSITION = (
    "symbol initialMargin maintMargin unrealizedProfit positionInitialMargin openOrderInitialMargin leverage isolated "
    "entryPrice positionSide positionAmt updateTime"
).split()
_TOTALS = (
    "totalInitialMargin totalMaintMargin totalWalletBalance totalUnrealizedProfit totalMarginBalance "
    "totalPositionInitialMargin totalOpenOrderInitialMargin totalCrossWalletBalance totalCrossUnPnl availableBalance "
    "maxWithdrawAmount"
).split()
_TRADE = (
    "buyer commission commissionAsset id maker orderId price qty realizedPnl side positionSide symbol time"
).split()
_FORCED = (
    "orderId symbol status clientOrderId price avgPrice origQty executedQty timeInForce type reduceOnly closePosition "
    "side positionSide stopPrice workingType origType time updateTime"
).split()

FIELDS: dict[str, frozenset[str]] = {
    "/fapi new order": frozenset([*_ORDER, "cumQty", "cumQuote", "goodTillDate"]),
    "/dapi new order": frozenset([*_ORDER, "cumQty", "cumBase", "pair"]),
    "/fapi query": frozenset([*_ORDER, "cumQuote", "goodTillDate", "time"]),
    "/dapi query": frozenset([*_ORDER, "cumBase", "pair", "time"]),
    "/fapi modify": frozenset([*_ORDER, "cumQty", "cumBase", "goodTillDate", "pair"]),
    "/dapi modify": frozenset([*_ORDER, "cumQty", "cumBase", "pair"]),
    "/fapi trade": frozenset([*_TRADE, "quoteQty"]),
    "/dapi trade": frozenset([*_TRADE, "baseQty", "pair", "marginAsset"]),
    "/fapi forced": frozenset([*_FORCED, "cumQuote"]),
    "/dapi forced": frozenset([*_FORCED, "cumBase", "pair", "priceProtect"]),
    "/fapi/v2/positionRisk": frozenset([*_POSITION_V2, "maxNotionalValue", "notional", "isolatedWallet"]),
    "/fapi/v3/positionRisk": frozenset(
        "symbol positionSide positionAmt entryPrice breakEvenPrice markPrice unRealizedProfit liquidationPrice "
        "isolatedMargin notional marginAsset isolatedWallet initialMargin maintMargin positionInitialMargin "
        "openOrderInitialMargin adl bidNotional askNotional updateTime".split()
    ),
    "/dapi/v1/positionRisk": frozenset([*_POSITION_V2, "maxQty"]),
    "/fapi/v2/account": frozenset(
        [
            *_TOTALS,
            *"feeTier feeBurn canTrade canDeposit canWithdraw updateTime multiAssetsMargin tradeGroupId".split(),
            *"assets positions".split(),
        ]
    ),
    "/fapi/v3/account": frozenset([*_TOTALS, "assets", "positions"]),
    "/dapi/v1/account": frozenset("assets positions canDeposit canTrade canWithdraw feeTier updateTime".split()),
    "/fapi/v2/account assets": frozenset([*_ASSET, "marginAvailable"]),
    "/fapi/v3/account assets": frozenset(_ASSET),
    "/dapi/v1/account assets": frozenset(_ASSET),
    "/fapi/v2/account positions": frozenset([*_ACCOUNT_POSITION, "maxNotional", "bidNotional", "askNotional"]),
    "/fapi/v3/account positions": frozenset(
        "symbol positionSide positionAmt unrealizedProfit isolatedMargin notional isolatedWallet initialMargin "
        "maintMargin updateTime".split()
    ),
    "/dapi/v1/account positions": frozenset([*_ACCOUNT_POSITION, "breakEvenPrice", "maxQty", "notionalValue"]),
    "/fapi/v2/balance": frozenset(
        "accountAlias asset balance crossWalletBalance crossUnPnl availableBalance maxWithdrawAmount marginAvailable "
        "updateTime".split()
    ),
    "/dapi/v1/balance": frozenset(
        "accountAlias asset balance withdrawAvailable crossWalletBalance crossUnPnl availableBalance updateTime".split()
    ),
    "/fapi/v1/income": frozenset("symbol incomeType income asset info time tranId tradeId".split()),
    "/dapi/v1/income": frozenset("symbol incomeType income asset info time tranId tradeId".split()),
    "/fapi/v1/leverageBracket": frozenset("symbol brackets".split()),
    "/fapi bracket": frozenset("bracket initialLeverage notionalCap notionalFloor maintMarginRatio cum".split()),
    "/dapi/v2/leverageBracket": frozenset("symbol brackets".split()),
    "/dapi bracket": frozenset("bracket initialLeverage qtyCap qtylFloor maintMarginRatio cum".split()),
    "/fapi/v1/accountConfig": frozenset(
        "feeTier canTrade canDeposit canWithdraw dualSidePosition updateTime multiAssetsMargin tradeGroupId".split()
    ),
    "/fapi/v1/symbolConfig": frozenset("symbol marginType isAutoAddMargin leverage maxNotionalValue".split()),
    "/fapi/v1/rateLimit/order": frozenset("rateLimitType interval intervalNum limit".split()),
    "new algo order": frozenset(
        "algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity algoStatus triggerPrice "
        "price icebergQuantity selfTradePreventionMode workingType priceMatch closePosition priceProtect reduceOnly "
        "activatePrice callbackRate createTime updateTime triggerTime goodTillDate".split()
    ),
    "algo query": frozenset(
        "algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity algoStatus actualOrderId "
        "actualPrice triggerPrice price icebergQuantity tpTriggerPrice tpPrice slTriggerPrice slPrice tpOrderType "
        "selfTradePreventionMode workingType priceMatch closePosition priceProtect reduceOnly createTime updateTime "
        "triggerTime goodTillDate".split()
    ),
}

# The texts of the pages "Error Codes", without their last full stop; %s stands for a value.
USDM_CODES: dict[int, tuple[str, ...]] = {
    -1023: ("Start time is greater than end time",),
    -1102: (
        "Mandatory parameter '%s' was not sent, was empty/null, or malformed",
        "Param '%s' or '%s' must be sent, but both were empty/null!",
    ),
    -1100: ("Illegal characters found in parameter '%s'; legal range is '%s'",),
    -1106: ("Parameter '%s' sent when not required",),
    -1111: ("Precision is over the maximum defined for this asset",),
    -1115: ("Invalid timeInForce",),
    -1116: ("Invalid orderType",),
    -1117: ("Invalid side",),
    -1121: ("Invalid symbol",),
    -1128: ("Combination of optional parameters invalid",),
    -1130: ("Data sent for parameter '%s' is not valid",),
    -1136: ("Invalid newOrderRespType",),
    -2011: ("Unknown order sent",),
    -2013: ("Order does not exist",),
    -2018: ("Balance is insufficient",),
    -2019: ("Margin is insufficient",),
    -2020: ("Unable to fill",),
    -2021: ("Order would immediately trigger",),
    -2022: ("ReduceOnly Order is rejected",),
    -2023: ("User in liquidation mode now",),
    -2025: ("Reach max open order limit",),
    -2027: ("Exceeded the maximum allowable position at current leverage",),
    -2028: ("Leverage is smaller than permitted: insufficient margin balance",),
    -4001: ("Price less than 0",),
    -4002: ("Price greater than max price",),
    -4003: ("Quantity less than zero",),
    -4004: ("Quantity less than min quantity",),
    -4005: ("Quantity greater than max quantity",),
    -4006: ("Stop price less than zero",),
    -4013: ("Price less than min price",),
    -4014: ("Price not increased by tick size",),
    -4015: ("Client order id is not valid", "Client order id length should not be more than 36 chars"),
    -4023: ("Qty not increased by step size",),
    -4028: ("Leverage %s is not valid",),
    -4031: ("Invalid parameter working type",),
    -4032: ("Exceed maximum cancel order size",),
    -4045: ("Reach max stop order limit",),
    -4046: ("No need to change margin type",),
    -4047: ("Margin type cannot be changed if there exists open orders",),
    -4048: ("Margin type cannot be changed if there exists position",),
    -4049: ("Add margin only support for isolated position",),
    -4050: ("Cross balance insufficient",),
    -4051: ("Isolated balance insufficient",),
    -4054: ("Cannot add position margin: position is 0",),
    -4055: ("Amount must be positive",),
    -4059: ("No need to change position side",),
    -4060: ("Invalid position side",),
    -4061: ("Order's position side does not match user's setting",),
    -4067: ("Position side cannot be changed if there exists open orders",),
    -4068: ("Position side cannot be changed if there exists position",),
    -4082: ("Invalid number of batch place orders",),
    -4084: ("Method is not allowed currently. Upcoming soon",),
    -4088: ("User can not place order currently",),
    -4116: ("clientOrderId is duplicated",),
    -4109: ("Inactive account", "Transfer any amount of asset to future wallet to reactive"),
    -4117: ("stop order is triggering",),
    -4118: ("ReduceOnly Order Failed. Please check your existing position and open orders",),
    -4131: ("The counterparty's best price does not meet the PERCENT_PRICE filter limit",),
    -4135: ("Invalid activation price",),
    -4137: ("Quantity must be zero with closePosition equals true",),
    -4140: ("Invalid symbol status for opening position",),
    -4141: ("Symbol is closed",),
    -4161: ("Leverage reduction is not supported in Isolated Margin Mode with open positions",),
    -4164: ("Order's notional must be no smaller than %s (unless you choose reduce only)",),
    -4165: ("Maximum time interval is %s days",),
    -4167: ("Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode",),
    -4168: ("Unable to adjust to isolated-margin mode under the Multi-Assets mode",),
    -4169: ("Unable to adjust Multi-Assets Mode with insufficient margin balance in USDⓈ-M Futures",),
    -4170: ("Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures",),
    -4171: ("Adjusted asset mode is currently set and does not need to be adjusted repeatedly",),
    -4183: ("Limit price can't be higher than %s",),
    -4184: ("Limit price can't be lower than %s",),
    -5021: ("Due to the order could not be filled immediately, the FOK order has been rejected",),
    -5022: ("Due to the order could not be executed as maker, the Post Only order will be rejected",),
    -5024: ("Symbol is not in trading status. Order amendment is not permitted",),
    -5025: ("Only limit order is supported",),
    -5026: ("Exceed maximum modify order limit",),
    -5027: ("No need to modify the order",),
    -5029: ("Order's notional must be no smaller than %s",),
    -5037: ("Invalid price match",),
    -5038: ("Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT",),
    -5039: ("Invalid self trade prevention mode",),
    -5040: (
        (
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
            "253402300799000 (UTC 9999-12-31 23:59:59)"
        ),
    ),
    -5041: ("No depth matches this BBO order",),
}
# Where COIN-M differs: other numbers, and no 5xxx block.
COINM_CODES: dict[int, tuple[str, ...]] = {
    **{code: texts for code, texts in USDM_CODES.items() if code > -5000},
    -4087: ("Invalid pair",),
    -4088: ("Maximum time interval is %s days",),
    -4089: ("User can only place reduce only order",),
    -4090: ("User can not place order currently",),
    -4113: ("The counterparty's best price does not meet the PERCENT_PRICE filter limit",),
    -4150: ("Leverage reduction is not supported in Isolated Margin Mode with open positions",),
    -4178: ("Order's notional must be no smaller than %s (unless you choose reduce only)",),
    -4196: ("Only limit order is supported",),
    -4197: ("No need to modify the order",),
    -4198: ("Exceed maximum modify order limit",),
    -4199: ("Symbol is not in trading status. Order amendment is not permitted",),
}
