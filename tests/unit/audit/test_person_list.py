"""The list of a person's entries as written from a log: whole, over years, after a pruning, and never ahead of it."""

import asyncio
import json

import pytest
import sqlalchemy as sa

from audit.errors import SealBroken
from audit.models import audit_seal
from audit.person import verify_person
from audit.person_key import PersonKey, Sealing
from audit.person_list import delete_seals, write_list
from audit.reading import PublishedLog
from audit.retention import plan, prune
from audit.trust import Trust
from audit.years import months_before
from tests.unit.audit.conftest import BASE, linked

MONTH = 31 * 86_400_000
KEY = PersonKey(b"t" * 32, b"s" * 32)


class Person:
    """Counts the entries about one person; everything else is about nobody."""

    def __init__(self):
        self.count = 0

    def stamp(self, _connection, drafts):
        answers = []
        for draft in drafts:
            answers.append({} if draft.subject is None else {"subject": KEY.tag(self.count)})
            self.count += draft.subject is not None
        return answers


async def append(log, person, count):
    """Each entry about the person follows one about nobody."""
    async with log.journal(gate=person.stamp) as journal:
        drafts = []
        for number in range(count):
            members = {"what": "extract"}
            drafts.append(linked(type="log.read", members=members, time=log.clock.now, subject=None))
            drafts.append(linked(time=log.clock.now, seal=None if number % 2 else sealed()))
        await asyncio.gather(*(journal.append(draft) for draft in drafts))


def sealed():
    return KEY.seal(b'{"seed": "AAAA"}', "None")


async def listed(log, person, tmp_path):
    published = PublishedLog(log.database)
    vkeys = [log.signer.named(BASE).vkey]
    content = await log.database.read(
        lambda connection: write_list(connection, published, KEY, count=person.count, vkeys=vkeys, now=log.clock.now)
    )
    (tmp_path / "person.json").write_text(json.dumps(content), "utf-8")
    return content, verify_person(tmp_path / "person.json", Trust(tuple(vkeys)))


async def test_the_list_is_whole_over_years_and_after_a_pruning(log, tmp_path):
    """Numbers below an announced border lack, and the list says which entry announced it."""
    person = Person()
    await append(log, person, 200)
    await log.publish()
    log.clock.now += 13 * MONTH
    await append(log, person, 200)
    content, _ = await listed(log, person, tmp_path)
    assert content["count"] == 200, "the second year is not published yet"
    await log.publish()
    content, report = await listed(log, person, tmp_path)
    assert report.ok, report.lines()
    assert (content["count"], len(content["checkpoints"]), content["announced"]) == (400, 2, [])
    assert sum("opened" in each for each in report.facts["entries"]) == 200
    before = months_before(log.clock.now, 12)
    async with log.journal(gate=person.stamp) as journal:
        for cut in await log.database.read(lambda c: plan(c, before=before, quorum=False)):
            await prune(journal, log.database, cut, months=12, justification="", now=log.clock.now)
    await log.publish()
    content, report = await listed(log, person, tmp_path)
    assert report.ok, report.lines()
    assert content["entries"][0]["number"] == 200
    assert len(content["announced"]) == 1


async def test_somebody_without_entries_has_an_empty_list(log, tmp_path):
    """It counts once the log has published anything: without a checkpoint nobody has signed that there is none."""
    person = Person()
    await append(log, person, 0)
    content, report = await listed(log, person, tmp_path)
    assert report.failed() == ["checkpoints"]
    assert (content["count"], content["entries"], content["checkpoints"]) == (0, [], [])


async def test_only_the_seals_of_these_entries_are_deleted(log, tmp_path):
    """By tag."""
    person = Person()
    await append(log, person, 4)
    await log.database.write(lambda connection: delete_seals(connection, [KEY.tag(0), KEY.tag(1)]))
    count = sa.select(sa.func.count()).select_from(audit_seal)
    assert await log.database.read(lambda connection: connection.execute(count).scalar_one()) == 1


def test_a_key_without_its_half_opens_nothing_and_shows_nothing():
    """The half that finds entries is all that an erasure leaves."""
    half = PersonKey(b"t" * 32)
    assert half.tag(7) == KEY.tag(7)
    assert half.export() == {"tag": (b"t" * 32).hex()}
    for refused in (lambda: half.seal(b"", "r"), lambda: half.unseal(sealed(), "None")):
        with pytest.raises(SealBroken):
            refused()
    with pytest.raises(SealBroken):
        KEY.unseal(sealed(), "elsewhere")
    with pytest.raises(SealBroken):
        KEY.unseal(b"\x02", "None")
    assert "74" not in repr(KEY) + repr(Sealing(b"t" * 32))
