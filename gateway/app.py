"""The ASGI application: the routes, the hot one first; beside them the publisher, and the questions to witnesses."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

from starlette.routing import Route

from gateway.api.answers import routes as answer_routes
from gateway.api.authorisations import get_request, post_authorisation_request, post_link
from gateway.api.catalogue import get_catalogue
from gateway.api.exchanges import PostExchange
from gateway.api.log import routes as log_routes
from gateway.api.operations import get_livez, get_openapi, get_readyz
from gateway.api.records import routes as record_routes
from gateway.api.situations import post_situation
from gateway.api.subjects import post_subject
from gateway.api.webhooks import routes as webhook_routes
from gateway.api.witness import get_witnessed, post_checkpoint
from gateway.channels import run as run_channels
from gateway.edge import Edge
from gateway.erasures import drop_keys
from gateway.oauth.routes import routes as oauth_routes
from gateway.routing import Routes
from gateway.services import Services
from gateway.signin.routes import routes as signin_routes
from gateway.web.routes import routes as page_routes


def build_app(services: Services) -> Edge:
    """The application on ready services. The caller closes the services after the server has stopped."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        if services.witnessing is not None:
            await services.witnessing.compare()  # before anything is signed or released
        await services.publisher.round(services.clock())  # a log that contradicts what was signed releases nothing
        running = [asyncio.create_task(services.publisher.run(services.clock), name="publisher")]
        if services.witnessing is not None:
            running.append(asyncio.create_task(services.witnessing.run(services.clock), name="witnesses"))
        if services.timestamping is not None:
            running.append(asyncio.create_task(services.timestamping.run(services.clock), name="timestamps"))
        running.append(asyncio.create_task(services.server.ledger.run(services.clock), name="tokens"))
        running.append(asyncio.create_task(drop_keys(services), name="erased"))
        running.append(asyncio.create_task(services.signals.run(services.clock), name="signals"))
        running.append(asyncio.create_task(run_channels(services.channels, services.clock), name="channels"))
        running.append(asyncio.create_task(services.console.run(), name="console"))
        gc.collect()
        gc.freeze()  # what start-up made stays: later collections need not walk it
        gc.set_threshold(10_000, 20, 100)  # requests make few cycles: seldom enough, and little waits for it
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    router = Routes(
        [
            Route("/v1/exchanges", PostExchange(), methods=["POST"]),
            *oauth_routes(services.server),
            Route("/v1/subjects", post_subject, methods=["POST"]),
            Route("/v1/situations", post_situation, methods=["POST"]),
            Route("/v1/authorisation-requests", post_authorisation_request, methods=["POST"]),
            Route("/v1/authorisation-requests/{id}", get_request, methods=["GET"]),
            Route("/v1/authorisation-requests/{id}/links", post_link, methods=["POST"]),
            *answer_routes(),
            *record_routes(),
            Route("/v1/catalogue", get_catalogue, methods=["GET"]),
            *webhook_routes(),
            *log_routes(),
            Route("/witness/add-checkpoint", post_checkpoint, methods=["POST"]),
            Route("/witness/{log}/checkpoint", get_witnessed, methods=["GET"]),
            *page_routes(),
            *signin_routes(),
            Route("/livez", get_livez, methods=["GET"]),
            Route("/readyz", get_readyz, methods=["GET"]),
            Route("/openapi.yaml", get_openapi, methods=["GET"]),
        ],
        lifespan=lifespan,
    )
    return Edge(router, services)
