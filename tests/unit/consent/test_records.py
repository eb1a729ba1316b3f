"""Authorisations on the three bases: asking and answering, each transition with its entry, its actor and its epoch."""

import pytest

from consent.errors import (
    AuthorisationExists,
    AuthorisationUnknown,
    FieldsNotRequested,
    NotEntitled,
    RequestLapsed,
    RequestPending,
    RequestTooSoon,
    StateConflict,
    SubjectErased,
)
from consent.states import COOL_OFF_MS, LAPSE_MS, effective_state

from .answered import FIELDS, SOME, active, given, last, refused
from .conftest import AGENT, CLOCK, DAY, NOW, PERSON, asked


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
