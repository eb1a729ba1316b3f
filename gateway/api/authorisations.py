"""`POST /v1/authorisation-requests`: a partner asks for what its line of the catalogue allows, no more."""

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.answer import instant
from gateway.api.requests import Body, Person, parse, read_body
from gateway.authorisations import Asked, ask
from gateway.services import Services


class AuthorisationRequest(Body):
    """`fields` narrows the request; without it, all that the catalogue's line covers is asked."""

    subject: Person
    purpose: str = Field(min_length=1, max_length=80)
    fields: list[str] | None = Field(None, min_length=1, max_length=64)
    batch_job: str | None = Field(None, min_length=1, max_length=41)


async def post_authorisation_request(request: Request) -> Response:
    """See openapi/gateway.yaml, `requestAuthorisation`."""
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.headers.raw, now)
    request.scope["line"]["partner"] = caller.partner.id
    caller.require("authorisations:request")
    asked = parse(AuthorisationRequest, await read_body(request.headers, request.receive))
    asked.subject.exactly_one("/subject")
    done = await ask(
        services,
        caller,
        Asked(
            pseudonym=asked.subject.pseudonym,
            reference=asked.subject.reference,
            purpose=asked.purpose,
            names=None if asked.fields is None else tuple(asked.fields),
            batch_job=asked.batch_job,
        ),
        now=now,
    )
    record = done.record
    body = {
        "id": record.id,
        "state": record.state,
        "purpose": record.purpose,
        "basis": record.basis,
        "fields": sorted(record.requested),
        "valid_until": None if record.valid_until is None else instant(record.valid_until),
        "receipt": services.receipt(done.appended),
    }
    return Response(orjson.dumps(body), 201, {"Cache-Control": "no-store"}, "application/json")
