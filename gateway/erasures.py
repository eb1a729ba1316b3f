"""Erasure as an operator and two officers carry it out, and what reaches beyond the tables.

Answers for: the key leaves every backup of the key store in the configured folder, freed pages and write-ahead log of
the databases are cleaned, opened keys leave the memory of running processes within half a minute (until then the
journal refuses the person). Refuses what `consent.erasure` refuses.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.checkpoint import sign_note
from audit.errors import StoreUnavailable
from audit.keys import load_key
from consent.erasure import Erasure, Erasures, tombstones
from consent.vault import SubjectId
from gateway.key_backups import drop_erased
from gateway.officers import read_officers
from gateway.scrub import scrub
from gateway.services import Clock, Services, open_services, wall_clock
from gateway.settings import Settings
from gateway.web.me.models import access_report
from gateway.web.models import web_session

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_PAUSE = 30.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def opened(settings: Settings, *, clock: Clock = wall_clock) -> AsyncIterator[tuple[Services, Erasures]]:
    """What the commands work with."""
    async with open_services(settings, clock=clock) as services:
        erasures = Erasures(
            store=services.store,
            journal=services.journal,
            vault=services.vault,
            officers=read_officers(settings.officers),
            delay_ms=settings.erasure_delay_hours * _HOUR_MS,
            trace_ms=settings.erasure_trace_days * _DAY_MS,
            told=partial(_told, services),
        )
        yield services, erasures


def _told(services: Services, connection: Connection, subject: SubjectId, now: int) -> None:
    """In the transaction of an erasure: partners are told, the person's pages close, their own words go."""
    services.outbox.erased(connection, subject, now)
    connection.execute(sa.update(access_report).where(access_report.c.subject == subject).values(sealed=b""))
    connection.execute(sa.delete(web_session).where(web_session.c.subject == subject))


async def request(settings: Settings, *, partner: str, reference: str) -> Erasure:
    """Ask for the erasure of the person a partner knows by this reference."""
    async with opened(settings) as (services, erasures):
        subject = await services.people.resolve(partner=partner, reference=reference)
        return await erasures.request(subject, now=services.clock())


async def sign(settings: Settings, id_: str, key: Path) -> Erasure:
    """Sign with an officer's key."""
    async with opened(settings) as (services, erasures):
        found = await erasures.get(id_)
        return await erasures.sign(id_, sign_note(found.text, load_key(key)), now=services.clock())


async def cancel(settings: Settings, id_: str) -> None:
    """Give it up."""
    async with opened(settings) as (services, erasures):
        await erasures.cancel(id_, now=services.clock())


async def pending(settings: Settings) -> tuple[Erasure, ...]:
    """Those that are not over."""
    async with opened(settings) as (_, erasures):
        return await erasures.open()


async def execute(settings: Settings, *, clock: Clock = wall_clock) -> tuple[Erasure, ...]:
    """Carry out all that is due; gives these as they then stand.

    One that fails is told and stops no other; that one, and an interrupted run, is finished by the next.
    """
    async with opened(settings, clock=clock) as (services, erasures):
        now = services.clock()
        due = await erasures.due(now=now)
        for each in due:
            try:
                await (erasures.forget if each.executed_at else erasures.execute)(each.id, now=now)
            except Exception as error:  # noqa: BLE001  whatever it is, others wait to be erased
                _log.error("erasure %s is tried again at the next run: %s", each.id, _code(error))
        drop_erased(settings.keys_backups, await tombstones(services.store))
        await scrub(services.store, services.key_store)
        return tuple([await erasures.get(each.id) for each in due])


def _code(error: Exception) -> str:
    """Never its text: it may quote a value."""
    return getattr(error, "code", type(error).__name__)


async def drop_keys(services: Services) -> None:
    """Beside the server: forget the opened keys of whom another process erased."""
    while True:
        since = services.clock() - 2 * int(_PAUSE * 1000)
        try:
            for subject in (await tombstones(services.store, since=since)).reduced:
                services.vault.forget(subject)
        except StoreUnavailable as error:  # requests tell it too; look again
            _log.warning("erased persons cannot be looked up: %s", error.code)
        await asyncio.sleep(_PAUSE)
