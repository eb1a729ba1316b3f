"""Signed JSON that any JOSE library reads: JWS (RFC 7515, compact) over canonical JSON, EdDSA (RFC 8037).

Signed with a key of the journal, known by its RFC 7638 thumbprint. Refuses other algorithms, other types, any further
header (`crit`, `b64`, keys that come with the message), and any byte that is not the canonical one: a message has one
form. What is signed can pass neither for a note nor for an access token: a note has line ends, a token another type.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64

from audit.canonical import Json, dumps, loads
from audit.errors import NotCanonical, ReceiptInvalid
from audit.keys import Signer, Vkey

_MAX = 262_144


def sign(claims: Json, *, typ: str, signer: Signer) -> str:
    """Give the compact form; the same claims and key give the same text."""
    signed = f"{_encode(_header(signer.vkey, typ))}.{_encode(dumps(claims))}"
    return f"{signed}.{_encode(signer.sign(signed.encode()))}"


def verify(text: str, *vkeys: Vkey, typ: str) -> tuple[Json, Vkey]:
    """Check a signature with keys given from outside; give the claims and whose they are.

    1. three parts of canonical base64url, of a size such messages have;
    2. the header has exactly algorithm, key id and type, and they are these;
    3. the key id is the thumbprint of one of the keys, and the signature is that key's;
    4. the payload is canonical JSON.
    """
    parts = text.split(".")  # 1
    if len(text) > _MAX or len(parts) != 3:
        raise ReceiptInvalid("not the three parts of a signed message")
    head, payload, signature = map(_decode, parts)
    vkey = next((each for each in vkeys if head == _header(each, typ)), None)  # 2, 3
    if vkey is None:
        raise ReceiptInvalid("not of this type, or signed with none of the keys given")
    if not vkey.accepts(signature, ".".join(parts[:2]).encode()):
        raise ReceiptInvalid("the signature does not hold")
    try:
        return loads(payload), vkey  # 4
    except NotCanonical:
        raise ReceiptInvalid("the payload is not canonical JSON") from None


def thumbprint(vkey: Vkey) -> str:
    """Name a key as key sets do (RFC 7638 with RFC 8037 §2)."""
    return _encode(hashlib.sha256(dumps(_okp(vkey))).digest())


def jwk(vkey: Vkey) -> dict[str, str]:
    """Write a public key for a key set (RFC 7517, RFC 8037 §2)."""
    return {**_okp(vkey), "kid": thumbprint(vkey), "alg": "EdDSA", "use": "sig"}


def _okp(vkey: Vkey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _encode(vkey.public)}


def _header(vkey: Vkey, typ: str) -> bytes:
    return dumps({"alg": "EdDSA", "kid": thumbprint(vkey), "typ": typ})


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    try:
        data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (NotBase64, ValueError):
        data = b""
    if _encode(data) != part:
        raise ReceiptInvalid("a part is not written as base64url is")
    return data
