"""`passerelle key rotate | retire | list`: keys of the log, its receipts and its cosignatures."""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.commands import run, settings

key = typer.Typer(no_args_is_help=True, help="Keys of the journal: rotate with overlap, list what was ever used.")


class Use(StrEnum):
    """What a key signs."""

    log = "log"
    receipt = "receipt"
    witness = "witness"


_Use = Annotated[Use, typer.Argument(help="What the key signs.")]


@key.command("rotate")
def key_rotate(use: _Use) -> None:
    """Draw the next key and let it sign beside the one in force; prints its public text."""
    from gateway.rotation import rotate_key

    typer.echo(run(rotate_key(settings(), use)))
    typer.echo("Both are in force. Give the new one to those who verify, then: passerelle key retire", err=True)


@key.command("retire")
def key_retire(use: _Use) -> None:
    """End the overlap: the former key goes; prints its public text, which stays published."""
    from gateway.rotation import retire_key

    typer.echo(run(retire_key(settings(), use)))


@key.command("list")
def key_list() -> None:
    """Print every public key ever used, with the time it was in force, as JSON."""
    from audit.succession import to_json
    from gateway.rotation import list_keys

    typer.echo(to_json(run(list_keys(settings()))), nl=False)
