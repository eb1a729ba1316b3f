"""The flag that stops everything, and the requests that hold it: one order, whoever lifts while another asks."""

import asyncio

import pytest

from consent.errors import EpochChanged
from consent.rights import Rights, RightsRequest
from consent.rights_law import About
from consent.vault import SubjectId
from tests.unit.consent.conftest import NOW, PERSON, Side
from tests.unit.consent.test_rights import register

WRONG = About(reason="unlawful")


async def restricted(side: Side, subject: SubjectId, rights: Rights) -> RightsRequest:
    """Stopped, registered, granted."""
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    asked = await rights.receive(subject, "restriction", by=PERSON, now=NOW, about=WRONG)
    return await rights.answer(asked.id, now=NOW)


async def flags(side: Side, subject: SubjectId) -> str:
    return (await side.row(subject))["flags"]


async def test_a_restriction_is_registered_only_where_everything_is_stopped(side: Side) -> None:
    """Rule (GDPR 18): no request stands beside exchanges that are open; other rights need no flag."""
    subject, rights = await side.lea(), register(side)
    before = await side.entries()
    with pytest.raises(EpochChanged):
        await rights.receive(subject, "restriction", by=PERSON, now=NOW, about=WRONG)
    assert (await side.entries(), await rights.of(subject)) == (before, ())
    await rights.receive(subject, "access", by=PERSON, now=NOW)
    assert (await restricted(side, subject, rights)).standing


async def test_the_flag_goes_only_when_none_stands(side: Side) -> None:
    """Rule: open or granted, each holds it; refused or lifted, none does. What is held back writes nothing."""
    subject, rights = await side.lea(), register(side)
    first = await restricted(side, subject, rights)
    second = await rights.receive(subject, "restriction", by=PERSON, now=NOW, about=WRONG)
    for done in (rights.end(first.id, now=NOW), rights.refuse(second.id, reason="no_ground", now=NOW)):
        size = len(await side.entries())
        await side.people.flag(subject, "restriction", present=False, now=NOW)
        assert (await flags(side, subject), len(await side.entries())) == ("restriction", size)
        await done
    await side.people.flag(subject, "restriction", present=False, now=NOW)
    assert await flags(side, subject) == ""
    assert (await side.entries())[-1]["type"] == "subject.flagged"


async def test_lifting_one_while_another_is_asked_for_never_frees_it(side: Side) -> None:
    """Rule: on two processes at once, either the second request finds the flag set, or it is asked to set it again."""
    subject, other = await side.lea(), await side.another()
    rights, theirs = register(side), register(other)
    for _ in range(12):
        first = await restricted(side, subject, rights)
        await rights.end(first.id, now=NOW)
        _, got = await asyncio.gather(
            side.people.flag(subject, "restriction", present=False, now=NOW),
            theirs.receive(subject, "restriction", by=PERSON, now=NOW, about=WRONG),
            return_exceptions=True,
        )
        if isinstance(got, RightsRequest):
            assert await flags(side, subject) == "restriction"
            await rights.refuse(got.id, reason="no_ground", now=NOW)
        else:
            assert isinstance(got, EpochChanged)
            assert await flags(side, subject) == ""
        await side.people.flag(subject, "restriction", present=False, now=NOW)
    await other.journal.close()
