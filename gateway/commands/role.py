"""`passerelle role …`: who may act as a professional, a DPO or an operator."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from gateway.commands import run, settings

role = typer.Typer(no_args_is_help=True, help="Who may act as a professional, a DPO or an operator.")


class Kind(StrEnum):
    """The roles that are given; nobody is given that of a beneficiary."""

    professional = "professional"
    dpo = "dpo"
    operator = "operator"


@role.command("add")
def role_add(
    kind: Annotated[Kind, typer.Argument(help="The role.")],
    organisation: Annotated[str, typer.Argument(help="Id of the institution in the catalogue, e.g. caf-brume.")],
    email: Annotated[str | None, typer.Option(help="Address of mail, as the provider tells it; with --siret.")] = None,
    siret: Annotated[str | None, typer.Option(help="SIRET, as the provider tells it, 14 digits.")] = None,
    sub: Annotated[str | None, typer.Option(help="The account's `sub` at the provider, when it is known.")] = None,
    provider: Annotated[str | None, typer.Option(help="Entry of the file of providers, when several serve.")] = None,
    consortium: Annotated[bool, typer.Option("--consortium", help="DPO: of all institutions together.")] = False,
) -> None:
    """Put somebody on the list; prints the line's id. A DPO and an operator need a second factor to sign in.

    Example: passerelle role add dpo caf-brume --email camille@caf.example --siret 99900103500016
    """
    from gateway.signin.commands import add

    id_ = run(
        add(
            settings(),
            role=kind.value,
            organisation=organisation,
            mail=email,
            siret=siret,
            sub=sub,
            provider=provider,
            consortium=consortium,
        )
    )
    typer.echo(id_)


@role.command("list")
def role_list() -> None:
    """List the lines: id, role, institution, provider, how they are named, since when, whether somebody signed in."""
    from gateway.signin.commands import lines

    for line in run(lines(settings())):
        named = line.named.get("mail") or line.named.get("sub", "")
        of = f"{line.organisation}+consortium" if line.consortium else line.organisation
        since = f"{datetime.fromtimestamp(line.created_at / 1000, UTC):%Y-%m-%d}"
        typer.echo(f"{line.id} {line.role} {of} {line.provider} {named} {since} {'used' if line.bound else 'unused'}")


@role.command("remove")
def role_remove(id_: Annotated[str, typer.Argument(help="Id of the line.")]) -> None:
    """Take somebody off the list; their sessions end at once."""
    from gateway.signin.commands import remove

    typer.echo(f"{run(remove(settings(), id_))} sessions ended", err=True)
