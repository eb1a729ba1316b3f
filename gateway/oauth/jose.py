"""Reads and checks a signed JWT (RFC 7515, RFC 7519, BCP RFC 8725).

Signatures by PyJWT, but for ES256, which every token has and nearly every assertion: by cryptography itself.
Parsed here, once, because the client has to be found in the claims before its key can be chosen. In order:

 1. size, three segments of canonical base64url
 2. two JSON objects: UTF-8, finite numbers, no member twice, no runaway nesting, no half of a character in a text
 3. alg in the allow-list, no crit, no b64, typ in the caller's allow-list
 4. (the caller finds the key by kid) the key's own algorithm, then the signature

Never: keys out of the header (jwk, jku, x5u, x5c are ignored), an algorithm chosen by the header alone,
unsigned or encrypted tokens, a detached payload.
"""

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt import PyJWS

from gateway.oauth.errors import Fault, JwtRefused

ALGORITHMS = ("ES256", "PS256", "EdDSA")
MAX_TOKEN = 16_384

PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_FROM_URL, _TO_URL = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")
_SIGNATURES = PyJWS(algorithms=ALGORITHMS)
_ES256 = ECDSA(SHA256())


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that is good for one algorithm only (RFC 8725 §3.1)."""

    algorithm: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Unverified:
    """A well-formed token whose signature was not checked: nothing in it may be believed yet."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def kid(self) -> str:
        """The key id of the header, which the key's owner must have registered."""
        kid = self.header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise JwtRefused(Fault.KEY_ID)
        return kid

    def verify(self, key: VerificationKey) -> None:
        """Check the signature with this key and its algorithm; nothing else of the token."""
        if self.header["alg"] != key.algorithm:
            raise JwtRefused(Fault.KEY)
        if isinstance(key.key, EllipticCurvePublicKey):
            good = _verify_es256(self.signing_input, key.key, self.signature)
        else:
            algorithm = _SIGNATURES.get_algorithm_by_name(key.algorithm)
            good = algorithm.verify(self.signing_input, key.key, self.signature)
        if not good:
            raise JwtRefused(Fault.SIGNATURE)


def parse(token: str, *, types: frozenset[str], algorithms: tuple[str, ...] = ALGORITHMS) -> Unverified:
    """Steps 1 to 3. `types` are accepted typ values in lower case; an empty string accepts its absence."""
    # 1
    if len(token) > MAX_TOKEN:
        raise JwtRefused(Fault.SIZE)
    if _SEGMENTS.fullmatch(token) is None:
        raise JwtRefused(Fault.FORM)
    signing_input, _, signature = token.rpartition(".")
    head, _, body = signing_input.partition(".")
    # 2
    header = _read_object(head)
    # 3
    if header.get("alg") not in algorithms:
        raise JwtRefused(Fault.ALGORITHM)
    if "crit" in header or "b64" in header:
        raise JwtRefused(Fault.CRITICAL)
    typ = header.get("typ", "")
    if not isinstance(typ, str) or ("typ" in header and not typ) or typ.lower() not in types:
        raise JwtRefused(Fault.TYPE)
    return Unverified(header, _read_object(body), signing_input.encode("ascii"), _read_bytes(signature))


def sign(claims: Mapping[str, Any], *, header: Mapping[str, Any], key: PrivateKey) -> str:
    """The compact form of a signed JWT; `header` must carry alg."""
    signing_input = encode(orjson.dumps(header)) + "." + encode(orjson.dumps(claims))
    message = signing_input.encode("ascii")
    if isinstance(key, EllipticCurvePrivateKey):
        return signing_input + "." + encode(_sign_es256(message, key))
    return signing_input + "." + encode(_SIGNATURES.get_algorithm_by_name(header["alg"]).sign(message, key))


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def _verify_es256(message: bytes, key: EllipticCurvePublicKey, signature: bytes) -> bool:
    """RFC 7518 §3.4: two numbers of 32 bytes."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, _ES256)
    except InvalidSignature:
        return False
    return True


def _sign_es256(message: bytes, key: EllipticCurvePrivateKey) -> bytes:
    r, s = decode_dss_signature(key.sign(message, _ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _read_bytes(segment: str) -> bytes:
    try:
        data = binascii.a2b_base64(segment.encode("ascii").translate(_FROM_URL) + b"==")
    except binascii.Error:
        raise JwtRefused(Fault.FORM) from None
    if encode(data) != segment:  # stray bits would let one token be written in several ways
        raise JwtRefused(Fault.FORM)
    return data


def _read_object(segment: str) -> dict[str, Any]:
    try:
        value = _read_json(_read_bytes(segment))
    except (ValueError, RecursionError):  # from None: the message quotes the token
        raise JwtRefused(Fault.FORM) from None
    if not isinstance(value, dict):
        raise JwtRefused(Fault.FORM)
    return value


def _read_json(data: bytes) -> object:
    """What comes back unchanged holds no member twice: most tokens, which the faster reader reads alone."""
    try:
        value = orjson.loads(data)
        if orjson.dumps(value) == data:
            return value
    except (ValueError, TypeError):  # more than that reader or writer can do, which is not yet a reason to refuse
        pass
    value = _JSON.decode(data.decode("utf-8"))
    if _HALF.search(data):  # alone (RFC 8259 §8.2) it could be written nowhere again
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):  # two readers could believe two different values (RFC 8725 §2.4)
        raise ValueError
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


_JSON = json.JSONDecoder(object_pairs_hook=_members_once, parse_constant=_refuse_constant)
