"""Keys that sign access tokens: ES256, a private file made on first run, named by their thumbprint (RFC 7638).

`token.pem` signs. Beside it, `token.next.pem` and `token.previous.pem` are published and accepted but do not
sign, so that a rotation overlaps: publish the next key, wait until caches have it, rename next to token and
token to previous, drop previous once its last token has expired. Refuses a file that others can read.
"""

import os
import tempfile
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

from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.jose import VerificationKey
from gateway.oauth.jwks import Jwk, of_public_key, thumbprint

ALGORITHM = "ES256"
OVERLAPPING = ("next", "previous")


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


@dataclass(frozen=True)
class TokenKeys:
    """The key that signs, and those that are accepted beside it."""

    signing: TokenKey
    others: tuple[TokenKey, ...] = ()

    @cached_property
    def by_kid(self) -> dict[str, VerificationKey]:
        """What a token of ours may be signed with."""
        return {key.kid: VerificationKey(ALGORITHM, key.private.public_key()) for key in (self.signing, *self.others)}

    def jwks(self) -> dict[str, list[Jwk]]:
        """The set served at /oauth/jwks."""
        return {"keys": [key.jwk for key in (self.signing, *self.others)]}


def generate() -> TokenKeys:
    """A key that lives in memory only."""
    return TokenKeys(TokenKey(generate_private_key(SECP256R1())))


def load(path: Path) -> TokenKeys:
    """The keys under `path` and its `.next` and `.previous` neighbours; makes the first one if there is none."""
    if not path.exists():
        _create(path)
    neighbours = [path.with_suffix(f".{name}{path.suffix}") for name in OVERLAPPING]
    return TokenKeys(_read(path), tuple(_read(neighbour) for neighbour in neighbours if neighbour.exists()))


def _create(path: Path) -> None:
    """Write the whole file apart, then give it its name: no process ever reads half a key or a second one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def _read(path: Path) -> TokenKey:
    if path.stat().st_mode & 0o077:
        raise OAuthMisconfigured(f"{path} can be read by others: chmod 600, and replace the key if it was exposed")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise OAuthMisconfigured(f"{path} is not an unencrypted private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise OAuthMisconfigured(f"{path} is not a P-256 key")
    return TokenKey(key)
