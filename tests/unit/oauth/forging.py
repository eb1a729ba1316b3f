"""Tokens forged by hand.

They are assembled here with `cryptography` alone, not with the code under test: a fault that both sides shared
would hide itself.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Json = Mapping[str, Any] | str | bytes


def request(
    token: str, *proofs: str, scheme: str = "Bearer", path: str = "/v1/catalogue", **more: Any
) -> dict[str, Any]:
    """A request with this token, as ASGI tells it."""
    headers = [(b"authorization", f"{scheme} {token}".encode()), *((b"dpop", proof.encode()) for proof in proofs)]
    return {"method": "GET", "path": path, "headers": headers + more.pop("headers", [])} | more


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Json, claims: Json, private: Any) -> str:
    """A compact JWS over exactly these bytes, whatever they are."""
    parts = [part.encode() if isinstance(part, str) else part for part in map(_text, (header, claims))]
    signing_input = ".".join(map(b64, parts)).encode()
    return f"{signing_input.decode()}.{b64(_signature(signing_input, private))}"


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = token.split(".")
    return tuple(json.loads(urlsafe_b64decode(part + "==")) for part in (head, body))


def _text(part: Json) -> str | bytes:
    return json.dumps(part) if isinstance(part, Mapping) else part


def _signature(message: bytes, private: Any) -> bytes:
    if isinstance(private, bytes):
        return private
    if callable(private):
        return private(message)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    return private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
