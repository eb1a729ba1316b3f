"""`passerelle key rotate | retire | list`: keys of the journal, of access tokens, of signals."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from gateway.commands import fail, run, settings

key = typer.Typer(no_args_is_help=True, help="Our keys: rotate with overlap, list what was ever used.")


class Use(StrEnum):
    """What a key signs."""

    log = "log"
    receipt = "receipt"
    witness = "witness"
    token = "token"  # noqa: S105  a word
    signals = "signals"


class JournalUse(StrEnum):
    """What a key signs whose overlap ends by a command, not by the clock."""

    log = "log"
    receipt = "receipt"
    witness = "witness"


_SCHEDULED = (Use.token, Use.signals)


@key.command("rotate")
def key_rotate(
    use: Annotated[Use, typer.Argument(help="What the key signs.")],
    exposed: Annotated[
        bool, typer.Option("--exposed", help="token, signals: the former keys are believed no longer, from now on.")
    ] = False,
) -> None:
    """Draw the next key; prints its public text.

    log, receipt, witness: it signs beside the one in force until `passerelle key retire`. token, signals: it is
    published now and takes over by the clock, on every process, without a second command.

    Example: passerelle key rotate token
    """
    from gateway.rotation import rotate_key, schedule_key

    if use in _SCHEDULED:
        turn = run(schedule_key(settings(), use, exposed=exposed))
        typer.echo(turn.key)
        since = datetime.fromtimestamp(turn.since / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        typer.echo(f"Published now, signs from {since}; bring its file to further hosts before.", err=True)
        return
    if exposed:
        fail("--exposed is for token and signals: rotate and retire a key of the journal instead", 2)
    typer.echo(run(rotate_key(settings(), use)))
    typer.echo("Both are in force. Give the new one to those who verify, then: passerelle key retire", err=True)


@key.command("retire")
def key_retire(use: Annotated[JournalUse, typer.Argument(help="What the key signs.")]) -> None:
    """End the overlap: the former key goes; prints its public text, which stays published.

    Example: passerelle key retire log
    """
    from gateway.rotation import retire_key

    typer.echo(run(retire_key(settings(), use)))


@key.command("list")
def key_list(
    use: Annotated[Use | None, typer.Argument(help="token or signals; the journal's when left out.")] = None,
) -> None:
    """Print every public key ever used for the journal with the time it was in force, as JSON.

    With `token` or `signals`: the keys of this host by thumbprint, whose turn it is, who is next.

    Example: passerelle key list token
    """
    from audit.succession import to_json
    from gateway.rotation import list_keys, list_turns

    if use in _SCHEDULED and use is not None:
        typer.echo(json.dumps({"keys": [asdict(turn) for turn in list_turns(settings(), use)]}, indent=1))
        return
    typer.echo(to_json(run(list_keys(settings()))), nl=False)
