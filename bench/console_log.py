"""A long, plausible journal on PostgreSQL: exchanges of every line of the catalogue over three months, and persons.

Entries go through the journal's own write path (hashes, tiles, head), so that everything adds up and can be published
and verified; persons are rows with a real key, whose tags the entries bear. Nothing is delivered or decided here.
"""

import json
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import Connection, make_url

from audit import shards, tiles
from audit.merkle import CompactRange, leaf_hash
from audit.rows import write_rows
from consent.vault import LocalKek, SubjectKey
from gateway.services import Services

PERIOD_MS = 92 * 86_400_000
OFTEN = 20
"""How many times as often as others those already known are asked about."""

_CHUNK = 4_096
_AGENTS = 300
_REASONS = ("withdrawn", "no_authorisation", "not_authorised", "expired", "actor_role", "frequency_exceeded")
_EVENTS = ("requested", "given", "refused", "withdrawn", "narrowed", "expired")
_SUBJECT_KEY = ("subject", "scope", "wrapped", "kek", "created_at")
_SUBJECT = ("id", "epoch", "counter", "uses", "flags", "ambiguous", "identifiers", "created_at", "erased_at")
_NAMED = ("pseudonym", "partner", "subject", "created_at")


@dataclass(slots=True)
class Person:
    """Somebody of the register: `count` entries so far, `tag` makes the next one's."""

    id: str
    key: SubjectKey = field(repr=False)
    authorisation: str
    count: int = 0

    def tag(self) -> str:
        """Name them in one more entry."""
        self.count += 1
        return self.key.tag(self.count - 1)


@dataclass(frozen=True, slots=True)
class Offered:
    """One line of the catalogue as a partner uses it."""

    org: str
    purpose: str
    sources: list[str]
    permits: dict[str, list[str]]
    basis: str


def offers(services: Services) -> list[Offered]:
    """Every (recipient, purpose), with all the fields it serves."""
    catalogue = services.catalogue
    found = []
    for (org, purpose), table in sorted(catalogue.tables.items()):
        permits: dict[str, list[str]] = {}
        sources: set[str] = set()
        for rule in table.rules.values():
            if rule.barred is None and rule.field.name in table.served:
                source = str(rule.permit.source)
                sources.add(source)
                exchange = next(each for each in catalogue.active(org, purpose) if each.source == source)
                permits.setdefault(exchange.name, []).append(rule.field.name)
        if permits:
            found.append(Offered(org, purpose, sorted(sources), permits, str(table.basis)))
    return found


def people(count: int, kek: LocalKek, *, now: int) -> tuple[list[Person], list[tuple[Any, ...]]]:
    """Draw persons, and the rows of their keys."""
    found, rows = [], []
    for _ in range(count):
        subject, key = secrets.token_hex(16), secrets.token_bytes(32)
        found.append(Person(subject, SubjectKey(key), secrets.token_hex(16)))
        wrapped = kek.wrap(key, f"subject_key\x00{subject}\x00{kek.id}".encode())
        rows.append((subject, "whole", wrapped, kek.id, now))
    return found, rows


async def fill(
    services: Services, url: str, *, entries: int, persons: int, kek: bytes, known: Sequence[Person] = ()
) -> list[tuple[str, str]]:
    """Write it, also about those already `known`; gives (pseudonym for `ml-brume`, subject) of some of the others."""
    now = services.clock()
    drawn, keys = people(persons, LocalKek(kek), now=now)
    crowd = [*known] * OFTEN + drawn
    draw = random.Random(1)  # noqa: S311  a plausible journal, the same each time
    written = _leaves(services, crowd, draw, start=now - PERIOD_MS, step=PERIOD_MS / entries)
    left = entries
    while left > 0:
        count = min(_CHUNK, left)
        batch = [next(written) for _ in range(count)]
        await services.store.write(partial(_append, batch=batch))
        left -= count
    names = [(secrets.token_urlsafe(24)[:36], "ml-brume", each.id, now) for each in drawn]
    place = make_url(url)
    server = await asyncpg.connect(host=str(place.query["host"]), user=place.username, database=place.database)
    standing = [(each.id, 1, each.count, "{}", "", "", None, now, None) for each in drawn]
    await server.copy_records_to_table("subject_key", records=keys, columns=_SUBJECT_KEY)
    await server.copy_records_to_table("consent_subject", records=standing, columns=_SUBJECT)
    await server.copy_records_to_table("consent_partner_subject", records=names, columns=_NAMED)
    counts = [(each.id, each.count) for each in known]
    await server.executemany("UPDATE consent_subject SET counter = $2 WHERE id = $1", counts)
    await server.execute("VACUUM (ANALYZE)")
    await server.close()
    return [(pseudonym, subject) for pseudonym, _, subject, _ in names[:: max(1, persons // 200)]]


def _leaves(
    services: Services, crowd: list[Person], draw: random.Random, *, start: int, step: float
) -> Iterator[tuple[str | None, int, bytes]]:
    """Give (tag, time, entry) for ever: of a hundred, 70 are exchanges, 15 refusals, 15 choices of the person."""
    lines, catalogue = offers(services), services.catalogue
    agents = {line.org: [secrets.token_hex(16) for _ in range(_AGENTS)] for line in lines}
    at, commitment = float(start), "x" * 32

    def entry(kind: str, person: Person, **members: Any) -> tuple[str | None, int, bytes]:
        nonlocal at
        at += step
        tag = person.tag()
        told = {**members, "v": 1, "type": kind, "id": secrets.token_hex(16), "time": int(at), "subject": tag}
        return tag, int(at), json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    while True:
        line, person = draw.choice(lines), draw.choice(crowd)
        actor = "batch:nightly" if draw.random() < 0.1 else draw.choice(agents[line.org])
        common = {"ref": secrets.token_hex(16), "org": line.org, "purpose": line.purpose, "actor": actor}
        decided = {**common, "catalogue": catalogue.digest, "epoch": 1, "siret": catalogue.parties[line.org].siret,
                   "sources": line.sources, "authorisation": person.authorisation, "basis": line.basis}  # fmt: skip
        fields = [name for names in line.permits.values() for name in names]
        chance = draw.random()
        if chance < 0.7:
            yield entry("exchange.decided", person, **decided, decision="permit", permits=line.permits)
            states = dict.fromkeys(sorted({name.partition(".")[0] for name in fields}), "released")
            commits = dict.fromkeys(fields, commitment)
            yield entry("exchange.released", person, **common, states=states, commits=commits)
        elif chance < 0.85:
            reason = draw.choice(_REASONS)
            yield entry("exchange.decided", person, **decided, decision="deny", denials={reason: fields})
        else:
            told = {name: decided[name] for name in ("org", "purpose", "authorisation", "basis", "epoch")}
            yield entry(f"authorisation.{draw.choice(_EVENTS)}", person, **told, fields=fields)


def _append(connection: Connection, batch: list[tuple[str | None, int, bytes]]) -> None:
    shard = shards.current(connection)
    assert shard is not None  # noqa: S101  the services have begun the log
    hashes = [leaf_hash(leaf) for _, _, leaf in batch]
    after = CompactRange.from_bytes(shard.size, shard.peaks)
    after.extend(hashes)
    write_rows(
        connection, at=batch[-1][1], shard=shard,
        entries=[(tag, digest, leaf) for (tag, _, leaf), digest in zip(batch, hashes, strict=True)],
        seals=[], tiles=tiles.filled_by(connection, shard, hashes),
        head=(after.size, after.to_bytes(), after.root()), moved=None,
    )  # fmt: skip
