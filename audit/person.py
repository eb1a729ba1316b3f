"""Checks, offline, the list of all entries about one person, with the key that person was given.

1. file         it is such a list, of a known form
2. checkpoints  there is one, each is signed by the log's key, one per yearly log, in their order; by a key that was
                replaced only those of years before the newest, or where the policy's witnesses saw it
3. witnesses    each is cosigned as the policy asks (when one is given)
4. entries      each is canonical JSON and its path leads from it to its checkpoint's root
5. tags         the name in each entry is the person's own, for that number
6. numbers      every number up to the last is there, once, in the log's order; numbers that lack at the beginning are
                told as not checked where this log announces that it pruned what may have held them, else they fail;
                so they do when an entry of a copy of the log, given beside, is one of them, or the next one's though
                the list's checkpoint covers it
7. seals        what was sealed beside each entry opens under the person's key
8. values       a value the person was shown is the one that left (when one is given)
9. log beside   the copy of the log had the checkpoints of this list (when one is given)

A removed entry leaves a number out, a foreign one has no tag of this person, two that were swapped break the order.
Refuses to say that nothing came after: entries newer than the list are seen by asking for a newer list. Standard
library and `cryptography` alone.
"""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from audit import commitments
from audit.canonical import Json, loads
from audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, split_note
from audit.errors import AuditError, ProofInvalid
from audit.keys import parse_vkey
from audit.merkle import leaf_hash, verify_inclusion
from audit.person_copy import compare, look_up
from audit.person_key import PersonKey
from audit.report import Report, report
from audit.succession import from_json
from audit.trust import Trust
from audit.years import base_of

FORMAT = "passerelle-person-proof/1"
CHECKS = ("file", "checkpoints", "witnesses", "entries", "tags", "numbers", "seals", "values", "log beside")
_MAX_BYTES = 1 << 28

Found = dict[str, tuple[bool | None, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with its place and its proof; `number` is the person's own, None for an entry about nobody."""

    number: int | None
    checkpoint: int
    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    sealed: bytes | None

    def entry(self) -> dict[str, Any]:
        """Read the entry; raises `NotCanonical`."""
        entry = loads(self.leaf)
        return entry if isinstance(entry, dict) else {}


@dataclass(frozen=True, slots=True)
class PersonProof:
    """The file, read."""

    key: PersonKey
    count: int
    keys: str  # of the log, with their successions, as `audit.succession` writes them
    notes: tuple[str, ...]
    lines: tuple[Line, ...]
    announced: tuple[Line, ...]  # entries `log.pruned`


def read_proof(text: str) -> PersonProof:
    """Read the file; raises `ProofInvalid` for any other form."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ProofInvalid("a form this verifier does not know")
        proof = PersonProof(
            key=PersonKey(*(bytes.fromhex(content["key"][name]) for name in ("tag", "seal") if name in content["key"])),
            count=_whole(content["count"]),
            keys=json.dumps({"keys": content["keys"]}),
            notes=tuple(map(_text, content["checkpoints"])),
            lines=tuple(_line(each, _whole(each["number"])) for each in content["entries"]),
            announced=tuple(_line(each, None) for each in content["announced"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, AuditError) as error:
        if isinstance(error, ProofInvalid):
            raise
        raise ProofInvalid("not the list of a person's entries") from None
    if any(not 0 <= line.checkpoint < len(proof.notes) for line in (*proof.lines, *proof.announced)):
        raise ProofInvalid("an entry names a checkpoint that is not there")
    return proof


def verify_person(
    path: Path, trust: Trust, values: Mapping[str, Json] | None = None, *, copy: Path | None = None
) -> Report:
    """Run every check; never raises for what the file holds. A copy of the log is compared with it, when given."""
    found: Found = {}
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ProofInvalid("larger than any such list")
        proof = read_proof(path.read_text("utf-8"))
    except (AuditError, OSError, ValueError) as error:
        found["file"] = (False, str(error) if isinstance(error, AuditError) else "it cannot be read")
        return report(path.name, CHECKS, found, key_given=bool(trust.vkeys or trust.policy))
    found["file"] = (True, f"{len(proof.lines)} entries")
    given = bool(trust.vkeys or trust.policy)
    heads = _checkpoints(proof, trust if given else None, found)
    if heads is None:
        return report(path.name, CHECKS, found, key_given=given)
    found["log beside"] = compare(copy, heads)
    found["entries"] = _entries(proof, heads)
    told: list[dict[str, Any]] = []
    if found["entries"][0]:
        found["tags"] = _tags(proof)
        found["numbers"] = _numbers(proof, heads)
        if copy is not None and found["numbers"][0] is not False:
            first = (proof.lines[0].number or 0) if proof.lines else 0
            found["numbers"] = look_up(copy, proof.key, heads, first=first, count=proof.count)
        opened, found["seals"] = _seals(proof)
        if values:
            found["values"] = _values(proof, opened, values)
        told = [_told(line, heads[line.checkpoint], opened.get(line.number)) for line in proof.lines]
    return report(path.name, CHECKS, found, key_given=given, entries=told)


def _checkpoints(proof: PersonProof, given: Trust | None, found: Found) -> list[Checkpoint] | None:
    heads: list[Checkpoint] = []
    if not proof.notes:
        found["checkpoints"] = (False, "there is none: nobody has signed what this list says")
        return None
    try:
        trust = _trust(proof.keys, given)
        origins = [parse_checkpoint(split_note(note)[0]).origin for note in proof.notes]
        former = trust.preceding(proof.keys)
        for note, origin in zip(proof.notes, origins, strict=True):
            older = origin != max(origins) or trust.attested(note)
            heads.append(open_checkpoint(note, *(former if older else trust).keys(origin)))
    except AuditError as error:
        found["checkpoints"] = (False, str(error))
        return None
    if sorted(set(origins)) != origins or len(set(map(base_of, origins))) > 1:
        found["checkpoints"] = (False, "they are not of the years of one log, each once, in their order")
        return None
    found["checkpoints"] = (True, ", ".join(f"{head.origin} of {head.size}" for head in heads))
    told = [trust.quorum(note) for note in proof.notes]
    found["witnesses"] = next((each for each in told if not each[0]), told[-1])
    return heads


def _trust(keys: str, given: Trust | None) -> Trust:
    """What is believed, over the changes of the log's key; the file's own keys when nothing was given."""
    if given is None:
        return Trust(tuple(parse_vkey(each.key) for each in from_json(keys)))
    return given.following(keys)


def _entries(proof: PersonProof, heads: Sequence[Checkpoint]) -> tuple[bool, str]:
    for line in (*proof.lines, *proof.announced):
        head = heads[line.checkpoint]
        if not verify_inclusion(line.index, head.size, leaf_hash(line.leaf), line.path, head.root):
            return False, f"{_name(line, head)} is not in the log"
        try:
            line.entry()
        except AuditError as error:
            return False, f"{_name(line, head)} is {error}"
    return True, "each is in its log"


def _tags(proof: PersonProof) -> tuple[bool, str]:
    for line in proof.lines:
        if line.number is None or line.entry().get("subject") != proof.key.tag(line.number):
            return False, f"number {line.number} is not about this person"
    return True, ""


def _numbers(proof: PersonProof, heads: Sequence[Checkpoint]) -> tuple[bool | None, str]:
    if not proof.lines:
        return proof.count == 0, f"{proof.count} announced, none there" if proof.count else "no entry"
    first = proof.lines[0].number or 0
    for expected, line in enumerate(proof.lines, first):
        if line.number != expected:
            return False, f"number {expected} is missing, or not in its place"
    if first + len(proof.lines) != proof.count:
        return False, f"number {first + len(proof.lines)} is missing, or one too many"
    places = [(line.checkpoint, line.index) for line in proof.lines]
    if any(after <= before for before, after in pairwise(places)):
        return False, "two entries are not in the order of the log"
    return _beginning(proof, heads, first)


def _beginning(proof: PersonProof, heads: Sequence[Checkpoint], first: int) -> tuple[bool | None, str]:
    if first == 0:
        return True, f"0 to {proof.count - 1}"
    line = proof.lines[0]
    head = heads[line.checkpoint]
    base = base_of(head.origin)
    own = (each.entry() for each in proof.announced if base_of(heads[each.checkpoint].origin) == base)
    if not any(_before(entry, head, line.index) for entry in own):
        return False, f"numbers below {first} are missing, and no pruning the log announces explains it"
    return (
        None,
        f"numbers below {first} not checked: this log has pruned entries before; {first} to {proof.count - 1} hold",
    )


def _before(entry: Mapping[str, Any], head: Checkpoint, index: int) -> bool:
    """Whether this announces that something before the entry at hand may be gone, and that entry itself not."""
    origin, minimum = entry.get("origin"), entry.get("minimum")
    if entry.get("type") != "log.pruned" or not isinstance(origin, str) or type(minimum) is not int or minimum < 1:
        return False
    return minimum <= index if origin == head.origin else _earlier(origin, head.origin)


def _earlier(origin: str, other: str) -> bool:
    return base_of(origin) == base_of(other) and origin < other


def _seals(proof: PersonProof) -> tuple[dict[int | None, dict[str, Any]], tuple[bool, str]]:
    opened: dict[int | None, dict[str, Any]] = {}
    for line in proof.lines:
        if line.sealed is None:
            continue
        try:
            content = json.loads(proof.key.unseal(line.sealed, str(line.entry().get("ref"))))
            opened[line.number] = {"seed": _seed(content["seed"]).hex(), "withheld": content.get("withheld", {})}
        except (AuditError, ValueError, KeyError, TypeError):
            return opened, (False, f"the seal of number {line.number} does not open")
    return opened, (True, f"{len(opened)} opened")


def _values(
    proof: PersonProof, opened: Mapping[int | None, dict[str, Any]], values: Mapping[str, Json]
) -> tuple[bool, str]:
    told = []
    for field, value in values.items():
        numbers = [line.number for line in proof.lines if _left(line, opened.get(line.number), field, value)]
        if not numbers:
            return False, f"{field}: this value left in none of these entries"
        told.append(f"{field}: left in number {', '.join(map(str, numbers))}")
    return True, "; ".join(told)


def _left(line: Line, opened: Mapping[str, Any] | None, field: str, value: Json) -> bool:
    commits = line.entry().get("commits")
    commitment = commits.get(field) if isinstance(commits, dict) else None
    if opened is None or not isinstance(commitment, str):
        return False
    salt = commitments.field_salt(bytes.fromhex(opened["seed"]), field)
    try:
        return commitments.verify(commitment, salt, value)
    except AuditError:  # a value without canonical form never left
        return False


def _told(line: Line, head: Checkpoint, opened: Mapping[str, Any] | None) -> dict[str, Any]:
    told = {"number": line.number, "log": head.origin, "index": line.index, "entry": line.entry()}
    return told if opened is None else {**told, "opened": dict(opened)}


def _name(line: Line, head: Checkpoint) -> str:
    number = "the announcement" if line.number is None else f"number {line.number}"
    return f"{number} (entry {line.index} of {head.origin})"


def _line(each: Mapping[str, Any], number: int | None) -> Line:
    sealed = b64decode(each["sealed"], validate=True) if "sealed" in each else None
    path = tuple(b64decode(step, validate=True) for step in each["path"])
    return Line(number, _whole(each["checkpoint"]), _whole(each["index"]), each["entry"].encode(), path, sealed)


def _seed(text: str) -> bytes:
    """RFC 4648 §5, without padding, as an answer's proof writes it."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except Error:
        raise ProofInvalid("a seed is not base64url") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ProofInvalid("a checkpoint is not text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ProofInvalid("a number is not written as it must be")
    return value
