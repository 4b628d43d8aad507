"""`trimtab simex`: the simulated exchange, on its own."""

import typer

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def simex(context: typer.Context) -> None:
    """Run the simulated exchange: Binance and Bybit over TLS on loopback (`trimtab simex --help`)."""
    from bot.simex.main import main

    raise typer.Exit(main(context.args))
