"""Signatures against published vectors, and secrets that stay sealed."""

import base64
from collections.abc import Mapping

import pytest
from cryptography.exceptions import InvalidSignature

from audit.errors import SealBroken
from audit.events import EVENTS
from audit.keys import Ed25519Signer
from gateway.signals import event, signing
from gateway.signals.signing import Secrets
from tests.receivers import Got, holds_by_key, holds_by_secret

SIGNER = Ed25519Signer("gateway.example/log/signals", b"s" * 32)
URL = "https://suivi.example/signals?tool=suivi"


def test_the_published_vector_of_standard_webhooks_comes_out() -> None:
    """Secret, id, time, body and signature of its reference implementations."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signing.by_secret(secret, b'{"test": 2432232314}', id_="msg_p5jXN8AQM9LWM0D4loKWxJek", seconds=1614265330)
    assert made["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_verifier_of_these_tests_accepts_the_vector_of_rfc_9421() -> None:
    """B.2.6: so what it accepts of ours is signed as the norm says."""
    headers = {
        "host": "example.com", "date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json",
        "content-length": "18",
        "signature-input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
        "signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw"
        "==:",
    }  # fmt: skip
    keys = {"keys": [{"kid": "test-key-ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}]}
    got = Got("POST", "/foo?param=Value&Pet=dog", headers, b'{"hello": "world"}')
    assert len(holds_by_key(got, keys, origin="https://example.com")) == 6
    with pytest.raises(InvalidSignature):
        holds_by_key(Got("GET", got.target, headers, got.body), keys, origin="https://example.com")


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_whatever_is_changed_on_the_way_is_noticed_by_our_key() -> None:
    """Body, target, id, time, type, key."""
    keys = signing.key_set([SIGNER.vkey])
    made = lowered(signing.by_key(SIGNER, b"{}", url=URL, id_="a" * 32, seconds=1_700_000_000))
    target, origin = "/signals?tool=suivi", "https://suivi.example"
    assert holds_by_key(Got("POST", target, made, b"{}"), keys, origin=origin)
    with pytest.raises(AssertionError):
        holds_by_key(Got("POST", target, made, b"{ }"), keys, origin=origin)
    for name in ("webhook-id", "webhook-timestamp", "content-type"):
        with pytest.raises(InvalidSignature):
            holds_by_key(Got("POST", target, made | {name: "1"}, b"{}"), keys, origin=origin)
    with pytest.raises(InvalidSignature):
        holds_by_key(Got("POST", "/other", made, b"{}"), keys, origin=origin)
    other = {
        "keys": [{**keys["keys"][0], "x": signing.key_set([Ed25519Signer("a/b", b"o" * 32).vkey])["keys"][0]["x"]}]
    }
    with pytest.raises(InvalidSignature):
        holds_by_key(Got("POST", target, made, b"{}"), other, origin=origin)


def test_whatever_is_changed_on_the_way_is_noticed_by_the_secret() -> None:
    """Body, id, time."""
    told, sealed = Secrets(b"k" * 32).new("e" * 32)
    secret = Secrets(b"k" * 32).open("e" * 32, sealed)
    made = lowered(signing.by_secret(secret, b"{}", id_="a" * 32, seconds=1_700_000_000))
    assert holds_by_secret(Got("POST", "/", made, b"{}"), told)
    assert not holds_by_secret(Got("POST", "/", made, b"{ }"), told)
    for name in ("webhook-id", "webhook-timestamp"):
        assert not holds_by_secret(Got("POST", "/", made | {name: "1"}, b"{}"), told)


def test_a_secret_is_sealed_for_its_endpoint() -> None:
    """Moved to another row, or under another key, it does not open; it is in no text."""
    told, sealed = Secrets(b"k" * 32).new("e" * 32)
    assert base64.b64decode(told.removeprefix("whsec_")) not in sealed
    with pytest.raises(SealBroken):
        Secrets(b"k" * 32).open("f" * 32, sealed)
    with pytest.raises(SealBroken):
        Secrets(b"l" * 32).open("e" * 32, sealed)


def test_every_event_of_an_authorisation_says_who_hears_of_it() -> None:
    """A new word of the journal forces a decision."""
    known = {name.removeprefix("authorisation.") for name in EVENTS if name.startswith("authorisation.")}
    assert set(event.AUTHORISATION) == known


def test_a_source_s_name_of_an_authorisation_is_stable_and_its_own() -> None:
    """Another for each source, none of them the authorisation's."""
    names = {event.own_name(b"k" * 32, source, "a" * 32) for source in ("caf-brume", "ft-brume")}
    assert len(names | {"a" * 32}) == 3
    assert event.own_name(b"k" * 32, "caf-brume", "a" * 32) in names
