"""Numbers that lack after a pruning are looked up in a copy of the log: what an entry still bears was left out."""

import json
from pathlib import Path

import pytest

from audit import merkle
from audit.command import main
from audit.person import FORMAT, verify_person
from audit.person_key import PersonKey
from audit.trust import Trust
from tests.unit.audit.conftest import BASE, ORIGIN
from tests.unit.audit.test_person import KEY, text
from tests.unit.audit.test_verify import SIGNER, decided, entry, leaves_of, put, released, write

OTHER = PersonKey(b"u" * 32, b"v" * 32)
VKEY = SIGNER.vkey.named(BASE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A log whose first 256 entries were pruned, with six about the person after them."""
    entries = [entry("log.created", origin=ORIGIN), *(entry("later.type") for _ in range(299))]
    for number in range(0, 6, 2):
        ref = f"{number:032x}"
        entries += [decided(ref, subject=KEY.tag(number)), released(ref, subject=KEY.tag(number + 1))]
    entries += [decided("9" * 32, subject=OTHER.tag(0)), entry("log.pruned", origin=ORIGIN, minimum=256, months=12)]
    write(tmp_path / "copy", leaves_of(entries))
    (tmp_path / "leaves").write_text(json.dumps([leaf.decode() for leaf in leaves_of(entries)]))
    (tmp_path / "copy/tile/entries/000").unlink()
    put(tmp_path / "held.vkey", f"{VKEY}\n".encode())
    return tmp_path / "copy"


def list_of(copy: Path, first: int, count: int = 6, key: PersonKey = KEY) -> Path:
    """The person's list from a number on."""
    leaves = [leaf.encode() for leaf in json.loads((copy.parent / "leaves").read_text())]

    def line(index: int) -> dict[str, object]:
        def node(level: int, at: int) -> bytes:
            return merkle.root(map(merkle.leaf_hash, leaves[at << level : (at + 1) << level]))

        path = [text(step) for step in merkle.inclusion_path(index, len(leaves), node)]
        return {"checkpoint": 0, "index": index, "entry": leaves[index].decode(), "path": path}

    content = {
        "format": FORMAT, "key": key.export(), "count": count, "keys": [],
        "checkpoints": [(copy / "checkpoint").read_text()], "announced": [line(len(leaves) - 1)],
        "entries": [{"number": number, **line(300 + number)} for number in range(first, 6)],
    }  # fmt: skip
    put(copy.parent / "person.json", json.dumps(content).encode())
    return copy.parent / "person.json"


def test_a_number_that_an_entry_still_bears_was_left_out(copy: Path) -> None:
    """Without the copy it is not checked; with it, it fails and names the entry."""
    file = list_of(copy, 3)
    trust = Trust((VKEY,))
    assert verify_person(file, trust).ok
    report = verify_person(file, trust, copy=copy)
    assert report.failed() == ["numbers"]
    assert report.checks[5].detail.endswith(f"and not pruned: entry 300 of {ORIGIN}")


def test_a_number_in_no_entry_of_the_copy_is_still_not_checked(copy: Path) -> None:
    """The copy shows that it was not left out of what is kept; nobody shows what was pruned."""
    leaves = json.loads((copy.parent / "leaves").read_text())
    for index, each in ((303, KEY.tag(9)), (304, KEY.tag(10)), (305, KEY.tag(11))):
        leaf = json.loads(leaves[index]) | {"subject": each}
        leaves[index] = leaves_of([leaf])[0].decode()
    for index in (300, 301, 302):
        leaves[index] = leaves_of([json.loads(leaves[index]) | {"subject": OTHER.tag(index)}])[0].decode()
    (copy.parent / "leaves").write_text(json.dumps(leaves))
    write(copy, [leaf.encode() for leaf in leaves])
    (copy / "tile/entries/000").unlink()
    file = list_of(copy, 3)
    content = json.loads(file.read_text())
    for number, line in enumerate(content["entries"], 9):
        line["number"] = number
    put(file, json.dumps(content | {"count": 12}).encode())
    check = verify_person(file, Trust((VKEY,)), copy=copy).checks[5]
    assert (check.ok, check.detail) == (None, "numbers below 9 are in no entry that the copy holds")


def test_a_copy_that_cannot_be_read_explains_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged bundle; a list that claims more numbers than anybody has."""
    file = list_of(copy, 3)
    with monkeypatch.context() as patch:
        patch.setattr("audit.person_copy._MOST", 2)
        assert "too many" in verify_person(file, Trust((VKEY,)), copy=copy).checks[5].detail
    [bundle] = (copy / "tile/entries").glob("001.p/*")
    bundle.write_bytes(b"\0")
    assert verify_person(file, Trust((VKEY,)), copy=copy).failed() == ["numbers"]


def test_the_command_verifies_the_copy_as_well(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One report for the log, one for the list; what is no log is misuse."""
    options = ["--vkey", str(copy.parent / "held.vkey"), "--json"]
    whole, beside = str(list_of(copy, 0)), ["--log", str(copy)]
    assert main(["person", whole, *beside, *options]) == 0
    assert [report["about"] for report in json.loads(capsys.readouterr().out)["reports"]][1] == "person.json"
    short = str(list_of(copy, 3))
    assert main(["person", short, *options]) == 0
    assert main(["person", short, *beside, *options]) == 1
    assert main(["person", short, "--log", str(copy.parent / "nothing"), *options]) == 2
