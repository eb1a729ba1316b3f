"""`GET /v1/catalogue`: what the caller may ask for, in its own words and the beneficiary's."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.services import Services


async def get_catalogue(request: Request) -> Response:
    """See openapi/gateway.yaml, `catalogue`."""
    services: Services = request.scope["services"]
    caller = await services.verifier.caller(request.scope, services.clock())
    request.scope["line"]["partner"] = caller.partner.id
    body = services.catalogue.describe(caller.partner.id)
    return Response(orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json")
