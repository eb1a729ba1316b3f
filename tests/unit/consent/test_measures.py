"""What is done to an authorisation once given or in force, on both engines: its entry, its actor, its epoch."""

from dataclasses import replace

import pytest

from consent.carrying import Told
from consent.errors import (
    AuthorisationExists,
    FieldsNotRequested,
    GuardRefused,
    NotEntitled,
    ReasonUnknown,
    RequestLapsed,
    RequestPending,
    StateConflict,
    WiderThanGiven,
)
from consent.guards import EpochGuard
from consent.records import Authorisations
from consent.states import KEPT_MS, LAPSE_MS, TRANSITIONS, By, effective_state

from .answered import SOME, active, given, last, refused
from .conftest import AGENT, CLOCK, DAY, NOW, PERSON, asked
from .walks import BY, MANDATE

DPO, CONTROLLER, AUTHORITY, POLICY = BY["dpo"], BY["controller"], BY["authority"], BY["policy"]
OPERATOR = BY["operator"]
CHILD = BY["representative"]


async def requested(side, subject, **changes):
    made = await side.authorisations.request(subject, asked(**changes), by=AGENT, now=side.clock.now)
    return made.record.id


def at(side, now):
    """Turn the clock: the journal writes the present only."""
    side.clock.now = now
    return now


async def seen(side, partner="ml-brume", purpose="support.youth", reference="dossier-7"):
    return await side.snapshots.get(partner=partner, purpose=purpose, reference=reference)


async def test_later_gives_seven_more_days_once_and_one_reminder(side):
    """Rule: REQUESTED -> DEFERRED by the person, reminded at most once, then lapsed by the clock; no epoch moves."""
    subject, life = await side.lea(), side.authorisations
    id_ = await requested(side, subject)
    await refused(side, StateConflict, life.remind(id_, subject=subject, by=CLOCK, now=NOW))
    later = at(side, NOW + 6 * DAY)
    done = await life.defer(id_, subject=subject, by=PERSON, now=later)
    assert (done.record.state, done.record.slot, done.record.due) == ("deferred", "pending", later + LAPSE_MS)
    assert (await last(side))["due"] == later + LAPSE_MS
    await refused(side, StateConflict, life.defer(id_, subject=subject, by=PERSON, now=later))
    assert (await life.remind(id_, subject=subject, by=CLOCK, now=later)).record.reminded_at == later
    await refused(side, StateConflict, life.remind(id_, subject=subject, by=CLOCK, now=later + DAY))
    await refused(side, RequestPending, life.request(subject, asked(), by=AGENT, now=later))
    await refused(side, StateConflict, life.lapse(id_, subject=subject, by=CLOCK, now=later + LAPSE_MS - 1))
    end = later + LAPSE_MS
    assert effective_state(await life.get(id_, subject=subject), end) == "lapsed"
    await refused(side, RequestLapsed, life.give(id_, subject=subject, fields=SOME, by=PERSON, now=end))
    done = await life.lapse(id_, subject=subject, by=CLOCK, now=at(side, end))
    assert (done.record.state, done.record.slot) == ("lapsed", None)
    assert (await side.row(subject))["epoch"] == 0
    assert [entry["type"].partition(".")[2] for entry in (await side.entries())[2:]] == [
        "requested", "deferred", "reminded", "lapsed",
    ]  # fmt: skip


async def test_a_deferred_request_is_answered_like_any_other(side):
    """Rule: DEFERRED -> GIVEN or REFUSED."""
    subject, life = await side.lea(), side.authorisations
    for answer, state in (("give", "given"), ("refuse", "refused")):
        id_ = await requested(side, subject, purpose="support.youth" if state == "given" else "iae.eligibility")
        await life.defer(id_, subject=subject, by=PERSON, now=NOW)
        fields = {"fields": SOME} if answer == "give" else {}
        done = await getattr(life, answer)(id_, subject=subject, by=PERSON, now=NOW + 1, **fields)
        assert (done.record.state, done.record.slot, done.record.due) == (state, "current", None)


async def test_an_old_request_is_written_off_before_a_new_one(side):
    """Rule: one entry per transition: the clock's lapse, then the partner's request."""
    subject = await side.lea()
    first = await requested(side, subject)
    side.clock.now += LAPSE_MS
    await requested(side, subject)
    assert (await side.authorisations.get(first, subject=subject)).state == "lapsed"
    ends = [(entry["type"], entry["by"]) for entry in (await side.entries())[-2:]]
    assert ends == [("authorisation.lapsed", "clock"), ("authorisation.requested", "professional")]


async def test_a_pause_stops_at_once_and_only_who_paused_resumes(side):
    """Rule: GIVEN <-> PAUSED by the person, or by the DPO with a reason; the epoch tells decisions both times."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject)).record.id
    before = await seen(side)
    done = await life.pause(id_, subject=subject, by=PERSON, now=NOW)
    assert (done.record.state, done.record.slot) == ("paused", "current")
    with pytest.raises(GuardRefused):
        await side.release(subject, EpochGuard(epoch=before.epoch))
    assert (await seen(side)).authorisation.state == "paused"
    await refused(side, NotEntitled, life.resume(id_, subject=subject, by=DPO, now=NOW))
    assert (await life.resume(id_, subject=subject, by=PERSON, now=NOW)).record.state == "given"
    assert (await side.row(subject))["epoch"] == 3
    await refused(side, ReasonUnknown, life.pause(id_, subject=subject, by=DPO, now=NOW))
    await refused(side, ReasonUnknown, life.pause(id_, subject=subject, reason="mood", by=DPO, now=NOW))
    await refused(side, ReasonUnknown, life.pause(id_, subject=subject, reason="inquiry", by=PERSON, now=NOW))
    await life.pause(id_, subject=subject, reason="inquiry", by=DPO, now=NOW)
    assert (await last(side))["reason"] == "inquiry"
    await refused(side, NotEntitled, life.resume(id_, subject=subject, by=PERSON, now=NOW))
    await refused(side, AuthorisationExists, life.request(subject, asked(), by=AGENT, now=NOW))
    assert (await life.withdraw(id_, subject=subject, by=PERSON, now=NOW)).record.state == "withdrawn"


async def test_a_paused_one_ends_by_the_clock_and_makes_room(side):
    """Rule: PAUSED -> EXPIRED is seen without being written; a new yes takes its place."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject, asked(valid_until=NOW + DAY))).record.id
    await life.pause(id_, subject=subject, by=PERSON, now=NOW)
    side.clock.now += DAY
    assert effective_state(await life.get(id_, subject=subject), side.clock.now) == "expired"
    await refused(side, StateConflict, life.resume(id_, subject=subject, by=PERSON, now=side.clock.now))
    done = await given(side, subject, asked(valid_until=NOW + 9 * DAY))
    assert done.record.supersedes == id_
    assert (await life.get(id_, subject=subject)).state == "superseded"


async def test_narrowing_is_strictly_less_and_never_more(side):
    """Rule: an amendment: fewer fields or sooner, by the person or because the register got narrower."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject, asked(valid_until=NOW + 9 * DAY))).record.id
    who = {"subject": subject, "by": PERSON, "now": NOW}
    for wider in ({"fields": SOME | {"rqth.valid"}}, {"valid_until": NOW + 10 * DAY}):
        await refused(side, WiderThanGiven, life.narrow(id_, **wider, **who))
    for nothing in ({}, {"fields": asked().fields}, {"fields": frozenset()}, {"valid_until": NOW}):
        await refused(side, StateConflict, life.narrow(id_, **nothing, **who))
    done = await life.narrow(id_, fields=SOME, **who)
    assert (done.record.fields, done.record.valid_until, done.record.state) == (SOME, NOW + 9 * DAY, "given")
    done = await life.narrow(id_, valid_until=NOW + DAY, subject=subject, by=POLICY, now=NOW)
    entry = await last(side)
    assert (entry["by"], entry["fields"], entry["valid_until"]) == ("policy", sorted(SOME), NOW + DAY)
    assert (await seen(side)).authorisation.fields == SOME
    assert (await side.row(subject))["epoch"] == 3


async def test_a_consent_without_end_may_be_given_one(side):
    """Rule: an end where there was none is narrower."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject)).record.id
    done = await life.narrow(id_, valid_until=NOW + DAY, subject=subject, by=PERSON, now=NOW)
    assert done.record.valid_until == NOW + DAY


async def test_a_renewal_is_a_new_record_of_the_same_lineage(side):
    """Rule: GIVEN -> RENEWED by the person only, the same or less, for as long or shorter; the old one superseded."""
    subject, life = await side.lea(), side.authorisations
    first = (await given(side, subject, asked(valid_until=NOW + 30 * DAY, max_uses=2))).record
    later = at(side, NOW + 20 * DAY)
    who = {"subject": subject, "by": PERSON, "now": later}
    for wider in ({"fields": first.fields | {"rqth.valid"}}, {"fields": frozenset()}, {"valid_until": later},
                  {"valid_until": later + 31 * DAY}):  # fmt: skip
        await refused(side, WiderThanGiven, life.renew(first.id, **wider, **who))
    await refused(side, NotEntitled, life.renew(first.id, subject=subject, by=DPO, now=later))
    done = await life.renew(first.id, fields=SOME, notice="3" * 64, **who)
    new = await life.get(done.record.id, subject=subject)
    assert new == done.record
    assert (new.state, new.slot, new.fields, new.valid_until) == ("renewed", "current", SOME, later + 30 * DAY)
    assert (new.lineage_id, new.supersedes, new.version, new.uses) == (first.lineage_id, first.id, 2, 0)
    old = await life.get(first.id, subject=subject)
    assert (old.state, old.slot, old.entry) == ("superseded", None, done.appended.index)
    entry = await last(side)
    assert (entry["type"], entry["replaces"], entry["notice"]) == ("authorisation.renewed", first.id, "3" * 64)
    assert (await seen(side)).authorisation.id == new.id
    assert [event["event"] for event in new.record["events"]] == ["renewed"]
    again = await life.renew(new.id, valid_until=later + DAY, **who)
    assert (again.record.version, again.record.valid_until) == (3, later + DAY)
    await refused(side, StateConflict, life.renew(again.record.id, subject=subject, by=PERSON, now=later + DAY))


async def test_a_consent_without_end_is_renewed_without_or_with_one(side):
    """Rule: same or narrower."""
    subject, life = await side.lea(), side.authorisations
    first = (await given(side, subject)).record
    second = (await life.renew(first.id, subject=subject, by=PERSON, now=NOW)).record
    assert second.valid_until is None
    third = await life.renew(second.id, subject=subject, valid_until=NOW + DAY, by=PERSON, now=NOW)
    assert third.record.valid_until == NOW + DAY


async def test_what_it_rested_on_is_gone(side):
    """Rule: GIVEN/PAUSED -> INVALIDATED by the DPO or the system, with a reason of the list; terminal."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject)).record.id
    who = {"subject": subject, "by": POLICY, "now": NOW}
    await refused(side, ReasonUnknown, life.invalidate(id_, reason="mood", **who))
    done = await life.invalidate(id_, reason="notice_defective", **who)
    entry = await last(side)
    assert (entry["by"], entry["reason"], entry["epoch"]) == ("policy", "notice_defective", 2)
    assert (done.record.state, done.record.slot) == ("invalidated", "current")
    await refused(side, StateConflict, life.invalidate(id_, reason="notice_defective", **who))
    await refused(side, StateConflict, life.withdraw(id_, subject=subject, by=PERSON, now=NOW))


async def test_a_request_is_invalidated_too_and_leaves_its_place(side):
    """Rule: nobody may say yes to a purpose that is gone; a new request is possible."""
    subject, life = await side.lea(), side.authorisations
    id_ = await requested(side, subject)
    done = await life.invalidate(id_, subject=subject, reason="exchange_retired", by=DPO, now=NOW)
    assert (done.record.state, done.record.slot) == ("invalidated", None)
    await refused(side, StateConflict, life.give(id_, subject=subject, fields=SOME, by=PERSON, now=NOW))
    await requested(side, subject)


@pytest.mark.parametrize("basis", ["consent", "public_task"])
async def test_an_order_ends_it_and_no_partner_opens_it_again(side, basis):
    """Rule: GIVEN/PAUSED -> REVOKED by the controller or an authority, with its reference; ACTIVE as well."""
    subject, life = await side.lea(), side.authorisations
    made = await (given(side, subject) if basis == "consent" else active(side, subject))
    done = await life.revoke(made.record.id, subject=subject, reference="SAN-2026-012", by=AUTHORITY, now=NOW)
    assert (done.record.state, (await last(side))["reference"]) == ("revoked", "SAN-2026-012")
    if basis == "consent":
        await given(side, subject)  # asked and answered anew: the person's own choice
    else:
        await refused(side, AuthorisationExists, active(side, subject))


async def test_an_objection_is_examined_within_a_month(side):
    """Rule: ACTIVE -> OBJECTION_LODGED stops at once, with a clock of one month; UPHELD is final and stays closed."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await active(side, subject)).record.id
    done = await life.object_to(id_, subject=subject, by=PERSON, now=NOW)
    assert done.record.due == (await last(side))["due"] == NOW + 30 * DAY  # lodged in November
    await refused(side, NotEntitled, life.uphold(id_, subject=subject, by=CONTROLLER, now=NOW))
    epoch = (await side.row(subject))["epoch"]
    done = await life.uphold(id_, subject=subject, by=DPO, now=at(side, NOW + 99 * DAY))
    assert (done.record.state, done.record.due) == ("upheld", None)
    assert (await side.row(subject))["epoch"] == epoch
    await refused(side, AuthorisationExists, active(side, subject))
    await refused(side, StateConflict, life.override(
        id_, subject=subject, grounds="9" * 64, cosigned=DPO, by=CONTROLLER, now=NOW))  # fmt: skip


async def test_grounds_override_an_objection_under_two_signatures(side):
    """Rule: OBJECTION_LODGED -> OVERRIDDEN by controller and DPO together; it resumes, and may be objected to again."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await active(side, subject)).record.id
    await life.object_to(id_, subject=subject, by=PERSON, now=NOW)
    same = replace(DPO, actor=CONTROLLER.actor)
    for by, cosigned in ((DPO, DPO), (CONTROLLER, PERSON), (CONTROLLER, same), (CONTROLLER, replace(DPO, actor=None)),
                         (AUTHORITY, DPO)):  # fmt: skip
        await refused(side, NotEntitled, life.override(
            id_, subject=subject, grounds="9" * 64, cosigned=cosigned, by=by, now=NOW))  # fmt: skip
    done = await life.override(id_, subject=subject, grounds="9" * 64, cosigned=DPO, by=CONTROLLER, now=NOW)
    entry = await last(side)
    assert (entry["type"], entry["grounds"]) == ("authorisation.overridden", "9" * 64)
    assert (entry["by"], entry["actor"], entry["cosigner"]) == ("controller", CONTROLLER.actor, DPO.actor)
    assert (done.record.state, done.record.due) == ("active", None)
    assert (await side.row(subject))["epoch"] == 3
    assert (await life.object_to(id_, subject=subject, by=PERSON, now=NOW)).record.state == "objection_lodged"


async def test_no_objection_where_the_law_leaves_none(side):
    """Rule: the catalogue's line says so, when the authorisation is made."""
    subject = await side.lea()
    request = asked(basis="public_task", recipient="dept-brume", purpose="orientation.rsa", objection=False)
    made = await side.authorisations.request(subject, request, by=AGENT, now=NOW)
    await refused(
        side, StateConflict, side.authorisations.object_to(made.record.id, subject=subject, by=PERSON, now=NOW)
    )


async def test_content_goes_when_it_was_kept_long_enough(side):
    """Rule: ended -> TOMBSTONED after the legal delay, unless a dispute holds it; purpose and proof remain."""
    subject, life = await side.lea(), side.authorisations
    id_ = (await given(side, subject, asked(details={"text": "x"}))).record.id
    who = {"subject": subject, "by": OPERATOR}
    await refused(side, StateConflict, life.tombstone(id_, now=NOW + KEPT_MS, **who))
    await life.withdraw(id_, subject=subject, by=PERSON, now=NOW)
    await refused(side, StateConflict, life.tombstone(id_, now=NOW + KEPT_MS - 1, **who))
    await refused(side, StateConflict, life.free(id_, subject=subject, by=DPO, now=NOW))
    await life.hold(id_, subject=subject, by=DPO, now=at(side, NOW + DAY))
    await refused(side, StateConflict, life.hold(id_, subject=subject, by=DPO, now=NOW))
    await refused(side, StateConflict, life.tombstone(id_, now=NOW + KEPT_MS, **who))
    await life.free(id_, subject=subject, by=DPO, now=at(side, NOW + 2 * DAY))
    done = await life.tombstone(id_, now=at(side, NOW + KEPT_MS), **who)
    record = await life.get(id_, subject=subject)
    assert record == done.record
    assert (record.state, record.slot, record.fields, record.requested) == (
        "tombstoned",
        None,
        frozenset(),
        frozenset(),
    )
    assert (record.purpose, record.entry, record.channel) == (asked().purpose, done.appended.index, None)
    assert [event["event"] for event in record.record["events"]] == ["tombstoned"]
    assert "details" not in record.record
    await refused(side, StateConflict, life.tombstone(id_, now=NOW + 2 * KEPT_MS, **who))
    await side.tags_are_gap_free(subject)


async def test_a_representative_gives_under_a_mandate_and_no_longer(side):
    """Rule: the mandate is named in the entry; a yes ends with it, whoever asks later, and without any job."""
    subject, life = await side.lea(), side.authorisations
    ends = replace(MANDATE, valid_until=NOW + DAY)
    parent = replace(CHILD, representative=ends)
    id_ = await requested(side, subject, valid_until=NOW + 9 * DAY)
    for by in (replace(CHILD, representative=None), replace(PERSON, representative=ends),
               replace(CHILD, representative=replace(ends, valid_until=NOW)),
               replace(CHILD, representative=replace(ends, valid_from=NOW + 1))):  # fmt: skip
        await refused(side, NotEntitled, life.give(id_, subject=subject, fields=SOME, by=by, now=NOW))
    done = await life.give(id_, subject=subject, fields=SOME, by=parent, now=NOW)
    entry = await last(side)
    assert (entry["by"], entry["mandate"], entry["capacity"]) == ("representative", MANDATE.id, "guardian")
    assert (done.record.valid_until, done.record.mandate) == (NOW + DAY, MANDATE.id)
    assert effective_state(done.record, NOW + DAY) == "expired"
    await refused(side, NotEntitled, life.withdraw(id_, subject=subject, by=parent, now=NOW + DAY))
    assert (await life.withdraw(id_, subject=subject, by=PERSON, now=at(side, NOW + DAY))).record.state == "withdrawn"


async def test_a_yes_without_end_ends_with_the_mandate(side):
    """Rule: majority ends what a parent allowed, even for ever."""
    subject = await side.lea()
    id_ = await requested(side, subject)
    done = await side.authorisations.give(id_, subject=subject, fields=SOME, by=CHILD, now=NOW)
    assert done.record.valid_until == MANDATE.valid_until


AB, CD = "ab" * 16, "cd" * 16
WAYS = {
    "counter": {"actor": AB, "witness": CD},
    "phone": {"actor": AB, "witness": CD, "confirmed": NOW},
    "paper": {"evidence": "e" * 64},
    "letter": {"evidence": "e" * 64},
    "sms": {"confirmed": NOW},
    "page": {},
    "link": {},
}


@pytest.mark.parametrize("channel", WAYS)
async def test_a_yes_leaves_what_shows_it(side, channel):
    """Rule: each channel's proof of a yes is in the entry, and a yes without it is refused."""
    subject, life = await side.lea(), side.authorisations
    id_ = await requested(side, subject)
    shown = WAYS[channel]
    for name in shown:
        less = By(kind="subject", channel=channel, **{**shown, name: None})
        await refused(side, NotEntitled, life.give(id_, subject=subject, fields=SOME, by=less, now=NOW))
    if "witness" in shown:
        alone = By(kind="subject", channel=channel, **{**shown, "witness": AB})
        await refused(side, NotEntitled, life.give(id_, subject=subject, fields=SOME, by=alone, now=NOW))
    await life.give(id_, subject=subject, fields=SOME, by=By(kind="subject", channel=channel, **shown), now=NOW)
    entry = await last(side)
    assert {name: entry[name] for name in shown} == shown
    assert entry["channel"] == channel
    await life.withdraw(id_, subject=subject, by=By(kind="subject", channel=channel), now=NOW)


async def test_nobody_says_yes_through_the_system(side):
    """Rule: a yes is somebody's act."""
    subject = await side.lea()
    id_ = await requested(side, subject)
    machine = By(kind="subject", channel="system")
    await refused(side, NotEntitled, side.authorisations.give(id_, subject=subject, fields=SOME, by=machine, now=NOW))
    await refused(side, FieldsNotRequested, side.authorisations.give(
        id_, subject=subject, fields=frozenset({"rqth.valid"}), by=PERSON, now=NOW))  # fmt: skip


async def test_others_are_told_in_the_same_transaction_or_not_at_all(side):
    """Rule: each transition is told once with its entry; when telling fails, nothing happened."""
    subject, heard = await side.lea(), []

    def tell(connection, told):
        heard.append(told)
        if told.event == "withdrawn":
            raise OverflowError

    life = Authorisations(store=side.store, journal=side.journal, vault=side.vault, told=tell)
    made = await life.request(subject, asked(sources=("caf-brume",)), by=AGENT, now=NOW)
    done = await life.give(made.record.id, subject=subject, fields=SOME, by=PERSON, now=NOW + 1)
    assert heard[-1] == Told(
        record_id=made.record.id, subject=subject, recipient="ml-brume", sources=("caf-brume",), event="given",
        at=NOW + 1, entry=done.appended.index, decided=False,
    )  # fmt: skip
    assert [each.event for each in heard] == ["requested", "given"]
    before = await side.entries()
    with pytest.raises(OverflowError):
        await life.withdraw(made.record.id, subject=subject, by=PERSON, now=NOW)
    assert await side.entries() == before
    assert (await life.get(made.record.id, subject=subject)).state == "given"


def test_the_table_and_the_journal_have_the_same_words():
    """Rule: every event of the table is a type of entry."""
    from audit.events import AUTHORISATION_EVENTS

    assert {rule.event for rule in TRANSITIONS.values()} - {None} == set(AUTHORISATION_EVENTS)
