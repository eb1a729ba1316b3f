"""Verifiers that others wrote, each asked the same: is this directory the log whose key and old head I hold?

Each gives the empty text, or why it refuses. None of them uses our code to judge; where one needs the proofs made
for it, they come from the directory's own tiles.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pymerkle import InmemoryTree
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey as ForeignVkey
from tlog_scales.signing import VkeySet
from tlog_scales.tlog import Checkpoint

from audit.keys import Vkey

INSTALLED = Path(sys.prefix) / "foreign"
_SCRIPT = Path(__file__).with_name("sigstore.cjs")

Tool = Callable[[Path, Sequence[Vkey], str], str]
"""Judges a directory by public keys, the log's first, then the witness's, and the note of an older checkpoint."""


def tlog_scales(copy: Path, vkeys: Sequence[Vkey], held: str) -> str:
    """Signature and cosignature, root from the tiles, every entry's inclusion, consistency with the head held."""
    reader = TilesReader(LocalBackend(copy))
    try:
        checkpoint = reader.get_checkpoint()
        keys = VkeySet(*(ForeignVkey.from_string(str(vkey)) for vkey in vkeys))
        if len(keys.verify(checkpoint.signatures, checkpoint)) < len(vkeys):
            return "signature"
        if reader.calculate_root_hash() != checkpoint.root_hash:
            return "root"
        for index in range(checkpoint.size):
            leaf = hashlib.sha256(b"\0" + reader.get_entry(index)).digest()
            reader.get_inclusion_proof(index, checkpoint.size).check(leaf, checkpoint.root_hash)
        old = Checkpoint.from_text(held)
        reader.get_consistency_proof(old.size, checkpoint.size).check(old.root_hash, checkpoint.root_hash)
    except Exception as error:  # noqa: BLE001  it says no in many ways
        return f"{type(error).__name__}: {error}"
    return ""


def sigstore(copy: Path, vkeys: Sequence[Vkey], held: str) -> str:
    """Signature of both notes, and every entry's inclusion, by paths that the directory's own tiles give."""
    try:
        reader = TilesReader(LocalBackend(copy))
        size = reader.get_checkpoint().size
        proofs = [
            {
                "index": index,
                "hashes": [_text(step) for step in reader.get_inclusion_proof(index, size).node_hashes],
                "body": _text(reader.get_entry(index)),
            }
            for index in range(size)
        ]
        note = (copy / "checkpoint").read_text("utf-8")
    except (OSError, ValueError, RuntimeError, IndexError, AssertionError) as error:
        return f"no proofs can be made: {type(error).__name__}"
    return _sigstore(vkeys[0], held, []) or _sigstore(vkeys[0], note, proofs)


def _sigstore(vkey: Vkey, note: str, proofs: list[Mapping[str, object]]) -> str:
    node = shutil.which("node")
    if node is None or not (INSTALLED / "node_modules").is_dir():
        pytest.fail("@sigstore/verify is missing: `make test` installs it (it needs node and npm)")
    public = Ed25519PublicKey.from_public_bytes(vkey.public)
    asked = {
        "origin": vkey.name,
        "public": _text(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "keyId": vkey.key_id.hex(),
        "note": note,
        "proofs": proofs,
    }
    done = subprocess.run(
        [node, _SCRIPT, INSTALLED], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert answer["proofs"] == len(proofs)
    return answer["refused"]


def pymerkle(copy: Path, _: Sequence[Vkey], held: str) -> str:
    """Its own tree over the entries: the roots at both sizes. It knows no signatures."""
    try:
        new, old = (Checkpoint.from_text(note) for note in ((copy / "checkpoint").read_text("utf-8"), held))
        entries = _entries(copy)
        tree = InmemoryTree(algorithm="sha256")
        for entry in entries:
            tree.append_entry(entry)
        heads = [tree.get_root(checkpoint.size) for checkpoint in (new, old)]
    except Exception as error:  # noqa: BLE001  idem
        return f"{type(error).__name__}: {error}"
    if len(entries) != new.size:
        return "number of entries"
    return "" if heads == [new.root_hash, old.root_hash] else "root"


def _entries(copy: Path) -> list[bytes]:
    """Every entry, read with somebody else's reader."""
    backend = LocalBackend(copy)
    reader = TilesReader(backend)
    checkpoint = reader.get_checkpoint()
    return [reader.get_entry(index) for index in range(checkpoint.size)]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


TOOLS: Mapping[str, Tool] = {"tlog-scales": tlog_scales, "@sigstore/verify": sigstore, "pymerkle": pymerkle}
