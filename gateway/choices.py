"""The use case: a person answers a request themselves, on a page. What is on the form is all they agree to.

 1. offered   what goes with a yes, what may be left out, what needs a yes of its own (GDPR 9-2-a), from the record
 2. choose    yes, no or later; an answer a professional noted and that waits is dropped first

Refuses a yes without the separate yes it needs, and to answer twice: what was recorded first stands.
"""

from dataclasses import dataclass

from consent.errors import ConsentError
from consent.states import By, Record
from gateway.problems import Refusal
from gateway.services import Services
from policies.terms import DPV

ANSWERS = ("yes", "no", "later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The fields of a request: `required` go with a yes, `optional` may be left out, `explicit` need their own yes."""

    required: frozenset[str]
    optional: frozenset[str]
    explicit: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the person sent: the boxes they ticked, of both kinds."""

    answer: str
    kept: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()


class ExplicitMissing(ConsentError):  # noqa: N818  style.md names errors after what happened
    """A yes without the separate yes that some of its fields need."""

    code = "explicit_missing"

    def __init__(self, fields: frozenset[str]) -> None:
        super().__init__("a separate yes is missing")
        self.fields = fields


async def offered(services: Services, record: Record) -> Offer:
    """As it was asked, whatever the catalogue says by now."""
    content = (await services.freezer.read(services.store, record)).content
    data = [each for each in content["data"] if each["field_id"] in record.requested]
    optional = frozenset(each["field_id"] for each in data if each["necessity"] == f"{DPV}Optional")
    return Offer(
        required=record.requested - optional,
        optional=optional,
        explicit=frozenset(each["field_id"] for each in data if each["explicit_consent"]),
    )


def agreed(offer: Offer, choice: Choice) -> tuple[frozenset[str], frozenset[str]]:
    """The fields of a yes, and those of them with a yes of their own; raises `ExplicitMissing`."""
    missing = (offer.required & offer.explicit) - choice.explicit
    if missing:
        raise ExplicitMissing(missing)
    explicit = choice.explicit & offer.explicit
    kept = choice.kept & (offer.optional - offer.explicit)
    return offer.required | kept | (explicit & offer.optional), explicit


async def choose(services: Services, record: Record, choice: Choice, *, by: By, now: int) -> None:
    """Record the answer. Raises `ExplicitMissing`, and `StateConflict` or `RequestLapsed` when it came too late."""
    if choice.answer not in ANSWERS:
        raise Refusal("malformed_request")
    act = services.authorisations
    if choice.answer == "yes":
        fields, explicit = agreed(await offered(services, record), choice)
        await act.give(record.id, subject=record.subject, fields=fields, explicit=explicit, by=by, now=now)
    elif choice.answer == "no":
        await act.refuse(record.id, subject=record.subject, by=by, now=now)
    elif record.state == "requested" and by.kind == "subject":
        await act.defer(record.id, subject=record.subject, by=by, now=now)
    await services.channels.assistance.drop(record.id, subject=record.subject)
