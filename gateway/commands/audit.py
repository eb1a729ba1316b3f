"""`passerelle audit …`: copies of the journal, and their verification without the gateway."""

import json
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
    path: Annotated[Path, typer.Argument(help="Exported directory, or a receipt (JSON file).")],
    vkey: Annotated[Path | None, typer.Option(help="File of the log's (or the receipts') public key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Verify offline: no database, no network. Exit 1 when a check fails.

    Without --vkey the key beside the log is used: that shows that the copy is whole, not whose it is.
    """
    from gateway.verification import verify

    report = verify(path, vkey)
    typer.echo(json.dumps(report, indent=1) if as_json else "\n".join(report["lines"]))
    sys.exit(0 if report["ok"] else 1)
