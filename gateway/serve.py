"""What the commands do: serve, migrate. Each builds what it needs from the settings and closes it."""

from contextlib import AsyncExitStack
from pathlib import Path

import uvicorn
import yaml

from gateway import logging
from gateway.app import build_app
from gateway.database import open_database
from gateway.schema import migrate
from gateway.services import open_services
from gateway.settings import Settings


async def serve_gateway(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests being answered finish first."""
    logging.configure()
    async with open_services(settings) as services:
        await _serve(build_app(services), host=settings.host, port=settings.port)


async def serve_sandbox(*, port: int, sources: Path | None) -> None:
    """Serve the simulated partners; `sources` receives the configuration that points a gateway at them."""
    from connectors import sandbox

    if sources is not None:
        sources.write_text(yaml.safe_dump(sandbox.sources(f"http://127.0.0.1:{port}"), sort_keys=True), "utf-8")
    await _serve(sandbox.build(), host="127.0.0.1", port=port)


async def migrate_databases(settings: Settings) -> None:
    """Create or update the tables of both databases."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_database(settings.main_url))
        key_store = await stack.enter_async_context(open_database(settings.keys_url))
        await migrate(store, key_store)


async def _serve(app: object, *, host: str, port: int) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # any ASGI application
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=16_384,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=15,
    )
    await uvicorn.Server(config).serve()
