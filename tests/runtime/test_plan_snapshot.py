"""Snapshot files: what is read of them, and one clear line for everything that is wrong with one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.instrument import Kind
from bot.domain.snapshot import HoldingKind
from bot.domain.units import HOUR_NS, SECOND_NS
from bot.runtime.plan_snapshot import FILE_BYTES_MAX, read, read_file
from bot.runtime.plan_values import moment
from bot.runtime.problems import ConfigError
from tests.runtime.planning import NOW, d, perp

FULL: dict[str, Any] = {
    "version": 1,
    "now": NOW,
    "prices": {"BTC": "60000", "USDT": "0.9998"},
    "holdings": [
        {"account": "spot", "asset": "BTC", "amount": "1.5"},
        {
            "account": "cold", "asset": "BTC", "amount": "2", "kind": "declared", "as_of": NOW, "factor": "1.1",
            "sleeve": "x",
        },
    ],
    "accounts": [
        {
            "id": "binance.usdm", "margin_mode": "cross", "position_mode": "one_way", "haircuts": {"BTC": "0.95"},
            "margin_balance": "10000", "maintenance_margin": "100", "initial_margin": "500", "max_withdraw": "9000",
            "transfers_allowed": False, "borrow": {"BTC": {"apr": "0.05", "available": "3"}},
            "fees": {"maker": "0.0002", "taker": "0.0004"},
        }
    ],
    "positions": [
        {
            "account": "binance.usdm", "instrument": "binance.usdm:BTCUSDT", "contracts": "-0.5",
            "entry_price": "61000", "leverage": "5", "margin_mode": "isolated", "isolated_wallet": "6000",
            "liquidation_price": "80000",
            "adl_rank": "3", "side": "short", "sleeve": "x",
        }
    ],
    "orders": [
        {
            "account": "binance.usdm", "instrument": "binance.usdm:BTCUSDT", "side": "sell", "remaining": "0.1",
            "limit_price": "60000", "reduce_only": False, "state": "unknown",
        }
    ],
    "instruments": [
        {
            **perp("BTC", "60000", taker_fee=None), "status": "trading", "base_units": "1", "max_contracts": "100",
            "expiry": "2024-12-27T08:00:00Z", "settlement": {"fee": "0.0001", "window_minutes": "30"},
            "bids": [["59999.9", "1"], ["59999", "2"]], "asks": [["60000.1", "1"]], "adv_notional": "1000000",
            "funding": {
                "rate": "0.0001", "interval_hours": "8", "next": "2024-08-09T08:00:00Z", "cap": "0.02",
                "floor": "-0.02", "history": [["2024-08-08T16:00:00Z", "0.0001"], [NOW, "0.0002"]],
            },
            "max_position": "50", "quote_age_s": "0.25", "index_price": "60000",
        },
        {
            "id": "deribit:BTC-OPT", "kind": "option", "base": "BTC", "quote": "USD", "settle": "BTC",
            "greeks": {"delta": "0.5", "gamma": "0.01", "mark_coin": "0.05", "convention": "premium_adjusted"},
            "composition": {},
        },
    ],
    "returns": {"interval_hours": "1", "kind": "simple", "end": NOW, "series": {"BTC": ["0.01", None, "-0.02"]}},
    "bars": {"BTC": {"interval_hours": "1", "ohlcv": [["2024-08-08T23:00:00Z", "1", "3", "0.5", "2", "10"]]}},
    "open_interest": {"binance.usdm:BTCUSDT": [[NOW, "100"]]},
    "state": {
        "bands": {"BTC": {"outside_since": "2024-08-08T23:00:00Z"}},
        "carry": {"c": {"on": True, "since": NOW, "entry_basis": "0.01"}},
        "last_run": {"w": "2024-08-01T00:00:00Z"},
        "overlay_pnl": "-5",
    },
}  # fmt: skip
DELETED = object()


def changed(*path: str | int, value: Any) -> str:
    """The full snapshot with one value replaced, added or (DELETED) taken out."""
    document = json.loads(json.dumps(FULL))
    place = document
    for part in path[:-1]:
        place = place[part]
    if value is DELETED:
        del place[path[-1]]
    elif isinstance(place, list) and path[-1] == len(place):
        place.append(value)
    else:
        place[path[-1]] = value
    return json.dumps(document)


def lines(text: str) -> list[str]:
    """What is wrong with a snapshot, a line each."""
    with pytest.raises(ConfigError) as raised:
        read(text, "s.json")
    return [str(problem) for problem in raised.value.problems]


def test_every_section_is_read() -> None:
    """What the file says of each thing arrives with its sign, its unit and its time."""
    snapshot = read(json.dumps(FULL)).snapshot
    cold, position, working = snapshot.holdings[1], snapshot.positions[0], snapshot.orders[0]
    perpetual, option = snapshot.instruments

    assert (moment(NOW), d("0.9998")) == (snapshot.now_ns, snapshot.prices["USDT"])  # type: ignore[index]
    assert (HoldingKind.DECLARED, d("1.1"), "x", moment(NOW)) == (cold.kind, cold.factor, cold.sleeve, cold.as_of_ns)
    assert (d("-0.5"), d(6000), 3, "x") == (
        position.contracts, position.isolated_wallet, position.adl_rank, position.sleeve,
    )  # fmt: skip
    assert working.unknown
    assert (d("0.0004"), "binance.usdm") == (perpetual.instrument.taker_fee, perpetual.instrument.account)
    assert (d("59999.9"), 250_000_000) == (perpetual.bids[0][0], perpetual.quote_age_ns)
    assert [(d(0), d(0)), (d(300_000), d(300))] == [(t.floor, t.deduction) for t in perpetual.instrument.tiers]
    assert option.greeks is not None
    assert option.greeks.premium_adjusted
    assert snapshot.returns is not None
    assert ((0.01, None, -0.02), HOUR_NS) == (snapshot.returns.series["BTC"], snapshot.returns.interval_ns)  # type: ignore[index]
    assert 2.0 == snapshot.bars["BTC"].bars[0].close  # type: ignore[index]
    assert {"w": moment("2024-08-01T00:00:00Z")} == snapshot.memory.last_run


def test_three_keys_are_enough() -> None:
    """Only the moment, prices and holdings are asked for; holdings in short form are wallets of `main`."""
    told = read(json.dumps({"now": NOW, "prices": {"BTC": "60000"}, "holdings": {"BTC": "1.5"}})).snapshot
    (held,) = told.holdings

    assert ("main", "BTC", d("1.5"), HoldingKind.FREE) == (held.account, held.asset, held.amount, held.kind)
    assert (None, (), {}) == (told.returns, told.positions, told.memory.last_run)


def test_what_an_instrument_leaves_open_is_known_to_be_open() -> None:
    """A contract size that is not there is not 1: the gap has a name."""
    bare = {"id": "x", "kind": "linear", "base": "BTC"}
    text = changed("instruments", 2, value=bare)

    assert ("tick_size", "lot_size", "quote", "settle", "contract_size") == read(text).gaps["x"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("foo",), "1", "foo: value '1': no such key"),
        (("holdings", 0, "ammount"), "1", "holdings[0].ammount: value '1': no such key"),
        (("holdings", 0, "ammount"), "1", "did you mean 'amount'?"),
        (("prices", "BTC"), 60000, "prices.BTC: value '60000': a bare number; exact numbers stand in quotes"),
        (("prices", "BTC"), "-1", "prices.BTC: value '-1': not above zero; allowed: a number above 0"),
        (("prices", "BTC"), "0", "not above zero"),
        (("prices", "BTC"), "NaN", "not a number"),
        (("prices", "BTC"), "Infinity", "not a number"),
        (("prices", "BTC"), "1e99", "beyond 10^24"),
        (("prices", "BTC"), "1,5", "not a number"),
        (("prices", "BTC"), None, "not a text"),
        (("prices",), DELETED, "prices: missing"),
        (("prices",), [], "prices: not a section"),
        (("version",), 2, "version: value '2': not one of the choices; allowed: 1"),
        (("version",), True, "not one of the choices"),
        (("now",), "2024-08-09 00:00:00", "now: value '2024-08-09 00:00:00': not a time in UTC"),
        (("now",), "2024-08-09T00:00:00+02:00", "not a time in UTC"),
        (("now",), "2024-02-30T00:00:00Z", "not a time in UTC"),
        (("now",), "1969-01-01T00:00:00Z", "not a time in UTC"),
        (("holdings", 0, "kind"), "stolen", "allowed: free, locked, earn, staked, borrowed, "),
        (("holdings", 1, "factor"), "0", "not above zero"),
        (("holdings", 1, "as_of"), "2024-08-10T00:00:00Z", "later than `now`"),
        (("holdings", 0, "kind"), "free", None),
        (("holdings",), [{"account": "a", "asset": "BTC", "amount": "-1", "kind": "borrowed"}], "negative"),
        (("accounts", 0, "haircuts", "BTC"), "1.5", "out of range; allowed: 0 to 1"),
        (("accounts", 1), {"id": "binance.usdm"}, "'binance.usdm' a second time"),
        (("positions", 0, "instrument"), "nix", "positions[0].instrument: value 'nix': no such instrument"),
        (("positions", 0, "contracts"), "0.5", "the wrong sign for a short position"),
        (("orders", 0, "instrument"), "nix", "orders[0].instrument: value 'nix': no such instrument"),
        (("orders", 0, "remaining"), "0", "not above zero"),
        (("instruments", 0, "kind"), "linnear", "did you mean 'linear'?"),
        (("instruments", 0, "bid"), "60001", "the book is crossed"),
        (("instruments", 0, "bids"), [["1", "1"], ["2", "1"]], "not in order; allowed: the best price first"),
        (("instruments", 0, "bids"), [["1"]], "a list of 2 entries"),
        (("instruments", 0, "tiers"), [{"floor": "0", "mmr": "0.1"}, {"floor": "5", "mmr": "0.05"}], "rates that rise"),
        (("instruments", 0, "composition"), {"BTC": "0.5"}, "do not add up to 1"),
        (("instruments", 0, "funding", "history"), [[NOW, "0"], [NOW, "0"]], "not in order of time"),
        (("returns", "series", "ETH"), ["0.1"], "series of different lengths"),
        (("returns", "series", "BTC"), ["-1", "0", "0"], "a loss of everything"),
        (("bars", "BTC", "ohlcv"), [[NOW, "1", "1", "1", "1"]], "a list of 6 entries"),
        (("bars", "BTC", "ohlcv"), {}, "not a list"),
        (("state", "carry", "c", "on"), "yes", "not a truth value; allowed: true or false"),
        (("state", "last_run", "w"), "2025-01-01T00:00:00Z", "later than `now`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(path: tuple[str | int, ...], value: object, said: str | None) -> None:
    """Where it stands, what is wrong with it, and what is allowed; a snapshot without fault is read."""
    text = changed(*path, value=value)
    if said is None:
        read(text)
        return
    (line,) = lines(text)

    assert said in line
    assert line.startswith("s.json:1: ")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """Three faults are three lines, in the order of the file, each with its own line number."""
    text = json.dumps({"now": "x", "prices": {"BTC": "-1"}, "holdings": {"BTC": "y"}}, indent=1)

    assert ["s.json:2: now", "s.json:4: prices.BTC", "s.json:7: holdings.BTC"] == [
        ": ".join(line.split(": ")[:2]) for line in lines(text)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "s.json:1: not JSON"),
        ("[]", "must be one JSON object"),
        ('{"now": NaN}', "NaN is not a number"),
        ('{"prices": {"BTC": "1", "BTC": "2"}}', "the key 'BTC' stands twice"),
        ("[" * 100_000, "nested too deep"),
        ('{"now": ' + "1" * 5_000 + "}", "not JSON"),
    ],
)
def test_what_is_no_snapshot_is_one_line(text: str, said: str) -> None:
    """A file that is not JSON, or says one thing twice, is refused before anything of it is read."""
    (line,) = lines(text)

    assert said in line


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Missing, a folder, not text, or too large: the file is named."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    for name in ("missing", ".", "binary", "large"):
        with pytest.raises(ConfigError) as raised:
            read_file(tmp_path / name)

        assert 1 == len(raised.value.problems)
        assert str(tmp_path / name) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [(NOW, 0), ("2024-08-09T00:00:00.25Z", 250_000_000), ("2024-08-09T00:00:01+00:00", SECOND_NS)],
)
def test_times_are_exact(text: str, nanoseconds: int) -> None:
    """A fraction of a second is read to the nanosecond; an offset of nothing is UTC."""
    assert nanoseconds == moment(text) - moment(NOW)


NAMES = [*FULL, *FULL["instruments"][0], "BTC"]
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), DOCUMENTS))
def test_no_document_breaks_the_reader(document: dict[str, object]) -> None:
    """Whatever stands in the file, it is a snapshot or a list of what is wrong with it."""
    try:
        told = read(json.dumps({"now": NOW, "prices": {}, "holdings": {}, **document}))
    except ConfigError as error:
        found = error.problems
    else:
        found = ()
        assert all(one.instrument.kind in Kind for one in told.snapshot.instruments)

    assert all(problem.what for problem in found)
