"""The conversation of `trimtab init`: options first, questions for what is left, then the file."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.domain.venues import BYBIT
from bot.ops import init
from bot.ops.exits import Exit
from bot.ops.init import Answers, Mistake
from bot.ops.speak import Stop, say

FILE_MODE = 0o644
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Given:
    """The options of the command line; None for one that was not given."""

    name: str | None = None
    venue: str | None = None
    coins: str | None = None
    target: str | None = None
    ratio: str | None = None
    weights: str | None = None
    paper_balances: str | None = None
    key_file: str | None = None
    secret_file: str | None = None
    other_key_file: str | None = None
    other_secret_file: str | None = None
    alert: str | None = None
    simex: Path | None = None

    @property
    def goal(self) -> str | None:
        """The goal as one answer: `--weights` says by itself that weights are meant, `--ratio` that a ratio is."""
        kind = self.target or ("weights" if self.weights else "ratio" if self.ratio else None)
        if kind is None:
            return None
        return " ".join(part for part in (kind, self.ratio, self.weights) if part)

    @property
    def keyed(self) -> bool:
        """Whether a real account was meant."""
        return any(one is not None for one in self.files)

    @property
    def files(self) -> tuple[str | None, ...]:
        """The files of key and secret, of the first venue and of the second."""
        return self.key_file, self.secret_file, self.other_key_file, self.other_secret_file


def write_config(path: Path, given: Given, *, quiet: bool, force: bool) -> None:
    """Ask, write, and say what comes next. Raises Stop with every mistake when nobody can be asked."""
    if path.exists() and not force:
        raise Stop(Exit.USAGE, f"{path} is there already: name another file, or overwrite it with --force")
    try:
        answers = _Dialogue(path.absolute().parent, talks=not quiet and sys.stdin.isatty()).answers(given)
    except (KeyboardInterrupt, EOFError):
        raise Stop(Exit.INTERRUPTED, "stopped, nothing was written") from None
    _write(path, _checked(answers, path), force=force)
    _next_steps(path, answers)


class _Dialogue:
    """Takes an option where there is one, the default where nobody is asked, and asks otherwise."""

    def __init__(self, folder: Path, *, talks: bool) -> None:
        self._folder = folder
        self._talks = talks
        self._mistakes: list[str] = []

    def answers(self, given: Given) -> Answers:
        """Everything; raises Stop with all mistakes of the options at once."""
        pin = self._pin(given.simex, self._hinted(given.venue))
        name = self._take("Name of the portfolio", init.name, init.NAME_DEFAULT, given.name)
        question = "Venue: binance, bybit, or binance+bybit (coins at the first, hedged at the second)"
        found = self._take(question, init.venues, init.VENUE_DEFAULT, given.venue)
        if found is not None and found != self._hinted(given.venue):
            pin = self._pin(given.simex, found)
        venues = found or self._hinted(None)
        coins = self._take("Coins to hedge", init.coins, init.COINS_DEFAULT, given.coins) or ("BTC", "ETH")
        question = f"Goal: neutral, ratio 0.5 (half hedged), or weights {init.example_weights(coins)}"
        goal = self._take(question, lambda text: init.goal(text, coins), init.GOAL_DEFAULT, given.goal)
        account = self._account(given, coins, venues)
        question = "Alerts: a file with the sink's URL, or none"
        alerts = self._take(question, lambda text: init.alerts(text, self._folder), init.ALERTS_DEFAULT, given.alert)
        if name is None or goal is None or account is None or alerts is None or self._mistakes:
            raise Stop(Exit.USAGE, "nothing was written", "mistakes", self._mistakes)
        answers = Answers(name, coins, goal, account, alerts, pin, venues)
        if answers.quote != init.QUOTES[0] and venues[-1] == BYBIT:
            raise Stop(Exit.USAGE, f"hedges at Bybit settle in {init.QUOTES[0]}: nothing was written")
        return answers

    def _hinted(self, given: str | None) -> tuple[str, ...]:
        """The venues as far as they are known before anything is asked."""
        try:
            return init.venues(given or init.VENUE_DEFAULT)
        except Mistake:
            return init.venues(init.VENUE_DEFAULT)

    def _take(self, question: str, read: Callable[[str], Answer], default: str, given: str | None) -> Answer | None:
        """The answer; None where the option is wrong and nobody can be asked: the mistake is kept for the end."""
        if given is None and self._talks:
            return init.asked(question, default, read, _typed)
        try:
            return read(default if given is None else given)
        except Mistake as mistake:
            if self._talks:
                return init.asked(f"  {mistake}\n{question}", default, read, _typed)
            self._mistakes.append(str(mistake))
            return None

    def _account(self, given: Given, coins: tuple[str, ...], venues: tuple[str, ...]) -> init.Account | None:
        question = "Account: paper balances, or the files of API key and secret"
        question += f" of {venues[0]}, then those of {venues[1]}" if len(venues) > 1 else ""
        default = init.paper_default(coins)
        if not given.keyed:
            return self._take(
                question, lambda text: init.account(text, self._folder, coins, venues), default, given.paper_balances
            )

        def read(text: str) -> init.Account:
            if text:
                return init.account(text, self._folder, coins, venues)
            files = [one for one in given.files if one is not None]
            if given.paper_balances is not None or given.files != (*files, *[None] * (4 - 2 * len(venues))):
                other = ", and --other-key-file and --other-secret-file for the second venue" if venues[1:] else ""
                raise Mistake(f"--key-file and --secret-file belong together{other}, without --paper-balances")
            return init.keyed(files, self._folder)

        return self._take(question, read, default, "")

    def _pin(self, ready: Path | None, venues: tuple[str, ...]) -> init.Pin | None:
        """No question could mend it, so that a mistake in it ends the conversation, before it begins if it can."""
        from bot.venues.exchanges import HOSTS_OF

        if ready is None:
            return None
        try:
            return init.pin(
                ready.expanduser().absolute(), frozenset(host for venue in venues for host in HOSTS_OF[venue])
            )
        except Mistake as mistake:
            if self._talks:
                raise Stop(Exit.USAGE, "nothing was written", "mistakes", [str(mistake)]) from None
            self._mistakes.append(str(mistake))
            return None


def _typed(question: str, default: str) -> str:
    return input(f"{question} [{default}]: ").strip() or default


def _checked(answers: Answers, path: Path) -> str:
    """The file's text, loaded once as `check` would: what is written can be used."""
    from bot.ops.init_template import rendered
    from bot.runtime.problems import ConfigError
    from bot.runtime.settings_load import load_text

    text = rendered(answers)
    try:
        load_text(text, str(path), {}, path.absolute().parent)
    except ConfigError as error:
        raise Stop(
            Exit.USAGE, "the answers do not fit together, nothing was written", "config", error.problems
        ) from error
    return text


def _write(path: Path, text: str, *, force: bool) -> None:
    """Put the file there; one that came in between is overwritten only if that was asked for."""
    draft = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("x", encoding="utf-8") as file:
            file.write(text)
        draft.chmod(FILE_MODE)
        draft.replace(path)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be written: {error.strerror}") from error


def _next_steps(path: Path, answers: Answers) -> None:
    shown = shlex.quote(str(path))
    say(f"{path} is written: {answers.name}, {', '.join(answers.coins)}, {answers.goal.kind}. Next:")
    say()
    say(f"  trimtab check --config {shown}   # is it usable, at this venue?")
    say(f"  trimtab run --config {shown}     # a dry-run: live data, paper orders, nothing is sent")
