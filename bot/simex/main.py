"""The command line of simex: serve until a signal, and say where: for people, or with --json in one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bot.simex.config import DEFAULT_KEY, ENGINE_DELAY_MS, KEY_KINDS, MARKETS, VENUES, AccountSpec, KeySpec, SimexConfig
from bot.simex.conservation import NotConserved
from bot.simex.faults.scenario import Scenario, load
from bot.simex.greeting import greeting
from bot.simex.serve import Simex
from bot.simex.sources.dumps import DumpError

EXIT_OK = 0
EXIT_WRONG = 2
EXIT_BROKEN = 3


class CannotStart(Exception):
    """No recording where one was named, a bad row in it, or a port that is taken; the text says which."""


def amounts(text: str) -> dict[str, Decimal]:
    """Balances written as BTC=1,ETH=10."""
    found: dict[str, Decimal] = {}
    for part in filter(None, text.split(",")):
        asset, _, number = part.partition("=")
        try:
            amount = Decimal(number)
        except InvalidOperation:
            raise argparse.ArgumentTypeError(f"{part!r}: write ASSET=AMOUNT, for example BTC=1,ETH=10") from None
        if not asset or not amount.is_finite() or amount < 0:
            raise argparse.ArgumentTypeError(f"{part!r}: write ASSET=AMOUNT with an amount of zero or more")
        found[asset.upper()] = amount
    return found


def rate(text: str) -> Decimal:
    """A funding rate as a ratio, 0.0001 for one basis point."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r}: write a ratio, for example 0.0001") from None
    if not found.is_finite() or abs(found) > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed is -1 to 1")
    return found


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="simex", description=__doc__)
    _add_market(made)
    _add_accounts(made)
    _add_serving(made)
    return made


def _add_market(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the market")
    add = group.add_argument
    add("--venues", type=_venues, default=VENUES, metavar="A,B", help=f"which to serve (default {','.join(VENUES)})")
    add("--market", choices=MARKETS, help="default: synthetic, recorded with --replay, history with --history")
    add("--replay", type=Path, metavar="DIR", help="recorded frames, whose liquidity orders fill against")
    add("--history", type=Path, metavar="DIR", help="files of data.binance.vision: klines, bookTicker, fundingRate")
    add("--loop", action="store_true", help="begin the recorded frames again when they end")
    add("--speed", type=float, default=1.0, help="market seconds a wall second (default 1)")
    add("--seed", type=int, default=1, help="seed of the synthetic market (default 1)")
    add("--calm", action="store_true", help="a synthetic market without stress and without common jumps")
    add("--funding-rate", type=rate, metavar="RATIO", help="constant rate; positive: longs pay shorts")
    add("--funding-interval-s", type=int, metavar="SECONDS", help="funding interval in exchange time")
    add("--faults", type=Path, metavar="FILE", help="a scenario of faults (YAML): see docs/faults.md")
    add("--query-lag-ms", type=int, default=0, metavar="MS", help="queries of what an account has are so far behind")
    add("--replica-lag-ms", type=int, default=0, metavar="MS", help="each query is from 0 to so much further behind")
    text = f"Bybit carries orders out so long after it accepted them (default {ENGINE_DELAY_MS}; 0: at once)"
    add("--engine-delay-ms", type=int, default=ENGINE_DELAY_MS, metavar="MS", help=text)
    add("--limits-factor", type=int, default=1, metavar="N", help="rate limits are so many times as high")


def _add_accounts(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the account and its keys")
    add = group.add_argument
    add("--spot", type=amounts, metavar="BTC=1,ETH=10", help="Binance spot balances of the default account")
    add("--usdm", type=amounts, metavar="USDT=50000", help="Binance USD-M futures balances")
    add("--coinm", type=amounts, metavar="BTC=1", help="Binance COIN-M futures balances")
    add("--unified", type=amounts, metavar="USDT=50000", help="Bybit unified balances")
    add("--withdraw-key", action="store_true", help="add a key named 'withdraw' that may withdraw")
    kinds = [kind for kind in KEY_KINDS if kind != "hmac"]
    text = "add a key that signs this way, named after it; may be given twice (the default is hmac; Bybit: no ed25519)"
    add("--key-kind", action="append", choices=KEY_KINDS, default=[], metavar="|".join(kinds), help=text)


def _add_serving(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("serving")
    add = group.add_argument
    add("--state-dir", type=Path, metavar="DIR", help="where the certificate authority is kept between runs")
    add("--ready-file", type=Path, metavar="FILE", help="write the ready line, JSON, here as well")
    add("--tls-port", type=int, default=0, metavar="PORT", help="default: a free one")
    add("--control-port", type=int, default=0, metavar="PORT", help="default: a free one")
    add("--tick-ms", type=int, default=20, metavar="MS", help="how often the clock is driven (default 20)")
    add("--json", action="store_true", help="print one ready line of JSON in place of the text for people")


def _venues(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def config_of(options: argparse.Namespace) -> SimexConfig:
    """The configuration of the parsed options. ValueError when they do not fit together."""
    found = "recorded" if options.replay else "history" if options.history else "synthetic"
    return SimexConfig(
        venues=options.venues,
        market=options.market or found,
        replay_dir=options.replay,
        history_dir=options.history,
        loop=options.loop,
        speed=options.speed,
        seed=options.seed,
        is_calm=options.calm,
        funding_rate=options.funding_rate,
        funding_interval_s=options.funding_interval_s,
        accounts=(_account(options),),
        keys=tuple(_keys(options)),
        state_dir=options.state_dir,
        ready_file=options.ready_file,
        tls_port=options.tls_port,
        control_port=options.control_port,
        tick_ms=options.tick_ms,
        query_lag_ms=options.query_lag_ms,
        replica_lag_ms=options.replica_lag_ms,
        engine_delay_ms=options.engine_delay_ms,
        limits_factor=options.limits_factor,
        faults=scenario_of(options.faults),
    )


def _account(options: argparse.Namespace) -> AccountSpec:
    given = {name: getattr(options, name) for name in ("spot", "usdm", "coinm", "unified")}
    return replace(SimexConfig().accounts[0], **{name: coins for name, coins in given.items() if coins is not None})


def _keys(options: argparse.Namespace) -> list[KeySpec]:
    keys = [KeySpec(DEFAULT_KEY)]
    if options.withdraw_key:
        keys.append(KeySpec("withdraw", withdraw=True))
    # The default key is the one of kind hmac.
    return keys + [KeySpec(kind, kind=kind) for kind in KEY_KINDS if kind in options.key_kind and kind != "hmac"]


def scenario_of(path: Path | None) -> Scenario:
    """The scenario of a file, or one without faults. ValueError in one line: the file, the place, what is allowed."""
    if path is None:
        return Scenario()
    try:
        return load(path)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


async def serve(config: SimexConfig, say: Callable[[dict[str, Any]], str] = json.dumps) -> None:
    """Serve until SIGTERM or SIGINT, or until the pipe that is printed to has no reader any more.

    What is printed at the start is what `say` makes of the addresses.

    CannotStart when there is nothing to serve or nowhere to, DumpError at a bad row of the records, NotConserved when
    the exchange does not balance at the end, BrokenPipeError when nobody reads what is printed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _stop_unread(loop, stop)
    async with AsyncExitStack() as stack:
        try:
            simex = await stack.enter_async_context(Simex.start(config))
        except (OSError, ValueError) as error:
            raise CannotStart(str(error)) from error
        print(say(simex.addresses()), flush=True)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, simex.clock), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers the exit code.

    0 after a signal, 2 for options or records that do not fit, 3 when money or positions were not conserved.
    """
    made = parser()
    options = made.parse_args(argv)
    try:
        config = config_of(options)
    except ValueError as error:
        made.error(str(error))
    try:
        asyncio.run(serve(config, json.dumps if options.json else greeting))
    except CannotStart as reason:
        made.error(str(reason))
    except DumpError as reason:
        print(f"{made.prog}: error: {reason}", file=sys.stderr)
        return EXIT_WRONG
    except NotConserved as reason:
        print(f"{made.prog}: NOT CONSERVED: {reason}", file=sys.stderr)
        return EXIT_BROKEN
    except BrokenPipeError:
        _discard_output()
    return EXIT_OK


def _stop_unread(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when the output is a pipe whose reader goes, which shows as a reading event of its writing end."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        return  # No file: there is nothing to look at.
    if stat.S_ISFIFO(os.fstat(number).st_mode):
        loop.add_reader(number, stop.set)


def _discard_output() -> None:
    """Nobody reads the output any more: what is still buffered goes nowhere when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
