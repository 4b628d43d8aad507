"""The config that `trimtab init` writes: what matters, a comment each, and the rest commented out with its default."""

import json
from collections.abc import Iterator

from bot.domain.venues import BINANCE, BYBIT, NAMES
from bot.ops.init import QUOTES, Account, Alerts, Answers, Goal, Pin
from bot.runtime.quantities import plain

STATE_DIR = "~/.local/state/trimtab"
COMMENT_COLUMN = 42
PEG = "spot:USDCUSDT"
"""The pair of the two largest dollars: either venue has it, and it says of both what they are worth."""
WALLETS = {BINANCE: ("spot", "usdm"), BYBIT: ("unified", "unified")}
"""Where a paper account's coins lie, and what margins its futures."""
FEES = {BINANCE: "5 bps", BYBIT: "5.5 bps"}
"""What either venue takes of a future's taker who has no discount."""


def rendered(answers: Answers) -> str:
    """The whole file; it holds no secret."""
    parts = (
        _head(answers),
        _peg(answers.quote),
        _assets(answers),
        _target(answers.goal, answers.coins),
        _limits(answers.quote),
        _account(answers.account, answers.quote, answers.venues),
        _alerts(answers.alerts),
        _exchange(answers.pin),
        _rest(),
    )
    return "\n".join("\n".join(part) + "\n" for part in map(tuple, parts) if part)


def _line(text: str, comment: str) -> str:
    return f"{text.ljust(COMMENT_COLUMN - 1)} # {comment}"


def _head(answers: Answers) -> Iterator[str]:
    yield "# Written by `trimtab init`. What is commented out holds with the value that it shows;"
    yield "# config/example.yaml and `trimtab schema` have every key. API keys never stand in this file."
    yield _line(f"portfolio: {_text(answers.name)}", "its name: journal and alerts carry it; going live asks for it")
    own, *others = answers.venues
    second = f"; the coins are hedged at {others[0]}" if others else ""
    yield _line(f"venue: {own}", f"the exchange{second}")
    yield _line(f"quote: {answers.quote}", "the quote currency; every hedge settles in it")
    yield _line(
        f"state_dir: {STATE_DIR}/{answers.name}", "journal, lock and control socket; its own for each portfolio"
    )


def _peg(quote: str) -> Iterator[str]:
    yield f"# What says whether {quote} is worth its dollar: pairs with other dollars. More than half must be known."
    yield "peg:"
    yield _line(f"  references: [{PEG}]", "off by more than 50 bps it is told, by 150 no order adds risk")


def _assets(answers: Answers) -> Iterator[str]:
    quote, first = answers.quote, answers.coins[0]
    yield "# How each coin is priced and hedged. Coins in a cold wallet are hedged too, if declared:"
    yield f"#   {first}: {{declared: 0.5 {first}}}"
    yield "assets:"
    for coin in answers.coins:
        pair, at = f"{coin}{quote}", answers.venues[-1]
        if len(answers.venues) == 1:
            yield _line(f"  {_text(coin)}: {{}}", f"priced by spot {pair}, hedged with the perpetual {pair}")
        else:
            future = f"{at}.{NAMES[at].contracts}:{pair}"
            yield _line(f"  {_text(coin)}: {{hedge: {json.dumps(future)}}}", f"priced by spot {pair}, hedged at {at}")


def _target(goal: Goal, coins: tuple[str, ...]) -> Iterator[str]:
    listed = ", ".join(map(_text, coins))
    yield "# What the exposure shall be. There may be several: they add up (docs/targets.md has every kind)."
    yield "targets:"
    match goal.kind:
        case "weights":
            assert goal.weights is not None, "a goal of weights has them"
            shown = ", ".join(f"{_text(coin)}: {plain(goal.weights[coin] * 100)} %" for coin in coins)
            yield _line("  - name: weights", "its name on the screen and in alerts")
            yield _line("    kind: weights", "each coin's exposure is kept at its weight, by futures")
            yield _line(f"    weights: {{{shown}}}", "together at most 100 %; the rest is in the quote currency")
            yield _line(
                "    mode: full_rebalance", "shorts what is over and longs what is under; trim_only: only shorts"
            )
            yield _line("    base: owned", "weights are parts of the value of these coins")
            yield from _band("5 pp", "a rebalance starts beyond this many percentage points")
        case "ratio":
            yield _line("  - name: hedge", "its name on the screen and in alerts")
            yield _line("    kind: ratio", "a part of the holding is hedged")
            yield _line(f"    ratio: {plain(goal.ratio)}", "0.5 is half of it, 1 all of it")
            yield _line(f"    assets: [{listed}]", "the coins that are hedged")
            yield from _band("1 %", "a hedge starts when more than this of it is unhedged, or overhedged")
        case _:
            yield _line("  - name: neutral", "its name on the screen and in alerts")
            yield _line("    kind: neutral", "the whole holding is hedged")
            yield _line(f"    assets: [{listed}]", "the coins that are hedged")
            yield from _band("1 %", "a hedge starts when more than this of it is unhedged, or overhedged")


def _band(trigger: str, comment: str) -> Iterator[str]:
    yield "    band:"
    yield _line(f"      trigger: {trigger}", comment)
    yield _line(f"      destination: 0 {trigger.partition(' ')[2]}", "and goes all the way back")


def _limits(quote: str) -> Iterator[str]:
    yield "# What every order must keep, whatever a target wants."
    yield "limits:"
    yield _line("  slippage: 15 bps", "no order further than this from the mid at decision")
    yield _line(f"  order_notional: 25000 {quote}", "the largest single order; what is larger is sliced")
    yield _line(f"  position_notional: 250000 {quote}", "the largest position of an instrument")
    yield _line("  margin_ratio: 0.5", "no order that brings maintenance margin / margin balance above this")
    yield _line("  # orders_per_minute: 5", "an instrument's; further ones wait")
    yield _line("  # clock_offset: 500 ms", "no order while the venue's clock is further from ours")


def _account(account: Account, quote: str, venues: tuple[str, ...]) -> Iterator[str]:
    if account.paper is not None:
        yield from _paper(account, quote, venues)
        yield ""
        yield "# The real account, once you want to see it: two files of yours, mode 0600, with one value each. The key"
        yield "# needs reading and futures, never withdrawal. With `seed: live`, and no balances, a dry-run begins with"
        yield "# what is really held."
        yield "# credentials:"
        yield "#   api_key_file: ~/.config/trimtab/api-key"
        yield "#   api_secret_file: ~/.config/trimtab/api-secret"
        for venue in venues[1:]:
            yield f"#   {venue}: {{api_key_file: ~/.config/trimtab/{venue}-key,"
            yield f"#     api_secret_file: ~/.config/trimtab/{venue}-secret}}"
        return
    yield "# The account: files of yours, mode 0600, with one value each. The key needs reading and futures, never"
    yield "# withdrawal."
    yield "credentials:"
    yield _line(f"  api_key_file: {_text(str(account.key_file))}", "the API key")
    yield _line(f"  api_secret_file: {_text(str(account.secret_file))}", "its secret")
    if account.other is not None:
        yield _line(f"  {venues[-1]}:", "the second venue's")
        yield _line(f"    api_key_file: {_text(str(account.other[0]))}", "the API key")
        yield _line(f"    api_secret_file: {_text(str(account.other[1]))}", "its secret")
    yield ""
    yield "# A dry-run's account: filled against the live books, and nothing is sent."
    yield "paper:"
    yield _line("  seed: live", "it begins with what the real account holds, read once")
    fee = FEES[venues[-1]]
    yield _line(f"  taker_fee: {fee}", "paid on every fill; `trimtab check --live` says what your account pays")


def _paper(account: Account, quote: str, venues: tuple[str, ...]) -> Iterator[str]:
    assert account.paper is not None, "a paper account has balances"
    held = ", ".join(f"{_text(coin)}: {plain(amount)}" for coin, amount in account.paper.items() if coin not in QUOTES)
    money = ", ".join(f"{coin}: {plain(amount)}" for coin, amount in account.paper.items() if coin in QUOTES)
    coins_in, money_in = WALLETS[venues[0]][0], WALLETS[venues[-1]][1]
    yield "# The account of a dry-run: filled against the live books, and nothing is sent."
    yield "paper:"
    yield _line("  seed: config", "config: the balances below; live: the real account's, read once")
    yield "  balances:"
    if coins_in == money_in:
        together = f"{held}, {money}" if held else money
        yield _line(f"    {coins_in}: {{{together}}}", f"coins, and collateral of the futures in {quote}")
    else:
        yield _line(f"    {coins_in}: {{{held}}}", "coins that lie there")
        yield _line(f"    {money_in}: {{{money}}}", f"collateral of the futures, in {quote}")
    yield _line(f"  taker_fee: {FEES[venues[-1]]}", "paid on every fill")


def _alerts(alerts: Alerts) -> Iterator[str]:
    yield "# What reaches you without being asked: any service that apprise knows (docs/alerts.md lists the kinds)."
    if alerts.file is None and alerts.url is None:
        yield "# alerts:"
        yield "#   sinks:"
        yield "#     phone:"
        yield "#       url_file: ~/.config/trimtab/phone-url   # a file of yours, mode 0600: the URL holds the token"
        yield "#       severity: info                # info, warning or critical: the least that is sent there"
        return
    yield "alerts:"
    yield "  sinks:"
    yield _line("    first:", "a name of yours")
    if alerts.file is not None:
        yield _line(f"      url_file: {_text(str(alerts.file))}", "the URL, mode 0600: it holds the token")
    else:
        yield _line(f"      url: {_text(str(alerts.url))}", "a URL without a secret may stand here")
    yield _line("      severity: info", "info, warning or critical: the least that is sent there")


def _exchange(pin: Pin | None) -> Iterator[str]:
    if pin is None:
        return
    yield "# A simulated exchange: no host but these is reached. Take this section out to meet the real one."
    yield "exchange:"
    yield _line(f"  ca_file: {_text(str(pin.ca_file))}", "the only authority that is trusted")
    yield "  pin:"
    for host, address in pin.hosts.items():
        yield f"    {host}: {_text(address)}"


def _rest() -> Iterator[str]:
    yield "# web:                                    # /livez, /readyz and /metrics, for this machine only"
    yield "#   listen: 127.0.0.1:9464                # a port of its own for each portfolio on a machine"
    yield "# journal:"
    yield "#   retention: 90 d                       # older records are pruned behind a checkpoint"
    yield "#   disk_free: 1 GiB                      # less free space than this is alerted, and live does not start"
    yield "# log:"
    yield "#   format: console                       # console for a person, json for a program"


def _text(text: str) -> str:
    """A text as YAML takes it for one: bare where nothing in it could mean something else."""
    bare = text[:1].isalpha() and text.replace("-", "").replace("_", "").isalnum() and text.lower() not in _WORDS
    path = text.startswith("/") and not set(text) & set(" #:{}[],&*!|>'\"%@`")
    return text if (bare and text.isascii()) or path else json.dumps(text, ensure_ascii=False)


_WORDS = frozenset(("yes", "no", "on", "off", "true", "false", "null", "y", "n"))
