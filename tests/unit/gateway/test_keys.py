"""The gateway's own key files: made once, readable by their owner only, refused when damaged."""

import stat
from pathlib import Path

import pytest

from audit.errors import KeyRefused
from gateway.keys import KeyFileRefused, load
from gateway.oauth.errors import OAuthMisconfigured
from gateway.settings import Settings

REFUSALS = (KeyFileRefused, KeyRefused, OAuthMisconfigured)
FILES = ("index.key", "kek.key", "log.key", "receipt.key", "signals.key", "token.pem", "witness.key")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_they_are_made_on_first_run_and_read_on_the_next(settings: Settings) -> None:
    """Same keys at every start; 0600 in a folder of 0700."""
    first, second = load(settings), load(settings)
    assert sorted(path.name for path in settings.keys_folder.iterdir()) == sorted(FILES)
    for path in settings.keys_folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.keys_folder.stat().st_mode) == 0o700
    assert (first.kek, first.blind, first.actors) == (second.kek, second.blind, second.actors)
    assert len({first.kek, first.blind, first.actors}) == 3
    assert first.log.vkey == second.log.vkey
    assert first.receipt.vkey.name == f"{settings.origin}/receipt"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_stops_the_start(settings: Settings, name: str, mode: int) -> None:
    """The sentence names the file and what to do."""
    load(settings)
    (settings.keys_folder / name).chmod(mode)
    with pytest.raises(REFUSALS, match="chmod 600"):
        load(settings)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"abc", b"\0" * 64, b"g" * 64, "é".encode("latin-1") * 32, b"0" * 62])
def test_a_damaged_key_stops_the_start_and_is_not_quoted(settings: Settings, name: str, content: bytes) -> None:
    """Never replaced by a new one, never shown."""
    load(settings)
    path = settings.keys_folder / name
    path.write_bytes(content)
    with pytest.raises(REFUSALS) as caught:
        load(settings)
    assert not content or content.decode("latin-1") not in str(caught.value)
    assert path.read_bytes() == content


def test_the_keys_of_another_log_stop_the_start(settings: Settings, tmp_path: Path) -> None:
    """A log keeps its name for ever."""
    load(settings)
    with pytest.raises(KeyFileRefused, match="another log"):
        load(Settings(home=tmp_path, log_origin="elsewhere.example/log"))


def test_no_secret_is_in_a_repr(settings: Settings) -> None:
    """What is printed by accident shows nothing."""
    keys = load(settings)
    for secret in (keys.kek, keys.blind, keys.actors):
        assert secret.hex() not in repr(keys)
        assert repr(secret) not in repr(keys)
