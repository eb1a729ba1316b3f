"""`passerelle audit …`: copies of the journal, and their verification without the gateway."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import run, settings

audit = typer.Typer(no_args_is_help=True, help="The journal: export it, verify it offline.")


@audit.command("export")
def audit_export(
    out: Annotated[Path, typer.Option(help="Folder to write the C2SP tlog-tiles directory to.")],
) -> None:
    """Write the whole log as a C2SP tlog-tiles directory, with its keys; run again, it adds what is new.

    The year that is written to lies in the folder itself, those before it in `<year>/` inside.
    """
    from gateway.copies import export_log

    size = run(export_log(settings(), out))
    typer.echo(f"{size} entries in {out}", err=True)


@audit.command("mirror")
def audit_mirror(
    out: Annotated[Path, typer.Option(help="Folder of the mirror.")],
    from_url: Annotated[str, typer.Option(help="Address of a gateway's log, e.g. https://gateway.example/log.")],
    token_file: Annotated[Path, typer.Option(help="File of an access token with the scope log:entries.")],
    vkey: Annotated[list[Path], typer.Option(help="File of the log's public keys, as you hold them.")],
    policy: Annotated[Path | None, typer.Option(help="C2SP tlog-policy: further logs and witnesses.")] = None,
) -> None:
    """Keep a copy of another gateway's log: fetch what is new, keep what its signed checkpoint covers.

    For a timer: each run goes on where the last one ended, and refuses a log that does not continue what is kept.
    """
    from audit.trust import read_trust
    from gateway.copies import mirror

    checkpoint = run(mirror(out, url=from_url, token=token_file, trust=read_trust(vkey, policy=policy)))
    typer.echo(f"{checkpoint.size} entries of {checkpoint.origin} in {out}", err=True)


@audit.command("extract")
def audit_extract(
    out: Annotated[Path, typer.Option(help="Folder to write to; must be empty.")],
    since: Annotated[str, typer.Option("--from", help="First day or instant, UTC.")],
    until: Annotated[str, typer.Option("--to", help="Day or instant before which it ends.")],
    org: Annotated[list[str] | None, typer.Option(help="Institution of the catalogue; repeat for more.")] = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Purpose of the catalogue; repeat for more.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Type of entry; repeat for more.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Field of the catalogue; repeat for more.")] = None,
) -> None:
    """Write the entries that answer a filter, each with its proof, and how to check them (for a DPO).

    A filter never names a person. That the extract was made becomes an entry of the journal.
    """
    from gateway.copies import extract_entries

    words = {"org": org or [], "purpose": purpose or [], "type": kind or [], "field": field or []}
    count = run(extract_entries(settings(), out, since=since, until=until, words=words))
    typer.echo(f"{count} entries in {out}", err=True)


@audit.command("events")
def audit_events(
    from_index: Annotated[int, typer.Option(min=0, help="Position to go on from: the last line's sequence plus one.")],
    form: Annotated[str, typer.Option("--format", help="cloudevents or ecs.")] = "cloudevents",
) -> None:
    """Print the journal as JSON lines for a security monitor, from a position on."""
    from gateway.copies import print_events

    async def show() -> None:
        async for line in print_events(settings(), from_index, form):
            typer.echo(line)

    run(show())


@audit.command("verify")
def audit_verify(
    paths: Annotated[list[Path], typer.Argument(help="Logs, extracts, receipts, proofs, saved checkpoints.")],
    vkey: Annotated[list[Path] | None, typer.Option(help="File of public keys you hold; repeat for more.")] = None,
    policy: Annotated[Path | None, typer.Option(help="C2SP tlog-policy: logs, witnesses, quorum.")] = None,
    tsa_roots: Annotated[Path | None, typer.Option(help="PEM certificates of time-stamping authorities.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Verify offline: no database, no network. Exit 1 when a check fails, 2 for what cannot be read.

    Without --vkey the key beside a log is used: that shows that the copy is whole, not whose it is.
    `python -m audit verify` is the same command with `cryptography` alone.
    """
    from audit.command import check

    sys.exit(check(paths, vkeys=vkey or [], policy=policy, roots=tsa_roots, as_json=as_json))


@audit.command("person")
def audit_person(
    file: Annotated[Path, typer.Argument(help="File written by `passerelle person proof`.")],
    value: Annotated[list[str] | None, typer.Option(help="dataset.field=JSON, as it was shown; repeat.")] = None,
    log: Annotated[Path | None, typer.Option(help="Copy of the log, to look up numbers that lack.")] = None,
    vkey: Annotated[list[Path] | None, typer.Option(help="File of public keys you hold; repeat for more.")] = None,
    policy: Annotated[Path | None, typer.Option(help="C2SP tlog-policy: logs, witnesses, quorum.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON, with the entries.")] = False,
) -> None:
    """Verify offline that a person's list of entries is whole, and that a value is the one that left."""
    from audit.command import check_person

    sys.exit(check_person(file, values=value or [], log=log, vkeys=vkey or [], policy=policy, as_json=as_json))


@audit.command("check-authorisations")
def audit_check_authorisations(
    directory: Annotated[Path, typer.Argument(help="Copy of the log, as `export` or `mirror` writes it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON, with counts.")] = False,
) -> None:
    """Tell from the journal alone that nothing left on an authorisation after it was stopped.

    Exit 1 when something did, 2 for what cannot be read. Whose log it is, and that it is whole, `verify` tells.
    """
    from audit.command import check_stopped

    sys.exit(check_stopped(directory, as_json=as_json))
