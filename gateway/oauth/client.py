"""The partner's side, for the demo, the documentation and the tests: sign an assertion, prove a key, ask for a token.

Refuses to be a client library: it keeps no token, reads no metadata and repeats nothing, except a request that the
server wants to see again with its nonce (RFC 9449 §8).
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from gateway.oauth import dpop, jose, professionals
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.oauth.grants import ACCESS_TOKEN, CLIENT_CREDENTIALS, JWT, TOKEN_EXCHANGE
from gateway.oauth.jose import PrivateKey
from gateway.oauth.jwks import of_public_key
from gateway.oauth.tokens import Professional

LIFETIME_SECONDS = 60
_OF_A_KEY = frozenset({"kty", "crv", "x", "y", "n", "e"})


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


def make_proof(
    key: ClientKey, *, method: str, url: str, now: int, token: str | None = None, nonce: str | None = None
) -> str:
    """A DPoP proof for one request (RFC 9449 §4.2), with the token it goes with unless it is to get one."""
    jwk = {name: value for name, value in of_public_key(key.private.public_key(), kid="").items() if name in _OF_A_KEY}
    said = {"htm": method, "htu": url.partition("?")[0], "iat": now // 1000, "jti": secrets.token_urlsafe(16)}
    said |= {} if token is None else {"ath": dpop.token_hash(token.encode("ascii"))}
    said |= {} if nonce is None else {"nonce": nonce}
    header = {"typ": dpop.TYPE, "alg": _algorithm(key), "jwk": jwk}
    return jose.sign(said, header=header, key=key.private)


def bound_headers(
    key: ClientKey, token: str, *, method: str, url: str, now: int, nonce: str | None = None
) -> dict[str, str]:
    """The headers of an API request with a token bound to this key."""
    proof = make_proof(key, method=method, url=url, now=now, token=token, nonce=nonce)
    return {"Authorization": f"DPoP {token}", "DPoP": proof}


async def request_token(
    http: httpx.AsyncClient,
    key: ClientKey,
    *,
    client_id: str,
    issuer: str,
    scopes: Collection[str],
    now: int,
    professional: Professional | None = None,
    proof_key: ClientKey | None = None,
) -> str:
    """A new access token of the partner, or of the professional it names; `httpx.HTTPStatusError` when refused.

    With `proof_key` it is bound to that key, which may be the same or one of its own (RFC 9449 §5).
    """
    url = f"{issuer}/oauth/token"

    async def ask(nonce: str | None) -> httpx.Response:
        form = _form(key, client_id=client_id, issuer=issuer, scopes=scopes, now=now, professional=professional)
        proof = None if proof_key is None else make_proof(proof_key, method="POST", url=url, now=now, nonce=nonce)
        return await http.post(url, data=form, headers={} if proof is None else {"DPoP": proof})

    answer = await ask(None)
    if answer.status_code == 400 and answer.json().get("error") == "use_dpop_nonce":
        answer = await ask(answer.headers[dpop.NONCE_HEADER])
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _form(
    key: ClientKey,
    *,
    client_id: str,
    issuer: str,
    scopes: Collection[str],
    now: int,
    professional: Professional | None,
) -> dict[str, str]:
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
    return form


def _algorithm(key: ClientKey) -> str:
    return of_public_key(key.private.public_key(), kid=key.kid)["alg"]


def _sign(key: ClientKey, claims: dict[str, Any], *, typ: str, client_id: str, issuer: str, now: int) -> str:
    header = {"typ": typ, "alg": _algorithm(key), "kid": key.kid}
    dates = {"iat": now // 1000, "exp": now // 1000 + LIFETIME_SECONDS}
    named = {"iss": client_id, "aud": issuer, "jti": secrets.token_urlsafe(16)}
    return jose.sign(named | dates | claims, header=header, key=key.private)
