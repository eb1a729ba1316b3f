"""The use case: a partner's site sends a person to choose, and gets back a grant whose id is the authorisation.

 1. begin    the person is signed in; the partner has a pseudonym for them; the authorisation to show is found or asked
 2. (the person answers on the request screen, as for any other request: `gateway/choices.py`)
 3. finish   what stands gives a code, anything else `access_denied`: the partner learns no more than "no"

Asking through a browser asks nothing twice: a request that waits, one that stands and a refusal of the last ninety days
are shown as they are. Refuses to show one person's flow to another, and to give a code to a session that did not come
from there: somebody who helps under a mandate may answer, but is not the person who is present.
"""

from consent.errors import AuthorisationExists, RequestPending, RequestTooSoon
from consent.requests import PENDING, told
from consent.states import By, Record, Request
from consent.vault import SubjectId
from gateway.authorisations import notice_digest
from gateway.oauth.authorization import DENIED, answer_address
from gateway.oauth.errors import FlowUnknown
from gateway.oauth.flows import Flow
from gateway.oauth.presence import given
from gateway.problems import Refusal
from gateway.services import Services

_DAY_MS = 86_400_000


async def begin(
    services: Services, id_: str, *, subject: SubjectId, session: str, auth_time: int | None, acr: str, now: int
) -> str:
    """The authorisation to show this person for this flow; raises `FlowUnknown` for one that is over or another's."""
    presence = services.server.presence
    flow = None if presence is None else await presence.flows.opened(id_, now=now)
    if presence is None or flow is None or flow.subject not in {None, subject}:
        raise FlowUnknown("this flow cannot be used")
    await services.naming.name(subject, partner=flow.partner, now=now)
    record = await _record(services, flow, subject, now=now)
    attached = await presence.flows.attach(
        flow.id,
        subject=subject,
        session=session,
        authorisation=record.id,
        signed_in_at=None if auth_time is None else auth_time * 1000,
        acr=acr,
        now=now,
    )
    if not attached:
        raise FlowUnknown("this flow cannot be used")
    return record.id


async def finish(services: Services, flow: Flow, *, now: int) -> str:
    """The address the person goes back to; raises `FlowUnknown` when it ended meanwhile."""
    presence = services.server.presence
    if presence is None or flow.subject is None or flow.authorisation is None:
        raise FlowUnknown("this flow cannot be used")
    record = await services.authorisations.get(flow.authorisation, subject=flow.subject)
    if given(record, flow, now):
        code = await presence.flows.answer(flow.id, now=now)
        if code is None:
            raise FlowUnknown("this flow cannot be used")
        return answer_address(flow, services.server.issuer, code=code)
    if not await presence.flows.end(flow.id, now=now):
        raise FlowUnknown("this flow cannot be used")
    return answer_address(flow, services.server.issuer, error=DENIED)


async def _record(services: Services, flow: Flow, subject: SubjectId, *, now: int) -> Record:
    """What is shown: a new request, unless the domain says that this was asked."""
    try:
        done = await services.authorisations.request(
            subject, _request(services, flow, now=now), by=By(kind="controller", channel="system"), now=now
        )
    except (RequestPending, RequestTooSoon, AuthorisationExists):
        return await _newest(services, flow, subject, now=now)
    return done.record


async def _newest(services: Services, flow: Flow, subject: SubjectId, *, now: int) -> Record:
    """The request that waits, else what decisions read, else the last answer."""
    line = (flow.partner, flow.wish.purpose)
    every = await services.authorisations.authorisations_of(subject)
    records = [each for each in every if (each.recipient, each.purpose) == line]
    if not records:
        raise FlowUnknown("this flow cannot be used")
    return min(records, key=lambda each: (told(each, now) != PENDING, each.slot != "current", -each.changed_at))


def _request(services: Services, flow: Flow, *, now: int) -> Request:
    catalogue, partner, wish = services.catalogue, flow.partner, flow.wish
    basis = catalogue.basis_of(partner, wish.purpose)
    if basis is None:
        raise Refusal("purpose_not_open")
    line = catalogue.request_fields(partner, wish.purpose)
    longest = catalogue.default_validity(partner, wish.purpose)
    asked = [each for each in (longest, None if wish.days is None else wish.days * _DAY_MS) if each is not None]
    return Request(
        recipient=partner,
        purpose=wish.purpose,
        basis=basis,
        fields=wish.fields & line.fields,
        catalogue=catalogue.digest,
        valid_until=now + min(asked) if asked else None,
        max_uses=catalogue.max_uses(partner, wish.purpose),
        notice=notice_digest(services, wish.purpose, wish.fields),
        siret=catalogue.parties[partner].siret,
        objection=catalogue.objectable(partner, wish.purpose),
        sources=tuple(source for source, fields in line.sources.items() if wish.fields.intersection(fields)),
    )
