"""What people ask under GDPR 15 to 21, as those who answer carry it out: the register, and what each answer does.

A restriction and an objection take effect before they are registered: whatever fails afterwards, nothing leaves. A
restriction is registered only where it has taken effect, and exchanges open only when none stands.
Repeating a step that was interrupted finishes it. Refuses to call done what is not: an erasure that was not executed.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from consent.errors import Contended, EpochChanged, PersonUnknown, RightInvalid, StateConflict
from consent.models import subject as people
from consent.restrictions import FLAG
from consent.rights import RightsRequest
from consent.rights_law import About, check, check_refusal
from consent.states import By
from consent.vault import SubjectId
from gateway.actors import actor_tag
from gateway.services import Clock, Services, open_services, wall_clock
from gateway.settings import Settings

LIFTS = frozenset({"accuracy_checked", "ground_gone", "person_asked"})
"""Why a restriction is over."""

_LODGED = "objection_lodged"
_ATTEMPTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What sets an objection aside: the text the person reads, and who signs it for the controller and as its DPO."""

    file: Path
    controller: str
    dpo: str


async def receive(
    services: Services, subject: SubjectId, right: str, *, by: By, now: int, about: About | None = None
) -> RightsRequest:
    """Register; a restriction or an objection stops what it is about first."""
    about = about or About()
    check(right, about)
    if right == FLAG:
        return await _restrict(services, subject, by=by, now=now, about=about)
    if about.authorisation is not None:
        record = await services.authorisations.get(about.authorisation, subject=subject)
        with suppress(StateConflict):  # lodged already, ended, or the law leaves no such right: the answer says so
            await services.authorisations.object_to(record.id, subject=subject, by=by, now=now)
    return await services.rights.receive(subject, right, by=by, now=now, about=about)


async def _restrict(services: Services, subject: SubjectId, *, by: By, now: int, about: About) -> RightsRequest:
    """Stop, then register; once more where another restriction was lifted in between."""
    for _ in range(_ATTEMPTS):
        await services.people.flag(subject, FLAG, present=True, now=now, actor=by.actor, reason=about.reason)
        with suppress(EpochChanged):
            return await services.rights.receive(subject, FLAG, by=by, now=now, about=about)
    raise Contended("this person keeps changing: ask again")


async def answer(services: Services, id_: str, *, now: int) -> RightsRequest:
    """Answer that it is done, and do what that means."""
    found = await services.rights.get(id_)
    if found.right == "erasure" and not await _erased(services, found.subject):
        raise RightInvalid("this person is not erased yet: passerelle erasure request, sign, execute")
    if found.open and found.authorisation is not None and await _state(services, found) == _LODGED:
        by = By(kind="dpo", channel="system")
        await services.authorisations.uphold(found.authorisation, subject=found.subject, by=by, now=now)
    return await services.rights.answer(id_, now=now)


async def refuse(
    services: Services, id_: str, *, reason: str, now: int, grounds: Grounds | None = None
) -> RightsRequest:
    """Refuse. A restriction ends with it; an objection that stopped something is set aside by two, with grounds."""
    found = await services.rights.get(id_)
    check_refusal(found.right, reason)
    if _refused(found):
        return await _free(services, found, reason="request_refused", now=now)
    if found.open and found.authorisation is not None and await _state(services, found) == _LODGED:
        if grounds is None:
            raise RightInvalid("an objection is set aside with its grounds, by the controller and its DPO")
        await _set_aside(services, found, found.authorisation, grounds=grounds, now=now)
    done = await services.rights.refuse(id_, reason=reason, now=now)
    return await _free(services, done, reason="request_refused", now=now) if done.right == FLAG else done


async def lift(services: Services, id_: str, *, reason: str, now: int) -> RightsRequest:
    """End a restriction; the person was told before (GDPR 18-3)."""
    if reason not in LIFTS:
        raise RightInvalid(f"lifted for one of: {', '.join(sorted(LIFTS))}")
    found = await services.rights.get(id_)
    done = found if _refused(found) else await services.rights.end(id_, now=now)
    return await _free(services, done, reason=reason, now=now)


def _refused(found: RightsRequest) -> bool:
    """A restriction that was refused: what was interrupted before exchanges opened is still to be done."""
    return found.right == FLAG and found.state == "refused"


async def _free(services: Services, done: RightsRequest, *, reason: str, now: int) -> RightsRequest:
    """Unless another restriction of the same person stands."""
    with suppress(PersonUnknown):  # erased: nothing leaves any more
        await services.people.flag(done.subject, FLAG, present=False, now=now, reason=reason)
    return done


async def _set_aside(
    services: Services, found: RightsRequest, authorisation: str, *, grounds: Grounds, now: int
) -> None:
    record = await services.authorisations.get(authorisation, subject=found.subject)
    tags = (actor_tag(services.keys.actors, record.recipient, each) for each in (grounds.dpo, grounds.controller))
    dpo, controller = (
        By(kind=kind, channel="system", actor=tag) for kind, tag in zip(("dpo", "controller"), tags, strict=True)
    )
    digest = hashlib.sha256(grounds.file.read_bytes()).hexdigest()
    await services.authorisations.override(
        authorisation, subject=found.subject, grounds=digest, cosigned=controller, by=dpo, now=now
    )


async def _state(services: Services, found: RightsRequest) -> str:
    if await _erased(services, found.subject):
        return "erased"
    return (await services.authorisations.get(str(found.authorisation), subject=found.subject)).state


async def _erased(services: Services, subject: SubjectId) -> bool:
    query = sa.select(people.c.erased_at).where(people.c.id == subject)
    return await services.store.read(lambda connection: connection.execute(query).scalar_one()) is not None


def source_of(services: Services, fields: frozenset[str]) -> str:
    """The one institution that holds these fields."""
    unknown = fields - set(services.catalogue.vocabulary.fields)
    datasets = {field.partition(".")[0] for field in fields}
    holders = sorted(id_ for id_, each in services.catalogue.parties.items() if datasets <= each.holds)
    if unknown or len(holders) != 1:
        raise RightInvalid("fields of the vocabulary that one institution holds: a request for each source")
    return holders[0]


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock = wall_clock) -> AsyncIterator[tuple[Services, int]]:
    """What the commands work with, and now."""
    async with open_services(settings, clock=clock) as services:
        yield services, services.clock()


async def receive_from(
    settings: Settings, *, partner: str, reference: str, right: str, channel: str, about: Mapping[str, Any]
) -> RightsRequest:
    """Register what the person a partner knows by this reference asks."""
    async with opened(settings) as (services, now):
        subject = await services.people.resolve(partner=partner, reference=reference)
        fields = frozenset(about["fields"])
        source = source_of(services, fields) if fields else None
        wanted = About(fields=fields, source=source, authorisation=about["authorisation"], reason=about["reason"])
        by = By(kind="subject", channel=channel)
        return await receive(services, subject, right, by=by, now=now, about=wanted)


async def listed(settings: Settings, *, overdue: bool, clock: Clock = wall_clock) -> tuple[list[RightsRequest], int]:
    """The open ones, or those that are late; and now."""
    async with opened(settings, clock=clock) as (services, now):
        found = await (services.rights.overdue(now=now) if overdue else services.rights.open())
        return list(found), now


async def send(settings: Settings, id_: str) -> RightsRequest:
    """Note that the source was asked to correct."""
    async with opened(settings) as (services, now):
        return await services.rights.sent(id_, now=now)


async def extend(settings: Settings, id_: str, *, reason: str) -> RightsRequest:
    """Take two more months."""
    async with opened(settings) as (services, now):
        return await services.rights.extend(id_, reason=reason, now=now)


async def answered(settings: Settings, id_: str, *, refused: str | None, grounds: Grounds | None) -> RightsRequest:
    """Answer, yes or no."""
    async with opened(settings) as (services, now):
        if refused is None:
            return await answer(services, id_, now=now)
        return await refuse(services, id_, reason=refused, now=now, grounds=grounds)


async def lifted(settings: Settings, id_: str, *, reason: str) -> RightsRequest:
    """End a restriction."""
    async with opened(settings) as (services, now):
        return await lift(services, id_, reason=reason, now=now)
