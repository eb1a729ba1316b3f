"""Lines for a security monitor: every entry once, in order, with nothing the journal does not hold."""

import json

import pytest

from audit.errors import FilterRefused, Pruned
from audit.merkle import leaf_hash
from audit.siem import cloudevent, ecs, events
from tests.unit.audit.conftest import NOW, ORIGIN, linked
from tests.unit.audit.test_copying import YEAR
from tests.unit.audit.test_events import SAMPLES
from tests.unit.audit.test_extract import fill


async def lines(log, start=0, **options):
    return [json.loads(line) async for line in events(log.database, start, **options)]


async def test_every_entry_is_a_line_and_reading_goes_on_where_it_ended(log):
    """`sequence` is the position over all years: the last one plus one is where to go on."""
    await fill(log)
    log.clock.now = NOW + YEAR
    async with log.journal() as journal:
        for _ in range(3):
            await journal.append(linked(time=NOW + YEAR))
    await log.publish()
    told = await lines(log)
    assert [int(line["sequence"]) for line in told] == list(range(11))
    assert told[6]["source"] != told[7]["source"]
    assert await lines(log, 5) == told[5:]
    assert await lines(log, 11) == []


async def test_what_no_checkpoint_covers_is_not_told(sqlite_log):
    """A line is never about something that could still vanish."""
    async with sqlite_log.journal() as journal:
        await journal.append(linked())
        assert await lines(sqlite_log) == []
        await sqlite_log.publish()
        await journal.append(linked())
        assert len(await lines(sqlite_log)) == 2


async def test_more_entries_than_a_page(sqlite_log, monkeypatch):
    """None is lost between pages."""
    from audit import siem

    monkeypatch.setattr(siem, "_PAGE", 2)
    await fill(sqlite_log)
    assert [line["event"]["sequence"] for line in await lines(sqlite_log, form="ecs")] == list(range(7))


ENTRY = {"v": 1, "id": "a" * 32, "time": NOW, "type": "exchange.decided", "subject": "b" * 32} | SAMPLES[
    "exchange.decided"
]


def test_a_cloudevent_has_what_the_norm_requires_and_the_entry_whole():
    """CloudEvents 1.0: id, source, specversion, type; lower-case extension names."""
    event = cloudevent(ORIGIN, 7, leaf_hash(b"x"), ENTRY)
    assert event["specversion"] == "1.0"
    assert (event["id"], event["source"]) == ("a" * 32, f"//{ORIGIN}")
    assert (event["type"], event["time"]) == ("fr.passerelle.exchange.decided", "2026-09-21T14:13:20.000Z")
    assert event["data"] == ENTRY
    assert all(name.isalnum() and name.islower() for name in event)


@pytest.mark.parametrize(("decision", "outcome"), [("permit", "success"), ("deny", "failure")])
def test_an_ecs_line_names_what_monitors_look_for(decision, outcome):
    """event.*, organization.id; the entry whole under our own name."""
    line = ecs(ORIGIN, 7, leaf_hash(b"x"), ENTRY | {"decision": decision})
    assert line["event"]["outcome"] == outcome
    assert (line["event"]["action"], line["event"]["hash"]) == ("exchange.decided", leaf_hash(b"x").hex())
    assert line["organization"] == {"id": "ml-brume"}
    assert line["passerelle"]["subject"] == "b" * 32


def test_an_ecs_line_of_another_type():
    """A reason is told, an organisation only where there is one; identity changes have their category."""
    withdrawn = {"v": 1, "id": "a" * 32, "time": NOW, "type": "authorisation.withdrawn", "reason": "moved_away"}
    line = ecs(ORIGIN, 7, leaf_hash(b"x"), withdrawn)
    assert (line["event"]["category"], line["event"]["reason"]) == (["iam"], "moved_away")
    assert "organization" not in line
    assert "outcome" not in line["event"]


async def test_a_format_that_does_not_exist_is_refused(sqlite_log):
    """By name, before anything is read."""
    with pytest.raises(FilterRefused):
        await lines(sqlite_log, form="xml")


async def test_entries_that_were_pruned_are_named_not_skipped(sqlite_log):
    """Whoever reads on would not notice a gap otherwise."""
    import sqlalchemy as sa

    from audit.models import audit_head

    await fill(sqlite_log)
    await sqlite_log.database.write(lambda c: c.execute(sa.update(audit_head).values(minimum=256)))
    with pytest.raises(Pruned, match="256"):
        await lines(sqlite_log)
