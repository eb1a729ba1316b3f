"""Walks over the whole life on both engines: what the journal says afterwards is what was done, and what is stored."""

import random
from dataclasses import replace

import pytest

from consent.errors import ConsentError
from consent.records import Authorisations
from consent.states import KINDS, TERMINAL, TRANSITIONS, VALID

from .conftest import DAY
from .walks import BY, LINES, NAMES, NEW

MORE = {
    "invalidate": {"reason": "exchange_retired"},
    "revoke": {"reference": "SAN-2026-012"},
    "override": {"grounds": "9" * 64},
}
ENDING = {"hold", "free", "invalidate", "revoke", "refuse", "uphold", "tombstone"}


async def act(life, name, record, *, by, now):
    """One transition through the public methods; an error when it is refused."""
    more = dict(MORE.get(name, {}))
    if name == "give":
        more["fields"] = record.requested
    elif name == "narrow":
        more["fields"] = frozenset(sorted(record.fields)[:1])
    elif name == "pause" and by.kind == "dpo":
        more["reason"] = "inquiry"
    elif name == "override":
        more["cosigned"] = BY["dpo" if by.kind == "controller" else "controller"]
    return await getattr(life, name)(record.id, subject=record.subject, by=by, now=now, **more)


async def walked(side, basis, seed):
    """The subject, what was done (transition, actor, entry), and what was told."""
    dice, done, heard = random.Random(seed), [], []  # noqa: S311  a walk, not a secret
    subject = await side.lea()
    life = Authorisations(
        store=side.store, journal=side.journal, vault=side.vault, told=lambda _, told: heard.append(told)
    )
    first = "request" if basis == "consent" else "activate"
    for _ in range(80):
        side.clock.now = now = side.clock.now + 1 + dice.choice([0] * 12 + [1, 8, 40]) * DAY
        records = await life.authorisations_of(subject)
        record = dice.choice(records[:2]) if records else None
        names = [
            first,
            *(each for each in NAMES if each not in NEW and record and record.state in TRANSITIONS[each].of),
        ]
        names = [each for each in names if basis == "consent" or each not in {"revoke", "uphold"}]  # for good
        name = dice.choices(names, weights=[1 if each in ENDING else 6 for each in names])[0]
        by = BY[dice.choice(sorted(TRANSITIONS[name].kinds) if dice.random() < 0.9 else KINDS)]
        try:
            if name == first:
                asking = replace(LINES[basis], valid_until=now + 50 * DAY)
                made = await life.request(subject, asking, by=by, now=now)
            else:
                made = await act(life, name, record, by=by, now=now)
        except ConsentError:
            continue
        done.append((name, by.kind, made.appended.index))
    return subject, done, heard


@pytest.mark.parametrize("basis", sorted(LINES))
async def test_the_journal_tells_every_transition_once_with_its_actor(side, basis):
    """Rule: one entry each, by an entitled actor, told once; the epochs never go back; rows are what entries say."""
    before = len(await side.entries())
    subject, done, heard = await walked(side, basis, seed=11)
    entries = [each for each in (await side.entries())[before + 1 :] if each["type"].startswith("authorisation.")]
    assert len(done) >= 8
    rules = {rule.event: rule for rule in TRANSITIONS.values() if rule.event}
    events = [each["type"].partition(".")[2] for each in entries]
    assert [each.event for each in heard] == events
    written = {index: (TRANSITIONS[name].event, kind) for name, kind, index in done}
    lapses = [
        (each["type"], each["by"]) for each, told in zip(entries, heard, strict=True) if told.entry not in written
    ]
    assert set(lapses) <= {("authorisation.lapsed", "clock")}  # written off by the next request
    told = {each.entry: (event, entry["by"]) for each, event, entry in zip(heard, events, entries, strict=True)}
    assert {index: told[index] for index in written} == written
    epoch, state = 0, {}
    for event, entry in zip(events, entries, strict=True):
        rule = rules[event]
        assert entry["by"] in rule.kinds
        assert entry["epoch"] == epoch + rule.bump, "the epoch tells every change of what may leave"
        epoch = entry["epoch"]
        was = state.get(entry["authorisation"])
        assert was is None or was not in TERMINAL or event in {"held", "freed", "tombstoned"}
        state[entry["authorisation"]] = rule.to or was
        if "replaces" in entry:
            former = state[entry["replaces"]]
            state[entry["replaces"]] = former if former in TERMINAL else "superseded"
    records = await side.authorisations.authorisations_of(subject)
    assert {each.id: each.state for each in records} == state
    assert (await side.row(subject))["epoch"] == epoch
    slots = [each.slot for each in records if each.slot]
    assert len(slots) == len(set(slots))
    assert all(each.slot == "current" for each in records if each.state in VALID)
    await side.tags_are_gap_free(subject)


async def test_walks_meet_most_of_the_table(side):
    """Rule: the walk above is about something."""
    names = set()
    for seed, basis in ((11, "consent"), (12, "public_task")):
        _, done, _ = await walked(side, basis, seed)
        names.update(name for name, _, _ in done)
    assert len(names) >= 12
