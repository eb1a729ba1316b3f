"""Officers who erase, the short ways to an erasure, and what is counted after it."""

import json
from pathlib import Path

import sqlalchemy as sa

from audit.checkpoint import sign_note
from audit.keys import Ed25519Signer
from audit.models import audit_seal
from audit.person import verify_person
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.report import Report
from audit.signer_state import SignerState
from audit.trust import Trust
from consent.erasure import Erasure, Erasures
from consent.guards import EpochGuard
from consent.proof import write_proof
from consent.vault import SubjectId

from .conftest import DAY, ORIGIN, Side

LISE, YANN, ANNA = (Ed25519Signer(f"officers.example/{n}", n.encode() * 8) for n in ("lise", "yann", "anna"))
STRANGER = Ed25519Signer("officers.example/lise", b"z" * 32)
LOG = Ed25519Signer(ORIGIN, b"l" * 32)
DELAY, TRACE = 3 * DAY, 365 * DAY
READER = {"org": "operator"}


def of(side: Side, *officers: Ed25519Signer) -> Erasures:
    keys = [each.vkey for each in officers or (LISE, YANN, ANNA)]
    return Erasures(
        store=side.store, journal=side.journal, vault=side.vault, officers=keys, delay_ms=DELAY, trace_ms=TRACE
    )


async def signed(side: Side, erasures: Erasures, subject: SubjectId) -> Erasure:
    """Asked for, and signed by two."""
    found = await erasures.request(subject, now=side.clock.now)
    for officer in (LISE, YANN):
        found = await erasures.sign(found.id, sign_note(found.text, officer), now=side.clock.now)
    return found


async def erased(side: Side, erasures: Erasures, subject: SubjectId) -> Erasure:
    found = await signed(side, erasures, subject)
    side.clock.now += DELAY
    return await erasures.execute(found.id, now=side.clock.now)


async def releases(side: Side, subject: SubjectId, times: int = 2) -> None:
    """Entries after which data left, each with its seal."""
    key = await side.vault.open(subject)
    for number in range(times):
        appended = await side.release(subject, EpochGuard(epoch=(await side.row(subject))["epoch"]))
        sealed = key.journal.seal(json.dumps({"seed": "AAAA"}).encode(), "0" * 32)
        row = {"index": appended.index, "sealed": sealed}
        await side.store.write(lambda connection, row=row: connection.execute(sa.insert(audit_seal), row) and None)
        assert number < times


async def verified(side: Side, subject: SubjectId, tmp_path: Path) -> Report:
    """Publish, write the person's list, check it with the log's key alone."""
    publisher = Publisher(side.store, LOG, state=SignerState(tmp_path / "signer"), origin=ORIGIN)
    await publisher.publish_once(side.clock.now)
    content = await write_proof(
        subject, store=side.store, journal=side.journal, vault=side.vault, log=PublishedLog(side.store),
        vkeys=[LOG.vkey], reader=READER, now=side.clock.now,
    )  # fmt: skip
    file = tmp_path / "person.json"
    file.write_text(json.dumps(content), "utf-8")
    return verify_person(file, Trust((LOG.vkey,)))


async def count(side: Side, table: sa.Table, subject: SubjectId) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.subject == subject)
    return await side.store.read(lambda connection: connection.execute(query).scalar_one())


async def seals(side: Side) -> int:
    query = sa.select(sa.func.count()).select_from(audit_seal)
    return await side.store.read(lambda connection: connection.execute(query).scalar_one())
