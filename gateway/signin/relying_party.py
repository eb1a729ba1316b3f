"""One provider, as its relying party sees it: OpenID Connect Core 1.0, authorization code flow.

Answers for: the address a browser is sent to, what it brings back, the code, the tokens, the way out. In order:

 1  nothing but what the provider may send, each parameter once (RFC 6749 §4.1.2)
 2  `iss` is this provider's, before anything else is believed (RFC 9207: two providers make mix-up real)
 3  the provider's refusal, as one of our own words
 4  the code, exchanged once, with the client's own proof
 5  the id_token (`tokens.py`), required
 6  userinfo, signed, of the same person

Refuses to send a parameter a provider does not list: FranceConnect answers those with an error, PKCE included, hence a
switch. Refuses to keep a token: the id_token alone, for the way out.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from gateway.oauth.client import make_assertion
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.signin import tokens
from gateway.signin.errors import Fault, SigninRefused
from gateway.signin.metadata import Metadata, Publications
from gateway.signin.outbound import Outbound
from gateway.signin.pending import new_value
from gateway.signin.providers import Level, Provider
from gateway.signin.tokens import Asked

_RETURNED = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "session_state"})
_DECLINED = frozenset({"access_denied", "interaction_required", "login_required", "consent_required"})
_LONGEST_CODE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who signed in, as the provider says. `claims` are those of the userinfo; seconds for `auth_time`."""

    provider: Provider
    sub: str = field(repr=False)
    level: Level
    strong: bool
    auth_time: int | None
    claims: Mapping[str, Any] = field(repr=False)
    id_token: str = field(repr=False)


class RelyingParty:
    """What is done with one provider. `back` is its own redirect URI, `out` where the way out ends."""

    def __init__(
        self, provider: Provider, outbound: Outbound, *, back: str, out: str, clock: Callable[[], int]
    ) -> None:
        self.provider = provider
        self._outbound = outbound
        self._back = back
        self._out = out
        self._clock = clock
        self._published = Publications(provider, outbound, clock)

    def ask(self, *, strong: bool, fresh: bool) -> dict[str, Any]:
        """What to remember of a sign-in that begins: nonce, verifier, levels, date."""
        levels = self.provider.strong() if strong else self.provider.levels[self.provider.least :]
        if not levels:
            raise SigninRefused(Fault.SECOND_FACTOR)
        return {
            "provider": self.provider.id,
            "nonce": new_value(),
            "verifier": secrets.token_urlsafe(48) if self.provider.pkce else "",
            "least": self.provider.rank(levels[0].acr),
            "strong": strong,
            "fresh": fresh,
            "begun": self._clock() // 1000,
        }

    async def authorization(self, state: str, asked: Mapping[str, Any]) -> str:
        """The address to send the browser to; raises `SigninRefused` when the provider cannot be reached."""
        metadata = await self._published.metadata()
        provider = self.provider
        query = {
            "client_id": provider.client_id,
            "redirect_uri": self._back,
            "response_type": "code",
            "scope": provider.scope,
            "state": state,
            "nonce": asked["nonce"],
        }
        if asked["fresh"]:
            query["prompt"] = "login"
        levels = provider.strong() if asked["strong"] else (provider.levels[provider.least],)
        if provider.profile.by_parameter:
            query["acr_values"] = levels[0].acr
        elif wanted := _claims(provider, levels if asked["strong"] else ()):
            query["claims"] = orjson.dumps({"id_token": wanted}).decode()
        if provider.pkce:
            digest = hashlib.sha256(asked["verifier"].encode()).digest()
            query["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            query["code_challenge_method"] = "S256"
        return _joined(metadata.authorization, query)

    async def complete(self, asked: Mapping[str, Any], returned: Mapping[str, str]) -> SignedIn:
        """Turn what the browser brought back into who signed in, or raise `SigninRefused`."""
        metadata = await self._published.metadata()
        if not returned.keys() <= _RETURNED:  # 1
            raise SigninRefused(Fault.RESPONSE_INVALID)
        issuer = returned.get("iss")  # 2
        if issuer is None and metadata.returns_issuer:
            raise SigninRefused(Fault.ISSUER_MISSING)
        if issuer is not None and issuer != self.provider.issuer:
            raise SigninRefused(Fault.ISSUER_MISMATCH)
        if "error" in returned:  # 3
            raise SigninRefused(Fault.DECLINED if returned["error"] in _DECLINED else Fault.PROVIDER_ERROR)
        code = returned.get("code", "")
        if not 1 <= len(code) <= _LONGEST_CODE or not code.isascii() or not code.isprintable():
            raise SigninRefused(Fault.RESPONSE_INVALID)
        answer = await self._exchange(metadata, code, asked)  # 4
        access_token, token = answer["access_token"], answer.get("id_token")
        expected = Asked(nonce=asked["nonce"], least=asked["least"], fresh=asked["fresh"], begun=asked["begun"])
        signed = await tokens.id_token(  # 5
            token, self.provider, self._published, asked=expected, access_token=access_token, now=self._clock()
        )
        claims = await self._userinfo(metadata, access_token, signed.sub)  # 6
        return SignedIn(
            provider=self.provider,
            sub=signed.sub,
            level=signed.level,
            strong=signed.strong,
            auth_time=signed.auth_time,
            claims=claims,
            id_token=str(token),
        )

    async def way_out(self, id_token: str, state: str) -> str | None:
        """Where the session at the provider ends (RP-Initiated Logout 1.0), None when it has no such place."""
        metadata = await self._published.metadata()
        if metadata.end_session is None:
            return None
        query = {"id_token_hint": id_token, "state": state, "post_logout_redirect_uri": self._out}
        return _joined(metadata.end_session, query)

    async def _exchange(self, metadata: Metadata, code: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self.provider.client_id,
        }
        if self.provider.pkce:
            form["code_verifier"] = asked["verifier"]
        if self.provider.key is not None:
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = make_assertion(
                self.provider.key,
                client_id=self.provider.client_id,
                issuer=self.provider.issuer,
                now=self._clock(),
            )
        elif self.provider.secret is not None:
            form["client_secret"] = self.provider.secret
        answer = (await self._outbound.post(metadata.token, form)).json(Fault.EXCHANGE_REFUSED)
        access_token = answer.get("access_token")
        bearer = str(answer.get("token_type")).lower() == "bearer"
        if not bearer or not isinstance(access_token, str) or not _is_token(access_token):
            raise SigninRefused(Fault.TOKENS_INVALID)
        return answer

    async def _userinfo(self, metadata: Metadata, access_token: str, sub: str) -> Mapping[str, Any]:
        answer = await self._outbound.get(metadata.userinfo, bearer=access_token)
        if answer.status != 200:
            raise SigninRefused(Fault.EXCHANGE_REFUSED)
        if answer.kind != "application/jwt":
            raise SigninRefused(Fault.USERINFO_UNSIGNED)
        token = answer.body.decode("ascii", "replace").strip()
        return await tokens.userinfo(token, self.provider, self._published, sub=sub, now=self._clock())


def _claims(provider: Provider, levels: tuple[Level, ...]) -> dict[str, Any]:
    """What is asked of the id_token (OpenID Connect Core 1.0 §5.5)."""
    wanted: dict[str, Any] = {"amr": {"essential": True}} if provider.profile.methods else {}
    if levels:
        wanted["acr"] = {"essential": True, "values": [level.acr for level in levels]}
    return wanted


def _joined(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def _is_token(value: str) -> bool:
    """What a header takes (RFC 6750 §2.1)."""
    return 1 <= len(value) <= 8_192 and all("!" <= each <= "~" for each in value)
