"""A date of birth that a partner declares after a parent's mandate was recorded: it ends at majority all the same."""

from datetime import datetime

import pytest

from consent import representatives
from consent.errors import Contended, MandateRefused

from .conftest import AGENT, LEA, NOW
from .reached import Reached
from .test_representatives import HOLDER, act, given_by, seen

BORN = {**LEA["pivot"], "birth_date": "2008-12-01"}
MAJORITY = int(datetime.fromisoformat("2026-11-30T23:00:00+00:00").timestamp()) * 1000


async def test_a_date_of_birth_learned_later_ends_a_parents_mandate(side):
    """Rule: neither the mandate nor what was given under it before goes beyond; the entry says why."""
    reached = Reached(side)
    subject = await side.lea(reference="d", nir=LEA["nir"])
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    before = await given_by(reached, subject, made)
    assert await side.lea("caf-brume", reference="c", nir=LEA["nir"], pivot=BORN) == subject
    at = side.clock.now = MAJORITY
    assert await reached.mandates.held(made.id, holder=HOLDER, now=at) is None
    assert await reached.mandates.held_by(HOLDER, now=at) == []
    assert await reached.mandates.of(subject, now=at) == ()
    with pytest.raises(MandateRefused):
        await reached.mandates.check(made.id, **act(subject, now=at))
    await reached.mandates.settle(now=at)
    assert await reached.state(subject, before) == "invalidated"


async def test_what_is_given_as_the_date_is_learned_does_not_outlast_it(side):
    """Rule: a mandate looked at before it was cut short gives nothing; looked at again it gives until majority."""
    reached = Reached(side)
    subject = await side.lea(reference="d", nir=LEA["nir"])
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    await side.lea("caf-brume", reference="c", nir=LEA["nir"], pivot=BORN)
    with pytest.raises(MandateRefused):
        await given_by(reached, subject, made)
    again = await reached.mandates.check(made.id, **act(subject))
    assert again.valid_until == MAJORITY


async def test_a_guardians_mandate_is_not_cut_short(side):
    """Rule: a judge's goes on after majority."""
    reached = Reached(side)
    subject = await side.lea(reference="d", nir=LEA["nir"])
    made = await reached.mandates.record(subject, seen(capacity="guardian"), by=AGENT, now=NOW)
    await side.lea("caf-brume", reference="c", nir=LEA["nir"], pivot=BORN)
    assert (await reached.mandates.check(made.id, **act(subject))).valid_until == made.valid_until


async def test_a_date_declared_while_a_mandate_is_recorded_bounds_it_too(side, monkeypatch):
    """Rule: looked up, then declared by another partner, then the mandate is written: it ends at majority."""
    reached = Reached(side)
    subject = await side.lea(reference="d", nir=LEA["nir"])
    append = reached.mandates._entries.append

    async def late(*args, **more):
        monkeypatch.setattr(reached.mandates._entries, "append", append)
        await side.lea("caf-brume", reference="c", nir=LEA["nir"], pivot=BORN)
        await append(*args, **more)

    monkeypatch.setattr(reached.mandates._entries, "append", late)
    made = await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    assert made.valid_until == MAJORITY
    assert (await side.entries())[-1]["until"] == MAJORITY


async def test_a_person_who_keeps_changing_gets_no_mandate(side, monkeypatch):
    """Rule: after so many attempts it is told, and nothing is written."""
    reached, subject = Reached(side), await side.lea(reference="d", nir=LEA["nir"])
    size = len(await side.entries())
    monkeypatch.setattr(representatives, "_ATTEMPTS", 0)
    with pytest.raises(Contended):
        await reached.mandates.record(subject, seen(), by=AGENT, now=NOW)
    assert len(await side.entries()) == size
