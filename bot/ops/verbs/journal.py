"""`trimtab journal`: check, read and replay the record of everything that happened."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import JsonOption
from bot.ops.speak import Stop, print_json, say, speaking

app = typer.Typer(
    help="Check, read and replay the record of everything that happened.", no_args_is_help=True, add_completion=False
)

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PATH]", help="A journal, a state directory or a config; the default state directory when left out."
    ),
]


@app.command()
def verify(target: Target = None, as_json: JsonOption = False) -> None:
    """Walk the whole hash chain: is every record there, and unchanged?"""
    with speaking(as_json):
        from bot.ops.journals import errors_told, journal_of

        with errors_told():
            from bot.journal.reader import verify as verified

            path = journal_of(target)
            found = verified(path)
        if as_json:
            print_json({"path": str(path), "result": found})
        elif found.ok:
            say(f"whole: {found.records} records ({found.first_seq} to {found.last_seq}), head {found.head}")
        else:
            say(f"BROKEN at record {found.broken_at}: {found.reason}")
        if not found.ok:
            raise typer.Exit(int(Exit.JOURNAL))


@app.command()
def export(
    target: Target = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Only records above this sequence number.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of standard output.")
    ] = None,
) -> None:
    """Write the records as JSON, a line each."""
    with speaking(as_json=False):
        from bot.ops.journals import errors_told, export_to, journal_of

        with errors_told():
            count = export_to(journal_of(target), output, after)
        print(f"{count} records", file=sys.stderr)


@app.command()
def replay(target: Target = None, as_json: JsonOption = False) -> None:
    """Feed the journal to the engine again: does it give the same commands, byte for byte?"""
    with speaking(as_json):
        from bot.ops.journals import difference_told, errors_told, journal_of, replayed

        with errors_told():
            path = journal_of(target)
            found = replayed(path)
        if as_json:
            print_json({"path": str(path), "result": found})
        elif found.ok:
            say(f"the same: {found.steps} steps gave the same {found.commands} commands")
        if not found.ok:
            raise Stop(Exit.FAILED_CHECK, difference_told(found), "differs")
