"""Receipts of authorisations, offline: what holds, and each way in which one does not."""

import base64
import copy
import json
from typing import Any

import pytest

from audit import consent_receipts, jws, merkle, proofs
from audit.canonical import digest, dumps, loads
from audit.checkpoint import Checkpoint, sign_note
from audit.errors import ReceiptInvalid
from audit.keys import Ed25519Signer

ORIGIN = "gateway.example/log/2026"
RECEIPT = Ed25519Signer("gateway.example/log/receipt", b"r" * 32)
LOG = Ed25519Signer("gateway.example/log", b"l" * 32)
RECORD = "01a2029cf1a77000800000000000000a"
WHOLE = {"header": {"record_id": RECORD}, "purpose": {"text": "Une phrase."}}
LEAF = dumps({"type": "authorisation.given", "authorisation": RECORD, "purpose": "support.youth",
              "catalogue": "c" * 64, "fields": ["rsa.since"], "record": digest(WHOLE).hex(), "v": 1})  # fmt: skip
LEAVES = [merkle.leaf_hash(each) for each in (b"first", LEAF, b"third")]
CLAIMS: dict[str, Any] = {
    "iss": "https://gateway.example",
    "iat": 1_795_000_000,
    "jti": f"{RECORD}.2",
    "sub": "psn_1",
    "schema_version": "iso-27560/passerelle-1",
    "record": {
        "header": {"record_id": RECORD, "subject_ref": "psn_1", "catalogue": "c" * 64},
        "purpose": {"purpose_id": "support.youth"},
        "data": [{"field_id": "rsa.since"}],
    },
    "record_digest": digest(WHOLE).hex(),
    "status": {},
    "journal": {"origin": ORIGIN, "index": 1, "leaf_hash": base64.b64encode(LEAVES[1]).decode()},
}


def changed(*steps: str, to: Any) -> dict[str, Any]:
    """The claims with one member replaced, or taken out by None."""
    claims = copy.deepcopy(CLAIMS)
    inner: Any = claims
    for step in steps[:-1]:
        inner = inner[step]
    if to is None:
        del inner[steps[-1]]
    else:
        inner[steps[-1]] = to
    return claims


def signed(claims: Any, signer: Ed25519Signer = RECEIPT) -> str:
    return jws.sign(claims, typ=consent_receipts.TYPE, signer=signer)


def proof(index: int = 1, signer: Ed25519Signer = LOG) -> str:
    checkpoint = Checkpoint(ORIGIN, 3, merkle.root(LEAVES))
    note = sign_note(checkpoint.text(), signer.named(ORIGIN))
    path = [LEAVES[0], LEAVES[2]] if index == 1 else [LEAVES[1], LEAVES[2]]
    return proofs.write(index, path, note)


def test_a_receipt_that_holds_says_what_was_given() -> None:
    """Signature, members, one record; a final line end does no harm."""
    assert consent_receipts.verify(signed(CLAIMS) + "\n", RECEIPT.vkey) == CLAIMS
    own = RECEIPT.named(f"{ORIGIN}/receipt")
    assert consent_receipts.verify(signed(CLAIMS), own.vkey) == CLAIMS


WRONG = {
    "a member missing": changed("status", to=None),
    "a member too many": {**CLAIMS, "exp": 1},
    "not an object": ["a", "list"],
    "not even a list": 7,
    "journal without its hash": changed("journal", "leaf_hash", to=None),
    "journal of another form": changed("journal", to="x"),
    "another person": changed("sub", to="psn_2"),
    "another record": changed("jti", to="0" * 32 + ".2"),
    "no header": changed("record", "header", to=None),
    "an id that is no text": changed("jti", to=7),
    "a digest that is none": changed("record_digest", to="x"),
    "an index that is none": changed("journal", "index", to="1"),
    "another log": changed("journal", "origin", to="elsewhere.example/log/2026"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_that_is_signed_but_says_nonsense_is_refused(name: str) -> None:
    """A right signature is not enough."""
    with pytest.raises(ReceiptInvalid):
        consent_receipts.verify(signed(WRONG[name]), RECEIPT.vkey)


def test_the_key_of_the_log_signs_no_receipt() -> None:
    """Each key has its use."""
    with pytest.raises(ReceiptInvalid):
        consent_receipts.verify(signed(CLAIMS, LOG), LOG.vkey)


def test_the_journal_proves_the_entry() -> None:
    """A C2SP proof of that entry, under the log's key; of no other."""
    assert consent_receipts.prove(CLAIMS, proof(), LOG.vkey) == 3
    for text, claims in (
        (proof(0), CLAIMS),
        (proof(signer=Ed25519Signer("gateway.example/log", b"x" * 32)), CLAIMS),
        ("no proof", CLAIMS),
        (proof(), changed("journal", "leaf_hash", to="no base64!")),
        (proof(0), changed("journal", "leaf_hash", to=base64.b64encode(LEAVES[0]).decode())),
    ):
        with pytest.raises(ReceiptInvalid):
            consent_receipts.prove(claims, text, LOG.vkey)


def test_the_entry_says_the_same_as_the_receipt() -> None:
    """Purpose, fields, catalogue and digest of what was given are in the journal too."""
    consent_receipts.compare(CLAIMS, LEAF)
    for claims, leaf in (
        (CLAIMS, b"first"),
        (changed("record", "data", to=[]), LEAF),
        (changed("record_digest", to="0" * 64), LEAF),
    ):
        with pytest.raises(ReceiptInvalid):
            consent_receipts.compare(claims, leaf)


def test_an_entry_from_before_records_were_named_says_the_same() -> None:
    """Such an entry binds purpose, fields and catalogue; the digest is bound by the receipt alone."""
    leaf = dumps({name: value for name, value in loads(LEAF).items() if name != "record"})
    named = base64.b64encode(merkle.leaf_hash(leaf)).decode()
    consent_receipts.compare(changed("journal", "leaf_hash", to=named), leaf)


def test_the_persons_copy_is_recognised() -> None:
    """The digest binds what the receipt leaves out."""
    file = {"authorisations": [{"state": "tombstoned"}, {"record": WHOLE}]}
    consent_receipts.find(CLAIMS, json.dumps(file))
    other = json.dumps({"authorisations": [{"record": {**WHOLE, "purpose": {"text": "Une autre phrase."}}}]})
    for text in (
        other,
        "{}",
        "[]",
        "no JSON",
        "[" * 100_000,
        '{"authorisations": [7]}',
        '{"authorisations": [{"record": 0.5}]}',
    ):
        with pytest.raises(ReceiptInvalid):
            consent_receipts.find(CLAIMS, text)
