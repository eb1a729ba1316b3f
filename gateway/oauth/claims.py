"""Rules for the claims of a one-time assertion, shared by client assertions and professional assertions.

Dates are integers of seconds (RFC 7519 §2 allows fractions, nothing needs them): a boolean, a string, a
fraction or an infinity is refused before it is compared with anything.
"""

from collections.abc import Mapping
from typing import Any

from gateway.oauth.errors import Fault, JwtRefused

CLOCK_SKEW_SECONDS = 60
MAX_TOKEN_ID = 256

Claims = Mapping[str, Any]


def check_parties(claims: Claims, *, client_id: str, issuer: str) -> None:
    """The client speaks (iss), and to this server only (aud as one string, FAPI 2.0 §5.3.2.1)."""
    if claims.get("iss") != client_id:
        raise JwtRefused(Fault.PARTIES)
    if claims.get("aud") != issuer:
        raise JwtRefused(Fault.AUDIENCE)


def check_dates(claims: Claims, *, now_seconds: int, longest: int) -> int:
    """The token lives now and at most `longest` seconds from now; returns its exp."""
    dates = {name: claims[name] for name in ("exp", "iat", "nbf", "auth_time") if name in claims}
    if "exp" not in dates or any(type(date) is not int for date in dates.values()):
        raise JwtRefused(Fault.DATES)
    exp: int = dates.pop("exp")
    if exp <= now_seconds:
        raise JwtRefused(Fault.EXPIRED)
    if exp > now_seconds + longest:
        raise JwtRefused(Fault.TOO_LONG)
    if any(date > now_seconds + CLOCK_SKEW_SECONDS for date in dates.values()):
        raise JwtRefused(Fault.FUTURE)
    if dates.get("auth_time", 0) < 0:  # the one that goes on into a token, which holds no number without end
        raise JwtRefused(Fault.DATES)
    return exp


def check_confirmation(claims: Claims, confirmation: Mapping[str, str]) -> None:
    """A token that is bound already is of use to its sender only (RFC 9449 §6, RFC 8705 §3.1)."""
    bound = claims.get("cnf")
    if "cnf" in claims and (
        not isinstance(bound, dict) or not bound or any(confirmation.get(name) != bound[name] for name in bound)
    ):
        raise JwtRefused(Fault.CONFIRMATION)


def token_id(claims: Claims) -> str:
    """The jti that makes the token usable once."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_TOKEN_ID:
        raise JwtRefused(Fault.TOKEN_ID)
    return jti
