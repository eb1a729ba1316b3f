"""`passerelle witness …`: what this gateway is for other logs, and what its own witnesses hold."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import fail, run, settings

witness = typer.Typer(no_args_is_help=True, help="Witnesses of the journal, and being one (C2SP).")


@witness.command("key")
def witness_key() -> None:
    """Print what other gateways enter: the public keys in force of this witness, and of this log."""
    from gateway.keys import load

    keys = load(settings())
    for cosigner in keys.witness.signing:
        typer.echo(f"witness {cosigner.vkey.name} {cosigner.vkey} {settings().public_url}/witness")
    for signer in keys.log.signing:
        typer.echo(f"log {signer.vkey}")


@witness.command("check")
def witness_check(
    path: Annotated[Path, typer.Argument(help="Policy file, as the settings name it.")],
) -> None:
    """Read a policy file as the gateway would; a sentence with the number of the line when it is refused."""
    from gateway.witnesses import read_policy

    policy = read_policy(str(path))
    asked = sum(one.url is not None for one in policy.witnesses.values())
    typer.echo(f"{len(policy.logs)} logs, {len(policy.witnesses)} witnesses, {asked} of them with an address")


@witness.command("compare")
def witness_compare() -> None:
    """Compare the journal with what its witnesses hold: after a restore, before a start. Exit 1 unless all agree."""
    from gateway.witnesses import compare

    faults = run(compare(settings()))
    if not faults:
        fail("PASSERELLE_WITNESS_POLICY names no witness to ask.")
    for name, fault in faults.items():
        typer.echo(f"{name}: {'agrees' if fault is None else f'{fault.code}: {fault}'}")
    sys.exit(1 if any(faults.values()) else 0)
