"""Steps that brake: the address first, whoever it says it is; the client once it has proved itself (`limits.py`).

A request that is over the rate costs neither a signature nor a read, and is counted, never an entry of the journal.
"""

from gateway.limits import Standing
from gateway.oauth.errors import refused
from gateway.oauth.form import Attempt


async def by_address(attempt: Attempt) -> None:
    """Before anything is read."""
    limits = attempt.server.limits
    _within(attempt, limits.of_address(attempt.endpoint, attempt.scope, attempt.now), "rate_address")


async def by_client(attempt: Attempt) -> None:
    """So that none can use up another's: only who has the key is counted."""
    limits = attempt.server.limits
    _within(attempt, limits.of_client(attempt.endpoint, attempt.client.id, attempt.now), "rate_client")


def refuse_locked(attempt: Attempt, client: str) -> None:
    """An address that has signed wrongly for this client again and again is not listened to for a while."""
    wait = attempt.server.limits.locked(attempt.scope, client, attempt.now)
    if wait:
        attempt.answer_headers["Retry-After"] = str(wait)
        raise refused("locked")


def _within(attempt: Attempt, standing: Standing | None, detail: str) -> None:
    if standing is None:
        return
    attempt.answer_headers |= standing.headers()
    if standing.wait:
        raise refused(detail)
