"""Codes that leave in the place of values (`release: pseudonymise`)."""

import hmac
from functools import lru_cache

from audit.canonical import dumps
from policies.transformations import Pseudonymise


@lru_cache(maxsize=256)
def coding(key: bytes, recipient: str) -> Pseudonymise:
    """Give what makes them: keyed, the same for one recipient, field and value, so that no two recipients can join."""

    def code(name: str, value: str | int) -> str:
        return hmac.digest(key, dumps([recipient, name, value]), "sha256")[:16].hex()

    return code
