"""What Bybit's public v5 documentation says: fields of answers and messages, and the words of error codes."""

from __future__ import annotations

FIELDS: dict[str, frozenset[str]] = {
    "ORDER": frozenset(
        (
            "orderId orderLinkId parentOrderLinkId blockTradeId symbol price qty side isLeverage positionIdx "
            "orderStatus createType cancelType rejectReason avgPrice leavesQty leavesValue cumExecQty "
            "cumExecValue cumExecFee timeInForce orderType stopOrderType orderIv marketUnit triggerPrice "
            "takeProfit stopLoss tpslMode ocoTriggerBy tpLimitPrice slLimitPrice tpTriggerBy slTriggerBy "
            "triggerDirection triggerBy lastPriceOnCreated basePrice reduceOnly closeOnTrigger placeType smpType "
            "smpGroup smpOrderId createdTime updatedTime cumFeeDetail"
        ).split()
    ),
    "ORDER_HISTORY": frozenset(
        (
            "orderId orderLinkId parentOrderLinkId blockTradeId symbol price qty side isLeverage positionIdx "
            "orderStatus createType cancelType rejectReason avgPrice leavesQty leavesValue cumExecQty "
            "cumExecValue cumExecFee timeInForce orderType stopOrderType orderIv marketUnit slippageToleranceType "
            "slippageTolerance triggerPrice takeProfit stopLoss tpslMode ocoTriggerBy tpLimitPrice slLimitPrice "
            "tpTriggerBy slTriggerBy triggerDirection triggerBy lastPriceOnCreated basePrice reduceOnly "
            "closeOnTrigger placeType smpType smpGroup smpOrderId createdTime updatedTime extraFees cumFeeDetail "
            "rpiTakerAccess rpiMatchedQty"
        ).split()
    ),
    "EXECUTION": frozenset(
        (
            "symbol orderId orderLinkId side orderPrice orderQty leavesQty createType orderType stopOrderType "
            "execFee execFeeV2 execId execPrice execQty execType execValue execTime feeCurrency isMaker feeRate "
            "tradeIv markIv markPrice indexPrice underlyingPrice blockTradeId closedSize seq extraFees"
        ).split()
    ),
    "POSITION": frozenset(
        (
            "positionIdx riskId riskLimitValue symbol side size avgPrice positionValue autoAddMargin "
            "positionStatus leverage breakEvenPrice markPrice liqPrice positionIM positionIMByMp positionMM "
            "positionMMByMp takeProfit stopLoss trailingStop sessionAvgPrice delta gamma vega theta unrealisedPnl "
            "curRealisedPnl cumRealisedPnl adlRankIndicator createdTime updatedTime openTime seq isReduceOnly "
            "mmrSysUpdatedTime leverageSysUpdatedTime tpslMode bustPrice positionBalance tradeMode"
        ).split()
    ),
    "CLOSED_PNL": frozenset(
        (
            "symbol orderId side qty orderPrice orderType execType closedSize cumEntryValue avgEntryPrice "
            "cumExitValue avgExitPrice closedPnl fillCount leverage openFee closeFee createdTime updatedTime"
        ).split()
    ),
    "TRANSACTION": frozenset(
        (
            "id symbol category side transactionTime type transSubType qty size currency tradePrice funding fee "
            "cashFlow change cashBalance feeRate bonusChange tradeId orderId orderLinkId extraFees"
        ).split()
    ),
    "WALLET": frozenset(
        (
            "accountType accountIMRate accountMMRate totalEquity totalWalletBalance totalMarginBalance "
            "totalAvailableBalance totalPerpUPL totalInitialMargin totalMaintenanceMargin accountIMRateByMp "
            "accountMMRateByMp totalInitialMarginByMp totalMaintenanceMarginByMp accountLTV coin"
        ).split()
    ),
    "WALLET_COIN": frozenset(
        (
            "coin equity usdValue walletBalance locked spotHedgingQty borrowAmount accruedInterest totalOrderIM "
            "totalPositionIM totalPositionMM unrealisedPnl cumRealisedPnl bonus marginCollateral collateralSwitch "
            "colRes spotBorrow free availableToWithdraw availableToBorrow"
        ).split()
    ),
    "ACCOUNT_INFO": frozenset(
        (
            "unifiedMarginStatus marginMode isMasterTrader spotHedgingStatus updatedTime dcpStatus timeWindow smpGroup"
        ).split()
    ),
    "FEE_RATE": frozenset("symbol baseCoin takerFeeRate makerFeeRate".split()),
    "COLLATERAL": frozenset(
        (
            "currency hourlyBorrowRate maxBorrowingAmount freeBorrowingLimit freeBorrowAmount borrowAmount "
            "otherBorrowAmount availableToBorrow borrowable borrowUsageRate marginCollateral collateralSwitch "
            "collateralRatio freeBorrowingAmount"
        ).split()
    ),
    "COIN": frozenset("name coin chains remainAmount".split()),
    "CHAIN": frozenset(
        (
            "chain chainType confirmation withdrawFee depositMin withdrawMin minAccuracy chainDeposit "
            "chainWithdraw withdrawPercentageFee contractAddress safeConfirmNumber withdrawMax"
        ).split()
    ),
    "KEY": frozenset(
        (
            "id note apiKey readOnly secret permissions ips type deadlineDay expiredAt createdAt uta userID "
            "inviterID vipLevel mktMakerLevel affiliateID rsaPublicKey isMaster parentUid kycLevel kycRegion "
            "unified"
        ).split()
    ),
    "STATUS": frozenset("id title state begin end href serviceTypes product uidSuffix maintainType env".split()),
    "RISK_LIMIT": frozenset(
        "id symbol riskLimitValue maintenanceMargin initialMargin isLowestRisk maxLeverage mmDeduction".split()
    ),
    "INSURANCE": frozenset("coin symbols balance value".split()),
    "DELIVERY_PRICE": frozenset("symbol deliveryPrice deliveryTime".split()),
    "OPEN_INTEREST": frozenset("openInterest singleOpenInterest timestamp".split()),
    "FUNDING": frozenset("symbol fundingRate fundingRateTimestamp".split()),
    "TRADE": frozenset("execId symbol price size side time isBlockTrade isRPITrade seq".split()),
    "ORDERBOOK": frozenset("s b a ts u seq cts".split()),
    "ADL_ALERT": frozenset(
        "coin symbol balance maxBalance insurancePnlRatio pnlRatio adlTriggerThreshold adlStopRatio".split()
    ),
    "TRANSFER": frozenset("transferId coin amount fromAccountType toAccountType timestamp status".split()),
    "ADD_MARGIN": frozenset(
        (
            "category symbol positionIdx riskId riskLimitValue size avgPrice liqPrice bustPrice markPrice "
            "positionValue leverage autoAddMargin positionStatus positionIM positionMM takeProfit stopLoss "
            "trailingStop unrealisedPnl cumRealisedPnl createdTime updatedTime"
        ).split()
    ),
    "ANNOUNCEMENT": frozenset(
        "title description type tags url dateTimestamp startDataTimestamp endDataTimestamp publishTime".split()
    ),
    "PRICE_LIMIT": frozenset("symbol buyLmt sellLmt ts".split()),
    "DCP": frozenset("product dcpStatus timeWindow".split()),
    "WS_ORDER": frozenset(
        (
            "category orderId orderLinkId parentOrderLinkId isLeverage blockTradeId symbol price brokerOrderPrice "
            "qty side positionIdx orderStatus createType cancelType rejectReason avgPrice leavesQty leavesValue "
            "cumExecQty cumExecValue cumExecFee closedPnl feeCurrency timeInForce orderType stopOrderType "
            "ocoTriggerBy orderIv marketUnit slippageToleranceType slippageTolerance triggerPrice takeProfit "
            "stopLoss tpslMode tpLimitPrice slLimitPrice tpTriggerBy slTriggerBy triggerDirection triggerBy "
            "lastPriceOnCreated reduceOnly closeOnTrigger placeType smpType smpGroup smpOrderId createdTime "
            "updatedTime cumFeeDetail rpiTakerAccess rpiMatchedQty"
        ).split()
    ),
    "WS_EXECUTION": frozenset(
        (
            "category symbol isLeverage orderId orderLinkId side orderPrice orderQty leavesQty createType "
            "orderType stopOrderType execFee execId execPrice execQty execPnl execType execValue execTime isMaker "
            "feeRate tradeIv markIv markPrice indexPrice underlyingPrice blockTradeId closedSize extraFees seq "
            "feeCurrency"
        ).split()
    ),
    "WS_FAST": frozenset(
        "category symbol orderId isMaker orderLinkId execId execPrice execQty side execTime seq".split()
    ),
    "WS_POSITION": frozenset(
        (
            "category symbol side size positionIdx positionValue riskId riskLimitValue entryPrice markPrice "
            "leverage breakEvenPrice autoAddMargin positionIM positionMM liqPrice takeProfit stopLoss "
            "trailingStop unrealisedPnl curRealisedPnl sessionAvgPrice cumRealisedPnl positionStatus "
            "adlRankIndicator isReduceOnly createdTime updatedTime openTime seq mmrSysUpdatedTime "
            "leverageSysUpdatedTime positionIMByMp positionMMByMp tpslMode bustPrice positionBalance tradeMode"
        ).split()
    ),
    "WS_TRADE": frozenset("T s S v p L i BT RPI seq".split()),
    "WS_KLINE": frozenset("start end interval open close high low volume turnover confirm timestamp".split()),
    "WS_LIQ": frozenset("T s S v p".split()),
    "WS_ADL": frozenset("c s b mb i_pr pr adl_tt adl_sr".split()),
    "WS_LIMIT": frozenset("symbol buyLmt sellLmt".split()),
    "INSTRUMENT_FUTURE": frozenset(
        (
            "symbol symbolId contractType status baseCoin quoteCoin symbolType launchTime deliveryTime "
            "deliveryFeeRate priceScale leverageFilter priceFilter lotSizeFilter unifiedMarginTrade "
            "fundingInterval settleCoin copyTrading upperFundingRate lowerFundingRate displayName "
            "forbidUplWithdrawal riskParameters isPreListing preListingInfo"
        ).split()
    ),
    "INSTRUMENT_SPOT": frozenset(
        (
            "symbolId symbol baseCoin quoteCoin innovation symbolType xstockMultiplier status marginTrading stTag "
            "lotSizeFilter priceFilter riskParameters"
        ).split()
    ),
    "LOT_FUTURE": frozenset(
        "minNotionalValue maxOrderQty maxMktOrderQty minOrderQty qtyStep postOnlyMaxOrderQty".split()
    ),
    "LOT_SPOT": frozenset(
        (
            "basePrecision quotePrecision minOrderQty maxOrderQty minOrderAmt maxOrderAmt maxLimitOrderQty "
            "maxMarketOrderQty postOnlyMaxLimitOrderSize"
        ).split()
    ),
    "TICKER_PERPETUAL": frozenset(
        (
            "symbol lastPrice indexPrice markPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h prevPrice1h "
            "openInterest openInterestValue turnover24h volume24h fundingRate nextFundingTime "
            "predictedDeliveryPrice basisRate deliveryFeeRate deliveryTime ask1Size bid1Price ask1Price bid1Size "
            "basis preOpenPrice preQty curPreListingPhase fundingIntervalHour basisRateYear fundingCap"
        ).split()
    ),
    "TICKER_SPOT": frozenset(
        (
            "symbol bid1Price bid1Size ask1Price ask1Size lastPrice prevPrice24h price24hPcnt highPrice24h "
            "lowPrice24h turnover24h volume24h usdIndexPrice"
        ).split()
    ),
    "WS_TICKER_PERPETUAL": frozenset(
        (
            "symbol tickDirection price24hPcnt lastPrice prevPrice24h highPrice24h lowPrice24h prevPrice1h "
            "markPrice indexPrice openInterest openInterestValue turnover24h volume24h fundingIntervalHour "
            "fundingCap nextFundingTime fundingRate bid1Price bid1Size ask1Price ask1Size preOpenPrice preQty "
            "curPreListingPhase"
        ).split()
    ),
    "WS_TICKER_FUTURE": frozenset(
        (
            "symbol tickDirection price24hPcnt lastPrice prevPrice24h highPrice24h lowPrice24h prevPrice1h "
            "markPrice indexPrice openInterest openInterestValue turnover24h volume24h deliveryTime basisRate "
            "deliveryFeeRate predictedDeliveryPrice basis basisRateYear nextFundingTime fundingRate bid1Price "
            "bid1Size ask1Price ask1Size"
        ).split()
    ),
    "WS_TICKER_SPOT": frozenset(
        (
            "symbol lastPrice highPrice24h lowPrice24h prevPrice24h volume24h turnover24h price24hPcnt usdIndexPrice"
        ).split()
    ),
}

CODES: dict[int, str] = {
    429: "The trading service is experiencing a high server load. Please retry if you encounter this issue.",
    10000: "Server Timeout",
    10001: "Request parameter error",
    10002: "The request time exceeds the time window range.",
    10003: (
        "API key is invalid. Check whether the key and domain are matched, there are 4 env: mainnet, testnet,"
        " mainnet-demo, testnet-demo"
    ),
    10004: "Error sign, please check your signature generation algorithm.",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10007: "User authentication failed.",
    10010: "Unmatched IP, please check your API key's bound IP addresses.",
    10014: "Invalid duplicate request.",
    10016: "Server error.",
    10017: "Route not found.",
    10019: (
        "ws trade service is restarting, do not accept new request, but the request in the process is not "
        "affected. You can build new connection to be routed to normal service"
    ),
    10027: "Transactions are banned.",
    10029: "The requested symbol is invalid, please check symbol whitelist",
    10429: "System level frequency protection",
    20003: "Too frequent requests under the same session",
    20006: "reqId is duplicated",
    30228: "No new positions during delisting",
    33004: "Your api key has expired",
    34040: "Not modified. Indicates you already set this TP/SL value or you didn't pass a required parameter",
    100028: "The API cannot be accessed by unified account users.",
    110001: "Order does not exist",
    110003: "Order price exceeds the allowable range.",
    110004: "Wallet balance is insufficient",
    110005: "position status error",
    110006: "The assets are estimated to be unable to cover the position margin",
    110007: "Available balance is insufficient",
    110008: "The order has been completed or cancelled.",
    110009: "The number of stop orders exceeds the maximum allowable limit",
    110010: "The order has been cancelled",
    110012: "Insufficient available balance.",
    110013: "Cannot set leverage due to risk limit level.",
    110014: "Insufficient available balance to add additional margin.",
    110015: "The position is in cross margin mode.",
    110017: "orderQty will be truncated to zero",
    110018: "User ID is illegal.",
    110019: "Order ID is illegal.",
    110020: "Not allowed to have more than 500 active orders.",
    110021: "Not allowed to exceeded position limits due to Open Interest.",
    110023: (
        "Currently you can only reduce your position on this contract. please check our announcement or "
        "contact customer service for details."
    ),
    110024: "You have an existing position, so the position mode cannot be switched.",
    110025: "Position mode has not been modified.",
    110026: "Cross/isolated margin mode has not been modified.",
    110028: "You have existing open orders, so the position mode cannot be switched.",
    110029: "Hedge mode is not supported for this symbol.",
    110033: "You can't set margin without an open position",
    110042: "Currently,due to pre-delivery status, you can only reduce your position on this contract.",
    110043: "Set leverage has not been modified.",
    110044: "Available margin is insufficient.",
    110045: "Wallet balance is insufficient.",
    110059: "Not allowed to  modify the TP/SL of a partially filled open order",
    110061: "Not allowed to have more than 20 TP/SLs under Partial tpSlMode",
    110063: "Settlement in progress! {{key0}} not available for trading.",
    110064: "The modified contract quantity cannot be less than or equal to the filled quantity.",
    110066: "Trading is currently not allowed.",
    110072: "OrderLinkedID is duplicate",
    110073: "Set margin mode failed",
    110074: "This contract is not live",
    110076: "Only isolated mode can set auto-add-margin",
    110077: "Pm mode cannot support",
    110078: "Added margin more than max can reduce margin",
    110079: "The order is processing and can not be operated, please try again later",
    110090: (
        "Order placement failed as your position may exceed the max limit. Please adjust your leverage to "
        "{{leverage}} or below to increase the max. position limit"
    ),
    110092: "expect Rising, but trigger_price[XXXXX] <= current[XXXXX]??laste",
    110093: "expect Falling, but trigger_price[XXXXX] >= current[XXXXX]??last",
    110094: "Order notional value below the lower limit",
    110118: "Unable to retrieve a pruce of the market order due to low liquidity",
    110120: "Order price cannot be smaller than xxxx, the price limitation",
    110121: "Order price cannot be higher than xxxx, the price limitation",
    131001: "openapi svc error",
    131002: "Parameter error",
    131207: "Account not exist",
    131210: "Amount accuracy error",
    131211: "fromAccountType can't be the same as toAccountType",
    131212: "Insufficient balance",
    131214: "TransferId exist",
    131215: "Amount error",
    140003: "You have position(s) being liquidated, please try again later.",
    170115: "Invalid timeInForce.",
    170116: "Invalid orderType.",
    170117: "Invalid side.",
    170121: "Invalid symbol.",
    170124: "Order amount too large.",
    170131: "Balance insufficient",
    170132: "Order price too high.",
    170134: "Order price decimal too long.",
    170136: "Order quantity lower than the minimum.",
    170137: "Order volume decimal too long",
    170140: "Order value exceeded lower limit",
    170141: "Duplicate clientOrderId",
    170151: "The trading pair is not open yet",
    170157: "The trading pair is not available for api trading",
    170198: (
        "Your order quantity to sell is too large. The filled price may deviate significantly from the market"
        " price. Please try again"
    ),
    170210: "New order rejected.",
    170213: "Order does not exist.",
    170218: "The LIMIT-MAKER order is rejected due to invalid price.",
    170226: "Your Spot Account for Margin Trading is being liquidated.",
    170227: "This feature is not supported.",
    170313: "The modified contract quantity cannot be less than to the filled quantity",
    170371: "Order price cannot be lower than {}, the price limitation",
    170372: "Order price cannot be higher than 0, the price limitation",
    170810: "Cannot exceed maximum of 500 conditional, TP/SL and active orders.",
}
