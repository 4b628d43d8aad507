"""Small files in the exchanges' public dump formats, written by the tests."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
TICKER_HEADER = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
TRADES_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
HOUR = 3_600_000
FIRST_MS = 1_704_067_200_000


def kline(hour: int, prices: tuple[str, str, str, str], volume: str = "3600", *, scale: int = 1) -> str:
    """A kline's row: an hour from FIRST_MS on; `scale` 1000 writes microseconds."""
    start, end = (FIRST_MS + hour * HOUR) * scale, (FIRST_MS + (hour + 1) * HOUR) * scale - 1
    return f"{start},{','.join(prices)},{volume},{end},1.0,10,1.0,1.0,0"


def write(path: Path, *rows: str) -> Path:
    """The rows as a file: zip, gzip or plain by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(f"{row}\n" for row in rows)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.with_suffix(".csv").name, body)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(body.encode()))
    else:
        path.write_text(body, encoding="utf-8")
    return path
