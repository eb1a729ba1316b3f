"""`POST /v1/subjects`: a partner links a person it knows, and learns the pseudonym it may keep."""

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consent.identifiers import KINDS
from gateway.api.requests import Body, parse, read_body
from gateway.problems import Refusal
from gateway.services import Services


class SubjectRequest(Body):
    """The partner's own reference of the person, and the identifiers it knows (see openapi/gateway.yaml)."""

    reference: str = Field(min_length=1, max_length=128)
    identifiers: dict[str, str | dict[str, str | list[str] | None]] = Field(min_length=1, max_length=8)


async def post_subject(request: Request) -> Response:
    """See openapi/gateway.yaml, `linkSubject`. The answer never tells whether the person was already known."""
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.scope, now)
    request.scope["line"]["partner"] = caller.partner.id
    caller.require("subjects:write")
    asked = parse(SubjectRequest, await read_body(request.headers, request.receive))
    if "nir" in asked.identifiers and "subjects:nir" not in caller.scopes:
        raise Refusal("identifier_not_accepted", errors=[{"pointer": "/identifiers/nir", "reason": "scope"}])
    linked = await services.people.link(
        partner=caller.partner.id,
        reference=asked.reference,
        identifiers=asked.identifiers,
        accepted_kinds=KINDS,
        now=now,
    )
    return Response(
        orjson.dumps({"pseudonym": linked.pseudonym}),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )
