"""Salted commitments: an entry binds the value of a field without telling anything about it.

`commit = HMAC(HMAC(seed, field), canonical(value))`, cut to 24 bytes. Whoever is given the salt of one field
can check that field and no other; once seed and salts are destroyed, the commitment says nothing, even of a
value with two possibilities. Refuses to keep seeds: the caller seals them (`Draft.seal`).
"""

import base64
import hmac
import secrets

from audit.canonical import Json, dumps

_BYTES = 24


def new_seed() -> bytes:
    """Draw the seed of one entry's commitments."""
    return secrets.token_bytes(32)


def field_salt(seed: bytes, field: str) -> bytes:
    """Derive the salt of one field: it opens that field's commitment only."""
    return hmac.digest(seed, field.encode(), "sha256")


def commit(seed: bytes, field: str, value: Json) -> str:
    """Commit to the value of a field: 32 characters of base64url."""
    return _salted(field_salt(seed, field), value)


def verify(commitment: str, salt: bytes, value: Json) -> bool:
    """Tell whether a commitment was made to this value under this field's salt."""
    return hmac.compare_digest(commitment.encode(), _salted(salt, value).encode())


def _salted(salt: bytes, value: Json) -> str:
    return base64.urlsafe_b64encode(hmac.digest(salt, dumps(value), "sha256")[:_BYTES]).decode()
