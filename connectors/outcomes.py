"""From a reply to an outcome, where the published contracts agree.

Answers for the faults of the exchange itself and for HTTP statuses (RFC 9110 §15); each connector first reads
what its own source means by its codes. Refuses to see an absence in anything but an explicit answer: a status
that no contract foresees is never "no data".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from connectors.base import Fetched, Outcome
from connectors.http import Reply


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome without rows, its code of `base.DETAILS`, the seconds to wait if told, the paths that drift if any."""

    outcome: Outcome
    detail: str
    retry_after: int | None = None
    drift: tuple[str, ...] = ()


FAULTS: Mapping[str, Outcome] = MappingProxyType(
    {
        "answer_too_deep": Outcome.drift,
        "answer_too_large": Outcome.drift,
        "breaker_open": Outcome.unavailable,
        "connection_broken": Outcome.unavailable,
        "connection_failed": Outcome.unavailable,
        "connector_failed": Outcome.unavailable,
        "credentials_rejected": Outcome.refused,
        "deadline": Outcome.unavailable,
        "not_json": Outcome.drift,
        "redirected": Outcome.drift,
        "source_failed": Outcome.unavailable,
        "timeout": Outcome.unavailable,
        "too_many_requests": Outcome.rate_limited,
        "unexpected_status": Outcome.drift,
        "unreadable": Outcome.drift,
    }
)

_STATUSES: Mapping[int, tuple[Outcome, str]] = MappingProxyType(
    {
        204: (Outcome.no_data, "no_file"),
        400: (Outcome.refused, "invalid_request"),
        401: (Outcome.refused, "credentials_rejected"),
        403: (Outcome.refused, "no_right"),
        409: (Outcome.unavailable, "already_running"),
        422: (Outcome.refused, "invalid_request"),
        429: (Outcome.rate_limited, "too_many_requests"),
    }
)
_UNREADABLE = Verdict(Outcome.drift, "unreadable")


def verdict_of(reply: Reply) -> Verdict | None:
    """Why `reply` holds no data to read; None when it does."""
    if reply.fault:
        return Verdict(FAULTS[reply.fault], reply.fault, reply.retry_after)
    if reply.status == 200:
        return None if reply.data is not None else _UNREADABLE
    known = _STATUSES.get(reply.status)
    if known is not None:
        return Verdict(*known, reply.retry_after)
    if reply.status >= 500:
        return Verdict(Outcome.unavailable, "source_failed", reply.retry_after)
    return Verdict(Outcome.drift, "unexpected_status")


def unreadable(path: str) -> Verdict:
    """That an answer cannot be used for what stands at `path`."""
    return Verdict(Outcome.drift, "unreadable", drift=(path,))


def nothing(dataset: str, verdict: Verdict, *, collected_at: int, drift: tuple[str, ...] = ()) -> Fetched:
    """A dataset without rows, and why."""
    return Fetched(
        dataset=dataset,
        outcome=verdict.outcome,
        collected_at=collected_at,
        retry_after=verdict.retry_after,
        drift=drift or verdict.drift,
        detail=verdict.detail,
    )


def doubtful_together(fetched: dict[str, Fetched]) -> dict[str, Fetched]:
    """The same, without any row as soon as one of the answers speaks of somebody else.

    Which of the answers is wrong cannot be told.
    """
    for item in fetched.values():
        if item.detail == "identity_mismatch":
            break
    else:
        return fetched
    return {
        dataset: item._replace(outcome=Outcome.ambiguous, rows=(), detail="identity_mismatch")
        if item.outcome is Outcome.found
        else item
        for dataset, item in fetched.items()
    }
