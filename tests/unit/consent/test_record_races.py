"""Acts on one authorisation at the same moment: each counts once, the tables hold one record."""

import asyncio

import pytest
import sqlalchemy as sa

from consent import models
from consent.errors import AlreadyWithdrawn, Contended, RequestPending, StateConflict

from .answered import FIELDS, given
from .conftest import AGENT, NOW, PERSON, asked


@pytest.mark.parametrize("action", ["request", "withdraw", "give"])
async def test_the_same_act_done_twice_at_once_counts_once(side, action):
    """Rule: two processes, one transition, one entry; the other is told what stands."""
    subject = await side.lea()
    other = await side.another()
    if action == "request":
        calls = [each.authorisations.request(subject, asked(), by=AGENT, now=NOW) for each in (side, other)]
        expected = RequestPending
    elif action == "withdraw":
        id_ = (await given(side, subject)).record.id
        calls = [each.authorisations.withdraw(id_, subject=subject, by=PERSON, now=NOW) for each in (side, other)]
        expected = AlreadyWithdrawn
    else:
        id_ = (await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)).record.id
        calls = [
            each.authorisations.give(id_, subject=subject, fields=FIELDS, by=PERSON, now=NOW) for each in (side, other)
        ]
        expected = StateConflict
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(isinstance(each, Exception) for each in outcomes) == [False, True]
    assert next(type(each) for each in outcomes if isinstance(each, Exception)) is expected
    await side.tags_are_gap_free(subject)
    await other.journal.close()


async def test_a_yes_and_a_no_at_once_leave_one_answer(side):
    """Rule: the state is read again under the lock, even when the epoch did not move."""
    subject = await side.lea()
    made = await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    no = side.authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW)
    yes = side.authorisations.give(made.record.id, subject=subject, fields=FIELDS, by=PERSON, now=NOW)
    outcomes = await asyncio.gather(no, yes, return_exceptions=True)
    assert [type(each).__name__ for each in outcomes] == ["Transition", "StateConflict"]
    await side.tags_are_gap_free(subject)


async def test_a_person_who_keeps_changing_is_reported_as_such(side, monkeypatch):
    """Rule: a bounded number of attempts, then an honest answer."""
    subject = await side.lea()
    real = side.store.read

    async def read(work):
        found = await real(work)
        bump = sa.update(models.subject).values(epoch=models.subject.c.epoch + 1)
        await side.store.write(lambda connection: connection.execute(bump) and None)
        return found

    monkeypatch.setattr(side.store, "read", read)
    with pytest.raises(Contended):
        await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)


async def test_the_tables_hold_one_record_per_slot(side):
    """Rule: one current record per person, purpose and recipient, on both engines, whatever the code does."""
    subject = await side.lea()
    done = await given(side, subject)
    table = models.authorisation
    copy = sa.insert(table).from_select(
        [column.name for column in table.columns],
        sa.select(*[sa.literal("0" * 32) if column.name == "id" else column for column in table.columns]).where(
            table.c.id == done.record.id
        ),
    )
    with pytest.raises(sa.exc.IntegrityError):
        await side.store.write(lambda connection: connection.execute(copy) and None)
    await side.store.write(lambda connection: connection.execute(sa.update(table).values(slot=None)) and None)
    await side.store.write(lambda connection: connection.execute(copy) and None)
