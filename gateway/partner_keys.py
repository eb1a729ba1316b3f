"""The partner's side, for trying things out: a key pair in files, and an access token on stdout.

A partner's own system does this with its own JOSE library; nothing here runs in the gateway.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.oauth.client import ClientKey, make_proof, new_key, request_token
from gateway.oauth.jwks import of_public_key, thumbprint
from gateway.oauth.tokens import Professional
from gateway.services import wall_clock


class PartnerKeyRefused(Exception):  # noqa: N818  ends the command with a sentence
    """A key file or the description of a professional cannot be used."""

    code = "partner_key_refused"


def create(path: Path, jwks: Path) -> None:
    """Draw an ES256 key: private PEM (0600) in `path`, public set to register in `jwks`."""
    key = _named(new_key("new").private)
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PartnerKeyRefused(f"{path} exists: a key is never overwritten") from None
    with os.fdopen(file, "wb") as handle:
        handle.write(pem)
    jwks.write_text(json.dumps(key.jwks(), indent=1), "utf-8")


def load(path: Path) -> ClientKey:
    """The key of a PEM file; its kid is its thumbprint."""
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise PartnerKeyRefused(f"{path} holds no private key in PEM") from None
    return _named(private)


def professional(path: Path) -> Professional:
    """The professional a JSON file describes: id, family_name, given_name, role, acr."""
    try:
        return Professional(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise PartnerKeyRefused(f"{path} must hold id, family_name, given_name, role and acr") from None


async def token(
    issuer: str, *, client_id: str, key: Path, scopes: Sequence[str], who: Path | None, bound: bool = True
) -> str:
    """A fresh access token, of the partner or of a professional of it, bound to the same key unless told otherwise."""
    signing = load(key)
    async with httpx.AsyncClient(timeout=10) as http:
        try:
            return await request_token(
                http,
                signing,
                client_id=client_id,
                issuer=issuer,
                scopes=scopes,
                now=wall_clock(),
                professional=professional(who) if who else None,
                proof_key=signing if bound else None,
            )
        except httpx.HTTPStatusError as error:
            raise PartnerKeyRefused(f"refused: {error.response.text}") from None
        except httpx.TransportError:
            raise PartnerKeyRefused(f"{issuer} does not answer") from None


def proof(method: str, url: str, *, key: Path, token: Path | None, nonce: str | None) -> str:
    """A DPoP proof for one request within the next minute; the token it goes with is read from a file."""
    try:
        carried = None if token is None else token.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise PartnerKeyRefused(f"{token} holds no access token") from None
    return make_proof(load(key), method=method, url=url, now=wall_clock(), token=carried, nonce=nonce)


def _named(private: object) -> ClientKey:
    if not isinstance(private, EllipticCurvePrivateKey):
        raise PartnerKeyRefused("only P-256 keys (ES256) are read here")
    return ClientKey(private=private, kid=thumbprint(of_public_key(private.public_key(), kid="")))
