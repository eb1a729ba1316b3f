"""`/witness/…`: this gateway as a C2SP tlog-witness of other logs. Text in and out; no authentication, as the norm."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from audit.errors import LogUnknown, SizeConflict
from audit.witness import Witness
from gateway.api.requests import read_raw
from gateway.problems import Refusal
from gateway.services import Services


async def post_checkpoint(request: Request) -> Response:
    """See openapi/gateway.yaml, `addCheckpoint`."""
    services, witness = _witness(request)
    address = request.client.host if request.client is not None else ""
    if not services.pace.allows(address, services.clock()):
        raise Refusal("too_many_requests", headers={"Retry-After": "1"}, retry_after=1)
    try:
        lines = await witness.add_checkpoint(await read_raw(request.receive), now=services.clock())
    except SizeConflict as conflict:
        request.scope["line"]["code"] = conflict.code
        return Response(f"{conflict.size}\n", 409, headers={"Content-Type": "text/x.tlog.size"})
    return PlainTextResponse(lines)


async def get_witnessed(request: Request) -> Response:
    """See openapi/gateway.yaml, `witnessedCheckpoint`."""
    _, witness = _witness(request)
    return PlainTextResponse(
        await witness.checkpoint(request.path_params["log"]), headers={"Cache-Control": "max-age=5"}
    )


def _witness(request: Request) -> tuple[Services, Witness]:
    services: Services = request.scope["services"]
    if services.witness is None:
        raise LogUnknown("this gateway is no witness")
    return services, services.witness
