"""The use case: somebody notes a situation of a person that lines of the catalogue depend on.

Noting takes effect at once: from its entry on nothing leaves on an earlier decision. Who says that an address is
protected cannot take it back: whoever looks for that person may work for a partner too, or stand beside them. Only an
operator does, on a DPO's word (`passerelle person situation --over`). Refuses what is not for them to say (a
restriction).
"""

from consent.vault import SubjectId
from gateway.problems import Refusal
from gateway.services import Services
from policies.catalogue import Catalogue

PROTECTED = "protected_address"
NOTED = ("beneficiary_rsa", PROTECTED)
_KEPT = frozenset({PROTECTED})


async def note(
    services: Services,
    subject: SubjectId,
    situation: str,
    *,
    present: bool,
    org: str | None,
    actor: str | None,
    now: int,
) -> None:
    """A partner, or with no `org` the person, says that it is so, or is over.

    Raises `situation_kept` for what they cannot take back.
    """
    if not present and situation in _KEPT:
        raise Refusal("situation_kept")
    await services.people.flag(subject, situation, present=present, org=org, actor=actor, now=now)


def kept_back(catalogue: Catalogue) -> tuple[str, ...]:
    """The fields that leave to nobody once the address is protected, of those that leave otherwise."""
    kept, leaving = set[str](), set[str]()
    for table in catalogue.tables.values():
        for name in table.served:
            (kept if PROTECTED in table.rules[name].bars else leaving).add(name)
    return tuple(sorted(kept - leaving))
