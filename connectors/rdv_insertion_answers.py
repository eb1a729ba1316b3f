"""What rdv-insertion answers, and what of it becomes vocabulary fields.

Answers for the published shapes of users and rdvs (rdv-insertion API v1) and for telling one person among the
users of a list. Refuses to choose: several users with the identifiers asked for, or one whom another identifier
contradicts, are no match. An appointment's other participants and its agents are never read into a row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from connectors.base import Outcome, Row
from connectors.http import Reply
from connectors.identifiers import Pivot
from connectors.outcomes import Verdict, verdict_of
from connectors.reading import WRONG, Column, Notes, Shape, boolean, day, given, integer, moment, text

USERS = "/users/*"
RDV = "/rdv"

_USER_MEMBERS = (
    "id",
    "uid",
    "address",
    "affiliation_number",
    "birth_date",
    "birth_name",
    "created_at",
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "department_internal_id",
    "rights_opening_date",
    "title",
    "role",
    "nir",
    "france_travail_id",
    "rdv_solidarites_user_id",
    "referents",
    "tags",
)
_USERS: Mapping[str, Shape] = MappingProxyType(
    {
        "identity": Shape.of(
            Column("identity.family_name", "last_name", text, essential=True),
            Column("identity.given_names", "first_name", text, essential=True),
            Column("identity.birth_date", "birth_date", day),
            Column("identity.nir", "nir", text),
            ignored=_USER_MEMBERS,
        ),
        "contact": Shape.of(
            Column("contact.phone", "phone_number", text),
            Column("contact.email", "email", text),
            Column("contact.address", "address", text),
            ignored=_USER_MEMBERS,
        ),
    }
)
_MASKED = frozenset({"identity.nir"})  # left out for some kinds of organisation: its absence is no drift
_RDV = Shape.of(
    Column("rdv.starts_at", "starts_at", given(moment), essential=True),
    Column("rdv.minutes", "duration_in_min", integer),
    Column("rdv.cancelled_at", "cancelled_at", moment),
    ignored=(
        "id",
        "address",
        "agents",
        "participations",
        "collectif",
        "created_by",
        "lieu",
        "max_participants_count",
        "motif",
        "organisation",
        "status",
        "users",
        "users_count",
        "uuid",
        "rdv_solidarites_rdv_id",
    ),
)
_AT_HOME = "home"
_AT_OFFICE = "public_office"

FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{dataset: frozenset(column.field for column in shape.columns) for dataset, shape in _USERS.items()},
        "rdv": frozenset(column.field for column in _RDV.columns)
        | {"rdv.status", "rdv.reason", "rdv.place", "rdv.collective"},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known of the person to be told among users. One of the first three must be there."""

    user: str | None = field(repr=False)
    caf: tuple[str, str] | None = field(repr=False)
    nir: str | None = field(repr=False)
    person: Pivot | None = field(repr=False)

    def excludes(self, user: Mapping[str, Any]) -> bool:
        """Whether `user` is certainly somebody else; what is masked or empty excludes nobody."""
        born = user.get("birth_date")
        if self.person is not None and isinstance(born, str) and self.person.contradicts(born):
            return True
        return False in self._signs(user)

    def matches(self, user: Mapping[str, Any]) -> bool | None:
        """Whether `user` is this person; None when one identifier says so and another the contrary."""
        if True not in self._signs(user):
            return False
        return None if self.excludes(user) else True

    def _signs(self, user: Mapping[str, Any]) -> Iterator[bool | None]:
        number = user.get("rdv_solidarites_user_id")
        yield None if self.user is None or type(number) is not int else str(number) == self.user
        matricule, role = text(user.get("affiliation_number")), text(user.get("role"))
        known = isinstance(matricule, str) and isinstance(role, str)
        yield None if self.caf is None or not known else (matricule, role) == self.caf
        nir = text(user.get("nir"))
        yield None if self.nir is None or not isinstance(nir, str) else nir[:13] == self.nir[:13]


def user_row(dataset: str, user: Mapping[str, Any], *, wanted: frozenset[str], notes: Notes) -> Row:
    """The wanted fields of `identity` or `contact` that `user` holds."""
    masked = wanted & _MASKED if "nir" not in user else frozenset()
    return _USERS[dataset].row(user, wanted - masked, notes, path=USERS)


def rdv_row(rdv: Mapping[str, Any], *, wanted: frozenset[str], notes: Notes, user: str | None) -> Row:
    """The wanted fields of one appointment; the status is that of `user` when several people are expected."""
    row = _RDV.row(rdv, wanted, notes, path=RDV)
    if not row and "rdv.starts_at" in wanted:
        return row
    for name, value, path in _derived(rdv, user):
        if name in wanted:
            if value is WRONG:
                notes.add(RDV + path)
            else:
                row[name] = value
    return row


def _derived(rdv: Mapping[str, Any], user: str | None) -> Iterator[tuple[str, Any, str]]:
    """The fields that are not one member of the appointment, with the path to blame."""
    yield "rdv.status", text(_status(rdv, user)), "/status"
    motif = rdv.get("motif")
    if not isinstance(motif, dict):
        yield from ((name, WRONG, "/motif") for name in ("rdv.reason", "rdv.collective", "rdv.place"))
        return
    yield "rdv.reason", text(motif.get("name")), "/motif/name"
    yield "rdv.collective", boolean(rdv.get("collectif", motif.get("collectif"))), "/motif/collectif"
    yield "rdv.place", _place(rdv, motif), "/lieu"


def people_of(rdv: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Those expected at an appointment."""
    users = rdv.get("users")
    return tuple(user for user in users if isinstance(user, dict)) if isinstance(users, list) else ()


def _status(rdv: Mapping[str, Any], user: str | None) -> Any:
    participations = rdv.get("participations")
    for item in participations if user is not None and isinstance(participations, list) else ():
        who = item.get("user") if isinstance(item, dict) else None
        if isinstance(who, dict) and str(who.get("rdv_solidarites_user_id")) == user:
            return item.get("status")
    return rdv.get("status")


def _place(rdv: Mapping[str, Any], motif: Mapping[str, Any]) -> str | None:
    """The name and address of the place. The appointment's own address serves for an office alone.

    At home, and by phone, it is the person's own.
    """
    kind, lieu = motif.get("location_type"), rdv.get("lieu")
    if kind == _AT_HOME:
        return None
    own = (rdv.get("address"),) if kind == _AT_OFFICE else ()
    parts = (lieu.get("name"), lieu.get("address")) if isinstance(lieu, dict) else own
    return ", ".join(part for part in map(text, parts) if isinstance(part, str)) or None


def refusal_of(reply: Reply) -> Verdict | None:
    """Why `reply` holds no data; None when it does."""
    body = reply.data if isinstance(reply.data, dict) else {}
    if reply.status == 404 and not reply.fault:
        missing = body.get("not_found")
        if missing == "Rdv":
            return Verdict(Outcome.no_data, "no_file")
        if missing == "Organisation":
            return Verdict(Outcome.refused, "invalid_request")
    verdict = verdict_of(reply)
    if verdict is not None and verdict.retry_after is None and reply.status == 429:
        seconds = body.get("retry_after")
        return replace(verdict, retry_after=seconds if type(seconds) is int and seconds > 0 else None)
    return verdict
