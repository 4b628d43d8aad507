"""Owner of what the accounts hold, and of how well that is known.

Theory of operation
-------------------
A position is believed to be what it was, plus our own fills: they are the fastest evidence there is. What the venue
reports of it (stream or snapshot) is compared with the belief. While they agree the position is *settled* and may be
traded on; while they differ it is not, and its instrument takes no order that adds risk.

A difference becomes the truth only by evidence (faults E1): no order of ours is in flight on the instrument, our last
fill is older than any lagging replica, and two reports at least `evidence_gap_ns` apart agree. What is then adopted was
not our doing, and is recorded as an external change.

Balances follow the same rule, except that the private stream may move one at once, because it is the venue's own
event, as long as the step is small; a large step waits for a read that agrees. Until any lagging replica has caught up
with the stream, a read that contradicts it only raises doubt. An asset that is missing from a read is not zero: it is
unchanged. A read that was begun before one that counted already changes nothing. After a start nothing is trusted
before one read that equals what the journal knew, or two that agree with each other.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from bot.domain.account import AccountSnapshot, Balance, MarginState, Position, Uncounted
from bot.domain.instrument import account_of
from bot.domain.order import Side
from bot.domain.rules import Limits
from bot.domain.units import HOUR_NS, ZERO, AccountId, Asset, Contracts, InstrumentId, Nanos, Price

UNCOUNTED_AGAIN_NS = HOUR_NS
"""A position that nothing counts is told again when it comes back, but not more often than this."""


class PositionBelief(msgspec.Struct, frozen=True):
    """A position as we believe it, and what the venue last said of it (`reported` None: not asked since the start).

    `reported_ns` is when the read was begun that said so, or when the stream's word arrived.
    """

    position: Position
    reported: Contracts | None = None
    reported_ns: Nanos = Nanos(0)
    filled_ns: Nanos = Nanos(0)
    candidate_ns: Nanos = Nanos(0)
    unsettled_ns: Nanos = Nanos(0)

    @property
    def settled(self) -> bool:
        """Whether the venue says what our fills say."""
        return self.reported == self.position.contracts


class BalanceBelief(msgspec.Struct, frozen=True):
    """A balance as we believe it, a different one that waits for a second word, and when the stream last spoke."""

    total: Decimal
    candidate: Decimal | None = None
    candidate_ns: Nanos = Nanos(0)
    streamed: bool = False
    """Whether the stream brought the candidate."""
    streamed_ns: Nanos = Nanos(0)
    locked: Decimal = ZERO
    """What orders at the venue hold of it, as it was last told."""

    @property
    def least(self) -> Decimal:
        """What can be counted on: the smaller of what is believed and what may be."""
        return self.total if self.candidate is None else min(self.total, self.candidate)


class AccountBelief(msgspec.Struct, frozen=True):
    """How well an account is known: `known` before this start too, `confirmed` since it."""

    known: bool = False
    confirmed: bool = False
    seen_ns: Nanos = Nanos(0)
    """When the last read that counted was begun."""
    stream_up: bool = False
    stream_since_ns: Nanos = Nanos(0)
    """When the private stream came up: what happened before it may never be told by it."""
    stream_event_ns: Nanos = Nanos(0)
    margin: MarginState | None = None
    failed_reads: int = 0
    """How many reads have failed in a row."""
    first: AccountSnapshot | None = None
    first_ns: Nanos = Nanos(0)

    @property
    def followed(self) -> bool:
        """Whether nothing can have been missed: the private stream stands, and a read was begun since it does."""
        return self.stream_up and self.seen_ns >= self.stream_since_ns

    def listened_since(self, moment_ns: int) -> bool:
        """Whether the private stream has stood from before that moment until now."""
        return self.stream_up and self.stream_since_ns < moment_ns


class ExternalChange(msgspec.Struct, frozen=True):
    """A position that the venue changed without an order of ours."""

    instrument: InstrumentId
    before: Contracts
    after: Contracts
    cause: str


@dataclass(slots=True)
class Accounts:
    """Balances, positions and margin of every account."""

    accounts: dict[AccountId, AccountBelief] = field(default_factory=dict)
    balances: dict[AccountId, dict[Asset, BalanceBelief]] = field(default_factory=dict)
    positions: dict[InstrumentId, PositionBelief] = field(default_factory=dict)
    external: list[ExternalChange] = field(default_factory=list)
    fell: dict[Asset, Nanos] = field(default_factory=dict)
    """When coins of an asset last left an account, as far as that is believed."""
    uncounted: dict[AccountId, tuple[Uncounted, ...]] = field(default_factory=dict)
    """What an account's last read told of positions that nothing counts."""
    untold: list[tuple[AccountId, Uncounted]] = field(default_factory=list)
    """Those of them that no read before it told of, and nobody was told of lately."""
    heard: dict[str, Nanos] = field(default_factory=dict)
    """When a person was last told of one, by account and name: somebody may trade there all day."""

    def restart(self, accounts: tuple[AccountId, ...], instruments: tuple[InstrumentId, ...]) -> list[Position]:
        """A new process: keep what the journal knew, trust none of it until it is confirmed.

        Positions that are not tracked any more are forgotten; those of them that were open are returned.
        """
        gone = [self.positions.pop(name).position for name in sorted(self.positions.keys() - set(instruments))]
        self.uncounted.clear()
        self.heard.clear()
        self.fell.clear()
        for account in accounts:
            before = self.accounts.get(account, AccountBelief())
            self.accounts[account] = AccountBelief(known=before.known, margin=before.margin)
            self.balances.setdefault(account, {})
        # Of accounts that are no longer looked at, too: nobody would ever say there what a doubt waits for.
        for account, held in self.balances.items():
            self.balances[account] = {asset: BalanceBelief(belief.total) for asset, belief in held.items()}
        for instrument in instruments:
            belief = self.positions.get(instrument) or PositionBelief(Position(instrument, ZERO))
            self.positions[instrument] = PositionBelief(belief.position, filled_ns=belief.filled_ns)
        return [position for position in gone if position.contracts]

    def totals(self, account: AccountId) -> dict[Asset, Decimal]:
        """Balances of one account as believed."""
        return {asset: belief.total for asset, belief in self.balances.get(account, {}).items()}

    def uncertain(self) -> dict[Asset, BalanceBelief]:
        """Balances that wait for a second word, by asset; of several accounts' the first one's."""
        out: dict[Asset, BalanceBelief] = {}
        for account in sorted(self.balances):
            for asset, belief in self.balances[account].items():
                if belief.candidate is not None:
                    out.setdefault(asset, belief)
        return out

    def on_stream(self, account: AccountId, *, up: bool, now: Nanos) -> None:
        """A private stream came up or went down."""
        before = self.accounts[account]
        since = before.stream_since_ns if before.stream_up else now
        self._change(account, stream_up=up, stream_since_ns=since)

    def on_fill(self, instrument: InstrumentId, contracts: Contracts, price: Price, now: Nanos) -> None:
        """Count a fill of ours. `contracts` is signed."""
        belief = self.positions.get(instrument) or PositionBelief(Position(instrument, ZERO))
        side = Side.BUY if contracts > 0 else Side.SELL
        position = belief.position.after_fill(side, abs(contracts), price)
        self.positions[instrument] = msgspec.structs.replace(
            belief, position=position, filled_ns=now, candidate_ns=Nanos(0), unsettled_ns=now
        )

    def on_position(
        self, reported: Position, cause: str, limits: Limits, now: Nanos, *, in_flight: bool, asked_ns: int
    ) -> None:
        """Hold a report against the belief. `asked_ns` is when a read was begun (for the stream: when it arrived)."""
        belief = self.positions.get(reported.instrument)
        if belief is None or asked_ns < max(belief.filled_ns, belief.reported_ns):
            return
        asked = Nanos(asked_ns)
        if reported.contracts == belief.position.contracts:
            self.positions[reported.instrument] = PositionBelief(reported, reported.contracts, asked, belief.filled_ns)
            return
        same = belief.reported == reported.contracts and belief.candidate_ns > 0
        candidate_ns = belief.candidate_ns if same and not in_flight else (Nanos(0) if in_flight else asked)
        old_enough = asked_ns - belief.filled_ns > limits.replica_lag_ns_max
        if same and not in_flight and old_enough and asked_ns - belief.candidate_ns >= limits.evidence_gap_ns:
            change = ExternalChange(reported.instrument, belief.position.contracts, reported.contracts, cause)
            self.external.append(change)
            self.positions[reported.instrument] = PositionBelief(reported, reported.contracts, asked)
            return
        self.positions[reported.instrument] = msgspec.structs.replace(
            belief,
            reported=reported.contracts,
            reported_ns=asked,
            candidate_ns=candidate_ns,
            unsettled_ns=belief.unsettled_ns or now,
        )

    def on_balances(
        self, account: AccountId, balances: tuple[Balance, ...], limits: Limits, event_ns: Nanos, now: Nanos
    ) -> None:
        """The private stream moved balances. An event older than the last one changes nothing."""
        if event_ns < self.accounts[account].stream_event_ns:
            return
        self._change(account, stream_event_ns=event_ns)
        held = self.balances[account]
        for balance in balances:
            before = held.get(balance.asset, BalanceBelief(ZERO))
            step = abs(balance.total - before.total)
            if step <= limits.balance_step_max * abs(before.total):
                self._note_fall(balance, before, now)
                held[balance.asset] = BalanceBelief(balance.total, streamed_ns=now, locked=balance.locked)
            else:
                held[balance.asset] = BalanceBelief(
                    before.total, balance.total, now, streamed=True, streamed_ns=now, locked=balance.locked
                )

    def on_unreadable(self, account: AccountId) -> None:
        """A read failed: nothing is learned but that."""
        self._change(account, failed_reads=self.accounts[account].failed_reads + 1)

    def on_confirmed(self, account: AccountId, margin: MarginState | None, begun_ns: Nanos) -> None:
        """A read agreed with everything believed: the short form of a snapshot for which `agrees` was true."""
        self._change(account, seen_ns=begun_ns, margin=margin, known=True, confirmed=True, first=None, failed_reads=0)
        for name in self._futures_of(account):
            belief = self.positions[name]
            self.positions[name] = PositionBelief(
                belief.position, belief.position.contracts, begun_ns, belief.filled_ns
            )

    def on_snapshot(
        self, snapshot: AccountSnapshot, limits: Limits, now: Nanos, in_flight: frozenset[InstrumentId]
    ) -> None:
        """Hold a read against the belief; before the first confirmation, against the read before it."""
        self._change(snapshot.account, failed_reads=0)
        self._note_uncounted(snapshot.account, snapshot.uncounted, now)
        account, begun_ns = self.accounts[snapshot.account], snapshot.requested_ns or now
        if not account.confirmed:
            quiet = not any(position.instrument in in_flight for position in snapshot.positions)
            self._confirm(account, snapshot, limits, now, quiet=quiet)
            return
        if begun_ns < account.seen_ns:
            return
        self._change(snapshot.account, seen_ns=begun_ns, margin=snapshot.margin)
        for position in snapshot.positions:
            self.on_position(
                position,
                "seen in a snapshot",
                limits,
                now,
                in_flight=position.instrument in in_flight,
                asked_ns=begun_ns,
            )
        for balance in snapshot.balances:
            self._on_balance_read(snapshot.account, balance, limits, begun_ns, now)

    def agrees(self, snapshot: AccountSnapshot) -> bool:
        """Whether a read that was begun after all that is known tells nothing new, and nothing waits for its word."""
        account = self.accounts.get(snapshot.account)
        if account is None or not account.confirmed or snapshot.requested_ns < account.seen_ns:
            return False
        if snapshot.uncounted != self.uncounted.get(snapshot.account, ()):
            return False
        held, named = self.balances[snapshot.account], {p.instrument: p for p in snapshot.positions}
        return all(
            balance.asset in held
            and held[balance.asset].candidate is None
            and held[balance.asset].total == balance.total
            and held[balance.asset].locked == balance.locked
            for balance in snapshot.balances
        ) and all(
            named.get(name) == self.positions[name].position
            and self.positions[name].settled
            and snapshot.requested_ns >= max(self.positions[name].filled_ns, self.positions[name].reported_ns)
            for name in self._futures_of(snapshot.account)
        )

    def take_external(self) -> list[ExternalChange]:
        """Changes that were adopted since the last call."""
        out, self.external = self.external, []
        return out

    def _note_fall(self, balance: Balance, before: BalanceBelief, now: Nanos) -> None:
        if balance.total < before.total:
            self.fell[balance.asset] = now

    def _note_uncounted(self, account: AccountId, found: tuple[Uncounted, ...], now: Nanos) -> None:
        known = {one.name for one in self.uncounted.get(account, ())}
        self.uncounted[account] = found
        for one in found:
            name = f"{account}:{one.name}"
            if one.name not in known and (name not in self.heard or now - self.heard[name] >= UNCOUNTED_AGAIN_NS):
                self.untold.append((account, one))
                self.heard[name] = now

    def _futures_of(self, account: AccountId) -> list[InstrumentId]:
        """The tracked futures of an account."""
        return [name for name in self.positions if account_of(name) == account]

    def _change(self, account: AccountId, **changes: object) -> None:
        self.accounts[account] = msgspec.structs.replace(self.accounts[account], **changes)

    def _confirm(
        self, account: AccountBelief, snapshot: AccountSnapshot, limits: Limits, now: Nanos, *, quiet: bool
    ) -> None:
        """The first reads after a start: one that equals the journal's knowledge, or two that agree.

        While an order of before the start is unresolved (not `quiet`), two agreeing reads prove nothing that its fill
        would not say as well, so only a read that equals the journal's knowledge counts. The same holds while a replica
        may not have seen our last fill.
        """
        begun_ns = snapshot.requested_ns or now
        for position in snapshot.positions:
            if belief := self.positions.get(position.instrument):
                self.positions[position.instrument] = msgspec.structs.replace(
                    belief, reported=position.contracts, reported_ns=begun_ns
                )
                quiet = quiet and begun_ns - belief.filled_ns > limits.replica_lag_ns_max
        before = account.first
        twice = quiet and before is not None and _same(before, snapshot)
        far_apart = now - account.first_ns >= limits.evidence_gap_ns
        if (twice and far_apart) or (account.known and self._equals_belief(snapshot)):
            self._adopt(snapshot, begun_ns, known=account.known)
        elif not twice:
            self._change(snapshot.account, first=snapshot, first_ns=now)

    def _adopt(self, snapshot: AccountSnapshot, begun_ns: Nanos, *, known: bool) -> None:
        for position in snapshot.positions:
            belief = self.positions.get(position.instrument)
            if belief is None:
                continue
            before, after = belief.position.contracts, position.contracts
            if known and before != after:
                change = ExternalChange(position.instrument, before, after, "changed while not running")
                self.external.append(change)
            self.positions[position.instrument] = PositionBelief(position, after, begun_ns, belief.filled_ns)
        told = {b.asset: BalanceBelief(b.total, locked=b.locked) for b in snapshot.balances}
        self.balances[snapshot.account].update(told)
        self._change(snapshot.account, seen_ns=begun_ns, margin=snapshot.margin, known=True, confirmed=True, first=None)

    def _equals_belief(self, snapshot: AccountSnapshot) -> bool:
        held = self.balances[snapshot.account]
        return all(held.get(b.asset, BalanceBelief(ZERO)).total == b.total for b in snapshot.balances) and all(
            p.instrument not in self.positions or self.positions[p.instrument].position.contracts == p.contracts
            for p in snapshot.positions
        )

    def _on_balance_read(self, account: AccountId, balance: Balance, limits: Limits, begun_ns: int, now: Nanos) -> None:
        held = self.balances[account]
        before = held.get(balance.asset, BalanceBelief(ZERO))
        lagging = begun_ns - before.streamed_ns <= limits.replica_lag_ns_max
        if before.streamed and balance.total != before.candidate and lagging:
            return
        streamed_ns, locked = before.streamed_ns, balance.locked
        if balance.total == before.total:
            held[balance.asset] = BalanceBelief(balance.total, streamed_ns=streamed_ns, locked=locked)
        elif balance.total != before.candidate:
            held[balance.asset] = BalanceBelief(
                before.total, balance.total, now, streamed_ns=streamed_ns, locked=locked
            )
        elif before.streamed or (now - before.candidate_ns >= limits.evidence_gap_ns and not lagging):
            self._note_fall(balance, before, now)
            held[balance.asset] = BalanceBelief(balance.total, streamed_ns=streamed_ns, locked=locked)


def _same(one: AccountSnapshot, other: AccountSnapshot) -> bool:
    """Whether two reads agree on balances and signed contracts (entry prices and margin move with the market)."""
    return sorted(map(_balance_key, one.balances)) == sorted(map(_balance_key, other.balances)) and sorted(
        map(_position_key, one.positions)
    ) == sorted(map(_position_key, other.positions))


def _balance_key(balance: Balance) -> tuple[str, Decimal]:
    return balance.asset, balance.total


def _position_key(position: Position) -> tuple[str, Decimal]:
    return position.instrument, position.contracts
