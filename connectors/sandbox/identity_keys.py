"""Keys of the services that sign in through the simulated providers: their assertions, and tokens encrypted for them.

Norms: RFC 7523 (private_key_jwt), RFC 7516 (JWE compact; ECDH-ES or RSA-OAEP with A256GCM, as FranceConnect+ does).
"""

from collections.abc import Mapping
from typing import Any

import jwt
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey

ENCRYPTIONS = frozenset({"ECDH-ES", "RSA-OAEP"})
CONTENT = "A256GCM"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST = 300


def asserted(form: Mapping[str, str], jwks: Mapping[str, Any], *, audience: str, now: int) -> dict[str, Any] | None:
    """The claims of a good client assertion (`now` in ms), or None."""
    client, token = form.get("client_id", ""), form.get("client_assertion", "")
    if form.get("client_assertion_type") != _ASSERTION:
        return None
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((each for each in jwks["keys"] if each["kid"] == kid), None)
        if key is None:
            return None
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(key).key,
            algorithms=["ES256"],
            audience=audience,
            issuer=client,
            options={"require": ["exp", "jti", "sub"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        return None
    in_time = now // 1000 < claims["exp"] <= now // 1000 + _LONGEST
    return claims if claims["sub"] == client and in_time else None


def encrypted(token: str, key: Mapping[str, Any]) -> str:
    """A signed token inside an encrypted one; `key` is a public JWK with its `alg`."""
    public = ECKey.import_key(dict(key)) if key["kty"] == "EC" else RSAKey.import_key(dict(key))
    header = {"alg": key["alg"], "enc": CONTENT, "cty": "JWT", "kid": key["kid"]}
    return jwe.encrypt_compact(header, token, public, algorithms=[key["alg"], CONTENT])
