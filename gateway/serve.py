"""What the commands do: serve, migrate. Each builds what it needs from the settings and closes it."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import yaml

from audit.errors import StoreUnavailable
from gateway import logging
from gateway.app import build_app
from gateway.catalogues.bundles import digest_in_force
from gateway.connections import KEEP_ALIVE_SECONDS, sweep
from gateway.database import open_database
from gateway.schema import migrate
from gateway.services import Services, open_services
from gateway.settings import Settings
from gateway.tls import server_options

_PAUSE = 1.0  # seconds between two looks; a release decided with the former catalogue is refused meanwhile

_log = structlog.get_logger()


class AddressTaken(Exception):  # noqa: N818  the command ends, with a sentence
    """Another process listens there, or this one may not."""

    code = "address_taken"


async def serve_gateway(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests being answered finish first.

    When another catalogue becomes active everything is built anew on it, by each process for itself: requests being
    answered finish, new ones wait in the socket for the moment it takes.
    """
    logging.configure()
    listening = _bind(settings.host, settings.port)
    try:
        tls = server_options(settings)
        while await _serve_one_catalogue(settings, listening, tls):
            pass
    finally:
        listening.close()


async def _serve_one_catalogue(settings: Settings, listening: socket.socket, tls: dict[str, Any]) -> bool:
    """Serve as long as one catalogue decides; gives whether to go on with the next."""
    async with open_services(settings) as services:
        await services.activations.first(services.catalogue, now=services.clock())
        follow = asyncio.create_task(_superseded(services), name="catalogue")
        try:
            await _serve(build_app(services), listening, tls, until=follow)
            return follow.done()
        finally:
            follow.cancel()


async def _superseded(services: Services) -> None:
    """Come back when the catalogue these services decide with is not the active one any more."""
    while True:
        await asyncio.sleep(_PAUSE)
        try:
            digest = await digest_in_force(services.store)
            await services.freeze.look()
        except StoreUnavailable as error:  # requests tell it too; look again
            _log.warning("catalogue_unknown", code=error.code)
            continue
        if digest is not None and digest != services.catalogue.digest:
            _log.warning("catalogue_superseded", catalogue=digest)  # everything starts again on it
            return


async def serve_sandbox(*, port: int, sources: Path | None, providers: Path | None = None) -> None:
    """Serve the simulated partners; `sources` and `providers` receive what points a gateway at them."""
    from connectors import sandbox

    if sources is not None:
        sources.write_text(yaml.safe_dump(sandbox.sources(f"http://127.0.0.1:{port}"), sort_keys=True), "utf-8")
    if providers is not None:
        write_providers(providers, f"http://127.0.0.1:{port}")
    listening = _bind("127.0.0.1", port)
    try:
        await _serve(sandbox.build(), listening, {"http": "httptools"})
    finally:
        listening.close()


def write_providers(file: Path, sandbox_url: str) -> None:
    """The file of identity providers of a sandbox, and beside it the one with their secret."""
    from connectors import sandbox

    secret = file.with_suffix(".secret")
    secret.touch(mode=0o600)
    secret.write_text(sandbox.identity_secret(), "utf-8")
    content = sandbox.identity_providers(sandbox_url, secret_file=secret.name)
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=True), "utf-8")


async def migrate_databases(settings: Settings) -> None:
    """Create or update the tables of both databases."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_database(settings.main_url))
        key_store = await stack.enter_async_context(open_database(settings.keys_url))
        await migrate(store, key_store)


def _bind(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise AddressTaken(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    listening.listen(2048)
    return listening


async def _serve(
    app: object, listening: socket.socket, options: dict[str, Any], *, until: "asyncio.Task[None] | None" = None
) -> None:
    """Serve on a socket that stays ours, until a signal, or until that task is done."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        loop="uvloop",
        **options,
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=15,
    )
    server = uvicorn.Server(config)

    def stop(_: object) -> None:
        server.should_exit = True

    if until is not None:
        until.add_done_callback(stop)
    sweeping = asyncio.create_task(sweep(server.server_state.connections), name="connections")
    try:
        await server.serve(sockets=[listening.dup()])
    finally:
        sweeping.cancel()
