"""`passerelle partner …`: partner systems that may ask for tokens."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands import run, settings

partner = typer.Typer(no_args_is_help=True, help="Partner systems that may ask for tokens.")


@partner.command("add")
def partner_add(
    name: Annotated[str, typer.Argument(help="Id of the institution in the catalogue, e.g. ml-brume.")],
    siret: Annotated[str, typer.Option(help="SIRET of the institution, 14 digits.")],
    scope: Annotated[list[str], typer.Option(help="Scope it may ask for; repeat for each.")],
    jwks: Annotated[Path | None, typer.Option(help="File of its public keys (RFC 7517 set).")] = None,
    jwks_uri: Annotated[
        str | None, typer.Option(help="Address where it publishes its keys, instead of --jwks.")
    ] = None,
    title: Annotated[str, typer.Option(help="Name people read; the catalogue's when left out.")] = "",
    batch_job: Annotated[list[str] | None, typer.Option(help="Batch job it declares; repeat for each.")] = None,
    binding: Annotated[
        str, typer.Option(help="What its tokens are bound to: dpop, mtls, or bearer (nothing).")
    ] = "dpop",
    certificate: Annotated[
        list[str] | None, typer.Option(help="For mtls: san_dns:…, subject_dn:… or sha256:…; repeat for each.")
    ] = None,
    redirect_uri: Annotated[list[str] | None, typer.Option(help="Where people come back to; repeat for each.")] = None,
) -> None:
    """Register a partner system.

    Example: passerelle partner add ml-brume --siret 99900003500014 --jwks ml.jwks.json --scope data:rsa
    """
    from gateway.partners import add

    more: dict[str, Any] = {
        "batch_jobs": batch_job or (),
        "certificates": certificate or (),
        "redirect_uris": redirect_uri or (),
    }
    more |= {"title": title, "binding": binding, "jwks_uri": jwks_uri}
    run(add(settings(), name=name, siret=siret, jwks=jwks, scopes=scope, **more))
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
