"""An archive is no more than its proof: what nobody signed is not said to hold."""

import hashlib
import json
from pathlib import Path

import pytest

from audit.person import FORMAT
from audit.trust import Trust
from gateway.archive.files import SUMS, check_archive
from tests.unit.audit.test_person import BASE, KEY, SIGNER, Tree


def folder(home: Path, archive: str, *, signed: bool = True) -> Path:
    """An archive of these files, its sums as they must be, and a proof that there is no entry about the person."""
    tree = Tree(2026)
    tree.add(type="log.created", origin=f"{BASE}/2026")
    notes = [tree.note()] if signed else []
    proof = {"format": FORMAT, "key": KEY.export(), "count": 0, "keys": [], "checkpoints": notes, "entries": [],
             "announced": []}  # fmt: skip
    page = "".join(f"<h3>N° {number} · </h3>" for number in range(3))
    files = {"archive.json": archive, "proof.json": json.dumps(proof), "mes-informations.html": page}
    for name, text in files.items():
        (home / name).write_text(text, "utf-8")
    sums = "".join(f"{hashlib.sha256((home / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(files))
    (home / SUMS).write_text(sums, "ascii")
    return home


INVENTED = json.dumps({"entries": [{"number": n, "entry": {"type": "exchange.decided", "org": "x"}} for n in range(3)]})


def test_invented_entries_beside_a_proof_of_none_are_told_as_not_checked(tmp_path: Path) -> None:
    """The proof is whole and says nothing of them."""
    proved, report = check_archive(folder(tmp_path, INVENTED), Trust((SIGNER.vkey,)))
    assert proved.ok
    told = {check.name: check for check in report.checks}
    assert (told["entries"].ok, told["entries"].detail.startswith("3 of 3 are newer")) == (None, True)


def test_invented_entries_beside_a_proof_that_nobody_signed_fail(tmp_path: Path) -> None:
    """An empty list without a checkpoint is anybody's."""
    proved, report = check_archive(folder(tmp_path, INVENTED, signed=False), Trust((SIGNER.vkey,)))
    assert proved.failed() == ["checkpoints"]
    assert "proof" in report.failed()


@pytest.mark.parametrize("archive", ["[" * 100_000, "[]", "", '{"entries": [{}]}'])
def test_an_archive_that_cannot_be_read_is_told(tmp_path: Path, archive: str) -> None:
    """Nothing of it raises."""
    [report] = check_archive(folder(tmp_path, archive), Trust((SIGNER.vkey,)))
    assert report.failed() == ["entries"]
