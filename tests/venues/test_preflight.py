"""What must hold before the first live order: one line each, with the fix."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from bot.domain.units import MILLISECOND_NS
from bot.venues.client import Client
from bot.venues.ports import Finding
from bot.venues.preflight import LivePreflight
from bot.venues.routes import SPOT
from bot.venues.signing import Credentials
from tests.venues.canned import INSTRUMENTS, KEY, NOW_NS, PAIR, SPOT_BTC, USDT, Canned, Clock, client
from tests.venues.test_snapshot import spot, usdm

NOW_MS = NOW_NS // 1_000_000
SCOPE = {
    "ipRestrict": True,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableFutures": True,
}
SELLING = {**SCOPE, "enableSpotAndMarginTrading": True}
PATHS = {
    "spot_time": "/api/v3/time",
    "usdm_time": "/fapi/v1/time",
    "scope": "/sapi/v1/account/apiRestrictions",
    "dual": "/fapi/v1/positionSide/dual",
    "multi": "/fapi/v1/multiAssetsMargin",
    "config": "/fapi/v1/symbolConfig",
    "spot": "/api/v3/account",
}
REFUSED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


def answers(**changes: Any) -> Canned:
    """An account on which everything is as it should be, but for the changes."""
    laid = {
        "spot_time": {"serverTime": NOW_MS},
        "usdm_time": {"serverTime": NOW_MS},
        "scope": SCOPE,
        "dual": {"dualSidePosition": False},
        "multi": {"multiAssetsMargin": False},
        "config": [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 20}],
        "spot": spot(("BTC", "1", "0")),
        **changes,
    }
    canned = usdm(Canned())
    for name, path in PATHS.items():
        answer, status = laid[name] if isinstance(laid[name], tuple) else (laid[name], 200)
        canned.lay("GET", path, answer, status=status)
    return canned


def preflight(of: Client) -> LivePreflight:
    """A pre-flight over the canned instruments, with the usual bound of the clock."""
    return LivePreflight(of, INSTRUMENTS.values(), USDT, clock_offset_ns_max=500 * MILLISECOND_NS)


async def inspected(canned: Canned) -> tuple[Finding, ...]:
    """The findings on these answers."""
    return await preflight(client(canned, Clock())).inspect()


def wrong(findings: tuple[Finding, ...]) -> list[tuple[str, bool]]:
    """What did not pass, and whether it blocks."""
    return [(finding.subject, finding.blocking) for finding in findings if not finding.ok]


async def test_a_clean_account_passes() -> None:
    """Everything is looked at, nothing is wrong, and nothing was changed."""
    canned = answers()
    findings = await inspected(canned)

    assert [] == wrong(findings)
    looked = {finding.subject for finding in findings}
    assert {"clock", "key", "key scope", "position mode", "asset mode", "margin type", "rate budget"} <= looked
    assert {"spot balances", "USD-M balances"} <= looked
    assert {"GET"} == {sent.method for sent in canned.sent}


@pytest.mark.parametrize(
    ("changes", "subject", "words"),
    [
        ({"usdm_time": {"serverTime": NOW_MS + 20_000}}, "clock", "20000 ms ahead"),
        ({"spot_time": {"serverTime": NOW_MS - 501}}, "clock", "501 ms behind"),
        ({"scope": {**SCOPE, "enableWithdrawals": True}}, "key scope", "may withdraw"),
        ({"scope": {**SCOPE, "enableFutures": False}}, "key scope", "enable futures"),
        ({"scope": {**SCOPE, "tradingAuthorityExpirationTime": NOW_MS - 1}}, "key scope", "renew it"),
        ({"dual": {"dualSidePosition": True}}, "position mode", "one-way"),
        ({"multi": {"multiAssetsMargin": True}}, "asset mode", "single-asset"),
        ({"config": [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 5}]}, "margin type", "cross"),
        ({"config": []}, "margin type", "BTCUSDT"),
        ({"spot": {"balances": []}}, "spot balances", "cannot be read"),
        ({"dual": b"{}"}, "position mode", "cannot be read"),
        ({"dual": {"dualSidePosition": "false"}}, "position mode", "cannot be read"),
        ({"scope": {"ipRestrict": True}}, "key scope", "cannot be read"),
    ],
)
async def test_what_must_not_be_blocks_with_its_fix(changes: dict[str, Any], subject: str, words: str) -> None:
    """One blocking line, on the right subject, that says what to do."""
    findings = await inspected(answers(**changes))

    assert [(subject, True)] == wrong(findings)
    (line,) = [finding.text for finding in findings if not finding.ok]
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(("scope", "expected"), [(SCOPE, [("key scope", True)]), (SELLING, [])])
async def test_a_key_has_to_be_allowed_to_sell_where_coins_are_to_be_sold(scope: Any, expected: Any) -> None:
    """A conversion needs the right to trade spot, said or not; without one nobody asks for it."""
    canned = answers(scope=scope)
    canned.lay("GET", "/api/v3/openOrders", [])
    bound_ns = 500 * MILLISECOND_NS
    known = INSTRUMENTS.values()
    selling = LivePreflight(client(canned, Clock()), known, USDT, clock_offset_ns_max=bound_ns, sold=(SPOT_BTC,))

    assert expected == wrong(await selling.inspect())


@pytest.mark.parametrize("right", ["permitsUniversalTransfer", "enableInternalTransfer"])
async def test_a_key_that_may_transfer_is_warned_of(right: str) -> None:
    """A right that is not needed is said and does not block."""
    assert [("key scope", False)] == wrong(await inspected(answers(scope={**SCOPE, right: True})))


async def test_a_key_without_an_address_list_is_warned_of() -> None:
    """A key that works from anywhere is said and does not block."""
    assert [("key scope", False)] == wrong(await inspected(answers(scope={**SCOPE, "ipRestrict": False})))


async def test_a_key_about_to_expire_is_warned_of() -> None:
    """Thirteen days are time to renew, not a reason to stop."""
    soon = NOW_MS + 13 * 86_400_000
    scope = {**SCOPE, "tradingAuthorityExpirationTime": soon}

    assert [("key scope", False)] == wrong(await inspected(answers(scope=scope)))


async def test_a_key_without_futures_hides_nothing_of_the_spot_side() -> None:
    """Its missing right is said, what needs it is not asked, and everything else is looked at."""
    findings = await inspected(answers(scope={**SCOPE, "enableFutures": False}, dual=(REFUSED, 401)))

    assert [("key scope", True)] == wrong(findings)
    assert "spot balances" in {finding.subject for finding in findings}


async def test_where_only_coins_lie_the_futures_side_is_left_alone() -> None:
    """No right to futures is needed, their host may be away, and nothing is asked of it."""
    canned = answers(scope={**SCOPE, "enableFutures": False}, usdm_time=TimeoutError())
    bound_ns = 500 * MILLISECOND_NS
    one = client(canned, Clock())
    findings = await LivePreflight(one, (PAIR,), USDT, clock_offset_ns_max=bound_ns, has_futures=False).inspect()

    assert [] == wrong(findings)
    assert "spot balances" in {finding.subject for finding in findings}
    assert not [path for path in canned.paths() if path.startswith("/fapi/")]


async def test_a_clock_that_is_off_hides_nothing() -> None:
    """Every other problem is found beside it, since what is asked is signed by the venue's time."""
    late = {"serverTime": NOW_MS + 20_000}
    canned = answers(spot_time=late, usdm_time=late, dual={"dualSidePosition": True}, multi={"multiAssetsMargin": True})

    found = [subject for subject, _ in wrong(await inspected(canned))]

    assert ["clock", "clock", "position mode", "asset mode"] == found


@pytest.mark.parametrize(("bound_ms", "passes"), [(600, True), (400, False)])
async def test_the_clocks_bound_is_the_configs(bound_ms: int, passes: bool) -> None:
    """What the daemon would refuse orders for is what the pre-flight refuses."""
    one = client(answers(spot_time={"serverTime": NOW_MS + 500}), Clock())
    of = LivePreflight(one, INSTRUMENTS.values(), USDT, clock_offset_ns_max=bound_ms * MILLISECOND_NS)

    assert passes == (not wrong(await of.inspect()))


async def test_what_was_read_is_kept_for_who_judges_further() -> None:
    """Settings by symbol and the margin are there after an inspection, and are not when they could not be read."""
    of, refused = preflight(client(answers(), Clock())), preflight(client(answers(scope=(REFUSED, 401)), Clock()))
    await of.inspect()
    await refused.inspect()

    assert (20, True) == (of.settings["BTCUSDT"].leverage, of.margin is not None)
    assert ({}, None) == (refused.settings, refused.margin)


@pytest.mark.parametrize(
    "answer", [(REFUSED, 401), ({"code": -1022, "msg": "Signature for this request is not valid."}, 400)]
)
async def test_a_wrong_key_is_one_clear_line(answer: tuple[Any, int]) -> None:
    """A refused key is said once, without the key, and nothing more is asked with it."""
    canned = answers(scope=answer)
    findings = await inspected(canned)

    assert [("key", True)] == wrong(findings)
    assert KEY not in str(findings)
    assert "/fapi/v3/account" not in canned.paths()


async def test_an_unreachable_venue_is_one_line_that_names_the_host() -> None:
    """What that host would have been asked is left out; what the other one knows is said all the same."""
    down = aiohttp.ClientConnectorError.__new__(aiohttp.ClientConnectorError)
    down._os_error = OSError(111, "Connection refused")
    findings = await inspected(answers(usdm_time=down))
    (line,) = [finding.text for finding in findings if not finding.ok]

    assert "cannot reach fapi.binance.com" in line
    looked = {finding.subject for finding in findings}
    assert {"key", "key scope", "spot balances"} <= looked
    assert not {"position mode", "asset mode", "margin type", "USD-M balances"} & looked


async def test_without_a_key_that_is_all_there_is_to_say() -> None:
    """No key, or one that cannot sign, is one blocking line and no request."""
    for credentials in (None, Credentials(KEY, "")):
        canned = answers()
        one = client(canned, Clock(), credentials)
        findings = await preflight(one).inspect()

        assert [("key", True)] == wrong(findings)
        assert [] == canned.sent


async def test_a_busy_address_is_said() -> None:
    """Weight that somebody else uses shows before it stops our own reads."""
    canned = answers()
    one = client(canned, Clock())
    one.budgets[SPOT].learn({"x-mbx-used-weight-1m": "1600"})
    findings = await preflight(one).inspect()

    assert ("rate budget", False) in wrong(findings)
