"""The use case: somebody notes a situation of a person that lines of the catalogue depend on.

Noting takes effect at once: from its entry on nothing leaves on an earlier decision. Who says that an address is
protected cannot take it back: whoever looks for that person may work for a partner too. Only an operator does, on a
DPO's word (`passerelle person situation --over`). Refuses what is not a partner's to say (a restriction).
"""

from consent.vault import SubjectId
from gateway.problems import Refusal
from gateway.services import Services

NOTED = ("beneficiary_rsa", "protected_address")
_KEPT = frozenset({"protected_address"})


async def note(
    services: Services, subject: SubjectId, situation: str, *, present: bool, org: str, actor: str | None, now: int
) -> None:
    """A partner says that it is so, or is over. Raises `situation_kept` for what it cannot take back."""
    if not present and situation in _KEPT:
        raise Refusal("situation_kept")
    await services.people.flag(subject, situation, present=present, org=org, actor=actor, now=now)
