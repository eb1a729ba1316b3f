"""What the authorization server is made of; the composition root builds one and gives it to the routes."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.limits import Limits
from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.identity_issuers import IdentityIssuers
from gateway.oauth.jwks import Jwk
from gateway.oauth.keys import TokenKeys
from gateway.oauth.ledger import Ledger
from gateway.oauth.partners import Partners
from gateway.oauth.possession import Possession
from gateway.oauth.replay import UsedTokens
from gateway.oauth.revocation import RevokedTokens

if TYPE_CHECKING:
    from gateway.oauth.presence import Presence

MAX_LIFETIME = 300
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


def random_token_id() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """Names, keys and memory of one authorization server.

    `issuer` is the public address (scheme and host, a path if any, no trailing slash); `resource` the
    identifier of the gateway as an audience of its tokens.
    """

    issuer: str
    resource: str
    keys: TokenKeys
    partners: Partners
    used: UsedTokens
    revoked: RevokedTokens
    ledger: Ledger
    clock: Callable[[], int]  # milliseconds UTC, read once per request
    lifetime: int = MAX_LIFETIME
    limits: Limits = field(default_factory=Limits)
    issuers: IdentityIssuers = field(default_factory=IdentityIssuers)
    scopes_supported: tuple[str, ...] = ()
    new_token_id: Callable[[], str] = random_token_id
    senders: Possession | None = None
    """How requests show whom a token is bound to; without certificates and nonces when not given."""
    mtls_url: str = ""
    """Where the same endpoints ask for client certificates, when that is another address."""
    other_keys: Callable[[], list[Jwk]] = list
    """Keys published beside those of tokens, which sign other things of this issuer: never accepted for a token."""
    presence: "Presence | None" = None
    """The person-present flow, where there is one."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        if not secure or not parts.netloc or parts.query or parts.fragment or self.issuer.endswith("/"):
            raise OAuthMisconfigured("the issuer must be an https address without query, fragment or final slash")
        if not 1 <= self.lifetime <= MAX_LIFETIME:
            raise OAuthMisconfigured(f"access tokens live 1 to {MAX_LIFETIME} seconds")

    @property
    def possession(self) -> Possession:
        """What steps use."""
        return self.senders or Possession(address=self.issuer, used=self.used)

    @property
    def token_endpoint(self) -> str:
        """Address of the token endpoint."""
        return f"{self.issuer}/oauth/token"

    @property
    def authorization_endpoint(self) -> str:
        """Where a partner's site sends a person."""
        return f"{self.issuer}/oauth/authorize"

    @property
    def pushed_endpoint(self) -> str:
        """Where a partner says beforehand what it will ask (RFC 9126)."""
        return f"{self.issuer}/oauth/par"

    @property
    def jwks_uri(self) -> str:
        """Address of the public keys."""
        return f"{self.issuer}/oauth/jwks"

    @property
    def metadata_path(self) -> str:
        """Path of the metadata: a path of the issuer comes after the well-known part (RFC 8414 §3.1)."""
        return f"/.well-known/oauth-authorization-server{urlsplit(self.issuer).path}"
