"""The command line of simex: serve until a signal, and say in one line of JSON where."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bot.simex.config import DEFAULT_KEY, AccountSpec, KeySpec, SimexConfig
from bot.simex.serve import Simex

EXIT_OK = 0


class CannotStart(Exception):
    """No recording where one was named, or a port that is taken; the text says which."""


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
    made.add_argument("--market", choices=("synthetic", "recorded"), help="default: synthetic, recorded with --replay")
    made.add_argument("--replay", type=Path, metavar="DIR", help="recorded frames, whose liquidity orders fill against")
    made.add_argument("--loop", action="store_true", help="begin the recording again when it ends")
    made.add_argument("--speed", type=float, default=1.0, help="market seconds a wall second (default 1)")
    made.add_argument("--seed", type=int, default=1, help="seed of the synthetic market (default 1)")
    made.add_argument("--funding-rate", type=rate, metavar="RATIO", help="constant rate; positive: longs pay shorts")
    made.add_argument("--funding-interval-s", type=int, metavar="SECONDS", help="funding interval in exchange time")
    made.add_argument("--spot", type=amounts, metavar="BTC=1,ETH=10,..", help="spot balances of the default account")
    made.add_argument("--usdm", type=amounts, metavar="USDT=50000", help="futures balances of the default account")
    made.add_argument("--withdraw-key", action="store_true", help="add a key named 'withdraw' that may withdraw")
    made.add_argument("--state-dir", type=Path, help="where the certificate authority is kept between runs")
    made.add_argument("--ready-file", type=Path, help="write the ready line here as well")
    made.add_argument("--tls-port", type=int, default=0, help="default: a free one")
    made.add_argument("--control-port", type=int, default=0, help="default: a free one")
    made.add_argument("--tick-ms", type=int, default=20, help="how often the clock is driven (default 20)")
    made.add_argument("--json", action="store_true", help="print the ready line as JSON (it always is)")
    return made


def config_of(options: argparse.Namespace) -> SimexConfig:
    """The configuration of the parsed options. ValueError when they do not fit together."""
    defaults = SimexConfig().accounts[0]
    account = AccountSpec(
        spot=defaults.spot if options.spot is None else options.spot,
        usdm=defaults.usdm if options.usdm is None else options.usdm,
    )
    keys = [KeySpec(DEFAULT_KEY)]
    if options.withdraw_key:
        keys.append(KeySpec("withdraw", withdraw=True))
    return SimexConfig(
        market=options.market or ("recorded" if options.replay else "synthetic"),
        replay_dir=options.replay,
        loop=options.loop,
        speed=options.speed,
        seed=options.seed,
        funding_rate=options.funding_rate,
        funding_interval_s=options.funding_interval_s,
        accounts=(account,),
        keys=tuple(keys),
        state_dir=options.state_dir,
        ready_file=options.ready_file,
        tls_port=options.tls_port,
        control_port=options.control_port,
        tick_ms=options.tick_ms,
    )


async def serve(config: SimexConfig) -> None:
    """Serve until SIGTERM or SIGINT; CannotStart when there is nothing to serve or nowhere to."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        try:
            simex = await stack.enter_async_context(Simex.start(config))
        except (OSError, ValueError) as error:
            raise CannotStart(str(error)) from error
        print(json.dumps(simex.addresses()), flush=True)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, simex.clock), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers the exit code: 0 after a signal, 2 for options that do not fit."""
    made = parser()
    options = made.parse_args(argv)
    try:
        config = config_of(options)
    except ValueError as error:
        made.error(str(error))
    try:
        asyncio.run(serve(config))
    except CannotStart as reason:
        made.error(str(reason))
    return EXIT_OK
