"""The command `trimtab`: its verbs, put together. Each lies in a file of its own under `bot.ops.verbs`.

Nothing heavy is imported here or at the top of a verb: `trimtab kill` has to be quick, and no verb but those that
talk to a venue may load an exchange library.
"""

from typing import Annotated

import typer

from bot import __version__
from bot.ops.verbs import (
    check,
    demo,
    flatten,
    health,
    init,
    journal,
    kill,
    mode,
    plan,
    reload,
    run,
    schema,
    simex,
    status,
    unwind,
)

_ABOUT = """Keep a crypto portfolio's exposure where you want it, by trading futures instead of selling the coins.

Start with [bold]trimtab demo[/bold]: no key, no network. Exit codes: docs/exit-codes.md."""

app = typer.Typer(
    name="trimtab",
    help=_ABOUT,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    # A pretty traceback prints local variables, and some of them are keys.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_WATCH, _ACT, _TOOLS = "Run and watch", "Take over", "Tools"

app.command("demo", rich_help_panel=_WATCH)(demo.demo)
app.command("init", rich_help_panel=_WATCH)(init.init)
app.command("run", rich_help_panel=_WATCH)(run.run)
app.command("status", rich_help_panel=_WATCH)(status.status)
app.command("health", rich_help_panel=_WATCH)(health.health)
app.command("plan", rich_help_panel=_WATCH)(plan.plan)
app.command("kill", rich_help_panel=_ACT)(kill.kill)
app.command("pause", rich_help_panel=_ACT)(mode.pause)
app.command("arm", rich_help_panel=_ACT)(kill.arm)
app.command("mode", rich_help_panel=_ACT)(mode.mode)
app.command("reload", rich_help_panel=_ACT)(reload.reload)
app.command("unwind", rich_help_panel=_ACT)(unwind.unwind)
app.command("flatten", rich_help_panel=_ACT)(flatten.flatten)
app.command("check", rich_help_panel=_TOOLS)(check.check)
app.command("schema", rich_help_panel=_TOOLS)(schema.schema)
app.command("simex", rich_help_panel=_TOOLS, context_settings=simex.CONTEXT, add_help_option=False)(simex.simex)
app.add_typer(journal.app, name="journal", rich_help_panel=_TOOLS)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"trimtab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version  # its callback has done the work


def main() -> None:
    """Run the command line; the entry point of `trimtab`."""
    app(prog_name="trimtab")


if __name__ == "__main__":
    main()
