"""Erased: nothing opens any more, every proof still holds."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audit.errors import SealBroken
from audit.journal import Draft
from consent import models
from consent.erasure import Erasures
from consent.errors import ConsentError, ErasureNotDue, SubjectErased
from consent.queries import Snapshot
from consent.vault import SubjectId

from .conftest import AGENT, Side, asked
from .erasing import TRACE, count, erased, releases, seals, verified


@pytest.fixture
async def other(side: Side) -> AsyncIterator[Side]:
    """A second process: its own keys in memory, its own journal."""
    another = await side.another()
    yield another
    await another.journal.close()


async def test_an_erased_person_leaves_a_count_and_a_date(side: Side, erasures: Erasures) -> None:
    """Rule: links, identifiers, authorisations and seals go at once; the tombstone says nothing of the person."""
    subject = await side.lea()
    kept = await side.lea(reference="dossier-8", nir="199042A123456")
    await side.authorisations.request(subject, asked(basis="public_task"), by=AGENT, now=side.clock.now)
    await releases(side, subject)
    await releases(side, kept, 1)
    done = await erased(side, erasures, subject)
    assert done.state == "executed"
    assert done.forget_at == side.clock.now + TRACE
    for table in (models.identifier, models.link, models.authorisation):
        assert await count(side, table, subject) == 0
    assert await seals(side) == 1, "the other person's"
    row = await side.row(subject)
    assert (row["identifiers"], row["uses"], row["ambiguous"], row["erased_at"]) == (None, "{}", "", side.clock.now)
    with pytest.raises(SubjectErased):
        await side.vault.open(subject)
    assert await side.vault.open(kept)


async def test_the_journal_never_says_whose_erasure_it_is(side: Side, erasures: Erasures) -> None:
    """Rule: only the last entry bears a tag, which nobody reads without the key."""
    subject = await side.lea()
    done = await erased(side, erasures, subject)
    told = [entry for entry in await side.entries() if entry["type"].startswith("erasure.")]
    assert [entry["type"].partition(".")[2] for entry in told] == ["requested", "approved", "approved", "executed"]
    assert all(entry["erasure"] == done.id for entry in told)
    assert [("subject" in entry, "due" in entry) for entry in told] == [
        (False, False), (False, False), (False, True), (True, False),
    ]  # fmt: skip
    assert subject not in json.dumps(told)
    key = await side.vault.journal_key(subject)
    assert told[-1]["subject"] == key.tag((await side.row(subject))["counter"] - 1)


async def test_the_person_is_refused_everywhere_also_by_another_process(
    side: Side, other: Side, erasures: Erasures
) -> None:
    """Rule: a key still in another process's memory serves for nothing: the journal refuses the person."""
    subject = await side.lea()
    names = {"partner": "ml-brume", "purpose": "support.youth", "reference": "dossier-7"}
    held = await other.snapshots.get(**names)
    await erased(side, erasures, subject)
    for process in (side, other):
        with pytest.raises(SubjectErased):
            await process.snapshots.get(**names)
        with pytest.raises(SubjectErased):
            await process.snapshots.get(**{**names, "reference": None}, pseudonym=held.pseudonym)
        with pytest.raises(SubjectErased):
            await process.lea()
        with pytest.raises(SubjectErased):
            await process.authorisations.request(subject, asked(), by=AGENT, now=side.clock.now)
        with pytest.raises(ConsentError):
            await process.people.flag(subject, "restriction", present=True, now=side.clock.now)
    with pytest.raises(SubjectErased):
        await other.journal.append(_decided(held, now=side.clock.now))
    assert subject not in other.vault._opened


def _decided(held: Snapshot, *, now: int) -> Draft:
    members = {"org": "ml-brume", "kinds": ["nir"]}
    return Draft(type="subject.linked", members=members, time=now, subject=held.ref)


async def test_proofs_hold_before_and_after(side: Side, erasures: Erasures, tmp_path: Path) -> None:
    """Rule: erasing hides no access; the list is whole as long as the journal must be kept."""
    subject = await side.lea()
    await releases(side, subject)
    before = await verified(side, subject, tmp_path)
    assert before.ok, before.lines()
    assert sum("opened" in each for each in before.facts["entries"]) == 2
    await erased(side, erasures, subject)
    after = await verified(side, subject, tmp_path)
    assert after.ok, after.lines()
    assert [each["number"] for each in after.facts["entries"]] == list(range((await side.row(subject))["counter"]))
    assert not any("opened" in each for each in after.facts["entries"])
    with pytest.raises(SealBroken):
        (await side.vault.journal_key(subject)).unseal(b"\x01", "0" * 32)


async def test_once_the_retention_has_passed_nobody_finds_the_entries(
    side: Side, erasures: Erasures, tmp_path: Path
) -> None:
    """Rule: then the last key and the names partners knew go; the same reference makes a new person."""
    subject = await side.lea()
    done = await erased(side, erasures, subject)
    with pytest.raises(ErasureNotDue) as refused:
        await erasures.forget(done.id, now=side.clock.now)
    assert refused.value.due == done.forget_at
    side.clock.now += TRACE
    assert [each.id for each in await erasures.due(now=side.clock.now)] == [done.id]
    for _ in range(2):
        await erasures.forget(done.id, now=side.clock.now)
    assert (await erasures.get(done.id)).state == "forgotten"
    assert await erasures.open() == await erasures.due(now=side.clock.now) == ()
    with pytest.raises(SubjectErased):
        await verified(side, subject, tmp_path)
    assert await side.lea() != subject
    assert (await side.row(subject))["erased_at"] is not None


async def test_a_person_nobody_knows_has_no_list(side: Side, tmp_path: Path) -> None:
    """Rule: no key, no list; a key without a person is told as such."""
    with pytest.raises(SubjectErased):
        await verified(side, SubjectId("0" * 32), tmp_path)
    await side.vault.create(SubjectId("1" * 32), now=side.clock.now)
    with pytest.raises(SubjectErased):
        await verified(side, SubjectId("1" * 32), tmp_path)
