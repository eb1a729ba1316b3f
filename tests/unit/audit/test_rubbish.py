"""Rubbish is told as such: a clean sentence and 1 or 2, whatever a file holds, and no more of it read than bounded."""

import base64
import json
import os
import resource
import zipfile
from pathlib import Path

import pytest

from audit import succession
from audit.checkpoint import Checkpoint, sign_note
from audit.command import main
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.receipts import receipt_name
from audit.succession import PublishedKey
from audit.table import table
from tests.unit.audit.conftest import BASE, NOW, ORIGIN
from tests.unit.audit.test_command import RECEIPTS, SIGNER, Given, receipt
from tests.unit.audit.test_evidence import an_extract
from tests.unit.audit.test_verify import put


@pytest.fixture
def given(tmp_path, capsys):
    return Given(tmp_path, capsys)


def listed(note):
    key = {"use": "log", "key": str(SIGNER.vkey.named(BASE)), "since": None, "until": None, "succession": note}
    return json.dumps({"keys": [key]})


LISTS = {
    "a statement that is no text": listed(5),
    "a statement that is no note": listed("rubbish"),
    "nested without end": "[" * 100_000,
    "not a list": '{"keys": 5}',
}


@pytest.mark.parametrize("what", LISTS)
def test_a_list_of_keys_of_another_form_fails_the_checkpoint(given, what):
    """With the key one holds, and with that of the directory."""
    put(given.log / "keys", LISTS[what].encode())
    assert given.failed(given.log, "--vkey", given.vkey) == ["checkpoint"]
    assert given.failed(given.log) == ["checkpoint"]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b" " * (1 << 20 | 1)], ids=["not text", "empty", "too large"])
def test_a_checkpoint_that_cannot_be_read_fails_beside_one_that_was_kept(given, data):
    """The log is told as not intact; the kept one is verified."""
    kept = given.file("kept", given.note(300))
    put(given.log / "checkpoint", data)
    assert given.failed(given.log, kept, "--vkey", given.vkey) == ["checkpoint"]
    (given.log / "checkpoint").unlink()
    (given.log / "checkpoint").mkdir()
    assert given.failed(given.log, kept, "--vkey", given.vkey) == ["checkpoint"]


@pytest.mark.parametrize("leaf", [b"{}", b'{"type":"exchange.released"}', b'{"v":1,"id":"x","time":1,"type":"a.b"}'])
def test_a_receipt_of_what_is_no_entry(given, leaf):
    """The receipts' key signs whatever its operator lets it sign."""
    digest = leaf_hash(leaf)
    note = sign_note(Checkpoint(receipt_name(ORIGIN), 1, digest).text(), RECEIPTS.named(receipt_name(ORIGIN)))
    text = base64.b64encode(digest).decode()
    members = {"index": 0, "leaf_hash": text, "tree_size": 1, "root_hash": text, "path": [], "entry": leaf.decode()}
    file = given.file("receipt.json", json.dumps(receipt(given, 3) | members | {"note": note}))
    assert given.failed(file, "--vkey", given.vkey) == ["receipt"]


def test_an_extract_with_something_else_in_the_place_of_an_entry(given):
    """A folder, bytes without end; also where a table lies beside, which is then not made."""
    out = an_extract(given)
    put(out / "entries.csv", b"x")
    (out / "entries/5.json").mkdir()
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
    (out / "entries/5.json").rmdir()
    put(out / "entries/5.json", b" " * (1 << 20 | 1))
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]


def test_a_time_that_no_calendar_has_is_an_empty_cell():
    """The table is of bytes that anybody may have written."""
    assert table([(0, b'{"time":9007199254740991}')]).decode().split("\r\n")[1].startswith("0,,")


def zipped(given, compression, damage):
    file = given.home / "copy.zip"
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("extrait.json", b"x" * 5000)
    file.write_bytes(damage(bytearray(file.read_bytes())))
    return file


def unreadable_name(data):
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + flags + 1] |= 0x08  # names are UTF-8
    return bytes(data).replace(b"extrait", b"extr\xff\xfet")


ARCHIVES = {
    "LZMA, damaged": (zipfile.ZIP_LZMA, lambda data: data[:60] + b"\xff" * 15 + data[75:]),
    "LZMA": (zipfile.ZIP_LZMA, bytes),
    "BZIP2": (zipfile.ZIP_BZIP2, bytes),
    "deflated, damaged": (zipfile.ZIP_DEFLATED, lambda data: data[:45] + b"\xff" * 8 + data[53:]),
    "a name that is no UTF-8": (zipfile.ZIP_STORED, unreadable_name),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_cannot_be_read(given, what):
    """Two, and a sentence."""
    assert given.run(zipped(given, *ARCHIVES[what]), "--vkey", given.vkey)[0] == 2


def test_an_archive_far_larger_than_its_file_is_not_unpacked(given):
    """Zeros shrink a thousandfold; nothing of an export does."""
    file = given.home / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("checkpoint", "w") as member:
        for _ in range(40):
            member.write(b"\0" * (1 << 20))
    status, _, err = given.run(file)
    assert (status, "holds more than" in err) == (2, True)


def test_links_that_lead_round_are_passed_over(given):
    """Two of them in a copy would be walked for ever."""
    for name in ("a", "b"):
        (given.log / name).symlink_to(".")
    assert given.held(given.log, "--vkey", given.vkey)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(given):
    """It is no part of a log."""
    os.mkfifo(given.log / "tile/0/000.p")
    assert given.failed(given.log, "--vkey", given.vkey) == ["files"]
    os.mkfifo(given.log / "keys")
    assert given.failed(given.log, "--vkey", given.vkey) == ["files"]


@pytest.mark.parametrize("way", ["iterdir", "open"])
def test_what_may_not_be_read_ends_with_two(given, monkeypatch, way):
    """A folder or a file of somebody else's."""
    path = given.log.parent / "kept" if way == "open" else given.log
    given.file("kept", given.note(300))

    def refuse(*_, **__):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, way, refuse)
        assert given.run(path)[0] == 2


def test_a_bundle_of_zeros_costs_no_memory(given):
    """Millions of empty entries fit in a few megabytes; nobody makes them."""
    put(given.log / "tile/entries/000", b"\0" * (6 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert given.failed(given.log, "--vkey", given.vkey)[0] in {"files", "entries"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_a_policy_that_names_other_logs_believes_no_key_of_this_one(given):
    """It says which logs to believe; the key beside a copy is for those who hold nothing."""
    other = Ed25519Signer("held.example/log", b"h" * 32)
    policy = given.file("policy", f"log {other.vkey}\nquorum none\n")
    assert given.failed(given.log, "--policy", policy) == ["checkpoint"]
    witnesses = given.file("witnesses", "quorum none\n")
    status, told, _ = given.run(given.log, "--policy", witnesses)
    assert (status, told["reports"][0]["key_given"]) == (0, False)


def test_a_value_nested_without_end_is_misuse(given):
    """As any that is no JSON."""
    file = given.file("person.json", "{}")
    assert main(["person", str(file), "--value", f"rsa.since={'[' * 100_000}"]) == 2


def test_a_statement_of_keys_that_is_text_is_read():
    """The other side of what is refused."""
    key = PublishedKey("log", str(SIGNER.vkey), NOW, None, "text")
    assert succession.from_json(succession.to_json([key])) == [key]
