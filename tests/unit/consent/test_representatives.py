"""Mandates: dated, looked at again at each act, over at majority; no date of birth, no name."""

import asyncio
from datetime import datetime

import pytest
import sqlalchemy as sa

from consent import models
from consent.errors import MandateRefused, NotEntitled, OfAge
from consent.majority import of_age
from consent.representatives import CAPACITIES, SEEN, Checked
from consent.states import By

from .conftest import AGENT, DAY, LEA, NOW, PERSON, asked
from .reached import Reached, break_key

HOLDER = "cd" * 16
DIGEST = "e" * 64
OPERATOR = By(kind="operator", channel="system")


def seen(**changes) -> Checked:
    usual = {"holder": HOLDER, "capacity": "parent", "digest": DIGEST, "until": NOW + 100 * DAY}
    return Checked(**{**usual, **changes})


async def child(side, born="2012-06-15", **changes):
    """Somebody whose date of birth a partner declared, 14 years old unless said otherwise."""
    pivot = {**LEA["pivot"], "birth_date": born}
    return await side.lea(**{"reference": f"dossier-{born}", "pivot": pivot, **changes})


def act(subject, **changes):
    usual = {"subject": subject, "holder": HOLDER, "purpose": "support.youth", "present": False, "now": NOW}
    return {**usual, **changes}


async def given_by(reached, subject, mandate):
    made = await reached.asked(subject)
    by = By(kind="representative", channel="page", representative=mandate)
    await reached.side.authorisations.give(
        made.record.id, subject=subject, fields=asked().fields, by=by, now=reached.side.clock.now
    )
    return made.record.id


async def test_a_mandate_is_an_entry_and_serves_its_holder(side):
    """The journal holds capacity, digest, end and who checked; the act may name the mandate."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(purposes=frozenset({"support.youth"})), by=AGENT, now=NOW)
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["capacity"], entry["digest"]) == ("mandate.recorded", "parent", DIGEST)
    assert (entry["until"], entry["actor"], entry["purposes"]) == (NOW + 100 * DAY, AGENT.actor, ["support.youth"])
    found = await reached.mandates.check(made.id, **act(subject))
    assert found == made
    id_ = await given_by(reached, subject, found)
    assert (await side.entries())[-1]["mandate"] == made.id
    assert await reached.state(subject, id_) == "given"


@pytest.mark.parametrize(
    "changes",
    [
        {"holder": "ab" * 16},
        {"holder": ""},
        {"purpose": "support.other"},
        {"now": NOW - 1},
        {"now": NOW + 100 * DAY},
    ],
)
async def test_a_mandate_serves_nobody_nothing_and_never_else(side, changes):
    """Another holder, purpose or moment: one refusal."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(purposes=frozenset({"support.youth"})), by=AGENT, now=NOW)
    with pytest.raises(MandateRefused) as caught:
        await reached.mandates.check(made.id, **act(subject, **changes))
    assert str(caught.value) == "no mandate for this act"


async def test_a_mandate_for_one_person_is_none_for_another(side):
    """Nor is an id nobody was given."""
    reached = Reached(side)
    subject = await child(side)
    other = await side.lea("caf-brume", "autre", ft_number="98765432109")
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    for id_, whom in ((made.id, other), ("0" * 32, subject)):
        with pytest.raises(MandateRefused):
            await reached.mandates.check(id_, **act(whom))


async def test_an_ended_mandate_serves_no_more(side):
    """Ended once; what it gave before stands."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(capacity="aidant"), by=AGENT, now=NOW)
    id_ = await given_by(reached, subject, made)
    await reached.mandates.end(made.id, subject=subject, by=OPERATOR, now=NOW)
    assert (await side.entries())[-1]["type"] == "mandate.ended"
    with pytest.raises(MandateRefused):
        await reached.mandates.check(made.id, **act(subject))
    with pytest.raises(MandateRefused):
        await reached.mandates.end(made.id, subject=subject, by=OPERATOR, now=NOW)
    assert await reached.state(subject, id_) == "given"


async def test_a_curator_acts_with_the_person_only(side):
    """Civil code, art. 467."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(capacity="curator"), by=AGENT, now=NOW)
    with pytest.raises(MandateRefused):
        await reached.mandates.check(made.id, **act(subject))
    assert await reached.mandates.check(made.id, **act(subject, present=True)) == made


async def test_a_representative_before_a_professional_is_known_by_sight(side):
    """Such a mandate serves there, and never to who signs in, whatever their tag."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(holder=SEEN), by=AGENT, now=NOW)
    assert await reached.mandates.check(made.id, **act(subject, holder=None)) == made
    for holder in (HOLDER, SEEN):
        with pytest.raises(MandateRefused):
            await reached.mandates.check(made.id, **act(subject, holder=holder))


@pytest.mark.parametrize("kind", ["subject", "representative", "controller", "clock"])
async def test_nobody_writes_their_own_mandate(side, kind):
    """Somebody looked at a document; ending one is theirs too, but for the person's own choice of an aidant."""
    reached = Reached(side)
    subject = await child(side)
    by = By(kind=kind, channel="page")
    with pytest.raises(NotEntitled):
        await reached.mandates.record(subject, seen(), by=by, now=NOW)
    with pytest.raises(MandateRefused if kind == "subject" else NotEntitled):
        await reached.mandates.end("0" * 32, subject=subject, by=by, now=NOW)


@pytest.mark.parametrize("by", [{"actor": HOLDER}, {"actor": "1" * 32, "witness": HOLDER}])
async def test_the_holder_neither_records_their_mandate_nor_witnesses_it(side, by):
    """Known by their tag; they would answer for the person, alone."""
    reached = Reached(side)
    subject = await side.lea()
    with pytest.raises(NotEntitled):
        await reached.mandates.record(subject, seen(), by=By(kind="professional", channel="counter", **by), now=NOW)


@pytest.mark.parametrize("capacity", sorted(CAPACITIES))
async def test_the_person_ends_what_rests_on_their_own_choice(side, capacity):
    """An aidant's mandate, at once and in the journal; not what a judge or the law gave, nor somebody else's."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(capacity=capacity), by=AGENT, now=NOW)
    herself, other = PERSON, await side.lea("ml-brume", "8", nir="199042B123456")
    assert await reached.mandates.of(subject, now=NOW) == (made,)
    assert await reached.mandates.of(subject, now=made.valid_until) == ()
    with pytest.raises(MandateRefused):
        await reached.mandates.end(made.id, subject=other, by=herself, now=NOW)
    if capacity != "aidant":
        with pytest.raises(MandateRefused):
            await reached.mandates.end(made.id, subject=subject, by=herself, now=NOW)
        assert await reached.mandates.of(subject, now=NOW) == (made,)
        return
    await reached.mandates.end(made.id, subject=subject, by=herself, now=NOW)
    assert await reached.mandates.of(subject, now=NOW) == ()
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["by"], entry["mandate"]) == ("mandate.ended", "subject", made.id)
    with pytest.raises(MandateRefused):
        await reached.mandates.end(made.id, subject=subject, by=herself, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"until": NOW},
        {"capacity": "friend"},
        {"capacity": "aidant", "until": NOW + 400 * DAY},
        {"capacity": "parent", "until": NOW + 19 * 366 * DAY},
    ],
)
async def test_a_mandate_has_an_end_the_law_allows(side, changes):
    """None for ever, none for longer than its kind."""
    with pytest.raises(MandateRefused):
        await Reached(side).mandates.record(await child(side), seen(**changes), by=AGENT, now=NOW)


def test_every_capacity_has_its_longest_time():
    """A new kind says how long."""
    from consent.representatives import LONGEST_MS

    assert set(LONGEST_MS) == CAPACITIES


async def test_what_a_parent_gave_ends_at_majority(side):
    """At the very moment nothing leaves, with no job; settling then writes down why, once, whoever runs it."""
    reached = Reached(side)
    subject = await child(side)
    majority = NOW + 100 * DAY
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    id_ = await given_by(reached, subject, made)
    record = await side.authorisations.get(id_, subject=subject)
    assert record.valid_until == majority
    side.clock.now = majority
    other = Reached(await side.another())
    assert max(await asyncio.gather(*(each.mandates.settle(now=majority) for each in (reached, other)))) == 1
    assert await reached.state(subject, id_) == "invalidated"
    entries = [entry for entry in await side.entries() if entry["type"] == "authorisation.invalidated"]
    assert [(entry["reason"], entry["by"]) for entry in entries] == [("majority_reached", "policy")]
    assert await reached.mandates.settle(now=majority) == 0
    await other.side.journal.close()


@pytest.mark.parametrize(
    ("born", "ends"),
    [
        ("2008-12-01", "2026-11-30T23:00:00"),  # 18 within the hundred days: midnight in Paris
        ("2008-12-00", "2026-12-30T23:00:00"),  # the last day it can be
        ("2012-06-15", None),
    ],
)
async def test_a_parents_mandate_ends_at_majority_whatever_was_typed(side, born, ends):
    """Where a partner declared the date of birth; an earlier end stays, and so does another kind of mandate."""
    reached = Reached(side)
    subject = await child(side, born)
    expected = NOW + 100 * DAY if ends is None else int(datetime.fromisoformat(ends + "+00:00").timestamp()) * 1000
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    assert made.valid_until == (await side.entries())[-1]["until"] == expected
    assert await reached.mandates.of(subject, now=expected) == ()
    for changes in ({"until": NOW + DAY}, {"capacity": "guardian"}):
        made = await reached.mandates.record(subject, seen(**changes), by=AGENT, now=NOW)
        assert made.valid_until == changes.get("until", NOW + 100 * DAY)


async def test_no_parent_acts_for_an_adult(side):
    """A wrong yes of a parent's may reach whom the person fled; nothing is written, and the reason is told."""
    reached = Reached(side)
    subject = await side.lea()
    size = len(await side.entries())
    with pytest.raises(OfAge) as caught:
        await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    assert (caught.value.code, caught.value.members) == ("mandate_refused", {"reasons": ["of_age"]})
    assert len(await side.entries()) == size
    assert (await reached.mandates.record(subject, seen(capacity="guardian"), by=AGENT, now=NOW)).valid_until


async def test_where_nobody_declared_a_date_of_birth_the_document_decides(side):
    """As far as eighteen years; also for somebody nobody linked, and where two partners say different dates."""
    reached = Reached(side)
    unknown = await side.lea(reference="other", ft_number="98765432109")
    differing = await child(side, nir=LEA["nir"])
    await child(side, "2001-01-01", partner="caf-brume", nir=LEA["nir"])
    bare = await side.lea(reference="bare", ft_number="98765432100")
    empty = sa.update(models.subject).where(models.subject.c.id == bare).values(identifiers=None)
    await side.store.write(lambda connection: connection.execute(empty) and None)
    for subject in (unknown, differing, bare):
        made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
        assert made.valid_until == NOW + 100 * DAY


@pytest.mark.parametrize(
    ("born", "adult"),
    [
        ("2008-12-01", "2026-12-01"),
        ("2008-02-29", "2026-03-01"),
        ("2008-02-00", "2026-03-01"),
        ("2010-00-00", "2028-12-31"),
    ],
)
def test_majority_is_the_eighteenth_birthday(born, adult):
    """Born on a 29 February: on 1 March, when the eighteenth year is over."""
    assert of_age(born).isoformat() == adult


async def test_majority_touches_nothing_the_young_person_gave(side):
    """Nor what was withdrawn before, nor what an aidant helped with."""
    reached = Reached(side)
    subject = await child(side)
    parent = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    withdrawn = await given_by(reached, subject, parent)
    await side.authorisations.withdraw(withdrawn, subject=subject, by=PERSON, now=NOW)
    made = await reached.asked(subject, purpose="support.other")
    own = made.record.id
    await side.authorisations.give(own, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    side.clock.now = NOW + 100 * DAY
    assert await reached.mandates.settle(now=side.clock.now) == 1
    assert (await reached.state(subject, withdrawn), await reached.state(subject, own)) == ("withdrawn", "given")


async def test_the_table_of_mandates_holds_no_name_and_no_date_of_birth(side):
    """Columns are ids, tags, digests, dates of the mandate and codes."""
    reached = Reached(side)
    await reached.mandates.record(await child(side), seen(), by=AGENT, now=NOW)
    row = await side.store.read(lambda connection: connection.execute(sa.select(models.mandate)).mappings().one())
    assert set(row) == {
        "id", "subject", "holder", "capacity", "digest", "purposes", "checked_at", "valid_from", "until", "ended_at",
        "settled_at", "entry",
    }  # fmt: skip


@pytest.mark.parametrize("capacity", ["parent", "guardian", "curator"])
async def test_what_was_given_under_a_capacity_that_is_lost_ends_with_it(side, capacity):
    """A judge's or the law's mandate ended before its date: at once, written down with why, and once."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(capacity=capacity), by=AGENT, now=NOW)
    id_ = await given_by(reached, subject, made)
    await reached.mandates.end(made.id, subject=subject, by=OPERATOR, now=NOW)
    assert await reached.state(subject, id_) == "invalidated"
    ended, invalidated = (await side.entries())[-2:]
    assert (ended["type"], ended["by"]) == ("mandate.ended", "operator")
    assert (invalidated["reason"], invalidated["by"]) == ("capacity_lost", "policy")
    assert await reached.mandates.settle(now=NOW) == 0


async def test_what_an_interrupted_end_left_is_settled_later(side):
    """The mandate was ended and nothing more: the loop takes what it gave along; an aidant's stands."""
    reached = Reached(side)
    subject, other = await child(side), await child(side, "2013-01-01")
    ids = []
    for whom, capacity in ((subject, "guardian"), (other, "aidant")):
        made = await reached.mandates.record(whom, seen(capacity=capacity), by=AGENT, now=NOW)
        ids.append((whom, await given_by(reached, whom, made)))
    ended = sa.update(models.mandate).values(ended_at=NOW)
    await side.store.write(lambda connection: connection.execute(ended) and None)
    assert [await reached.mandates.settle(now=NOW) for _ in range(2)] == [1, 0]
    assert [await reached.state(*each) for each in ids] == ["invalidated", "given"]


async def test_one_persons_broken_key_holds_no_other_majority_up(side):
    """Theirs is looked at again."""
    reached = Reached(side)
    first, second = await child(side), await side.lea("caf-brume", "autre", ft_number="98765432109")
    ids = []
    for subject in (first, second):
        made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
        ids.append(await given_by(reached, subject, made))
    await break_key(side, first)
    side.clock.now = NOW + 100 * DAY
    assert await reached.mandates.settle(now=side.clock.now) == 1
    assert [await reached.state(*each) for each in zip((first, second), ids, strict=True)] == ["given", "invalidated"]
