"""Whom declared identifiers designate, and what linking them would change: SQL and the rule of matching.

The rule (design §7, never a guess): strong identifiers find a person; several persons found is a refusal; so is
one person found while a personal number or the civil identity contradicts, unless another personal number
agrees. Two partners declaring different values of one kind make that kind unusable (`ambiguous`).
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from consent import models
from consent.errors import ReferenceConflict, SubjectAmbiguous
from consent.identifiers import PERSONAL, Identifier
from consent.majority import adult_from, bound
from consent.vault import SubjectId, SubjectKey, place


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one partner says of one person; blind indexes computed."""

    partner: str
    reference: str = field(repr=False)
    reference_blind: str = field(repr=False)
    identifiers: Mapping[str, Identifier] = field(repr=False)
    blinds: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Persons the reference and the strong identifiers designate now; looked up again under the lock."""

    by_reference: str | None
    by_identifier: tuple[tuple[str, str], ...]

    def person(self) -> SubjectId | None:
        """The one person designated, None when nobody is; refuses to choose between several."""
        owners = {owner for _, owner in self.by_identifier}
        if len(owners) > 1:
            raise SubjectAmbiguous("the identifiers belong to several persons")
        if self.by_reference is None:
            return SubjectId(owners.pop()) if owners else None
        if owners - {self.by_reference}:
            raise ReferenceConflict("this reference names another person")
        return SubjectId(self.by_reference)


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored about that person."""

    epoch: int
    pseudonym: str | None
    links: tuple[Any, ...] = field(repr=False)

    def shape(self, partner: str, *, exact: bool) -> tuple[object, ...]:
        """What a plan depends on; who else declares the same only matters when a claim is given up (`exact`)."""
        mine = {(row.kind, row.blind) for row in self.links if row.declared_by == partner}
        if exact:
            return self.pseudonym, mine, {(row.kind, row.blind, row.declared_by) for row in self.links}
        return self.pseudonym, mine, {(row.kind, row.blind) for row in self.links}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows a link writes. Sealing is done beforehand: nothing is computed under the lock."""

    pseudonym: str
    needed: bool
    named: bool
    bump: bool
    new_links: tuple[dict[str, Any], ...] = field(repr=False)
    unclaimed: tuple[tuple[str, str], ...] = field(repr=False)
    identifiers: bytes = field(repr=False)
    ambiguous: str
    reference: bytes = field(repr=False)
    adult: int | None = field(repr=False)


def look(connection: Connection, said: Declaration) -> Found:
    """Who is designated. Same statements speculatively and under the lock."""
    table = models.reference
    by_reference = connection.execute(
        sa.select(table.c.subject).where(table.c.partner == said.partner, table.c.blind == said.reference_blind)
    ).scalar_one_or_none()
    strong = [(kind, said.blinds[kind]) for kind, each in said.identifiers.items() if each.strong]
    if not strong:
        return Found(by_reference, ())
    claims = models.identifier
    rows = connection.execute(
        sa.select(claims.c.kind, claims.c.subject)
        .where(sa.tuple_(claims.c.kind, claims.c.blind).in_(strong))
        .order_by(claims.c.kind)
    )
    return Found(by_reference, tuple((kind, owner) for kind, owner in rows))


def read_known(connection: Connection, subject: SubjectId, partner: str) -> Known | None:
    """The epoch first: what changes afterwards is caught by the gate. None when erased."""
    people, names, links = models.subject, models.partner_subject, models.link
    epoch = connection.execute(
        sa.select(people.c.epoch).where(people.c.id == subject, people.c.erased_at.is_(None))
    ).scalar_one_or_none()
    if epoch is None:
        return None
    pseudonym = connection.execute(
        sa.select(names.c.pseudonym).where(names.c.subject == subject, names.c.partner == partner)
    ).scalar_one_or_none()
    rows = connection.execute(
        sa.select(links)
        .where(links.c.subject == subject)
        .order_by(links.c.created_at, links.c.kind, links.c.declared_by)
    )
    return Known(epoch, pseudonym, tuple(rows.all()))


def contradicts(said: Declaration, known: Known, key: SubjectKey, subject: SubjectId) -> bool:
    """Whether what is declared speaks of somebody else than what is known."""
    doubtful = False
    for kind in PERSONAL & said.blinds.keys():
        stored = {row.blind for row in known.links if row.kind == kind}
        if said.blinds[kind] in stored:
            return False
        doubtful = doubtful or bool(stored)
    if doubtful or "pivot" not in said.identifiers:
        return doubtful
    pivots = [open_link(row, key, subject) for row in known.links if row.kind == "pivot"]
    own = _essentials(said.identifiers["pivot"].value)
    return bool(pivots) and all(_differ(own, _essentials(each)) for each in pivots)


def open_link(row: Any, key: SubjectKey, subject: SubjectId) -> str:
    """The value one partner declared."""
    return key.unseal(row.sealed, place("consent_link", f"sealed:{row.kind}", subject)).decode()


def plan(
    said: Declaration, found: Found, known: Known | None, *, key: SubjectKey, subject: SubjectId, now: int
) -> Plan:
    """What is to be written; `needed` is false when all of it is known already."""
    links = known.links if known else ()
    pseudonym = known.pseudonym if known else None
    mine = {row.kind: row for row in links if row.declared_by == said.partner}
    changed = [
        kind
        for kind, each in said.identifiers.items()
        if kind not in mine or open_link(mine[kind], key, subject) != each.value
    ]
    kept = [row for row in links if row.declared_by != said.partner or row.kind not in changed]
    values = _values(kept, key, subject)
    for kind in changed:
        values.setdefault(kind, {})[said.blinds[kind]] = said.identifiers[kind].value
    usable, ambiguous = _usable(values)
    unclaimed = [(kind, mine[kind].blind) for kind in changed if kind in mine and mine[kind].blind not in values[kind]]
    return Plan(
        pseudonym=pseudonym or f"psn_{secrets.token_hex(16)}",
        needed=bool(changed) or pseudonym is None or found.by_reference is None,
        named=pseudonym is None,
        bump=known is not None and _usable(_values(links, key, subject)) != (usable, ambiguous),
        new_links=tuple(_sealed(said, kind, key=key, subject=subject, now=now) for kind in changed),
        unclaimed=tuple(unclaimed),
        identifiers=key.seal(orjson.dumps(usable), place("consent_subject", "identifiers", subject)),
        ambiguous=ambiguous,
        reference=key.seal(said.reference.encode(), place("consent_reference", f"sealed:{said.partner}", subject)),
        adult=adult_from(usable["pivot"]) if "pivot" in usable else None,
    )


def _values(rows: Iterable[Any], key: SubjectKey, subject: SubjectId) -> dict[str, dict[str, str]]:
    """Kind, then fingerprint, to the newest value declared."""
    values: dict[str, dict[str, str]] = {}
    for row in rows:
        values.setdefault(row.kind, {})[row.blind] = open_link(row, key, subject)
    return values


def _usable(values: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, str], str]:
    """What sources may be asked with, and the kinds declared with several values."""
    usable = {kind: next(iter(each.values())) for kind, each in values.items() if len(each) == 1}
    return usable, " ".join(sorted(values.keys() - usable.keys()))


def create(connection: Connection, subject: SubjectId, *, now: int) -> None:
    """The row of a new person, whose first entry is the one being appended (counter 0)."""
    row = {"id": subject, "epoch": 0, "counter": 1, "uses": "{}", "flags": "", "ambiguous": "", "created_at": now}
    connection.execute(sa.insert(models.subject), row)


def write(
    connection: Connection, said: Declaration, found: Found, planned: Plan, *, subject: SubjectId, now: int
) -> None:
    """Carry the plan out, for a person whose row exists."""
    _write_claims(connection, said, found, planned, subject=subject)
    if planned.named:
        name = {"pseudonym": planned.pseudonym, "partner": said.partner, "subject": subject, "created_at": now}
        connection.execute(sa.insert(models.partner_subject), name)
    if planned.new_links:
        table = models.link
        replaced = table.c.kind.in_([row["kind"] for row in planned.new_links])
        mine = (table.c.subject == subject) & (table.c.declared_by == said.partner)
        connection.execute(sa.delete(table).where(mine & replaced))
        connection.execute(sa.insert(table), list(planned.new_links))
    if found.by_reference is None:
        row = {"partner": said.partner, "blind": said.reference_blind, "subject": subject, "created_at": now}
        connection.execute(sa.insert(models.reference), {**row, "sealed": planned.reference})
    people = models.subject
    values = {"identifiers": planned.identifiers, "ambiguous": planned.ambiguous}
    connection.execute(sa.update(people).where(people.c.id == subject).values(values))
    if planned.adult is not None:
        bound(connection, subject, planned.adult)


def _write_claims(
    connection: Connection, said: Declaration, found: Found, planned: Plan, *, subject: SubjectId
) -> None:
    """By what the person is found from now on."""
    claims = models.identifier
    if planned.unclaimed:
        given_up = sa.tuple_(claims.c.kind, claims.c.blind).in_(planned.unclaimed)
        connection.execute(sa.delete(claims).where(claims.c.subject == subject, given_up))
    owned = {kind for kind, _ in found.by_identifier}
    claimed = [
        {"kind": kind, "blind": said.blinds[kind], "subject": subject}
        for kind, each in said.identifiers.items()
        if each.strong and kind not in owned
    ]
    if claimed:
        connection.execute(sa.insert(claims), claimed)


def _sealed(said: Declaration, kind: str, *, key: SubjectKey, subject: SubjectId, now: int) -> dict[str, Any]:
    value = said.identifiers[kind].value.encode()
    return {
        "subject": subject,
        "kind": kind,
        "declared_by": said.partner,
        "blind": said.blinds[kind],
        "sealed": key.seal(value, place("consent_link", f"sealed:{kind}", subject)),
        "created_at": now,
    }


def _essentials(pivot: str) -> tuple[str, list[str]]:
    members = json.loads(pivot)
    return members["sex"], members["birth_date"].split("-")


def _differ(one: tuple[str, list[str]], other: tuple[str, list[str]]) -> bool:
    """Another sex, or birth dates that cannot be the same day; what is not known does not differ."""
    dates = zip(one[1], other[1], strict=True)
    return one[0] != other[0] or any(a != b and "00" not in {a, b} for a, b in dates)
