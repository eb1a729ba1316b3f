"""Everything the OAuth package refuses, each with a stable code, a fixed client text and an operator's detail.

OAuthFailure
├── TokenRequestRefused      the token endpoint answers it in the form of RFC 6749 §5.2
├── JwtRefused               a JWT broke a rule; the endpoint turns it into one of the others
├── BearerRefused            the API answers it with a challenge of RFC 6750 §3
│   ├── BearerMissing
│   ├── BearerMalformed
│   ├── BearerInvalid
│   └── ScopeInsufficient
├── PartnerRefused           a registration that cannot be made
│   ├── PartnerInvalid
│   ├── PartnerExists
│   └── PartnerUnknown
└── OAuthMisconfigured       issuer, lifetime or key file that cannot be used; stops the start

No text here is ever built from what a caller sent.
"""

from dataclasses import dataclass
from enum import StrEnum


class OAuthFailure(Exception):  # noqa: N818  style.md names errors after what happened
    """Base of everything this package raises."""

    code = "oauth_failure"


class OAuthMisconfigured(OAuthFailure):
    """The server cannot start with these settings or key files."""

    code = "oauth_misconfigured"


class Fault(StrEnum):
    """What can be wrong with a JWT; the operator's detail is `<which token>.<fault>`."""

    SIZE = "size"
    FORM = "form"
    ALGORITHM = "algorithm"
    CRITICAL = "critical"
    TYPE = "type"
    KEY_ID = "key_id"
    ISSUER = "issuer"
    KEY = "key"
    SIGNATURE = "signature"
    SUSPENDED = "suspended"
    PARTIES = "parties"
    AUDIENCE = "audience"
    DATES = "dates"
    EXPIRED = "expired"
    TOO_LONG = "too_long"
    FUTURE = "future"
    TOKEN_ID = "token_id"  # noqa: S105
    CLIENT_ID = "client_id"
    AUTHORIZED_PARTY = "authorized_party"
    PROFESSIONAL = "professional"
    REPLAYED = "replayed"


_NOT_ACCEPTED = "not accepted for this client"  # the same for an unknown client, an unknown key, a bad signature

FAULT_TEXTS: dict[Fault, str] = {
    Fault.SIZE: "longer than 16384 characters",
    Fault.FORM: "not a JWT of three base64url segments with JSON objects",
    Fault.ALGORITHM: "alg must be ES256, PS256 or EdDSA",
    Fault.CRITICAL: "crit and b64 are not supported",
    Fault.TYPE: "this typ is not accepted here",
    Fault.KEY_ID: "kid is missing from the header",
    Fault.ISSUER: _NOT_ACCEPTED,
    Fault.KEY: _NOT_ACCEPTED,
    Fault.SIGNATURE: _NOT_ACCEPTED,
    Fault.SUSPENDED: "this client is suspended",
    Fault.PARTIES: "iss and sub do not name the expected parties",
    Fault.AUDIENCE: "aud must be the issuer of this server, as one string",
    Fault.DATES: "exp is required; exp, iat, nbf and auth_time must be integers",
    Fault.EXPIRED: "exp is past",
    Fault.TOO_LONG: "exp is too far in the future",
    Fault.FUTURE: "iat, nbf or auth_time is in the future",
    Fault.TOKEN_ID: "jti must be a string of 1 to 256 characters",
    Fault.CLIENT_ID: "the client_id parameter names another client",
    Fault.AUTHORIZED_PARTY: "azp must be the client",
    Fault.PROFESSIONAL: "sub, family_name, given_name, role or acr is missing or not usable",
    Fault.REPLAYED: "this jti was already used",
}


class JwtRefused(OAuthFailure):
    """A JWT broke a rule."""

    code = "jwt_refused"

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the table: what the client reads."""

    error: str
    status: int
    description: str


REFUSALS: dict[str, Refusal] = {
    "method": Refusal("invalid_request", 405, "use POST"),
    "content_type": Refusal("invalid_request", 400, "Content-Type must be application/x-www-form-urlencoded"),
    "body_size": Refusal("invalid_request", 413, "the body is longer than 65536 bytes"),
    "query_string": Refusal("invalid_request", 400, "parameters belong in the body, never in the address"),
    "form": Refusal("invalid_request", 400, "the body is not a well-formed form"),
    "duplicate": Refusal("invalid_request", 400, "a parameter was sent more than once"),
    "two_methods": Refusal("invalid_request", 400, "more than one client authentication method"),
    "no_authentication": Refusal("invalid_client", 401, "client authentication is missing: use private_key_jwt"),
    "other_method": Refusal("invalid_client", 401, "only private_key_jwt is supported"),
    "assertion_type": Refusal("invalid_client", 401, "client_assertion_type is missing or not supported"),
    "grant_missing": Refusal("invalid_request", 400, "grant_type is missing"),
    "grant": Refusal("unsupported_grant_type", 400, "this grant_type is not supported"),
    "target": Refusal("invalid_target", 400, "resource and audience can only name this gateway"),
    "scope_missing": Refusal("invalid_scope", 400, "scope is required: name each one exactly"),
    "scope_form": Refusal("invalid_scope", 400, "scope must be distinct names separated by one space"),
    "scope": Refusal("invalid_scope", 400, "a scope is not part of this registration"),
    "subject_token_missing": Refusal("invalid_request", 400, "subject_token is missing"),
    "subject_token_type": Refusal("invalid_request", 400, "this subject_token_type is not supported"),
    "requested_token_type": Refusal("invalid_request", 400, "this requested_token_type is not supported"),
    "actor_token": Refusal("invalid_request", 400, "actor_token is not supported: the client is the actor"),
    "store": Refusal("temporarily_unavailable", 503, "try again in a moment"),
    "server": Refusal("server_error", 500, "unexpected error"),
}

# RFC 7521 §4.2.1 and RFC 8693 §2.2.2 name the error of each bad token.
TOKEN_REFUSALS: dict[str, tuple[str, int]] = {
    "client_assertion": ("invalid_client", 401),
    "subject_token": ("invalid_request", 400),
}


class TokenRequestRefused(OAuthFailure):
    """A request to the token endpoint is refused; `code` is the RFC's error, `detail` is for the log."""

    def __init__(self, detail: str, refusal: Refusal) -> None:
        super().__init__(detail)
        self.detail = detail
        self.refusal = refusal
        self.code = refusal.error


def refused(detail: str) -> TokenRequestRefused:
    """The refusal that stands under `detail` in the table."""
    return TokenRequestRefused(detail, REFUSALS[detail])


def token_refused(parameter: str, fault: Fault) -> TokenRequestRefused:
    """The refusal of the JWT sent as `parameter` for this fault."""
    error, status = TOKEN_REFUSALS[parameter]
    return TokenRequestRefused(f"{parameter}.{fault}", Refusal(error, status, f"{parameter}: {FAULT_TEXTS[fault]}"))


class BearerRefused(OAuthFailure):
    """The API refuses the access token; `challenge` goes into WWW-Authenticate, `detail` to the log."""

    code = "invalid_token"
    status = 401
    description = "the access token is not valid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def challenge(self) -> str:
        """The challenge of RFC 6750 §3. The resource_metadata member of RFC 9728 will stand here."""
        return f'Bearer realm="passerelle", error="{self.code}", error_description="{self.description}"'


class BearerMissing(BearerRefused):
    """No token was sent: RFC 6750 §3.1 wants the bare challenge."""

    description = "an access token is required"

    @property
    def challenge(self) -> str:
        """The challenge without an error member."""
        return 'Bearer realm="passerelle"'


class BearerMalformed(BearerRefused):
    """Two Authorization headers, another scheme, or not a token."""

    code = "invalid_request"
    status = 400
    description = "exactly one Authorization header with one Bearer token is expected"


class BearerInvalid(BearerRefused):
    """The token is forged, expired, for another audience, or of a suspended partner."""


class ScopeInsufficient(BearerRefused):
    """The token is good but does not carry what this request needs."""

    code = "insufficient_scope"
    status = 403
    description = "the access token does not carry a required scope"

    def __init__(self, required: frozenset[str]) -> None:
        super().__init__("scope")
        self.required = required

    @property
    def challenge(self) -> str:
        """The challenge, naming what the request needs (our own scope names, never the caller's text)."""
        return f'{super().challenge}, scope="{" ".join(sorted(self.required))}"'


class PartnerRefused(OAuthFailure):
    """A registration that cannot be made."""

    code = "partner_refused"


class PartnerInvalid(PartnerRefused):
    """A member of the registration breaks its rule; `member` names it, `reason` says what to change."""

    code = "partner_invalid"

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member}: {reason}")
        self.member = member
        self.reason = reason


class PartnerExists(PartnerRefused):
    """A partner of this id, or of this SIRET, is already registered."""

    code = "partner_exists"


class PartnerUnknown(PartnerRefused):
    """No partner of this id is registered."""

    code = "partner_unknown"
