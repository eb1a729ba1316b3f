"""Notices: once each, in the person's own way, and only that there is something new."""

import asyncio

import pytest
import sqlalchemy as sa

from consent import models
from consent.reminders import AFTER_MS, ENDING_MS, KEPT_MS, RETRY_MS, TRIES

from .conftest import DAY, NOW, PERSON, asked
from .reached import MOBILE, Reached, break_key


async def turn(reached, now) -> int:
    reached.side.clock.now = now
    return await reached.reminders.round(now)


async def given(reached, subject, **changes):
    made = await reached.asked(subject, **changes)
    await reached.side.authorisations.give(made.record.id, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    return made.record.id


async def test_a_new_request_is_told_once(side):
    """By the way the person prefers, in their language, without a word of what it is about."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.contacts.declare(
        subject, preference="email", addresses={"sms": MOBILE, "email": "lea@courriel.example"}, lang="en",
        by=PERSON, now=NOW,
    )  # fmt: skip
    made = await reached.asked(subject)
    assert [await turn(reached, NOW) for _ in range(3)] == [1, 0, 0]
    [message] = reached.provider.sent
    assert (message.way, message.to, message.lang, message.code) == ("email", "lea@courriel.example", "en", None)
    assert message.id == f"request:{made.record.id}"


@pytest.mark.parametrize("preference", [None, "none"])
async def test_who_prefers_nothing_hears_nothing(side, preference):
    """Neither of a request, nor of what they put off, nor of an end."""
    reached = Reached(side)
    subject = await side.lea()
    if preference is not None:
        await reached.phone(subject, preference="none")
    await given(reached, subject, valid_until=NOW + 40 * DAY)
    made = await reached.asked(subject, purpose="support.other")
    await side.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW)
    for now in (NOW, NOW + 5 * DAY, NOW + 11 * DAY):
        assert await turn(reached, now) == 0
    assert reached.provider.sent == []


async def test_what_was_put_off_is_reminded_once(side):
    """Halfway to its end; the entry comes first, and a second process adds none."""
    reached = Reached(side)
    other = Reached(await side.another(), reached.provider)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    await side.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW)
    assert await turn(reached, NOW + 3 * DAY) == 0
    side.clock.now = NOW + 4 * DAY
    await asyncio.gather(*(each.reminders.round(side.clock.now) for each in (reached, other)))
    for now in (NOW + 4 * DAY, NOW + 5 * DAY, NOW + 6 * DAY):
        await turn(reached, now)
    assert [message.id for message in reached.provider.sent] == [f"reminder:{made.record.id}"]
    assert [entry["type"] for entry in await side.entries()].count("authorisation.reminded") == 1
    await other.side.journal.close()


async def test_a_reminder_that_fails_is_not_repeated(side):
    """At most once, whatever happens."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    await side.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW)
    reached.provider.down = True
    await turn(reached, NOW + 4 * DAY)
    reached.provider.down = False
    for hours in range(1, 24):
        assert await turn(reached, NOW + 4 * DAY + hours * 3_600_000) == 0


async def test_an_answer_that_waits_is_not_reminded_of(side):
    """The person has spoken."""
    from consent.assistance import Yes

    from .test_assistance import HELPED

    reached = Reached(side, delay_ms=5 * DAY)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    await reached.assistance.give(made.record, Yes(fields=asked().fields), by=HELPED, now=NOW)
    assert await turn(reached, NOW + 4 * DAY) == 0


async def test_a_coming_end_is_told_thirty_days_before(side):
    """Once; not of what was withdrawn, ended or has no end."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    until = NOW + 40 * DAY
    id_ = await given(reached, subject, valid_until=until)
    gone = await given(reached, subject, valid_until=until, purpose="support.other")
    await given(reached, subject, purpose="support.third")
    await side.authorisations.withdraw(gone, subject=subject, by=PERSON, now=NOW)
    assert await turn(reached, until - ENDING_MS - 1) == 0
    assert [await turn(reached, until - ENDING_MS + each) for each in (0, 1)] == [1, 0]
    assert [message.id for message in reached.provider.sent] == [f"ending:{id_}"]
    assert await turn(reached, until) == 0


async def test_what_is_no_longer_so_is_not_told(side):
    """Answered between the plan and the sending: over."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    reached.provider.down = True
    assert await turn(reached, NOW) == 0
    await side.authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW)
    reached.provider.down = False
    assert await turn(reached, NOW + RETRY_MS) == 0
    row = await side.store.read(lambda connection: connection.execute(sa.select(models.notice)).one())
    assert row.outcome == "over"


async def test_a_failed_message_is_tried_five_times(side):
    """Five minutes apart, with the same id; then it is given up."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    await reached.asked(subject)
    reached.provider.down = True
    for number in range(TRIES):
        assert await turn(reached, NOW + number * RETRY_MS) == 0
    row = await side.store.read(lambda connection: connection.execute(sa.select(models.notice)).one())
    assert (row.outcome, row.tries_left) == ("not_sent", 0)
    reached.provider.down = False
    assert await turn(reached, NOW + DAY) == 0


async def test_a_process_that_died_while_sending_is_followed_by_another(side):
    """The claim runs out: the message goes out then."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    await reached.asked(subject)

    async def dies(_message):
        raise KeyboardInterrupt

    reached.provider.send, send = dies, reached.provider.send
    with pytest.raises(KeyboardInterrupt):
        await turn(reached, NOW)
    reached.provider.send = send
    assert await turn(reached, NOW + RETRY_MS - 1) == 0
    assert await turn(reached, NOW + RETRY_MS) == 1


async def test_many_processes_send_each_notice_once(side):
    """Eight rounds at once."""
    reached = Reached(side)
    other = Reached(await side.another(), reached.provider)
    subject = await side.lea()
    await reached.phone(subject)
    for number in range(5):
        await reached.asked(subject, purpose=f"support.p{number}")
    rounds = [each.reminders.round(NOW) for each in (reached, other) for _ in range(4)]
    assert sum(await asyncio.gather(*rounds)) == 5
    assert len({message.id for message in reached.provider.sent}) == len(reached.provider.sent) == 5
    await other.side.journal.close()


@pytest.mark.parametrize("preference", ["none", "sms"])
async def test_what_was_done_in_their_name_reaches_people_whatever_they_prefer(side, preference):
    """A minute later; a refused act is not told; without any address it is said so."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    nowhere = await reached.reminders.mirror(made.record, "no", now=NOW)
    assert await turn(reached, NOW + AFTER_MS) == 0
    await reached.phone(subject, preference=preference)
    await side.authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW)
    taken_back = await reached.reminders.mirror(made.record, "yes", now=NOW + 1)
    await reached.reminders.unsaid(taken_back)
    id_ = await reached.reminders.mirror(made.record, "withdrawal", now=NOW + 1)
    assert await turn(reached, NOW + AFTER_MS) == 0
    assert await turn(reached, NOW + AFTER_MS + 1) == 1
    assert [message.id for message in reached.provider.sent] == [id_]
    rows = await side.store.read(lambda connection: connection.execute(sa.select(models.notice)).all())
    assert {row.id: row.outcome for row in rows} == {nowhere: "no_address", id_: "sent"}


async def test_notices_are_forgotten(side):
    """Ninety days after."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    await reached.asked(subject)
    assert await turn(reached, NOW) == 1
    await turn(reached, NOW + KEPT_MS)
    assert await side.store.read(lambda connection: connection.execute(sa.select(models.notice)).all()) == []


async def test_nobody_is_told_of_what_is_gone(side):
    """The authorisation was erased with the person meanwhile."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    await reached.reminders.mirror(made.record, "no", now=NOW)
    gone = sa.delete(models.authorisation).where(models.authorisation.c.id == made.record.id)
    await side.store.write(lambda connection: connection.execute(gone) and None)
    assert await turn(reached, NOW + AFTER_MS) == 0


async def test_one_persons_broken_key_keeps_no_notice_from_others(side):
    """Tried as often as any other, then given up."""
    reached = Reached(side)
    first, second = await side.lea(), await side.lea("caf-brume", "autre", ft_number="98765432109")
    for subject in (first, second):
        await reached.phone(subject)
        await reached.asked(subject)
        deferred = await reached.asked(subject, purpose="support.other")
        await side.authorisations.defer(deferred.record.id, subject=subject, by=PERSON, now=NOW)
    await break_key(side, first)
    assert await turn(reached, NOW) == 1
    assert await turn(reached, NOW + 4 * DAY) == 1
    for number in range(1, TRIES):
        assert await turn(reached, NOW + 4 * DAY + number * RETRY_MS) == 0
    rows = await side.store.read(lambda connection: connection.execute(sa.select(models.notice)).all())
    assert sorted(row.outcome for row in rows if row.subject == second) == ["sent", "sent"]
    assert [row.outcome for row in rows if row.subject == first] == ["not_sent"]
