"""The ASGI application: routes, hot one first, inside one pure ASGI middleware; the publisher beside them."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.authorisations import post_authorisation_request
from gateway.api.catalogue import get_catalogue
from gateway.api.exchanges import post_exchange
from gateway.api.operations import get_error_page, get_livez, get_openapi, get_readyz
from gateway.api.subjects import post_subject
from gateway.logging import place
from gateway.oauth.routes import routes as oauth_routes
from gateway.problems import Refusal
from gateway.security import Edge
from gateway.services import Services

PUBLISH_EVERY_SECONDS = 1.0


def build_app(services: Services) -> Edge:
    """The application on ready services. The caller closes the services after the server has stopped."""
    app = Starlette(
        routes=[
            Route("/v1/exchanges", post_exchange, methods=["POST"]),
            Route("/v1/subjects", post_subject, methods=["POST"]),
            Route("/v1/authorisation-requests", post_authorisation_request, methods=["POST"]),
            Route("/v1/catalogue", get_catalogue, methods=["GET"]),
            *oauth_routes(services.server),
            Route("/livez", get_livez, methods=["GET"]),
            Route("/readyz", get_readyz, methods=["GET"]),
            Route("/openapi.yaml", get_openapi, methods=["GET"]),
            Route("/errors/{code}", get_error_page, methods=["GET"]),
        ],
        lifespan=_lifespan,
        exception_handlers={HTTPException: _not_found},
    )
    app.state.services = services
    return Edge(app, base_url=services.base_url)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    publishing = asyncio.create_task(publish(app.state.services), name="publisher")
    gc.collect()
    gc.freeze()  # measured: p99 from 37 to 10 ms
    try:
        yield
    finally:
        publishing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await publishing


async def publish(services: Services) -> None:
    """Sign a checkpoint each second when there is news. A refusal to sign is loud, and stops releases by itself."""
    log = structlog.get_logger()
    while True:
        try:
            await services.publisher.publish_once(services.clock())
        except Exception as error:  # noqa: BLE001  the next second tries again; releases stop when it lasts
            code = getattr(error, "code", "internal_error")
            log.error("checkpoint_refused", code=code, where=place(error))  # noqa: TRY400  never the error's text
        await asyncio.sleep(PUBLISH_EVERY_SECONDS)


async def _not_found(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    raise Refusal("method_not_allowed" if status == 405 else "not_found")
