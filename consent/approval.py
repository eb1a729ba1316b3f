"""What officers sign to have a person erased, and whose signatures count. Pure.

The text names the log, the erasure and, by a digest nobody can reverse, the person's opaque id: an approval cannot be
used for another log, another request or another person. Signatures are C2SP signed-note lines. Refuses one officer
twice, under two names or with two keys.
"""

import base64
import hashlib
from collections.abc import Sequence

from audit.canonical import Json
from audit.checkpoint import Signature, open_note, split_note
from audit.errors import NoteInvalid
from audit.keys import Vkey
from consent.errors import OfficerRefused
from consent.vault import SubjectId

OFFICERS = 2


def bound(erasure: str, subject: SubjectId) -> str:
    """Name the person to nobody, and bind an approval to them (base64url of SHA-256)."""
    digest = hashlib.sha256(f"passerelle-erasure/v1\0{erasure}\0{subject}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def text(origin: str, erasure: str, subject: SubjectId) -> str:
    """Write the lines to sign."""
    return f"passerelle erasure\n{origin}\n{erasure}\n{bound(erasure, subject)}\n"


def accept(note: str, wanted: str, officers: Sequence[Vkey]) -> tuple[Vkey, Signature]:
    """Give the officer whose signature a note carries, and the line; raises `OfficerRefused`."""
    try:
        signed, lines = split_note(note)
        known = [(vkey, line) for vkey in officers for line in lines if line.claims(vkey)]
        if signed != wanted or len(known) != 1:
            raise OfficerRefused("one officer signs the text of this erasure, and nothing else")
        open_note(note, known[0][0])
    except NoteInvalid:
        raise OfficerRefused("the signature does not hold") from None
    return known[0]


def signers(signed: str, lines: str, officers: Sequence[Vkey]) -> set[Vkey]:
    """Give the officers whose signatures stand under a text and hold; of one name or key, one."""
    found: list[Vkey] = []
    for vkey in officers:
        try:
            open_note(f"{signed}\n{lines}", vkey)
        except NoteInvalid:
            continue
        if all(vkey.name != other.name and vkey.public != other.public for other in found):
            found.append(vkey)
    return set(found)


def members(officer: Vkey, line: Signature) -> dict[str, Json]:
    """What the journal keeps of an approval: enough to check it without us."""
    key = base64.b64encode(officer.kind + officer.public).decode()
    return {"key": key, "signature": base64.b64encode(line.value).decode()}
