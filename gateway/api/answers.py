"""What a professional notes on a person's behalf: answers, the codes that confirm them, withdrawals."""

from datetime import date
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consent.clocks import midnight
from gateway.answer import instant
from gateway.answers import Done, Noted, Seen, answer, record_mandate, send_code, withdraw
from gateway.api.requests import Body, Person, parse, read_body
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services

WITNESS = (b"witness-authorization", b"witness-dpop")

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Fields = Annotated[list[str], Field(max_length=64)]


class Code(Body):
    """A code as the person read it from their phone."""

    id: _Id
    digits: Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class Act(Body):
    """Where the person is, and who acts for them."""

    person_present: bool = False
    evidence: _Digest | None = None
    mandate: _Id | None = None


class Answer(Act):
    """`fields` are those the person said yes to, one by one: nothing is ticked for them."""

    answer: Literal["yes", "no", "later"]
    channel: Literal["counter", "paper", "sms"]
    fields: _Fields = Field(default=[])
    explicit: _Fields = Field(default=[])
    code: Code | None = None

    def noted(self) -> Noted:
        """As the use case takes it."""
        return Noted(
            answer=self.answer,
            channel=self.channel,
            fields=frozenset(self.fields),
            explicit=frozenset(self.explicit),
            person_present=self.person_present,
            evidence=self.evidence,
            mandate=self.mandate,
            code=None if self.code is None else (self.code.id, self.code.digits),
        )


class Confirmed(Body):
    """The answer a code is asked for."""

    answer: Literal["yes", "no", "later"]
    fields: _Fields = Field(default=[])
    explicit: _Fields = Field(default=[])


class Withdrawal(Act):
    """No reason is asked."""

    channel: Literal["counter", "phone", "paper", "letter"]


class Holder(Body):
    """Who may sign in alone under a mandate: by civil identity, or as the partner's own professional."""

    pivot: dict[str, Any] | None = None
    professional: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class MandateSeen(Body):
    """What the document says; the document itself stays where it is."""

    subject: Person
    capacity: Literal["parent", "guardian", "curator", "aidant"]
    digest: _Digest
    until: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    purposes: Annotated[list[str], Field(max_length=32)] = Field(default=[])
    holder: Holder = Field(default=Holder())


async def post_answer(request: Request) -> Response:
    """See openapi/gateway.yaml, `noteAnswer`."""
    services, caller, now = await _caller(request)
    noted = parse(Answer, await read_body(request.headers, request.receive)).noted()
    done = await answer(
        services, caller, request.path_params["id"], noted, witness=await _witness(request, now), now=now
    )
    return _told(services, done, now)


async def post_code(request: Request) -> Response:
    """See openapi/gateway.yaml, `sendCode`."""
    services, caller, now = await _caller(request)
    body = parse(Confirmed, await read_body(request.headers, request.receive))
    noted = Noted(answer=body.answer, channel="sms", fields=frozenset(body.fields), explicit=frozenset(body.explicit))
    sent = await send_code(services, caller, request.path_params["id"], noted, now=now)
    return _json({"id": sent.id, "expires_at": instant(sent.expires_at)}, 201)


async def post_withdrawal(request: Request) -> Response:
    """See openapi/gateway.yaml, `noteWithdrawal`."""
    services, caller, now = await _caller(request)
    body = parse(Withdrawal, await read_body(request.headers, request.receive))
    noted = Noted(
        answer="withdrawal",
        channel=body.channel,
        person_present=body.person_present,
        evidence=body.evidence,
        mandate=body.mandate,
    )
    with services.journal.first():  # once all of it is here: a slow sender holds up nobody
        done = await withdraw(services, caller, request.path_params["id"], noted, now=now)
    return _told(services, done, now)


async def post_mandate(request: Request) -> Response:
    """See openapi/gateway.yaml, `recordMandate`."""
    services, caller, now = await _caller(request)
    body = parse(MandateSeen, await read_body(request.headers, request.receive))
    body.subject.exactly_one("/subject")
    if body.holder.pivot is not None and body.holder.professional is not None:
        raise Refusal("malformed_request", errors=[{"pointer": "/holder", "reason": "one_of_pivot_professional"}])
    seen = Seen(
        capacity=body.capacity,
        digest=body.digest,
        until=_midnight(body.until),
        purposes=frozenset(body.purposes),
        pivot=body.holder.pivot,
        professional=body.holder.professional,
    )
    made = await record_mandate(
        services,
        caller,
        seen,
        pseudonym=body.subject.pseudonym,
        reference=body.subject.reference,
        witness=await _witness(request, now),
        now=now,
    )
    # the end as it was noted: an earlier one, at majority, would tell a date of birth that another partner declared
    return _json({"id": made.id, "capacity": made.capacity, "until": instant(seen.until)}, 201)


async def _caller(request: Request) -> tuple[Services, Caller, int]:
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.scope, now)
    request.scope["line"]["partner"] = caller.partner.id
    return services, caller, now


async def _witness(request: Request, now: int) -> Caller | None:
    """The second professional's own token, in a header of its own: a token never travels anywhere else."""
    if all(name != WITNESS[0] for name, _ in request.headers.raw):
        return None
    services: Services = request.scope["services"]
    return await services.verifier.caller(request.scope, now, where=WITNESS)


def _midnight(day: str) -> int:
    """When this day begins where the document was read."""
    try:
        return midnight(date.fromisoformat(day))
    except ValueError:
        raise Refusal("malformed_request", errors=[{"pointer": "/until", "reason": "no_such_day"}]) from None


def _told(services: Services, done: Done, now: int) -> Response:
    body = {
        "id": done.record.id,
        "effective_at": instant(done.effective_at),
        "waits": done.effective_at > now,
        "receipt": None if done.done is None else services.receipt(done.done.appended),
    }
    return _json(body, 202 if done.effective_at > now else 200)


def _json(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")


def routes() -> list[Route]:
    """The addresses."""
    request = "/v1/authorisation-requests/{id}"
    return [
        Route(f"{request}/codes", post_code, methods=["POST"]),
        Route(f"{request}/answers", post_answer, methods=["POST"]),
        Route("/v1/authorisations/{id}/withdrawals", post_withdrawal, methods=["POST"]),
        Route("/v1/mandates", post_mandate, methods=["POST"]),
    ]
