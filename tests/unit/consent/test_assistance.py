"""Answers with a professional's help: what each channel asks for, and a yes that waits."""

import asyncio

import pytest

from consent.assistance import GIVING, STOPPING, Yes, require
from consent.errors import AssistanceIncomplete, FieldsNotRequested, RequestLapsed
from consent.representatives import SEEN, Checked
from consent.states import CHANNELS, By

from .conftest import AGENT, DAY, NOW, PERSON, asked
from .reached import HOUR, Reached, break_key

WITNESS = "be" * 16
YES = Yes(fields=asked().fields)
HELPED = By(kind="subject", channel="counter", actor=AGENT.actor, witness=WITNESS, method="assisted")


@pytest.mark.parametrize("channel", GIVING)
def test_taking_back_never_asks_for_more_than_giving_did(channel):
    """GDPR 7-3, channel by channel, over the whole table."""
    assert STOPPING[channel] <= GIVING[channel]


def test_every_channel_by_which_people_speak_is_in_both_tables():
    """What can give can take back; `library` and `system` are no channels of people."""
    assert GIVING.keys() == STOPPING.keys() == set(CHANNELS) - {"library", "system"}


@pytest.mark.parametrize("channel", GIVING)
def test_each_step_is_really_asked_for(channel):
    """Leaving out any one refuses, and names it."""
    require(channel, GIVING[channel], table=GIVING)
    for step in GIVING[channel]:
        with pytest.raises(AssistanceIncomplete) as caught:
            require(channel, GIVING[channel] - {step}, table=GIVING)
        assert caught.value.members == {"missing": [step]}


def test_a_channel_nobody_knows_is_never_complete():
    """Unknown means no."""
    with pytest.raises(AssistanceIncomplete):
        require("pigeon", frozenset(), table=STOPPING)


async def test_an_assisted_yes_waits(side):
    """Until then the request is deferred, nothing may leave, and the journal says who was there."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    done, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    assert (at, done.record.state) == (NOW + 24 * HOUR, "deferred")
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["actor"], entry["witness"]) == ("authorisation.deferred", AGENT.actor, WITNESS)
    assert await reached.assistance.waits(made.record.id) == at
    assert await reached.assistance.settle(now=at - 1) == 0
    assert await reached.state(subject, made.record.id) == "deferred"
    side.clock.now = at
    assert await reached.assistance.settle(now=at) == 1
    assert await reached.state(subject, made.record.id) == "given"
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["actor"], entry["witness"]) == ("authorisation.given", AGENT.actor, WITNESS)
    assert await reached.assistance.waits(made.record.id) is None


async def test_two_processes_let_it_take_effect_once(side):
    """One entry."""
    reached, other = Reached(side), Reached(await side.another())
    subject = await side.lea()
    made = await reached.asked(subject)
    _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    side.clock.now = at
    assert sum(await asyncio.gather(*(each.assistance.settle(now=at) for each in (reached, other)))) == 1
    assert [entry["type"] for entry in await side.entries()].count("authorisation.given") == 1
    await other.side.journal.close()


async def test_a_confirmed_yes_holds_at_once(side):
    """The person said it twice; so does one where no delay is wanted."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    by = By(kind="subject", channel="sms", actor=AGENT.actor, confirmed=NOW, method="assisted")
    done, at = await reached.assistance.give(made.record, YES, by=by, now=NOW)
    assert (at, done.record.state) == (NOW, "given")
    at_once = Reached(side, delay_ms=0)
    made = await at_once.asked(subject, purpose="support.other")
    done, at = await at_once.assistance.give(made.record, YES, by=HELPED, now=NOW)
    assert (at, done.record.state) == (NOW, "given")


async def test_the_person_thinks_better_of_it(side):
    """Dropped, or refused meanwhile: it never takes effect, and no entry says that it did."""
    reached = Reached(side)
    subject = await side.lea()
    dropped, refused = await reached.asked(subject), await reached.asked(subject, purpose="support.other")
    for made in (dropped, refused):
        _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    assert await reached.assistance.drop(dropped.record.id, subject=subject)
    assert not await reached.assistance.drop(dropped.record.id, subject=subject)
    await side.authorisations.refuse(refused.record.id, subject=subject, by=PERSON, now=NOW)
    side.clock.now = at
    assert await reached.assistance.settle(now=at) == 0
    assert await reached.state(subject, dropped.record.id) == "deferred"
    assert await reached.state(subject, refused.record.id) == "refused"
    assert await reached.assistance.waits(refused.record.id) is None


async def test_a_word_of_a_professional_stretches_a_deadline_once(side):
    """A request deferred before keeps its end: too late for an answer that has to wait is too late."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    deferred = await side.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW)
    late = NOW + 6 * DAY + 1
    side.clock.now = late
    with pytest.raises(RequestLapsed):
        await reached.assistance.give(deferred.record, YES, by=HELPED, now=late)
    assert await reached.assistance.waits(made.record.id) is None


async def test_more_than_was_asked_for_never_takes_effect(side):
    """It is refused when it is said, not a day later."""
    reached = Reached(side)
    made = await reached.asked(await side.lea())
    for wider in (Yes(fields=frozenset({"aah.since"})), Yes(fields=frozenset())):
        with pytest.raises(FieldsNotRequested):
            await reached.assistance.give(made.record, wider, by=HELPED, now=NOW)
    explicit = Yes(fields=frozenset({"rsa.since"}), explicit=frozenset({"rsa.beneficiary"}))
    with pytest.raises(FieldsNotRequested):
        await reached.assistance.give(made.record, explicit, by=HELPED, now=NOW)


async def test_a_representatives_yes_is_looked_at_again_when_it_takes_effect(side):
    """A mandate that ended meanwhile gives nothing."""
    reached = Reached(side)
    subject = await side.lea()
    seen = Checked(holder=SEEN, capacity="aidant", digest="e" * 64, until=NOW + 100 * DAY)
    mandate = await reached.mandates.record(subject, seen, by=AGENT, now=NOW)
    by = By(kind="representative", channel="counter", actor=AGENT.actor, witness=WITNESS, representative=mandate)
    kept, lost = await reached.asked(subject), await reached.asked(subject, purpose="support.other")
    for made in (kept, lost):
        done, at = await reached.assistance.give(made.record, YES, by=by, now=NOW)
        assert done is None
    side.clock.now = at
    assert await reached.assistance.drop(lost.record.id, subject=subject)
    assert await reached.assistance.settle(now=at) == 1
    assert await reached.state(subject, kept.record.id) == "given"
    _, later = await reached.assistance.give(lost.record, YES, by=by, now=at)
    await reached.mandates.end(mandate.id, subject=subject, by=AGENT, now=at)
    side.clock.now = later
    assert await reached.assistance.settle(now=later) == 0
    assert await reached.state(subject, lost.record.id) == "requested"


async def test_dropping_comes_before_or_is_told_that_it_came_too_late(side):
    """Never both: an answer that was dropped does not take effect, one that takes effect is not dropped."""
    reached = Reached(side)
    subject = await side.lea()
    outcomes = []
    for number in range(6):
        made = await reached.asked(subject, purpose=f"support.p{number}")
        _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=side.clock.now)
        side.clock.now = at
        acts = [reached.assistance.settle(now=at), reached.assistance.drop(made.record.id, subject=subject)]
        settled, dropped = await asyncio.gather(*(acts if number % 2 else reversed(acts)))
        settled, dropped = (settled, dropped) if number % 2 else (dropped, settled)
        assert (settled, dropped) in {(1, False), (0, True)}
        assert (await reached.state(subject, made.record.id) == "given") is (settled == 1)
        outcomes.append(dropped)
    assert True in outcomes


async def test_an_answer_claimed_by_a_process_that_died_is_given_by_another(side, monkeypatch):
    """Claimed, it cannot be dropped any more; it is not lost either."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    side.clock.now = at

    async def dies(*_args, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(side.authorisations, "give", dies)
        with pytest.raises(KeyboardInterrupt):
            await reached.assistance.settle(now=at)
    assert not await reached.assistance.drop(made.record.id, subject=subject)
    assert await reached.assistance.settle(now=at) == 1
    assert await reached.state(subject, made.record.id) == "given"


async def test_one_persons_broken_key_holds_nobody_else_up(side):
    """Theirs stays, to be looked at again."""
    reached = Reached(side)
    first, second = await side.lea(), await side.lea("caf-brume", "autre", ft_number="98765432109")
    for subject in (first, second):
        made = await reached.asked(subject)
        _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    await break_key(side, first)
    side.clock.now = at
    assert await reached.assistance.settle(now=at) == 1
    assert await reached.assistance.waiting(first) != []
    assert await reached.assistance.waiting(second) == []


async def test_an_answer_dropped_after_the_loop_has_seen_it_does_not_take_effect(side, monkeypatch):
    """The claim finds nothing: the drop was first."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    _, at = await reached.assistance.give(made.record, YES, by=HELPED, now=NOW)
    side.clock.now = at
    read = side.store.read

    async def read_then_dropped(work):
        found = await read(work)
        monkeypatch.setattr(side.store, "read", read)
        assert await reached.assistance.drop(made.record.id, subject=subject)
        return found

    monkeypatch.setattr(side.store, "read", read_then_dropped)
    assert await reached.assistance.settle(now=at) == 0
    assert await reached.state(subject, made.record.id) == "deferred"
