"""How a receiver knows that a signal is ours: a shared secret, or our public key. The partner chooses.

hmac-sha256             Standard Webhooks: `webhook-signature: v1,<base64>` over `<id>.<timestamp>.<body>`, secret
                        `whsec_<base64>` told once, at registration
http-message-signature  RFC 9421 with Ed25519, over method, target, content type, digest (RFC 9530), id, time; the key
                        is at `GET /v1/webhooks/jwks` under its RFC 7638 thumbprint

Refuses nothing; an attempt is signed anew, with its own time, under the event's id.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.keys import Signer, Vkey
from audit.person_key import Sealing
from gateway.oauth import jwks

HMAC, MESSAGE = "hmac-sha256", "http-message-signature"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

_PREFIX = "whsec_"
_COVERED = ("@method", "@target-uri", "content-type", "content-digest", "webhook-id", "webhook-timestamp")


class Secrets:
    """Makes, seals and opens the shared secrets."""

    def __init__(self, key: bytes) -> None:
        self._sealing = Sealing(key)

    def new(self, endpoint: str) -> tuple[str, bytes]:
        """A fresh secret: as it is told, and as it is kept."""
        secret = secrets.token_bytes(32)
        return _PREFIX + base64.b64encode(secret).decode(), self._sealing.seal(secret, _place(endpoint))

    def open(self, endpoint: str, sealed: bytes) -> bytes:
        """Raises `SealBroken`."""
        return self._sealing.unseal(sealed, _place(endpoint))


def _place(endpoint: str) -> bytes:
    return f"signal_endpoint\x00secret\x00{endpoint}".encode()


def by_secret(secret: bytes, body: bytes, *, id_: str, seconds: int) -> dict[str, str]:
    """The headers of an attempt, by a shared secret."""
    signed = hmac.digest(secret, f"{id_}.{seconds}.".encode() + body, hashlib.sha256)
    return {**_common(id_, seconds), "Webhook-Signature": f"v1,{base64.b64encode(signed).decode()}"}


def by_key(signer: Signer, body: bytes, *, url: str, id_: str, seconds: int) -> dict[str, str]:
    """The headers of an attempt, by our key."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    values = ("POST", url, CONTENT_TYPE, digest, id_, str(seconds))
    names = " ".join(f'"{name}"' for name in _COVERED)
    parameters = f'({names});created={seconds};keyid="{kid(signer.vkey)}";alg="ed25519"'
    lines = [f'"{name}": {value}' for name, value in zip(_COVERED, values, strict=True)]
    signature = signer.sign("\n".join([*lines, f'"@signature-params": {parameters}']).encode())
    return {
        **_common(id_, seconds),
        "Content-Digest": digest,
        "Signature-Input": f"sig1={parameters}",
        "Signature": f"sig1=:{base64.b64encode(signature).decode()}:",
    }


def _common(id_: str, seconds: int) -> dict[str, str]:
    return {"Content-Type": CONTENT_TYPE, "Webhook-Id": id_, "Webhook-Timestamp": str(seconds)}


def kid(vkey: Vkey) -> str:
    """The key's name for receivers."""
    return _jwk(vkey)["kid"]


def key_set(vkeys: Sequence[Vkey]) -> Mapping[str, Any]:
    """The public keys, former ones too: signals signed by them may still be on their way."""
    return {"keys": [_jwk(vkey) for vkey in vkeys]}


def _jwk(vkey: Vkey) -> dict[str, str]:
    key = jwks.of_public_key(Ed25519PublicKey.from_public_bytes(vkey.public), kid="")
    return key | {"kid": jwks.thumbprint(key)}
