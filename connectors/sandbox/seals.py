"""Opaque tokens of the simulated servers: sealed, dated, and readable only by the sandbox.

Answers for: tokens that say nothing to who holds them and need no table, so that several processes of the
sandbox accept each other's. Refuses to do: protecting anything. The key is public, as the credentials are:
every person behind it is fictional.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.base import Clock

_KNOWN = 4096


class Seals:
    """Issues and opens the tokens of one kind; a token of another kind never opens."""

    def __init__(self, kind: str, *, clock: Clock) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"passerelle sandbox " + kind.encode()).digest())
        self._clock = clock
        self._opened: dict[str, Mapping[str, Any]] = {}

    def seal(self, members: Mapping[str, Any], *, seconds: int) -> str:
        """A token that opens for `seconds`."""
        until = self._clock() + seconds * 1000
        nonce = os.urandom(12)
        content = json.dumps({**members, "until": until}, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, None)).decode().rstrip("=")

    def open(self, token: str) -> Mapping[str, Any] | None:
        """What the token holds, or None when it is not ours or too old."""
        members = self._opened.get(token) or self._decrypt(token)
        return members if members is not None and self._clock() < members["until"] else None

    def _decrypt(self, token: str) -> Mapping[str, Any] | None:
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            members: Mapping[str, Any] = json.loads(self._cipher.decrypt(raw[:12], raw[12:], None))
        except (ValueError, InvalidTag):
            return None
        if len(self._opened) >= _KNOWN:
            self._opened.clear()
        self._opened[token] = members
        return members
