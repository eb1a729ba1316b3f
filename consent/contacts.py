"""How a person wants to hear that there is something new, and where; sealed under their key.

Answers for: one preference (none, sms, email, letter), addresses only the person declares. Refuses an address from a
professional: a number the professional chose would confirm in the person's stead. `none` silences reminders; what was
done in the person's name, and the codes they ask for, still reach them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.store import Store
from consent.blind import BlindIndex
from consent.entries import Entries
from consent.errors import ContactInvalid, NotEntitled
from consent.messages import Way
from consent.models import contact as table
from consent.states import By
from consent.vault import SubjectId, Vault, place

PREFERENCES = frozenset({"none", "sms", "email", "letter"})
WAYS: tuple[Way, ...] = ("sms", "email", "letter")
LANGUAGES = frozenset({"fr", "en"})
_ENTITLED = frozenset({"subject", "operator"})

_FORMS: Mapping[str, re.Pattern[str]] = {
    "sms": re.compile(r"\+[1-9][0-9]{7,14}"),
    "email": re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}"),
    "letter": re.compile(r"[^\x00-\x09\x0b-\x1f]{5,400}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person's wishes; `addresses` by way."""

    preference: str
    lang: str
    addresses: Mapping[Way, str] = field(repr=False)

    def way(self, *, always: bool) -> Way | None:
        """By which way to write: the preferred one; with `always`, the first that exists when none is preferred."""
        if self.preference in self.addresses:
            return next(way for way in WAYS if way == self.preference)
        return next((way for way in WAYS if way in self.addresses), None) if always else None


class Contacts:
    """The contacts of a consortium."""

    def __init__(self, *, store: Store, entries: Entries, vault: Vault, blind: BlindIndex) -> None:
        self._store = store
        self._entries = entries
        self._vault = vault
        self._blind = blind

    async def declare(
        self, subject: SubjectId, *, preference: str, addresses: Mapping[Way, str], lang: str = "fr", by: By, now: int
    ) -> None:
        """Replace what was known. Raises `ContactInvalid`, `NotEntitled`."""
        if by.kind not in _ENTITLED:
            raise NotEntitled("contacts: only the person declares them")
        written = {way: _checked(way, address) for way, address in addresses.items()}
        if preference not in PREFERENCES or lang not in LANGUAGES or preference not in {"none", *written}:
            raise ContactInvalid("preference: one of those with an address, or none")
        key = await self._vault.open(subject)
        number = written.get("sms")
        row = {
            "preference": preference,
            "lang": lang,
            "sealed": key.seal(orjson.dumps(written), place("consent_contact", "sealed", subject)),
            "number": None if number is None else self._blind.of("phone", number),
            "changed_at": now,
        }

        def change(connection: Connection, index: int) -> None:
            connection.execute(sa.delete(table).where(table.c.subject == subject))
            connection.execute(sa.insert(table), {**row, "subject": subject, "entry": index})

        members: dict[str, Json] = {"preference": preference, "ways": sorted(written), "by": by.kind}
        await self._entries.append("contact.changed", subject, members, change, now=now)

    async def get(self, subject: SubjectId) -> Contact | None:
        """What the person declared."""
        query = sa.select(table).where(table.c.subject == subject)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return None
        key = await self._vault.open(subject)
        addresses = orjson.loads(key.unseal(row.sealed, place("consent_contact", "sealed", subject)))
        return Contact(preference=row.preference, lang=row.lang, addresses=addresses)

    async def by_number(self, number: str) -> tuple[SubjectId, ...]:
        """Whose number this is; several people of one household may share one."""
        blind = self._blind.of("phone", _checked("sms", number))
        query = sa.select(table.c.subject).where(table.c.number == blind).order_by(table.c.subject).limit(16)
        return await self._store.read(lambda connection: tuple(connection.execute(query).scalars()))


def _checked(way: str, address: str) -> str:
    """One spelling: a number in E.164, a French one may begin with 0."""
    written = address.strip()
    if way == "sms":
        written = re.sub(r"[ .()-]", "", written)
        written = "+33" + written[1:] if re.fullmatch(r"0[1-9][0-9]{8}", written) else written
    form = _FORMS.get(way)
    if form is None or not form.fullmatch(written):
        raise ContactInvalid(f"{way if form else 'way'}: not the right form")
    return written
