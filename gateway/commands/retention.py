"""`passerelle audit shards | prune`: the years of the journal, and what is old enough to go."""

from typing import Annotated

import typer

from gateway.commands import run, settings

retention = typer.Typer()


@retention.command("shards")
def audit_shards() -> None:
    """List the years of the log: each a log of its own, chained to the one before."""
    from gateway.retention import list_shards

    typer.echo("\n".join(run(list_shards(settings()))))


@retention.command("prune")
def audit_prune(
    whole_shard: Annotated[
        list[str] | None, typer.Option(help="Year to remove but for its final checkpoint; repeat for each.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only tell.")] = False,
) -> None:
    """Remove entries older than PASSERELLE_RETENTION_MONTHS that a published checkpoint covers.

    Hashes stay, and with them every proof. Without --yes nothing is removed.
    """
    from gateway.retention import prune_log

    lines = run(prune_log(settings(), whole=whole_shard or [], really=yes))
    typer.echo("\n".join(lines) or "Nothing is old enough.")
    if lines and not yes:
        typer.echo("Nothing was removed: add --yes.", err=True)
