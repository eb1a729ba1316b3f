"""Nonces of the server in DPoP proofs (RFC 9449 §8, §9): a proof made in advance elsewhere is of no use.

Nothing is stored: a nonce is its own date under a key that all processes share, so each accepts what another gave.
It may be used several times while it lives; that a proof is used once is the matter of its jti.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

_DATE, _MAC = 6, 18  # bytes: 24 together, 32 characters of base64url
_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonces:
    """Gives nonces and recognises them; `life` in milliseconds."""

    key: bytes = field(repr=False)
    life: int

    def new(self, now: int) -> str:
        """The nonce of this moment."""
        date = now.to_bytes(_DATE, "big")
        return urlsafe_b64encode(date + self._mac(date)).decode("ascii")

    def age(self, nonce: object, now: int) -> int | None:
        """How old it is, in milliseconds; None for one that is not ours, expired or of the future."""
        if not isinstance(nonce, str) or len(nonce) != _LENGTH or not nonce.isascii():
            return None
        try:
            raw = urlsafe_b64decode(nonce)
        except ValueError:
            return None
        date = raw[:_DATE]
        if not hmac.compare_digest(raw[_DATE:], self._mac(date)):
            return None
        age = now - int.from_bytes(date, "big")
        return age if -self.life <= age <= self.life else None  # clocks of two processes may differ

    def _mac(self, date: bytes) -> bytes:
        return hmac.digest(self.key, date, hashlib.sha256)[:_MAC]
