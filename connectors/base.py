"""The words between the gateway and a source: what is asked, what comes back, what a connector promises.

Answers for the shapes only. Refuses to decide, to log, to know consents: a connector receives identifiers and the
permitted fields, and returns records or one of a closed set of outcomes (design.md section 8).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

Clock = Callable[[], int]
"""Integer milliseconds UTC; an argument of everything that needs the date."""

DRIFT_LASTS_MS = 24 * 3_600_000
"""How long a place where a source left its contract is remembered after it was last met."""

Row = Mapping[str, Any]
"""One row of a dataset, keyed by "dataset.field". A field the source did not give is absent; `None` means the
source says there is none."""


def now_ms() -> int:
    """The wall clock, for the composition root to pass."""
    return time.time_ns() // 1_000_000


class Outcome(StrEnum):
    """Everything that can come of asking a source for a dataset."""

    __hash__ = str.__hash__  # Enum's own is written in Python

    found = "found"
    no_data = "no_data"
    ambiguous = "ambiguous"
    unknown_person = "unknown_person"
    refused = "refused"
    rate_limited = "rate_limited"
    unavailable = "unavailable"
    drift = "drift"


DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "": "nothing to add",
        "actor_missing": "the source requires the professional's id and names, and one was empty",
        "already_running": "the source is still working on the same request",
        "answer_too_deep": "the answer is nested deeper than any published answer",
        "answer_too_large": "the answer is larger than 1 MiB",
        "backend_failed": "the source says that a service behind it failed for this person: do not repeat",
        "breaker_open": "the source failed several times in a row and is left alone for a while",
        "connection_broken": "the connection ended before the whole answer",
        "connection_failed": "no connection to the source: name, network or TLS",
        "connector_failed": "the connector met something it does not foresee: report it",
        "credentials_rejected": "the source does not accept our account or token",
        "deadline": "the time given to the whole exchange ended first",
        "identifier_missing": "the person is not linked to the identifiers this source needs",
        "identifier_unusable": "an identifier of the person cannot be used with this source",
        "identity_mismatch": "the answers are not all about the same person",
        "identity_not_certified": "found, but the source says the identity is not certified",
        "invalid_request": "the source finds the request malformed",
        "no_file": "the source has no file for this person",
        "no_right": "the source says that we may not read this",
        "not_json": "the answer is not JSON: a firewall or maintenance page",
        "not_supplied": "this connector does not supply the dataset",
        "person_not_attached": "the person is not followed by the structure on whose behalf we ask",
        "provider_failed": "the source's own supplier failed",
        "provider_rate_limited": "the source's own supplier has too many requests",
        "redirected": "the source answered with a redirect, which is never followed",
        "several_persons": "several persons match the identifiers",
        "source_failed": "the source answered with a server error",
        "timeout": "the source did not answer in time",
        "too_many_requests": "the source asked to wait",
        "unexpected_status": "an answer status that the contract does not foresee",
        "unreadable": "the answer does not have the published shape",
    }
)
"""The closed list of `Fetched.detail`, each with what it means to an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskActor:
    """The human behind the call, or the declared batch job (then the names are the job's logical name)."""

    id: str = field(repr=False)
    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    kind: Literal["professional", "batch"] = "professional"


class Ask(NamedTuple):
    """What one source is asked about one person: permitted fields only."""

    fields: tuple[str, ...]
    identifiers: Mapping[str, str]
    actor: AskActor
    recipient_siret: str

    def __repr__(self) -> str:
        return f"Ask(fields={self.fields!r}, actor={self.actor!r})"


class Fetched(NamedTuple):
    """What a source answered for one dataset. `drift` holds paths into its answer, never values."""

    dataset: str
    outcome: Outcome
    collected_at: int
    rows: tuple[Row, ...] = ()
    retry_after: int | None = None
    drift: tuple[str, ...] = ()
    detail: str = ""

    def __repr__(self) -> str:
        return f"Fetched(dataset={self.dataset!r}, outcome={self.outcome!r}, detail={self.detail!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What a connector can give of a dataset, and the identifiers it needs: any one of the sets of `needs`."""

    fields: frozenset[str]
    needs: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a source is doing, from real traffic only. No value, no identifier."""

    state: Literal["unknown", "up", "degraded", "down", "waiting"]
    calls: int = 0
    failures_in_a_row: int = 0
    last_answer_at: int | None = None
    last_failure_at: int | None = None
    last_failure: str = ""
    wait_until: int | None = None
    drift: tuple[str, ...] = ()


class Connector(Protocol):
    """One source system."""

    @property
    def datasets(self) -> Mapping[str, Supply]:
        """What this source can give."""
        ...

    async def fetch(self, ask: Ask, *, deadline: float) -> Mapping[str, Fetched]:
        """One `Fetched` per dataset of `ask.fields`, before `deadline` (loop time)."""
        ...

    def health(self) -> Health:
        """How the source is doing."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


@lru_cache(maxsize=1024)
def by_dataset(fields: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """The fields grouped by dataset, in the order asked."""
    grouped: dict[str, set[str]] = {}
    for name in fields:
        grouped.setdefault(name.partition(".")[0], set()).add(name)
    return MappingProxyType({dataset: frozenset(names) for dataset, names in grouped.items()})


def same_for_all(
    ask: Ask, outcome: Outcome, *, detail: str, collected_at: int, retry_after: int | None = None
) -> dict[str, Fetched]:
    """The same outcome for every dataset asked."""
    return {
        dataset: Fetched(
            dataset=dataset, outcome=outcome, detail=detail, collected_at=collected_at, retry_after=retry_after
        )
        for dataset in by_dataset(ask.fields)
    }


def not_supplied(ask: Ask, supply: Mapping[str, Supply], *, collected_at: int) -> dict[str, Fetched]:
    """The datasets asked of a connector that has none of them."""
    return {
        dataset: Fetched(dataset=dataset, outcome=Outcome.unavailable, detail="not_supplied", collected_at=collected_at)
        for dataset in by_dataset(ask.fields)
        if dataset not in supply
    }
