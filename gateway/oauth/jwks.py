"""Public keys of a partner (RFC 7517), checked at registration or when fetched, and parsed at load.

Refuses: private or symmetric members, other kinds of key than ES256, EdDSA (Ed25519) and PS256 can use, RSA
below 2048 bits, keys without kid or with the same kid, oversized sets. Other members (x5c, ext, …) are
legal and are not kept: what is stored is exactly what is used.
"""

import hashlib
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.oauth.errors import PartnerInvalid
from gateway.oauth.jose import PublicKey, VerificationKey, encode

Jwk = dict[str, str]

MAX_KEYS = 8
MAX_PUBLISHED = 32
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KID = re.compile(r"[A-Za-z0-9._~:/@+=-]{1,128}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_RSA_BITS = range(2048, 4097)
_RSA_EXPONENT = 65_537


class PrivateKeyShown(PartnerInvalid):
    """A published set holds a private or symmetric key."""


def check(jwks: object) -> list[Jwk]:
    """The members of the set that are kept, or the reason why it is refused."""
    if not isinstance(jwks, Mapping) or not isinstance(jwks.get("keys"), list):
        raise PartnerInvalid("jwks", 'must be a JSON object with a list "keys"')
    keys = jwks["keys"]
    if not 1 <= len(keys) <= MAX_KEYS:
        raise PartnerInvalid("jwks", f"must hold 1 to {MAX_KEYS} keys")
    kept = [_check_key(key) for key in keys]
    if len({key["kid"] for key in kept}) != len(kept):
        raise PartnerInvalid("jwks", "each key needs a kid of its own")
    return kept


def usable(document: object) -> list[Jwk]:
    """What of a published set can sign here: other keys in it are left out, as RFC 7517 §5 wants; it may be empty.

    Raises `PrivateKeyShown`, or `PartnerInvalid` when it is no set, is too large or names two keys alike.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or len(keys) > MAX_PUBLISHED:
        raise PartnerInvalid("jwks_uri", f'must lead to a JSON object with a list "keys" of at most {MAX_PUBLISHED}')
    if any(isinstance(key, Mapping) and not _PRIVATE.isdisjoint(key) for key in keys):
        raise PrivateKeyShown("jwks_uri", "shows a private or symmetric key: treat it as compromised")
    kept = []
    for key in keys:
        with suppress(PartnerInvalid):
            kept.append(_check_key(key))
    return check({"keys": kept}) if kept else []


def load(keys: list[Jwk]) -> dict[str, VerificationKey]:
    """Keys by kid, out of members that `check` has let through."""
    loaded = {}
    for key in keys:
        algorithm, read = _KINDS[key["kty"]]
        loaded[key["kid"]] = VerificationKey(algorithm, read(key))
    return loaded


def of_public_key(key: PublicKey, *, kid: str) -> Jwk:
    """The JWK of a public key."""
    if isinstance(key, EllipticCurvePublicKey):
        if not isinstance(key.curve, SECP256R1):
            raise PartnerInvalid("jwks", "crv of an EC key must be P-256")
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        members = {"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
    elif isinstance(key, Ed25519PublicKey):
        members = {"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_bytes_raw())}
    else:
        numbers = key.public_numbers()
        members = {"kty": "RSA", "n": encode(_octets(numbers.n)), "e": encode(_octets(numbers.e))}
    return members | {"kid": kid, "alg": _KINDS[members["kty"]][0], "use": "sig"}


def of_header(key: object) -> tuple[VerificationKey, str]:
    """A public key that came with what it signed (RFC 9449 §4.2), and its thumbprint; `PartnerInvalid` otherwise."""
    kind, public = _read(key)
    return VerificationKey(_KINDS[kind][0], public), thumbprint(of_public_key(public, kid=""))


def thumbprint(key: Mapping[str, str]) -> str:
    """SHA-256 over the required members of the key, in order, as base64url (RFC 7638 §3)."""
    required = {name: key[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in key}
    return encode(hashlib.sha256(orjson.dumps(required)).digest())


def _check_key(key: object) -> Jwk:
    _, public = _read(key)
    kid = key.get("kid") if isinstance(key, Mapping) else None
    if not isinstance(kid, str) or _KID.fullmatch(kid) is None:
        raise PartnerInvalid("jwks", "each key needs a kid of 1 to 128 letters, digits or ._~:/@+=-")
    return of_public_key(public, kid=kid)


def _read(key: object) -> tuple[str, PublicKey]:
    if not isinstance(key, Mapping):
        raise PartnerInvalid("jwks", "each key must be a JSON object")
    if not _PRIVATE.isdisjoint(key):
        raise PartnerInvalid("jwks", "holds a private or symmetric key: treat it as compromised, make a new one")
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise PartnerInvalid("jwks", "kty must be EC (P-256), OKP (Ed25519) or RSA")
    algorithm, read = _KINDS[kind]
    if key.get("alg", algorithm) != algorithm:
        raise PartnerInvalid("jwks", f"alg of a key of kty {kind} must be {algorithm}")
    if key.get("use", "sig") != "sig" or key.get("key_ops", ["verify"]) != ["verify"]:
        raise PartnerInvalid("jwks", 'use must be "sig" and key_ops ["verify"]')
    try:
        return kind, read(key)
    except (ValueError, UnsupportedAlgorithm):
        raise PartnerInvalid("jwks", f"a key of kty {kind} has members that do not make a valid key") from None


def _read_ec(key: Mapping[str, Any]) -> PublicKey:
    if key.get("crv") != "P-256":
        raise PartnerInvalid("jwks", "crv of an EC key must be P-256")
    x, y = _number(key, "x", size=32), _number(key, "y", size=32)
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()  # checks that the point is on the curve


def _read_okp(key: Mapping[str, Any]) -> PublicKey:
    if key.get("crv") != "Ed25519":
        raise PartnerInvalid("jwks", "crv of an OKP key must be Ed25519")
    return Ed25519PublicKey.from_public_bytes(_bytes(key, "x"))


def _read_rsa(key: Mapping[str, Any]) -> PublicKey:
    modulus, exponent = _number(key, "n"), _number(key, "e")
    if modulus.bit_length() not in _RSA_BITS:
        raise PartnerInvalid("jwks", "an RSA key must have 2048 to 4096 bits")
    if exponent != _RSA_EXPONENT:
        raise PartnerInvalid("jwks", "e of an RSA key must be 65537")
    if modulus % 2 == 0:  # not checked by the library, and nobody's key
        raise ValueError("n")
    return RSAPublicNumbers(exponent, modulus).public_key()


_KINDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": ("ES256", _read_ec),
    "OKP": ("EdDSA", _read_okp),
    "RSA": ("PS256", _read_rsa),
}


def _bytes(key: Mapping[str, Any], member: str) -> bytes:
    text = key.get(member)
    if not isinstance(text, str) or _BASE64URL.fullmatch(text) is None:
        raise ValueError(member)
    return urlsafe_b64decode(text + "==")


def _number(key: Mapping[str, Any], member: str, *, size: int | None = None) -> int:
    octets = _bytes(key, member)
    if size is not None and len(octets) != size:
        raise ValueError(member)
    return int.from_bytes(octets, "big")


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
