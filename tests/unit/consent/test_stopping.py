"""STOP by SMS: the number is enough, and stops no more than what it may."""

import asyncio

import pytest

from consent.assistance import Yes
from consent.errors import ContactInvalid
from consent.states import By
from consent.stopping import stop

from .conftest import AGENT, NOW, PERSON, asked
from .reached import MOBILE, Reached
from .test_assistance import HELPED

BY_CODE = By(kind="subject", channel="sms", actor=AGENT.actor, confirmed=NOW, method="assisted")
BY_LINK = By(kind="subject", channel="link", method="sms_code", confirmed=NOW)


async def stops(reached, number=MOBILE):
    return await stop(
        number, contacts=reached.contacts, authorisations=reached.side.authorisations,
        assistance=reached.assistance, now=NOW,
    )  # fmt: skip


async def given(reached, subject, by, purpose):
    made = await reached.asked(subject, purpose=purpose)
    await reached.side.authorisations.give(made.record.id, subject=subject, fields=asked().fields, by=by, now=NOW)
    return made.record.id


async def test_one_word_takes_back_everything_of_who_has_the_number_alone(side):
    """Given by whatever channel; what rests on the law stays; what waited never takes effect."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    ids = [await given(reached, subject, by, f"support.p{at}") for at, by in enumerate((PERSON, BY_CODE, BY_LINK))]
    law = await reached.asked(subject, purpose="support.law", basis="public_task")
    waiting = await reached.asked(subject, purpose="support.waits")
    await reached.assistance.give(waiting.record, Yes(fields=asked().fields), by=HELPED, now=NOW)
    done = await stops(reached, "06 12 34 56 78")
    assert {each.record.id for each in done} == set(ids)
    assert {await reached.state(subject, id_) for id_ in ids} == {"withdrawn"}
    assert await reached.state(subject, law.record.id) == "active"
    assert await reached.assistance.waits(waiting.record.id) is None
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["by"], entry["channel"]) == ("authorisation.withdrawn", "subject", "sms")
    assert await stops(reached) == ()


async def test_a_shared_number_takes_back_what_it_confirmed(side):
    """Of each of them; what somebody gave by signing in is theirs alone."""
    reached = Reached(side)
    first, second = await side.lea(), await side.lea("caf-brume", "autre", ft_number="98765432109")
    for subject in (first, second):
        await reached.phone(subject)
    mine = [await given(reached, first, BY_CODE, "support.a"), await given(reached, second, BY_LINK, "support.b")]
    kept = await given(reached, first, PERSON, "support.c")
    assert {each.record.id for each in await stops(reached)} == set(mine)
    assert await reached.state(first, kept) == "given"


async def test_a_number_nobody_declared_stops_nothing(side):
    """Nor does what is no number."""
    reached = Reached(side)
    assert await stops(reached) == ()
    with pytest.raises(ContactInvalid):
        await stops(reached, "STOP")


async def test_two_stops_at_once_are_one(side):
    """One entry per authorisation."""
    reached, other = Reached(side), Reached(await side.another())
    subject = await side.lea()
    await reached.phone(subject)
    await given(reached, subject, BY_CODE, "support.a")
    assert sorted(len(each) for each in await asyncio.gather(*(stops(each) for each in (reached, other)))) == [0, 1]
    await other.side.journal.close()


async def test_what_takes_effect_at_that_very_moment_is_taken_back_too(side):
    """Given while the word arrives: the row still waits, the record stands; STOP ends both."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    made = await reached.asked(subject)
    await reached.assistance.give(made.record, Yes(fields=asked().fields), by=HELPED, now=NOW)
    await side.authorisations.give(made.record.id, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    assert [each.record.id for each in await stops(reached)] == [made.record.id]
    assert await reached.state(subject, made.record.id) == "withdrawn"
    assert await reached.assistance.waits(made.record.id) is None
