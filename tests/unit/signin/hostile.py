"""An identity provider over real HTTP that does everything right, until a test changes one thing."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Sign = Callable[[dict[str, Any]], str]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The JWK of an EC key."""
    members = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {**members, "kid": kid, "use": "sig", "alg": "ES256", **more}


def forged(claims: dict[str, Any], key: Any, alg: str = "ES256", **header: Any) -> str:
    """A JWT of whatever claims, which `jwt.encode` would look at."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=alg, headers=header)


def at_hash(token: str) -> str:
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


@dataclass
class Hostile:
    """One provider. What is empty or None is as it should be."""

    name: str
    clock: Callable[[], int]
    claims: dict[str, Any]
    """Of the person who signs in: what userinfo tells."""
    key: Any = field(default_factory=new_key)
    kid: str = "signature-1"
    issuer: str = ""
    client_id: str = "passerelle"
    sub: str = "f00d" * 16 + "v1"
    acr: str = "eidas1"
    amr: Any = None
    returns_issuer: bool = True
    nonce: str = ""
    access_token: str = "an-access-token"
    metadata: dict[str, Any] = field(default_factory=dict)
    jwks: Any = None
    id_token: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    sign_id_token: Sign | None = None
    sign_userinfo: Sign | None = None
    token: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)
    """By the last word of the address: answer this instead."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def reset(self) -> None:
        """As at the beginning, but for keys and addresses."""
        fresh = Hostile(name=self.name, clock=self.clock, claims=self.claims)
        for name in ("acr", "amr", "nonce", "access_token", "metadata", "jwks", "id_token", "userinfo", "token",
                     "sign_id_token", "sign_userinfo", "answers", "sub", "kid", "returns_issuer"):  # fmt: skip
            setattr(self, name, getattr(fresh, name))
        self.asked.clear()

    def app(self) -> Starlette:
        names = (".well-known/openid-configuration", "token", "userinfo", "jwks")
        return Starlette(routes=[Route(f"/op/{name}", self._serve, methods=["GET", "POST"]) for name in names])

    async def _serve(self, request: Request) -> Response:
        what = request.url.path.rpartition("/")[2]
        body = dict(parse_qsl((await request.body()).decode()))
        self.asked.append((what, body or dict(request.headers)))
        if what in self.answers:
            return self.answers[what]()
        return {
            "openid-configuration": self._metadata,
            "jwks": lambda: JSONResponse(self.jwks or {"keys": [public(self.key, self.kid)]}),
            "token": self._token,
            "userinfo": self._userinfo,
        }[what]()

    def _metadata(self) -> Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/session/end",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256"],
            "authorization_response_iss_parameter_supported": self.returns_issuer,
        }
        return JSONResponse({name: each for name, each in {**document, **self.metadata}.items() if each is not ...})

    def base(self) -> dict[str, Any]:
        now = self.clock() // 1000
        return {"iss": self.issuer, "aud": self.client_id, "sub": self.sub, "iat": now, "exp": now + 60}

    def good_id_token(self) -> dict[str, Any]:
        more = {"nonce": self.nonce, "acr": self.acr, "auth_time": self.clock() // 1000, "amr": self.amr,
                "at_hash": at_hash(self.access_token)}  # fmt: skip
        claims = {**self.base(), **more, **self.id_token}
        return {name: self._now(each) for name, each in claims.items() if each is not None and each is not ...}

    def _now(self, value: Any) -> Any:
        """A function of a test is given the present second."""
        return value(self.clock() // 1000) if callable(value) else value

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        return forged(claims, self.key, kid=self.kid, **header)

    def _token(self) -> Response:
        sign = self.sign_id_token or self.signed
        answer = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": sign(self.good_id_token()),
            **self.token,
        }
        return JSONResponse({name: each for name, each in answer.items() if each is not ...})

    def _userinfo(self) -> Response:
        claims = {**self.base(), **self.claims, **self.userinfo}
        claims = {name: self._now(each) for name, each in claims.items() if each is not ...}
        return Response((self.sign_userinfo or self.signed)(claims), media_type="application/jwt")
