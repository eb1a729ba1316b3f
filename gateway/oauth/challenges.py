"""What the API answers to a token it does not accept: one challenge per scheme (RFC 6750 §3, RFC 9449 §7.1).

BearerRefused
├── BearerMissing
├── BearerMalformed
├── BearerInvalid
│   └── Downgraded
├── ProofRefused
│   └── NonceWanted
├── ScopeInsufficient
└── LevelInsufficient

Every challenge names the metadata of the resource (RFC 9728 §5.1), so that a client finds who gives its tokens.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gateway.oauth.errors import FAULT_TEXTS, Fault, OAuthFailure
from gateway.oauth.jose import ALGORITHMS

BEARER, DPOP = "Bearer", "DPoP"


class BearerRefused(OAuthFailure):
    """The API refuses the access token; `challenges` go into WWW-Authenticate, `detail` to the log.

    `scheme` is the one the token was sent with (RFC 6750 §3, RFC 9449 §7.1).
    """

    code = "invalid_token"
    status = 401
    description = "the access token is not valid"

    def __init__(self, detail: str, *, scheme: str = BEARER) -> None:
        super().__init__(detail)
        self.detail = detail
        self.scheme = scheme

    def parameters(self) -> dict[str, str]:
        """What the challenge says of this refusal: our own words, never the caller's text."""
        return {"error": self.code, "error_description": self.description}

    def challenges(self, resource_metadata: str) -> tuple[str, ...]:
        """The challenges, each with the address of the resource's metadata (RFC 9728 §5.1)."""
        return (challenge(self.scheme, resource_metadata, self.parameters()),)


def challenge(scheme: str, resource_metadata: str, parameters: Mapping[str, str] = MappingProxyType({})) -> str:
    """One challenge of this scheme (RFC 9110 §11.6.1)."""
    named = {"realm": "passerelle", **parameters}
    if scheme == DPOP:
        named["algs"] = " ".join(ALGORITHMS)
    named["resource_metadata"] = resource_metadata
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in named.items())


class BearerMissing(BearerRefused):
    """No token was sent: RFC 6750 §3.1 wants bare challenges, one per scheme."""

    description = "an access token is required"

    def challenges(self, resource_metadata: str) -> tuple[str, ...]:
        """Both schemes, without an error."""
        return tuple(challenge(scheme, resource_metadata) for scheme in (DPOP, BEARER))


class BearerMalformed(BearerRefused):
    """Two Authorization headers, or not a token."""

    code = "invalid_request"
    status = 400
    description = "exactly one Authorization header with one token is expected"


class BearerInvalid(BearerRefused):
    """The token is forged, expired, for another audience or sender, or of a suspended partner."""


class Downgraded(BearerInvalid):
    """A token bound to a key was sent as a bearer token (RFC 9449 §7.2)."""

    description = "this token is bound to a key: send it with the DPoP scheme and a proof"

    def challenges(self, resource_metadata: str) -> tuple[str, ...]:
        """The refusal in the scheme that was used, and the one to use."""
        return (*super().challenges(resource_metadata), challenge(DPOP, resource_metadata))


class ProofRefused(BearerRefused):
    """The DPoP proof is missing or breaks a rule (RFC 9449 §7.1)."""

    code = "invalid_dpop_proof"

    def __init__(self, fault: Fault | None) -> None:
        super().__init__("proof_missing" if fault is None else f"dpop.{fault}", scheme=DPOP)
        self.description = "a DPoP proof is required" if fault is None else FAULT_TEXTS[fault]


class NonceWanted(ProofRefused):
    """The proof must hold the nonce that goes with this answer (RFC 9449 §9)."""

    code = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__(Fault.NONCE)
        self.headers = {"DPoP-Nonce": nonce}


class ScopeInsufficient(BearerRefused):
    """The token is good but does not carry what this request needs."""

    code = "insufficient_scope"
    status = 403
    description = "the access token does not carry a required scope"

    def __init__(self, required: frozenset[str], *, scheme: str = BEARER) -> None:
        super().__init__("scope", scheme=scheme)
        self.required = required

    def parameters(self) -> dict[str, str]:
        """Names what the request needs."""
        return super().parameters() | {"scope": " ".join(sorted(self.required))}


class LevelInsufficient(BearerRefused):
    """The person behind the token must sign in again, more strongly or more recently (RFC 9470 §3).

    `members` go into the problem, beside the challenge.
    """

    code = "insufficient_user_authentication"
    description = "a stronger or more recent sign-in is required"

    def __init__(
        self, acr_values: Sequence[str] = (), *, max_age: int | None = None, scheme: str = BEARER, **members: Any
    ) -> None:
        super().__init__("level", scheme=scheme)
        self.acr_values = tuple(acr_values)
        self.max_age = max_age
        self.members = members

    def parameters(self) -> dict[str, str]:
        """Names what would do, the least first."""
        wanted = {"acr_values": " ".join(self.acr_values)} if self.acr_values else {}
        aged = {} if self.max_age is None else {"max_age": str(self.max_age)}
        return super().parameters() | wanted | aged
