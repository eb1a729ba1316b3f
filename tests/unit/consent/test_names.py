"""Who is asked to erase: everybody an authorisation named, also one whose content is gone."""

import json

import pytest
import sqlalchemy as sa

from consent.models import authorisation
from consent.names import parties
from consent.states import KEPT_MS, LAPSE_MS
from consent.vault import SubjectId
from tests.unit.consent.conftest import AGENT, CLOCK, NOW, Side, asked
from tests.unit.consent.erasing import erased, of

SOURCES = ("caf-brume", "ft-brume")


async def tombstoned(side: Side) -> SubjectId:
    """Somebody whose one request nobody answered, four years ago."""
    subject, life = await side.lea(), side.authorisations
    made = await life.request(subject, asked(sources=SOURCES), by=AGENT, now=NOW)
    side.clock.now = NOW + LAPSE_MS
    await life.lapse(made.record.id, subject=subject, by=CLOCK, now=side.clock.now)
    side.clock.now += KEPT_MS
    await life.tombstone(made.record.id, subject=subject, by=CLOCK, now=side.clock.now)
    return subject


async def written_before(side: Side) -> None:
    """As tombstones were written when they kept no sources."""
    bare = json.dumps({"schema": "iso-27560/passerelle-1", "events": []})
    update = sa.update(authorisation).values(record=bare)
    await side.store.write(lambda connection: connection.execute(update) and None)


@pytest.mark.parametrize(("old", "asked_to_erase"), [(False, {"ml-brume", *SOURCES}), (True, {"ml-brume"})])
async def test_a_person_with_a_tombstone_is_erased_and_its_parties_told(
    side: Side,
    old: bool,  # noqa: FBT001  a case
    asked_to_erase: set[str],
) -> None:
    """Rule (GDPR 17, 19): recipient and sources are still known when everything else of the authorisation is gone."""
    subject = await tombstoned(side)
    if old:
        await written_before(side)
    told: list[frozenset[str]] = []
    erasures = of(side)
    erasures._told = lambda connection, whom, _now: told.append(parties(connection, whom))
    done = await erased(side, erasures, subject)
    assert done.state == "executed"
    assert told == [asked_to_erase]
