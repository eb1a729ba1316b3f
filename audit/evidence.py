"""Finds out what files are, and makes the verification made for them.

A directory, or an archive (ZIP), is a log, an extract, or holds one of these per year. A file is a receipt of the
gateway (JSON), a tlog-proof (text or JSON) with its entry beside it or, in JSON, in it (`entry`; of a removed one its
hash, `leaf`), a checkpoint, or a consistency proof (the body of `add-checkpoint`).
Checkpoints are verified together, with the log or the proofs given beside them: is one an extension of the other?
What a receipt, a proof or an extract is signed over is looked up in the log given beside it: two that contradict each
other are not both true (`audit.extension`).
Refuses a file it does not know, and to look for anything outside the paths it was given but an entry beside its proof.
"""

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit import extension, proofs, receipts, table
from audit.canonical import loads
from audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, split_note
from audit.directory import Directory
from audit.errors import AuditError, NoteInvalid, NothingToVerify, ProofInvalid
from audit.merkle import leaf_hash
from audit.proofs import ConsistencyProof, InclusionProof
from audit.replay import see
from audit.report import Report, report
from audit.trust import Trust, read_text
from audit.unpacking import is_archive, unpack
from audit.verify import Announced, verify_directory

RECEIPT_CHECKS = ("receipt", "log beside")
PROOF_CHECKS = ("checkpoint", "inclusion", "entry", "witnesses", "log beside")
EXTRACT_CHECKS = ("checkpoint", "entries", "tables", "witnesses", "log beside")
PAIR_CHECKS = ("checkpoints", "witnesses", "extension")
_PROOF = frozenset({"index", "path", "checkpoint"})
_WHOLE = (_PROOF | {"entry"}, _PROOF | {"leaf"})

_Found = dict[str, tuple[bool | None, str]]


@dataclass(slots=True)
class _Sorted:
    """The paths by what they are."""

    logs: list[Path] = field(default_factory=list)
    extracts: list[Path] = field(default_factory=list)
    receipts: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)
    proofs: list[tuple[Path, InclusionProof]] = field(default_factory=list)
    entries: list[Path] = field(default_factory=list)
    checkpoints: list[tuple[Path, str]] = field(default_factory=list)
    bridges: list[ConsistencyProof] = field(default_factory=list)
    carried: dict[Path, bytes | None] = field(default_factory=dict)
    leaves: dict[Path, bytes] = field(default_factory=dict)


def verify_paths(paths: Sequence[Path], trust: Trust, *, processes: int = 1) -> list[Report]:
    """Verify everything given; `NothingToVerify` for what cannot be read or is not known."""
    with ExitStack() as stack:
        found = _Sorted()
        unpacked: dict[str, str] = {}
        for path in paths:
            if path.is_file() and is_archive(path):
                folder = unpack(path, stack)
                unpacked[str(folder)] = str(path)
                _sort(folder, found)
            else:
                _sort(path, found)
        reports = _verified(found, trust, processes)
    for folder_name, name in unpacked.items():
        reports = [replace(each, about=each.about.replace(folder_name, name)) for each in reports]
    return reports


def _verified(found: _Sorted, trust: Trust, processes: int) -> list[Report]:
    if not trust.vkeys and trust.policy is None and (found.receipts or found.proofs or found.checkpoints):
        raise NothingToVerify("a receipt, a proof or a checkpoint is verified with a key you hold: --vkey or --policy")
    trust = _followed(found, trust)
    reports = _logs(found.logs, trust, processes)
    reports += [_extract(path, found, trust) for path in found.extracts]
    reports += [_receipt(path, content, found, trust=trust) for path, content in found.receipts]
    reports += [_proof(path, proof, found, trust=trust) for path, proof in found.proofs]
    if found.checkpoints:
        reports.append(_checkpoints(found, trust))
    if not reports:
        raise NothingToVerify("an entry or a consistency proof says nothing alone: give its proof, or the checkpoints")
    return reports


def _followed(found: _Sorted, trust: Trust) -> Trust:
    """Go on to the keys that took over from those one holds, as the lists `keys` beside logs and extracts state."""
    for folder in dict.fromkeys((*found.logs, *found.extracts, *(path.parent for path in found.extracts))):
        with suppress(AuditError, OSError):  # a list that cannot be read leads nowhere
            trust = trust.following(Directory(folder).note("keys"))
    return trust


def _sort(path: Path, found: _Sorted) -> None:
    if path.is_dir():
        _sort_directory(path, found)
        return
    text = read_text(path)
    try:
        if text.startswith(proofs.HEADER):
            found.proofs.append((path, proofs.parse(text)))
        elif text.startswith("old "):
            found.bridges.append(proofs.parse_consistency(text))
        elif "\n\n— " in text and not text.startswith("{"):
            found.checkpoints.append((path, text))
        else:
            _sort_json(path, text, found)
    except ProofInvalid as error:
        raise NothingToVerify(f"{path}: {error}") from None


def _sort_directory(path: Path, found: _Sorted, *, year: bool = False) -> None:
    if (path / "extract.json").is_file():
        found.extracts.append(path)
        return
    former = [] if year else [each for each in _inside(path) if (each / "checkpoint").is_file()]
    for each in former:
        _sort_directory(each, found, year=True)
    if (path / "checkpoint").exists() or (path / "tile").is_dir():
        found.logs.append(path)  # the year that is written to: the newest
    elif not former:
        raise NothingToVerify(f"{path} holds neither a log nor an extract")


def _inside(path: Path) -> list[Path]:
    """List what lies in a directory; links are passed over, for they can lead round."""
    try:
        return sorted(each for each in path.iterdir() if not each.is_symlink())
    except OSError:
        raise NothingToVerify(f"{path} cannot be read") from None


def _sort_json(path: Path, text: str, found: _Sorted) -> None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise NothingToVerify(f"{path} is neither a directory nor a receipt, proof or checkpoint") from None
    members = set(content) if isinstance(content, dict) else set()
    if {"note", "entry"} <= members:
        found.receipts.append((path, content))
    elif members in _WHOLE:
        found.proofs.append((path, _from_json(content)))
        _carry(path, content, found)
    elif {"index", "path", "checkpoint"} <= members:
        found.proofs.append((path, _from_json(content)))
    elif {"v", "type", "id"} <= members:
        found.entries.append(path)
    else:
        raise NothingToVerify(f"{path} is neither a receipt, a proof nor an entry")


def _from_json(content: dict[str, Any]) -> InclusionProof:
    """The JSON form holds the same lines; it is read through the text, so that one reader judges both."""
    try:
        lines = [proofs.HEADER, f"index {content['index']}", *content["path"], "", content["checkpoint"]]
        return proofs.parse("\n".join(lines))
    except TypeError:
        raise ProofInvalid("a member does not have the form it must have") from None


def _carry(path: Path, content: dict[str, Any], found: _Sorted) -> None:
    """Take the entry that is proved, or the hash of one that was removed, from the file itself."""
    try:
        if "entry" in content:
            leaf = content["entry"].encode()
            found.carried[path], found.leaves[path] = leaf, leaf_hash(leaf)
        else:
            found.carried[path], found.leaves[path] = None, base64.b64decode(content["leaf"], validate=True)
    except (AttributeError, ValueError, TypeError):
        raise NothingToVerify(f"{path}: a member does not have the form it must have") from None
    if "leaf" in content and base64.b64encode(found.leaves[path]).decode() != content["leaf"]:
        raise NothingToVerify(f"{path}: the hash is not written as it must be")


def _logs(paths: list[Path], trust: Trust, processes: int) -> list[Report]:
    """The newest year first: it announces what was pruned of the years before."""
    announced: Announced = {}
    newest_first = [verify_directory(path, trust, processes=processes, announced=announced) for path in reversed(paths)]
    return newest_first[::-1]


def _receipt(path: Path, content: dict[str, Any], given: _Sorted, *, trust: Trust) -> Report:
    keys = trust.keys(receipts.receipt_name(str(content.get("origin"))))
    if not keys:
        raise NothingToVerify(f"{path}: no key of the receipts of this log was given")
    try:
        receipts.verify(content, *keys)
    except AuditError as error:
        return report(str(path), RECEIPT_CHECKS, {"receipt": (False, str(error))})
    sound, told = _entry(content["entry"].encode())
    head = Checkpoint(content["origin"], content["tree_size"], base64.b64decode(content["root_hash"]))
    found: _Found = {
        "receipt": (sound, f"The receipt holds: {told}" if sound else told),
        "log beside": extension.beside(head, given.logs),
    }
    return report(str(path), RECEIPT_CHECKS, found)


def _proof(path: Path, proof: InclusionProof, given: _Sorted, *, trust: Trust) -> Report:
    if path in given.carried:
        leaf = given.carried[path]
    else:
        beside = path.with_suffix(".json")
        file = given.entries[0] if len(given.entries) == 1 else beside
        if file == path or not file.is_file():
            raise NothingToVerify(f"{path}: give the entry it proves, or put it beside as {beside.name}")
        leaf = read_text(file).encode()
        given.leaves[path] = leaf_hash(leaf)
    found: _Found = {}
    try:
        head = _open(proof.note, trust, found)
        found["log beside"] = extension.beside(head, given.logs)
        proofs.verify(proof, given.leaves[path], *trust.keys(_origin(proof.note)))
        found["inclusion"] = (True, f"entry {proof.index}")
        found["entry"] = (None, "it was removed: its hash alone is in the tree") if leaf is None else _entry(leaf)
    except ProofInvalid as error:
        found["inclusion"] = (False, str(error))
    except AuditError as error:
        found["checkpoint"] = (False, str(error))
    return report(str(path), PROOF_CHECKS, found, index=proof.index)


def _entry(leaf: bytes) -> tuple[bool | None, str]:
    seen = see(leaf)
    if seen.wrong:
        return False, f"it {seen.what}"
    entry = loads(leaf)
    assert isinstance(entry, dict)  # noqa: S101  see() has read it
    return True, f"{entry['type']} of {entry.get('org', 'the log')}"


def _extract(path: Path, given: _Sorted, trust: Trust) -> Report:
    """An extract: one checkpoint, entries each with its proof up to it. What was left out of it nobody can tell."""
    found: _Found = {}
    try:
        note = Directory(path).note()
        found["log beside"] = extension.beside(_open(note, trust, found), given.logs)
    except (AuditError, OSError, ValueError) as error:
        reason = str(error) if isinstance(error, AuditError) else "it cannot be read"
        return report(str(path), EXTRACT_CHECKS, {"checkpoint": (False, reason)})
    files = sorted((path / "entries").glob("*.json"))
    found["entries"] = _entries(path, files, note, trust)
    if found["entries"][0] and (told := _tables(path, files)) is not None:
        found["tables"] = told
    return report(str(path), EXTRACT_CHECKS, found, entries=len(files))


def _entries(path: Path, files: list[Path], note: str, trust: Trust) -> tuple[bool, str]:
    wrong = [file.name for file in files if not _proved(file, note, trust)]
    asked = _asked(path)
    head = parse_checkpoint(split_note(note)[0])
    alone = {file.stem for file in (path / "entries").glob("*.tlog-proof")} - {file.stem for file in files}
    if wrong:
        return False, f"entries/{wrong[0]} is not what its proof under this checkpoint says"
    if alone:
        return False, f"entries/{min(alone)}.tlog-proof lies there without its entry"
    if [asked.get(name) for name in ("origin", "size", "entries")] != [head.origin, head.size, len(files)]:
        return False, "extract.json does not tell of this log, this size and so many entries"
    return True, f"{len(files)} entries, each in the tree"


def _asked(path: Path) -> dict[str, Any]:
    """Read what was asked and found; nobody signed it, but it must agree with what lies there."""
    try:
        content = json.loads(Directory(path).note("extract.json"))
    except (AuditError, OSError, ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {}


def _tables(path: Path, files: list[Path]) -> tuple[bool | None, str] | None:
    """Make the JSON lines and the table again, where they lie beside, and compare."""
    makers = {"entries.jsonl": table.json_lines, "entries.csv": table.table}
    if not any((path / name).is_file() for name in makers):
        return None
    entries = sorted((int(file.stem), file.read_bytes()) for file in files)
    wrong = [
        name for name, make in makers.items() if (path / name).is_file() and not _holds(path / name, make(entries))
    ]
    return (False, f"{wrong[0]} does not say what the entries say") if wrong else (True, "made again from the entries")


def _holds(file: Path, data: bytes) -> bool:
    return file.stat().st_size == len(data) and file.read_bytes() == data


def _proved(file: Path, note: str, trust: Trust) -> bool:
    beside = file.with_suffix(".tlog-proof")
    if not (file.is_file() and beside.is_file()):
        return False
    try:
        proof, leaf = proofs.parse(read_text(beside)), read_text(file).encode()
        proofs.verify(proof, leaf_hash(leaf), *trust.keys(_origin(note)))
    except (AuditError, OSError):
        return False
    return proof.note == note and file.stem == str(proof.index) and not see(leaf).wrong


def _open(note: str, trust: Trust, found: _Found) -> Checkpoint:
    checkpoint = open_checkpoint(note, *trust.keys(_origin(note)))
    found["checkpoint"] = (True, f"{checkpoint.origin}, {checkpoint.size} entries")
    found["witnesses"] = trust.quorum(note)
    return checkpoint


def _origin(note: str) -> str:
    return parse_checkpoint(split_note(note)[0]).origin


def _checkpoints(found: _Sorted, trust: Trust) -> Report:
    checks: _Found = {}
    notes = [note for _, note in found.checkpoints]
    notes += [proof.note for proof in found.bridges]
    try:
        origins = set(map(_origin, notes))
        notes += [Directory(log).note() for log, end in extension.ends(found.logs) if end.origin in origins]
        heads = [_opened(note, found.logs, trust) for note in notes]
        checks["witnesses"] = _worst([trust.quorum(note) for note in notes])
        checks["checkpoints"] = (True, f"of sizes {', '.join(str(size) for size in sorted({h.size for h in heads}))}")
        checks["extension"] = extension.extends(heads, found.logs, found.bridges)
    except AuditError as error:
        checks["checkpoints"] = (False, str(error))
    about = " and ".join(str(path) for path, _ in found.checkpoints)
    return report(about, PAIR_CHECKS, checks)


def _opened(note: str, logs: Sequence[Path], trust: Trust) -> Checkpoint:
    """Open a checkpoint; one that a former key signed, when a log given tells whether it had that head."""
    origin = _origin(note)
    try:
        return open_checkpoint(note, *trust.keys(origin))
    except NoteInvalid:
        for log, end in extension.ends(logs):
            if end.origin == origin and (log / "keys").is_file():
                former = open_checkpoint(note, *trust.preceding(Directory(log).note("keys")).keys(origin))
                if extension.beside(former, [log])[0] is not None:
                    return former
        raise


def _worst(quorums: list[tuple[bool | None, str]]) -> tuple[bool | None, str]:
    return next((quorum for quorum in quorums if quorum[0] is False), quorums[0])
