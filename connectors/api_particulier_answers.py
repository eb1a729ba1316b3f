"""What API Particulier v3 answers, and what of it becomes vocabulary fields.

Answers for the published schemas of `data` (openapi-particulier v3) and for the meaning of its error codes.
Refuses amounts, names, contact details and dates of birth: they are in the answers, never in a row. The dates of
birth are only looked at to tell whether an answer is about the person asked for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Outcome, Row
from connectors.http import Reply
from connectors.outcomes import Verdict, verdict_of
from connectors.reading import Column, Notes, Shape, boolean, day, given, integer, member, text

_NO_FILE = frozenset({"10003", "23003", "24003", "35003", "37003", "40003"})
_UNEXPECTED = "Erreur inattendue"  # published under the codes 35003 and 40003 too, where it is no absence
_CIVILITY = "00366"
_PROVIDER_BUSY = "37008"
_LONGEST_WAIT = 86_400
_POSTCODE = re.compile(r"(\d{5})(?:\s+(\S.*))?\Z", re.ASCII)  # the published example has no town

_Part = Callable[[Mapping[str, Any], frozenset[str], Notes, int], dict[str, Any]]


def _benefit(dataset: str, **more: str) -> Shape:
    columns = [Column(f"{dataset}.beneficiary", "est_beneficiaire", given(boolean), essential=True)]
    columns += [Column(f"{dataset}.{name}", key, boolean) for name, key in more.items()]
    return Shape.of(*columns, Column(f"{dataset}.since", "date_debut_droit", day))


BENEFITS: Mapping[str, Shape] = MappingProxyType(
    {
        "rsa": _benefit("rsa", majoration="avec_majoration"),
        "prime_activite": _benefit("prime_activite", majoration="avec_majoration"),
        "aah": _benefit("aah"),
        "c2s": _benefit("c2s", contribution="avec_participation"),
    }
)
_QUOTIENT = Shape.of(
    Column("quotient_familial.value", "valeur", given(integer), essential=True),
    Column("quotient_familial.provider", "fournisseur", text),
    Column("quotient_familial.year", "annee", integer),
    Column("quotient_familial.month", "mois", integer),
    ignored=("annee_calcul", "mois_calcul"),
)
_ADDRESS = Shape.of(
    Column("household.address", "numero_libelle_voie", text),
    ignored=(
        "destinataire",
        "complement_information",
        "complement_information_geographique",
        "lieu_dit",
        "code_postal_ville",
        "pays",
    ),
)
_FAMILY = frozenset({"allocataires", "enfants", "adresse", "quotient_familial"})
_PERIOD = Shape.of(
    Column("job_seeker.since", "date_debut", day),
    Column("job_seeker.until", "date_fin", day),
    ignored=("categorie", "code_certification_cnav"),
)
_CATEGORY = Shape.of(Column("job_seeker.category", "code", integer), ignored=("libelle",))
_JOB_SEEKER = frozenset({"identifiant", "identite", "contact", "adresse", "inscription"})

FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{dataset: frozenset(column.field for column in shape.columns) for dataset, shape in BENEFITS.items()},
        "quotient_familial": frozenset(column.field for column in _QUOTIENT.columns),
        "household": frozenset(f"household.{name}" for name in ("address", "postcode", "commune", "children")),
        "job_seeker": frozenset(f"job_seeker.{name}" for name in ("registered", "since", "until", "category")),
    }
)


@dataclass(frozen=True, slots=True)
class Error:
    """The first error of an answer, with what of it is acted upon."""

    code: str = ""
    title: str = ""
    retry_in: int | None = None


def error_of(data: Any) -> Error:
    """The first of `errors`; an empty one when the body is not the published one."""
    errors = data.get("errors") if isinstance(data, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return Error()
    code, title, meta = first.get("code"), first.get("title"), first.get("meta")
    seconds = meta.get("retry_in") if isinstance(meta, dict) else None
    return Error(
        code if isinstance(code, str) else "",
        title if isinstance(title, str) else "",
        seconds if type(seconds) is int and 0 < seconds <= _LONGEST_WAIT else None,
    )


def refusal_of(reply: Reply) -> Verdict | None:
    """Why `reply` holds no data; None when it does."""
    if reply.fault or reply.status not in (404, 422, 502, 504):
        return verdict_of(reply)
    error = error_of(reply.data)
    if reply.status == 404:
        return _absence(error)
    if reply.status == 422:
        return Verdict(Outcome.refused, "identifier_unusable" if error.code == _CIVILITY else "invalid_request")
    if error.code == _PROVIDER_BUSY:
        return Verdict(Outcome.rate_limited, "provider_rate_limited", error.retry_in)
    return Verdict(
        Outcome.unavailable, "provider_failed" if error.code else "source_failed", error.retry_in or reply.retry_after
    )


def _absence(error: Error) -> Verdict:
    if error.title == _UNEXPECTED:
        return Verdict(Outcome.unavailable, "provider_failed")
    if error.code in _NO_FILE:
        return Verdict(Outcome.no_data, "no_file")
    return Verdict(Outcome.drift, "unexpected_status")


def birth_dates(data: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Where an answer says when those it may be about were born, and what it says there; empty when it does not.

    No published answer has null there: a member that is there is judged, whatever it holds.
    """
    people, path = data.get("allocataires"), "/data/allocataires/*/date_naissance"
    if not isinstance(people, list):
        people, path = [data.get("identite")], "/data/identite/date_naissance"
    return path, tuple(
        person["date_naissance"] for person in people if isinstance(person, dict) and "date_naissance" in person
    )


def row_of(dataset: str, data: Mapping[str, Any], *, wanted: frozenset[str], notes: Notes, now: int) -> Row:
    """The wanted fields of `dataset` that the member `data` of an answer holds."""
    return _PARTS[dataset](data, wanted, notes, now)


def _simple(shape: Shape) -> _Part:
    def part(data: Mapping[str, Any], wanted: frozenset[str], notes: Notes, _now: int) -> dict[str, Any]:
        return shape.row(data, wanted, notes, path="/data")

    return part


def _quotient(data: Mapping[str, Any], wanted: frozenset[str], notes: Notes, _now: int) -> dict[str, Any]:
    notes.unknown(data, _FAMILY, path="/data")
    found = member(data, "quotient_familial", dict, notes, path="/data")
    return {} if found is None else _QUOTIENT.row(found, wanted, notes, path="/data/quotient_familial")


def _household(data: Mapping[str, Any], wanted: frozenset[str], notes: Notes, _now: int) -> dict[str, Any]:
    notes.unknown(data, _FAMILY, path="/data")
    row: dict[str, Any] = {}
    if "household.children" in wanted:
        children = member(data, "enfants", list, notes, path="/data")
        if children is not None:
            row["household.children"] = len(children)
    if wanted <= {"household.children"}:
        return row
    address = member(data, "adresse", dict, notes, path="/data")
    if address is None:
        return row
    row |= _ADDRESS.row(address, wanted, notes, path="/data/adresse")
    line = address.get("code_postal_ville")
    parts = _POSTCODE.match(line.strip()) if isinstance(line, str) else None
    if parts is not None:
        both = {"household.postcode": parts[1], "household.commune": parts[2]}
        row |= {name: value for name, value in both.items() if name in wanted and value is not None}
    elif not wanted.isdisjoint(("household.postcode", "household.commune")):
        notes.add("/data/adresse/code_postal_ville")
    return row


_DATES = frozenset(column.field for column in _PERIOD.columns)
_PARIS = ZoneInfo("Europe/Paris")  # where these days begin and end


def _job_seeker(data: Mapping[str, Any], wanted: frozenset[str], notes: Notes, now: int) -> dict[str, Any]:
    notes.unknown(data, _JOB_SEEKER, path="/data")
    found = member(data, "inscription", dict, notes, path="/data")
    if found is None:
        return {}
    derived = "job_seeker.registered" in wanted
    dates = _PERIOD.row(found, _DATES if derived else wanted, notes, path="/data/inscription")
    row = {name: value for name, value in dates.items() if name in wanted}
    if derived and dates.get("job_seeker.since") is None:  # the contract has none without a start
        notes.add("/data/inscription/date_debut")
    elif derived and dates.keys() == _DATES:
        today = datetime.fromtimestamp(now / 1000, _PARIS).date().isoformat()
        until = dates["job_seeker.until"]
        row["job_seeker.registered"] = dates["job_seeker.since"] <= today and (until is None or today < until)
    if "job_seeker.category" in wanted:
        category = member(found, "categorie", dict, notes, path="/data/inscription")
        if category is not None:
            row |= _CATEGORY.row(category, wanted, notes, path="/data/inscription/categorie")
    return row


_PARTS: Mapping[str, _Part] = MappingProxyType(
    {
        **{dataset: _simple(shape) for dataset, shape in BENEFITS.items()},
        "quotient_familial": _quotient,
        "household": _household,
        "job_seeker": _job_seeker,
    }
)
