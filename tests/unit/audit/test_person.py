"""The list of a person's entries, checked offline: what is whole passes, each way of hiding or adding is named."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit import merkle
from audit.canonical import dumps
from audit.checkpoint import Checkpoint, sign_note
from audit.commitments import commit, new_seed
from audit.cosignature import Cosigner
from audit.keys import Ed25519Signer
from audit.person import FORMAT, verify_person
from audit.person_key import PersonKey
from audit.policy import parse_policy
from audit.report import Report
from audit.trust import Trust

BASE = "journal.val-de-brume.example/log"
SIGNER = Ed25519Signer(BASE, b"k" * 32)
KEY = PersonKey(b"t" * 32, b"s" * 32)
OTHER = PersonKey(b"u" * 32, b"v" * 32)
SEED = new_seed()
Content = dict[str, Any]


def text(raw: bytes) -> str:
    return b64encode(raw).decode()


class Tree:
    """One yearly log in memory."""

    def __init__(self, year: int) -> None:
        self.origin = f"{BASE}/{year}"
        self.leaves: list[bytes] = []

    def add(self, **members: Any) -> int:
        self.leaves.append(dumps(members))
        return len(self.leaves) - 1

    def note(self) -> str:
        head = Checkpoint(self.origin, len(self.leaves), merkle.root(map(merkle.leaf_hash, self.leaves)))
        return sign_note(head.text(), SIGNER.named(self.origin))

    def line(self, index: int, checkpoint: int, **more: Any) -> Content:
        def node(level: int, number: int) -> bytes:
            leaves = self.leaves[number << level : (number + 1) << level]
            return merkle.root(map(merkle.leaf_hash, leaves))

        path = merkle.inclusion_path(index, len(self.leaves), node)
        placed = {"checkpoint": checkpoint, "index": index, "entry": self.leaves[index].decode()}
        return {**placed, "path": [text(step) for step in path], **more}


@pytest.fixture
def content() -> Content:
    """Two years: numbers 0 and 1 in the first, 2 and 3 in the second, others' entries between them."""
    trees = [Tree(2026), Tree(2027)]
    places: list[tuple[int, int]] = []
    for number in range(4):
        tree = trees[number // 2]
        tree.add(subject=OTHER.tag(number), type="exchange.decided")
        places.append((number // 2, tree.add(subject=KEY.tag(number), type="x", **released(number))))
    tree.add(type="log.pruned", origin=trees[0].origin, minimum=4)
    sealed = KEY.seal(json.dumps({"seed": url(SEED)}).encode(), "r2")
    lines = [trees[tree].line(index, tree, number=number) for number, (tree, index) in enumerate(places)]
    lines[2]["sealed"] = text(sealed)
    return {
        "format": FORMAT,
        "made_at": 1,
        "key": KEY.export(),
        "count": 4,
        "keys": [{"use": "log", "key": str(SIGNER.vkey), "since": None, "until": None, "succession": None}],
        "checkpoints": [tree.note() for tree in trees],
        "entries": lines,
        "announced": [],
        "trees": trees,
    }


def released(number: int) -> Content:
    return {"ref": f"r{number}", "commits": {"rsa.since": commit(SEED, "rsa.since", "2026-01-01")}}


def url(raw: bytes) -> str:
    return b64encode(raw, altchars=b"-_").rstrip(b"=").decode()


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Report]:
    """Write the file and verify it with the log's key."""

    def run(content: Content, trust: Trust | None = None, **values: Any) -> Report:
        file = tmp_path / "person.json"
        file.write_text(json.dumps({name: value for name, value in content.items() if name != "trees"}), "utf-8")
        given = {name.replace("__", "."): value for name, value in values.items()}
        return verify_person(file, trust if trust is not None else Trust((SIGNER.vkey,)), given or None)

    return run


def test_a_whole_list_passes(content: Content, check: Callable[..., Report]) -> None:
    """Every number is there once, in two yearly logs, under a key given from outside."""
    report = check(content)
    assert report.ok, report.lines()
    assert report.key_given
    assert [each["number"] for each in report.facts["entries"]] == [0, 1, 2, 3]
    assert report.facts["entries"][2]["opened"] == {"seed": SEED.hex(), "withheld": {}}


def test_without_a_key_from_outside_the_report_says_so(content: Content, check: Callable[..., Report]) -> None:
    """The file's own key shows that it is whole, not whose it is."""
    report = check(content, Trust())
    assert report.ok, report.lines()
    assert not report.key_given


def test_a_value_that_left_is_found_and_another_is_not(content: Content, check: Callable[..., Report]) -> None:
    """The commitment opens for the one value."""
    assert check(content, rsa__since="2026-01-01").ok
    assert check(content, rsa__since="2026-01-02").failed() == ["values"]
    assert check(content, rsa__amount=3).failed() == ["values"]
    assert check(content, rsa__since=1.5).failed() == ["values"]


def drop_middle(content: Content) -> None:
    del content["entries"][1]


def drop_last(content: Content) -> None:
    del content["entries"][3]


def drop_first(content: Content) -> None:
    del content["entries"][0]


def drop_all(content: Content) -> None:
    content["entries"] = []


def swap(content: Content) -> None:
    lines = content["entries"]
    lines[0], lines[1] = lines[1], lines[0]


def renumber(content: Content) -> None:
    lines = content["entries"]
    lines[0]["number"], lines[1]["number"] = 1, 0


def add_foreign(content: Content) -> None:
    content["entries"].append(content["trees"][1].line(0, 1, number=4))
    content["count"] = 5


def repeat(content: Content) -> None:
    content["entries"].insert(2, content["entries"][1])


def edit(content: Content) -> None:
    line = content["entries"][2]
    line["entry"] = line["entry"].replace("2", "3", 1)


def move(content: Content) -> None:
    content["entries"][2]["index"] -= 1


def uncount(content: Content) -> None:
    content["count"] = 3


def other_seal(content: Content) -> None:
    content["entries"][2]["sealed"] = text(OTHER.seal(b"{}", "r2"))


def empty_seal(content: Content) -> None:
    content["entries"][2]["sealed"] = text(KEY.seal(b"{}", "r2"))


def bad_seed(content: Content) -> None:
    content["entries"][2]["sealed"] = text(KEY.seal(b'{"seed": "*"}', "r2"))


def resign(content: Content) -> None:
    content["checkpoints"][0] = sign_note(
        content["checkpoints"][0].partition("\n\n")[0] + "\n", Ed25519Signer(content["trees"][0].origin, b"x" * 32)
    )


def swap_years(content: Content) -> None:
    content["checkpoints"].reverse()
    for line in content["entries"]:
        line["checkpoint"] = 1 - line["checkpoint"]


def not_canonical(content: Content) -> None:
    tree = content["trees"][1]
    tree.leaves.append(b'{ "subject": 1}')
    content["checkpoints"][1] = tree.note()
    lines = content["entries"]
    lines[2:] = [{**tree.line(each["index"], 1), "number": each["number"]} for each in lines[2:]]
    lines.append(tree.line(len(tree.leaves) - 1, 1, number=4))


def a_list(content: Content) -> None:
    tree = content["trees"][1]
    tree.leaves.append(b"[]")
    content["checkpoints"][1] = tree.note()
    lines = content["entries"]
    lines[2:] = [{**tree.line(each["index"], 1), "number": each["number"]} for each in lines[2:]]
    lines.append(tree.line(len(tree.leaves) - 1, 1, number=4))


def out_of_order(content: Content) -> None:
    """An operator who gave two entries each other's numbers in the log itself."""
    tree = content["trees"][0]
    tree.leaves[1], tree.leaves[3] = tree.leaves[3], tree.leaves[1]
    content["checkpoints"][0] = tree.note()
    content["entries"][:2] = [tree.line(3, 0, number=0), tree.line(1, 0, number=1)]


TAMPERINGS: dict[str, tuple[Callable[[Content], None], str]] = {
    "an entry is left out": (drop_middle, "numbers"),
    "the last one is left out": (drop_last, "numbers"),
    "the first one is left out": (drop_first, "numbers"),
    "all are left out": (drop_all, "numbers"),
    "two change places in the list": (swap, "numbers"),
    "two exchange their numbers": (renumber, "tags"),
    "two changed places in the log": (out_of_order, "numbers"),
    "one of another person is added": (add_foreign, "tags"),
    "one is there twice": (repeat, "numbers"),
    "one was edited": (edit, "entries"),
    "one was moved": (move, "entries"),
    "the count is lowered": (uncount, "numbers"),
    "a seal is of another person": (other_seal, "seals"),
    "a seal is empty": (empty_seal, "seals"),
    "a seed is not one": (bad_seed, "seals"),
    "a checkpoint is signed by another key": (resign, "checkpoints"),
    "the years are exchanged": (swap_years, "checkpoints"),
    "an entry is not canonical": (not_canonical, "entries"),
    "an entry is no object": (a_list, "tags"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_what_was_tampered_with_is_named(content: Content, check: Callable[..., Report], what: str) -> None:
    """Each tampering fails the check that is about it, first of all."""
    tamper, failing = TAMPERINGS[what]
    tamper(content)
    assert check(content).failed()[0] == failing


def test_what_was_pruned_is_explained_by_the_log(content: Content, check: Callable[..., Report]) -> None:
    """The numbers before an announced border may lack, those after it not; which they were the list does not show."""
    tree = content["trees"][1]
    content["announced"] = [tree.line(len(tree.leaves) - 1, 1)]
    for left in (2, 1):
        content["entries"] = content["entries"][-left:]
        report = check(content)
        assert report.ok
        numbers = report.checks[5]
        assert numbers.ok is None, "a border earlier than the first entry left says nothing of what lay behind it"
        assert numbers.detail.startswith(f"numbers below {4 - left} not checked: ")


@pytest.mark.parametrize(
    "announcement",
    [
        {"type": "log.pruned", "origin": "a.example/log/2020", "minimum": 256},
        {"type": "log.pruned", "origin": f"{BASE}/2028", "minimum": 256},
        {"type": "log.pruned", "origin": f"{BASE}/2026", "minimum": 0},
        {"type": "log.created", "origin": f"{BASE}/2026", "minimum": 256},
        {"type": "log.pruned", "origin": 5, "minimum": 256},
    ],
)
def test_a_pruning_elsewhere_explains_nothing(
    content: Content, check: Callable[..., Report], announcement: Content
) -> None:
    """Of another log, of a later year, of nothing, or what is no announcement."""
    tree = content["trees"][1]
    index = tree.add(**announcement)
    content["checkpoints"][1] = tree.note()
    left = [tree.line(line["index"], 1, number=line["number"]) for line in content["entries"][2:]]
    given = {**content, "announced": [tree.line(index, 1)], "entries": left}
    assert check(given).failed() == ["numbers"]


def test_a_pruning_that_the_log_does_not_announce_explains_nothing(
    content: Content, check: Callable[..., Report]
) -> None:
    """Neither a later border than the entry itself, nor some other entry."""
    tree, first = content["trees"][1], content["trees"][0]
    for lines, left in (([tree.line(0, 1)], 2), ([tree.line(len(tree.leaves) - 1, 1)], 1), ([first.line(0, 0)], 2)):
        given = {**content, "announced": lines, "entries": content["entries"][left:]}
        assert check(given).failed() == ["numbers"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other/1"},
        {"format": None},
        {"key": {}},
        {"key": {"tag": "zz"}},
        {"count": -1},
        {"count": "4"},
        {"entries": [{}]},
        {"entries": None},
        {"checkpoints": []},
        {"checkpoints": [1]},
        {"count": 2**64},
    ],
)
def test_another_form_is_refused(content: Content, check: Callable[..., Report], change: Content) -> None:
    """Only the one form is read, and nothing of it raises."""
    assert check({**content, **change}).failed() == ["file"]


@pytest.mark.parametrize("keys", [["nonsense"], None])
def test_keys_that_are_none_are_told(content: Content, check: Callable[..., Report], keys: object) -> None:
    """With and without a key from outside."""
    for trust in (Trust(), None):
        assert check({**content, "keys": keys}, trust).failed() == ["checkpoints"]


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, content: Content, check: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, not text, or larger than memory should hold."""
    assert verify_person(tmp_path / "nothing", Trust()).failed() == ["file"]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert verify_person(tmp_path / "binary", Trust()).failed() == ["file"]
    monkeypatch.setattr("audit.person._MAX_BYTES", 10)
    assert check(content).failed() == ["file"]


def test_somebody_without_entries_has_an_empty_list(content: Content, check: Callable[..., Report]) -> None:
    """Nothing yet, and nothing announced."""
    assert check({**content, "count": 0, "entries": []}).ok


def test_the_witnesses_of_a_policy_must_have_cosigned(content: Content, check: Callable[..., Report]) -> None:
    """Each of the checkpoints, not just one."""
    witness = Cosigner("witness.example/w", b"w" * 32)
    policy = parse_policy(f"log {SIGNER.vkey}\nwitness W {witness.vkey}\nquorum W\n")
    trust = Trust((SIGNER.vkey,), policy)
    assert check(content, trust).failed() == ["witnesses"]
    texts = [note.partition("\n\n")[0] + "\n" for note in content["checkpoints"]]
    lines = [witness.cosign(each, 1_790_000_000) for each in texts]
    content["checkpoints"][0] += lines[0]
    assert check(content, trust).failed() == ["witnesses"]
    content["checkpoints"][1] += lines[1]
    assert check(content, trust).ok


@pytest.mark.parametrize("trust", [None, Trust()], ids=["a key one holds", "the file's own"])
def test_an_empty_list_without_a_checkpoint_is_nobodys_word(
    content: Content, check: Callable[..., Report], trust: Trust | None
) -> None:
    """That there is nothing about a person is signed by the log as well, or it was written by anybody."""
    assert check({**content, "checkpoints": [], "entries": [], "count": 0}, trust).failed() == ["checkpoints"]
