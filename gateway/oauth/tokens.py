"""Access tokens: JWTs of RFC 9068, ES256, at most five minutes, for one audience.

A machine token names the partner as sub. A token got by exchange names the professional as sub, scoped by the
partner (`<partner>:<id at the partner>`, a partner id holds no colon), and the partner as act.sub. A token got with a
code names the person by the partner's own pseudonym for them, and the authorisation (`authorization_details`).
A token carries the professional's name because France Travail wants it on each call: never log a token.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gateway.oauth import jose, keys
from gateway.oauth.ledger import Issued
from gateway.oauth.revocation import TokenRef, partner_name, token_name
from gateway.oauth.server import AuthorizationServer

if TYPE_CHECKING:
    from gateway.oauth.presence import Present

TYPE = "at+jwt"
MAX_CHAIN = 3
"""How many partners may act one for the other (RFC 8693 §4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Professional:
    """The human behind a request, as the partner names them. Nothing of it may reach a log."""

    id: str = field(repr=False)
    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    role: str | None = field(default=None, repr=False)
    acr: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A professional, when they signed in, and how the client came to act for them.

    `chain` are the partners that acted before, the last one vouching; none when the client vouches itself. `prior` are
    the names of the tokens this one is got with, `until` (ms) is when it must end. `may_act` is who may go on.
    """

    professional: Professional
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    prior: tuple[str, ...] = ()
    until: int | None = None
    may_act: str | None = None

    def vouching(self, client_id: str) -> str:
        """The partner the professional is one of."""
        return self.chain[-1] if self.chain else client_id


def issue(
    server: AuthorizationServer,
    *,
    client_id: str,
    scopes: Collection[str],
    delegation: Delegation | None,
    confirmation: Mapping[str, str] = MappingProxyType({}),
    present: "Present | None" = None,
    token_id: str | None = None,
    now: int,
) -> Issued:
    """Sign an access token for this client, and for this professional or this person if there is one.

    `confirmation` binds it: jkt to the key of a proof (RFC 9449 §6.1), x5t#S256 to a certificate (RFC 8705 §3.1).
    """
    issued_at, token_id = now // 1000, token_id or server.new_token_id()
    expires_at = issued_at + server.lifetime
    if delegation is not None and delegation.until is not None:
        expires_at = min(expires_at, delegation.until // 1000)
    claims: dict[str, Any] = {
        "iss": server.issuer,
        "aud": server.resource,
        "sub": client_id,
        "client_id": client_id,
        "scope": " ".join(sorted(scopes)),
        "jti": token_id,
        "iat": issued_at,
        "exp": expires_at,
    }
    if delegation is not None:
        claims |= _delegated(delegation, client_id)
    if confirmation:
        claims["cnf"] = dict(confirmation)
    if present is not None:
        claims |= _present(present)
    signing = server.keys.signing
    header = {"typ": TYPE, "alg": keys.ALGORITHM, "kid": signing.kid}
    return Issued(
        jwt=jose.sign(claims, header=header, key=signing.private),
        ref=_ref(token_id, client_id, delegation, issued_at),
        scopes=frozenset(scopes),
        binding="dpop" if "jkt" in confirmation else "mtls" if confirmation else "bearer",
        expires_at=expires_at * 1000,
        authorisation=None if present is None else present.authorisation,
        actor=None if delegation is None else (delegation.vouching(client_id), delegation.professional.id),
        through=() if delegation is None else delegation.chain,
    )


def _ref(token_id: str, client_id: str, delegation: Delegation | None, issued_at: int) -> TokenRef:
    prior, chain = ((), ()) if delegation is None else (delegation.prior, delegation.chain)
    partners = map(partner_name, (client_id, *chain))
    return TokenRef((token_name(token_id), *prior, *partners), issued_at * 1000)


def _delegated(delegation: Delegation, client_id: str) -> dict[str, Any]:
    who = delegation.professional
    optional = {
        "role": who.role,
        "acr": who.acr,
        "auth_time": delegation.auth_time,
        "amr": list(delegation.amr) or None,
        "may_act": {"sub": delegation.may_act} if delegation.may_act else None,
        "prior": list(delegation.prior) or None,
    }
    act: dict[str, Any] = {}
    for partner in reversed((client_id, *delegation.chain)):
        act = {"sub": partner, "act": act} if act else {"sub": partner}
    return {
        "sub": f"{delegation.vouching(client_id)}:{who.id}",
        "act": act,
        "family_name": who.family_name,
        "given_name": who.given_name,
    } | {name: value for name, value in optional.items() if value is not None}


def _present(present: "Present") -> dict[str, Any]:
    """The person as this partner knows them, and what they gave (RFC 9396 §9.1); nothing else of them."""
    optional = {"acr": present.acr, "auth_time": present.auth_time}
    return {"sub": present.pseudonym, "authorization_details": present.details()} | {
        name: value for name, value in optional.items() if value is not None
    }
