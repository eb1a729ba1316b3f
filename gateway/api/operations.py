"""For operators and readers: alive, ready, the description of the API, the page of an error."""

from pathlib import Path

import orjson
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from audit.errors import AuditError, LogContradicted, SignerRefused
from gateway.services import Services

_DESCRIPTION = Path(__file__).parent / "gateway.yaml"  # a link to `openapi/`: a wheel holds the file itself


async def get_livez(_request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def get_readyz(request: Request) -> Response:
    """Whether exchanges can be served; names what is missing."""
    services: Services = request.scope["services"]
    checks: dict[str, str] = {}
    try:
        await services.store.read(lambda connection: connection.execute(sa.select(1)).scalar_one())
        checks["database"] = "ok"
    except AuditError as error:
        checks["database"] = error.code
    fault = services.publisher.fault
    checks["checkpoints"] = "ok" if fault is None else fault.code
    for source, health in services.registry.health().items():
        checks[f"source:{source}"] = health.state
    if services.witnessing is not None:
        for witness, doubt in services.witnessing.faults.items():
            checks[f"witness:{witness}"] = "ok" if doubt is None else doubt.code
    if services.freeze.switches:
        checks["exchanges"] = "incident_freeze"
    held = isinstance(fault, LogContradicted | SignerRefused)
    ready = checks["database"] == "ok" and not held  # a source that is down is normal: the others still answer
    return Response(
        orjson.dumps({"ready": ready, "checks": checks}), 200 if ready else 503, media_type="application/json"
    )


async def get_openapi(_request: Request) -> Response:
    """The OpenAPI 3.1 description."""
    return Response(_DESCRIPTION.read_bytes(), media_type="application/yaml")
