"""The use case: a professional notes what a person in front of them, on paper or by code, has decided.

 1. who notes it is a named professional of the partner that asked; another partner's request does not exist for them
 2. what the channel asks for is there (`consent.assistance`), a mandate is in force, a code is used up
 3. the notice to the person is put down before the act, so that no crash loses it; a refused act takes it back
 4. a no, a later, a withdrawal hold at once; a yes at once when confirmed by a code, else after the delay

Refuses a batch job, a witness who is the same professional, and a mandate recorded by who holds it. The person decides:
the professional is `actor`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from consent.assistance import GIVING, STOPPING, Yes, require
from consent.codes import Sent, bind
from consent.errors import AssistanceIncomplete, ConsentError, IdentifierInvalid, StateConflict
from consent.pivot import plain
from consent.records import Transition
from consent.representatives import SEEN, Checked
from consent.requests import PENDING, find, told
from consent.states import By, Mandate, Record
from gateway.actors import actor_tag, holder_tag
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services

SCOPE = "authorisations:answer"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What the professional notes; `code` is its id and digits, `evidence` the SHA-256 of the signed paper's scan."""

    answer: str
    channel: str
    fields: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()
    person_present: bool = False
    evidence: str | None = None
    mandate: str | None = None
    code: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A professional who signed in here: their institution, and the journal's name of them."""

    org: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a mandate says; `until` is its first moment without force.

    Its holder can sign in alone when known by civil identity (`pivot`), or as a professional of the partner by the
    `sub` their identity provider gives them; else they act before a professional only.
    """

    capacity: str
    digest: str
    until: int
    purposes: frozenset[str]
    pivot: Mapping[str, Any] | None = field(default=None, repr=False)
    professional: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of it; `done` is None when nothing is written yet but that it waits."""

    record: Record
    done: Transition | None
    effective_at: int


async def send_code(services: Services, caller: Caller | Hand, authorisation: str, noted: Noted, *, now: int) -> Sent:
    """Send the person a code that confirms this answer and no other."""
    _tag(services, caller)  # 1
    record = await find(services.store, authorisation, recipient=_org(caller))
    if told(record, now) != PENDING:
        raise StateConflict("nothing is left to confirm")
    return await services.channels.codes.send(record.subject, _bound(record, noted), now=now)


async def answer(
    services: Services, caller: Caller | Hand, authorisation: str, noted: Noted, *, witness: Caller | None, now: int
) -> Done:
    """Note a yes, a no or a later; raises the refusals of `problems.py`."""
    tag = _tag(services, caller)  # 1
    record = await find(services.store, authorisation, recipient=_org(caller))
    beside = None if witness is None else _witness(services, caller, witness)
    shown = _shown(noted, beside)
    require(noted.channel, shown, table=GIVING if noted.answer == "yes" else STOPPING)  # 2
    mandate = await _mandate(services, record, noted, now=now)
    confirmed = None
    if noted.code is not None:
        id_, digits = noted.code
        bound = _bound(record, noted)
        await services.channels.codes.use(id_, digits, subject=record.subject, bound=bound, now=now)
        confirmed = now
    by = By(
        kind="subject" if mandate is None else "representative",
        channel=noted.channel,
        actor=tag,
        witness=beside,
        evidence=noted.evidence,
        confirmed=confirmed,
        representative=mandate,
        method="assisted",
    )
    return await _mirrored(services, record, noted.answer, lambda: _decide(services, record, noted, by, now), now=now)


async def withdraw(services: Services, caller: Caller | Hand, authorisation: str, noted: Noted, *, now: int) -> Done:
    """Note that the person takes it back: at once, or drops an answer that waits."""
    tag = _tag(services, caller)  # 1
    record = await find(services.store, authorisation, recipient=_org(caller))
    require(noted.channel, _shown(noted, None), table=STOPPING)  # 2
    mandate = await _mandate(services, record, noted, now=now)
    by = By(
        kind="subject" if mandate is None else "representative",
        channel=noted.channel,
        actor=tag,
        evidence=noted.evidence,
        representative=mandate,
        method="assisted",
    )

    if record.decided_at is None and await services.channels.assistance.waits(record.id) is not None:
        with suppress(StateConflict):  # it takes effect at this very moment: taken back all the same
            no = Noted(answer="no", channel=noted.channel)
            return await _mirrored(
                services, record, "withdrawal", lambda: _decide(services, record, no, by, now), now=now
            )
    told = services.channels.reminders.mirrored("withdrawal", now=now)  # 3: with the withdrawal, or not at all
    done = await services.authorisations.withdraw(record.id, subject=record.subject, by=by, now=now, told=told)
    return Done(record=done.record, done=done, effective_at=now)


async def record_mandate(
    services: Services,
    caller: Caller,
    seen: Seen,
    *,
    pseudonym: str | None,
    reference: str | None,
    witness: Caller | None,
    now: int,
) -> Mandate:
    """Keep what a professional read in a document: who may act for a person of theirs, until when.

    A holder who signs in alone says yes with neither witness, delay nor code: what lets them takes a witness here, and
    the holder is neither of the two. The person hears of it.
    """
    tag = _tag(services, caller)  # 1
    subject = await services.people.resolve(partner=caller.partner.id, pseudonym=pseudonym, reference=reference)
    if not seen.purposes <= set(services.catalogue.purposes):
        raise Refusal("purpose_unknown")
    holder = _holder(services, caller, seen, now=now)
    beside = None if witness is None else _witness(services, caller, witness)
    if holder != SEEN and beside is None:
        raise AssistanceIncomplete({"witness"})
    if any(who is not None and _holds(who, seen, caller.partner.id) for who in (caller, witness)):
        raise Refusal("holder_refused")
    checked = Checked(
        holder=holder, capacity=seen.capacity, digest=seen.digest, until=seen.until, purposes=seen.purposes
    )
    by = By(kind="professional", channel="counter", actor=tag, witness=beside)
    told = services.channels.reminders.recorded(now=now)  # with the mandate, or not at all
    return await services.channels.mandates.record(subject, checked, by=by, now=now, told=told)


def _holder(services: Services, caller: Caller, seen: Seen, *, now: int) -> str:
    """The tag a sign-in of the holder will show; the identity itself is not kept."""
    if seen.professional is not None:
        return actor_tag(services.keys.actors, caller.partner.id, seen.professional)
    if seen.pivot is None:
        return SEEN
    try:
        return holder_tag(services.keys.actors, services.entrance.accounts.civil_name(seen.pivot, now=now))
    except IdentifierInvalid as invalid:
        raise IdentifierInvalid(f"/holder{invalid.pointer}", invalid.reason) from None


def _holds(who: Caller, seen: Seen, org: str) -> bool:
    """Whether this professional is the holder: by their id at the partner, or by their names, all a token tells."""
    person = who.actor
    if person is None:
        return False
    if seen.professional is not None:
        return who.partner.id == org and _folded(seen.professional) == _folded(person.id)
    if seen.pivot is None:
        return False
    family = {plain(seen.pivot[name]) for name in ("family_name", "usual_name") if seen.pivot.get(name)}
    given = set(plain(" ".join(seen.pivot["given_names"])).split())
    return plain(person.family_name) in family and not given.isdisjoint(plain(person.given_name).split())


async def _decide(services: Services, record: Record, noted: Noted, by: By, now: int) -> Done:
    """4."""
    assistance = services.channels.assistance
    if noted.answer == "yes":
        done, at = await assistance.give(record, Yes(fields=noted.fields, explicit=noted.explicit), by=by, now=now)
        return Done(record=record if done is None else done.record, done=done, effective_at=at)
    if noted.answer == "later" and await assistance.drop(record.id, subject=record.subject):
        return Done(record=record, done=None, effective_at=now)  # the request was put off when the yes began to wait
    act = services.authorisations.refuse if noted.answer == "no" else services.authorisations.defer
    transition = await act(record.id, subject=record.subject, by=by, now=now)
    await assistance.drop(record.id, subject=record.subject)
    return Done(record=transition.record, done=transition, effective_at=now)


async def _mirrored(services: Services, record: Record, what: str, act: Callable[[], Awaitable[T]], *, now: int) -> T:
    """3."""
    reminders = services.channels.reminders
    id_ = await reminders.mirror(record, what, now=now)
    try:
        return await act()
    except ConsentError:
        await reminders.unsaid(id_)
        raise


async def _mandate(services: Services, record: Record, noted: Noted, *, now: int) -> Mandate | None:
    if noted.mandate is None:
        return None
    return await services.channels.mandates.check(
        noted.mandate,
        subject=record.subject,
        holder=None,
        purpose=record.purpose,
        present=noted.person_present,
        now=now,
    )


def _shown(noted: Noted, witness: str | None) -> frozenset[str]:
    """The steps of `consent.assistance` that were made; a professional's token is one."""
    steps = {
        "professional": True,
        "person_present": noted.person_present or noted.mandate is not None,  # at the counter stands who acts
        "witness": witness is not None,
        "signed_paper": noted.evidence is not None,
        "own_number": noted.code is not None,
        "code": noted.code is not None,
    }
    return frozenset(name for name, made in steps.items() if made)


def _org(caller: Caller | Hand) -> str:
    return caller.org if isinstance(caller, Hand) else caller.partner.id


def _tag(services: Services, caller: Caller | Hand) -> str:
    if isinstance(caller, Hand):
        return caller.tag
    caller.require(SCOPE)
    if caller.actor is None:
        raise Refusal("actor_required")
    return actor_tag(services.keys.actors, caller.partner.id, caller.actor.id)


def _witness(services: Services, caller: Caller | Hand, witness: Caller) -> str:
    """A second professional, by a token of their own; the same one under another spelling is no second one."""
    tag = _tag(services, witness)
    if isinstance(caller, Hand):  # nobody witnesses a page from a machine
        raise Refusal("witness_refused")
    ids = {_folded(who.actor.id) for who in (caller, witness) if who.actor is not None}
    if witness.partner.id == caller.partner.id and len(ids) == 1:
        raise Refusal("witness_refused")
    return tag


def _folded(professional: str) -> str:
    return professional.strip().casefold()


def _bound(record: Record, noted: Noted) -> str:
    return bind("answer", record.id, noted.answer, sorted(noted.fields), sorted(noted.explicit))
