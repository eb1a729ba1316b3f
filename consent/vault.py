"""One random key per person, wrapped by a key-encryption key, kept in a store of its own.

Answers for: making, opening and destroying subject keys; what is derived from them (journal tags, sealing).
Refuses: to show a key (no repr, no export), to open what was wrapped or sealed for another place.
Norms: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces; HKDF-Expand with SHA-256 (RFC 5869 §2.3; the
key is uniformly random, so §3.3 lets the extract step go); journal tags as in docs (HMAC-SHA256 cut to 128 bits).
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NewType, Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.store import Store
from consent.errors import KeyUnusable, SubjectErased
from consent.models import subject_key
from consent.rows import Batched, Rows

SubjectId = NewType("SubjectId", str)
"""32 hex digits, random, known inside the gateway only."""

_NONCE = 12
_FORM = b"\x01"  # leading byte of what is sealed, so that another construction can follow


def new_subject_id() -> SubjectId:
    """A fresh opaque id."""
    return SubjectId(secrets.token_hex(16))


def place(table: str, column: str, subject: str) -> bytes:
    """Associated data of a sealed value: moved to another row or column it no longer opens."""
    return f"{table}\x00{column}\x00{subject}".encode()


class SubjectKey:
    """A person's key, opened. Holds derived keys only."""

    __slots__ = ("_aead", "_seal", "_tag")

    def __init__(self, key: bytes) -> None:
        self._tag = _expand(key, b"passerelle/subject/tag/v1")
        self._seal = _expand(key, b"passerelle/subject/seal/v1")
        self._aead: AESGCM | None = None

    def __repr__(self) -> str:
        return "SubjectKey(…)"

    def tag(self, counter: int) -> str:
        """The name this person has in the `counter`-th journal entry about them: unlinkable without the key."""
        message = b"audit-subject/v1" + counter.to_bytes(8, "big")
        return hmac.digest(self._tag, message, "sha256")[:16].hex()

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Encrypt for one place (see `place`)."""
        nonce = secrets.token_bytes(_NONCE)
        return _FORM + nonce + self._cipher().encrypt(nonce, plain, aad)

    def unseal(self, sealed: bytes, aad: bytes) -> bytes:
        """Raises `KeyUnusable` when altered, moved, or sealed under another key."""
        if sealed[:1] != _FORM:
            raise KeyUnusable("unknown sealed form")
        try:
            return self._cipher().decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
        except (InvalidTag, ValueError) as error:
            raise KeyUnusable("sealed value does not open") from error

    def _cipher(self) -> AESGCM:
        if self._aead is None:
            self._aead = AESGCM(self._seal)
        return self._aead


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
                    found[row.subject] = self._keep(row.subject, self._unwrap(row))
                except KeyUnusable as error:
                    found[row.subject] = error
        return found

    async def destroy(self, subject: SubjectId) -> None:
        """Erasure: what was sealed under the key can no longer be read by anyone. Repeating it is harmless."""
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

    def _unwrap(self, row: Any) -> SubjectKey:
        kek = self._keks.get(row.kek)
        if kek is None:
            raise KeyUnusable("subject key wrapped by a key-encryption key this process does not have")
        return SubjectKey(kek.unwrap(row.wrapped, _bound(row.subject, row.kek)))

    def _keep(self, subject: str, key: SubjectKey) -> SubjectKey:
        self._opened[subject] = key
        if len(self._opened) > self._cached:
            self._opened.popitem(last=False)
        return key


def _by_ids(rows: Rows) -> sa.Select[Any]:
    columns = sa.select(subject_key.c.subject, subject_key.c.wrapped, subject_key.c.kek)
    return columns.join_from(rows.table, subject_key, subject_key.c.subject == rows.text(0))


_BY_IDS = Batched(_by_ids)


def _bound(subject: str, kek: str) -> bytes:
    return f"subject_key\x00{subject}\x00{kek}".encode()


def _expand(key: bytes, label: bytes) -> bytes:
    """HKDF-Expand for one block of output."""
    return hmac.digest(key, label + b"\x01", "sha256")
