"""The key file that signs access tokens."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from gateway.oauth import jwks, keys
from gateway.oauth.errors import OAuthMisconfigured
from tests.registrations import generate

NOW = 1_800_000_000_000


def load(path):
    return keys.load(path, lambda: NOW)


def write(path, private, encryption=None):
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem)


def test_the_key_is_made_on_first_run_and_kept(tmp_path):
    """Made once, readable by its owner only, nothing left beside it; the same key is read afterwards."""
    path = tmp_path / "keys" / "token.pem"
    first = load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["token.pem"]
    assert load(path).signing.kid == first.signing.kid
    assert load(tmp_path / "other.pem").signing.kid != first.signing.kid


def test_the_kid_is_the_thumbprint_of_the_key(tmp_path):
    """RFC 7638: every replica gives the same key the same name."""
    key = load(tmp_path / "token.pem").signing
    assert key.kid == jwks.thumbprint(key.jwk)
    assert len(key.kid) == 43


def test_two_processes_that_start_together_share_one_key(tmp_path):
    """Whoever comes second finds the file there and reads it."""
    path = tmp_path / "token.pem"
    first = load(path)
    keys.create(path)
    assert load(path).signing.kid == first.signing.kid
    assert [file.name for file in tmp_path.iterdir()] == ["token.pem"]


def test_the_next_and_the_former_key_are_published_and_do_not_sign(tmp_path):
    """Rotation with overlap: three files, one signature."""
    path = tmp_path / "token.pem"
    alone = load(path).signing.kid
    for start in (NOW + 1, NOW - 1):
        write(tmp_path / f"token.{start}.pem", ec.generate_private_key(ec.SECP256R1()))
    loaded = keys.TokenKeys(load(path).current)
    assert loaded.signing.kid == load(tmp_path / f"token.{NOW - 1}.pem").signing.kid
    assert alone != loaded.signing.kid
    assert len(loaded.jwks()["keys"]) == len(loaded.by_kid) == 3
    assert loaded.jwks()["keys"][0]["kid"] == loaded.signing.kid


def test_a_key_others_can_read_stops_the_start(tmp_path):
    """A key that was readable by others has to be replaced, not used."""
    path = tmp_path / "token.pem"
    load(path)
    path.chmod(0o640)
    with pytest.raises(OAuthMisconfigured, match="chmod 600"):
        load(path)


@pytest.mark.parametrize("kind", ["text", "empty", "encrypted", "ed25519", "p384"])
def test_another_kind_of_file_stops_the_start(tmp_path, kind):
    """Only an unencrypted P-256 private key signs tokens; the message names the file, not its content."""
    path = tmp_path / "token.pem"
    path.touch(mode=0o600)
    if kind == "encrypted":
        write(path, ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret"))
    elif kind == "ed25519":
        write(path, ed25519.Ed25519PrivateKey.generate())
    elif kind == "p384":
        write(path, ec.generate_private_key(ec.SECP384R1()))
    elif kind == "text":
        path.write_text("canary-in-a-key-file")
    with pytest.raises(OAuthMisconfigured) as caught:
        load(path)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_key_is_shown():
    """Neither half appears in a representation."""
    made = generate()
    assert "private" not in repr(made)
    assert "EllipticCurve" not in repr(made)
