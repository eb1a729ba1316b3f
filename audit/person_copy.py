"""Looks in a copy of the log for the numbers that a person's list lacks at its beginning: an entry kept was not pruned.

The copy is verified by itself, beside. Refuses to say that what is in no entry of the copy was pruned: that the copy
kept all that the log did is its own verification's to tell, which numbers were pruned only an earlier list.
"""

from pathlib import Path

from audit.authorisations_check import open_logs
from audit.canonical import loads
from audit.errors import AuditError
from audit.person_key import PersonKey

_MOST = 1_000_000  # numbers of one person, far above any


def look_up(copy: Path, key: PersonKey, below: int) -> tuple[bool | None, str]:
    """Tell whether an entry of the copy bears the person's tag of a number below this one."""
    if below > _MOST:
        return None, f"numbers below {below} not checked: they are too many"
    numbers = {key.tag(number): number for number in range(below)}
    try:
        for directory, checkpoint in open_logs(copy):
            for index, leaf in directory.leaves(checkpoint.size, directory.pruned(checkpoint.size)):
                entry = loads(leaf)
                number = numbers.get(str(entry.get("subject"))) if isinstance(entry, dict) else None
                if number is not None:
                    return False, f"number {number} is missing, and not pruned: entry {index} of {checkpoint.origin}"
    except (AuditError, OSError, ValueError):
        return False, f"numbers below {below} are missing, and the copy cannot be read"
    return None, f"numbers below {below} are in no entry that the copy holds"
