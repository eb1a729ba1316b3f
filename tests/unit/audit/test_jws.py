"""Signed messages: one form per message, one algorithm, keys from outside, nothing believed of the header."""

import base64
import json

import pytest

from audit import jws
from audit.canonical import dumps
from audit.errors import ReceiptInvalid
from audit.keys import Ed25519Signer

SIGNER = Ed25519Signer("gateway.example/log/receipt", b"r" * 32)
OTHER = Ed25519Signer("gateway.example/log/receipt", b"o" * 32)
CLAIMS = {"sub": "psn_1", "n": 7, "name": "Département"}
TYPE = "consent-receipt+jwt"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: object, payload: bytes, signer: Ed25519Signer = SIGNER) -> str:
    """Any header and payload, with a right signature."""
    text = f"{encoded(json.dumps(header, sort_keys=True, separators=(',', ':')).encode())}.{encoded(payload)}"
    return f"{text}.{encoded(signer.sign(text.encode()))}"


HEADER = {"alg": "EdDSA", "kid": jws.thumbprint(SIGNER.vkey), "typ": TYPE}


def test_what_is_signed_is_read_with_any_of_the_keys() -> None:
    """The key is found by its thumbprint; the same claims give the same text."""
    text = jws.sign(CLAIMS, typ=TYPE, signer=SIGNER)
    assert text == jws.sign(dict(reversed(CLAIMS.items())), typ=TYPE, signer=SIGNER)
    assert text == signed(HEADER, dumps(CLAIMS))
    assert jws.verify(text, OTHER.vkey, SIGNER.vkey, typ=TYPE) == (CLAIMS, SIGNER.vkey)


def test_the_thumbprint_is_that_of_the_norm() -> None:
    """RFC 8037, appendix A.3."""
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    vkey = type(SIGNER.vkey)("a/receipt", public)
    assert jws.thumbprint(vkey) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert jws.jwk(vkey) == {
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA",
        "use": "sig", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    }  # fmt: skip


TEXT = jws.sign(CLAIMS, typ=TYPE, signer=SIGNER)
HEAD, PAYLOAD, SIGNATURE = TEXT.split(".")
WRONG = {
    "two parts": f"{HEAD}.{PAYLOAD}",
    "four parts": f"{TEXT}.{SIGNATURE}",
    "longer than any": TEXT + "A" * 300_000,
    "not base64url": f"{HEAD}.{PAYLOAD}.é{SIGNATURE[1:]}",
    "padded": f"{HEAD}.{PAYLOAD}.{SIGNATURE}==",
    "stray bits": f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}{'B' if SIGNATURE[-1] != 'B' else 'C'}",
    "another's signature": f"{HEAD}.{PAYLOAD}.{jws.sign(CLAIMS, typ=TYPE, signer=OTHER).split('.')[2]}",
    "signed by a key not given": jws.sign(CLAIMS, typ=TYPE, signer=OTHER),
    "another type": jws.sign(CLAIMS, typ="at+jwt", signer=SIGNER),
    "no algorithm": signed({**HEADER, "alg": "none"}, dumps(CLAIMS)),
    "another algorithm": signed({**HEADER, "alg": "HS256"}, dumps(CLAIMS)),
    "a critical header": signed({**HEADER, "crit": ["x"], "x": 1}, dumps(CLAIMS)),
    "a key that comes along": signed({**HEADER, "jwk": jws.jwk(OTHER.vkey)}, dumps(CLAIMS)),
    "no type": signed({name: HEADER[name] for name in ("alg", "kid")}, dumps(CLAIMS)),
    "a payload with blanks": signed(HEADER, json.dumps(CLAIMS).encode()),
    "a payload that is no JSON": signed(HEADER, b"passerelle"),
    "a member twice": signed(HEADER, b'{"a":1,"a":2}'),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_refused(name: str) -> None:
    """One change, one refusal, whatever it is."""
    with pytest.raises(ReceiptInvalid):
        jws.verify(WRONG[name], SIGNER.vkey, typ=TYPE)


def test_without_keys_nothing_is_believed() -> None:
    """Keys are never taken from the message."""
    with pytest.raises(ReceiptInvalid):
        jws.verify(TEXT, typ=TYPE)
