"""What DPOs did in the console, from the journal: pages that showed entries, searches for a person, exports.

What people read of their own, or have read by who helps them, is theirs and not here (`kinds.OWN`).
"""

from collections.abc import Sequence

from gateway.console.filters import Filter
from gateway.console.kinds import Kind, Scope
from gateway.console.search import PAGE, Row, Search

TYPES = frozenset({"console.searched", "console.viewed", "log.read"})
_PERIOD = 366


class Consultations(Filter):
    """A filter of several types at once."""

    __slots__ = ()

    def takes(self, kind: Kind) -> bool:
        """See `Filter`."""
        return kind.type in TYPES


async def find(
    search: Search, scope: Scope, *, today: int, after: int | None = None, size: int = PAGE
) -> tuple[Sequence[Row], int | None]:
    """Give the newest consultations of the last year, and where to go on: of an institution, or of everybody."""
    found = await search.find(scope, Consultations(since=today - _PERIOD, until=today), after=after, size=size)
    return found.rows, found.after
