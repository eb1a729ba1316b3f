"""The answer to an exchange: a state per dataset, values, provenance, what was withheld.

States: released, withheld, no_data, unavailable, ambiguous. A field withheld for a reason that would reveal the
person and one the source did not supply are told alike (`withheld`).
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import Fetched, Outcome
from policies.catalogue import Catalogue
from policies.decision import Decision
from policies.minimisation import Minimised

_STATES = {
    Outcome.found: "released",
    Outcome.no_data: "no_data",
    Outcome.unknown_person: "no_data",
    Outcome.ambiguous: "ambiguous",
    Outcome.refused: "unavailable",
    Outcome.rate_limited: "unavailable",
    Outcome.unavailable: "unavailable",
    Outcome.drift: "unavailable",
}
# what a partner can act upon; the other details are the operator's
_TOLD = frozenset({"actor_missing", "deadline", "identifier_missing", "identifier_unusable", "timeout"})
_RETRY_SECONDS = 30


def states(decision: Decision, fetched: Mapping[str, Fetched], minimised: Minimised) -> dict[str, str]:
    """The state of every dataset asked for."""
    found = {verdict.field.partition(".")[0]: "withheld" for verdict in decision.verdicts}
    for name in {verdict.field.partition(".")[0] for verdict in decision.granted}:
        state = _STATES[fetched[name].outcome]
        if state == "released" and not minimised.values.get(name):
            state = "withheld" if fetched[name].rows else "no_data"
        found[name] = state
    return found


def tells(found: Mapping[str, str]) -> bool:
    """Whether the states tell the recipient something of the person: then it is a release."""
    return any(state in {"released", "no_data", "ambiguous"} for state in found.values())


def retry_after(fetched: Mapping[str, Fetched]) -> int:
    """In how many seconds asking again makes sense."""
    return min((each.retry_after for each in fetched.values() if each.retry_after is not None), default=_RETRY_SECONDS)


def withheld(decision: Decision, minimised: Minimised) -> dict[str, str]:
    """Every field that does not leave, with the reason as the recipient may hear it."""
    found = {verdict.field: verdict.reason.public for verdict in decision.verdicts if not verdict.permit}
    return found | {field: reason.public for field, reason in minimised.withheld.items()}


def datasets(
    catalogue: Catalogue,
    decision: Decision,
    fetched: Mapping[str, Fetched],
    minimised: Minimised,
    *,
    states: Mapping[str, str],
    hidden: Mapping[str, str],
) -> dict[str, Any]:
    """Every dataset asked for, by name; `hidden` is what `withheld` gave."""
    sources = {verdict.field.partition(".")[0]: verdict.source for verdict in decision.granted}
    return {
        name: _dataset(
            state,
            source=sources.get(name),
            many=catalogue.vocabulary.datasets[name].many,
            fetched=fetched.get(name),
            rows=minimised.values.get(name, []),
            transforms=minimised.transforms,
            withheld={
                field.partition(".")[2]: reason for field, reason in hidden.items() if field.partition(".")[0] == name
            },
        )
        for name, state in states.items()
    }


def _dataset(
    state: str,
    *,
    source: str | None,
    many: bool,
    fetched: Fetched | None,
    rows: list[dict[str, Any]],
    transforms: Mapping[str, str],
    withheld: Mapping[str, str],
) -> dict[str, Any]:
    body: dict[str, Any] = {"state": state}
    if state == "released" and fetched is not None:
        values = [{field.partition(".")[2]: value for field, value in row.items()} for row in rows]
        body |= {"items": values} if many else {"values": values[0]}
        left = {field for row in rows for field in row}
        body["provenance"] = {
            "source": source,
            "collected_at": instant(fetched.collected_at),
            "transformations": {
                field.partition(".")[2]: how for field, how in transforms.items() if field in left and how != "clear"
            },
        }
    elif source is not None and state != "withheld":  # a hidden dataset has no source to name: look the same
        body["provenance"] = {"source": source}
    if state == "unavailable" and fetched is not None:
        body["retry_after"] = fetched.retry_after if fetched.retry_after is not None else _RETRY_SECONDS
    if state != "released" and fetched is not None and fetched.detail in _TOLD:
        body["detail"] = fetched.detail
    if withheld:
        body["withheld"] = dict(withheld)
    return body


def instant(milliseconds: int) -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def base64url(raw: bytes) -> str:
    """RFC 4648 §5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
