"""The gate: what must hold at the commit, for a whole batch, in order, with no gap in a person's count."""

import asyncio

import orjson
import pytest
import sqlalchemy as sa

from audit.journal import Draft
from consent import models
from consent.errors import AuthorisationExpired, EpochChanged, FrequencyExceeded, GuardRefused, SubjectErased
from consent.guards import ChangeGuard, EpochGuard, SubjectRef, use_key
from consent.vault import SubjectKey

from .conftest import NOW

WINDOW = "ml-jeunes-ressources:2026-11"
LINKED = {"type": "subject.linked", "members": {"org": "ml-brume"}, "time": NOW}


async def together(side, *appends):
    """Several appends in one batch: the batcher takes all that wait when it wakes."""
    return await asyncio.gather(*appends, return_exceptions=True)


async def uses(side, subject) -> dict:
    return orjson.loads((await side.row(subject))["uses"])


async def test_a_release_under_an_old_epoch_is_refused(side):
    """Rule: what the person decided meanwhile stops the release, and leaves no entry."""
    subject = await side.lea()
    await side.release(subject, EpochGuard(epoch=0))
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    entries = await side.entries()
    with pytest.raises(EpochChanged):
        await side.release(subject, EpochGuard(epoch=0))
    assert await side.entries() == entries
    await side.release(subject, EpochGuard(epoch=1))
    await side.tags_are_gap_free(subject)


async def test_an_authorisation_over_at_the_commit_releases_nothing(side):
    """Rule: the clock is read under the lock; the end itself is no longer inside."""
    subject = await side.lea()
    with pytest.raises(AuthorisationExpired):
        await side.release(subject, EpochGuard(epoch=0, valid_until=NOW))
    await side.release(subject, EpochGuard(epoch=0, valid_until=NOW + 1))


async def test_uses_of_an_exchange_are_counted_up_to_the_limit_of_the_window(side):
    """Rule: a refused release is not counted; the next window starts anew and the old count is dropped."""
    subject = await side.lea()
    guard = EpochGuard(epoch=0, counts=((WINDOW, 2), ("other:2026-11", 9)))
    for _ in range(2):
        await side.release(subject, guard)
    with pytest.raises(FrequencyExceeded):
        await side.release(subject, guard)
    assert await uses(side, subject) == {WINDOW: 2, "other:2026-11": 2}
    await side.release(subject, EpochGuard(epoch=0, counts=(("ml-jeunes-ressources:2026-12", 2),)))
    assert await uses(side, subject) == {"ml-jeunes-ressources:2026-12": 1, "other:2026-11": 2}
    await side.tags_are_gap_free(subject)


async def test_uses_of_an_authorisation_are_counted_when_it_has_a_limit(side):
    """Rule: max_uses is checked under the lock; without a limit nothing is counted."""
    subject = await side.lea()
    limited = EpochGuard(epoch=0, authorisation="a" * 32, max_uses=1)
    await side.release(subject, limited)
    with pytest.raises(AuthorisationExpired):
        await side.release(subject, limited)
    await side.release(subject, EpochGuard(epoch=0, authorisation="b" * 32))
    assert await uses(side, subject) == {use_key("a" * 32): 1}


async def test_two_uses_in_one_batch_see_each_other(side):
    """Rule: entries of one batch are judged in order, as if one after the other."""
    subject = await side.lea()
    guard = EpochGuard(epoch=0, counts=((WINDOW, 1),))
    outcomes = await together(side, *(side.release(subject, guard) for _ in range(5)))
    assert [type(each).__name__ for each in outcomes] == ["Appended"] + ["FrequencyExceeded"] * 4
    await side.tags_are_gap_free(subject)


async def test_a_change_stops_every_release_that_waits_with_it(side):
    """Rule: changes go first, and the gate itself advances the epoch, before the change runs."""
    subject, other = await side.lea(), await side.lea("ml-brume", "8", nir="199042B123456")
    ref = SubjectRef(subject, await side.vault.open(subject))
    release = EpochGuard(epoch=0)

    def flag(change):
        members = {"flag": "restriction", "set": True}
        return side.journal.append(
            Draft(
                type="subject.flagged",
                members=members,
                time=NOW,
                subject=ref,
                guard=ChangeGuard(epoch=0),
                change=change,
            )
        )

    def fails(connection, index):
        raise GuardRefused("changed its mind")

    before, refused, done, again, after, apart = await together(
        side,
        side.release(subject, release),
        flag(fails),
        flag(lambda connection, index: None),
        flag(lambda connection, index: None),
        side.release(subject, release),
        side.release(other, release),
    )
    assert isinstance(refused, GuardRefused)
    assert [type(each) for each in (before, again, after)] == [EpochChanged] * 3
    assert [each.index for each in (done, apart)] == [3, 4]
    assert (await side.row(subject))["epoch"] == 1
    await side.tags_are_gap_free(subject, other)


async def test_a_change_that_fails_leaves_no_gap(side):
    """Rule: number, epoch and state of a failed change are as if it had never been tried."""
    subject = await side.lea()
    ref = SubjectRef(subject, await side.vault.open(subject))

    def fails(connection, index):
        connection.execute(sa.update(models.subject).values(flags="restriction"))
        raise ZeroDivisionError

    draft = Draft(type="subject.flagged", members={"flag": "restriction", "set": True}, time=NOW, subject=ref,
                  guard=ChangeGuard(epoch=0), change=fails)  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        await side.journal.append(draft)
    row = await side.row(subject)
    assert (row["epoch"], row["counter"], row["flags"]) == (0, 1, "")
    await side.release(subject, EpochGuard(epoch=0))
    await side.tags_are_gap_free(subject)


async def test_an_entry_about_nobody_is_left_alone_and_about_an_erased_person_refused(side):
    """Rule: no tag without a person; nothing new about an erased one, not even a change."""
    subject = await side.lea()
    append = side.journal.append
    await append(Draft(type="catalogue.activated", members={"catalogue": "0" * 64}, time=NOW))
    assert "subject" not in (await side.entries())[-1]
    ghost = SubjectRef("f" * 32, SubjectKey(b"g" * 32))
    for guard in (None, EpochGuard(epoch=0), ChangeGuard(epoch=0)):
        with pytest.raises(SubjectErased):
            await append(Draft(**LINKED, subject=ghost, guard=guard))
    ref = SubjectRef(subject, await side.vault.open(subject))
    with pytest.raises(EpochChanged):
        await append(Draft(**LINKED, subject=ref, guard=ChangeGuard(epoch=None)))
    await append(Draft(**LINKED, subject=ref))
    await side.tags_are_gap_free(subject)
    update = sa.update(models.subject).values(erased_at=NOW)
    await side.store.write(lambda connection: connection.execute(update) and None)
    with pytest.raises(SubjectErased):
        await side.release(subject, EpochGuard(epoch=0))


@pytest.mark.parametrize("broken", ["subject", "guard", "counts", "alone"])
async def test_an_entry_that_cannot_be_judged_fails_alone(side, broken):
    """Rule: a caller's mistake refuses its entry; the others of the batch go through."""
    subject = await side.lea()
    ref = SubjectRef(subject, await side.vault.open(subject))
    unlimited = EpochGuard(epoch=0, counts=((WINDOW, None),))
    activated = {"type": "catalogue.activated", "members": {"catalogue": "0" * 64}, "time": NOW}
    wrong = {
        "subject": Draft(**LINKED, subject="Léa"),
        "guard": Draft(**LINKED, subject=ref, guard="later"),
        "counts": Draft(**LINKED, subject=ref, guard=unlimited),
        "alone": Draft(**activated, guard=EpochGuard(epoch=0)),
    }[broken]
    bad, good = await together(side, side.journal.append(wrong), side.release(subject, EpochGuard(epoch=0)))
    assert isinstance(bad, GuardRefused | TypeError)
    assert good.index == 2
    await side.tags_are_gap_free(subject)


async def test_the_gate_asks_once_and_leaves_one_update_whatever_the_size_of_the_batch(side):
    """Rule: one SELECT, and one row per person for the UPDATE that goes with the batch's rows."""
    people = [await side.lea("ml-brume", str(number), rdvi_user=str(number)) for number in range(1, 6)]
    keys = await side.vault.open_many(people)
    drafts = [Draft(type="exchange.released", members={}, time=NOW, subject=SubjectRef(each, keys[each]),
                    guard=EpochGuard(epoch=0)) for each in people * 3]  # fmt: skip
    statements = []

    def work(connection):
        sa.event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        return side.journal._rules.gate(connection, drafts)

    outcomes = await side.store.write(work)
    update, given = outcomes.moved
    assert isinstance(update, sa.Update)
    assert sum(str(given).count(each) for each in people) == len(people)
    assert [each["subject"] for each in outcomes] == [keys[each].tag(1 + turn) for turn in range(3) for each in people]
    assert [each.split()[0] for each in statements] == ["SELECT"]


async def test_nothing_of_a_person_shows_in_references_and_guards(side):
    """Rule: drafts may be printed in a traceback; keys may not."""
    subject = await side.lea()
    assert "Key" not in repr(SubjectRef(subject, await side.vault.open(subject)))
