"""How an authorisation ends: withdrawn, objected to, expired, used up; who is then told what."""

from dataclasses import replace

import pytest

from consent import carrying
from consent.errors import AlreadyWithdrawn, AuthorisationExists, EpochChanged, StateConflict
from consent.guards import EpochGuard
from consent.states import VALID, effective_state

from .answered import FIELDS, active, given, last, refused
from .conftest import AGENT, CLOCK, DAY, NOW, PERSON, asked


async def test_a_withdrawal_stops_everything_at_once_and_happens_once(side):
    """Rule: epoch + 1 before it answers; repeating it appends nothing and says so with its own code."""
    subject = await side.lea()
    done = await given(side, subject)
    await side.release(subject, EpochGuard(epoch=1))
    gone = await side.authorisations.withdraw(done.record.id, subject=subject, by=PERSON, now=NOW)
    assert ((await last(side))["type"], (await last(side))["epoch"]) == ("authorisation.withdrawn", 2)
    assert (gone.record.state, gone.record.slot) == ("withdrawn", "current")
    with pytest.raises(EpochChanged):
        await side.release(subject, EpochGuard(epoch=1))
    again = side.authorisations.withdraw(done.record.id, subject=subject, by=PERSON, now=NOW)
    assert (await refused(side, AlreadyWithdrawn, again)).code == "already_withdrawn"
    again = await given(side, subject)
    assert (again.record.supersedes, again.record.lineage_id) == (done.record.id, done.record.lineage_id)
    await side.tags_are_gap_free(subject)


async def test_a_consent_can_be_withdrawn_even_after_its_end(side):
    """Rule: clocks of replicas differ; a withdrawal never fails because one of them runs ahead."""
    subject = await side.lea()
    done = await given(side, subject, asked(valid_until=NOW + DAY))
    side.clock.now = NOW + 2 * DAY
    await side.authorisations.withdraw(done.record.id, subject=subject, by=PERSON, now=side.clock.now)


async def test_a_public_task_can_be_objected_to_and_the_objection_stands(side):
    """Rule: restriction at once; asking again does not get round it."""
    subject = await side.lea()
    made = await active(side, subject)
    done = await side.authorisations.object_to(made.record.id, subject=subject, by=PERSON, now=NOW)
    assert ((await last(side))["type"], (await last(side))["epoch"]) == ("authorisation.objection_lodged", 2)
    assert done.record.state not in VALID
    await refused(side, AuthorisationExists, active(side, subject))
    again = side.authorisations.object_to(made.record.id, subject=subject, by=PERSON, now=NOW)
    await refused(side, StateConflict, again)
    consent = asked(recipient="dept-brume", purpose="orientation.rsa")
    await refused(side, AuthorisationExists, side.authorisations.request(subject, consent, by=AGENT, now=NOW))


async def test_an_objection_lodged_while_consent_is_asked_is_not_replaced_by_it(side):
    """Rule: the same at the moment of giving."""
    subject = await side.lea()
    made = await active(side, subject)
    wider = asked(recipient="dept-brume", purpose="orientation.rsa", fields=FIELDS | {"c2s.beneficiary"})
    pending = await side.authorisations.request(subject, wider, by=AGENT, now=NOW)
    await side.authorisations.object_to(made.record.id, subject=subject, by=PERSON, now=NOW)
    yes = side.authorisations.give(pending.record.id, subject=subject, fields=FIELDS, by=PERSON, now=NOW)
    await refused(side, AuthorisationExists, yes)


async def test_the_right_answer_depends_on_the_basis(side):
    """Rule: consent is withdrawn, a public task objected to, a legal obligation neither."""
    subject = await side.lea()
    consent = (await given(side, subject)).record.id
    task = (await active(side, subject)).record.id
    law = await side.authorisations.request(
        subject, asked(basis="legal_obligation", recipient="caf-brume", purpose="entitlement.rsa"), by=AGENT, now=NOW
    )
    for id_, action in (
        (task, side.authorisations.withdraw),
        (law.record.id, side.authorisations.withdraw),
        (law.record.id, side.authorisations.object_to),
        (consent, side.authorisations.object_to),
    ):
        await refused(side, StateConflict, action(id_, subject=subject, by=PERSON, now=NOW))


async def test_an_end_is_seen_before_it_is_written_down(side):
    """Rule: expiry is computed at each decision; writing it is a transition like any other, by the clock."""
    subject = await side.lea()
    done = await given(side, subject, asked(valid_until=NOW + DAY))
    expire = side.authorisations.expire
    await refused(side, StateConflict, expire(done.record.id, subject=subject, by=CLOCK, now=NOW + DAY - 1))
    assert effective_state(done.record, NOW + DAY - 1) == "given"
    assert effective_state(done.record, NOW + DAY) == "expired"
    side.clock.now = NOW + DAY
    ended = await expire(done.record.id, subject=subject, by=CLOCK, now=NOW + DAY)
    assert ((await last(side))["type"], ended.record.state) == ("authorisation.expired", "expired")
    await refused(side, StateConflict, expire(done.record.id, subject=subject, by=CLOCK, now=NOW + DAY))


async def test_spent_uses_end_an_authorisation_too(side):
    """Rule: max_uses reached is an end, counted where releases are."""
    subject = await side.lea()
    done = await given(side, subject, asked(max_uses=1))
    await side.release(subject, EpochGuard(epoch=1, authorisation=done.record.id, max_uses=1))
    record = await side.authorisations.get(done.record.id, subject=subject)
    assert (record.uses, effective_state(record, NOW)) == (1, "expired")
    again = await given(side, subject)
    old = await side.authorisations.get(done.record.id, subject=subject)
    assert (old.state, old.slot, again.record.slot) == ("superseded", None, "current")


def test_states_that_are_not_known_are_never_valid():
    """Rule: unknown means no."""
    for state in ("paused", "invalidated", "revoked", "tombstoned", "unknown", "upheld"):
        record = replace(carrying.blank("0" * 32, asked(), now=NOW), state=state)
        assert effective_state(record, NOW) == state
        assert state not in VALID
