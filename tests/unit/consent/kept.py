"""A request of the consortium's catalogue, and a yes to it."""

from consent.states import Request

from .conftest import AGENT, CONSORTIUM, DAY, NOW, PERSON

LINE = ("ml-brume", "support.youth")
FIELDS = frozenset({"rsa.beneficiary", "rsa.since", "registration.status"})


def asked(**changes):
    """What the mission locale asks for, of the consortium's catalogue."""
    usual = {"recipient": LINE[0], "purpose": LINE[1], "basis": "consent", "fields": FIELDS, "notice": "1" * 64,
             "catalogue": CONSORTIUM.digest, "valid_until": NOW + 90 * DAY, "max_uses": 5,
             "details": {"agent_role": "conseiller"}}  # fmt: skip
    return Request(**{**usual, **changes})


async def given(side, subject, request=None, by=PERSON, **choices):
    made = await side.authorisations.request(subject, request or asked(), by=AGENT, now=NOW)
    choices = {"fields": made.record.requested, **choices}
    return await side.authorisations.give(made.record.id, subject=subject, by=by, now=NOW + 1, **choices)
