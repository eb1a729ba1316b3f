"""Who acts: the professional a partner vouches for (RFC 8693), a batch job it declared, or the person themselves.

The journal and the source see different things: the journal a keyed tag, which the actor's own institution can
recompute and nobody else; France Travail the name, because its contract requires the human behind each call.
"""

import hmac
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.base import AskActor
from gateway.oauth.tokens import Professional
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from policies.catalogue import Catalogue
from policies.decision import Actor, Decision, Reason

# eIDAS levels (Regulation 910/2014 art. 8) as FranceConnect and ProConnect write them in `acr`
_ASSURANCES = {"eidas1": "low", "eidas2": "substantial", "eidas3": "high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """One actor, as the decision, the journal and the sources need it."""

    facts: Actor
    tag: str
    ask: AskActor = field(repr=False)


_PRESENT = Acting(
    facts=Actor(kind="person", role=None, assurance=None),
    tag="subject",
    ask=AskActor(id="BATCH", family_name="usager", given_name="present", kind="batch"),
)
"""The sources that want a name are told that a machine asks, as they are for a batch job."""


def acting(caller: Caller, *, batch_job: str | None, key: bytes) -> Acting:
    """Name the actor; raises `actor_required` when there is none, `batch_job_unknown` for an undeclared job."""
    person, partner = caller.actor, caller.partner
    if caller.present is not None:  # nobody but the person whom it is about: no name, in the journal neither
        if batch_job is not None:
            raise Refusal("batch_job_unknown")
        return _PRESENT
    if person is None:
        if batch_job is None:
            raise Refusal("actor_required")
        if batch_job not in partner.batch_jobs:
            raise Refusal("batch_job_unknown")
        return Acting(
            facts=Actor(kind="batch", role=None, assurance=None),
            tag=f"batch:{batch_job}",
            ask=AskActor(id="BATCH", family_name=batch_job, given_name=partner.id, kind="batch"),
        )
    if batch_job is not None:
        raise Refusal("batch_job_unknown")
    return _professional(person, caller.vouching, key)


@lru_cache(maxsize=4_096)  # the same few people act again and again; a token's names are in memory anyway
def _professional(person: Professional, vouching: str, key: bytes) -> Acting:
    return Acting(
        facts=Actor(kind="professional", role=person.role, assurance=_ASSURANCES.get(person.acr or "", person.acr)),
        tag=actor_tag(key, vouching, person.id),
        ask=AskActor(id=person.id, family_name=person.family_name, given_name=person.given_name),
    )


def levels_wanted(decision: Decision, line: tuple[str, str], catalogue: Catalogue) -> tuple[str, ...]:
    """The `acr` values, least first, any of which would have opened what was closed to a weaker sign-in.

    Empty when no field was. `line` is recipient and purpose.
    """
    closed = {each.rule.partition("@")[0] for each in decision.verdicts if each.reason is Reason.ACTOR_ASSURANCE}
    wanted = [terms.assurances for terms in catalogue.tables[line].terms if terms.exchange in closed] if closed else []
    return tuple(acr for acr, level in _ASSURANCES.items() if wanted and all(level in enough for enough in wanted))


def actor_tag(key: bytes, partner: str, professional: str) -> str:
    """The journal's name of a professional: HMAC-SHA256 over partner and id, 128 bits, hex."""
    return hmac.digest(key, b"passerelle-actor/v1\0%b\0%b" % (partner.encode(), professional.encode()), "sha256")[
        :16
    ].hex()


def holder_tag(key: bytes, civil_name: str) -> str:
    """The journal's name of somebody who acts for another person: of their civil identity's keyed digest, 128 bits."""
    return hmac.digest(key, b"passerelle-holder/v1\0" + civil_name.encode(), "sha256")[:16].hex()
