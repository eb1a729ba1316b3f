"""`passerelle backup`: the main database, and apart from it the keys."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import fail, run, settings
from gateway.settings import Settings

backup = typer.Typer(help="Back up the main database; `keys` backs up the persons' keys, apart.")


@backup.callback(invoke_without_command=True)
def back_up_main(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Folder for the copy of the main database.")] = None,
) -> None:
    """Copy the main database while it is in use. Never the keys."""
    if context.invoked_subcommand is not None:
        return
    if out is None:
        fail("Usage: passerelle backup --out FOLDER", 2)
    from gateway.backup import back_up
    from gateway.services import wall_clock

    typer.echo(str(back_up(settings(), out, now=wall_clock())))


@backup.command("keys")
def backup_keys(
    out: Annotated[Path | None, typer.Option(help="Folder; the setting's when left out, where erasures reach.")] = None,
) -> None:
    """Write the wrapped keys, one line per person, and delete the files that have expired."""
    typer.echo(str(run(_back_up_keys(settings(), out))))


@backup.command("restore-keys")
def backup_restore_keys(
    file: Annotated[Path, typer.Argument(help="A file written by `passerelle backup keys`.")],
) -> None:
    """Bring back keys the key store lacks; those of erased persons stay away."""
    typer.echo(f"{run(_restore_keys(settings(), file))} keys brought back", err=True)


async def _back_up_keys(current: Settings, out: Path | None) -> Path:
    from gateway.key_backups import back_up_keys
    from gateway.services import open_services

    folder = current.keys_backups if out is None else out
    async with open_services(current) as services:
        days, now = current.keys_backup_days, services.clock()
        return await back_up_keys(services.key_store, folder, main=services.store, days=days, now=now)


async def _restore_keys(current: Settings, file: Path) -> int:
    from consent.erasure import tombstones
    from gateway.key_backups import restore_keys
    from gateway.services import open_services

    async with open_services(current) as services:
        return await restore_keys(services.key_store, file, await tombstones(services.store))
