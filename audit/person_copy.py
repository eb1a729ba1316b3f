"""Looks in a copy of the log for numbers that a person's list lacks, at its beginning and after its last one.

An entry that was kept was not pruned; one under the list's own checkpoint is not newer than the list. The copy is
verified by itself, beside. Refuses to say that what is in no entry of the copy was pruned: that the copy kept all that
the log did is its own verification's to tell, which numbers were pruned only an earlier list.
"""

from collections.abc import Sequence
from pathlib import Path

from audit import extension
from audit.authorisations_check import open_logs
from audit.canonical import loads
from audit.checkpoint import Checkpoint
from audit.errors import AuditError
from audit.person_key import PersonKey

_MOST = 1_000_000  # numbers of one person, far above any

Outcome = tuple[bool | None, str]


def look_up(copy: Path, key: PersonKey, heads: Sequence[Checkpoint], *, first: int, count: int) -> Outcome:
    """Tell whether an entry of the copy bears the person's tag of a number below the first, or of the next one."""
    if first > _MOST:
        return None, f"numbers below {first} not checked: they are too many"
    lacking = {key.tag(number): number for number in (*range(first), count)}
    sizes = {head.origin: head.size for head in heads}
    try:
        for directory, checkpoint in open_logs(copy):
            covered = sizes.get(checkpoint.origin, 0)
            for index, leaf in directory.leaves(checkpoint.size, directory.pruned(checkpoint.size)):
                entry = loads(leaf)
                number = lacking.get(str(entry.get("subject"))) if isinstance(entry, dict) else None
                if number is not None and (number < first or index < covered):
                    return False, f"number {number} is missing, and not pruned: entry {index} of {checkpoint.origin}"
    except (AuditError, OSError, ValueError):
        return False, "the copy, in which numbers that lack are looked up, cannot be read"
    if first:
        return None, f"numbers below {first} are in no entry that the copy holds"
    return True, f"{f'0 to {count - 1}' if count else 'no entry'}, and no more in the copy up to its checkpoint"


def compare(copy: Path | None, heads: Sequence[Checkpoint]) -> Outcome:
    """Tell whether the copy had the heads of the list: two that contradict each other are not both true."""
    try:
        logs = [directory.path for directory, _ in open_logs(copy)] if copy is not None else []
    except (AuditError, OSError):
        return False, "the copy cannot be read"
    told = [extension.beside(head, logs) for head in heads]
    return next((each for each in told if each[0] is False), told[-1])
