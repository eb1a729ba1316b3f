"""`passerelle partner …`: partner systems that may ask for tokens."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import run, settings

partner = typer.Typer(no_args_is_help=True, help="Partner systems that may ask for tokens.")


@partner.command("add")
def partner_add(
    name: Annotated[str, typer.Argument(help="Id of the institution in the catalogue, e.g. ml-brume.")],
    siret: Annotated[str, typer.Option(help="SIRET of the institution, 14 digits.")],
    jwks: Annotated[Path, typer.Option(help="File of its public keys (RFC 7517 set).")],
    scope: Annotated[list[str], typer.Option(help="Scope it may ask for; repeat for each.")],
    title: Annotated[str, typer.Option(help="Name people read; the catalogue's when left out.")] = "",
    batch_job: Annotated[list[str] | None, typer.Option(help="Batch job it declares; repeat for each.")] = None,
) -> None:
    """Register a partner system.

    Example: passerelle partner add ml-brume --siret 99900003500014 --jwks ml.jwks.json --scope data:rsa
    """
    from gateway.partners import add

    run(add(settings(), name=name, siret=siret, jwks=jwks, scopes=scope, title=title, batch_jobs=batch_job or []))
    typer.echo(f"{name} is registered.", err=True)


@partner.command("key")
def partner_key(
    file: Annotated[Path, typer.Argument(help="Where the private key (PEM) goes; must not exist.")],
    jwks: Annotated[Path, typer.Option(help="Where the public set to register goes.")],
) -> None:
    """Draw a key pair to try the gateway with. A real partner's key never leaves the partner."""
    from gateway.partner_keys import create

    create(file, jwks)


@partner.command("token")
def partner_token(
    name: Annotated[str, typer.Argument(help="Id of the partner.")],
    key: Annotated[Path, typer.Option(help="Its private key (PEM).")],
    scope: Annotated[list[str], typer.Option(help="Scope to ask for; repeat for each.")],
    professional: Annotated[Path | None, typer.Option(help="JSON file naming the professional behind it.")] = None,
) -> None:
    """Ask the gateway at PASSERELLE_PUBLIC_URL for an access token and print it."""
    from gateway.partner_keys import token

    issuer = settings().public_url
    typer.echo(run(token(issuer, client_id=name, key=key, scopes=scope, who=professional)))
