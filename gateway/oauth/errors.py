"""Everything the OAuth package refuses, each with a stable code, a fixed client text and an operator's detail.

OAuthFailure
├── TokenRequestRefused      the token endpoint answers it in the form of RFC 6749 §5.2
├── JwtRefused               a JWT broke a rule; the endpoint turns it into one of the others
├── CertificateRefused       a client certificate broke a rule; idem
├── IdUsed                   a one-time id was used before; idem
├── EndedBefore              what was to be ended was over already; idem
├── BearerRefused            the API answers it with a challenge: these are in `challenges.py`
├── PartnerRefused           a registration that cannot be made
│   ├── PartnerInvalid
│   ├── PartnerExists
│   ├── PartnerChanged
│   └── PartnerUnknown
├── FlowUnknown              a person's way from a partner's site cannot go on; a page says so
└── OAuthMisconfigured       issuer, lifetime or key file that cannot be used; stops the start

No text here is ever built from what a caller sent.
"""

from dataclasses import dataclass
from enum import StrEnum


class OAuthFailure(Exception):  # noqa: N818  style.md names errors after what happened
    """Base of everything this package raises."""

    code = "oauth_failure"


class FlowUnknown(OAuthFailure):
    """The flow is over, was answered, or is somebody else's."""

    code = "flow_unknown"


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
    REVOKED = "revoked"
    MAY_ACT = "may_act"
    CHAIN = "chain"
    LEVEL = "level"
    ORGANISATION = "organisation"
    CONFIRMATION = "confirmation"
    SEVERAL = "several"
    PROOF_KEY = "proof_key"
    METHOD = "method"
    ADDRESS = "address"
    STALE = "stale"
    TOKEN_HASH = "token_hash"  # noqa: S105
    NONCE = "nonce"


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
    Fault.AUDIENCE: "aud must be the issuer of this server (of an id_token: your client id), as one string",
    Fault.DATES: "exp is required; exp, iat, nbf and auth_time must be integers",
    Fault.EXPIRED: "exp is past",
    Fault.TOO_LONG: "exp is too far in the future",
    Fault.FUTURE: "iat, nbf or auth_time is in the future",
    Fault.TOKEN_ID: "jti must be a string of 1 to 256 characters",
    Fault.CLIENT_ID: "the client_id parameter names another client",
    Fault.AUTHORIZED_PARTY: "azp must be the client",
    Fault.PROFESSIONAL: "sub, family_name, given_name, role or acr is missing or not usable",
    Fault.REPLAYED: "this jti was already used",
    Fault.REVOKED: "it was taken back",
    Fault.MAY_ACT: "may_act must name one partner, the one that exchanges the token",
    Fault.CHAIN: "too many act one for the other, or one of them twice",
    Fault.LEVEL: "acr or amr is not among those accepted",
    Fault.ORGANISATION: "siret is not that of the client",
    Fault.CONFIRMATION: "cnf names another key than the one this request proves",
    Fault.SEVERAL: "exactly one proof is expected",
    Fault.PROOF_KEY: "jwk must be a public key: P-256, Ed25519, or RSA of 2048 to 4096 bits",
    Fault.METHOD: "htm is not the method of this request",
    Fault.ADDRESS: "htu is not the public address of this resource",
    Fault.STALE: "iat is more than 60 seconds ago",
    Fault.TOKEN_HASH: "ath is not the digest of the access token",
    Fault.NONCE: "a nonce of this server is required",
}


class CertificateRefused(OAuthFailure):
    """A client certificate broke a rule; `detail` is for the log."""

    code = "certificate_refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class JwtRefused(OAuthFailure):
    """A JWT broke a rule."""

    code = "jwt_refused"

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class IdUsed(OAuthFailure):
    """The one-time id of what came in this parameter was used before."""

    code = "id_used"

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class EndedBefore(OAuthFailure):
    """A second revocation of the same token: nothing is written."""

    code = "ended_before"


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
    "proof_missing": Refusal("invalid_dpop_proof", 400, "this client is registered for DPoP: a proof is required"),
    "nonce": Refusal("use_dpop_nonce", 400, "the proof must hold the nonce of the DPoP-Nonce header"),
    "certificate_missing": Refusal(
        "invalid_client", 401, "this client is registered for mTLS: a certificate is required"
    ),
    "certificate": Refusal("invalid_client", 401, "the certificate is not one of this client"),
    "code_missing": Refusal("invalid_request", 400, "code is missing"),
    "code": Refusal("invalid_grant", 400, "this code is not valid for this client"),
    "code_used": Refusal("invalid_grant", 400, "this code was already used: what it gave is taken back"),
    "code_redirect_uri": Refusal("invalid_grant", 400, "redirect_uri is not the one of the request"),
    "code_verifier": Refusal("invalid_grant", 400, "code_verifier is missing or does not fit the challenge"),
    "code_key": Refusal("invalid_grant", 400, "this code is bound to another DPoP key"),
    "code_withdrawn": Refusal("invalid_grant", 400, "the authorisation does not stand any more"),
    "pushed_request": Refusal("request_not_supported", 400, "request objects are not supported"),
    "pushed_request_uri": Refusal("invalid_request", 400, "request_uri cannot be pushed"),
    "response_type": Refusal("unsupported_response_type", 400, "response_type must be code"),
    "response_mode": Refusal("invalid_request", 400, "response_mode must be query"),
    "no_redirect_uri": Refusal("unauthorized_client", 400, "no redirect_uri is part of this registration"),
    "redirect_uri": Refusal("invalid_request", 400, "redirect_uri is not part of this registration"),
    "state": Refusal("invalid_request", 400, "state must be at most 512 printable ASCII characters"),
    "dpop_jkt": Refusal("invalid_request", 400, "dpop_jkt is not the thumbprint of the key"),
    "challenge": Refusal("invalid_request", 400, "code_challenge is missing or not 43 base64url characters"),
    "challenge_method": Refusal("invalid_request", 400, "code_challenge_method must be S256"),
    "details_missing": Refusal("invalid_request", 400, "authorization_details is missing"),
    "details_form": Refusal("invalid_authorization_details", 400, "not a JSON list of one object"),
    "details_type": Refusal("invalid_authorization_details", 400, "unknown type, or a member this type does not have"),
    "details_purpose": Refusal("invalid_authorization_details", 400, "this purpose is not open to this client"),
    "details_fields": Refusal("invalid_authorization_details", 400, "fields are not open to this client and purpose"),
    "details_duration": Refusal("invalid_authorization_details", 400, "duration must be P1D to the catalogue's own"),
    "details_scope": Refusal("invalid_scope", 400, "scope must name the datasets asked for, each registered"),
    "token_missing": Refusal("invalid_request", 400, "token is missing"),
    "token_type": Refusal("unsupported_token_type", 400, "only access tokens of this server can be revoked"),
    "ended": Refusal("invalid_request", 400, "the client, or the token it exchanges, was taken back meanwhile"),
    "rate_address": Refusal("temporarily_unavailable", 429, "too many requests from this address: see Retry-After"),
    "rate_client": Refusal("temporarily_unavailable", 429, "too many requests of this client: see Retry-After"),
    "locked": Refusal("temporarily_unavailable", 429, "too many wrong signatures from this address: see Retry-After"),
    "store": Refusal("temporarily_unavailable", 503, "try again in a moment"),
    "server": Refusal("server_error", 500, "unexpected error"),
}

# RFC 7521 §4.2.1 and RFC 8693 §2.2.2 name the error of each bad token.
TOKEN_REFUSALS: dict[str, tuple[str, int]] = {
    "client_assertion": ("invalid_client", 401),
    "subject_token": ("invalid_request", 400),
    "dpop": ("invalid_dpop_proof", 400),
}


class TokenRequestRefused(OAuthFailure):
    """A request to the token endpoint is refused; `code` is the RFC's error, `detail` is for the log."""

    def __init__(self, detail: str, refusal: Refusal) -> None:
        super().__init__(detail)
        self.detail = detail
        self.refusal = refusal
        self.code = refusal.error

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.refusal.status

    @property
    def replay(self) -> bool:
        """Whether something came a second time: then the sender need not be who signed it."""
        return self.detail.endswith(f".{Fault.REPLAYED}")


def refused(detail: str, more: str = "") -> TokenRequestRefused:
    """The refusal that stands under `detail` in the table; `more` is for the log."""
    return TokenRequestRefused(f"{detail}.{more}" if more else detail, REFUSALS[detail])


def token_refused(parameter: str, fault: Fault) -> TokenRequestRefused:
    """The refusal of the JWT sent as `parameter` for this fault."""
    error, status = TOKEN_REFUSALS[parameter]
    return TokenRequestRefused(f"{parameter}.{fault}", Refusal(error, status, f"{parameter}: {FAULT_TEXTS[fault]}"))


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


class PartnerChanged(PartnerRefused):
    """Somebody else changed the registration at this moment."""

    code = "partner_changed"


class PartnerUnknown(PartnerRefused):
    """No partner of this id is registered."""

    code = "partner_unknown"
