"""`passerelle rights …`: what people ask under GDPR 15 to 21, and the month in which an answer is owed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands import fail, run, settings

if TYPE_CHECKING:
    from consent.rights import RightsRequest

rights = typer.Typer(no_args_is_help=True, help="What people ask under GDPR 15 to 21, with the month to answer in.")

Id = Annotated[str, typer.Argument(help="Id of the request.")]


@rights.command("list")
def rights_list(
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are late; exit code 1 if any.")] = False,
) -> None:
    """List the requests an answer is owed to: id, right, state, date; the most urgent first."""
    from gateway.rights import listed

    found, now = run(listed(settings(), overdue=overdue))
    for each in found:
        typer.echo(_told(each) + (" OVERDUE" if each.overdue(now) else ""))
    if overdue and found:
        fail(f"{len(found)} answers are late (GDPR 12-3).")


@rights.command("receive")
def rights_receive(
    right: Annotated[
        str, typer.Argument(help="access, portability, rectification, restriction, objection or erasure.")
    ],
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    channel: Annotated[str, typer.Option(help="How it came: counter, letter, phone, page.")] = "counter",
    field: Annotated[list[str] | None, typer.Option(help="Rectification: a field that is wrong; repeat.")] = None,
    authorisation: Annotated[str | None, typer.Option(help="Objection: id of the authorisation.")] = None,
    reason: Annotated[str | None, typer.Option(help="Restriction: why everything stops.")] = None,
) -> None:
    """Register a request: the month starts. A restriction and an objection take effect at once.

    Example: passerelle rights receive rectification --partner ml-brume --reference DOSSIER --field rsa.since
    """
    from gateway.rights import receive_from

    about = {"fields": field or [], "authorisation": authorisation, "reason": reason}
    named = {"partner": partner, "reference": reference, "right": right, "channel": channel}
    typer.echo(_told(run(receive_from(settings(), **named, about=about))))


@rights.command("send")
def rights_send(id_: Id) -> None:
    """Note that the source institution was asked to correct."""
    from gateway.rights import send

    found = run(send(settings(), id_))
    typer.echo(f"{_told(found)}\nto {found.source}: {' '.join(sorted(found.fields))}")


@rights.command("extend")
def rights_extend(id_: Id, reason: Annotated[str, typer.Option(help="complexity or number_of_requests.")]) -> None:
    """Take two more months, once, before the first is over; prints what the person must be told."""
    from gateway.archive.words import REASONS
    from gateway.rights import extend

    found = run(extend(settings(), id_, reason=reason))
    typer.echo(_told(found))
    fr, en = REASONS[reason]
    typer.echo(f"Votre réponse prendra deux mois de plus : {fr}. Elle viendra au plus tard le {_day(found.due)}.")
    typer.echo(f"Your answer will take two more months: {en}. It will come by {_day(found.due)}.")


@rights.command("answer")
def rights_answer(
    id_: Id,
    refuse: Annotated[str | None, typer.Option(help="Refuse, for this reason.")] = None,
    grounds: Annotated[Path | None, typer.Option(help="Objection refused: the text the person reads.")] = None,
    controller: Annotated[str, typer.Option(help="Who signs it for the controller.")] = "",
    dpo: Annotated[str, typer.Option(help="Who signs it as its data protection officer.")] = "",
) -> None:
    """Answer: done, or refused with a reason. A correction tells everybody who was given the field."""
    from gateway.archive.words import REASONS
    from gateway.rights import Grounds, answered

    text = None if grounds is None else Grounds(file=grounds, controller=controller, dpo=dpo)
    typer.echo(_told(run(answered(settings(), id_, refused=refuse, grounds=text))))
    if refuse is not None:
        fr, en = REASONS[refuse]
        typer.echo(f"Refus : {fr}. Vous pouvez écrire à la CNIL (www.cnil.fr) ou aller devant un juge.")
        typer.echo(f"Refused: {en}. You may write to the CNIL (www.cnil.fr) or go to court.")


@rights.command("lift")
def rights_lift(
    id_: Id,
    reason: Annotated[str, typer.Option(help="accuracy_checked, ground_gone or person_asked.")],
    told: Annotated[bool, typer.Option("--person-was-told", help="The person was told before (GDPR 18-3).")] = False,
) -> None:
    """End a restriction."""
    from gateway.rights import lifted

    if not told:
        fail("tell the person first, then repeat with --person-was-told (GDPR 18-3)", status=2)
    typer.echo(_told(run(lifted(settings(), id_, reason=reason))))


def _told(found: "RightsRequest") -> str:
    return f"{found.id} {found.right} {found.state} {_day(found.due)}"


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
