"""`passerelle`: nouns, then verbs. Data on stdout, words on stderr; exit 0 ok, 1 refused or failed, 2 misuse.

Never a secret as an argument. Each command imports what it needs, so that `--help` answers at once.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import fail, run, settings
from gateway.commands.audit import audit
from gateway.commands.authorisation import authorisation
from gateway.commands.backup import backup
from gateway.commands.console import console
from gateway.commands.erasure import erasure, officer
from gateway.commands.keys import key
from gateway.commands.partner import partner
from gateway.commands.person import person
from gateway.commands.policy import policy
from gateway.commands.retention import retention
from gateway.commands.rights import rights
from gateway.commands.role import role
from gateway.commands.timestamp import timestamp
from gateway.commands.witness import witness
from gateway.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
database = typer.Typer(no_args_is_help=True, help="The tables.")
app.add_typer(partner, name="partner")
app.add_typer(audit, name="audit")
app.add_typer(authorisation, name="authorisation")
audit.add_typer(retention)
app.add_typer(console, name="console")
app.add_typer(key, name="key")
app.add_typer(database, name="database")
app.add_typer(policy, name="policy")
app.add_typer(backup, name="backup")
app.add_typer(erasure, name="erasure")
app.add_typer(officer, name="officer")
app.add_typer(person, name="person")
app.add_typer(rights, name="rights")
app.add_typer(role, name="role")
app.add_typer(timestamp, name="timestamp")
app.add_typer(witness, name="witness")


def main() -> None:
    """Entry point: what is refused ends in one sentence on stderr, never in a traceback."""
    try:
        app()
    except Exception as error:
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            raise
        fail(f"{code}: {error}")


@app.command("settings")
def show_settings() -> None:
    """List every setting with its value and meaning."""
    current = settings()
    for name, field in Settings.model_fields.items():
        typer.echo(f"PASSERELLE_{name.upper()}={getattr(current, name)}\n    {field.description}")


@app.command()
def serve() -> None:
    """Serve the gateway at PASSERELLE_HOST:PASSERELLE_PORT until told to stop."""
    from gateway.serve import serve_gateway

    run(serve_gateway(settings()))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8100,
    sources: Annotated[
        Path | None, typer.Option(help="Write the file of sources for this sandbox, then serve.")
    ] = None,
    providers: Annotated[
        Path | None, typer.Option(help="Write the file of its identity providers too, and beside it their secret.")
    ] = None,
) -> None:
    """Serve the simulated partners and identity provider, with fictional people."""
    from gateway.serve import serve_sandbox

    run(serve_sandbox(port=port, sources=sources, providers=providers))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the story.")] = False,
) -> None:
    """Tell the whole story on embedded SQLite and simulated partners."""
    from gateway.demo import tell

    sys.exit(asyncio.run(tell(once=once)))


@database.command("migrate")
def migrate_database() -> None:
    """Bring both databases to this version's tables."""
    from gateway.serve import migrate_databases

    run(migrate_databases(settings()))
    typer.echo("The tables are those of this version.", err=True)
