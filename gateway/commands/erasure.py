"""`passerelle erasure …` and `passerelle officer …`: forgetting a person under two signatures and a delay."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands import fail, run, settings

if TYPE_CHECKING:
    from consent.erasure import Erasure

erasure = typer.Typer(no_args_is_help=True, help="Forget a person (GDPR 17), under two signatures and a delay.")
officer = typer.Typer(no_args_is_help=True, help="Those who sign erasures.")

Id = Annotated[str, typer.Argument(help="Id of the erasure.")]


@officer.command("key")
def officer_key(
    name: Annotated[str, typer.Argument(help="Name of the officer, e.g. officers.example/dpo.")],
    file: Annotated[Path, typer.Argument(help="Where the private key goes; must not exist.")],
) -> None:
    """Draw an officer's key, on the officer's machine; prints the line for PASSERELLE_OFFICERS."""
    from gateway.officers import create_officer

    typer.echo(str(create_officer(name, file)))


@erasure.command("request")
def erasure_request(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
) -> None:
    """Ask for an erasure: prints its id, and the text the officers sign."""
    from gateway.erasures import request

    asked = run(request(settings(), partner=partner, reference=reference))
    typer.echo(f"{asked.id}\n\n{asked.text}", nl=False)


@erasure.command("sign")
def erasure_sign(id_: Id, key: Annotated[Path, typer.Option(help="The officer's private key.")]) -> None:
    """Sign an erasure; the second officer's signature starts the delay."""
    from gateway.erasures import sign

    typer.echo(_told(run(sign(settings(), id_, key))))


@erasure.command("cancel")
def erasure_cancel(id_: Id) -> None:
    """Give an erasure up, before it is executed."""
    from gateway.erasures import cancel

    run(cancel(settings(), id_))
    typer.echo(f"{id_} is cancelled.", err=True)


@erasure.command("list")
def erasure_list() -> None:
    """List the erasures that are not over: id, state, date of the next step."""
    from gateway.erasures import pending

    for each in run(pending(settings())):
        typer.echo(_told(each))


@erasure.command("execute")
def erasure_execute() -> None:
    """Carry out all erasures that are due; run it daily. Ends with 1 when one is to be tried again."""
    from gateway.erasures import execute
    from gateway.services import wall_clock

    due = run(execute(settings()))
    for each in due:
        typer.echo(_told(each))
    left = sum(each.late(wall_clock()) for each in due)
    if left:
        fail(f"{left} of them could not be carried out: the next run tries again.")


@erasure.command("report")
def erasure_report(id_: Id) -> None:
    """Tell what was destroyed here, who acknowledged elsewhere, what remains and why (JSON)."""
    from gateway.erasure_report import report

    typer.echo(json.dumps(run(report(settings(), id_)), indent=1))


def _told(erasure: "Erasure") -> str:
    after = {"waiting": erasure.due, "executed": erasure.forget_at}.get(erasure.state)
    date = "" if after is None else f" {datetime.fromtimestamp(after / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{erasure.id} {erasure.state}{date}"
