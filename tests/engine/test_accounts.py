"""The evidence rules: what may change what is believed of balances and positions."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.account import AccountSnapshot, Balance, Position
from bot.domain.units import SECOND_NS, Nanos
from bot.engine.accounts import Accounts, BalanceBelief, ExternalChange
from tests.kit import BTC, ETH, SPOT, START_NS, USDM, USDT, d, hedge, limits

NAME = hedge("BTC")
LIMITS = limits()
NOBODY: frozenset[str] = frozenset()


def at(seconds: float) -> Nanos:
    """A moment."""
    return Nanos(START_NS + round(seconds * SECOND_NS))


class Ledger:
    """One spot and one futures account, spoken to in seconds."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.accounts.restart((SPOT, USDM), (NAME,))

    def coins(self, total: str, seconds: float, asked: float | None = None, **others: str) -> None:
        """A read of the spot account."""
        held = (Balance(BTC, d(total)), *(Balance(ETH, d(other)) for other in others.values()))
        self.read(AccountSnapshot(account=SPOT, balances=held), seconds, asked)

    def contracts(self, held: str, seconds: float, asked: float | None = None, busy: bool = False) -> None:
        """A read of the futures account."""
        seen = AccountSnapshot(account=USDM, balances=(), positions=(Position(NAME, d(held)),))
        self.read(seen, seconds, asked, busy=busy)

    def read(self, seen: AccountSnapshot, seconds: float, asked: float | None = None, busy: bool = False) -> None:
        """A read that was begun at `asked`."""
        begun = msgspec.structs.replace(seen, requested_ns=at(seconds if asked is None else asked))
        self.accounts.on_snapshot(begun, LIMITS, at(seconds), frozenset({NAME}) if busy else frozenset())

    def streamed(self, held: str, seconds: float, busy: bool = False) -> None:
        """The stream's word on the position."""
        told = Position(NAME, d(held))
        self.accounts.on_position(told, "ORDER", LIMITS, at(seconds), in_flight=busy, asked_ns=at(seconds))

    def moved(self, total: str, seconds: float, event: float | None = None) -> None:
        """The stream's word on the balance."""
        when = at(seconds if event is None else event)
        self.accounts.on_balances(SPOT, (Balance(BTC, d(total)),), LIMITS, when, at(seconds))

    def filled(self, contracts: str, seconds: float) -> None:
        """A fill of ours, signed."""
        self.accounts.on_fill(NAME, d(contracts), d(60_000), at(seconds))

    @property
    def position(self) -> tuple[Any, bool]:
        """Contracts and whether they are settled."""
        belief = self.accounts.positions[NAME]
        return belief.position.contracts, belief.settled

    @property
    def balance(self) -> Any:
        """The balance and what contests it."""
        belief = self.accounts.balances[SPOT].get(BTC)
        return (belief.total, belief.candidate) if belief else (None, None)

    @property
    def confirmed(self) -> tuple[bool, bool]:
        """Whether spot and futures are confirmed."""
        return self.accounts.accounts[SPOT].confirmed, self.accounts.accounts[USDM].confirmed


def confirmed(contracts: str = "0", coins: str = "1") -> Ledger:
    """Accounts that two reads agreed on, twenty seconds ago."""
    ledger = Ledger()
    for second in (-21.5, -20):
        ledger.coins(coins, second)
        ledger.contracts(contracts, second)
    assert ledger.confirmed == (True, True)
    return ledger


# ------------------------------------------------------------------------------------------------ the first reads
def test_the_first_read_of_all_is_not_believed() -> None:
    """One answer of a venue is no evidence: an empty one would look the same."""
    ledger = Ledger()
    ledger.coins("1", 0)

    assert ledger.confirmed == (False, False)
    assert ledger.balance == (None, None)


@pytest.mark.parametrize(("gap", "believed"), [(0.9, False), (1.0, True)])
def test_two_reads_that_agree_a_second_apart_are_believed(gap: float, believed: bool) -> None:
    """Closer together they are one read."""
    ledger = Ledger()
    ledger.coins("1", 0)
    ledger.coins("1", gap)

    assert ledger.confirmed[0] is believed


def test_the_first_of_two_reads_keeps_its_time() -> None:
    """A read in between that agrees does not start the second anew."""
    ledger = Ledger()
    for second in (0, 0.6, 1.1):
        ledger.coins("1", second)

    assert ledger.confirmed[0]


def test_reads_that_disagree_confirm_nothing() -> None:
    """Each one that differs is a new first read."""
    ledger = Ledger()
    for second, total in enumerate(("1", "2", "1", "2")):
        ledger.coins(total, second)
    assert not ledger.confirmed[0]

    ledger.coins("2", 5)
    assert ledger.balance == (d(2), None)


def test_after_a_restart_one_read_that_equals_the_journal_is_enough() -> None:
    """The journal is the first of the two witnesses."""
    ledger = confirmed("-1")
    ledger.accounts.restart((SPOT, USDM), (NAME,))
    assert ledger.confirmed == (False, False)
    ledger.contracts("-1", 0)
    ledger.coins("1", 0)

    assert ledger.confirmed == (True, True)
    assert ledger.position == (d(-1), True)


def test_a_position_that_changed_while_not_running_is_adopted_and_told() -> None:
    """Two reads that agree outweigh the journal, and the difference was not our doing."""
    ledger = confirmed("-1")
    ledger.accounts.restart((SPOT, USDM), (NAME,))
    ledger.contracts("-3", 0)
    ledger.contracts("-3", 1)

    assert ledger.position == (d(-3), True)
    assert ledger.accounts.take_external() == [ExternalChange(NAME, d(-1), d(-3), "changed while not running")]
    assert ledger.accounts.take_external() == []


def test_a_position_found_at_the_very_first_start_is_adopted_in_silence() -> None:
    """Whoever already hedges by hand can start: there was no belief that it contradicts."""
    ledger = confirmed("-3")

    assert ledger.position == (d(-3), True)
    assert ledger.accounts.take_external() == []


def test_while_an_order_of_before_is_unresolved_reads_that_differ_prove_nothing() -> None:
    """Its fill would say the same; only a read that equals the journal confirms."""
    ledger = confirmed("-1")
    ledger.accounts.restart((SPOT, USDM), (NAME,))
    for second in (0, 1, 2):
        ledger.contracts("-3", second, busy=True)
    assert not ledger.confirmed[1]

    ledger.contracts("-1", 3, busy=True)
    assert ledger.confirmed[1]


def test_right_after_a_fill_and_a_restart_a_lagging_replica_is_not_believed() -> None:
    """Twice the position before the fill is still the replica's lag; after that lag it is the truth."""
    ledger = confirmed("0")
    ledger.filled("-1", 0)
    ledger.accounts.restart((SPOT, USDM), (NAME,))
    for second in (1, 2, 3):
        ledger.contracts("0", second)
    assert not ledger.confirmed[1]

    ledger.contracts("0", 11)
    ledger.contracts("0", 12)
    assert ledger.position == (d(0), True)


def test_a_read_of_other_instruments_confirms_only_the_account() -> None:
    """A position that is not tracked is not adopted."""
    ledger = Ledger()
    other = AccountSnapshot(account=USDM, balances=(), positions=(Position(hedge("ETH"), d(5)),))
    ledger.read(other, 0)
    ledger.read(other, 1)

    assert ledger.confirmed[1]
    assert list(ledger.accounts.positions) == [NAME]


# ---------------------------------------------------------------------------------------------------- positions
def test_a_fill_counts_at_once_and_waits_for_the_venues_word() -> None:
    """The fastest evidence moves the belief; until the venue says the same nothing more is sent on it."""
    ledger = confirmed()
    ledger.filled("-1", 0)
    assert ledger.position == (d(-1), False)

    ledger.streamed("-1", 0.1)
    assert ledger.position == (d(-1), True)


def test_the_venues_word_may_come_before_the_fill() -> None:
    """Either order ends settled."""
    ledger = confirmed()
    ledger.streamed("-1", 0, busy=True)
    assert ledger.position == (d(0), False)

    ledger.filled("-1", 0.1)
    assert ledger.position == (d(-1), True)


def test_a_lagging_read_after_a_fill_does_not_move_the_position() -> None:
    """However often a replica repeats the position before the fill, inside its lag it is not believed."""
    ledger = confirmed()
    ledger.filled("-1", 0)
    for second in (1, 2.5, 5, 9.9):
        ledger.contracts("0", second)

    assert ledger.position == (d(-1), False)
    ledger.contracts("-1", 9.95)
    assert ledger.position == (d(-1), True)


def test_a_read_begun_before_a_fill_says_nothing_about_it() -> None:
    """It arrives later, but it is older: neither doubt nor confirmation."""
    ledger = confirmed()
    ledger.filled("-1", 0)
    ledger.streamed("-1", 0.1)
    ledger.contracts("0", 2, asked=-0.1)

    assert ledger.position == (d(-1), True)


def test_a_read_begun_before_a_fill_is_no_witness_later() -> None:
    """It does not count as the first of two reads that agree, however long ago it was."""
    ledger = confirmed()
    ledger.filled("-1", 0)
    ledger.contracts("0", 0.2, asked=-0.1)
    ledger.contracts("0", 10.5)
    assert ledger.position == (d(-1), False)

    ledger.contracts("0", 11.5)
    assert ledger.position == (d(0), True)


def test_a_read_begun_before_the_streams_word_says_nothing_about_it() -> None:
    """What the stream said later is not taken back by what was asked earlier."""
    ledger = confirmed("-1")
    ledger.streamed("0", 0)
    ledger.contracts("-1", 0.5, asked=-0.5)

    assert ledger.position == (d(-1), False)


def test_two_reports_that_agree_a_second_apart_are_an_external_change() -> None:
    """Nothing of ours in flight, the last fill long ago: the venue's position is the truth, and it is told."""
    ledger = confirmed("-1")
    ledger.contracts("-3", 0)
    assert ledger.position == (d(-1), False)
    ledger.contracts("-3", 0.9)
    assert ledger.position == (d(-1), False)
    ledger.contracts("-3", 1)

    assert ledger.position == (d(-3), True)
    assert ledger.accounts.take_external() == [ExternalChange(NAME, d(-1), d(-3), "seen in a snapshot")]


def test_reports_that_disagree_among_themselves_are_doubt_and_no_more() -> None:
    """A replica that alternates never becomes the truth."""
    ledger = confirmed("-1")
    for second, held in enumerate(("-3", "-2", "-3", "-2")):
        ledger.contracts(held, 2 * second)

    assert ledger.position == (d(-1), False)


def test_while_an_order_is_in_flight_no_report_is_an_external_change() -> None:
    """It may be that order's fill, of which its own report has not come yet."""
    ledger = confirmed("0")
    for second in (0, 2, 4):
        ledger.contracts("-1", second, busy=True)
    assert ledger.position == (d(0), False)

    ledger.contracts("-1", 6)
    ledger.contracts("-1", 7, busy=True)
    assert ledger.position == (d(0), False)
    ledger.contracts("-1", 8)
    ledger.contracts("-1", 9)
    assert ledger.position == (d(-1), True)


def test_reports_on_instruments_that_are_not_tracked_are_ignored() -> None:
    """They are nobody's hedge here."""
    ledger = confirmed()
    told = Position(hedge("ETH"), d(5))
    ledger.accounts.on_position(told, "ORDER", LIMITS, at(0), in_flight=False, asked_ns=at(0))

    assert list(ledger.accounts.positions) == [NAME]


def test_a_fill_on_an_instrument_that_is_no_longer_tracked_is_still_counted() -> None:
    """The rules changed while its order was out; the fill is a fact all the same."""
    ledger = confirmed()
    ledger.accounts.on_fill(hedge("ETH"), d(2), d(2_500), at(0))

    assert ledger.accounts.positions[hedge("ETH")].position == Position(hedge("ETH"), d(2), d(2_500))


# ----------------------------------------------------------------------------------------------------- balances
@pytest.mark.parametrize(("total", "after"), [("1.2", ("1.2", None)), ("0.8", ("0.8", None))])
def test_the_stream_moves_a_balance_by_a_small_step(total: str, after: tuple[str, None]) -> None:
    """Up to a fifth of itself, up or down, at once."""
    ledger = confirmed()
    ledger.moved(total, 0)

    assert ledger.balance == (d(after[0]), None)


@pytest.mark.parametrize("total", ["1.21", "0.79", "0", "5"])
def test_a_large_step_of_the_stream_waits_for_a_read(total: str) -> None:
    """It contests what is believed, and the next read that says the same settles it."""
    ledger = confirmed()
    ledger.moved(total, 0)
    assert ledger.balance == (d(1), d(total))
    assert BTC in ledger.accounts.uncertain()

    ledger.coins(total, 0.2)
    assert ledger.balance == (d(total), None)
    assert BTC not in ledger.accounts.uncertain()


def test_a_lagging_read_does_not_talk_the_stream_down() -> None:
    """Inside the replica's lag a read of the balance before keeps the doubt; after it, the read is right."""
    ledger = confirmed()
    ledger.moved("2", 0)
    ledger.coins("1", 1)
    ledger.coins("3", 2)
    assert ledger.balance == (d(1), d(2))

    ledger.coins("1", 11)
    assert ledger.balance == (d(1), None)


def test_a_lagging_read_after_a_small_step_raises_doubt_and_no_more() -> None:
    """Twice the old balance inside the lag does not undo what the stream said; after the lag it does."""
    ledger = confirmed()
    ledger.moved("1.1", 0)
    for second in (1, 3, 9):
        ledger.coins("1", second)
    assert ledger.balance == (d("1.1"), d(1))

    ledger.coins("1.1", 9.5)
    assert ledger.balance == (d("1.1"), None)
    ledger.coins("1", 11)
    ledger.coins("1", 12)
    assert ledger.balance == (d(1), None)


def test_an_older_event_of_the_stream_changes_nothing() -> None:
    """Frames that come out of order do not bring the past back; a repeated one says the same."""
    ledger = confirmed()
    ledger.moved("1.1", 1, event=1)
    ledger.moved("1.05", 2, event=0.5)
    assert ledger.balance == (d("1.1"), None)

    ledger.moved("1.1", 3, event=1)
    assert ledger.balance == (d("1.1"), None)


def test_a_read_that_differs_needs_a_second_one() -> None:
    """One read contests, one more a second later decides; one in between that differs starts anew."""
    ledger = confirmed()
    ledger.coins("2", 0)
    ledger.coins("2", 0.9)
    assert ledger.balance == (d(1), d(2))
    ledger.coins("0", 1)
    assert ledger.balance == (d(1), d(0))

    ledger.coins("0", 2)
    assert ledger.balance == (d(0), None)


def test_an_asset_missing_from_a_read_is_unchanged() -> None:
    """An empty answer is not an empty wallet."""
    ledger = confirmed()
    for second in (0, 2, 4):
        ledger.read(AccountSnapshot(account=SPOT, balances=()), second)

    assert ledger.balance == (d(1), None)


def test_a_read_that_was_overtaken_changes_nothing() -> None:
    """Neither balances nor the account's age: it shows a past that a later read has replaced."""
    ledger = confirmed()
    ledger.coins("1", 0)
    before = copy.deepcopy(ledger.accounts)
    ledger.coins("9", 1, asked=-0.1)

    assert ledger.accounts == before


def test_an_account_is_as_old_as_the_beginning_of_its_last_read() -> None:
    """What took ten seconds to answer is ten seconds old."""
    ledger = confirmed()
    ledger.coins("1", 10, asked=0)

    assert ledger.accounts.accounts[SPOT].seen_ns == at(0)


def test_what_can_be_counted_on_of_a_contested_balance_is_the_less() -> None:
    """A withdrawal counts before it is sure, a deposit after."""
    assert BalanceBelief(d(5)).least == 5
    assert BalanceBelief(d(5), d(2)).least == 2
    assert BalanceBelief(d(5), d(9)).least == 5


def test_a_doubt_does_not_survive_a_restart() -> None:
    """The reads of the new process decide; nothing waits for an answer that was lost with the old one."""
    ledger = confirmed()
    ledger.moved("5", 0)
    ledger.accounts.restart((SPOT, USDM), (NAME,))

    assert BTC not in ledger.accounts.uncertain()
    assert ledger.balance == (d(1), None)


def test_totals_of_an_account_that_is_not_there_are_empty() -> None:
    """Only what was read is held."""
    assert confirmed().accounts.totals(SPOT) == {BTC: d(1)}
    assert Accounts().totals(SPOT) == {}


# --------------------------------------------------------------------------------------------------- agreement
def test_a_read_that_tells_nothing_new_agrees() -> None:
    """Everything as believed, nothing waiting, begun after all that is known."""
    ledger = confirmed("-1")

    assert ledger.accounts.agrees(seen("1"))
    assert ledger.accounts.agrees(held("-1"))


def seen(total: str, seconds: float = 0, asset: str = "BTC") -> AccountSnapshot:
    """A read of the spot account, not delivered."""
    balance = Balance(BTC if asset == "BTC" else USDT, d(total))
    return AccountSnapshot(account=SPOT, balances=(balance,), requested_ns=at(seconds))


def held(*contracts: str, seconds: float = 0, entry: str = "0") -> AccountSnapshot:
    """A read of the futures account, not delivered."""
    rows = tuple(Position(NAME, d(c), d(entry)) for c in contracts)
    return AccountSnapshot(account=USDM, balances=(), positions=rows, requested_ns=at(seconds))


@pytest.mark.parametrize(
    "read",
    [
        seen("2"),
        seen("0", asset="USDT"),
        seen("1", seconds=-30),
        held("-2"),
        held("-1", entry="1"),
        held(),
        held("-1", seconds=-30),
        AccountSnapshot(account=USDT, balances=()),  # type: ignore[arg-type]
    ],
    ids=["balance", "new asset", "overtaken", "position", "entry", "missing", "overtaken position", "account"],
)
def test_a_read_with_any_news_does_not_agree(read: AccountSnapshot) -> None:
    """Each of these has to go the long way."""
    assert not confirmed("-1").accounts.agrees(read)


def test_nothing_agrees_with_an_account_in_doubt() -> None:
    """An unconfirmed account, a contested balance, an unsettled position or a fill since: the read is needed."""
    fresh, contested, unsettled, filled_since = Ledger(), confirmed(), confirmed(), confirmed()
    contested.moved("5", -1)
    unsettled.filled("-1", -1)
    filled_since.filled("-1", 1)
    filled_since.streamed("-1", 1.1)

    assert not fresh.accounts.agrees(seen("1"))
    assert not contested.accounts.agrees(seen("1"))
    assert not unsettled.accounts.agrees(held("-1", entry="60000"))
    assert not filled_since.accounts.agrees(held("-1"))


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["coins", "contracts", "moved", "filled", "streamed", "restart"]), st.sampled_from(["0", "1"])
    ),
    max_size=12,
)


@given(HISTORY, st.sampled_from(["0", "1"]), st.booleans(), st.floats(-3, 3))
def test_the_short_form_of_a_read_that_agrees_does_what_the_read_would(
    history: list[tuple[str, str]], value: str, spot: bool, shift: float
) -> None:
    """After any history: a read that agrees, and its short form, leave exactly the same knowledge behind."""
    ledger = confirmed()
    for second, (verb, told) in enumerate(history):
        if verb == "restart":
            ledger.accounts.restart((SPOT, USDM), (NAME,))
        else:
            getattr(ledger, verb)(told, second * 0.7)
    now = len(history) * 0.7 + 1
    position = ledger.accounts.positions[NAME].position
    read = (
        seen(value, now + shift)
        if spot
        else held(str(position.contracts), seconds=now, entry=str(position.entry_price))
    )
    if not ledger.accounts.agrees(read):
        return
    short, long = copy.deepcopy(ledger.accounts), ledger.accounts
    short.on_confirmed(read.account, read.margin, read.requested_ns)
    long.on_snapshot(read, LIMITS, at(now + 1), NOBODY)  # type: ignore[arg-type]

    assert short == long
