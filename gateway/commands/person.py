"""`passerelle person …`: what an operator does on a person's behalf."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import run, settings

person = typer.Typer(no_args_is_help=True, help="On a person's behalf.")


@person.command("proof")
def person_proof(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    out: Annotated[Path, typer.Option(help="Where the file goes; must not exist.")],
) -> None:
    """Write all journal entries about a person, with proofs and their key: for the person, nobody else.

    That this was done becomes an entry of the same list.
    """
    from gateway.persons import write_proof_file

    count = run(write_proof_file(settings(), partner=partner, reference=reference, out=out))
    typer.echo(f"{count} entries in {out}; check with: passerelle audit person {out}", err=True)
