"""`/v1/authorisation-requests`: a partner asks for what its line of the catalogue allows, and learns yes, no or lapsed.

The person answers elsewhere and in their own time: the partner looks again (`Retry-After`) or hands out a new link.
"""

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from consent.invitations import Link
from consent.requests import PENDING, find, told
from consent.states import Record
from gateway.answer import instant
from gateway.api.requests import Body, Person, parse, read_body
from gateway.authorisations import Asked, ask, invite
from gateway.services import Services

POLL_SECONDS = 60
_NO_STORE = {"Cache-Control": "no-store"}


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
    caller = await services.verifier.caller(request.scope, now)
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
        "link": None if record.state != "requested" else _link(services, await invite(services, record, now=now)),
        "receipt": services.receipt(done.appended),
    }
    return Response(orjson.dumps(body), 201, _NO_STORE, "application/json")


async def get_request(request: Request) -> Response:
    """See openapi/gateway.yaml, `readAnswer`."""
    _, record, now = await _found(request)
    word = told(record, now)
    headers = _NO_STORE | ({"Retry-After": str(POLL_SECONDS)} if word == PENDING else {})
    return Response(orjson.dumps({"id": record.id, "answer": word}), headers=headers, media_type="application/json")


async def post_link(request: Request) -> Response:
    """See openapi/gateway.yaml, `renewLink`."""
    services, record, now = await _found(request)
    link = _link(services, await invite(services, record, now=now))
    return Response(orjson.dumps(link), 201, _NO_STORE, "application/json")


async def _found(request: Request) -> tuple[Services, Record, int]:
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.scope, now)
    request.scope["line"]["partner"] = caller.partner.id
    caller.require("authorisations:request")
    record = await find(services.store, request.path_params["id"], recipient=caller.partner.id)
    return services, record, now


def _link(services: Services, link: Link) -> dict[str, str]:
    return {
        "url": f"{services.channels.people_url}/r/{link.token}",
        "expires_at": instant(link.expires_at),
    }
