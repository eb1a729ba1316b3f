"""The key that finds a person's entries and opens their seals, and nothing else of that person.

Answers for: tags (HMAC-SHA256 cut to 128 bits, one per entry) and the sealing of what stands beside an entry
(AES-256-GCM, NIST SP 800-38D, random 96-bit nonces, bound to the exchange). The person may be given it: their links
and identifiers are sealed under another key of theirs. Refuses to show itself, and to open what is not in its place.
"""

import hmac
from ssl import RAND_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.errors import SealBroken

_NONCE = 12
_FORM = b"\x01"  # leading byte of what is sealed, so that another construction can follow


class Sealing:
    """Encrypts for one place."""

    __slots__ = ("_aead", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aead: AESGCM | None = None

    def __repr__(self) -> str:
        return "Sealing(…)"

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Encrypt; `aad` names the place."""
        nonce = RAND_bytes(_NONCE)  # of OpenSSL: the system's own costs a call of it for each value sealed
        return _FORM + nonce + self._cipher().encrypt(nonce, plain, aad)

    def unseal(self, sealed: bytes, aad: bytes) -> bytes:
        """Raise `SealBroken` when altered, moved, or sealed under another key."""
        if sealed[:1] != _FORM:
            raise SealBroken("unknown sealed form")
        try:
            return self._cipher().decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
        except (InvalidTag, ValueError):
            raise SealBroken("the sealed value does not open") from None

    def _cipher(self) -> AESGCM:
        if self._aead is None:  # most keys only make tags
            self._aead = AESGCM(self._key)
        return self._aead


class PersonKey:
    """The journal's share of a person's keys; without `seal` it finds their entries only."""

    __slots__ = ("_seal", "_sealing", "_tag")

    def __init__(self, tag: bytes, seal: bytes | None = None) -> None:
        self._tag = tag
        self._seal = seal
        self._sealing = None if seal is None else Sealing(seal)

    def __repr__(self) -> str:
        return "PersonKey(…)"

    def tag(self, counter: int) -> str:
        """Give the name this person has in the `counter`-th entry about them: unlinkable without the key."""
        message = b"audit-subject/v1" + counter.to_bytes(8, "big")
        return hmac.digest(self._tag, message, "sha256")[:16].hex()

    def seal(self, plain: bytes, ref: str) -> bytes:
        """Encrypt what stands beside the entry of an exchange."""
        return self._opened().seal(plain, _place(ref))

    def unseal(self, sealed: bytes, ref: str) -> bytes:
        """Open it; raises `SealBroken`."""
        return self._opened().unseal(sealed, _place(ref))

    def export(self) -> dict[str, str]:
        """Write the key down, for the person alone and for the key store."""
        return {"tag": self._tag.hex()} | ({} if self._seal is None else {"seal": self._seal.hex()})

    def _opened(self) -> Sealing:
        if self._sealing is None:
            raise SealBroken("this key finds entries, it opens no seal")
        return self._sealing


def _place(ref: str) -> bytes:
    return f"audit_seal:{ref}".encode()
