"""RFC 7517, RFC 7518 §6: which public keys of a partner are registered, and which are not."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.oauth import jwks
from gateway.oauth.errors import PartnerInvalid

EC_KEY = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())) | {"kid": "ec"}
OKP_KEY = json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())) | {"kid": "ok"}
RSA_PRIVATE = rsa.generate_private_key(65537, 2048)
RSA_KEY = json.loads(RSAAlgorithm.to_jwk(RSA_PRIVATE.public_key())) | {"kid": "rs", "key_ops": ["verify"]}


@pytest.mark.parametrize(("key", "algorithm"), [(EC_KEY, "ES256"), (OKP_KEY, "EdDSA"), (RSA_KEY, "PS256")])
def test_each_kind_of_key_is_kept_and_loaded_for_its_one_algorithm(key, algorithm):
    """A key is bound to one algorithm at registration (RFC 8725 §3.1); another library reads what we keep."""
    (kept,) = jwks.check({"keys": [key | {"alg": algorithm, "use": "sig", "x5c": ["AA"], "ext": True}]})
    assert kept.keys() <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
    loaded = jwks.load([kept])[key["kid"]]
    assert loaded.algorithm == algorithm
    assert (
        PyJWK(kept | {"alg": algorithm}).key.public_numbers() == loaded.key.public_numbers()
        if algorithm != "EdDSA"
        else True
    )
    assert jwks.check({"keys": [kept]}) == [kept]


def rsa_key(bits, exponent=65537):
    return json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(exponent, bits).public_key())) | {"kid": "rs"}


EC_PRIVATE = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()))) | {"kid": "ec"}
P384_KEY = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())) | {"kid": "p"}

BAD = {
    "private EC key": (EC_PRIVATE, "private"),
    "private RSA key": (json.loads(RSAAlgorithm.to_jwk(RSA_PRIVATE)) | {"kid": "rs"}, "private"),
    "private member alone": (EC_KEY | {"d": ""}, "private"),
    "factors of an RSA key": (RSA_KEY | {"oth": []}, "private"),
    "shared secret": ({"kty": "oct", "k": "AAAA", "kid": "s"}, "private"),
    "shared secret without its value": ({"kty": "oct", "kid": "s"}, "kty"),
    "no kty": ({name: value for name, value in EC_KEY.items() if name != "kty"}, "kty"),
    "kty as a list": (EC_KEY | {"kty": ["EC"]}, "kty"),
    "no kid": ({name: value for name, value in EC_KEY.items() if name != "kid"}, "kid"),
    "kid with quotes": (EC_KEY | {"kid": 'a"b'}, "kid"),
    "kid with a blank": (EC_KEY | {"kid": "a b"}, "kid"),
    "endless kid": (EC_KEY | {"kid": "k" * 129}, "kid"),
    "kid as a number": (EC_KEY | {"kid": 1}, "kid"),
    "curve P-384": (P384_KEY, "P-256"),
    "P-384 named P-256": (P384_KEY | {"crv": "P-256"}, "valid key"),
    "secp256k1": (EC_KEY | {"crv": "secp256k1"}, "P-256"),
    "a point off the curve": (EC_KEY | {"x": EC_KEY["y"], "y": EC_KEY["x"]}, "valid key"),
    "no y": ({name: value for name, value in EC_KEY.items() if name != "y"}, "valid key"),
    "x as a number": (EC_KEY | {"x": 1}, "valid key"),
    "x with padding": (EC_KEY | {"x": EC_KEY["x"] + "="}, "valid key"),
    "Ed448": (OKP_KEY | {"crv": "Ed448"}, "Ed25519"),
    "X25519": (OKP_KEY | {"crv": "X25519"}, "Ed25519"),
    "short Ed25519": (OKP_KEY | {"x": OKP_KEY["x"][:-4]}, "valid key"),
    "small RSA": (rsa_key(1024), "2048"),
    "RSA of 2047 bits": (RSA_KEY | {"n": "f" + "_" * 340 + "w"}, "2048"),
    "endless RSA": (RSA_KEY | {"n": "_" * 700}, "2048"),
    "RSA with exponent 3": (rsa_key(2048, 3), "65537"),
    "RSA with exponent 1": (RSA_KEY | {"e": "AQ"}, "65537"),
    "even RSA modulus": (RSA_KEY | {"n": "_" * 340 + "_g"}, "valid key"),
    "algorithm RS256": (RSA_KEY | {"alg": "RS256"}, "PS256"),
    "algorithm of another kind": (EC_KEY | {"alg": "EdDSA"}, "ES256"),
    "encryption key": (EC_KEY | {"use": "enc"}, "use"),
    "key for signing": (EC_KEY | {"key_ops": ["sign", "verify"]}, "use"),
    "not an object": ("EC", "object"),
}  # fmt: skip


@pytest.mark.parametrize(("key", "reason"), BAD.values(), ids=BAD.keys())
def test_a_key_that_cannot_be_used_safely_is_refused(key, reason):
    """The reason says what to change and never quotes the key."""
    with pytest.raises(PartnerInvalid, match=reason) as caught:
        jwks.check({"keys": [key]})
    assert caught.value.member == "jwks"
    assert not isinstance(key, dict) or not any(
        isinstance(value, str) and len(value) > 20 and value in str(caught.value) for value in key.values()
    )


@pytest.mark.parametrize("document", [None, [], "keys", {}, {"keys": {}}, {"keys": []}, {"keys": [EC_KEY] * 9}, EC_KEY])
def test_what_is_not_a_small_set_of_keys_is_refused(document):
    """A JWK Set with one to eight keys."""
    with pytest.raises(PartnerInvalid):
        jwks.check(document)


def test_two_keys_with_the_same_kid_are_refused():
    """A kid chooses one key."""
    with pytest.raises(PartnerInvalid, match="kid of its own"):
        jwks.check({"keys": [EC_KEY, OKP_KEY | {"kid": "ec"}]})


def test_the_thumbprint_is_that_of_the_standard():
    """RFC 7638 §3.1 gives an RSA key and its thumbprint."""
    key = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
        "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
        "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
        "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }  # fmt: skip
    assert jwks.thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_on_another_curve_has_no_jwk_here():
    """A P-384 key is refused, not written down as a P-256 one."""
    with pytest.raises(PartnerInvalid, match="P-256"):
        jwks.of_public_key(ec.generate_private_key(ec.SECP384R1()).public_key(), kid="p")
