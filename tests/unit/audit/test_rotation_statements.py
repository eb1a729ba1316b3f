"""The statement by which a key takes over, the list of keys, and the files they lie in: what is refused."""

import pytest

from audit import succession
from audit.checkpoint import open_checkpoint, sign_note
from audit.errors import KeyRefused, NoteInvalid
from audit.keys import Ed25519Signer, create_key, load_key
from audit.ring import Ring
from tests.unit.audit.conftest import BASE, NOW
from tests.unit.audit.rotating import ring_of, statement


def test_a_ring_refuses_what_it_cannot_use(folder):
    """No key at all, keys of different names: a sentence, not a guess."""
    with pytest.raises(KeyRefused, match="missing"):
        _ = Ring(folder, "log", load_key).vkey
    ring = ring_of(folder)
    assert ring.name == BASE
    create_key(ring.next_file, "other.example")
    with pytest.raises(KeyRefused, match="different names"):
        _ = ring.vkeys


def test_a_statement_that_one_of_the_two_has_not_signed_is_refused():
    """Neither the old key alone nor the new one can make a succession."""
    note, former, key = statement()
    text = succession.read(note).text()
    for signers in ((former,), (key,)):
        with pytest.raises(NoteInvalid):
            succession.read(sign_note(text, *signers))
    with pytest.raises(NoteInvalid):
        succession.read(note.replace(str(NOW), str(NOW + 1)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\nlog\n", "\ntoken\n"),
        lambda text: text.replace(f"\n{NOW}\n", "\nlater\n"),
        lambda text: text.replace(f"\n{NOW}\n", f"\n0{NOW}\n"),
        lambda text: text + "more\n",
        lambda text: text.replace("+", "-"),
        lambda text: text.replace(f"{BASE}/succession", "other.example/succession"),
    ],
)
def test_a_statement_has_one_form(change):
    """Whatever is signed under both but is not a statement of ours leads nowhere."""
    note, former, key = statement()
    with pytest.raises(NoteInvalid, match="not a statement"):
        succession.read(sign_note(change(succession.read(note).text()), former, key))


def test_a_key_cannot_take_over_under_another_name():
    """A name is for ever."""
    former, key = Ed25519Signer(BASE, b"\1" * 32), Ed25519Signer("other.example", b"\2" * 32)
    with pytest.raises(NoteInvalid, match="not a statement"):
        succession.read(succession.declare("log", former, key, now=NOW))


def test_a_statement_is_no_checkpoint():
    """Its second line is a word, where a checkpoint has its size."""
    note, former, _ = statement()
    with pytest.raises(NoteInvalid, match="not a checkpoint"):
        open_checkpoint(note, former.vkey)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [1]}', '{"keys": [{"use": "log"}]}'])
def test_a_damaged_list_of_keys_is_refused(text):
    """A file from elsewhere is read strictly."""
    with pytest.raises(NoteInvalid, match="not a list of keys"):
        succession.from_json(text)
