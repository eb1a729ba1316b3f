"""`passerelle person …`: what an operator does on a person's behalf."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import fail, run, settings

person = typer.Typer(no_args_is_help=True, help="On a person's behalf.")
mandate = typer.Typer(no_args_is_help=True, help="Who may act for a person: parents, guardians, curators, aidants.")
person.add_typer(mandate, name="mandate")


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


@person.command("archive")
def person_archive(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    out: Annotated[Path, typer.Option(help="Folder the files go to; must be empty.")],
) -> None:
    """Write all that is known of a person (GDPR 15, 20): page, PDF, JSON and proof, for the person, nobody else.

    That this was done becomes an entry of the archive.
    """
    from gateway.persons import write_archive_folder

    waiting = run(write_archive_folder(settings(), partner=partner, reference=reference, out=out))
    typer.echo(f"{out} is written; check with: passerelle person check {out} --vkey LOG.vkey", err=True)
    if waiting:
        typer.echo(f"{waiting} entries wait for their checkpoint: their proof comes with the next archive.", err=True)


@person.command("situation")
def person_situation(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    situation: Annotated[str, typer.Argument(help="protected_address or beneficiary_rsa.")],
    over: Annotated[bool, typer.Option("--over", help="It is so no longer.")] = False,
) -> None:
    """Note a situation of a person, or that it is over: a DPO has said so. The journal says it to the person."""
    from gateway.persons import change_situation

    run(change_situation(settings(), partner=partner, reference=reference, situation=situation, present=not over))


@person.command("check")
def person_check(
    folder: Annotated[Path, typer.Argument(help="The archive.")],
    vkey: Annotated[list[Path] | None, typer.Option(help="File with a key of the log you hold; repeat.")] = None,
    policy: Annotated[Path | None, typer.Option(help="File with the log's key, witnesses and quorum.")] = None,
) -> None:
    """Check an archive offline: whole, unaltered, and the same as the journal."""
    from audit.trust import read_trust
    from gateway.archive.files import check_archive

    reports = check_archive(folder, read_trust(vkey or [], policy=policy))
    for each in reports:
        for line in each.lines():
            typer.echo(line)
    if not all(each.ok for each in reports):
        fail("this archive does not hold")


@mandate.command("list")
def mandate_list(
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
) -> None:
    """List the mandates in force: id, capacity, first day without force."""
    from consent.clocks import PARIS
    from gateway.measures import mandates

    for each in run(mandates(settings(), partner=partner, reference=reference)):
        typer.echo(f"{each.id} {each.capacity} {datetime.fromtimestamp(each.valid_until / 1000, PARIS):%Y-%m-%d}")


@mandate.command("end")
def mandate_end(
    id_: Annotated[str, typer.Argument(help="Id of the mandate.")],
    partner: Annotated[str, typer.Option(help="Id of the partner that knows the person.")],
    reference: Annotated[str, typer.Option(help="The partner's own reference of the person.")],
    by: Annotated[str, typer.Option(help="Who saw that it is over.")],
) -> None:
    """End a mandate before its date. What a parent, guardian or curator gave under it ends too (capacity_lost)."""
    from gateway.measures import end_mandate

    run(end_mandate(settings(), id_, partner=partner, reference=reference, who=by))
    typer.echo(f"{id_} is over.", err=True)
