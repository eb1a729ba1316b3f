"""Asking the witnesses of the policy to cosign each new checkpoint, and believing them when they know better.

For each shard's newest checkpoint, all witnesses that have not cosigned it at once, each from the size it holds:
 1. send the proof from that size to this one (C2SP tlog-witness, add-checkpoint);
 2. told another size (409), prove from there, once; told a larger one than this log has, go to 4;
 3. keep the cosignature when it is the witness's, of this checkpoint, dated within five minutes of our clock;
 4. told that this log does not continue what was cosigned (a larger size, 422, or, by witnesses of an earlier text of
    the norm, 409 with the size that was proved from, when it is this one): fetch the checkpoint it cosigned. If
    it bears our own signature and is no head of this log, a backup was restored, a tail was lost or there are two of
    us: `LogContradicted`, and the publisher holds. A claim without that evidence counts as its author does in the
    quorum: one liar among several is a fault of his, a quorum of them is believed.

The same comparison is made at start, before anything is signed. Nobody waits for a witness; any number of processes
may ask. Refuses to believe an answer beyond these steps.
"""

import asyncio
import base64
import contextlib
import logging
import re
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, NamedTuple, NoReturn, Protocol

from sqlalchemy import Connection

from audit import attested, merkle, shards
from audit.attested import Cosignature, Newest
from audit.checkpoint import Checkpoint, open_checkpoint, split_note
from audit.cosignature import cosigned
from audit.errors import (
    AuditError,
    ContradictionClaimed,
    LogContradicted,
    NoteInvalid,
    WitnessAnswerInvalid,
    WitnessUnavailable,
)
from audit.events import MAX_SKEW_MS
from audit.keys import Vkey
from audit.merkle import CompactRange
from audit.policy import Policy, Witness
from audit.reading import PublishedLog
from audit.store import Store
from audit.witness import log_id

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")

_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a witness answered."""

    status: int
    kind: str
    body: bytes


class Transport(Protocol):
    """HTTP as this module needs it: bounded in time and size, no redirects; raises `WitnessUnavailable`."""

    async def post(self, url: str, body: bytes) -> Answer:
        """Send a body."""
        ...

    async def get(self, url: str) -> Answer:
        """Fetch."""
        ...


class Witnessing:
    """Asks the witnesses that have a URL, except our own (`own`); `faults` tells how each answered last.

    `vkeys` gives this log's keys for an origin, former ones included; `hold` is told of a contradiction.
    """

    def __init__(
        self,
        store: Store,
        *,
        log: PublishedLog,
        policy: Policy,
        transport: Transport,
        vkeys: Callable[[str], Collection[Vkey]],
        hold: Callable[[AuditError], None],
        own: Collection[Vkey] = (),
        interval: float = 10.0,
    ) -> None:
        self.policy = policy
        self._store = store
        self._log = log
        self._transport = transport
        self._vkeys = vkeys
        self._hold = hold
        self._interval = interval
        asked = {name: one for name, one in policy.witnesses.items() if one.url is not None and one.vkey not in own}
        self._witnesses = asked
        self.faults: dict[str, AuditError | None] = dict.fromkeys(asked, WitnessUnavailable("not asked yet"))
        self._sizes: dict[tuple[str, str], int] = {}

    async def run(self, clock: Callable[[], int]) -> None:
        """Ask until cancelled; each failure is told once, and tried again."""
        failing = ""
        while True:
            try:
                await self.ask(clock())
                failing = ""
            except Exception as error:  # noqa: BLE001  an absent database must not end witnessing
                code = error.code if isinstance(error, AuditError) else type(error).__name__
                if code != failing:
                    _log.error("witnesses cannot be asked: %s", code)
                failing = code
            await asyncio.sleep(self._interval)

    async def compare(self) -> None:
        """Compare what the witnesses hold of the open shard with this log; who cannot be reached is asked later."""
        shard = await self._store.read(shards.current)
        if shard is not None:
            _, faults = await self._each({name: self._compare(name, shard.origin) for name in self._witnesses})
            self._tell(faults)

    async def ask(self, now: int) -> None:
        """Ask each witness for what it has not cosigned, or, the first time, for its view of the open shard."""
        told: dict[str, AuditError | None] = {}
        for newest in await self._store.read(attested.newest):
            missing = [name for name in self._witnesses if self._lacks(name, newest)]
            got, faults = await self._each({name: self._cosign(name, newest, now) for name in missing})
            told |= {name: told.get(name) or fault for name, fault in faults.items()}
            if got:
                await self._store.write(
                    lambda connection, newest=newest, got=got: attested.keep(  # type: ignore[misc]  # mypy #2427
                        connection, newest, got, policy=self.policy, now=now
                    )
                )
        self._tell(told)

    def _lacks(self, name: str, newest: Newest) -> bool:
        unheard = newest.shard.closed_at is None and (name, newest.shard.origin) not in self._sizes
        return unheard or str(self._witnesses[name].vkey) not in newest.cosigners

    async def _each(
        self, asked: dict[str, Coroutine[Any, Any, Cosignature | None]]
    ) -> tuple[list[Cosignature], dict[str, AuditError | None]]:
        """Run all at once, and hold when one proves a contradiction or enough of them claim one."""
        results = await asyncio.gather(*asked.values(), return_exceptions=True)
        got: list[Cosignature] = []
        faults: dict[str, AuditError | None] = {}
        for name, result in zip(asked, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, AuditError):
                raise result
            if isinstance(result, LogContradicted):
                self._hold(result)
            if isinstance(result, Cosignature):
                got.append(result)
            faults[name] = result if isinstance(result, AuditError) else None
        claimants = {
            self._witnesses[name].vkey for name, fault in faults.items() if isinstance(fault, ContradictionClaimed)
        }
        if claimants and self.policy.satisfied(claimants):
            self._hold(LogContradicted("enough witnesses say that this log contradicts what they cosigned"))
        return got, faults

    def _tell(self, faults: Mapping[str, AuditError | None]) -> None:
        for name, fault in faults.items():
            before = self.faults[name]
            if fault is not None and (before is None or before.code != fault.code):
                _log.warning("witness %s: %s: %s", name, fault.code, fault)
            self.faults[name] = fault

    async def _cosign(self, name: str, newest: Newest, now: int) -> Cosignature | None:
        """Give a cosignature, or None when another process was faster with a newer checkpoint."""
        witness, origin = self._witnesses[name], newest.shard.origin
        held = min(self._sizes.get((name, origin), 0), newest.size)
        answer = await self._submit(witness, newest, held)  # 1
        if answer.status == 409:  # 2
            held = _size(answer)
            if held > newest.size:
                await self._overtaken(name, origin, held)
                return None
            answer = await self._submit(witness, newest, held)
            if answer.status == 409 and held == _size(answer) == newest.size:  # as tlog-witness had it: another head
                await self._prove(name, origin, claim="it says it cosigned another head of this size")
            if answer.status == 409:
                return None
        if answer.status == 422:  # 4
            await self._prove(name, origin, claim="it says this log does not continue what it cosigned")
        if answer.status != 200:
            raise WitnessAnswerInvalid(f"it answered {answer.status}")
        cosignature = _cosignature(witness, newest, answer, now)  # 3
        self._sizes[name, origin] = newest.size
        return cosignature

    async def _submit(self, witness: Witness, newest: Newest, held: int) -> Answer:
        def prove(connection: Connection) -> list[bytes]:
            node = self._log.node(connection, newest.shard, newest.size)
            return merkle.consistency_path(held, newest.size, node) if held else []

        proof = await self._store.read(prove)
        return await self._transport.post(f"{_prefix(witness)}/add-checkpoint", submission(held, proof, newest.note))

    async def _overtaken(self, name: str, origin: str, held: int) -> None:
        shard = await self._store.read(lambda connection: shards.named(connection, origin))
        if shard is not None and held <= shard.size:
            return  # another process had a newer checkpoint cosigned
        await self._prove(name, origin, claim=f"it says it cosigned size {held}, more than there is")

    async def _prove(self, name: str, origin: str, *, claim: str) -> NoReturn:
        with contextlib.suppress(WitnessUnavailable, WitnessAnswerInvalid):
            await self._compare(name, origin)
        raise ContradictionClaimed(claim)

    async def _compare(self, name: str, origin: str) -> None:
        """Compare the checkpoint a witness shows with this log."""
        answer = await self._transport.get(f"{_prefix(self._witnesses[name])}/{log_id(origin)}/checkpoint")
        if answer.status == 404:
            self._sizes[name, origin] = 0
            return
        if answer.status != 200:
            raise WitnessAnswerInvalid(f"it answered {answer.status} when asked what it holds")
        try:
            seen = open_checkpoint(answer.body.decode(), *self._vkeys(origin))
        except (UnicodeDecodeError, NoteInvalid):
            raise WitnessAnswerInvalid("it shows a checkpoint this log has not signed") from None
        if await self._store.read(lambda connection: self._contradicts(connection, seen)):
            raise LogContradicted(f"{name} holds a signed head of size {seen.size} that is not of this log")
        self._sizes[name, origin] = seen.size

    def _contradicts(self, connection: Connection, seen: Checkpoint) -> bool:
        """Tell whether a head that somebody holds cannot be one of this log."""
        shard = shards.named(connection, seen.origin)
        if shard is None or seen.size >= shard.size:
            return shard is None or seen != shard.head
        node, peaks, start = self._log.node(connection, shard, seen.size), [], 0
        for level in reversed(range(seen.size.bit_length())):
            if seen.size >> level & 1:
                peaks.append(node(level, start >> level))
                start += 1 << level
        return CompactRange(seen.size, peaks).root() != seen.root


def submission(old: int, proof: list[bytes], note: str) -> bytes:
    """Write the body of an add-checkpoint request."""
    lines = (f"{base64.b64encode(one).decode()}\n" for one in proof)
    return f"old {old}\n{''.join(lines)}\n{note}".encode()


def _prefix(witness: Witness) -> str:
    return (witness.url or "").removesuffix("/")


def _size(answer: Answer) -> int:
    match = _SIZE.fullmatch(answer.body)
    if answer.kind != "text/x.tlog.size" or match is None:
        raise WitnessAnswerInvalid("it answered 409 without the size it holds")
    return int(match[1])


def _cosignature(witness: Witness, newest: Newest, answer: Answer, now: int) -> Cosignature:
    """Find the witness's own line; lines of keys we do not know are passed over."""
    try:
        note = newest.note + answer.body.decode()
        time_s = cosigned(note, [witness.vkey]).get(witness.vkey)
    except (UnicodeDecodeError, NoteInvalid):
        raise WitnessAnswerInvalid("its cosignature is not of this checkpoint") from None
    if time_s is None:
        raise WitnessAnswerInvalid("its key has not cosigned")
    if abs(time_s * 1000 - now) > MAX_SKEW_MS:
        raise WitnessAnswerInvalid("its cosignature is dated away from our clock")
    line = min(
        (signature for signature in split_note(note)[1] if signature.claims(witness.vkey)),
        key=lambda signature: signature.value[:8],
    ).line
    return Cosignature(witness.vkey, time_s, line)
