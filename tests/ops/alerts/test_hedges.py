"""One alert for each hedge, and every figure in it is the engine's own."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bot.domain.commands import Severity
from bot.domain.events import Action, RulesChanged, RunMode, Stopping
from bot.domain.hedge import Need
from bot.domain.order import Side
from bot.domain.units import MILLISECOND_NS, SECOND_NS
from bot.ops.alerts import words
from bot.ops.alerts.kinds import Alert, Kind
from bot.ops.alerts.render import TEXT_CHARS_MAX, render
from tests.engine.kit import World
from tests.kit import band, d, neutral, rules, weights
from tests.ops.alerts.scribe import Scribe, facts, figure


def of(world: Scribe, asset: str) -> Alert:
    """The one hedge alert of an asset."""
    (alert,) = [alert for alert in world.told(Kind.HEDGE) if alert.subject == asset]
    return alert


def need(world: World, group: str) -> Need:
    """What a group's first intent was decided on."""
    return next(opened.intent.needs[0] for opened in world.intents if opened.intent.group == group)


def test_a_hedge_is_told_once_when_it_closes() -> None:
    """Each correction is one alert, made with its close and not with its orders."""
    world = Scribe.neutral().run(5)

    assert [alert.subject for alert in world.told(Kind.HEDGE)] == ["BTC", "ETH"]
    assert len(world.closed) == 2
    assert world.run(60).told(Kind.HEDGE) == world.told(Kind.HEDGE)


def test_its_title_says_what_was_done() -> None:
    """A phone's one line has the asset, the quantity, the price and the cost."""
    world = Scribe.neutral().run(5)

    assert of(world, "BTC").title == "BTC hedged: sold 1.234 BTC at 59,999.90 (0.0 bps)"
    assert of(world, "ETH").title == "ETH hedged: sold 10 ETH at 2,499.90 (+0.4 bps)"
    assert of(world, "BTC").severity is Severity.INFO


def test_its_figures_are_the_journals() -> None:
    """Price, slippage and fees are those of the correction's results, delta and band those of the first decision."""
    world = Scribe.neutral().run(5)
    closed = next(one for one in world.closed if one.group == "neutral:ETH")
    (result,) = closed.results
    decided, told = need(world, "neutral:ETH"), facts(of(world, "ETH"))
    assert result.average_price is not None
    assert result.slippage_bps is not None

    assert figure(told["Average price"]) == result.average_price
    assert figure(told["Slippage"]) == round(result.slippage_bps, 2)
    assert figure(told["Fees"]) == result.fee
    assert figure(told["Delta before"]) == decided.parts.exposure
    assert figure(told["Off target before"]) == decided.deviation
    assert figure(told["Off target after"]) == closed.residuals["ETH"]
    assert figure(told["Delta after"]) == decided.parts.exposure - result.filled
    assert told["Band"] == "trigger 0.1 ETH, destination 0 ETH"


def test_it_says_why_in_the_targets_own_words() -> None:
    """The explanation is the one that the journal has."""
    world = Scribe.neutral().run(5)

    assert of(world, "BTC").text.splitlines()[0] == need(world, "neutral:BTC").why


def test_it_names_each_order_with_its_limit() -> None:
    """Side, contracts, instrument, limit, and what came of it."""
    world = Scribe.neutral().run(5)
    (sent,) = [order for order in world.sent if "ETH" in order.instrument]
    limit = f"{sent.limit_price:,.2f}"

    assert facts(of(world, "ETH"))["Order"] == (
        f"sell 10 binance.usdm:ETHUSDT limit {limit}: filled, average 2,499.90, +0.40 bps"
    )


def test_it_says_which_mode_it_was_done_in() -> None:
    """Dry-run is never mistaken for live."""
    world = Scribe(rules(), {"BTC": d(1)}, RunMode.DRY_RUN).start(RunMode.DRY_RUN).run(5)
    alert = world.only(Kind.HEDGE)

    assert facts(alert)["Mode"] == "dry-run, RUN"
    assert alert.run_mode == "dry-run"


def test_a_short_receives_while_the_rate_is_positive() -> None:
    """The funding outlook has the sign and the amount of the position that is open now."""
    world = Scribe.neutral().run(5)
    amount = d("1.234") * 60_000 * d("0.0001")
    text = facts(of(world, "BTC"))["Funding"]

    assert text.startswith(f"receives about {words.money(amount, 'USDT')} at ")
    assert "rate 0.0100 %" in text


def test_a_long_pays_while_the_rate_is_positive() -> None:
    """The bought leg of a pair pays what the sold one receives."""
    world = Scribe.weighted().run(3)
    world.price("BTC", 90_000.0)
    told = facts(world.run(5).only(Kind.HEDGE))

    assert told["BTC funding"].startswith("receives about 1.20 USDT")
    assert told["ETH funding"].startswith("pays about 1.20 USDT")


def test_a_pair_is_one_alert_with_both_orders() -> None:
    """A rebalance is told once, with each asset's delta, price and cost."""
    world = Scribe.weighted().run(3)
    world.price("BTC", 90_000.0)
    alert = world.run(5).only(Kind.HEDGE)
    orders = [value for label, value in alert.facts if label == "Order"]

    assert alert.title == ("weights rebalanced: sold 0.133 BTC at 89,999.90, bought 4.8 ETH at 2,500.10 (+0.2 bps)")
    assert [order.split()[0] for order in orders] == [Side.SELL.value, Side.BUY.value]
    assert figure(facts(alert)["BTC delta after"]) == d("0.867")
    assert figure(facts(alert)["ETH delta after"]) == d("20.8")


def test_slices_are_one_alert_with_their_sum() -> None:
    """A correction of several orders is told whole: weighted price, all fees, how many slices."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: bool(w.closed))
    alert = world.only(Kind.HEDGE)
    (closed,) = world.closed
    told = facts(alert)

    assert len(closed.results) == 3
    assert told["Slices"] == "3"
    assert figure(told["Fees"]) == sum(result.fee for result in closed.results)
    assert "sold 1.234 BTC" in alert.title


def test_the_average_of_slices_is_weighted_by_what_they_filled() -> None:
    """Two slices at two prices: the average that was paid, not the mean of two numbers."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("1")
    world.until(lambda w: len(w.venue.orders) == 1)
    world.venue.prices["BTC"] = 59_000.0
    world.until(lambda w: bool(w.closed))
    (closed,) = world.closed
    paid = sum((r.filled * (r.average_price or d(0)) for r in closed.results), d(0))

    assert figure(facts(world.only(Kind.HEDGE))["Average price"]) == round(paid / d("1.234"), 2)


def test_many_orders_are_counted_and_not_all_listed() -> None:
    """A long correction stays readable."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}, orders_per_minute_max=60)
    world.venue.fills_at_most = d("0.1")
    world.until(lambda w: bool(w.closed))
    alert = world.only(Kind.HEDGE)

    assert len([label for label, _ in alert.facts if label == "Order"]) == 6
    assert facts(alert)["More orders"] == str(len(world.sent) - 6)


def test_a_slow_correction_keeps_the_orders_that_the_engine_forgot() -> None:
    """An order of an hour ago still counts in the sum, though the engine has let it go."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: len(w.venue.orders) == 1).tick()
    world.feeding = False
    world.run(3)
    world.now = type(world.now)(world.now + 3_600 * SECOND_NS)
    world.feeding = True
    world.until(lambda w: bool(w.closed))
    (closed,) = world.closed

    assert len(closed.results) < len(world.sent), "the engine has forgotten the first"
    assert "sold 1.234 BTC" in world.only(Kind.HEDGE).title


def test_a_kill_amid_a_correction_still_tells_what_was_filled() -> None:
    """The half that was done before the kill is told, and that it was cut short."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: w.position("BTC") != 0)
    world.ask(Action.KILL)
    alert = world.run(5).only(Kind.HEDGE)

    assert alert.title.startswith("BTC hedge cut short: sold 0.5 BTC at 59,999.90")
    assert facts(alert)["Cut short"] == "kill by ann"
    assert "Delta after" not in facts(alert)
    assert alert.severity is Severity.WARNING
    assert world.closed == []


def test_a_kill_before_the_fill_waits_for_the_orders_end() -> None:
    """Nothing is said of an order that may still fill; what it filled is told when it has ended."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.until(lambda w: bool(w.sent))
    world.ask(Action.KILL)
    assert world.told(Kind.HEDGE) == []

    assert "sold 1.234 BTC" in world.run(5).only(Kind.HEDGE).title


def test_a_kill_with_nothing_filled_needs_no_second_alert() -> None:
    """The operator's alert says it all."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.places = False
    world.until(lambda w: bool(w.sent))
    world.ask(Action.KILL)
    world.run(60)

    assert world.told(Kind.HEDGE) == []


def test_a_command_that_changes_nothing_cuts_nothing_short() -> None:
    """Arming what is armed lets a correction go on: it is told once, whole, when it closes."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: w.position("BTC") != 0)
    world.ask(Action.ARM)
    alert = world.until(lambda w: bool(w.closed)).only(Kind.HEDGE)

    assert alert.title.startswith("BTC hedged: sold 1.234 BTC")
    assert "Cut short" not in facts(alert)


def test_a_stop_amid_a_correction_tells_what_was_filled() -> None:
    """A daemon that is stopped between two slices does not swallow the first."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: w.position("BTC") != 0)
    world.handle(Stopping(world.now))

    assert facts(world.only(Kind.HEDGE))["Cut short"] == "the daemon was stopped"


def test_what_live_left_undone_is_not_told_in_the_name_of_a_dry_run() -> None:
    """The process goes on in another way: what was filled until then was filled for real, and says so."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: w.position("BTC") != 0)
    other = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    begun = other.started(RunMode.DRY_RUN)
    hedge, start = world.composer.on_step(begun, (), other.engine.state)

    assert (Kind.HEDGE, "live") == (hedge.kind, hedge.run_mode)
    assert hedge.title.startswith("BTC hedge cut short: sold 0.5 BTC")
    assert (Kind.START, "dry-run") == (start.kind, start.run_mode)


def test_an_order_on_its_way_over_a_crash_is_told_when_it_turns_up_filled() -> None:
    """The next process follows orders of unknown fate to their end, and tells what they filled."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.until(lambda w: bool(w.sent))
    world.pending.clear()
    follower = world.composer
    world.composer = type(follower)(follower.voice, "1.2.3")
    world.restart()
    alert = world.run(20).only(Kind.HEDGE)

    assert alert.title.startswith("BTC hedge cut short: sold 1.234 BTC")
    assert facts(alert)["Cut short"] == "the process restarted"


def test_a_correction_without_a_fill_says_so() -> None:
    """Orders that found nothing are not told as a hedge that was made."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d(0)
    world.until(lambda w: bool(w.sent)).tick()
    world.deposit("BTC", "-1.2345")
    world.until(lambda w: bool(w.closed))

    assert world.only(Kind.HEDGE).title == "BTC: the hedge ended and nothing was filled"


def test_a_hedge_is_told_once_its_fees_are_known() -> None:
    """An answer that says filled, but not at which fee, is waited out: the alert has the fee that is told later."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    told_by_answer = world.venue.submit

    def unitemised(*args: object, **kwargs: object) -> object:
        events = told_by_answer(*args, **kwargs)  # type: ignore[arg-type]
        return [
            msgspec.structs.replace(e, report=msgspec.structs.replace(e.report, fills=()))
            if hasattr(e, "report")
            else e
            for e in events
        ]

    world.venue.submit = unitemised  # type: ignore[method-assign, assignment]
    world.until(lambda w: bool(w.closed))
    assert world.told(Kind.HEDGE) == []
    world.run(6)

    assert facts(world.only(Kind.HEDGE))["Fees"] == "1.00 USDT"


def test_closing_a_hedge_is_told_as_that() -> None:
    """An unwind does not say that something was hedged."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}).run(5)
    world.alerts.clear()
    world.ask(Action.UNWIND)
    world.run(5)

    assert world.only(Kind.HEDGE).title.startswith("BTC hedge closed: bought 1.234 BTC at 60,000.10")
    assert world.only(Kind.UNWOUND).title == "every hedge is closed"


def test_a_target_that_changes_under_way_is_told_as_cut_short() -> None:
    """New rules end a correction: what it filled is told, and why it did not go on."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"})
    world.venue.fills_at_most = d("0.5")
    world.until(lambda w: w.position("BTC") != 0 and not w.engine.state.orders.live())
    wider = rules(neutral("BTC", within=band("0.9")))
    world.handle(RulesChanged(wider, "reload", ("targets[0].band: 1 % -> 90 %",), world.now))
    alert = world.only(Kind.HEDGE)

    assert alert.title.startswith("BTC hedge cut short: sold 0.5 BTC")
    assert facts(alert)["Cut short"] == "ended unfinished, because its target was changed"
    assert world.only(Kind.CONFIG).title == "config: targets[0].band: 1 % -> 90 % (reload)"


def test_a_basket_of_many_assets_stays_whole_and_short() -> None:
    """Five assets, four of them off: a line for each, every fee, the mode; nothing is cut off."""
    coins = ("ADA", "BTC", "DOT", "ETH", "SOL")
    owned = rules(weights(dict.fromkeys(coins, "0.2")), coins=coins)
    held = {"ADA": d(900), "BTC": d(1), "DOT": d(100), "ETH": d(16), "SOL": d(500)}  # of SOL there is just enough
    world = Scribe(owned, held)
    world.depth_size = 5_000.0
    world.venue.prices.update(dict.fromkeys(("ADA", "DOT", "SOL"), 100.0))
    world.start().run(5)
    alert = world.only(Kind.HEDGE)

    assert set(coins) <= facts(alert).keys()
    assert facts(alert)["Fees"] == "4.00 USDT"
    assert facts(alert)["Mode"] == "live, RUN"
    assert "and 1 more" in alert.title
    assert len(render(alert).text) < TEXT_CHARS_MAX


def test_observe_proposes_and_says_that_nothing_was_sent() -> None:
    """In observe the same figures are told as what would be done."""
    world = Scribe(rules(neutral("BTC")), {"BTC": d("1.2345")}, RunMode.OBSERVE).start(RunMode.OBSERVE).run(5)
    alert = world.only(Kind.PROPOSAL)

    assert alert.title == "BTC would be hedged: sell 1.234 BTC at about 59,999.90"
    assert "Nothing was sent: this is observe." in alert.text
    assert figure(facts(alert)["Delta before"]) == d("1.2345")
    assert world.told(Kind.HEDGE) == []
    assert world.sent == []


def test_no_two_hedges_share_a_key() -> None:
    """Deduplication never takes two hedges for one, not over a restart either."""
    world = Scribe.neutral().run(5)
    world.restart()
    world.run(5)
    for amount in ("0.5", "0.7", "-0.9"):
        world.deposit("BTC", amount)
        world.run(20)
    keys = [alert.key for alert in world.told(Kind.HEDGE)]

    assert len(keys) >= 4
    assert len(set(keys)) == len(keys)
    assert keys[0] == "hedge:neutral:BTC:1700000000000.1"


def test_what_is_told_adds_up_to_the_position() -> None:
    """Over a story of deposits and withdrawals the told quantities sum up to what stands at the venue."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}).run(5)
    for amount in ("0.5", "-0.3", "0.123"):
        world.deposit("BTC", amount)
        world.run(20)
    sold = Decimal(0)
    for alert in world.told(Kind.HEDGE):
        words_of = alert.title.split(": ")[1].split()
        sold += d(words_of[1]) * (1 if words_of[0] == "sold" else -1)

    assert len(world.told(Kind.HEDGE)) == 4
    assert -sold == world.position("BTC")


def test_a_weights_target_names_itself() -> None:
    """The alert's subject is the target where it is about more than one asset."""
    world = Scribe.weighted(weights({"BTC": "0.5", "ETH": "0.5"})).run(5)

    assert world.only(Kind.HEDGE).subject == "weights"
    assert world.engine.state.epoch == world.steps[0].now_ns // MILLISECOND_NS


def test_news_waits_behind_a_hedge_whose_fees_are_awaited() -> None:
    """That every hedge is closed is told after the hedges themselves, although their fees are told late."""
    world = Scribe.neutral(neutral("BTC"), coins={"BTC": "1.2345"}).run(5)
    world.alerts.clear()
    told_by_answer = world.venue.submit

    def unitemised(*args: object, **kwargs: object) -> object:
        events = told_by_answer(*args, **kwargs)  # type: ignore[arg-type]
        return [
            msgspec.structs.replace(e, report=msgspec.structs.replace(e.report, fills=()))
            if hasattr(e, "report")
            else e
            for e in events
        ]

    world.venue.submit = unitemised  # type: ignore[method-assign, assignment]
    world.ask(Action.UNWIND)
    world.run(12)

    kinds = [alert.kind for alert in world.alerts if alert.kind in (Kind.HEDGE, Kind.UNWOUND)]
    assert kinds == [Kind.HEDGE, Kind.UNWOUND]
