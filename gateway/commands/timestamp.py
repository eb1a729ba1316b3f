"""`passerelle timestamp`: have the newest checkpoint dated now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from gateway.commands import fail, run, settings
from gateway.settings import Settings

if TYPE_CHECKING:
    from audit.timestamps import Stamp

timestamp = typer.Typer(help="Have checkpoints dated by the authority of PASSERELLE_TIMESTAMP_URL.")


@timestamp.callback(invoke_without_command=True)
def timestamp_now() -> None:
    """Have the newest checkpoint dated now; the gateway does it by itself while it is served."""
    current = settings()
    if not current.timestamp_url:
        fail("PASSERELLE_TIMESTAMP_URL is not set", 2)
    for stamp in run(_stamp(current)):
        typer.echo(f"{datetime.fromtimestamp(stamp.at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ} {stamp.authority}")


async def _stamp(current: Settings) -> "list[Stamp]":
    from gateway.services import open_services

    async with open_services(current) as services:
        assert services.timestamping is not None  # noqa: S101  the address is set
        return await services.timestamping.stamp_once(services.clock(), at_once=True)
