"""The life of authorisations on the three bases, each transition with its entry, its actor and its epoch."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from consent import carrying, models
from consent.errors import (
    AlreadyWithdrawn,
    AuthorisationExists,
    AuthorisationUnknown,
    Contended,
    EpochChanged,
    FieldsNotRequested,
    NotEntitled,
    RequestLapsed,
    RequestPending,
    RequestTooSoon,
    StateConflict,
    SubjectErased,
)
from consent.guards import EpochGuard
from consent.states import COOL_OFF_MS, LAPSE_MS, VALID, effective_state

from .conftest import AGENT, CLOCK, DAY, NOW, PERSON, asked

FIELDS = asked().fields
SOME = frozenset({"rsa.beneficiary"})


async def given(side, subject, request=None, **choices):
    """Asked and answered yes."""
    made = await side.authorisations.request(subject, request or asked(), by=AGENT, now=side.clock.now)
    choices = {"fields": made.record.requested, **choices}
    return await side.authorisations.give(made.record.id, subject=subject, by=PERSON, now=side.clock.now, **choices)


async def active(side, subject, basis="public_task"):
    request = asked(basis=basis, recipient="dept-brume", purpose="orientation.rsa")
    return await side.authorisations.request(subject, request, by=AGENT, now=side.clock.now)


async def last(side) -> dict:
    return (await side.entries())[-1]


async def refused(side, error, action) -> Exception:
    """The action raises, and nothing was appended."""
    before = await side.entries()
    with pytest.raises(error) as caught:
        await action
    assert type(caught.value) is error
    assert await side.entries() == before
    return caught.value


async def test_consent_is_asked_then_given_in_part(side):
    """Rule: REQUESTED then GIVEN, fewer fields than asked, explicit ones apart; the epoch advances on giving only."""
    subject = await side.lea()
    request = asked(
        notice="1" * 64, max_uses=3, valid_until=NOW + 90 * DAY, siret="13002526500013", sources=("caf-brume",)
    )
    made = await side.authorisations.request(subject, request, by=AGENT, now=NOW)
    entry = await last(side)
    assert (entry["type"], entry["epoch"], entry["by"]) == ("authorisation.requested", 0, "professional")
    assert entry["org"] == "ml-brume"
    assert (entry["fields"], entry["sources"], entry["siret"]) == (sorted(FIELDS), ["caf-brume"], "13002526500013")
    assert (entry["notice"], entry["catalogue"], entry["authorisation"]) == ("1" * 64, "0" * 64, made.record.id)
    done = await side.authorisations.give(
        made.record.id,
        subject=subject,
        fields=SOME,
        explicit=SOME,
        valid_until=NOW + DAY,
        notice="2" * 64,
        by=PERSON,
        now=NOW + 5,
    )
    entry = await last(side)
    assert (entry["type"], entry["epoch"], entry["by"], entry["channel"]) == (
        "authorisation.given",
        1,
        "subject",
        "page",
    )
    assert (entry["fields"], entry["explicit"], entry["max_uses"]) == (sorted(SOME), sorted(SOME), 3)
    assert (entry["valid_from"], entry["valid_until"], entry["notice"]) == (NOW + 5, NOW + DAY, "2" * 64)
    record = await side.authorisations.get(made.record.id, subject=subject)
    assert record == done.record
    assert (record.state, record.slot, record.entry, record.method) == (
        "given",
        "current",
        done.appended.index,
        "franceconnect",
    )
    assert (record.requested, record.fields, record.explicit) == (FIELDS, SOME, SOME)
    assert [each["event"] for each in record.record["events"]] == ["requested", "given"]
    assert record.record["events"][0]["actor"] == AGENT.actor
    assert (await side.row(subject))["epoch"] == 1
    await side.tags_are_gap_free(subject)


@pytest.mark.parametrize("basis", ["public_task", "legal_obligation"])
async def test_without_consent_the_authorisation_is_active_at_once(side, basis):
    """Rule: the law allows it; the entry says so, with its own type."""
    subject = await side.lea()
    made = await active(side, subject, basis)
    entry = await last(side)
    assert (entry["type"], entry["basis"], entry["epoch"]) == ("authorisation.activated", basis, 1)
    assert (made.record.state, made.record.slot, made.record.fields) == ("active", "current", FIELDS)
    await refused(side, AuthorisationExists, active(side, subject, basis))


async def test_one_request_waits_at_a_time_and_lapses_after_seven_days(side):
    """Rule: no repeated asking; an old request can be neither given nor stand in the way."""
    subject, authorisations = await side.lea(), side.authorisations
    first = await authorisations.request(subject, asked(), by=AGENT, now=NOW)
    await refused(side, RequestPending, authorisations.request(subject, asked(), by=AGENT, now=NOW))
    await authorisations.request(subject, asked(purpose="support.appointments"), by=AGENT, now=NOW)
    side.clock.now = NOW + LAPSE_MS
    assert effective_state(first.record, side.clock.now - 1) == "requested"
    assert effective_state(first.record, side.clock.now) == "lapsed"
    for answer in (
        authorisations.give(first.record.id, subject=subject, fields=FIELDS, by=PERSON, now=side.clock.now),
        authorisations.refuse(first.record.id, subject=subject, by=PERSON, now=side.clock.now),
    ):
        await refused(side, RequestLapsed, answer)
    again = await authorisations.request(subject, asked(), by=AGENT, now=side.clock.now)
    old = await authorisations.get(first.record.id, subject=subject)
    assert (old.state, old.slot, again.record.slot) == ("lapsed", None, "pending")


async def test_what_was_asked_until_a_date_cannot_be_given_after_it(side):
    """Rule: a request does not outlive what it asks for."""
    subject = await side.lea()
    made = await side.authorisations.request(subject, asked(valid_until=NOW + DAY), by=AGENT, now=NOW)
    late = side.authorisations.give(made.record.id, subject=subject, fields=FIELDS, by=PERSON, now=NOW + DAY)
    await refused(side, RequestLapsed, late)


async def test_a_refusal_is_not_asked_again_for_ninety_days(side):
    """Rule: equal ease of no: recorded, without effect on the epoch, and respected."""
    subject, authorisations = await side.lea(), side.authorisations
    made = await authorisations.request(subject, asked(), by=AGENT, now=NOW)
    done = await authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW)
    assert ((await last(side))["type"], (await last(side))["epoch"]) == ("authorisation.refused", 0)
    assert (done.record.state, done.record.slot) == ("refused", "current")
    side.clock.now = NOW + COOL_OFF_MS - 1
    error = await refused(side, RequestTooSoon, authorisations.request(subject, asked(), by=AGENT, now=side.clock.now))
    assert error.until == NOW + COOL_OFF_MS
    await authorisations.request(subject, asked(purpose="support.appointments"), by=AGENT, now=side.clock.now)
    side.clock.now = NOW + COOL_OFF_MS
    again = await given(side, subject)
    assert (again.record.supersedes, again.record.version) == (made.record.id, 2)
    side.clock.now += DAY
    wider = asked(fields=FIELDS | {"c2s.beneficiary"})
    asked_again = await authorisations.request(subject, wider, by=AGENT, now=side.clock.now)
    kept = await authorisations.refuse(asked_again.record.id, subject=subject, by=PERSON, now=side.clock.now)
    assert kept.record.slot is None
    assert (await authorisations.get(again.record.id, subject=subject)).slot == "current"


@pytest.mark.parametrize(
    "choice",
    [
        {"fields": FIELDS | {"aah.since"}},
        {"fields": frozenset()},
        {"fields": SOME, "explicit": FIELDS},
        {"fields": SOME, "valid_until": NOW + 91 * DAY},
        {"fields": SOME, "valid_until": NOW},
    ],
)
async def test_an_answer_wider_than_the_request_is_refused(side, choice):
    """Rule: consent may be narrower and shorter than asked, never more."""
    subject = await side.lea()
    request = asked(valid_until=NOW + 90 * DAY)
    made = await side.authorisations.request(subject, request, by=AGENT, now=NOW)
    await refused(
        side,
        FieldsNotRequested,
        side.authorisations.give(made.record.id, subject=subject, by=PERSON, now=NOW, **choice),
    )


async def test_an_answered_request_is_not_answered_again(side):
    """Rule: content is frozen once given; terminal states are never left."""
    subject = await side.lea()
    done = await given(side, subject)
    for answer in (side.authorisations.refuse, side.authorisations.give):
        extra = {"fields": FIELDS} if answer == side.authorisations.give else {}
        await refused(side, StateConflict, answer(done.record.id, subject=subject, by=PERSON, now=NOW, **extra))


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


async def test_what_is_already_given_is_not_asked_again_unless_wider_or_ending(side):
    """Rule: no repeated asking; renewal is offered in the last thirty days."""
    subject = await side.lea()
    done = await given(side, subject, asked(valid_until=NOW + 90 * DAY))
    narrower = asked(fields=SOME)
    await refused(side, AuthorisationExists, side.authorisations.request(subject, narrower, by=AGENT, now=NOW))
    side.clock.now = NOW + 60 * DAY
    again = await given(side, subject, asked(valid_until=NOW + 400 * DAY))
    assert ((await last(side))["replaces"], again.record.version) == (done.record.id, 2)


async def test_only_those_entitled_act(side):
    """Rule: every transition has one actor entitled to it."""
    subject, each = await side.lea(), side.authorisations
    await refused(side, NotEntitled, each.request(subject, asked(), by=PERSON, now=NOW))
    made = await each.request(subject, asked(), by=AGENT, now=NOW)
    for action, by in ((each.refuse, AGENT), (each.withdraw, AGENT), (each.object_to, CLOCK), (each.expire, PERSON)):
        await refused(side, NotEntitled, action(made.record.id, subject=subject, by=by, now=NOW))
    await refused(side, NotEntitled, each.give(made.record.id, subject=subject, fields=FIELDS, by=AGENT, now=NOW))


async def test_an_unknown_authorisation_or_another_persons_is_not_found(side):
    """Rule: a person acts on their own records only; the answer is the same in both cases."""
    subject, other = await side.lea(), await side.lea("ml-brume", "8", nir="199042B123456")
    made = await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    for id_, who in ((made.record.id, other), ("0" * 32, subject)):
        await refused(side, AuthorisationUnknown, side.authorisations.refuse(id_, subject=who, by=PERSON, now=NOW))
    await refused(side, SubjectErased, side.authorisations.refuse(made.record.id, subject="0" * 32, by=PERSON, now=NOW))


@pytest.mark.parametrize("changes", [{"basis": "legitimate_interest"}, {"fields": frozenset()}])
async def test_a_request_without_basis_or_fields_is_refused(side, changes):
    """Rule: nothing has a default."""
    subject = await side.lea()
    await refused(side, StateConflict, side.authorisations.request(subject, asked(**changes), by=AGENT, now=NOW))


async def test_the_persons_list_is_complete_and_ordered(side):
    """Rule: the newest request first, past ones included, only their own."""
    subject, other = await side.lea(), await side.lea("ml-brume", "8", nir="199042B123456")
    await given(side, other)
    made = []
    for day, purpose in enumerate(("support.youth", "support.appointments", "support.shared_diagnosis")):
        side.clock.now = NOW + day * DAY
        made.append((await given(side, subject, asked(purpose=purpose))).record)
    listed = await side.authorisations.authorisations_of(subject)
    assert [each.id for each in listed] == [each.id for each in reversed(made)]
    assert all(each.id[12] == "7" and each.id[16] in "89ab" for each in listed)  # UUID version 7


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


def test_states_that_are_not_known_are_never_valid():
    """Rule: unknown means no."""
    for state in ("paused", "invalidated", "revoked", "tombstoned", "unknown", "upheld"):
        record = replace(carrying.blank("0" * 32, asked(), now=NOW), state=state)
        assert effective_state(record, NOW) == state
        assert state not in VALID
