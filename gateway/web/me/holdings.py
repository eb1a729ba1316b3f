"""My data: what the gateway holds of the person, what it only passes on, where to ask for the rest. Reads, never keeps.

Refuses a value two partners declare differently (one of them may be somebody else's): `consent.held` leaves it out.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import Json
from consent.held import read_held
from consent.vault import SubjectId
from gateway.archive import pdf, words
from gateway.archive.content import collect
from gateway.archive.labels import KINDS
from gateway.archive.story import tell
from gateway.archive.told import Teller, identifier
from gateway.services import Services
from gateway.web.me import table
from gateway.web.me.phrases import Said, party_said
from policies.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """One number by which the person is found, in French and English; `value` is None when partners differ."""

    kind: tuple[str, str]
    value: tuple[str, str] | None = field(repr=False)
    by: tuple[Said, ...]
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What one institution holds and we only pass on, and where to ask it for the rest."""

    name: Said
    sentences: tuple[Said, ...]
    contact: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """All of it."""

    known_since: int
    situations: tuple[tuple[str, str], ...]
    identifiers: tuple[Identifier, ...]
    passed: tuple[Passed, ...]


async def holdings(services: Services, subject: SubjectId) -> Holdings:
    """Raises `SubjectErased`."""
    key = await services.vault.open(subject)
    held = await services.store.read(lambda connection: read_held(connection, subject, key))
    return Holdings(
        known_since=held.known_since,
        situations=tuple(words.FLAGS.get(flag, (flag, flag)) for flag in sorted(held.flags)),
        identifiers=tuple(
            Identifier(
                kind=KINDS.get(each.kind, (each.kind, each.kind)),
                value=None if each.value is None else _told(each.kind, str(each.value)),
                by=tuple(party_said(services.catalogue, org) for org in each.by),
                since=each.since,
            )
            for each in held.identifiers
        ),
        passed=passed(services.catalogue),
    )


def passed(catalogue: Catalogue) -> tuple[Passed, ...]:
    """Every institution whose information may pass here."""
    known = catalogue.vocabulary.datasets
    return tuple(
        Passed(
            name=party.name,
            sentences=tuple(known[dataset].sentence for dataset in sorted(party.holds)),
            contact=dict(party.contact or {}),
        )
        for _, party in sorted(catalogue.parties.items())
        if party.holds
    )


async def as_pdf(services: Services, subject: SubjectId, *, lang: str, reader: Mapping[str, Json], now: int) -> bytes:
    """The archive to print; written beside the loop, as it takes a while."""
    content = await _content(services, subject, reader=reader, now=now)
    teller = Teller(services.catalogue)
    return await asyncio.to_thread(lambda: pdf.render(tell(content, teller, lang)))


async def as_json(services: Services, subject: SubjectId, *, reader: Mapping[str, Json], now: int) -> bytes:
    """The archive for another system (GDPR 15-3, 20-1); its form is bound by `gateway/archive/schema.json`."""
    content = await _content(services, subject, reader=reader, now=now)
    return await asyncio.to_thread(lambda: json.dumps(content, ensure_ascii=False, indent=1).encode())


async def as_csv(services: Services, subject: SubjectId, *, lang: str, reader: Mapping[str, Json], now: int) -> bytes:
    """The accesses of the archive, for a spreadsheet; the reading is noted as for the whole of it."""
    content = await _content(services, subject, reader=reader, now=now)
    return await asyncio.to_thread(table.table, content, services.catalogue, lang)


async def _content(services: Services, subject: SubjectId, *, reader: Mapping[str, Json], now: int) -> dict[str, Any]:
    content, _ = await collect(services, subject, reader={**reader}, months=services.retention_months, now=now)
    return content


def _told(kind: str, value: str) -> tuple[str, str]:
    return identifier(kind, value, "fr"), identifier(kind, value, "en")
