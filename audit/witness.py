"""Being a witness: cosign a log's checkpoint only when it continues the one cosigned before (C2SP tlog-witness).

 1. read old size, consistency proof and checkpoint (`SubmissionMalformed`);
 2. the origin is of a log in the policy (`LogUnknown`), a key of that log has signed (`LogKeyMissing`);
 3. the old size is not above the checkpoint's, and is the size cosigned last (`SizeConflict`);
 4. the proof leads from the root cosigned last to this one (`Inconsistent`);
 5. keep the checkpoint, cosigned, durably; only then answer.

Steps 3 to 5 are repeated under the lock of the log's row, so two processes never cosign two heads that contradict
each other. Each yearly shard is a log with a row of its own. Refuses to remember less than the newest head.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.checkpoint import Checkpoint, open_note, parse_checkpoint, split_note
from audit.cosignature import Cosigner
from audit.errors import Inconsistent, LogKeyMissing, LogUnknown, NoteInvalid, SizeConflict, SubmissionMalformed
from audit.keys import Vkey
from audit.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from audit.models import audit_witnessed
from audit.policy import Policy
from audit.store import Store

_MAX_PROOF = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")

_held = sa.select(audit_witnessed.c.size, audit_witnessed.c.root)
_first = sa.text(
    "INSERT INTO audit_witnessed (log, size, root, note) VALUES (:log, 0, :root, '') ON CONFLICT (log) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class _Submission:
    old: int
    proof: list[bytes]
    note: str
    text: str
    checkpoint: Checkpoint

    @property
    def log(self) -> str:
        return log_id(self.checkpoint.origin)


def log_id(origin: str) -> str:
    """Name a log as monitors ask for it: hex SHA-256 of its origin."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Witness:
    """Cosigns for the logs of a policy; of several keys in force (one takes over from another) each signs."""

    def __init__(self, store: Store, *, policy: Policy, cosigners: Callable[[], Sequence[Cosigner]]) -> None:
        self._store = store
        self._policy = policy
        self._cosigners = cosigners

    async def add_checkpoint(self, body: bytes, *, now: int) -> str:
        """Give the cosignature lines for what was submitted, or raise a `SubmissionRefused`."""
        submission = _parse(body)  # 1
        vkeys = self._policy.vkeys(submission.checkpoint.origin)  # 2
        if not vkeys:
            raise LogUnknown("this witness does not follow a log of this origin")
        try:
            open_note(submission.note, *vkeys)
        except NoteInvalid as error:
            raise LogKeyMissing(str(error)) from None
        if submission.old > submission.checkpoint.size:
            raise SubmissionMalformed("the old size is above the size of the checkpoint")
        await self._store.read(lambda connection: _check(connection, submission))  # 3, 4: no lock for what is refused
        lines = "".join(cosigner.cosign(submission.text, now // 1000) for cosigner in self._cosigners())
        kept = _kept(submission, vkeys) + lines
        await self._store.write(lambda connection: _keep(connection, submission, kept))  # 3, 4, 5
        return lines

    async def checkpoint(self, log: str) -> str:
        """Give the newest checkpoint cosigned for a log, by its id."""
        query = sa.select(audit_witnessed.c.note).where(audit_witnessed.c.log == log)
        note: str | None = await self._store.read(lambda connection: connection.execute(query).scalar())
        if note is None:
            raise LogUnknown("nothing was cosigned for this log")
        return note


def _parse(body: bytes) -> _Submission:
    try:
        head, blank, note = body.decode().partition("\n\n")
        text, _ = split_note(note)
        checkpoint = parse_checkpoint(text)
    except (UnicodeDecodeError, NoteInvalid):
        raise SubmissionMalformed("it is not followed by a checkpoint") from None
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    proof = [_hash(line) for line in lines]
    if not blank or old is None or len(proof) > _MAX_PROOF or b"" in proof or checkpoint.size >= 1 << 63:
        raise SubmissionMalformed("it does not begin with an old size and at most 63 hashes")
    return _Submission(int(old[1]), proof, note, text, checkpoint)


def _hash(line: str) -> bytes:
    """Strict base64 of one hash, or nothing."""
    try:
        raw = base64.b64decode(line, validate=True)
    except ValueError:
        return b""
    return raw if len(raw) == HASH_SIZE and base64.b64encode(raw).decode() == line else b""


def _check(connection: Connection, submission: _Submission, *, lock: bool = False) -> None:
    query = _held.where(audit_witnessed.c.log == submission.log)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    size, root = tuple(row) if row is not None else (0, EMPTY_ROOT)
    if submission.old != size:  # 3
        raise SizeConflict(size)
    new = submission.checkpoint  # 4
    if size == 0:
        consistent = not submission.proof and (new.size > 0 or new.root == EMPTY_ROOT)
    else:
        consistent = verify_consistency(size, new.size, root, new.root, submission.proof)
    if not consistent:
        raise Inconsistent("the proof does not lead from the checkpoint cosigned last to this one")


def _keep(connection: Connection, submission: _Submission, note: str) -> None:
    connection.execute(_first, {"log": submission.log, "root": EMPTY_ROOT})  # something to lock
    _check(connection, submission, lock=True)
    new = submission.checkpoint
    change = sa.update(audit_witnessed).where(audit_witnessed.c.log == submission.log)
    connection.execute(change.values(size=new.size, root=new.root, note=note))


def _kept(submission: _Submission, vkeys: Sequence[Vkey]) -> str:
    """The checkpoint with the signatures of the log that were verified, each once, and no others."""
    _, signatures = split_note(submission.note)
    ours = dict.fromkeys(signature.line for signature in signatures if any(map(signature.claims, vkeys)))
    return f"{submission.text}\n{''.join(ours)}"
