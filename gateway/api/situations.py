"""`POST /v1/situations`: what a partner knows of a person's situation, on which lines of the catalogue depend."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from gateway.actors import actor_tag
from gateway.api.requests import Body, Person, parse, read_body
from gateway.services import Services
from gateway.situations import note


class SituationRequest(Body):
    """Whom it is about, and whether it is so (`present`) or is over."""

    subject: Person
    situation: Literal["beneficiary_rsa", "protected_address"]
    present: bool


async def post_situation(request: Request) -> Response:
    """See openapi/gateway.yaml, `noteSituation`. The answer never tells whether it was noted before."""
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.scope, now)
    request.scope["line"]["partner"] = caller.partner.id
    caller.require("subjects:situations")
    asked = parse(SituationRequest, await read_body(request.headers, request.receive))
    asked.subject.exactly_one("/subject")
    named = {"pseudonym": asked.subject.pseudonym, "reference": asked.subject.reference}
    subject = await services.people.resolve(partner=caller.partner.id, **named)
    who = caller.actor
    actor = None if who is None else actor_tag(services.keys.actors, caller.partner.id, who.id)
    await note(
        services,
        subject,
        asked.situation,
        present=asked.present,
        org=caller.partner.id,
        actor=actor,
        now=now,
    )
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
