"""The answer to an exchange: a state per dataset, values, provenance, what was withheld.

States: released, withheld, no_data, unavailable, ambiguous. A field withheld for a reason that would reveal the
person and one the source did not supply are told alike (`withheld`).
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from connectors.base import Fetched, Outcome
from policies.catalogue import Catalogue
from policies.decision import Decision
from policies.minimisation import Minimised
from policies.reasons import WITHHELD
from policies.tables import Rule
from policies.verdicts import Ruling

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
_TOLD = frozenset(
    {"actor_missing", "backend_failed", "deadline", "identifier_missing", "identifier_unusable", "timeout"}
)
_RETRY_SECONDS = 30


def states(decision: Decision, fetched: Mapping[str, Fetched], minimised: Minimised) -> dict[str, str]:
    """The state of every dataset asked for."""
    shape = _shape(decision.ruling)
    found = dict.fromkeys(shape.asked, "withheld")
    for name in shape.sources:
        state = _STATES[fetched[name].outcome]
        if state == "released" and not minimised.values.get(name):
            state = "withheld" if fetched[name].rows else "no_data"
        found[name] = state
    return found


def unrevealing(decision: Decision, fetched: Mapping[str, Fetched], rules: Mapping[str, Rule]) -> Mapping[str, Fetched]:
    """What the sources answered; "no file" of what the person's situation may hide becomes "nothing supplied".

    Where every field asked of a dataset may be hidden so, one who has no file must look like one who is hidden.
    """
    absent = [name for name, each in fetched.items() if _STATES[each.outcome] == "no_data" or _empty(each)]
    if not absent:
        return fetched
    told = dict(fetched)
    for name in absent:
        asked = [verdict.field for verdict in decision.granted if verdict.field.startswith(f"{name}.")]
        if all(rules[field].situational for field in asked):
            told[name] = fetched[name]._replace(outcome=Outcome.found, rows=({},), detail="")
    return told


def _empty(each: Fetched) -> bool:
    """A list without a row."""
    return each.outcome is Outcome.found and not each.rows


def served(decision: Decision, found: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of the exchanges of which a source has answered."""
    answered = (verdict for verdict in decision.granted if found[verdict.field.partition(".")[0]] != "unavailable")
    return tuple(sorted({str(verdict.exchange).partition("@")[0] for verdict in answered}))


def tells(found: Mapping[str, str]) -> bool:
    """Whether the states tell the recipient something of the person: then it is a release."""
    return any(state in {"released", "no_data", "ambiguous"} for state in found.values())


def retry_after(fetched: Mapping[str, Fetched]) -> int | None:
    """In how many seconds asking again makes sense; None when it never does."""
    return min((wait for each in fetched.values() if (wait := _wait(each)) is not None), default=None)


def _wait(each: Fetched) -> int | None:
    """The same of one source: a refusal, or a failure that it says is this person's, is not cured by waiting."""
    if each.retry_after is not None:
        return each.retry_after
    return None if each.outcome is Outcome.refused or each.detail == "backend_failed" else _RETRY_SECONDS


def withheld(decision: Decision, minimised: Minimised, states: Mapping[str, str]) -> Mapping[str, str]:
    """Every field that does not leave, with the reason as the recipient may hear it.

    Of a dataset of which nothing came, no field is said to be withheld for the person's sake: of who is not hidden none
    is there.
    """
    denied = decision.ruling.withheld
    hidden = denied
    if minimised.withheld:
        hidden = {**denied, **{field: reason.public for field, reason in minimised.withheld.items()}}
    silent = [name for name, state in states.items() if state not in {"released", "withheld"}]
    if not silent or WITHHELD not in denied.values():
        return hidden
    return {field: why for field, why in hidden.items() if why != WITHHELD or field.partition(".")[0] not in silent}


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
    shape = _shape(decision.ruling)
    sources = shape.sources
    reasons = shape.withheld if hidden is decision.ruling.withheld else _by_dataset(hidden)
    reduced = _by_dataset({field: how for field, how in minimised.transforms.items() if how != "clear"})
    known = catalogue.vocabulary.datasets
    found: dict[str, Any] = {}
    for name, state in states.items():
        body: dict[str, Any] = {"state": state}
        each = fetched.get(name)
        if state == "released" and each is not None:
            start = len(name) + 1
            rows = [{field[start:]: value for field, value in row.items()} for row in minimised.values[name]]
            body["items" if known[name].many else "values"] = rows if known[name].many else rows[0]
            body["provenance"] = {
                "source": sources[name],
                "collected_at": instant(each.collected_at),
                "transformations": reduced.get(name, {}),
            }
        elif each is not None and state != "withheld":  # a hidden dataset has no source to name: look the same
            body["provenance"] = {"source": sources[name]}
        if state == "unavailable" and each is not None and (wait := _wait(each)) is not None:
            body["retry_after"] = wait
        if state != "released" and each is not None and each.detail in _TOLD:
            body["detail"] = each.detail
        if name in reasons:
            body["withheld"] = reasons[name]
        found[name] = body
    return found


class _Shape(NamedTuple):
    """What an answer owes to its ruling alone: the datasets asked for, their sources, the fields denied."""

    asked: tuple[str, ...]
    sources: Mapping[str, str | None]
    withheld: Mapping[str, dict[str, str]]


@lru_cache(maxsize=1_024)
def _shape(ruling: Ruling) -> _Shape:
    return _Shape(
        asked=tuple(dict.fromkeys(verdict.field.partition(".")[0] for verdict in ruling.verdicts)),
        sources={verdict.field.partition(".")[0]: verdict.source for verdict in ruling.granted},
        withheld=_by_dataset(ruling.withheld),
    )


def _by_dataset(said: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What is said of fields, gathered by their dataset."""
    gathered: dict[str, dict[str, str]] = {}
    for field, what in said.items():
        dataset, _, name = field.partition(".")
        gathered.setdefault(dataset, {})[name] = what
    return gathered


@lru_cache(maxsize=256)  # the moments of one exchange are often the same millisecond
def instant(milliseconds: int) -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def base64url(raw: bytes) -> str:
    """RFC 4648 §5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
