"""Keys have a name, a published text and a file only their owner reads."""

import stat

import pytest

from audit.errors import KeyRefused
from audit.keys import Ed25519Signer, Vkey, create_key, key_name, load_key, parse_vkey
from tests.unit.audit.conftest import ORIGIN

GO_CHECKSUM_DATABASE = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def test_reads_the_published_key_of_another_log():
    """The text of a key others publish and use gives the key id they publish."""
    vkey = parse_vkey(f"{GO_CHECKSUM_DATABASE}\n")
    assert (vkey.name, vkey.key_id.hex(), str(vkey)) == ("sum.golang.org", "033de0ae", GO_CHECKSUM_DATABASE)


def test_a_created_key_is_read_back_and_only_by_its_owner(tmp_path):
    """The file is 0600 from its first byte, and gives the same key again."""
    created = create_key(tmp_path / "log.key", ORIGIN)
    assert stat.S_IMODE((tmp_path / "log.key").stat().st_mode) == 0o600
    loaded = load_key(tmp_path / "log.key")
    assert (loaded.name, loaded.vkey) == (ORIGIN, created.vkey)
    assert loaded.vkey.accepts(created.sign(b"text"), b"text")
    assert not loaded.vkey.accepts(created.sign(b"text"), b"test")


def test_a_key_is_never_overwritten(tmp_path):
    """Losing a signing key by a second run of the set-up would end the log."""
    create_key(tmp_path / "log.key", ORIGIN)
    with pytest.raises(KeyRefused, match="exists"):
        create_key(tmp_path / "log.key", ORIGIN)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (None, 0o600),
        ("PRIVATE+KEY+journal.example+00000000+AQ==", 0o644),
        (GO_CHECKSUM_DATABASE, 0o600),
        ("PRIVATE+KEY+journal.example+00000000+AQ==", 0o600),
        ("PRIVATE+KEY+journal.example+00000000+secret!", 0o600),
        ("PRIVATE+KEY+journal.example", 0o600),
        ("PRIVATE+KEY+é", 0o600),
    ],
    ids=["absent", "readable", "public", "short", "not base64", "cut", "not ASCII"],
)
def test_refuses_a_key_file_it_should_not_use(tmp_path, text, mode):
    """A damaged, public or shared file is no private key; its content is never repeated."""
    file = tmp_path / "log.key"
    if text is not None:
        file.write_text(text, "utf-8")
        file.chmod(mode)
    with pytest.raises(KeyRefused) as refused:
        load_key(file)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_whose_id_is_another_one_is_refused():
    """The id binds the name to the key: a text put together from two keys is noticed."""
    with pytest.raises(KeyRefused, match="key id"):
        parse_vkey(GO_CHECKSUM_DATABASE.replace("033de0ae", "033de0af"))


@pytest.mark.parametrize("name", ["", "Journal.example", "a b", "https://journal.example", "a+b", "a//b", "a" * 101])
def test_names_are_urls_without_scheme(name):
    """A name with a blank or a plus could be read as two."""
    with pytest.raises(KeyRefused):
        key_name(name)
    with pytest.raises(KeyRefused):
        Ed25519Signer(name, b"\1" * 32)


def test_vkeys_are_values():
    """Two readings of one text are equal."""
    assert parse_vkey(GO_CHECKSUM_DATABASE) == Vkey("sum.golang.org", parse_vkey(GO_CHECKSUM_DATABASE).public)
