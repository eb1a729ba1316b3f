"""`python -m audit verify`: every kind of file, judged with what one holds; 0 held, 1 failed, 2 cannot be read."""

import base64
import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit import merkle, proofs, receipts, succession
from audit.canonical import dumps
from audit.checkpoint import Checkpoint, sign_note
from audit.command import main
from audit.cosignature import Cosigner
from audit.directory import Directory
from audit.evidence import EXTRACT_CHECKS, PAIR_CHECKS, PROOF_CHECKS
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.succession import PublishedKey
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, write_consistency
from tests.unit.audit.test_verify import entry, exchanges, leaves_of, put, write

ROOT = Path(__file__).parents[3]
SIGNER = Ed25519Signer(ORIGIN, b"\1" * 32)
RECEIPTS = Ed25519Signer(f"{BASE}/receipt", b"\2" * 32)
WITNESSES = [Cosigner(f"w{number}.example", bytes([10 + number]) * 32) for number in range(3)]


class Given:
    """One log of 606 entries, the keys and policies one holds, and ways to run the command."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys
        self.leaves = leaves_of(exchanges(300))
        self.hashes = [leaf_hash(leaf) for leaf in self.leaves]
        self.log = home / "log"
        write(self.log, self.leaves)
        self.vkey = self.file("held.vkey", f"{SIGNER.vkey.named(BASE)}\n{RECEIPTS.vkey}\n")

    def file(self, name: str, text: str | bytes) -> Path:
        put(self.home / name, text if isinstance(text, bytes) else text.encode())
        return self.home / name

    def node(self, level: int, index: int) -> bytes:
        return merkle.root(self.hashes[index << level : (index + 1) << level])

    def note(self, size: int, *, cosigners: int = 0, root: bytes | None = None, time: int = NOW // 1000) -> str:
        text = Checkpoint(ORIGIN, size, root or merkle.root(self.hashes[:size])).text()
        return sign_note(text, SIGNER) + "".join(one.cosign(text, time) for one in WITNESSES[:cosigners])

    def proof(self, index: int, **note: int) -> str:
        size = note.pop("size", len(self.leaves))
        return proofs.write(index, merkle.inclusion_path(index, size, self.node), self.note(size, **note))

    def policy(self, quorum: str = "two") -> Path:
        lines = [f"log {SIGNER.vkey.named(BASE)}", *(f"witness {w.vkey.name} {w.vkey}" for w in WITNESSES)]
        names = " ".join(w.vkey.name for w in WITNESSES)
        return self.file("policy", "\n".join([*lines, f"group two 2 {names}", f"quorum {quorum}", ""]))

    def run(self, *arguments: object) -> tuple[int, dict, str]:
        self.capsys.readouterr()
        status = main(["verify", "--json", *map(str, arguments)])
        told = self.capsys.readouterr()
        return status, json.loads(told.out) if told.out else {}, told.err

    def failed(self, *arguments: object) -> list[str]:
        status, told, _ = self.run(*arguments)
        assert status == 1
        return [check["name"] for report in told["reports"] for check in report["checks"] if check["ok"] is False]

    def held(self, *arguments: object) -> dict[str, str]:
        status, told, err = self.run(*arguments)
        assert (status, told["ok"]) == (0, True), (told, err)
        return {check["name"]: check["detail"] for report in told["reports"] for check in report["checks"]}


@pytest.fixture
def given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Given:
    return Given(tmp_path, capsys)


def test_a_directory_is_verified_with_the_key_one_holds(given):
    """The key of the log's base name stands for each of its years; words end with the verdict."""
    assert given.held(given.log, "--vkey", given.vkey)["checkpoint"] == f"{ORIGIN}, 606 entries"
    assert main(["verify", str(given.log)]) == 0
    assert given.capsys.readouterr().out.endswith("(with the key found beside it: compare it with one you hold)\n")
    other = given.file("other.vkey", f"{Ed25519Signer(BASE, b'x' * 32).vkey}\n")
    assert given.failed(given.log, "--vkey", other) == ["checkpoint"]


def test_a_proof_and_its_entry(given):
    """Beside it or given; another entry, another index, an edited path, a cut signature are told by name."""
    proof = given.file("7.tlog-proof", given.proof(7))
    held = given.file("7.json", given.leaves[7])
    assert list(given.held(proof, "--vkey", given.vkey)) == list(PROOF_CHECKS)
    away = held.rename(given.home / "entry.json")
    assert given.held(proof, away, "--vkey", given.vkey)["inclusion"] == "entry 7"
    other = given.file("8.json", given.leaves[8])
    assert given.failed(proof, other, "--vkey", given.vkey) == ["inclusion"]
    moved = given.file("9.tlog-proof", given.proof(7).replace("index 7", "index 6"))
    assert given.failed(moved, away, "--vkey", given.vkey) == ["inclusion"]
    forged = sign_note(Checkpoint(ORIGIN, 606, b"\0" * 32).text(), Ed25519Signer(ORIGIN, b"x" * 32))
    stranger = given.file("10.tlog-proof", proofs.write(7, [], forged))
    assert given.failed(stranger, away, "--vkey", given.vkey) == ["checkpoint"]


def test_a_proof_of_what_is_no_entry(given):
    """The tree can hold anything its operator signs; the entry is looked at as well."""
    given.leaves.append(b'{"v":1,"type":"log.created","id":"x"}')
    given.hashes.append(leaf_hash(given.leaves[-1]))
    proof = given.file("606.tlog-proof", given.proof(606))
    given.file("606.json", given.leaves[-1])
    assert given.failed(proof, "--vkey", given.vkey) == ["entry"]


def test_the_json_form_of_a_proof_is_the_same_proof(given):
    """As the gateway answers with Accept: application/json."""
    proof = proofs.parse(given.proof(7))
    content = {"index": 7, "path": [base64.b64encode(step).decode() for step in proof.path], "checkpoint": proof.note}
    away = given.file("entry.json", given.leaves[7])
    file = given.file("7.receipt", json.dumps(content))
    assert given.held(file, away, "--vkey", given.vkey)["entry"].startswith("exchange.")
    for wrong in ({"path": 3}, {"path": [3]}, {"index": "07"}):
        file = given.file("7.receipt", json.dumps(content | wrong))
        assert given.run(file, away, "--vkey", given.vkey)[0] == 2


def receipt(given, index):
    name = receipts.receipt_name(ORIGIN)
    size = len(given.leaves)
    text = Checkpoint(name, size, merkle.root(given.hashes)).text()
    path = merkle.inclusion_path(index, size, given.node)
    members = {
        "origin": ORIGIN, "index": index, "tree_size": size, "entry": given.leaves[index].decode(),
        "leaf_hash": base64.b64encode(given.hashes[index]).decode(),
        "root_hash": base64.b64encode(merkle.root(given.hashes)).decode(),
        "path": [base64.b64encode(step).decode() for step in path],
    }  # fmt: skip
    return members | {"note": sign_note(text, RECEIPTS.named(name))}


def test_a_receipt_of_the_gateway(given):
    """With the receipts' key; an edited one fails, one of another log finds no key."""
    file = given.file("receipt.json", json.dumps(receipt(given, 3)))
    assert given.held(file, "--vkey", given.vkey)["receipt"] == "The receipt holds: exchange.released of ml-brume"
    edited = given.file("edited.json", json.dumps(receipt(given, 3) | {"index": 4}))
    assert given.failed(edited, "--vkey", given.vkey) == ["receipt"]
    only_log = given.file("log.vkey", f"{SIGNER.vkey}\n")
    assert given.run(file, "--vkey", only_log)[0] == 2


def test_two_checkpoints_with_what_lies_between(given):
    """A consistency proof, or the log itself, says whether one is an extension of the other."""
    old, new = given.file("old", given.note(300)), given.file("new", given.note(606))
    path = merkle.consistency_path(300, 606, given.node)
    bridge = given.file("bridge", write_consistency(300, path, given.note(606)))
    assert given.held(new, old, bridge, "--vkey", given.vkey)["extension"] == "606 is an extension of 300"
    assert given.held(old, given.log, "--vkey", given.vkey)["extension"] == "606 is an extension of 300"
    status, told, _ = given.run(old, new, "--vkey", given.vkey)
    assert (status, [check["name"] for check in told["reports"][0]["checks"]]) == (0, list(PAIR_CHECKS))
    assert told["reports"][0]["checks"][2]["ok"] is None
    assert given.held(given.file("same", given.note(300)), old, "--vkey", given.vkey)["extension"] == (
        "they are the same head"
    )
    assert given.held(old, "--vkey", given.vkey)["extension"] == "only one was given"
    empty = given.file("empty", given.note(0, root=merkle.EMPTY_ROOT))
    assert given.held(empty, old, "--vkey", given.vkey)["extension"] == "300 is an extension of 0"


def test_two_checkpoints_of_two_histories(given):
    """A fork is told, whoever signed it: same size with another root, or no extension of what came before."""
    old, new = given.file("old", given.note(300)), given.file("new", given.note(606))
    fork = given.file("fork", given.note(300, root=b"\7" * 32))
    path = merkle.consistency_path(300, 606, given.node)
    bridge = given.file("bridge", write_consistency(300, path, given.note(606)))
    assert given.failed(old, fork, "--vkey", given.vkey) == ["extension"]
    assert given.failed(fork, new, bridge, "--vkey", given.vkey) == ["extension"]
    between = given.file("between", given.note(400))
    status, told, _ = given.run(between, new, bridge, "--vkey", given.vkey)
    assert (status, told["reports"][0]["checks"][2]["ok"]) == (0, None)
    assert given.failed(fork, given.log, "--vkey", given.vkey) == ["extension"]
    longer = given.file("longer", given.note(700, root=b"\7" * 32))
    assert given.failed(longer, given.log, "--vkey", given.vkey) == ["extension"]  # rolled back
    other = Ed25519Signer(f"{BASE}/2025", b"\1" * 32)
    elsewhere = given.file("elsewhere", sign_note(Checkpoint(other.name, 300, b"\7" * 32).text(), other))
    assert given.failed(old, elsewhere, "--vkey", given.vkey) == ["extension"]
    unsigned = given.file("unsigned", sign_note(Checkpoint(ORIGIN, 3, b"\7" * 32).text(), RECEIPTS))
    assert given.failed(unsigned, "--vkey", given.vkey) == ["checkpoints"]


def test_the_policys_quorum_is_required_of_whatever_is_verified(given):
    """Two of three witnesses: of a log, a proof, a pair; a false cosignature fails the check."""
    policy = given.policy()
    given.file("7.json", given.leaves[7])
    for count, wrong in ((1, ["witnesses"]), (2, []), (3, [])):
        put(given.log / "checkpoint", given.note(606, cosigners=count).encode())
        proof = given.file("7.tlog-proof", given.proof(7, cosigners=count))
        pair = given.file("pair", given.note(300, cosigners=count))
        for paths in ((given.log,), (proof,), (pair,)):
            if wrong:
                assert given.failed(*paths, "--policy", policy) == wrong
            else:
                assert "w1.example" in given.held(*paths, "--policy", policy)["witnesses"]
    other = given.note(300, cosigners=3).split("\n\n")[1].split("\n")[1:3]
    put(given.log / "checkpoint", (given.note(606) + "\n".join(other) + "\n").encode())
    assert given.failed(given.log, "--policy", policy) == ["witnesses"]


def test_an_extract_is_verified_as_a_whole(given):
    """Each entry under the one checkpoint; an entry changed, renamed, or gone is told."""
    out = given.home / "extract" / "2026"
    put(out / "checkpoint", given.note(606).encode())
    put(out / "extract.json", json.dumps({"origin": ORIGIN, "size": 606, "entries": 3}).encode())
    for index in (3, 5, 300):
        put(out / f"entries/{index}.json", given.leaves[index])
        put(out / f"entries/{index}.tlog-proof", given.proof(index).encode())
    held = given.held(out.parent, "--vkey", given.vkey)
    assert (list(held), held["entries"]) == (list(EXTRACT_CHECKS), "3 entries, each in the tree")
    put(out / "entries/5.json", given.leaves[6])
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
    (out / "entries/5.json").unlink()
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
    (out / "entries/5.tlog-proof").unlink()
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
    (out / "entries/3.tlog-proof").unlink()
    assert given.failed(out, "--vkey", given.vkey) == ["entries"]
    assert given.failed(out) == ["checkpoint"]
    (out / "checkpoint").unlink()
    assert given.failed(out, "--vkey", given.vkey) == ["checkpoint"]


def test_years_are_verified_together_and_each_goes_on_from_the_one_before(given):
    """The link is the final head of the year before, as entry 0 of the next names it."""
    old = Checkpoint(ORIGIN, 606, merkle.root(given.hashes))
    root = base64.b64encode(old.root).decode()
    following = f"{BASE}/2027"
    created = entry("log.created", origin=following, previous=ORIGIN, previous_size=606, previous_root=root)

    def newer(first):
        shutil.rmtree(given.home / "out", ignore_errors=True)
        leaves = leaves_of([first, *exchanges(3)[1:]])
        put(given.home / "out" / "x", b"")
        write(given.home / "out", leaves, Ed25519Signer(following, b"\1" * 32), origin=following)
        shutil.copytree(given.log, given.home / "out" / "2026")
        return given.home / "out"

    status, told, _ = given.run(newer(created), "--vkey", given.vkey)
    assert (status, [report["origin"] for report in told["reports"]]) == (0, [ORIGIN, following])
    assert given.held(given.home / "out")["previous log"] == ORIGIN
    assert given.failed(newer(created | {"previous_size": 605}), "--vkey", given.vkey) == ["previous log"]
    out = newer(created)
    put(out / "2026/checkpoint", b"something else\n")
    assert given.failed(out, "--vkey", given.vkey) == ["checkpoint", "previous log"]
    shutil.rmtree(out / "2026")
    assert given.held(out, "--vkey", given.vkey)["previous log"] == f"{ORIGIN} does not lie beside"


def test_a_key_one_holds_leads_to_the_key_that_took_over(given):
    """The list of keys in the directory is believed only as far as the key one holds has signed it."""
    newer = Ed25519Signer(ORIGIN, b"\7" * 32)
    put(given.log / "checkpoint", sign_note(Checkpoint(ORIGIN, 606, merkle.root(given.hashes)).text(), newer).encode())
    put(given.log / "checkpoints/300", given.note(300).encode())
    note = succession.declare("log", SIGNER.named(BASE), newer.named(BASE), now=NOW)
    former = PublishedKey("log", str(SIGNER.vkey.named(BASE)), None, None, None)
    key = PublishedKey("log", str(newer.vkey.named(BASE)), NOW, None, note)
    assert given.failed(given.log, "--vkey", given.vkey) == ["checkpoint"]
    put(given.log / "keys", succession.to_json([former, key]).encode())
    assert given.held(given.log, "--vkey", given.vkey)["saved heads"] == "1 kept"
    held = given.file("newer.vkey", f"{newer.vkey.named(BASE)}\n")
    assert given.held(given.log, "--vkey", held)["saved heads"] == "1 kept"
    stranger = given.file("stranger.vkey", f"{Ed25519Signer(BASE, b'y' * 32).vkey}\n")
    assert given.failed(given.log, "--vkey", stranger) == ["checkpoint"]


UNREADABLE = {
    "nothing there": lambda given: [given.home / "nowhere"],
    "a folder of nothing": lambda given: [given.file("empty/x", "").parent],
    "no text": lambda given: [given.file("bytes", b"\xff\xfe")],
    "no JSON": lambda given: [given.file("text", "hello")],
    "another JSON": lambda given: [given.file("other.json", "[1]")],
    "JSON too deep": lambda given: [given.file("deep.json", "[" * 100_000)],
    "too large": lambda given: [given.file("large", " " * (1 << 20 | 1))],
    "a broken proof": lambda given: [given.file("p", given.proof(7).replace("index 7", "index 07"))],
    "a broken bridge": lambda given: [given.file("b", "old x\n\n")],
    "a proof without entry": lambda given: [given.file("p.tlog-proof", given.proof(7)), "--vkey", given.vkey],
    "a proof without key": lambda given: [given.file("p.tlog-proof", given.proof(7))],
    "an entry alone": lambda given: [given.file("e.json", given.leaves[7]), "--vkey", given.vkey],
    "a key that is none": lambda given: [given.log, "--vkey", given.log / "checkpoint"],
    "a policy that is none": lambda given: [given.log, "--policy", given.vkey],
    "roots that are none": lambda given: [given.log, "--tsa-roots", given.vkey],
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_ends_with_two_and_a_sentence(given, what):
    """One line with its code on stderr, nothing on stdout."""
    status, told, err = given.run(*UNREADABLE[what](given))
    assert (status, told) == (2, {})
    assert err.startswith("nothing_to_verify: ")
    assert len(err.splitlines()) == 1


def test_misuse_of_the_command_ends_with_two(given):
    """As argparse does."""
    for arguments in ([], ["verify"], ["verify", "--no"], ["other"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


ALONE = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {"audit", "cryptography", "_cffi_backend"}:
            raise ImportError("not on the auditor's machine: " + name)
sys.meta_path.insert(0, Nothing())
from audit.__main__ import main
code = main(["verify", *sys.argv[1:]])
files = {name.partition(".")[0]: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
foreign = {name for name, file in files.items() if "site-packages" in file} - {"_distutils_hack"}  # the venv's own
assert {name for name in foreign if not name.startswith("__editable__")} <= {"cryptography", "_cffi_backend"}, foreign
sys.exit(code)
"""


def test_the_verifier_needs_audit_and_cryptography_alone(given):
    """A process in which any other import fails verifies a log, with witnesses, a proof and a pair of checkpoints."""
    put(given.log / "checkpoint", given.note(606, cosigners=2).encode())
    put(given.log / "timestamps/606.tsr", b"?")
    given.file("7.json", given.leaves[7])
    proof, pair = (
        given.file("7.tlog-proof", given.proof(7, cosigners=2)),
        given.file("old", given.note(300, cosigners=2)),
    )
    arguments = [given.log, proof, pair, "--policy", given.policy(), "--vkey", given.vkey]
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{ALONE}"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (given.log / "tile/0/000").unlink()
    assert subprocess.run([*command, str(given.log)], capture_output=True, check=False).returncode == 1


def test_python_dash_m_audit_is_the_same_command(given, monkeypatch):
    """As an auditor types it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(given.log)],
        capture_output=True, text=True, check=False, env=environment, cwd=given.home,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "every check made held" in done.stdout
    importlib.import_module("audit.__main__")  # as each of its processes does: nothing runs
    monkeypatch.delitem(sys.modules, "audit.__main__")
    monkeypatch.setattr(sys, "argv", ["audit", "verify", str(given.home / "nowhere")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("audit", run_name="__main__")
    assert ended.value.code == 2


def test_several_processes_say_the_same(given, monkeypatch):
    """A log large enough is read by two; what each finds is told as by one."""
    from audit import verify

    monkeypatch.setattr(verify, "_WORTH_PROCESSES", 1)
    assert given.held(given.log, "--vkey", given.vkey)["releases"] == ""
    bundle = bytearray((given.log / "tile/entries/001").read_bytes())
    bundle[60] ^= 1
    put(given.log / "tile/entries/001", bytes(bundle))
    assert given.failed(given.log, "--vkey", given.vkey)[0] == "entries"
    assert Directory(given.log).range_at(606).root() == merkle.root(given.hashes)
    assert dumps({}) == b"{}"
