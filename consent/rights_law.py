"""What the law says of requests under GDPR 15 to 21: which there are, what each is about, why it may be refused.

Refuses a right, a reason or an object that is not of these closed lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consent.errors import RightInvalid

RIGHTS: Mapping[str, int] = {
    "access": 15, "rectification": 16, "erasure": 17, "restriction": 18, "portability": 20, "objection": 21,
}  # fmt: skip
"""Each right and its article."""

EXTENSIONS = frozenset({"complexity", "number_of_requests"})
"""Why two more months may be taken (12-3)."""

RESTRICTIONS = frozenset({"accuracy_contested", "unlawful", "needed_for_claims", "objection_pending"})
"""Why everything stops (18-1)."""

_ANY = frozenset({"identity_not_confirmed", "manifestly_unfounded", "excessive"})  # 12-2, 12-5, 12-6
REFUSALS: Mapping[str, frozenset[str]] = {
    "access": _ANY | {"rights_of_others"},  # 15-4
    "rectification": _ANY | {"accurate"},
    "erasure": _ANY | {"legal_obligation", "public_task", "legal_claims"},  # 17-3
    "restriction": _ANY | {"no_ground"},
    "portability": _ANY | {"rights_of_others", "no_consent"},  # 20-1, 20-4
    "objection": _ANY | {"compelling_grounds", "legal_claims", "no_objection_in_law"},  # 21-1
}
"""Why a request may be refused, by right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a request is about, where its right needs it."""

    fields: frozenset[str] = frozenset()
    source: str | None = None
    authorisation: str | None = None
    reason: str | None = None


def check(right: str, about: About) -> None:
    """Refuse a right that does not exist, or one that is about the wrong thing."""
    if right not in RIGHTS:
        raise RightInvalid(f"one of: {', '.join(RIGHTS)}")
    if (right == "rectification") != bool(about.fields and about.source):
        raise RightInvalid("a rectification, and nothing else, names fields and their source")
    if (right == "objection") != (about.authorisation is not None):
        raise RightInvalid("an objection, and nothing else, names an authorisation")
    if (about.reason in RESTRICTIONS) != (right == "restriction") or (right != "restriction" and about.reason):
        raise RightInvalid(f"a restriction, and nothing else, has one of: {', '.join(sorted(RESTRICTIONS))}")


def check_refusal(right: str, reason: str) -> None:
    """Refuse a reason the law does not know for this right."""
    if reason not in REFUSALS[right]:
        raise RightInvalid(f"refused for one of: {', '.join(sorted(REFUSALS[right]))}")
