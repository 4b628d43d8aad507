"""`trimtab journal`: check, read and replay the record of everything that happened."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.ops.exits import Exit
from bot.ops.options import ConfigOption, JsonOption, StateDirOption
from bot.ops.speak import Stop, print_json, say, speaking

app = typer.Typer(
    help="Check, read and replay the record of everything that happened.", no_args_is_help=True, add_completion=False
)

Target = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH", help="A journal, a state directory or a config; else --config or --state-dir says where."
    ),
]


@app.command()
def verify(
    target: Target = None, config: ConfigOption = None, state_dir: StateDirOption = None, as_json: JsonOption = False
) -> None:
    """Walk the whole hash chain: is every record there, and unchanged?"""
    with speaking(as_json):
        from bot.ops.journals import broken_told, errors_told, journal_of

        with errors_told():
            from bot.journal.reader import verify as verified

            path = journal_of(target, config, state_dir)
            found = verified(path)
        if as_json:
            print_json({"path": str(path), "result": found})
        elif found.ok:
            say(f"whole: {found.records} records ({found.first_seq} to {found.last_seq}), head {found.head}")
        else:
            say(broken_told(found))
        if not found.ok:
            raise typer.Exit(int(Exit.JOURNAL))


@app.command()
def export(
    target: Target = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Only records above this sequence number.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of standard output.")
    ] = None,
) -> None:
    """Write the records as JSON, a line each."""
    with speaking(as_json=False):
        from bot.ops.journals import errors_told, export_to, journal_of

        with errors_told():
            found = export_to(journal_of(target, config, state_dir), output, after)
        print(f"{found.records} records", file=sys.stderr)
        if found.broken_at is not None:
            raise Stop(Exit.JOURNAL, f"BROKEN at record {found.broken_at}: {found.reason}; what is left was written")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The backup, a file that must not exist yet.")],
    target: Target = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy a journal, also while the daemon runs: one file, mode 0600, verified before it gets its name."""
    with speaking(as_json):
        from bot.ops.journals import errors_told, journal_of

        with errors_told():
            from bot.journal.backup import backup as backed_up

            made = backed_up(journal_of(target, config, state_dir), to.expanduser())
        if as_json:
            print_json({"backup": made})
        else:
            say(f"{made.path}: {made.records} records up to {made.last_seq}, {made.bytes} bytes, verified")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    target: Target = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup back in a state directory (or a config's); what stands there is kept beside it."""
    with speaking(as_json):
        from bot.ops.journals import errors_told, restored, state_dir_for

        with errors_told():
            made = restored(source.expanduser(), state_dir_for(target, config, state_dir))
        if as_json:
            print_json({"restored": made})
            return
        say(f"{made.path}: {made.records} records up to {made.last_seq}, verified")
        if made.kept_in:
            say(f"what stood there is kept in {made.kept_in}")
        say("orders since then are unknown to it: what the venue holds now is taken as it is, and told")


@app.command()
def replay(
    target: Target = None, config: ConfigOption = None, state_dir: StateDirOption = None, as_json: JsonOption = False
) -> None:
    """Feed the journal to the engine again: does it give the same commands, byte for byte?"""
    with speaking(as_json):
        from bot.ops.journals import broken_told, difference_told, errors_told, journal_of, replayed

        with errors_told():
            from bot.journal.reader import verify as verified

            path = journal_of(target, config, state_dir)
            if not (chain := verified(path)).ok:
                raise Stop(Exit.JOURNAL, f"{broken_told(chain)}; what is not whole is not replayed")
            found = replayed(path)
        if as_json:
            print_json({"path": str(path), "result": found})
        elif found.ok:
            say(f"the same: {found.steps} steps gave the same {found.commands} commands")
        if not found.ok:
            raise Stop(Exit.FAILED_CHECK, difference_told(found), "differs")


@app.command()
def accept(
    target: Target = None, config: ConfigOption = None, state_dir: StateDirOption = None, as_json: JsonOption = False
) -> None:
    """Go on, halted, from steps that another version of Trimtab decided: for a start that says it needs this."""
    with speaking(as_json):
        from bot.ops.journals import errors_told, journal_of
        from bot.ops.options import operator

        with errors_told():
            from bot.runtime.accept import accept as accepted

            path = journal_of(target, config, state_dir)
            found = accepted(path, operator())
        if as_json:
            print_json({"path": str(path), "accepted": found})
        elif found is None:
            say("nothing to accept: it replays to the same commands")
        else:
            say(f"accepted: {found.steps} steps, from record {found.differs_at} on decided differently; halted")
            for client_id in found.unresolved:
                say(f"order {client_id} is taken as sent, and looked up before its instrument trades")
            say("start it, look at its positions (trimtab status), and arm")
