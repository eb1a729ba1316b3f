"""The use case: a partner asks for an authorisation. Bounded by its line of the catalogue, never beyond it.

On consent the request waits for the person; on a public task or a legal obligation it is active at once, and the
person will read that the law allows it, and whether they can object.
"""

import hashlib
from dataclasses import dataclass, field

from consent.errors import RequestPending
from consent.invitations import Link
from consent.records import Transition
from consent.requests import pending
from consent.states import By, Record, Request
from gateway.actors import acting
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the partner asks for; `names` None means all that its line covers."""

    pseudonym: str | None = field(repr=False)
    reference: str | None = field(repr=False)
    purpose: str
    names: tuple[str, ...] | None
    batch_job: str | None


async def ask(services: Services, caller: Caller, asked: Asked, *, now: int) -> Transition:
    """Put the request; raises the refusals of `problems.py`."""
    who = acting(caller, batch_job=asked.batch_job, key=services.keys.actors)
    catalogue, recipient = services.catalogue, caller.partner.id
    basis = catalogue.basis_of(recipient, asked.purpose)
    if basis is None:
        raise Refusal("purpose_not_open")
    line = catalogue.request_fields(recipient, asked.purpose)
    wanted = line.fields if asked.names is None else frozenset(catalogue.expand(recipient, asked.purpose, asked.names))
    if not wanted <= line.fields:
        raise Refusal("fields_not_open", fields=sorted(wanted - line.fields))
    subject = await services.people.resolve(partner=recipient, pseudonym=asked.pseudonym, reference=asked.reference)
    validity = catalogue.default_validity(recipient, asked.purpose)
    request = Request(
        recipient=recipient,
        purpose=asked.purpose,
        basis=basis,
        fields=wanted,
        catalogue=catalogue.digest,
        valid_until=None if validity is None else now + validity,
        max_uses=catalogue.max_uses(recipient, asked.purpose),
        notice=notice_digest(services, asked.purpose, wanted),
        siret=caller.partner.siret,
        objection=catalogue.objectable(recipient, asked.purpose),
        details={} if caller.actor is None else {"agent_role": caller.actor.role},
        sources=tuple(source for source, fields in line.sources.items() if wanted.intersection(fields)),
    )
    kind = "professional" if caller.actor is not None else "controller"
    by = By(kind=kind, channel="system", actor=who.tag)
    try:
        return await services.authorisations.request(subject, request, by=by, now=now)
    except RequestPending:  # the answer to the first one may have been lost
        waiting = await pending(services.store, subject, recipient=recipient, purpose=asked.purpose)
        if waiting is None:  # answered at this very moment
            raise
        raise Refusal("request_pending", request=waiting) from None


async def invite(services: Services, record: Record, *, now: int) -> Link:
    """A fresh one-time link to a request; the older one dies."""
    return await services.channels.invitations.issue(record, now=now)


def notice_digest(services: Services, purpose: str, fields: frozenset[str]) -> str:
    """SHA-256 of the sentences the person is shown for this request, in French and in English."""
    names = [purpose, *sorted({name.partition(".")[0] for name in fields})]
    text = "\n".join(services.catalogue.sentence(name, lang) for lang in ("fr", "en") for name in names)
    return hashlib.sha256(text.encode()).hexdigest()
