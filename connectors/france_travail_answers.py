"""What France Travail answers, and what of it becomes vocabulary fields.

Answers for the business codes of rechercher-usager v2, which arrive inside HTTP 200 as well, and for the shapes
of contrat-usager v2, orientationusager v1, rendez-vous-partenaire v1, diagnosticargumente v4 and donnees-rqth v1.
Tolerant as France Travail asks its readers to be: a missing member is no drift, "null" is null.
Refuses agents' names, free comments, orientation criteria (health, housing, family): never read into a row.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from connectors.base import Outcome, Row
from connectors.http import Reply
from connectors.outcomes import Verdict, verdict_of
from connectors.reading import WRONG, Column, Notes, Shape, boolean, day, given, integer, moment, text

MOST_ROWS = 200
_NO_END = "9999-12-31"

_CODES: Mapping[str, Verdict] = MappingProxyType(
    {
        "S002": Verdict(Outcome.unknown_person, "no_file"),
        "S003": Verdict(Outcome.ambiguous, "several_persons"),
        "R001": Verdict(Outcome.refused, "no_right"),
        "R002": Verdict(Outcome.refused, "person_not_attached"),
        "R997": Verdict(Outcome.refused, "invalid_request"),
        "R998": Verdict(Outcome.unavailable, "backend_failed"),
        "R999": Verdict(Outcome.unavailable, "source_failed"),
    }
)
_NOBODY = Verdict(Outcome.unknown_person, "no_file")
_UNREADABLE = Verdict(Outcome.drift, "unreadable")


def about_person(data: Any) -> bool:
    """R998 says that a service failed for this person (one without address, for instance), not for all."""
    return isinstance(data, dict) and data.get("codeRetour") == "R998"


def refusal_of(reply: Reply) -> Verdict | None:
    """Why `reply` holds no data; None when it does. Business codes come with 200 as with 4xx and 5xx."""
    if not reply.fault and isinstance(reply.data, dict):
        verdict = _CODES.get(str(reply.data.get("codeRetour")))
        if verdict is not None:
            return Verdict(verdict.outcome, verdict.detail, reply.retry_after)
    return verdict_of(reply)


def search_of(reply: Reply) -> tuple[str, bool] | Verdict:
    """The person's token and whether the identity is certified, or why there is none."""
    if reply.status == 204 and not reply.fault:
        return _NOBODY
    refusal = refusal_of(reply)
    if refusal is not None:
        return refusal
    data = reply.data if isinstance(reply.data, dict) else {}
    token = text(data.get("jetonUsager"))
    usable = isinstance(token, str) and token.isascii() and token.isprintable()
    if data.get("codeRetour") != "S001" or not usable:
        return _UNREADABLE
    return token, data.get("topIdentiteCertifiee") == "O"


def _label(value: Any) -> Any:
    """A text; one decoded twice on its way (the published diagnosis has them) is mended."""
    value = text(value)
    if isinstance(value, str) and "Ã" in value:
        try:
            return value.encode("cp1252").decode()
        except UnicodeError:
            return value
    return value


def _end(value: Any) -> Any:
    value = day(value)
    return None if value == _NO_END else value


_REGISTRATION = Shape.of(
    Column("registration.status", "m_statut", text, essential=True),
    Column("registration.since", "m_date_effet_statut", day),
    Column("registration.months_of_12", "m_duree_inscription_12", integer),
    Column("registration.months_of_24", "m_duree_inscription_24", integer),
    Column("registration.months_of_36", "m_duree_inscription_36", integer),
    Column("registration.category_code", "m_categ_inscription_code", text),
    Column("registration.category_label", "m_categ_inscription_lib", text),
    Column("registration.closing_code", "m_motif_cloture_code", text),
    Column("registration.closing_label", "m_motif_cloture_lib", text),
    ignored=(
        "m_motif_inscription_code",
        "m_motif_inscription_lib",
        "m_situation_reg_emp_code",
        "m_situation_reg_emp_lib",
    ),
)
_RQTH = Shape.of(
    Column("rqth.valid", "topValiditeRQTH", given(boolean), essential=True),
    Column("rqth.since", "dateDebutRqth", day),
    Column("rqth.until", "dateFinRqth", _end),
    Column("rqth.source", "source", text),
)


def _structure(value: Any) -> Any:
    return None if value is None else text(value.get("libelle_structure")) if isinstance(value, dict) else WRONG


_ORIENTATION = Shape.of(
    Column("orientation.path", "parcours", text, essential=True),
    Column("orientation.body", "organisme", text),
    Column("orientation.structure", "structure", _structure),
    Column("orientation.status", "statut", text),
    Column("orientation.state", "etat", text),
    Column("orientation.entered_on", "date_entree_parcours", day),
    Column("orientation.left_on", "date_sortie_parcours", day),
    Column("orientation.created_on", "date_creation", day),
    ignored=(
        "structure_decision",
        "agent_creation",
        "agent_derniere_modification",
        "motif_sortie_parcours",
        "date_modification",
        "criteres_orientation",
        "decision",
    ),
)
_APPOINTMENT = Shape.of(
    Column("ft_appointments.starts_at", "date", given(moment), essential=True),
    Column("ft_appointments.minutes", "duree", integer),
    Column("ft_appointments.status", "statut", text),
    Column("ft_appointments.mode", "modaliteContact", text),
    Column("ft_appointments.reason", "motif", text),
    ignored=(
        "id",
        "adresse",
        "libelleAdresse",
        "information",
        "initiateur",
        "organisme",
        "telephoneContactUsager",
        "theme",
        "typeReception",
        "interlocuteur",
        "lienVisio",
        "telephoneContact",
    ),
)
_FINDING = Shape.of(
    Column("diagnosis.need", "libelle", _label),
    Column("diagnosis.finding", "valeur", text, essential=True),
    Column("diagnosis.explored_on", "dateExploration", day),
    ignored=("code", "agent", "estPrioritaire", "impact", "situations", "objectifs"),
)
_DOSSIER = frozenset({"besoinsParDiagnostic", "thematiqueContrainte", "pouvoirAgir", "autonomieNumerique"})
_UNTOLD = frozenset({"NON_EXPLORE", "NON_ABORDE", "NON_ABORDEE"})
_DIGITAL = "Autonomie numérique"

FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "registration": frozenset(column.field for column in _REGISTRATION.columns),
        "rqth": frozenset(column.field for column in _RQTH.columns),
        "orientation": frozenset(column.field for column in _ORIENTATION.columns),
        "ft_appointments": frozenset(column.field for column in _APPOINTMENT.columns) | {"ft_appointments.place"},
        "diagnosis": frozenset(column.field for column in _FINDING.columns) | {"diagnosis.theme"},
    }
)


def rows_of(dataset: str, data: Any, *, wanted: frozenset[str], notes: Notes) -> tuple[Row, ...] | None:
    """The wanted fields of `dataset`, one row per item; None when the answer has not the published shape."""
    return _ROWS[dataset](data, wanted, notes)


def _registration(data: Any, wanted: frozenset[str], notes: Notes) -> tuple[Row, ...] | None:
    if not isinstance(data, dict) or not isinstance(data.get("m_contrat"), dict):
        notes.add("/m_contrat")
        return None
    notes.unknown(data, frozenset({"m_contrat"}), path="")
    row = _REGISTRATION.row(data["m_contrat"], wanted, notes, path="/m_contrat", strict=False)
    return (row,) if row else ()


def _rqth(data: Any, wanted: frozenset[str], notes: Notes) -> tuple[Row, ...] | None:
    if not isinstance(data, dict):
        return None
    row = _RQTH.row(data, wanted, notes, path="", strict=False)
    return (row,) if row else ()


_Also = Callable[[dict[str, Any], dict[str, Any], frozenset[str]], dict[str, Any]]


def _many(shape: Shape, *, also: _Also | None = None) -> Any:
    def rows(data: Any, wanted: frozenset[str], notes: Notes) -> tuple[Row, ...] | None:
        if not isinstance(data, list):
            return None
        found = []
        for item in data[:MOST_ROWS]:
            if not isinstance(item, dict):
                notes.add("/*")
                continue
            row = shape.row(item, wanted, notes, path="/*", strict=False)
            if also is not None:
                row |= also(item, row, wanted)
            if row:
                found.append(row)
        if len(data) > MOST_ROWS:
            notes.add("/*")
        return tuple(found)

    return rows


def _place(item: dict[str, Any], row: dict[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    """Where it is: the label and the address as one line. Without the start that was asked for it would mislead."""
    if "ft_appointments.place" not in wanted or (not row and "ft_appointments.starts_at" in wanted):
        return {}
    parts = [text(item.get(name)) for name in ("libelleAdresse", "adresse")]
    return {"ft_appointments.place": ", ".join(part for part in parts if isinstance(part, str)) or None}


def _diagnosis(data: Any, wanted: frozenset[str], notes: Notes) -> tuple[Row, ...] | None:
    if not isinstance(data, dict):
        return None
    notes.unknown(data, _DOSSIER, path="")
    rows: list[Row] = []
    for theme, finding, path in _findings(data, notes):
        value = text(finding.get("valeur"))
        if value is WRONG:
            notes.add(f"{path}/valeur")
            continue
        if value is None or value in _UNTOLD:
            continue
        row = _FINDING.row(finding, wanted, notes, path=path, strict=False)
        if "diagnosis.theme" in wanted:
            if theme is WRONG:
                notes.add(f"{path.rpartition('/*')[0].rpartition('/')[0]}/libelle")
            else:
                row["diagnosis.theme"] = theme
        if row:
            rows.append(row)
    return tuple(rows[:MOST_ROWS])


def _findings(data: dict[str, Any], notes: Notes) -> Iterator[tuple[Any, dict[str, Any], str]]:
    """Every need and constraint with its theme, whatever level it hangs from."""
    for diagnosis in _items(data, "besoinsParDiagnostic", "", notes):
        path = "/besoinsParDiagnostic/*"
        for theme in _items(diagnosis, "thematiquesBesoins", path, notes):
            below = f"{path}/thematiquesBesoins/*"
            for need in _items(theme, "besoins", below, notes):
                yield _label(theme.get("libelle")), need, f"{below}/besoins/*"
    theme = _object(data, "thematiqueContrainte", "", notes)
    for constraint in _items(theme, "contraintes", "/thematiqueContrainte", notes):
        yield _label(theme.get("libelle")), constraint, "/thematiqueContrainte/contraintes/*"
    digital = _object(data, "autonomieNumerique", "", notes)
    for name in ("contrainte", "besoin"):
        finding = _object(digital, name, "/autonomieNumerique", notes)
        if finding:
            yield _DIGITAL, finding, f"/autonomieNumerique/{name}"


def _items(value: dict[str, Any], name: str, path: str, notes: Notes) -> list[dict[str, Any]]:
    inner = value.get(name)
    if inner is None:
        return []
    if not isinstance(inner, list):
        notes.add(f"{path}/{name}")
        return []
    kept = [item for item in inner if isinstance(item, dict)]
    if len(kept) < len(inner):
        notes.add(f"{path}/{name}/*")
    return kept


def _object(value: dict[str, Any], name: str, path: str, notes: Notes) -> dict[str, Any]:
    inner = value.get(name)
    if inner is None:
        return {}
    if not isinstance(inner, dict):
        notes.add(f"{path}/{name}")
        return {}
    return inner


_ROWS: Mapping[str, Callable[[Any, frozenset[str], Notes], tuple[Row, ...] | None]] = MappingProxyType(
    {
        "registration": _registration,
        "rqth": _rqth,
        "orientation": _many(_ORIENTATION),
        "ft_appointments": _many(_APPOINTMENT, also=_place),
        "diagnosis": _diagnosis,
    }
)
