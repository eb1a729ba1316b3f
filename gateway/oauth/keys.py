"""Keys that sign access tokens: ES256, a private file made on first run, named by their thumbprint (RFC 7638).

`token.pem` is the first; `passerelle key rotate token` draws the next, whose turn stands in its file's name
(`gateway/key_schedule.py`): published before it signs, believed until its last token has expired. Refuses a file that
others can read.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.key_schedule import Schedule
from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.jose import VerificationKey
from gateway.oauth.jwks import Jwk, of_public_key, thumbprint

ALGORITHM = "ES256"
AHEAD_MS = 600_000  # a key is published twice as long before it signs as /oauth/jwks may be cached
KEPT_MS = 420_000  # a token lives five minutes, clocks may differ by one


@dataclass(frozen=True)
class TokenKey:
    """One key pair of the gateway."""

    private: EllipticCurvePrivateKey = field(repr=False)

    @cached_property
    def kid(self) -> str:
        """The RFC 7638 thumbprint: the same on every replica, without a register of names."""
        return thumbprint(of_public_key(self.private.public_key(), kid=""))

    @cached_property
    def jwk(self) -> Jwk:
        """The public half, as published."""
        return of_public_key(self.private.public_key(), kid=self.kid)


class TokenKeys:
    """The key that signs, and those that are accepted beside it; what `current` gives may change at any time."""

    def __init__(self, current: Callable[[], tuple[TokenKey, ...]]) -> None:
        self._current = current
        self._indexed: tuple[TokenKey, ...] = ()
        self._by_kid: dict[str, VerificationKey] = {}

    @property
    def state(self) -> tuple[TokenKey, ...]:
        """All of them, the one that signs first; another object when anything has changed."""
        return self._current()

    @property
    def signing(self) -> TokenKey:
        """The key whose turn it is."""
        return self._current()[0]

    @property
    def by_kid(self) -> dict[str, VerificationKey]:
        """What a token of ours may be signed with."""
        state = self._current()
        if state is not self._indexed:
            self._by_kid = {key.kid: VerificationKey(ALGORITHM, key.private.public_key()) for key in state}
            self._indexed = state
        return self._by_kid

    def jwks(self) -> dict[str, list[Jwk]]:
        """The set served at /oauth/jwks."""
        return {"keys": [key.jwk for key in self._current()]}


def of(*keys: TokenKey) -> TokenKeys:
    """These keys for ever, the first one signing."""
    return TokenKeys(lambda: keys)


def load(path: Path, clock: Callable[[], int]) -> Schedule[TokenKey]:
    """The keys that `path` is the first of; makes it if there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    schedule = Schedule(path, load=read, create=create, ahead_ms=AHEAD_MS, kept_ms=KEPT_MS, clock=clock)
    schedule.make_first()
    return schedule


def create(path: Path) -> None:
    """Write the whole file apart, then give it its name: no process ever reads half a key or a second one."""
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, unnamed = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unnamed, path)
        except FileExistsError:  # another process was first: its key is the key
            return
    finally:
        os.unlink(unnamed)  # noqa: PTH108
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> TokenKey:
    """Read a private file; `OAuthMisconfigured` says why it cannot be used, never what it holds."""
    if path.stat().st_mode & 0o077:
        raise OAuthMisconfigured(f"{path} can be read by others: chmod 600, and replace the key if it was exposed")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise OAuthMisconfigured(f"{path} is not an unencrypted private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise OAuthMisconfigured(f"{path} is not a P-256 key")
    return TokenKey(key)
