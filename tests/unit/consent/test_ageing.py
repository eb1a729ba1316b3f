"""The clock ends what it must end, once, and nothing else."""

import pytest

from consent.ageing import Ageing
from consent.errors import AuthorisationExists
from consent.states import KEPT_MS, LAPSE_MS, By

from .conftest import AGENT, DAY, NOW, PERSON, asked

DPO = By(kind="dpo", channel="page", actor="cd" * 16)
AUTHORITY = By(kind="authority", channel="letter")


async def state(side, id_, subject):
    return (await side.authorisations.get(id_, subject=subject)).state


async def turn(side, now) -> int:
    side.clock.now = now
    return await Ageing(store=side.store, authorisations=side.authorisations).round(now)


async def request(side, subject, **changes):
    made = await side.authorisations.request(subject, asked(**changes), by=AGENT, now=NOW)
    return made.record.id


async def test_a_request_nobody_answered_lapses_once(side):
    """Not before its seven days are over."""
    subject = await side.lea()
    id_ = await request(side, subject)
    assert await turn(side, NOW + LAPSE_MS - 1) == 0
    assert [await turn(side, NOW + LAPSE_MS) for _ in range(2)] == [1, 0]
    assert await state(side, id_, subject) == "lapsed"


async def test_what_is_over_is_written_as_over_and_its_content_goes_after_four_years(side):
    """Who, for what and the proof remain."""
    subject = await side.lea()
    id_ = await request(side, subject, valid_until=NOW + 40 * DAY)
    fields = asked().fields
    await side.authorisations.give(id_, subject=subject, fields=fields, by=PERSON, now=NOW)
    assert await turn(side, NOW + 40 * DAY - 1) == 0
    end = NOW + 40 * DAY
    assert [await turn(side, end) for _ in range(2)] == [1, 0]
    assert await state(side, id_, subject) == "expired"
    assert await turn(side, end + KEPT_MS - 1) == 0
    assert [await turn(side, end + KEPT_MS) for _ in range(2)] == [1, 0]
    gone = await side.authorisations.get(id_, subject=subject)
    assert (gone.state, gone.fields, gone.requested) == ("tombstoned", frozenset(), frozenset())


async def test_what_was_asked_and_never_answered_goes_after_four_years_too(side):
    """GDPR 5-1-e: a request is content as well; one that lapsed is not left behind, nor ahead of the others."""
    subject = await side.lea()
    id_ = await request(side, subject, details={"text": "x"})
    end = NOW + LAPSE_MS
    assert [await turn(side, end), await turn(side, end + KEPT_MS)] == [1, 1]
    gone = await side.authorisations.get(id_, subject=subject)
    assert (gone.state, gone.requested) == ("tombstoned", frozenset())
    assert "details" not in gone.record


@pytest.mark.parametrize("end", ["upheld", "revoked", "expired"])
async def test_what_barred_a_line_bars_it_when_its_content_is_gone(side, end):
    """GDPR 21: an objection that was right, or an order, holds until the person decides otherwise; an end does not."""
    subject, life = await side.lea(), side.authorisations
    line = {"basis": "public_task", "recipient": "dept-brume", "purpose": "orientation.rsa"}
    id_ = await request(side, subject, **line, valid_until=NOW + DAY)
    if end == "upheld":
        await life.object_to(id_, subject=subject, by=PERSON, now=NOW)
        await life.uphold(id_, subject=subject, by=DPO, now=NOW)
    elif end == "revoked":
        await life.revoke(id_, subject=subject, reference="SAN-2026-012", by=AUTHORITY, now=NOW)
    await turn(side, NOW + DAY)
    assert await state(side, id_, subject) == end
    assert await turn(side, NOW + DAY + KEPT_MS) == 1
    assert await state(side, id_, subject) == "tombstoned"
    again = life.request(subject, asked(**line), by=AGENT, now=side.clock.now)
    if end == "expired":
        assert (await again).record.state == "active"
    else:
        with pytest.raises(AuthorisationExists):
            await again


async def test_what_is_kept_for_a_dispute_stays(side):
    """Whatever its age."""
    subject = await side.lea()
    id_ = await request(side, subject, valid_until=NOW + DAY)
    await side.authorisations.give(id_, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    await turn(side, NOW + DAY)
    await side.authorisations.hold(id_, subject=subject, by=DPO, now=NOW + DAY)
    assert await turn(side, NOW + DAY + KEPT_MS) == 0
