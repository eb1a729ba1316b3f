"""The register of rights: each request has its clock, each step its entry, each correction reaches who was given it."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.journal import Draft
from consent.clocks import months_after
from consent.errors import (
    Contended,
    ExtensionTooLate,
    PersonUnknown,
    RightClosed,
    RightInvalid,
    RightPending,
    RightUnknown,
    SubjectErased,
)
from consent.guards import SubjectRef
from consent.recipients import entries_of, last_corrections, recipients_of
from consent.rights import Correction, Rights
from consent.rights_law import REFUSALS, RIGHTS, About
from consent.wiping import wipe
from tests.unit.consent.conftest import AGENT, DAY, NOW, PERSON, Side

FIELDS = ("rsa.beneficiary", "rsa.since", "c2s.beneficiary")
ORGS = ("ml-brume", "dept-brume", "siae-brume", "outil-commun")
CONTESTED = About(fields=frozenset({"rsa.since"}), source="caf-brume")


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def register(side: Side, told: list | None = None) -> Rights:
    tell = None if told is None else lambda _, each: told.append(each)
    return Rights(store=side.store, journal=side.journal, vault=side.vault, tell=tell)


async def released(side: Side, subject, org: str, *fields: str, **states: str) -> int:
    """An entry after which this partner was given these fields."""
    found = {name.partition(".")[0]: "released" for name in fields} | states
    members = {
        "ref": "0" * 32, "org": org, "purpose": "support.youth", "actor": "cd" * 16, "states": found,
        "commits": dict.fromkeys(fields, "A" * 32),
    }  # fmt: skip
    ref = SubjectRef(subject, await side.vault.open(subject))
    draft = Draft(type="exchange.released", members=members, time=side.clock.now, subject=ref, release=True)
    return (await side.journal.append(draft)).index


async def test_requests_are_given_in_the_order_asked_for(side: Side) -> None:
    """Rule: a list of them at once; what nobody knows is left out."""
    subject, rights = await side.lea(), register(side)
    first, second = [await rights.receive(subject, right, by=AGENT, now=NOW) for right in ("access", "portability")]
    assert await rights.these([second.id, "0" * 32, first.id]) == (second, first)
    assert await rights.these([]) == ()


@pytest.mark.parametrize(
    ("received", "months", "due"),
    [
        (ms(2026, 11, 22, 10), 1, ms(2026, 12, 22, 10)),
        (ms(2026, 12, 22), 1, ms(2027, 1, 22)),
        (ms(2027, 1, 31), 1, ms(2027, 2, 28)),
        (ms(2028, 1, 31), 1, ms(2028, 2, 29)),
        (ms(2026, 11, 30), 3, ms(2027, 2, 28)),
    ],
)
def test_a_month_is_a_month_of_the_calendar(received: int, months: int, due: int) -> None:
    """Rule (GDPR 12-3, Regulation 1182/71): the same day of the month, or the last one of a shorter month."""
    assert months_after(received, months) == due


async def test_a_request_is_received_answered_and_journaled(side: Side) -> None:
    """Rule: two entries, about the person by their tag alone, and the date by which an answer is owed."""
    subject, rights = await side.lea(), register(side)
    asked = await rights.receive(subject, "access", by=AGENT, now=NOW)
    assert (asked.state, asked.due, asked.open) == ("received", months_after(NOW, 1), True)
    assert await rights.open() == (asked,)
    done = await rights.answer(asked.id, now=NOW)
    assert (done.state, done.answered_at, done.open) == ("answered", NOW, False)
    assert (await rights.open(), await rights.of(subject)) == ((), (done,))
    entries = [each for each in await side.entries() if each["type"].startswith("rights.")]
    key = await side.vault.open(subject)
    common = {"v": 1, "time": NOW, "request": asked.id, "right": "access"}
    by = {"by": "professional", "channel": "counter", "actor": AGENT.actor, "due": asked.due}
    assert [{**each, "id": ""} for each in entries] == [
        {**common, **by, "id": "", "type": "rights.requested", "subject": key.tag(1)},
        {**common, "id": "", "type": "rights.answered", "outcome": "done", "subject": key.tag(2)},
    ]
    assert subject not in str(entries)


async def test_overdue_is_what_the_clock_says(side: Side) -> None:
    """Rule (12-3): owed until its date, late from then on; an answer ends it, an extension moves it once."""
    subject, rights = await side.lea(), register(side)
    late = await rights.receive(subject, "access", by=PERSON, now=NOW)
    other = await rights.receive(subject, "portability", by=PERSON, now=NOW)
    assert await rights.overdue(now=late.due - 1) == ()
    assert {each.id for each in await rights.overdue(now=late.due)} == {late.id, other.id}
    assert late.overdue(late.due)
    assert not late.overdue(late.due - 1)
    side.clock.now = NOW + DAY
    extended = await rights.extend(late.id, reason="complexity", now=NOW + DAY)
    assert (extended.state, extended.due, extended.extended) == ("extended", months_after(NOW, 3), "complexity")
    assert [each.id for each in await rights.overdue(now=late.due)] == [other.id]
    assert [each.id for each in await rights.overdue(now=extended.due)] == [other.id, late.id]
    with pytest.raises(ExtensionTooLate):
        await rights.extend(late.id, reason="complexity", now=NOW + DAY)
    with pytest.raises(RightInvalid):
        await rights.extend(other.id, reason="holidays", now=NOW + DAY)
    with pytest.raises(ExtensionTooLate):
        await rights.extend(other.id, reason="complexity", now=other.due)
    await rights.refuse(other.id, reason="no_consent", now=NOW + DAY)
    done = await rights.answer(late.id, now=NOW + DAY)
    assert not done.overdue(extended.due)
    assert await rights.overdue(now=extended.due) == ()


async def test_asking_again_does_not_start_the_clock_anew(side: Side) -> None:
    """Rule: the same request is one; another object, or after the answer, is another one."""
    subject, rights = await side.lea(), register(side)
    first = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    with pytest.raises(RightPending):
        await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    other = About(fields=frozenset({"c2s.beneficiary"}), source="caf-brume")
    await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=other)
    await rights.answer(first.id, now=NOW)
    await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    assert len(await rights.of(subject)) == 3


@pytest.mark.parametrize("right", RIGHTS)
async def test_a_refusal_has_a_reason_the_law_knows(side: Side, right: str) -> None:
    """Rule (12-4): the reason is one of those of this right, and stands in the journal."""
    subject, rights = await side.lea(), register(side)
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    about = {
        "rectification": CONTESTED, "objection": About(authorisation="ab" * 16),
        "restriction": About(reason="unlawful"),
    }.get(right)  # fmt: skip
    asked = await rights.receive(subject, right, by=PERSON, now=NOW, about=about)
    for reason in ("no_time", *(REFUSALS["objection" if right != "objection" else "access"] - REFUSALS[right])):
        with pytest.raises(RightInvalid):
            await rights.refuse(asked.id, reason=reason, now=NOW)
    refused = await rights.refuse(asked.id, reason="excessive", now=NOW)
    assert (refused.state, refused.reason) == ("refused", "excessive")
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["outcome"], entry["reason"]) == ("rights.answered", "refused", "excessive")
    for again in (rights.answer(asked.id, now=NOW), rights.refuse(asked.id, reason="excessive", now=NOW)):
        with pytest.raises(RightClosed):
            await again


@pytest.mark.parametrize(
    ("right", "about"),
    [
        ("forgetting", About()),
        ("rectification", About()),
        ("rectification", About(fields=frozenset({"rsa.since"}))),
        ("access", CONTESTED),
        ("objection", About()),
        ("erasure", About(authorisation="ab" * 16)),
        ("restriction", About()),
        ("restriction", About(reason="no_reason")),
        ("access", About(reason="unlawful")),
    ],
)
async def test_a_request_about_the_wrong_thing_is_refused(side: Side, right: str, about: About) -> None:
    """Rule: what each right is about is closed; nothing is written."""
    subject = await side.lea()
    before = len(await side.entries())
    with pytest.raises(RightInvalid):
        await register(side).receive(subject, right, by=PERSON, now=NOW, about=about)
    assert len(await side.entries()) == before


async def test_a_source_is_asked_once_and_the_rest_is_unknown(side: Side) -> None:
    """Rule: the status of a rectification is tracked; other requests are not sent, an unknown one is told."""
    subject, rights = await side.lea(), register(side)
    asked = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    sent = await rights.sent(asked.id, now=NOW)
    assert (sent.state, sent.sent_at) == ("received", NOW)
    assert (await side.entries())[-1]["org"] == "caf-brume"
    access = await rights.receive(subject, "access", by=PERSON, now=NOW)
    for id_ in (asked.id, access.id):
        with pytest.raises(RightClosed):
            await rights.sent(id_, now=NOW)
    with pytest.raises(RightUnknown):
        await rights.get("0" * 32)


async def test_the_end_of_a_restriction_is_noted_once(side: Side) -> None:
    """Rule: only of one in force."""
    subject, rights = await side.lea(), register(side)
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    asked = await rights.receive(subject, "restriction", by=PERSON, now=NOW, about=About(reason="unlawful"))
    with pytest.raises(RightClosed):
        await rights.end(asked.id, now=NOW)
    assert (await rights.answer(asked.id, now=NOW)).standing
    ended = await rights.end(asked.id, now=NOW)
    assert (ended.ended_at, ended.standing) == (NOW, False)
    assert (await rights.end(asked.id, now=NOW + DAY)).ended_at == NOW


async def test_a_correction_informs_each_recipient_since_the_last_one_once(side: Side) -> None:
    """Rule (GDPR 19): set equality of who was given it, in the journal, and who is told; a later one starts anew."""
    told: list[Correction] = []
    subject, rights = await side.lea(), register(side, told)
    await released(side, subject, "ml-brume", "rsa.since")
    await released(side, subject, "ml-brume", "rsa.since")
    await released(side, subject, "dept-brume", "rsa.beneficiary")
    await released(side, subject, "siae-brume", rsa="no_data")
    await released(side, subject, "outil-commun", rsa="withheld")
    asked = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    await rights.answer(asked.id, now=NOW)
    entry = (await side.entries())[-1]
    assert entry["informed"] == ["ml-brume", "siae-brume"] == [each.recipient for each in told]
    assert {(each.subject, each.source, each.at) for each in told} == {(subject, "caf-brume", NOW)}
    await released(side, subject, "outil-commun", "rsa.since")
    again = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    await rights.answer(again.id, now=NOW)
    assert [each.recipient for each in told[2:]] == ["outil-commun"]
    assert recipients_of(await entries_of(subject, store=side.store, vault=side.vault)) == set(ORGS)


async def test_a_release_just_before_a_correction_is_not_missed(side: Side) -> None:
    """Rule: what is committed between the look and the correction is looked at as well, else it is given up."""
    told: list[Correction] = []
    subject, rights = await side.lea(), register(side, told)
    asked = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    append, late = side.journal.append, ["dept-brume", "ml-brume"]

    async def interleaved(draft: Draft):
        if draft.type == "rights.answered" and late:
            side.journal.append = append
            await released(side, subject, late.pop(), "rsa.since")
            side.journal.append = interleaved
        return await append(draft)

    side.journal.append = interleaved
    await rights.answer(asked.id, now=NOW)
    assert [each.recipient for each in told] == ["dept-brume", "ml-brume"]
    endless = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    late += ["siae-brume"] * 40
    with pytest.raises(Contended):
        await rights.answer(endless.id, now=NOW)
    assert len(told) == 2


async def test_two_answers_at_once_are_one(side: Side) -> None:
    """Rule: whoever comes second is told that it is closed, and no second entry is written."""
    subject, rights = await side.lea(), register(side)
    asked = await rights.receive(subject, "access", by=PERSON, now=NOW)
    append = side.journal.append

    async def overtaken(draft: Draft):
        side.journal.append = append
        await rights.answer(asked.id, now=NOW)
        return await append(draft)

    side.journal.append = overtaken
    with pytest.raises(RightClosed):
        await rights.answer(asked.id, now=NOW)
    assert [each["type"] for each in await side.entries()].count("rights.answered") == 1


async def test_an_answer_after_the_erasure_names_nobody(side: Side) -> None:
    """Rule: the register goes on, by an opaque id; the entry has no tag, and nobody else can be asked about."""
    told: list[Correction] = []
    subject, rights = await side.lea(), register(side, told)
    erasure = await rights.receive(subject, "erasure", by=PERSON, now=NOW)
    contested = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=CONTESTED)
    await released(side, subject, "ml-brume", "rsa.since")
    key = await side.vault.open(subject)
    await side.store.write(lambda connection: wipe(connection, subject, key, now=NOW))
    await side.vault.reduce(subject)
    await rights.answer(erasure.id, now=NOW)
    await rights.answer(contested.id, now=NOW)
    assert all("subject" not in each for each in (await side.entries())[-2:])
    assert told == []
    with pytest.raises((SubjectErased, PersonUnknown)):
        await rights.receive(subject, "access", by=PERSON, now=NOW)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("release"), st.sampled_from(ORGS), st.sets(st.sampled_from(FIELDS), min_size=1)),
        st.tuples(st.just("correct"), st.just(""), st.sets(st.sampled_from(FIELDS), min_size=1)),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_property_notified_is_exactly_who_was_given_it(side: Side, steps: list) -> None:
    """Rule: for any history of releases and corrections, against a model that knows nothing of the journal."""
    told: list[Correction] = []
    rights = register(side, told)
    subject = await side.lea(reference=f"dossier-{len(await side.entries())}", ft_login=f"p{len(await side.entries())}")
    holders: dict[str, set[str]] = {field: set() for field in FIELDS}
    for step, org, fields in steps:
        if step == "release":
            await released(side, subject, org, *sorted(fields))
            for field in fields:
                holders[field].add(org)
            continue
        told.clear()
        about = About(fields=frozenset(fields), source="caf-brume")
        asked = await rights.receive(subject, "rectification", by=PERSON, now=NOW, about=about)
        await rights.answer(asked.id, now=NOW)
        expected = set().union(*(holders.pop(field) for field in fields))
        holders |= {field: set() for field in fields}
        assert sorted(each.recipient for each in told) == sorted(expected)
        assert set((await side.entries())[-1]["informed"]) == expected


def test_a_refused_correction_is_no_correction() -> None:
    """Rule: only what was done moves the border."""
    answer = {"type": "rights.answered", "right": "rectification", "outcome": "refused", "fields": ["rsa.since"]}
    lines = [(3, answer), (5, {**answer, "outcome": "done"}), (7, {**answer, "right": "access", "outcome": "done"})]
    assert last_corrections(lines, ["rsa.since", "c2s.beneficiary"]) == {"rsa.since": 5, "c2s.beneficiary": -1}
