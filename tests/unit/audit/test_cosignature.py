"""Cosignatures are those of C2SP tlog-cosignature."""

import base64
import contextlib
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.signing import Vkey as OtherVkey
from tlog_scales.signing import VkeySet
from tlog_scales.tlog import Checkpoint as OtherCheckpoint

from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.cosignature import Cosigner, cosigned, create_cosigner, load_cosigner, parse_witness_vkey
from audit.errors import KeyRefused, NoteInvalid
from audit.keys import Ed25519Signer, load_key, parse_vkey
from tests.unit.audit.conftest import ORIGIN

TIME = 1_790_000_000
LOG = Ed25519Signer(ORIGIN, b"\1" * 32)
WITNESS = Cosigner("witness.example/w1", b"\3" * 32)
SECOND = Cosigner("witness.example/w2", b"\4" * 32)
TEXT = Checkpoint(ORIGIN, 7, b"\7" * 32).text()
NOTE = sign_note(TEXT, LOG)

PUBLIC_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
PUBLIC_WITNESSES = (
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
)
PUBLIC_CHECKPOINT = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtE\
roeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23\
oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7s\
EodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0t\
gh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWf\
Bw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/T\
mN9DAg==
"""


def test_an_independent_verifier_accepts_our_cosignature():
    """tlog-scales reads the public key text and the line, verifies both signatures, and reads the time."""
    other = OtherCheckpoint.from_text(NOTE + WITNESS.cosign(TEXT, TIME))
    log, witness = OtherVkey.from_string(str(LOG.vkey)), OtherVkey.from_string(str(WITNESS.vkey))
    assert witness.key_id == int.from_bytes(WITNESS.vkey.key_id)
    valid = VkeySet(log, witness).verify(other.signatures, other)
    assert {vkey.name for vkey, _ in valid} == {ORIGIN, "witness.example/w1"}
    assert witness.get_verifier().get_timestamp(other.signatures[1].payload) == TIME


def test_accepts_a_checkpoint_of_a_public_log_and_its_four_witnesses():
    """Signed and cosigned by five programs of others, on 2026-05-23; one bit less and it is refused."""
    vkeys = [parse_witness_vkey(text) for text in PUBLIC_WITNESSES]
    assert cosigned(PUBLIC_CHECKPOINT, vkeys) == dict.fromkeys(vkeys, 1_779_573_024)
    assert open_checkpoint(PUBLIC_CHECKPOINT, parse_vkey(PUBLIC_LOG)).size == 1_432_088_532
    with pytest.raises(NoteInvalid):
        cosigned(PUBLIC_CHECKPOINT.replace("1432088532", "1432088533"), vkeys[:1])


def test_tells_who_has_cosigned_and_when():
    """Lines of the log and of strangers are passed over; of several lines of one witness the earliest counts."""
    note = NOTE + WITNESS.cosign(TEXT, TIME + 9) + SECOND.cosign(TEXT, TIME) + WITNESS.cosign(TEXT, TIME)
    assert cosigned(note, [WITNESS.vkey]) == {WITNESS.vkey: TIME}
    assert cosigned(note, [WITNESS.vkey, SECOND.vkey]) == {WITNESS.vkey: TIME, SECOND.vkey: TIME}
    assert cosigned(NOTE, [WITNESS.vkey]) == {}


def forged(**changes: int) -> str:
    """A line in the witness's name with a byte of it changed, counted after the key id."""
    raw = bytearray(base64.b64decode(WITNESS.cosign(TEXT, TIME).split()[2]))
    for position, value in changes.items():
        raw[int(position.removeprefix("at_"))] = value
    return f"— {WITNESS.vkey.name} {base64.b64encode(raw).decode()}\n"


@pytest.mark.parametrize(
    "line",
    [
        forged(at_11=0),
        forged(at_4=0xFF),
        forged(at_75=0),
        WITNESS.cosign(TEXT.replace("7", "8", 1), TIME),
        f"— {WITNESS.vkey.name} {base64.b64encode(WITNESS.vkey.key_id + b'12345678').decode()}\n",
    ],
    ids=["other time", "time after 2^63", "other signature", "other checkpoint", "short"],
)
def test_a_line_in_a_known_name_that_does_not_hold_refuses_the_note(line):
    """The norm has the whole note rejected: who passes it on is careless or lies."""
    with pytest.raises(NoteInvalid, match="cosignature"):
        cosigned(NOTE + line, [WITNESS.vkey])
    assert cosigned(NOTE + line, [SECOND.vkey]) == {}


@pytest.mark.parametrize("time_s", [0, -1, 2**63])
def test_no_cosignature_without_a_time(time_s):
    """Time zero means no statement about the largest tree seen: a witness must not leave it out."""
    with pytest.raises(NoteInvalid, match="time"):
        WITNESS.cosign(TEXT, time_s)


def test_a_cosignature_dated_zero_is_refused():
    """Even well signed, it would not say when."""
    signature = bytes(8) + Ed25519Signer("x", b"\3" * 32).sign(f"cosignature/v1\ntime 0\n{TEXT}".encode())
    assert not WITNESS.vkey.accepts(signature, TEXT.encode())


def test_a_plain_signature_of_the_same_key_is_no_cosignature():
    """The kind is part of the key id: the two cannot be confused, not even for one key and name."""
    plain = Ed25519Signer("witness.example/w1", b"\3" * 32)
    assert plain.vkey.public == WITNESS.vkey.public
    assert plain.vkey.key_id != WITNESS.vkey.key_id
    assert plain.vkey != WITNESS.vkey
    assert cosigned(sign_note(TEXT, LOG, plain), [WITNESS.vkey]) == {}


def test_a_witness_key_is_read_back_and_only_as_one(tmp_path):
    """A log's key file cannot serve as a witness's, nor the other way round."""
    created = create_cosigner(tmp_path / "witness.key", "witness.example/w1")
    assert stat.S_IMODE((tmp_path / "witness.key").stat().st_mode) == 0o600
    assert load_cosigner(tmp_path / "witness.key").vkey == created.vkey
    with pytest.raises(KeyRefused, match="kind"):
        load_key(tmp_path / "witness.key")


def test_public_texts_of_witnesses_are_values():
    """What is published is read back; a log's text is refused in its place."""
    assert parse_witness_vkey(f"{WITNESS.vkey}\n") == WITNESS.vkey
    with pytest.raises(KeyRefused, match="kind"):
        parse_witness_vkey(str(LOG.vkey))
    with pytest.raises(KeyRefused, match="kind"):
        parse_vkey(str(WITNESS.vkey))


@pytest.mark.parametrize("name", ["a b", "a\u00a0b", "", "a\x01b"])
def test_a_foreign_name_has_no_blank(name):
    """A name with a blank would be read as two."""
    text = f"{name}+00000000+{base64.b64encode(bytes([4]) + bytes(32)).decode()}"
    with pytest.raises(KeyRefused):
        parse_witness_vkey(text)


@given(st.text())
def test_rubbish_is_no_cosigned_checkpoint(text):
    """Whatever stands where signatures stand is passed over or refused by name."""
    with contextlib.suppress(NoteInvalid):
        assert cosigned(NOTE + text, [WITNESS.vkey]) == {}
