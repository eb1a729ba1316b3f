"""STOP, by SMS: no sign-in, no code, no name; the number is enough (GDPR 7-3).

What a number confirmed, it takes back, whoever's number it is; where it is one person's alone, everything that person
gave. A forged sender can stop, never open: that way round no harm is done that a new yes does not undo. Refuses
nothing: a number nobody declared stops nothing.
"""

from contextlib import suppress

from consent.assistance import Assistance
from consent.contacts import Contacts
from consent.errors import StateConflict
from consent.records import Authorisations, Transition
from consent.states import CONSENT, By, Record

_STOP = By(kind="subject", channel="sms", method="stop")
_STOPPED = frozenset({"given", "renewed", "paused"})


async def stop(
    number: str, *, contacts: Contacts, authorisations: Authorisations, assistance: Assistance, now: int
) -> tuple[Transition, ...]:
    """Take back at once; gives what was taken back. Raises `ContactInvalid` for what is no number."""
    people = await contacts.by_number(number)
    done: list[Transition] = []
    for subject in people:
        alone = len(people) == 1
        for id_ in await assistance.waiting(subject) if alone else ():
            with suppress(StateConflict):  # it takes effect at this very moment: taken back below
                await authorisations.refuse(id_, subject=subject, by=_STOP, now=now)
            await assistance.drop(id_, subject=subject)
        for record in await authorisations.authorisations_of(subject):
            if record.basis == CONSENT and record.state in _STOPPED and (alone or _by_number(record)):
                with suppress(StateConflict):  # taken back meanwhile
                    done.append(await authorisations.withdraw(record.id, subject=subject, by=_STOP, now=now))
    return tuple(done)


def _by_number(record: Record) -> bool:
    return record.channel == "sms" or record.method == "sms_code"
