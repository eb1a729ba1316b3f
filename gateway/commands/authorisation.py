"""`passerelle authorisation …`: a person's file, receipts checked offline, what a DPO or a controller does to one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import fail, run, settings

authorisation = typer.Typer(no_args_is_help=True, help="Authorisations: a person's file, receipts, measures.")

Id = Annotated[str, typer.Argument(help="Id of the authorisation.")]
Dpo = Annotated[str, typer.Option(help="Who acts, as data protection officer of the recipient.")]


@authorisation.command("export")
def authorisation_export(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    out: Annotated[Path, typer.Option(help="Where the file goes; must not exist.")],
) -> None:
    """Write all authorisations of a person, whole, with their receipts (JSON): for the person, nobody else.

    That this was done becomes an entry about the person.
    """
    from gateway.persons import write_authorisations_file

    count = run(write_authorisations_file(settings(), partner=partner, reference=reference, out=out))
    typer.echo(f"{count} authorisations in {out}", err=True)


@authorisation.command("receipt")
def authorisation_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt, as `GET /v1/authorisations/{id}/receipt` gives it.")],
    vkey: Annotated[list[Path], typer.Option(help="File of public keys of the log you hold; repeat for more.")],
    proof: Annotated[Path | None, typer.Option(help="C2SP tlog-proof of its entry.")] = None,
    entry: Annotated[Path | None, typer.Option(help="The entry itself, as a copy of the journal holds it.")] = None,
    record: Annotated[Path | None, typer.Option(help="The person's file (`export`): that it has this record.")] = None,
) -> None:
    """Check a receipt offline and print what it says. Exit 1 when it does not hold."""
    from audit import consent_receipts
    from audit.errors import ReceiptInvalid
    from audit.trust import read_text, read_trust

    trust = read_trust(vkey)
    try:
        claims = consent_receipts.verify(read_text(file), *trust.vkeys)
        typer.echo("The signature holds.", err=True)
        if proof is not None:
            keys = trust.keys(claims["journal"]["origin"])
            size = consent_receipts.prove(claims, read_text(proof), *keys)
            typer.echo(f"The journal holds its entry, in a tree of {size}.", err=True)
        if entry is not None:
            consent_receipts.compare(claims, read_text(entry).strip().encode())
            typer.echo("The entry says the same.", err=True)
        if record is not None:
            consent_receipts.find(claims, read_text(record))
            typer.echo("The file has the whole record.", err=True)
    except ReceiptInvalid as error:
        fail(f"{error.code}: {error}")
    typer.echo(json.dumps(claims, ensure_ascii=False, indent=1))


@authorisation.command("follow-catalogue")
def authorisation_follow_catalogue(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only tell.")] = False,
) -> None:
    """End the authorisations whose purpose or exchange the catalogue serves no longer. They cannot be given back.

    Nothing leaves on them already; this tells persons and partners so. Without --yes nothing is ended.
    """
    from gateway.cascades import follow_catalogue

    lines = run(follow_catalogue(settings(), really=yes))
    typer.echo("\n".join(lines) or "All authorisations are of the catalogue.")
    if lines and not yes:
        typer.echo("Nothing was ended: add --yes.", err=True)


@authorisation.command("invalidate")
def authorisation_invalidate(
    reason: Annotated[str, typer.Option(help="notice_defective, notice_withdrawn, purpose_retired, …")],
    notice: Annotated[str | None, typer.Option(help="SHA-256 of the notice they were given under.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Their purpose.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Their recipient.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only count.")] = False,
) -> None:
    """End, as the DPO, all authorisations that rested on what is named. They cannot be given back."""
    from consent.states import REASONS
    from gateway.cascades import invalidate

    if reason not in REASONS["invalidate"] or not (notice or purpose or recipient):
        fail(f"name a notice, a purpose or a recipient, and a reason among {', '.join(sorted(REASONS['invalidate']))}")
    work = invalidate(settings(), reason=reason, notice=notice, purpose=purpose, recipient=recipient, really=yes)
    count = run(work)
    typer.echo(f"{count} authorisations")
    if not yes:
        typer.echo("Nothing was ended: add --yes.", err=True)


@authorisation.command("pause")
def authorisation_pause(
    id_: Id, dpo: Dpo, reason: Annotated[str, typer.Option(help="accuracy_disputed, complaint, incident or inquiry.")]
) -> None:
    """Stop one at once, as the DPO, until resumed by the DPO."""
    from consent.states import REASONS

    if reason not in REASONS["pause"]:
        fail(f"a reason among {', '.join(sorted(REASONS['pause']))}", status=2)
    _measure(id_, "pause", kind="dpo", who=dpo, reason=reason)


@authorisation.command("resume")
def authorisation_resume(id_: Id, dpo: Dpo) -> None:
    """Let one go on that the DPO paused; the person's own pause stays."""
    _measure(id_, "resume", kind="dpo", who=dpo)


@authorisation.command("revoke")
def authorisation_revoke(
    id_: Id,
    reference: Annotated[str, typer.Option(help="Of the decision or order, e.g. SAN-2026-012.")],
    controller: Annotated[str | None, typer.Option(help="Who decides, for the controller.")] = None,
    authority: Annotated[str | None, typer.Option(help="The authority whose order it is, e.g. cnil.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be taken back.")] = False,
) -> None:
    """End one by the controller's decision or an authority's order. On a public task it is closed for good."""
    if (controller is None) == (authority is None):
        fail("one of --controller and --authority", status=2)
    if not yes:
        fail("Nothing was ended: add --yes.")
    kind = "controller" if authority is None else "authority"
    _measure(id_, "revoke", kind=kind, who=controller or authority or "", reference=reference)


@authorisation.command("hold")
def authorisation_hold(id_: Id, dpo: Dpo) -> None:
    """Keep the content of an ended one for a dispute, however old."""
    _measure(id_, "hold", kind="dpo", who=dpo)


@authorisation.command("free")
def authorisation_free(id_: Id, dpo: Dpo) -> None:
    """The dispute is over: the content goes when the others' does."""
    _measure(id_, "free", kind="dpo", who=dpo)


def _measure(id_: str, what: str, *, kind: str, who: str, **why: str) -> None:
    from gateway.measures import measure

    typer.echo(f"{id_} {run(measure(settings(), id_, what, kind=kind, who=who, **why))}")
