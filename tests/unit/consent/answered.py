"""Authorisations asked for, answered, refused: the short ways to each."""

import pytest

from .conftest import AGENT, PERSON, asked

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
