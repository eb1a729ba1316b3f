"""One-time links: 256 bits, one use, seven days, and never an authentication."""

import asyncio

import pytest
import sqlalchemy as sa

from consent import models
from consent.errors import CodeRefused, ContactMissing, LinkUnknown, RequestLapsed, StateConflict
from consent.invitations import VISIT_MS

from .conftest import DAY, NOW, PERSON, asked
from .reached import Reached


async def test_a_link_opens_its_request_once(side):
    """The second use finds nothing, and neither token nor visit stands in the database."""
    reached = Reached(side)
    made = await reached.asked(await side.lea())
    link = await reached.invitations.issue(made.record, now=NOW)
    opened = await reached.invitations.open_link(link.token, now=NOW)
    assert opened.record.id == made.record.id
    with pytest.raises(LinkUnknown):
        await reached.invitations.open_link(link.token, now=NOW)
    row = await side.store.read(lambda connection: connection.execute(sa.select(models.invitation)).one())
    assert link.token not in str(row)
    assert opened.visit not in str(row)
    assert link.token not in repr(link)
    assert opened.visit not in repr(opened)


async def test_of_many_who_use_a_link_at_once_one_gets_in(side):
    """Two processes and eight attempts: one visit."""
    reached, other = Reached(side), Reached(await side.another())
    made = await reached.asked(await side.lea())
    link = await reached.invitations.issue(made.record, now=NOW)
    tries = [each.invitations.open_link(link.token, now=NOW) for each in (reached, other) for _ in range(4)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in outcomes) == 1
    assert all(isinstance(each, LinkUnknown) for each in outcomes if isinstance(each, BaseException))
    await other.side.journal.close()


async def test_a_new_link_ends_the_older_and_its_visit(side):
    """One live link per request."""
    reached = Reached(side)
    made = await reached.asked(await side.lea())
    first = await reached.invitations.issue(made.record, now=NOW)
    second = await reached.invitations.issue(made.record, now=NOW)
    with pytest.raises(LinkUnknown):
        await reached.invitations.open_link(first.token, now=NOW)
    opened = await reached.invitations.open_link(second.token, now=NOW)
    await reached.invitations.issue(made.record, now=NOW)
    with pytest.raises(LinkUnknown):
        await reached.invitations.visited(opened.visit, now=NOW)


async def test_a_visit_that_is_closed_is_over_at_once(side):
    """Before its half hour, for good; the link is used up all the same."""
    reached = Reached(side)
    made = await reached.asked(await side.lea())
    link = await reached.invitations.issue(made.record, now=NOW)
    opened = await reached.invitations.open_link(link.token, now=NOW)
    await reached.invitations.close("x" * 43)
    assert (await reached.invitations.visited(opened.visit, now=NOW)).id == made.record.id
    for _ in range(2):
        await reached.invitations.close(opened.visit)
        with pytest.raises(LinkUnknown):
            await reached.invitations.visited(opened.visit, now=NOW)
    with pytest.raises(LinkUnknown):
        await reached.invitations.open_link(link.token, now=NOW)


@pytest.mark.parametrize("guess", ["", "A" * 43, "\x00", "\ud800", "x" * 5000])
async def test_guesses_open_nothing(side, guess):
    """Whatever is sent, the same refusal."""
    reached = Reached(side)
    made = await reached.asked(await side.lea())
    await reached.invitations.issue(made.record, now=NOW)
    with pytest.raises(LinkUnknown):
        await reached.invitations.open_link(guess, now=NOW)
    with pytest.raises(LinkUnknown):
        await reached.invitations.visited(guess, now=NOW)


async def test_a_link_lives_as_long_as_its_request_seven_days_at_most(side):
    """Asked for on the sixth day, it lives one; at its end it opens nothing."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    link = await reached.invitations.issue(made.record, now=NOW + 6 * DAY)
    assert link.expires_at == NOW + 7 * DAY
    with pytest.raises(LinkUnknown):
        await reached.invitations.open_link(link.token, now=link.expires_at)
    with pytest.raises(RequestLapsed):
        await reached.invitations.issue(made.record, now=NOW + 7 * DAY)
    short = await reached.asked(subject, purpose="support.other", valid_until=NOW + DAY)
    assert (await reached.invitations.issue(short.record, now=NOW)).expires_at == NOW + DAY


async def test_a_link_does_not_tell_that_somebody_hesitates(side):
    """Of a request put off it ends as if it had not been; a second week has one end too, whenever that was."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    side.clock.now = NOW + 2 * DAY
    later = await side.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW + 2 * DAY)
    for days, end in ((2, 7), (6, 7), (7, 14), (8, 14)):
        link = await reached.invitations.issue(later.record, now=NOW + days * DAY)
        assert link.expires_at == NOW + end * DAY
    assert (await reached.invitations.open_link(link.token, now=NOW + 8 * DAY)).record.id == made.record.id
    with pytest.raises(RequestLapsed):
        await reached.invitations.issue(later.record, now=NOW + 9 * DAY)


async def test_opening_is_not_answering(side):
    """Without sign-in or code nobody answers; somebody else's sign-in is as good as none."""
    reached = Reached(side)
    subject = await side.lea()
    other = await side.lea("caf-brume", "autre", ft_number="98765432109")
    made = await reached.asked(subject)
    link = await reached.invitations.issue(made.record, now=NOW)
    visit = (await reached.invitations.open_link(link.token, now=NOW)).visit
    for signed_in in (None, other):
        with pytest.raises(LinkUnknown):
            await reached.invitations.confirm(visit, signed_in=signed_in, now=NOW)
    record, by = await reached.invitations.confirm(visit, signed_in=subject, method="franceconnect", now=NOW)
    assert (by.kind, by.channel, by.method, by.confirmed) == ("subject", "link", "franceconnect", None)
    await side.authorisations.give(record.id, subject=subject, fields=asked().fields, by=by, now=NOW)
    assert await reached.state(subject, record.id) == "given"


async def test_a_code_on_the_persons_own_number_confirms_a_visit(side):
    """The code of another visit does not; without a number there is no code."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    link = await reached.invitations.issue(made.record, now=NOW)
    visit = (await reached.invitations.open_link(link.token, now=NOW)).visit
    with pytest.raises(ContactMissing):
        await reached.invitations.send_code(visit, now=NOW)
    await reached.phone(subject)
    sent = await reached.invitations.send_code(visit, now=NOW)
    digits = reached.provider.sent[-1].code
    again = await reached.invitations.issue(made.record, now=NOW)
    later = (await reached.invitations.open_link(again.token, now=NOW)).visit
    with pytest.raises(CodeRefused):
        await reached.invitations.confirm(later, code=(sent.id, digits), now=NOW)
    sent = await reached.invitations.send_code(later, now=NOW)
    _, by = await reached.invitations.confirm(later, code=(sent.id, reached.provider.sent[-1].code), now=NOW)
    assert (by.channel, by.method, by.confirmed) == ("link", "sms_code", NOW)


async def test_a_visit_lasts_half_an_hour(side):
    """Then a new link is needed."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    link = await reached.invitations.issue(made.record, now=NOW)
    opened = await reached.invitations.open_link(link.token, now=NOW)
    assert (await reached.invitations.visited(opened.visit, now=opened.until - 1)).id == made.record.id
    with pytest.raises(LinkUnknown):
        await reached.invitations.confirm(opened.visit, signed_in=subject, now=NOW + VISIT_MS)


async def test_a_link_also_serves_to_take_back(side):
    """For an authorisation in force a link is made as for a request; for one that ended, none."""
    reached = Reached(side)
    subject = await side.lea()
    made = await reached.asked(subject)
    id_ = made.record.id
    await side.authorisations.give(id_, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    link = await reached.invitations.issue(await side.authorisations.get(id_, subject=subject), now=NOW)
    visit = (await reached.invitations.open_link(link.token, now=NOW)).visit
    record, by = await reached.invitations.confirm(visit, signed_in=subject, now=NOW)
    ended = await side.authorisations.withdraw(record.id, subject=subject, by=by, now=NOW)
    with pytest.raises(StateConflict):
        await reached.invitations.issue(ended.record, now=NOW)
    with pytest.raises(StateConflict):
        await reached.invitations.send_code(visit, now=NOW)
