"""Tells whether heads that somebody kept are of one log, as far as the files given can tell.

1. a head alone  the log given beside had it: its first entries, so many, have this root
2. two heads     a consistency proof, or a log that had both, leads from one to the other

A log of another origin tells nothing, nor does one whose tiles are gone. Refuses to look at signatures: who calls has.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

from audit.checkpoint import Checkpoint, parse_checkpoint, split_note
from audit.directory import Directory
from audit.errors import AuditError
from audit.merkle import verify_consistency
from audit.proofs import ConsistencyProof

Outcome = tuple[bool | None, str]


def beside(head: Checkpoint, logs: Sequence[Path]) -> Outcome:
    """Tell whether the logs of this origin that were given had this head."""
    outcome: Outcome = (None, "no copy of its log was given")
    for log, end in ends(logs):
        if end.origin != head.origin:
            continue
        if head.size > end.size:
            return False, f"the log given ends at {end.size}, before this head of {head.size}: rolled back, or old"
        had = _had(log, end, head)
        if had is False:
            return False, f"the log given never had this head of {head.size}: one log does not have both"
        outcome = (had, "the log given had this head" if had else "the log given has no tiles to compare it with")
    return outcome


def ends(logs: Sequence[Path]) -> list[tuple[Path, Checkpoint]]:
    """Give the head of each log; what cannot be read is told where the log itself is verified."""
    found = []
    for log in logs:
        try:
            found.append((log, parse_checkpoint(split_note(Directory(log).note())[0])))
        except (AuditError, OSError, ValueError):
            continue
    return found


def extends(heads: Collection[Checkpoint], logs: Sequence[Path], bridges: Sequence[ConsistencyProof]) -> Outcome:
    """Tell whether each head begins with the one before it."""
    ordered = sorted(set(heads), key=lambda head: (head.size, head.root))
    if len({head.origin for head in ordered}) > 1:
        return False, "they are of different logs"
    if len(ordered) == 1:
        return (None, "only one was given") if len(heads) == 1 else (True, "they are the same head")
    last = [end for _, end in ends(logs)]
    for old, new in pairwise(ordered):
        extended = _extends(old, new, logs, bridges)
        if extended is None and old in last:
            return False, f"the log given ends at {old.size}, before a head that was kept: rolled back, or an old copy"
        if extended is not True:
            words = f"{new.size} is no extension of {old.size}: one log does not have both"
            return (False, words) if extended is False else (None, "give the log or a consistency proof between them")
    return True, f"{ordered[-1].size} is an extension of {ordered[0].size}"


def _extends(
    old: Checkpoint, new: Checkpoint, logs: Sequence[Path], bridges: Sequence[ConsistencyProof]
) -> bool | None:
    if old.size == new.size:
        return False  # and another root
    if old.size == 0:
        return True  # every log extends the empty one
    for proof in bridges:
        if proof.old == old.size and parse_checkpoint(split_note(proof.note)[0]) == new:
            return verify_consistency(old.size, new.size, old.root, new.root, proof.path)
    for log, end in ends(logs):
        had = [_had(log, end, head) for head in (old, new) if end.origin == head.origin]
        if had and None not in had:
            return all(had)
    return None


def _had(log: Path, end: Checkpoint, head: Checkpoint) -> bool | None:
    try:
        return Directory(log).range_at(head.size).root() == head.root
    except (OSError, ValueError):
        return head == end if head.size == end.size else None
