"""One random key per person, wrapped by a key-encryption key, kept in a store of its own.

Answers for: making, opening and destroying subject keys; what is derived from them: the journal's share
(`audit.person_key`) and, apart from it, the key of links and identifiers. Erasure keeps for a time what finds the
person's entries, and only that (`scope`).
Refuses: to show a key (no repr), to open what was wrapped or sealed for another place.
Norms: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces; HKDF-Expand with SHA-256 (RFC 5869 §2.3; the
key is uniformly random, so §3.3 lets the extract step go).
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NewType, Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.errors import SealBroken
from audit.person_key import PersonKey, Sealing
from audit.store import Store
from consent.errors import KeyUnusable, SubjectErased
from consent.models import subject_key
from consent.rows import Batched, Rows

SubjectId = NewType("SubjectId", str)
"""32 hex digits, random, known inside the gateway only."""

_NONCE = 12
_WHOLE, _TAGS = "whole", "tags"  # what a wrapped key is: the person's, or the half that finds their entries


def new_subject_id() -> SubjectId:
    """A fresh opaque id."""
    return SubjectId(secrets.token_hex(16))


def place(table: str, column: str, subject: str) -> bytes:
    """Associated data of a sealed value: moved to another row or column it no longer opens."""
    return f"{table}\x00{column}\x00{subject}".encode()


class SubjectKey:
    """A person's key, opened. Holds derived keys only; `journal` is the share the person may be given."""

    __slots__ = ("_sealing", "journal")

    def __init__(self, key: bytes) -> None:
        self.journal = PersonKey(
            _expand(key, b"passerelle/subject/tag/v1"), _expand(key, b"passerelle/subject/journal/v1")
        )
        self._sealing = Sealing(_expand(key, b"passerelle/subject/seal/v1"))

    def __repr__(self) -> str:
        return "SubjectKey(…)"

    def tag(self, counter: int) -> str:
        """The name this person has in the `counter`-th journal entry about them: unlinkable without the key."""
        return self.journal.tag(counter)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Encrypt for one place (see `place`)."""
        return self._sealing.seal(plain, aad)

    def unseal(self, sealed: bytes, aad: bytes) -> bytes:
        """Raises `KeyUnusable` when altered, moved, or sealed under another key."""
        try:
            return self._sealing.unseal(sealed, aad)
        except SealBroken as error:
            raise KeyUnusable(str(error)) from error


class Kek(Protocol):
    """Wraps subject keys. A KMS fits behind it."""

    @property
    def id(self) -> str:
        """Stable name of this key, at most 32 characters, stored beside what it wrapped."""
        ...

    def wrap(self, key: bytes, aad: bytes) -> bytes:
        """Encrypt a subject key."""
        ...

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """Raises `KeyUnusable` when it does not open."""
        ...


class LocalKek:
    """A key-encryption key held by the process (file or environment)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise KeyUnusable("a key-encryption key has 32 bytes")
        self._aead = AESGCM(secret)
        self.id = _expand(secret, b"passerelle/kek/id/v1").hex()[:16]

    def __repr__(self) -> str:
        return f"LocalKek({self.id})"

    def wrap(self, key: bytes, aad: bytes) -> bytes:
        """See `Kek`."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._aead.encrypt(nonce, key, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """See `Kek`."""
        try:
            return self._aead.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], aad)
        except (InvalidTag, ValueError) as error:
            raise KeyUnusable("subject key does not open under this key-encryption key") from error


class Vault:
    """The key store. `former` are earlier key-encryption keys, still able to open."""

    def __init__(self, keys: Store, kek: Kek, *, former: Sequence[Kek] = (), cached: int = 4096) -> None:
        self._store = keys
        self._kek = kek
        self._keks = {each.id: each for each in (*former, kek)}
        self._opened: OrderedDict[str, SubjectKey] = OrderedDict()
        self._cached = cached

    def __repr__(self) -> str:
        return f"Vault(kek={self._kek.id})"

    async def create(self, subject: SubjectId, *, now: int) -> SubjectKey:
        """Make and store the key of a new person; durable before anything is sealed under it."""
        key = secrets.token_bytes(32)
        row = {
            "subject": subject,
            "scope": _WHOLE,
            "wrapped": self._kek.wrap(key, _bound(subject, self._kek.id)),
            "kek": self._kek.id,
            "created_at": now,
        }
        await self._store.write(lambda connection: connection.execute(subject_key.insert(), row) and None)
        return self._keep(subject, SubjectKey(key))

    async def open(self, subject: SubjectId) -> SubjectKey:
        """Raises `SubjectErased` when there is no key (any more), `KeyUnusable` when it does not open."""
        opened = (await self.open_many((subject,))).get(subject)
        if opened is None:
            raise SubjectErased("no key for this person")
        if isinstance(opened, KeyUnusable):
            raise opened
        return opened

    async def open_many(self, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey | KeyUnusable]:
        """Those that have a key, each opened or why not; at most one statement, none when all are in memory."""
        found: dict[SubjectId, SubjectKey | KeyUnusable] = {}
        missing: list[SubjectId] = []
        for subject in subjects:
            key = self._opened.get(subject)
            if key is None:
                missing.append(subject)
            else:
                self._opened.move_to_end(subject)
                found[subject] = key
        if missing:
            for row in await self._store.read(
                lambda connection: _BY_IDS.execute(connection, [(each,) for each in missing])
            ):
                try:
                    found[row.subject] = self._keep(row.subject, SubjectKey(self._unwrapped(row)))
                except KeyUnusable as error:
                    found[row.subject] = error
        return found

    async def journal_key(self, subject: SubjectId) -> PersonKey:
        """The journal's share of a key, or what erasure has left of it; raises as `open` does."""
        query = sa.select(subject_key).where(subject_key.c.subject == subject)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise SubjectErased("no key for this person")
        opened = self._unwrapped(row)
        return SubjectKey(opened).journal if row.scope == _WHOLE else PersonKey(opened)

    async def reduce(self, subject: SubjectId) -> None:
        """First step of erasure: only what finds the person's entries remains. Repeating it is harmless."""
        self.forget(subject)
        found = sa.select(subject_key).where(subject_key.c.subject == subject, subject_key.c.scope == _WHOLE)

        def work(connection: sa.Connection) -> None:
            row = connection.execute(found.with_for_update()).one_or_none()
            if row is not None:
                tag = bytes.fromhex(SubjectKey(self._unwrapped(row)).journal.export()["tag"])
                wrapped = self._kek.wrap(tag, _bound(subject, self._kek.id, _TAGS))
                values = {"scope": _TAGS, "wrapped": wrapped, "kek": self._kek.id}
                connection.execute(subject_key.update().where(subject_key.c.subject == subject).values(values))

        await self._store.write(work)
        self.forget(subject)  # a look-up may have opened it in between

    async def destroy(self, subject: SubjectId) -> None:
        """Last step of erasure: nobody finds the person's entries any more. Repeating it is harmless."""
        self.forget(subject)
        await self._store.write(
            lambda connection: (
                connection.execute(subject_key.delete().where(subject_key.c.subject == subject)) and None
            ),
        )
        self.forget(subject)  # a look-up may have opened it in between

    def forget(self, subject: str) -> None:
        """Drop the opened key from this process's memory."""
        self._opened.pop(subject, None)

    def _unwrapped(self, row: Any) -> bytes:
        kek = self._keks.get(row.kek)
        if kek is None:
            raise KeyUnusable("subject key wrapped by a key-encryption key this process does not have")
        return kek.unwrap(row.wrapped, _bound(row.subject, row.kek, row.scope))

    def _keep(self, subject: str, key: SubjectKey) -> SubjectKey:
        self._opened[subject] = key
        if len(self._opened) > self._cached:
            self._opened.popitem(last=False)
        return key


def _by_ids(rows: Rows) -> sa.Select[Any]:
    columns = sa.select(*(subject_key.c[name] for name in ("subject", "scope", "wrapped", "kek")))
    mine = (subject_key.c.subject == rows[0]) & (subject_key.c.scope == sa.literal_column(f"'{_WHOLE}'"))
    return columns.join_from(rows.table, subject_key, mine)


_BY_IDS = Batched(_by_ids, sa.Text)


def _bound(subject: str, kek: str, scope: str = _WHOLE) -> bytes:
    table = "subject_key" if scope == _WHOLE else f"subject_key:{scope}"
    return f"{table}\x00{subject}\x00{kek}".encode()


def _expand(key: bytes, label: bytes) -> bytes:
    """HKDF-Expand for one block of output."""
    return hmac.digest(key, label + b"\x01", "sha256")
