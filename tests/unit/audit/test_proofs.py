"""Proofs as text: what is written is read back, what is not in the form of the norm is refused."""

import base64

import pytest
from tlog_scales.tlog import InclusionProof as Theirs

from audit import merkle, proofs
from audit.checkpoint import Checkpoint, sign_note
from audit.errors import NoteInvalid, ProofInvalid
from audit.keys import Ed25519Signer
from audit.merkle import CompactRange, leaf_hash
from tests.unit.audit.conftest import write_consistency

SIGNER = Ed25519Signer("log.example/2026", b"\1" * 32)
LEAVES = [leaf_hash(b"%d" % number) for number in range(13)]


def node(level, index):
    return merkle.root(LEAVES[index << level : (index + 1) << level])


def note(size):
    return sign_note(Checkpoint("log.example/2026", size, merkle.root(LEAVES[:size])).text(), SIGNER)


def text_of(index, size, extra=None):
    return proofs.write(index, merkle.inclusion_path(index, size, node), note(size), extra)


def test_every_inclusion_in_every_size_reads_back_and_holds():
    """Also for an independent implementation of the path; no entry passes for another."""
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            proof = proofs.parse(text_of(index, size))
            assert proof.extra is None
            assert proofs.verify(proof, LEAVES[index], SIGNER.vkey).size == size
            Theirs(index, size, list(proof.path)).check(LEAVES[index], merkle.root(LEAVES[:size]))
            with pytest.raises(ProofInvalid):
                proofs.verify(proof, LEAVES[(index + 1) % len(LEAVES)], SIGNER.vkey)


def test_the_text_is_the_one_of_the_norm():
    """Header, index, path, empty line, the checkpoint verbatim; extra data stands second."""
    path = merkle.inclusion_path(2, 3, node)
    assert text_of(2, 3) == "\n".join(
        ["c2sp.org/tlog-proof@v1", "index 2", base64.b64encode(path[0]).decode(), "", note(3)]
    )
    assert text_of(2, 3, b"\0\1").split("\n")[1] == "extra AAE="
    assert proofs.parse(text_of(2, 3, b"\0\1")).extra == b"\0\1"
    assert proofs.parse(text_of(0, 1)).path == ()


def test_another_key_does_not_vouch_for_a_proof():
    """The checkpoint inside is opened with the keys one holds."""
    with pytest.raises(NoteInvalid):
        proofs.verify(proofs.parse(text_of(2, 3)), LEAVES[2], Ed25519Signer("log.example/2026", b"\2" * 32).vkey)


WRONG = {
    "no header": lambda t: t.replace("tlog-proof@v1", "tlog-proof@v2"),
    "nothing after the path": lambda t: t.partition("\n\n")[0],
    "no index": lambda t: t.replace("index 2\n", ""),
    "no line at all": lambda _: "c2sp.org/tlog-proof@v1\n\n",
    "index with a zero before": lambda t: t.replace("index 2", "index 02"),
    "index signed": lambda t: t.replace("index 2", "index +2"),
    "index of other digits": lambda t: t.replace("index 2", "index ٢"),
    "a path that is not base64": lambda t: t.replace("=\n\nlog", "!\n\nlog"),
    "a path line cut": lambda t: t.replace("=\n\nlog", "\n\nlog"),
    "base64 of another writing": lambda t: t.replace("=\n\nlog", "=\nAAF=\n\nlog"),
    "a hash too short": lambda t: t.replace("\n\nlog", "\nAAA=\n\nlog"),
    "a path without end": lambda t: t.replace("\n\nlog", "\n" + "\n".join(["A" * 43 + "="] * 63) + "\n\nlog"),
    "extra after the index": lambda t: t.replace("index 2\n", "index 2\nextra AAE=\n"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_a_proof_is_refused(what):
    """One text per proof, and nothing beside it."""
    with pytest.raises(ProofInvalid):
        proofs.parse(WRONG[what](text_of(2, 3)))


def test_a_consistency_proof_is_the_body_of_add_checkpoint():
    """`old`, the path, an empty line, the newer checkpoint; read back it proves the extension."""
    path = merkle.consistency_path(5, 13, node)
    proof = proofs.parse_consistency(write_consistency(5, path, note(13)))
    assert (proof.old, list(proof.path), proof.note) == (5, path, note(13))
    old = CompactRange()
    old.extend(LEAVES[:5])
    assert merkle.verify_consistency(5, 13, old.root(), merkle.root(LEAVES), proof.path)
    with pytest.raises(ProofInvalid):
        proofs.parse_consistency(text_of(2, 3))
