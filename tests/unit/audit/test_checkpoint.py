"""Notes and checkpoints are those of C2SP signed-note and tlog-checkpoint."""

import base64

import pytest
from tlog_scales.signing import Vkey as OtherVkey
from tlog_scales.tlog import Checkpoint as OtherCheckpoint

from audit.checkpoint import Checkpoint, open_checkpoint, open_note, parse_checkpoint, sign_note
from audit.errors import NoteInvalid
from audit.keys import Ed25519Signer, Vkey
from audit.merkle import EMPTY_ROOT
from tests.unit.audit.conftest import ORIGIN

SIGNER = Ed25519Signer(ORIGIN, b"\1" * 32)
OTHER = Ed25519Signer("witness.example", b"\3" * 32)
CHECKPOINT = Checkpoint(ORIGIN, 7, b"\7" * 32)
NOTE = sign_note(CHECKPOINT.text(), SIGNER)

# The example of golang.org/x/mod/sumdb/note.
GO_NAME, GO_KEY = "PeterNeumann", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_opens_the_note_of_the_reference_implementation():
    """A note signed by Go's own package is accepted."""
    vkey = Vkey(GO_NAME, base64.b64decode(GO_KEY)[1:])
    assert vkey.key_id.hex() == "c74f20a3"
    assert open_note(GO_NOTE, vkey).startswith("If you think")


def test_an_independent_reader_accepts_our_checkpoint():
    """tlog-scales reads the same origin, size and root, and verifies the signature."""
    other = OtherCheckpoint.from_text(NOTE)
    assert (other.origin, other.size, other.root_hash) == (ORIGIN, 7, b"\7" * 32)
    OtherVkey.from_string(str(SIGNER.vkey)).get_verifier().verify_note(other.signatures[0], other)


def test_signatures_of_other_keys_are_ignored():
    """Witnesses add lines; the log's own is the one that counts here."""
    note = sign_note(CHECKPOINT.text(), OTHER, SIGNER)
    assert open_checkpoint(note, SIGNER.vkey) == CHECKPOINT
    with pytest.raises(NoteInvalid, match="origin"):
        open_checkpoint(note, OTHER.vkey)


def replaced(old: str, new: str) -> str:
    assert old in NOTE
    return NOTE.replace(old, new, 1)


SIGNATURE = NOTE.rsplit(" ", 1)[1].strip()


@pytest.mark.parametrize(
    "note",
    [
        "",
        NOTE.removesuffix("\n"),
        NOTE.replace("\n\n", "\n"),
        replaced("7\n", "8\n"),
        replaced("—", "-"),
        replaced("— ", "—  "),
        replaced(SIGNATURE, "AAAA"),
        replaced(SIGNATURE, "AA AA"),
        replaced(SIGNATURE, SIGNATURE[:-2] + "=="),
        replaced(SIGNATURE, base64.b64encode(base64.b64decode(SIGNATURE)[:-1] + b"\0").decode()),
        replaced(ORIGIN, "other.example"),
        replaced("7\n", "7\x00\n"),
        NOTE + "\n",
        NOTE + NOTE,
        "x" * 1_000_001 + NOTE,
        sign_note(CHECKPOINT.text(), OTHER),
        sign_note(CHECKPOINT.text(), Ed25519Signer(ORIGIN, b"\4" * 32)),
    ],
)
def test_refuses_a_note_the_key_has_not_signed_as_it_stands(note):
    """Any change of the text or of the form of the signature lines is a refusal."""
    with pytest.raises(NoteInvalid):
        open_note(note, SIGNER.vkey)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n7\n",
        f"\n7\n{'A' * 43}=\n",
        f"origin\n07\n{'A' * 43}=\n",
        f"origin\n-7\n{'A' * 43}=\n",
        f"origin\n7\n{'A' * 42}B=\n",
        "origin\n7\nAAAA\n",
        "origin\n7\n!!!!\n",
        f"origin\n7\n{'A' * 43}=\n\nextension\n",
    ],
)
def test_refuses_lines_that_are_no_checkpoint(text):
    """Each value has one way to be written."""
    with pytest.raises(NoteInvalid):
        parse_checkpoint(text)


def test_extension_lines_are_skipped():
    """A checkpoint may say more than we read."""
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert parse_checkpoint(f"{empty.text()}extension\n") == empty
