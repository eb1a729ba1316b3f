"""Proof Key for Code Exchange (RFC 7636), S256 only: who asked for the code is who exchanges it."""

import hashlib
import hmac
import re

from gateway.oauth.errors import refused
from gateway.oauth.jose import encode

METHOD = "S256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def challenge(parameters: dict[str, str]) -> str:
    """The challenge of a request; refused without one, and with any method but S256 (§4.4.1, RFC 9700 §2.1.1)."""
    given = parameters.get("code_challenge")
    if given is None or _CHALLENGE.fullmatch(given) is None:
        raise refused("challenge")
    if parameters.get("code_challenge_method") != METHOD:
        raise refused("challenge_method")
    return given


def verifies(verifier: str | None, expected: str) -> bool:
    """Whether this verifier belongs to the challenge (§4.6)."""
    if verifier is None or _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(encode(hashlib.sha256(verifier.encode("ascii")).digest()), expected)
