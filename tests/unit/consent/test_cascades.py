"""What rested on something that is gone ends: everything that did, nothing else, each by its own entry."""

import asyncio
from pathlib import Path

import pytest

import policies
from consent import cascades
from consent.errors import NotEntitled, ReasonUnknown, StateConflict
from consent.states import By
from policies import catalogue

from .answered import active, given
from .conftest import AGENT, NOW, PERSON, asked
from .walks import BY

POLICY = By(kind="policy", channel="system")
SHIPPED = catalogue.load(Path(policies.__file__).parent / "catalogue")


async def people(side, count):
    return [await side.lea(reference=f"d-{n}", ft_number=f"{n:011d}") for n in range(count)]


async def states(side, *subjects):
    return [[record.state for record in await side.authorisations.authorisations_of(each)] for each in subjects]


async def test_a_retired_purpose_ends_what_rested_on_it_over_many_pages(side, monkeypatch):
    """Rule: one entry each, with its reason; other purposes, other recipients and what had ended are not touched."""
    monkeypatch.setattr(cascades, "_PAGE", 2)
    life, subjects = side.authorisations, await people(side, 5)
    for each in subjects[:4]:
        await given(side, each)
    await life.request(subjects[4], asked(), by=AGENT, now=NOW)
    other = await given(side, subjects[0], asked(purpose="support.shared_diagnosis"))
    gone = (await life.authorisations_of(subjects[3]))[0]
    await life.withdraw(gone.id, subject=subjects[3], by=PERSON, now=NOW)
    before = len(await side.entries())
    named = {"purpose": "support.youth", "recipient": "ml-brume"}
    ended = await life.invalidate_where(**named, reason="purpose_retired", by=POLICY, now=NOW)
    entries = (await side.entries())[before:]
    assert ended == len(entries) == 4
    assert {(each["type"], each["by"], each["reason"]) for each in entries} == {
        ("authorisation.invalidated", "policy", "purpose_retired")
    }
    assert await states(side, *subjects[1:]) == [["invalidated"], ["invalidated"], ["withdrawn"], ["invalidated"]]
    assert (await life.get(other.record.id, subject=subjects[0])).state == "given"
    assert await life.invalidate_where(**named, reason="purpose_retired", by=POLICY, now=NOW) == 0
    await side.tags_are_gap_free(*subjects)


@pytest.mark.parametrize("named", ["subject", "notice", "mandate", "basis"])
async def test_a_cascade_follows_whatever_is_named(side, named):
    """Rule: one person, one notice, one mandate, one basis."""
    first, second = await people(side, 2)
    request = await side.authorisations.request(first, asked(notice="1" * 64), by=AGENT, now=NOW)
    await side.authorisations.give(
        request.record.id, subject=first, fields=asked().fields, by=BY["representative"], now=NOW
    )
    await active(side, second)
    value = {"subject": first, "notice": "1" * 64, "mandate": BY["representative"].representative.id,
             "basis": "consent"}[named]  # fmt: skip
    reason = "capacity_lost" if named == "mandate" else "notice_defective"
    cascade = {named: value, "reason": reason, "by": POLICY, "now": NOW}
    assert await side.authorisations.invalidate_where(**cascade) == 1
    assert await states(side, first, second) == [["invalidated"], ["active"]]


async def test_a_cascade_names_what_is_gone_and_why(side):
    """Rule: nothing named ends nothing; a reason outside the list and a wrong actor neither, and it is told."""
    subject = await side.lea()
    await given(side, subject)
    for error, changes in (
        (StateConflict, {"recipient": None}),
        (ReasonUnknown, {"reason": "mood"}),
        (NotEntitled, {"by": PERSON}),
    ):
        cascade = {"recipient": "ml-brume", "reason": "purpose_retired", "by": POLICY, "now": NOW, **changes}
        with pytest.raises(error):
            await side.authorisations.invalidate_where(**cascade)
    assert await states(side, subject) == [["given"]]


async def test_two_cascades_and_a_withdrawal_at_once_end_each_once(side):
    """Rule: whoever comes second finds it ended; nothing is ended twice."""
    subjects = await people(side, 6)
    ids = [(await given(side, each)).record.id for each in subjects]
    cascade = {"recipient": "ml-brume", "reason": "purpose_retired", "by": POLICY, "now": NOW}
    one, two, *_ = await asyncio.gather(
        side.authorisations.invalidate_where(**cascade),
        side.authorisations.invalidate_where(**cascade),
        side.authorisations.withdraw(ids[5], subject=subjects[5], by=PERSON, now=NOW),
        return_exceptions=True,
    )
    ends = [each for each in await side.entries() if each["type"].endswith(("invalidated", "withdrawn"))]
    assert sorted(each["authorisation"] for each in ends) == sorted(ids)
    assert one + two == sum(each["type"].endswith("invalidated") for each in ends)


async def test_what_the_catalogue_serves_no_longer_is_found(side):
    """Rule: an unknown purpose, a purpose without exchange for this recipient, another basis; the rest stands."""
    subject = await side.lea()
    await given(side, subject)  # ml-brume, support.youth, consent: served
    for changes in (
        {"purpose": "former.purpose"},
        {"purpose": "fraud_detection"},
        {"recipient": "siae-brume"},
        {"recipient": "dept-brume", "purpose": "orientation.rsa"},
    ):
        await given(side, subject, asked(**changes))
    found = await cascades.retired(side.store, SHIPPED)
    assert [(each.recipient, each.purpose, each.basis, each.reason, each.count) for each in found] == [
        ("dept-brume", "orientation.rsa", "consent", "exchange_retired", 1),
        ("ml-brume", "former.purpose", "consent", "purpose_retired", 1),
        ("ml-brume", "fraud_detection", "consent", "purpose_retired", 1),
        ("siae-brume", "support.youth", "consent", "exchange_retired", 1),
    ]
