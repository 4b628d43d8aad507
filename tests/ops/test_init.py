"""The promises of `trimtab init`: at most six questions, mistakes a line each, a file that can be used as it is."""

from __future__ import annotations

import io
import json
import stat
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ops import init
from bot.ops.exits import Exit
from bot.ops.init import Account, Alerts, Answers, Goal, Mistake, Pin
from bot.ops.init_template import rendered
from bot.runtime.portfolio import venues
from bot.runtime.settings import Settings
from bot.runtime.settings_load import load, load_text
from bot.runtime.settings_targets import NeutralTarget, RatioTarget, WeightsTarget
from bot.runtime.wiring import HOSTS
from tests.ops.desk import trimtab

pytestmark = pytest.mark.usefixtures("no_settings")

CANARY = "canaryCANARY0123456789canaryCANARY0123456789"
COINS = ("BTC", "ETH")
SECTIONS = ("assets:", "targets:", "band:", "limits:", "paper:", "balances:", "alerts:", "sinks:", "exchange:")
PAPER = Account(paper={"BTC": Decimal(1), "USDT": Decimal(50_000)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the config is to be."""
    return tmp_path / "my.yaml"


def secret_file(path: Path, text: str = CANARY) -> Path:
    """A file of ours alone."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def written(file: Path) -> Settings:
    """What the file says."""
    return load(file, {}).settings


class Typed(io.StringIO):
    """A terminal on which somebody types these lines; `asked` counts how many were read."""

    asked = 0

    def isatty(self) -> bool:
        """It is one."""
        return True

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # as StringIO's own
        """The next line."""
        self.asked += 1
        return super().readline(size)


def conversation(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Typed:
    """Sit down at the terminal."""
    typed = Typed("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(sys, "stdin", typed)
    return typed


def wrote(file: Path, **given: str | Path | None) -> None:
    """Write with these options, at whatever terminal there is."""
    from bot.ops.init_dialogue import Given, write_config

    write_config(file, Given(**given), quiet=False, force=False)  # type: ignore[arg-type]  # texts all


# ------------------------------------------------------------------------------------------------ the file
names = st.from_regex(init.NAME, fullmatch=True)
amounts = st.decimals(min_value="0.0001", max_value="1000000", places=4)
goals = st.one_of(
    st.just(Goal("neutral")),
    st.decimals(min_value="0.01", max_value=3, places=2).map(lambda ratio: Goal("ratio", ratio=ratio)),
)


@given(names, st.lists(st.from_regex(init.COIN, fullmatch=True), min_size=1, max_size=5, unique=True), goals, amounts)
def test_whatever_is_answered_is_what_is_loaded(name: str, coins: list[str], goal: Goal, amount: Decimal) -> None:
    """Any name, coins (even ones that YAML takes for something else) and goal come back out of the file."""
    account = Account(paper={coins[0]: amount, "USDC": Decimal(7)})
    settings = load_text(rendered(Answers(name, tuple(coins), goal, account, Alerts())), "c.yaml", {}).settings
    (target,) = settings.targets

    assert (name, "USDC", tuple(coins)) == (settings.portfolio, settings.quote, tuple(settings.assets))
    assert isinstance(target, RatioTarget if goal.kind == "ratio" else NeutralTarget)
    assert goal.ratio == (target.ratio if isinstance(target, RatioTarget) else 1)
    assert {coins[0]: amount} == settings.paper.balances.spot
    assert name == settings.state_dir.name


def test_every_line_says_what_it_is_for() -> None:
    """A reader needs nothing beside the file: each value has its comment, what is left out stands there with one."""
    pin = Pin(dict.fromkeys(sorted(HOSTS), "127.0.0.1:1"), Path("/tmp/ca.pem"))
    for goal in (
        Goal("neutral"),
        Goal("ratio"),
        Goal("weights", weights={"BTC": Decimal("0.6"), "ETH": Decimal("0.4")}),
    ):
        text = rendered(Answers("main", COINS, goal, PAPER, Alerts(url="json://127.0.0.1:1/a"), pin))
        silent = [line for line in text.splitlines() if line and "#" not in line]

        sections = ("peg:", *SECTIONS)
        assert not [line for line in silent if line.strip() not in (*sections, "pin:") and ".binance.com" not in line]
        assert max(map(len, text.splitlines())) <= 120


def test_nothing_but_yes_gives_a_paper_portfolio(file: Path) -> None:
    """The defaults: two coins, neutral, on paper, in a state directory of the portfolio's own; readable by all."""
    code, out, _ = trimtab("init", file, "--yes")
    settings = written(file)

    assert (Exit.OK, 0o644) == (code, stat.S_IMODE(file.stat().st_mode))
    assert ("savings", ["BTC", "ETH"]) == (settings.portfolio, list(settings.assets))
    assert ("config", {"USDT": Decimal(50_000)}) == (settings.paper.seed, settings.paper.balances.usdm)
    assert "savings" == settings.state_dir.name
    assert [f"trimtab {verb} --config {file}" for verb in ("check", "run")] == [
        line.split("  ")[1] for line in out.splitlines() if line.startswith("  trimtab")
    ]


def test_every_option_arrives(file: Path, tmp_path: Path) -> None:
    """Name, coins, weights, a real account and an alert: all of it stands in the file, and no secret does."""
    key, secret = secret_file(tmp_path / "key"), secret_file(tmp_path / "secret", CANARY[::-1])
    sink = secret_file(tmp_path / "a sink's url", f"tgram://{CANARY}/1")
    code, out, err = trimtab(
        "init", file, "--name", "Core", "--coins", "btc, sol", "--target", "weights", "--weights", "SOL=40,BTC=60",
        "--key-file", key, "--secret-file", secret, "--alert", sink,
    )  # fmt: skip
    settings = written(file)
    (target,) = settings.targets

    assert (Exit.OK, "core", "live") == (code, settings.portfolio, settings.paper.seed)
    assert isinstance(target, WeightsTarget)
    assert {"BTC": Decimal("0.6"), "SOL": Decimal("0.4")} == target.weights
    assert (key, secret) == (settings.credentials.api_key_file, settings.credentials.api_secret_file)
    assert sink == settings.alerts.sinks["first"].url_file
    assert CANARY not in file.read_text() + out + err


def test_a_simulated_exchange_is_pinned(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `trimtab simex --ready-file` wrote is where every host of the venue is then reached."""
    ready, ca_file = tmp_path / "ready.json", secret_file(tmp_path / "ca.pem")
    pin = {host: ["127.0.0.1", 8443] for host in (*HOSTS, "dapi.binance.com")}
    ready.write_text(json.dumps({"pin": pin, "ca_file": str(ca_file), "keys": {}}))

    conversation(monkeypatch, *[""] * 6)
    wrote(file, simex=ready)
    assert (set(HOSTS), ca_file) == (set(written(file).exchange.pin), written(file).exchange.ca_file)


@pytest.mark.parametrize(
    ("venue", "hedge", "balances"),
    [
        ("binance", None, {"spot": {"BTC": 1}, "usdm": {"USDT": 9}}),
        ("bybit", None, {"unified": {"BTC": 1, "USDT": 9}}),
        ("binance+bybit", "bybit.linear:BTCUSDT", {"spot": {"BTC": 1}, "unified": {"USDT": 9}}),
        ("bybit+binance", "binance.usdm:BTCUSDT", {"unified": {"BTC": 1}, "usdm": {"USDT": 9}}),
    ],
)
def test_coins_lie_at_one_venue_and_are_hedged_there_or_at_the_other(
    file: Path, venue: str, hedge: str | None, balances: dict[str, dict[str, int]]
) -> None:
    """Hedge, balances, fee and the peg's reference are those of the venues; `check` takes the file."""
    given = ("--venue", venue, "--coins", "BTC", "--paper-balances", "BTC=1,USDT=9", "--yes")
    assert Exit.OK == trimtab("init", file, *given)[0]
    settings = written(file)
    wallets = {name: getattr(settings.paper.balances, name) for name in ("spot", "usdm", "unified")}

    assert (venue.split("+", maxsplit=1)[0], hedge) == (settings.venue, hedge and str(settings.assets["BTC"].hedge))
    assert balances == {wallet: held for wallet, held in wallets.items() if held}
    assert ("spot:USDCUSDT",) == tuple(map(str, settings.peg.references))
    assert Decimal("5.5" if venue.endswith("bybit") else "5") == settings.paper.taker_fee
    assert (Exit.OK, True) == (
        trimtab("check", "--config", file, "--offline")[0],
        len(venues(settings)) == len(venue.split("+")),
    )


def test_two_venues_have_a_key_each(file: Path, tmp_path: Path) -> None:
    """The second one's stands under its name; half of the four files is refused with what is missing."""
    files = [secret_file(tmp_path / name) for name in ("key", "secret", "other", "other-secret")]
    words = [
        word
        for pair in zip(("--key-file", "--secret-file", "--other-key-file", "--other-secret-file"), files, strict=True)
        for word in pair
    ]
    assert Exit.OK == trimtab("init", file, "--venue", "binance+bybit", *words)[0]
    keys = written(file).credentials

    assert files[:2] == [keys.api_key_file, keys.api_secret_file]
    assert files[2:] == [keys.bybit.api_key_file, keys.bybit.api_secret_file]
    assert "--other-key-file" in trimtab("init", file, "--force", "--venue", "binance+bybit", *words[:4])[2]
    assert "belong together, without" in trimtab("init", file, "--force", *words)[2]


def test_four_files_answer_for_two_venues(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed in one line, in the order of the venues."""
    names = ("a", "b", "c", "d")
    files = [secret_file(tmp_path / name) for name in names]
    conversation(monkeypatch, "", "bybit+binance", "", "", " ".join(names), "")
    wrote(file)

    assert files[0] == written(file).credentials.api_key_file
    assert files[3] == written(file).credentials.binance.api_secret_file


@pytest.mark.parametrize("text", ["kraken", "binance+kraken", "binance+bybit+binance", ""])
def test_what_is_no_venue_is_refused(text: str) -> None:
    """One line with what may stand there."""
    with pytest.raises(Mistake, match="write binance, bybit, or binance\\+bybit"):
        init.venues(text)


def test_a_hedge_at_bybit_settles_in_tether(file: Path) -> None:
    """There is no other perpetual of the name that is meant."""
    given = ("--venue", "bybit", "--coins", "BTC", "--paper-balances", "BTC=1,USDC=9")

    assert "settle in USDT" in trimtab("init", file, *given)[2]
    assert not file.exists()


# ------------------------------------------------------------------------------------------------ mistakes
def test_every_mistake_of_the_options_is_a_line(file: Path, tmp_path: Path) -> None:
    """All at once, the usage code, and nothing is written."""
    code, out, err = trimtab(
        "init", file, "--name", "my book!", "--coins", "BTC,ETH", "--ratio", "7", "--paper-balances", "BTC=1",
        "--alert", tmp_path / "nowhere", "--simex", tmp_path / "none.json",
    )  # fmt: skip
    lines = err.splitlines()

    assert (Exit.USAGE, "", False) == (code, out, file.exists())
    assert 6 == len(lines)
    assert "trimtab simex --ready-file" in lines[0]
    assert "is no name" in lines[1]
    assert "is no ratio" in lines[2]
    assert "futures need collateral" in lines[3]
    assert "there is no file" in lines[4]
    assert "trimtab: nothing was written" == lines[5]


@pytest.mark.parametrize(
    "text",
    ["", ",", "BTC;ETH", "B-C", "USDT,BTC", "A" * 16, ",".join(f"C{number}" for number in range(51))],
)
def test_what_is_no_list_of_coins_is_refused(text: str) -> None:
    """One line with an example."""
    with pytest.raises(Mistake) as raised:
        init.coins(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "hedge", "neutral 1", "ratio", "ratio x", "ratio 0", "ratio 3.1", "ratio nan", "ratio 1e999999", "weights",
        "weights BTC=60", "weights BTC=60,SOL=40", "weights BTC=60,ETH=41", "weights BTC=0,ETH=50",
        "weights BTC=1,ETH=1", "weights BTC=60,BTC=40", "weights BTC=-1,ETH=50", "weights BTC=60 ETH=inf",
    ],
)  # fmt: skip
def test_what_is_no_goal_is_refused(text: str) -> None:
    """A weight that is missing, twice, strange, zero or beyond the whole, and a ratio out of its bounds."""
    with pytest.raises(Mistake):
        init.goal(text, COINS)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("weights BTC=60,ETH=40", ("0.6", "0.4")),
        ("weights btc=0.5 eth=0.25", ("0.5", "0.25")),
        ("weights BTC=60%,ETH=30%", ("0.6", "0.3")),
        ("BTC=60,ETH=40", ("0.6", "0.4")),
    ],
)
def test_weights_may_be_written_both_ways(text: str, weights: tuple[str, str]) -> None:
    """In per cent or as fractions, with commas or blanks, and without the word that says what they are."""
    goal = init.goal(text, COINS)

    assert dict(zip(COINS, map(Decimal, weights), strict=True)) == goal.weights


@pytest.mark.parametrize("text", ["BTC=1", "USDT=0,BTC=1", "DOGE=5,USDT=1", "BTC=x,USDT=1", "one two three", "key"])
def test_what_is_no_account_is_refused(text: str, tmp_path: Path) -> None:
    """Balances without collateral or of other coins, and what is neither balances nor two files."""
    with pytest.raises(Mistake):
        init.account(text, tmp_path, COINS)


def test_a_key_that_could_not_be_used_is_refused_now(tmp_path: Path) -> None:
    """Readable by others, missing, or empty: said at once, with what to do, and not at the first start."""
    fine, open_to_all = secret_file(tmp_path / "fine"), secret_file(tmp_path / "open")
    open_to_all.chmod(0o644)
    for pair, words in (
        (("fine", "open"), "chmod 600"),
        (("fine", "absent"), "cannot be read"),
        ((secret_file(tmp_path / "empty", "").name, "fine"), "no key is that short"),
    ):
        with pytest.raises(Mistake, match=words):
            init.keyed([str(one) for one in pair], tmp_path)
    assert Account(key_file=fine, secret_file=fine) == init.keyed(["fine", "fine"], tmp_path)


def test_half_a_key_is_refused(file: Path, tmp_path: Path) -> None:
    """A key needs its secret, and is no paper account as well."""
    key = secret_file(tmp_path / "key")

    assert Exit.USAGE == trimtab("init", file, "--key-file", key)[0]
    both = ("--key-file", key, "--secret-file", key, "--paper-balances", "BTC=1,USDT=1")
    assert "belong together" in trimtab("init", file, *both)[2]


def test_a_sinks_token_never_gets_into_the_file(tmp_path: Path) -> None:
    """A URL that may hold a token is refused, one on this machine is not; a file that others can read is refused."""
    open_to_all = secret_file(tmp_path / "url")
    open_to_all.chmod(0o640)

    assert Alerts(url="json://127.0.0.1:80/a") == init.alerts("json://127.0.0.1:80/a", tmp_path)
    for text in (f"tgram://{CANARY}/1", "json://127.0.0.1.evil.example/x", "json://user:pw@127.0.0.1/"):
        with pytest.raises(Mistake, match="may hold a token") as raised:
            init.alerts(text, tmp_path)
        assert CANARY not in str(raised.value)
    with pytest.raises(Mistake, match="chmod 600"):
        init.alerts("url", tmp_path)


# ------------------------------------------------------------------------------------------- conversations
def test_six_questions_are_all_there_are(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only presses Enter is asked six times."""
    typed = conversation(monkeypatch, *[""] * 9)
    wrote(file)

    assert (6, "savings") == (typed.asked, written(file).portfolio)


def test_what_is_given_is_not_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option answers its question."""
    typed = conversation(monkeypatch, "ratio 50%")
    wrote(file, name="a", venue="binance", coins="SOL", paper_balances="SOL=9,USDT=10", alert="none")
    (target,) = written(file).targets

    assert 1 == typed.asked
    assert isinstance(target, RatioTarget)
    assert Decimal("0.5") == target.ratio


def test_the_goal_is_asked_for_with_the_coins_that_were_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example in the question can be taken as it stands."""
    conversation(monkeypatch, "", "", "SOL,LTC", "SOL=50,LTC=50", "", "")
    wrote(file)

    assert "weights SOL=50,LTC=50 [neutral]" in capsys.readouterr().out
    assert {"SOL", "LTC"} == set(written(file).assets)


def test_a_wrong_answer_is_asked_for_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says why, then the same question; a wrong option is asked for likewise."""
    conversation(monkeypatch, "My Book", "book", "", "", "weights BTC=9", "neutral", "", "")
    wrote(file, coins="B.C")
    out = capsys.readouterr().out

    assert ("book", ["BTC", "ETH"]) == (written(file).portfolio, list(written(file).assets))
    assert (1, 1, 1) == tuple(out.count(words) for words in ("is no name", "is no list of coins", "weights and coins"))


def test_who_walks_away_leaves_nothing(file: Path) -> None:
    """The terminal closes in the middle: its own code, and no file."""
    with pytest.MonkeyPatch.context() as patch:
        conversation(patch, "book")
        from bot.ops.speak import Stop

        with pytest.raises(Stop) as raised:
            wrote(file)
    assert (Exit.INTERRUPTED, False) == (raised.value.exit, file.exists())


def test_an_exchange_that_is_not_there_is_said_before_anything_is_asked(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer could mend it; a ready file of something else, or without a host, is said likewise."""
    from bot.ops.speak import Stop

    ready = tmp_path / "ready.json"
    for text, words in ((None, "first"), ("{}", "is not what"), ('{"pin": {}, "ca_file": "x"}', "does not name api")):
        if text is not None:
            ready.write_text(text)
        typed = conversation(monkeypatch, *[""] * 6)
        with pytest.raises(Stop) as raised:
            wrote(file, simex=ready)
        assert (Exit.USAGE, 0, False) == (raised.value.exit, typed.asked, file.exists())
        assert words in str(raised.value.details[0])


# ---------------------------------------------------------------------------------------------- the place
def test_a_file_that_is_there_is_kept(file: Path) -> None:
    """It is somebody's work; --force says that it may go."""
    file.write_text("mine")
    code, _, err = trimtab("init", file, "--yes")

    assert (Exit.USAGE, "mine") == (code, file.read_text())
    assert "--force" in err
    assert Exit.OK == trimtab("init", file, "--yes", "--force")[0]
    assert "savings" == written(file).portfolio
    assert [file] == list(file.parent.iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One line, no traceback, and no half of a file."""
    (tmp_path / "plain").write_text("")
    code, _, err = trimtab("init", tmp_path / "plain" / "my.yaml", "--yes")

    assert (Exit.USAGE, 1) == (code, len(err.splitlines()))
    assert "cannot be written" in err
