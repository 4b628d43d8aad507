"""`trimtab init`: a commented config, from six questions or as many options."""

from pathlib import Path
from typing import Annotated

import typer

from bot.ops.speak import speaking

_EXAMPLE = "BTC=1,ETH=10,USDT=50000"


def init(  # noqa: PLR0913, PLR0917 - an option, a parameter
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")] = Path("trimtab.yaml"),
    name: Annotated[str | None, typer.Option("--name", help="The portfolio's name.", show_default="savings")] = None,
    venue: Annotated[
        str | None,
        typer.Option(
            "--venue",
            metavar="binance|bybit|binance+bybit",
            help="The exchange; of two the coins lie at the first and are hedged at the second.",
            show_default="binance",
        ),
    ] = None,
    coins: Annotated[str | None, typer.Option("--coins", help="The coins to hedge.", show_default="BTC,ETH")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="neutral|ratio|weights", help="What the exposure shall be.", show_default="neutral"
        ),
    ] = None,
    ratio: Annotated[
        str | None, typer.Option("--ratio", metavar="PART", help="With --target ratio: the part hedged, as 0.5.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="BTC=60,ETH=40", help="With --target weights, in per cent.")
    ] = None,
    paper_balances: Annotated[
        str | None, typer.Option("--paper-balances", metavar=_EXAMPLE, help="A paper account to begin with (default).")
    ] = None,
    key_file: Annotated[
        str | None, typer.Option("--key-file", metavar="FILE", help="The real account: the API key (mode 0600).")
    ] = None,
    secret_file: Annotated[
        str | None, typer.Option("--secret-file", metavar="FILE", help="The API key's secret (mode 0600).")
    ] = None,
    other_key_file: Annotated[
        str | None, typer.Option("--other-key-file", metavar="FILE", help="Of two venues: the second one's API key.")
    ] = None,
    other_secret_file: Annotated[
        str | None, typer.Option("--other-secret-file", metavar="FILE", help="Its secret.")
    ] = None,
    alert: Annotated[
        str | None,
        typer.Option(
            "--alert",
            metavar="FILE|none",
            help="Where alerts go: a file with the sink's URL (mode 0600).",
            show_default="none",
        ),
    ] = None,
    simex: Annotated[
        Path | None,
        typer.Option("--simex", metavar="FILE", help="Meet a simulated exchange: `trimtab simex --ready-file FILE`."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: defaults for what is not given.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a config that is ready for `check` and `run`: six questions, or an option for each.

    Without a key it is a dry-run on paper balances against the live market. No secret is written into it.
    """
    with speaking(as_json=False):
        from bot.ops.init_dialogue import Given, write_config

        given = Given(
            name=name,
            venue=venue,
            coins=coins,
            target=target,
            ratio=ratio,
            weights=weights,
            paper_balances=paper_balances,
            key_file=key_file,
            secret_file=secret_file,
            other_key_file=other_key_file,
            other_secret_file=other_secret_file,
            alert=alert,
            simex=simex,
        )
        write_config(file.expanduser(), given, quiet=yes, force=force)
