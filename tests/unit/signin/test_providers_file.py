"""The file of providers: each mistake stops the start with a sentence that names the entry and the key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.sandbox import identity_providers
from gateway.serve import write_providers
from gateway.signin.errors import ProvidersInvalid
from gateway.signin.providers import read_providers, secure

GOOD: dict[str, Any] = {
    "profile": "franceconnect",
    "name": "FranceConnect",
    "issuer": "https://fc.example/api/v2",
    "client_id": "passerelle",
    "client_secret_file": "secret",
}


def pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a secret, and keys that can be used and that cannot."""
    contents = {
        "secret": b"a secret\n",
        "empty": b"\n",
        "signing.pem": pem(ec.generate_private_key(ec.SECP256R1())),
        "wrong-curve.pem": pem(ec.generate_private_key(ec.SECP384R1())),
        "rsa.pem": pem(rsa.generate_private_key(65537, 2048)),
        "short.pem": pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  refused
        "ed25519.pem": pem(ed25519.Ed25519PrivateKey.generate()),
        "no.pem": b"hello",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "open").write_bytes(b"a secret")
    (tmp_path / "open").chmod(0o644)
    return tmp_path


def read(folder: Path, content: Any) -> Any:
    (folder / "providers.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return read_providers(folder / "providers.yaml")


def with_(**changes: Any) -> dict[str, Any]:
    return {name: each for name, each in {**GOOD, **changes}.items() if each is not ...}


def test_a_good_entry_shows_no_secret(folder: Path) -> None:
    """Not in its text either, which could end up in a log."""
    [provider] = read(folder, {"fc": GOOD}).values()
    assert provider.secret == "a secret"
    assert "a secret" not in repr(provider)
    assert (provider.signature, provider.pkce, provider.scope) == ("ES256", False, "openid identite_pivot")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"profile": "google"}, "profile must be one of franceconnect, proconnect"),
        ({"profile": ...}, "profile must be one of"),
        ({"surprise": 1}, "unknown keys: surprise"),
        ({"name": ...}, "name must be a text"),
        ({"client_id": 12}, "client_id must be a text"),
        ({"issuer": "http://fc.example"}, "issuer must be an https"),
        ({"issuer": "https://fc.example/?a=b"}, "issuer must be an https"),
        ({"issuer": "https://user:word@fc.example/"}, "issuer must be an https"),
        ({"issuer": "https://fc.example:99999/"}, "issuer must be an https"),
        ({"signature": "HS256"}, "signature must be one of ES256, PS256, EdDSA"),
        ({"signature": "none"}, "signature must be one of"),
        ({"least": "eidas9"}, "least is not one of its levels"),
        ({"levels": []}, "levels must be a list"),
        ({"levels": [{"acr": "https://x.example/strong"}]}, "needs a word for the journal"),
        ({"levels": [{"acr": "eidas1", "strong": True}]}, "levels must be a list"),
        ({"pkce": "yes"}, "pkce must be true or false"),
        ({"client_secret_file": ...}, "give one of client_secret_file"),
        ({"client_secret_file": "missing"}, "cannot be read"),
        ({"client_secret_file": "empty"}, "is empty"),
        ({"client_secret_file": "open"}, "can be read by others: chmod 600"),
        ({"client_secret_env": "PASSERELLE_TEST_NOTHING"}, "environment variable"),
        ({"signing_key_file": "signing.pem"}, "give one of client_secret_file"),
        ({"client_secret_file": ..., "signing_key_file": "rsa.pem"}, "must hold a P-256 key"),
        ({"client_secret_file": ..., "signing_key_file": "wrong-curve.pem"}, "must hold a P-256 key"),
        ({"client_secret_file": ..., "signing_key_file": "no.pem"}, "is not a private key"),
        ({"decryption_key_files": "rsa.pem"}, "decryption_key_files must be a list"),
        ({"decryption_key_files": ["short.pem"]}, "must hold P-256 or RSA keys"),
        ({"decryption_key_files": ["ed25519.pem"]}, "must hold P-256 or RSA keys"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(folder: Path, change: dict[str, Any], sentence: str) -> None:
    """Entry and key, never the secret."""
    with pytest.raises(ProvidersInvalid, match=sentence) as raised:
        read(folder, {"fc": with_(**change)})
    assert "a secret" not in str(raised.value)


@pytest.mark.parametrize("content", [None, [], {}, {"fc": 1}, "x"])
def test_a_file_without_entries_is_refused(folder: Path, content: Any) -> None:
    """An empty file is a mistake; no file at all is the setting left out."""
    with pytest.raises(ProvidersInvalid, match="one entry per identity provider"):
        read(folder, content)


@pytest.mark.parametrize("name", ["choice", "Fc", "fc/x", "a", "x" * 50, "fc-12345"])
def test_names_are_parts_of_an_address_and_words_of_the_journal(folder: Path, name: str) -> None:
    """Some words are pages already."""
    with pytest.raises(ProvidersInvalid, match="small letters"):
        read(folder, {name: GOOD})


def test_two_entries_are_two_issuers(folder: Path) -> None:
    """Or nobody could say whose answer it is."""
    with pytest.raises(ProvidersInvalid, match="same issuer"):
        read(folder, {"fc": GOOD, "pc": GOOD})


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    """The sentence names it."""
    with pytest.raises(ProvidersInvalid, match="does not exist"):
        read_providers(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"a: [\xff")
    with pytest.raises(ProvidersInvalid, match="cannot be read as YAML"):
        read_providers(tmp_path / "bad.yaml")


def test_the_sandbox_writes_a_file_that_is_read(tmp_path: Path) -> None:
    """And the secret beside it, for its owner only."""
    file = tmp_path / "providers.yaml"
    write_providers(file, "http://127.0.0.1:8100")
    assert set(read_providers(file)) == set(identity_providers("http://127.0.0.1:8100", secret_file="x"))
    assert (tmp_path / "providers.secret").stat().st_mode & 0o777 == 0o600
    assert "secret-public" not in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("address", "issuer", "good"),
    [
        ("https://a.example/x", "https://b.example", True),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:2/", True),
        ("http://127.0.0.1:1/x", "https://b.example", False),
        ("http://a.example/x", "http://127.0.0.1:2/", False),
        ("https://a.example/#x", "https://b.example", False),
        ("https:///x", "https://b.example", False),
        ("ftp://a.example/", "https://b.example", False),
        ("https://a.example/\n", "https://b.example", False),
    ],
)
def test_addresses_have_tls_but_on_this_machine(address: str, issuer: str, good: bool) -> None:  # noqa: FBT001
    """Plain HTTP only when issuer and address are both here."""
    assert secure(address, like=issuer) is good
