"""Keyed fingerprints by which identifiers are found without being readable (HMAC-SHA256, RFC 2104)."""

import hmac


class BlindIndex:
    """Equal for equal values, useless without the key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "BlindIndex(…)"

    def of(self, kind: str, key: str) -> str:
        """Hex. The kind takes part: one number used as two kinds gives two fingerprints."""
        return hmac.digest(self._key, f"{kind}\x00{key}".encode(), "sha256").hex()

    def of_reference(self, partner: str, reference: str) -> str:
        """Two partners using the same reference get different fingerprints."""
        return self.of(f"reference:{partner}", reference)
