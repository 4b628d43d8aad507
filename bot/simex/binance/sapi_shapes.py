"""The larger JSON shapes of the wallet endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.simex.binance.gate import Call
from bot.simex.binance.words import money_of

KEY_CREATED_MS = 1_614_792_000_000
Row = dict[str, Any]


def restrictions(call: Call) -> Row:
    """What the calling key may do."""
    key = call.key
    assert key is not None
    row: Row = {
        "ipRestrict": key.ip_restricted or bool(key.ips),
        "createTime": KEY_CREATED_MS,
        "enableReading": key.read,
        "enableSpotAndMarginTrading": key.spot,
        "enableWithdrawals": key.withdraw,
        "enableInternalTransfer": key.transfer,
        "enableMargin": False,
        "enableFutures": key.futures,
        "permitsUniversalTransfer": key.transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": False,
    }
    if key.expires_ms is not None:
        row["tradingAuthorityExpirationTime"] = key.expires_ms
    return row


def coin_row(asset: str, free: str, locked: str) -> Row:
    """A coin with its balance and one network, of its own name."""
    network = {
        "network": asset,
        "coin": asset,
        "name": asset,
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "resetAddressStatus": False,
        "addressRegex": "",
        "memoRegex": "",
        "withdrawFee": "0.0001",
        "withdrawMin": "0.001",
        "withdrawMax": "10000000",
        "withdrawIntegerMultiple": "0.00000001",
        "minConfirm": 1,
        "unLockConfirm": 0,
        "sameAddress": False,
        "estimatedArrivalTime": 1,
        "busy": False,
    }
    return {
        "coin": asset,
        "name": asset,
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "free": free,
        "locked": locked,
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": False,
        "trading": True,
        "networkList": [network],
    }


def snapshot_row(kind: str, wallet: Mapping[str, tuple[int, int]], moment: int) -> Row:
    """A wallet at a moment: free and locked coins of spot, margin and wallet balance of futures."""
    held = {asset: coins for asset, coins in wallet.items() if any(coins)}
    if kind == "spot":
        rows = [
            {"asset": asset, "free": money_of(free), "locked": money_of(locked)}
            for asset, (free, locked) in held.items()
        ]
        return {"type": kind, "updateTime": moment, "data": {"totalAssetOfBtc": "0", "balances": rows}}
    assets = [
        {"asset": asset, "marginBalance": money_of(free), "walletBalance": money_of(free)}
        for asset, (free, _) in held.items()
    ]
    return {"type": kind, "updateTime": moment, "data": {"assets": assets, "position": []}}
