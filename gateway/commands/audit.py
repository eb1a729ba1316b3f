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
    """Write the whole log as a C2SP tlog-tiles directory, with its keys."""
    from gateway.serve import export_log

    size = run(export_log(settings(), out))
    typer.echo(f"{size} entries in {out}", err=True)


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
    vkey: Annotated[list[Path] | None, typer.Option(help="File of public keys you hold; repeat for more.")] = None,
    policy: Annotated[Path | None, typer.Option(help="C2SP tlog-policy: logs, witnesses, quorum.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON, with the entries.")] = False,
) -> None:
    """Verify offline that a person's list of entries is whole, and that a value is the one that left."""
    from audit.command import check_person

    sys.exit(check_person(file, values=value or [], vkeys=vkey or [], policy=policy, as_json=as_json))
