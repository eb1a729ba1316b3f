"""The partner's side, for the demo, the documentation and the tests: sign an assertion, ask for a token.

Refuses to be a client library: it keeps no token, retries nothing and reads no metadata.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from gateway.oauth import jose, professionals
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.oauth.grants import ACCESS_TOKEN, CLIENT_CREDENTIALS, JWT, TOKEN_EXCHANGE
from gateway.oauth.jose import PrivateKey
from gateway.oauth.jwks import of_public_key
from gateway.oauth.tokens import Professional

LIFETIME_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A partner's key pair; the private half stays with the partner."""

    private: PrivateKey = field(repr=False)
    kid: str

    def jwks(self) -> dict[str, Any]:
        """The set to register."""
        return {"keys": [of_public_key(self.private.public_key(), kid=self.kid)]}


def new_key(kid: str) -> ClientKey:
    """An ES256 key pair."""
    return ClientKey(private=generate_private_key(SECP256R1()), kid=kid)


def make_assertion(key: ClientKey, *, client_id: str, issuer: str, now: int) -> str:
    """A client assertion (RFC 7523), usable once within a minute."""
    return _sign(key, {"sub": client_id}, typ="JWT", client_id=client_id, issuer=issuer, now=now)


def make_professional_assertion(
    key: ClientKey, *, client_id: str, issuer: str, now: int, professional: Professional, auth_time: int | None = None
) -> str:
    """The subject token that names a professional, usable once within a minute."""
    claims = {
        "sub": professional.id,
        "azp": client_id,
        "family_name": professional.family_name,
        "given_name": professional.given_name,
        "role": professional.role,
        "acr": professional.acr,
        "auth_time": auth_time,
    }
    known = {name: value for name, value in claims.items() if value is not None}
    return _sign(key, known, typ=professionals.TYPE, client_id=client_id, issuer=issuer, now=now)


async def request_token(
    http: httpx.AsyncClient,
    key: ClientKey,
    *,
    client_id: str,
    issuer: str,
    scopes: Collection[str],
    now: int,
    professional: Professional | None = None,
) -> str:
    """A new access token of the partner, or of the professional it names; `httpx.HTTPStatusError` when refused."""
    form = {
        "grant_type": CLIENT_CREDENTIALS if professional is None else TOKEN_EXCHANGE,
        "scope": " ".join(scopes),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": make_assertion(key, client_id=client_id, issuer=issuer, now=now),
    }
    if professional is not None:
        form |= {
            "subject_token_type": JWT,
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": make_professional_assertion(
                key, client_id=client_id, issuer=issuer, now=now, professional=professional
            ),
        }
    answer = await http.post(f"{issuer}/oauth/token", data=form)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _sign(key: ClientKey, claims: dict[str, Any], *, typ: str, client_id: str, issuer: str, now: int) -> str:
    header = {"typ": typ, "alg": of_public_key(key.private.public_key(), kid=key.kid)["alg"], "kid": key.kid}
    dates = {"iat": now // 1000, "exp": now // 1000 + LIFETIME_SECONDS}
    named = {"iss": client_id, "aud": issuer, "jti": secrets.token_urlsafe(16)}
    return jose.sign(named | dates | claims, header=header, key=key.private)
