"""Simulated FranceConnect v2 and ProConnect: authorization code flow of OpenID Connect Core 1.0, section 3.1.

Answers for: discovery, the authorization endpoint with its allow-list, a page to choose a fictional person, the
code (30 s, once), tokens (60 s), signed userinfo, both encrypted for clients that have a key for it, private_key_jwt,
keys, logout. Refuses to do: PKCE, refresh, single sign-on and checktoken; a service that needs one of them must be
tried against the real sandbox.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.base import Clock
from connectors.sandbox import identity_pages as pages
from connectors.sandbox.asgi import Answer, Request, Route, redirect, reply
from connectors.sandbox.identity_keys import CONTENT, ENCRYPTIONS, asserted, encrypted
from connectors.sandbox.identity_profiles import Account, Profile
from connectors.sandbox.seals import Seals

PATH = "/api/v2"
CODE_SECONDS = 30
TOKEN_SECONDS = 60
_FORM_SECONDS = 1800
_NO_STORE = ((b"cache-control", b"no-store"),)


class IdentityProvider:
    """The routes of one identity provider."""

    def __init__(
        self, profile: Profile, clients: Mapping[str, Mapping[str, Any]], *, prefix: str, clock: Clock
    ) -> None:
        self.profile = profile
        self._clients = clients
        self._prefix = prefix + PATH
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._kid = f"bac-a-sable:ES256:{profile.id}"
        self._forms = Seals(f"{profile.id} form", clock=clock)
        self._codes = Seals(f"{profile.id} code", clock=clock)
        self._tokens = Seals(f"{profile.id} token", clock=clock)
        self._used: dict[str, int] = {}

    def routes(self) -> Iterator[Route]:
        """Every published endpoint kept here, and the form's own."""
        yield "GET", f"{PATH}/.well-known/openid-configuration", self._discovery
        yield "GET", f"{PATH}/authorize", self._authorize
        yield "POST", f"{PATH}/interaction", self._interaction
        yield "POST", f"{PATH}/token", self._token
        yield "GET", f"{PATH}/userinfo", self._userinfo
        yield "GET", f"{PATH}/jwks", self._jwks
        yield "GET", f"{PATH}/session/end", self._end

    def down(self) -> Answer:
        """What every endpoint answers while the provider is switched off."""
        return pages.trouble(self.profile.title, "Y000000", "Le service est indisponible.", status=503)

    def resolve(self, token: str) -> tuple[Account, frozenset[str]] | None:
        """Whose access token this is, for the data providers that accept it."""
        members = self._tokens.open(token)
        if members is None:
            return None
        return self.profile.accounts[members["account"]], frozenset(members["scope"].split())

    def _issuer(self, request: Request) -> str:
        return request.base() + self._prefix

    def _discovery(self, request: Request) -> Answer:
        issuer = self._issuer(request)
        return reply(
            200,
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/jwks",
                "end_session_endpoint": f"{issuer}/session/end",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["pairwise" if self.profile.returns_issuer else "public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "userinfo_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "id_token_encryption_alg_values_supported": sorted(ENCRYPTIONS),
                "id_token_encryption_enc_values_supported": [CONTENT],
                "scopes_supported": sorted(self.profile.scopes),
                "acr_values_supported": sorted(self.profile.levels),
                "claims_parameter_supported": True,
                "authorization_response_iss_parameter_supported": self.profile.returns_issuer,
            },
        )

    def _jwks(self, _: Request) -> Answer:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        return reply(200, {"keys": [{**public, "use": "sig", "alg": "ES256", "kid": self._kid}]})

    def _authorize(self, request: Request) -> Answer:
        """The steps of OpenID Connect Core 3.1.2.2, with each provider's own rules.

        1. the client and its redirect address, without which nothing can be sent back;
        2. the allow-list of parameters, each given once;
        3. what the request says;
        4. the page where a person is chosen.
        """
        given = request.parameters()
        once = {name: values[0] for name, values in given.items()}
        client, back = once.get("client_id", ""), once.get("redirect_uri", "")
        if client not in self._clients or not permitted(back):  # 1
            return pages.trouble(
                self.profile.title,
                "Y000400",
                "Le service qui vous envoie ou son adresse de retour est inconnu du bac à sable.",
            )
        if given.keys() - self.profile.parameters or any(len(values) > 1 for values in given.values()):  # 2
            if self.profile.errors_on_page:
                return pages.trouble(
                    self.profile.title, "Y000400", "La demande contient un paramètre qui n'est pas permis."
                )
            return self._back(request, once, error="invalid_request", error_description="parameter not allowed")
        if wrong := self._wrong(once):  # 3
            return self._back(request, once, error=wrong[0], error_description=wrong[1])
        if once.get("prompt") == "none":  # no session is kept
            return self._back(
                request, once, error="login_required", error_description="End-User authentication is required"
            )
        people = [(account.id, account.name, account.about) for account in self.profile.accounts.values()]  # 4
        hint = once.get("login_hint", "").partition("@")[0].replace(".", "-")
        sealed = self._forms.seal({"request": once}, seconds=_FORM_SECONDS)
        return pages.choice(self.profile.title, f"{self._prefix}/interaction", sealed, people, preferred=hint)

    def _wrong(self, once: Mapping[str, str]) -> tuple[str, str] | None:
        """The error and its description, or None: the first rule that the request breaks."""
        scopes = once.get("scope", "").split()
        levels = once.get("acr_values", "").split()
        least = self.profile.least
        short = any(len(once.get(name, "")) < least for name in ("state", "nonce"))
        level_missing = self.profile.level_required and not levels
        prompts = set(once.get("prompt", "").split())
        rules = (
            (once.get("response_type") != "code", "unsupported_response_type", "only response_type=code"),
            ("openid" not in scopes, "invalid_scope", "openid is required"),
            (not set(scopes) <= self.profile.scopes.keys(), "invalid_scope", "a scope is unknown"),
            (short, "invalid_request", f"state and nonce must have at least {least} characters"),
            (level_missing, "invalid_request", "acr_values is missing"),
            (not set(levels) <= self.profile.levels, "invalid_request", "acr_values is unknown"),
            (not prompts <= self.profile.prompts, "invalid_request", "prompt is not permitted"),
            (_claims(once, levels) is None, "invalid_request", "claims is not of the published form"),
        )
        return next(((error, sentence) for broken, error, sentence in rules if broken), None)

    def _interaction(self, request: Request) -> Answer:
        form = request.form()
        sealed = self._forms.open(form.get("request", ""))
        if sealed is None:
            return pages.trouble(self.profile.title, "Y000004", "La page est restée ouverte trop longtemps.")
        once: Mapping[str, str] = sealed["request"]
        account = self.profile.accounts.get(form.get("person", ""))
        if form.get("decision") != "continue" or account is None:
            return self._back(request, once, error="access_denied", error_description="user authentication aborted")
        levels = once.get("acr_values", "").split()
        wanted, required = _claims(once, levels) or ({}, frozenset())
        if required and not required.intersection(account.levels):
            return self._back(
                request, once, error="access_denied", error_description="requested ACRs could not be satisfied"
            )
        asked = [*sorted(required), *levels]
        level = next((one for one in asked if one in account.levels), account.levels[0])
        code = self._codes.seal(
            {
                "account": account.id,
                "client": once["client_id"],
                "redirect_uri": once["redirect_uri"],
                "scope": once["scope"],
                "nonce": once["nonce"],
                "acr": level,
                "amr": "amr" in (wanted.get("id_token") or {}),
                "id": secrets.token_hex(8),
            },
            seconds=CODE_SECONDS,
        )
        return self._back(request, once, code=code)

    def _back(self, request: Request, once: Mapping[str, str], **members: str) -> Answer:
        """Send the browser back to the service (OAuth 2.0 RFC 6749 4.1.2, `iss` of RFC 9207)."""
        if "state" in once:
            members["state"] = once["state"]
        if self.profile.returns_issuer:
            members["iss"] = self._issuer(request)
        joint = "&" if urlsplit(once["redirect_uri"]).query else "?"
        return redirect(once["redirect_uri"] + joint + urlencode(members))

    def _token(self, request: Request) -> Answer:
        form = request.form()
        client = self._clients.get(form.get("client_id", ""))
        if client is None or not self._proves(request, form, client):
            return _refusal(401, "invalid_client", "client authentication failed")
        if form.get("grant_type") != "authorization_code":
            return _refusal(400, "unsupported_grant_type", "unsupported grant_type requested")
        code = self._codes.open(form.get("code", ""))
        matches = code is not None and (code["client"], code["redirect_uri"]) == (
            form["client_id"],
            form.get("redirect_uri"),
        )
        if code is None or not matches or not self._first_use(code):
            return _refusal(400, "invalid_grant", "grant request is invalid")
        account = self.profile.accounts[code["account"]]
        members = {"account": account.id, "client": code["client"], "scope": code["scope"]}
        extra = {"nonce": code["nonce"], "acr": code["acr"], "auth_time": self._clock() // 1000}
        if code["amr"]:
            extra["amr"] = list(account.amr)
        body = {
            "access_token": self._tokens.seal(members, seconds=TOKEN_SECONDS),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self._signed(request, account, code["client"], extra),
            "scope": code["scope"],
        }
        return reply(200, body, headers=_NO_STORE)

    def _proves(self, request: Request, form: Mapping[str, str], client: Mapping[str, Any]) -> bool:
        """The client's secret, or a signature of its own (RFC 7523) that serves once."""
        if "jwks" not in client:
            return bool(client["secret"] == form.get("client_secret"))
        claims = asserted(form, client["jwks"], audience=self._issuer(request), now=self._clock())
        return claims is not None and self._first_use({"id": f"jti {claims['jti']}", "until": claims["exp"] * 1000})

    def _first_use(self, code: Mapping[str, Any]) -> bool:
        now = self._clock()
        self._used = {identifier: until for identifier, until in self._used.items() if now < until}
        first = code["id"] not in self._used
        self._used[code["id"]] = code["until"]
        return first

    def _userinfo(self, request: Request) -> Answer:
        members = self._tokens.open(request.bearer())
        if members is None:
            challenge = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
            body = {"error": "invalid_token", "error_description": "invalid token provided"}
            return reply(401, body, headers=challenge)
        account = self.profile.accounts[members["account"]]
        claims = self.profile.claims(account, members["scope"].split())
        token = self._signed(request, account, members["client"], claims)
        return reply(200, token.encode(), headers=_NO_STORE, content_type=b"application/jwt")

    def _signed(self, request: Request, account: Account, client: str, claims: Mapping[str, Any]) -> str:
        now = self._clock() // 1000
        registered = {
            "iss": self._issuer(request),
            "aud": client,
            "sub": self.profile.subject(account, client),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        token = jwt.encode({**registered, **claims}, self._key, algorithm="ES256", headers={"kid": self._kid})
        key = self._clients[client].get("encryption")
        return token if key is None else encrypted(token, key)

    def _end(self, request: Request) -> Answer:
        """RP-initiated logout: the three parameters are required, as the published documentation says."""
        once = {name: values[0] for name, values in request.parameters().items()}
        back, state = once.get("post_logout_redirect_uri", ""), once.get("state", "")
        try:
            claims = jwt.decode(
                once.get("id_token_hint", ""), self._key.public_key(), algorithms=["ES256"],
                options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            claims = {}
        if claims.get("aud") not in self._clients or not state or not permitted(back):
            return pages.trouble(self.profile.title, "Y000400", "La demande de déconnexion est incomplète ou inconnue.")
        joint = "&" if urlsplit(back).query else "?"
        return redirect(back + joint + urlencode({"state": state}))


def permitted(address: str) -> bool:
    """Whether the sandbox sends a browser there: this machine, or a name that exists nowhere (RFC 2606)."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    here = host in {"localhost", "127.0.0.1", "::1"}
    nowhere = parts.scheme == "https" and host.endswith(".example")
    return not parts.fragment and (nowhere or (here and parts.scheme in {"http", "https"}))


def _claims(once: Mapping[str, str], levels: Sequence[str]) -> tuple[Mapping[str, Any], frozenset[str]] | None:
    """The claims asked for and the levels without which the sign-in fails; None when the parameter is unreadable.

    Those levels are the ones of an essential `acr`, and then the ones of `acr_values` too.
    """
    try:
        claims: Mapping[str, Any] = json.loads(once.get("claims", "{}"))
        acr = (claims.get("id_token") or {}).get("acr") or {}
        if not acr.get("essential"):
            return claims, frozenset()
        values = [acr["value"]] if "value" in acr else list(acr.get("values", ()))
        return claims, frozenset([*values, *levels])
    except (ValueError, AttributeError, TypeError):
        return None


def _refusal(status: int, error: str, description: str) -> Answer:
    return reply(status, {"error": error, "error_description": description}, headers=_NO_STORE)
