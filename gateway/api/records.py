"""`GET /v1/authorisations/{id}` and its `/receipt`: the recipient's own only; another's is as unknown as none."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit.consent_receipts import MEDIA_TYPE
from consent.requests import find
from consent.states import Record
from gateway.records import receipt, shown
from gateway.services import Services

_NO_STORE = {"Cache-Control": "no-store"}


async def get_authorisation(request: Request) -> Response:
    """See openapi/gateway.yaml, `readAuthorisation`."""
    services, record, now = await _found(request)
    body: Any = await shown(services, record, now=now)
    return Response(orjson.dumps(body), headers=_NO_STORE, media_type="application/json")


async def get_receipt(request: Request) -> Response:
    """See openapi/gateway.yaml, `readReceipt`."""
    services, record, now = await _found(request)
    return Response(await receipt(services, record, now=now), headers=_NO_STORE, media_type=MEDIA_TYPE)


async def _found(request: Request) -> tuple[Services, Record, int]:
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.scope, now)
    request.scope["line"]["partner"] = caller.partner.id
    caller.require("authorisations:request")
    id_ = request.path_params["id"]
    return services, await find(services.store, id_, recipient=caller.partner.id), now


def routes() -> list[Route]:
    """The addresses."""
    return [
        Route("/v1/authorisations/{id}", get_authorisation, methods=["GET"]),
        Route("/v1/authorisations/{id}/receipt", get_receipt, methods=["GET"]),
    ]
