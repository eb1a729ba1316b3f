"""A mandate that ends while somebody acts under it: the journal's order decides, and nothing is given after its end."""

import asyncio

import pytest

from consent.errors import MandateRefused
from consent.states import By

from .conftest import AGENT, NOW, asked
from .reached import Reached
from .test_representatives import OPERATOR, act, child, given_by, seen


async def test_nothing_is_given_under_a_mandate_that_ended_meanwhile(side):
    """Looked at before, ended, then the yes is to be written: it is refused, and no entry says it was given."""
    reached = Reached(side)
    subject = await child(side)
    made = await reached.mandates.record(subject, seen(capacity="guardian"), by=AGENT, now=NOW)
    asked_for = await reached.asked(subject)
    mandate = await reached.mandates.check(made.id, **act(subject))
    await reached.mandates.end(made.id, subject=subject, by=OPERATOR, now=NOW + 1)
    by = By(kind="representative", channel="page", representative=mandate)
    with pytest.raises(MandateRefused):
        await side.authorisations.give(asked_for.record.id, subject=subject, fields=asked().fields, by=by, now=NOW + 2)
    assert await reached.state(subject, asked_for.record.id) == "requested"
    assert (await side.entries())[-1]["type"] == "mandate.ended"


async def test_what_is_given_as_a_mandate_ends_is_refused_or_ends_with_it(side):
    """At once, on two processes: never in force under a mandate that is over."""
    reached, other = Reached(side), Reached(await side.another())
    for number in range(8):
        subject = await child(side, f"2012-06-{number + 1:02}")
        made = await reached.mandates.record(subject, seen(capacity="guardian"), by=AGENT, now=NOW)
        end = other.mandates.end(made.id, subject=subject, by=OPERATOR, now=NOW)
        given, _ = await asyncio.gather(given_by(reached, subject, made), end, return_exceptions=True)
        if isinstance(given, MandateRefused):
            continue
        assert await reached.state(subject, given) == "invalidated"
    await other.side.journal.close()
