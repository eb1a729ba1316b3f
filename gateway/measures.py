"""What a DPO, a controller or an authority does to one authorisation, and who ends a mandate: by command.

Who acts is written as a tag, for the recipient or partner they act with. Refuses what the table of transitions refuses
(`consent.states`): these commands reach what it entitles them to, no more.
"""

from collections.abc import Awaitable, Callable, Mapping

import sqlalchemy as sa

from consent.errors import AuthorisationUnknown
from consent.models import authorisation as table
from consent.records import Transition
from consent.states import By, Mandate
from consent.vault import SubjectId
from gateway.actors import actor_tag
from gateway.services import Services, open_services
from gateway.settings import Settings


async def measure(settings: Settings, id_: str, what: str, *, kind: str, who: str, **why: str) -> str:
    """Carry one out; gives the state it leads to. `why` is the reason or the reference, where one is asked for."""
    async with open_services(settings) as services:
        subject, recipient = await _owner(services, id_)
        life = services.authorisations
        acts: Mapping[str, Callable[..., Awaitable[Transition]]] = {
            "pause": life.pause, "resume": life.resume, "revoke": life.revoke, "hold": life.hold, "free": life.free,
        }  # fmt: skip
        by = By(kind=kind, channel="system", actor=actor_tag(services.keys.actors, recipient, who))
        done = await acts[what](id_, subject=subject, by=by, now=services.clock(), **why)
        return done.record.state


async def _owner(services: Services, id_: str) -> tuple[SubjectId, str]:
    query = sa.select(table.c.subject, table.c.recipient).where(table.c.id == id_)
    row = await services.store.read(lambda connection: connection.execute(query).one_or_none())
    if row is None:
        raise AuthorisationUnknown("no such authorisation")
    return SubjectId(row.subject), row.recipient


async def mandates(settings: Settings, *, partner: str, reference: str) -> tuple[Mandate, ...]:
    """Those in force for the person a partner knows by this reference."""
    async with open_services(settings) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        return await services.channels.mandates.of(subject, now=services.clock())


async def end_mandate(settings: Settings, id_: str, *, partner: str, reference: str, who: str) -> None:
    """Over from now on, with what a parent, guardian or curator gave under it."""
    async with open_services(settings) as services:
        subject = await services.people.resolve(partner=partner, reference=reference)
        by = By(kind="operator", channel="system", actor=actor_tag(services.keys.actors, partner, who))
        await services.channels.mandates.end(id_, subject=subject, by=by, now=services.clock())
