"""Erasure: two officers, a delay, then nothing opens any more and every proof still holds."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit.checkpoint import sign_note
from audit.errors import SealBroken
from audit.journal import Draft
from audit.keys import Ed25519Signer
from audit.models import audit_seal
from audit.person import verify_person
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.report import Report
from audit.signer_state import SignerState
from audit.trust import Trust
from consent import models
from consent.erasure import Erasure, Erasures, reapply
from consent.errors import (
    ConsentError,
    EpochChanged,
    ErasureClosed,
    ErasureNotDue,
    ErasurePending,
    ErasureUnknown,
    ErasureUnsigned,
    OfficerRefused,
    SubjectErased,
)
from consent.guards import EpochGuard
from consent.proof import write_proof
from consent.queries import Snapshot
from consent.vault import LocalKek, SubjectId, Vault

from .conftest import AGENT, DAY, ORIGIN, Side, asked

LISE, YANN, ANNA = (Ed25519Signer(f"officers.example/{n}", n.encode() * 8) for n in ("lise", "yann", "anna"))
STRANGER = Ed25519Signer("officers.example/lise", b"z" * 32)
LOG = Ed25519Signer(ORIGIN, b"l" * 32)
DELAY, TRACE = 3 * DAY, 365 * DAY
READER = {"org": "operator"}


@pytest.fixture
async def erasures(side: Side) -> Erasures:
    return of(side)


@pytest.fixture
async def other(side: Side) -> AsyncIterator[Side]:
    """A second process: its own keys in memory, its own journal."""
    another = await side.another()
    yield another
    await another.journal.close()


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


async def test_an_erased_person_leaves_a_count_and_a_date(side: Side, erasures: Erasures) -> None:
    """Rule: links, identifiers, authorisations and seals go at once; the tombstone says nothing of the person."""
    subject = await side.lea()
    kept = await side.lea(reference="dossier-8", nir="199042A123456")
    await side.authorisations.request(subject, asked(basis="public_task"), by=AGENT, now=side.clock.now)
    await releases(side, subject)
    await releases(side, kept, 1)
    done = await erased(side, erasures, subject)
    assert done.state == "executed"
    assert done.forget_at == side.clock.now + TRACE
    for table in (models.identifier, models.link, models.authorisation):
        assert await count(side, table, subject) == 0
    assert await seals(side) == 1, "the other person's"
    row = await side.row(subject)
    assert (row["identifiers"], row["uses"], row["ambiguous"], row["erased_at"]) == (None, "{}", "", side.clock.now)
    with pytest.raises(SubjectErased):
        await side.vault.open(subject)
    assert await side.vault.open(kept)


async def test_the_journal_never_says_whose_erasure_it_is(side: Side, erasures: Erasures) -> None:
    """Rule: only the last entry bears a tag, which nobody reads without the key."""
    subject = await side.lea()
    done = await erased(side, erasures, subject)
    told = [entry for entry in await side.entries() if entry["type"].startswith("erasure.")]
    assert [entry["type"].partition(".")[2] for entry in told] == ["requested", "approved", "approved", "executed"]
    assert all(entry["erasure"] == done.id for entry in told)
    assert [("subject" in entry, "due" in entry) for entry in told] == [
        (False, False), (False, False), (False, True), (True, False),
    ]  # fmt: skip
    assert subject not in json.dumps(told)
    key = await side.vault.journal_key(subject)
    assert told[-1]["subject"] == key.tag((await side.row(subject))["counter"] - 1)


async def test_the_person_is_refused_everywhere_also_by_another_process(
    side: Side, other: Side, erasures: Erasures
) -> None:
    """Rule: a key still in another process's memory serves for nothing: the journal refuses the person."""
    subject = await side.lea()
    names = {"partner": "ml-brume", "purpose": "support.youth", "reference": "dossier-7"}
    held = await other.snapshots.get(**names)
    await erased(side, erasures, subject)
    for process in (side, other):
        with pytest.raises(SubjectErased):
            await process.snapshots.get(**names)
        with pytest.raises(SubjectErased):
            await process.snapshots.get(**{**names, "reference": None}, pseudonym=held.pseudonym)
        with pytest.raises(SubjectErased):
            await process.lea()
        with pytest.raises(SubjectErased):
            await process.authorisations.request(subject, asked(), by=AGENT, now=side.clock.now)
        with pytest.raises(ConsentError):
            await process.people.flag(subject, "restriction", present=True, now=side.clock.now)
    with pytest.raises(SubjectErased):
        await other.journal.append(_decided(held, now=side.clock.now))
    assert subject not in other.vault._opened


def _decided(held: Snapshot, *, now: int) -> Draft:
    members = {"org": "ml-brume", "kinds": ["nir"]}
    return Draft(type="subject.linked", members=members, time=now, subject=held.ref)


async def test_proofs_hold_before_and_after(side: Side, erasures: Erasures, tmp_path: Path) -> None:
    """Rule: erasing hides no access; the list is whole as long as the journal must be kept."""
    subject = await side.lea()
    await releases(side, subject)
    before = await verified(side, subject, tmp_path)
    assert before.ok, before.lines()
    assert sum("opened" in each for each in before.facts["entries"]) == 2
    await erased(side, erasures, subject)
    after = await verified(side, subject, tmp_path)
    assert after.ok, after.lines()
    assert [each["number"] for each in after.facts["entries"]] == list(range((await side.row(subject))["counter"]))
    assert not any("opened" in each for each in after.facts["entries"])
    with pytest.raises(SealBroken):
        (await side.vault.journal_key(subject)).unseal(b"\x01", "0" * 32)


async def test_once_the_retention_has_passed_nobody_finds_the_entries(
    side: Side, erasures: Erasures, tmp_path: Path
) -> None:
    """Rule: then the last key and the names partners knew go; the same reference makes a new person."""
    subject = await side.lea()
    done = await erased(side, erasures, subject)
    with pytest.raises(ErasureNotDue) as refused:
        await erasures.forget(done.id, now=side.clock.now)
    assert refused.value.due == done.forget_at
    side.clock.now += TRACE
    assert [each.id for each in await erasures.due(now=side.clock.now)] == [done.id]
    for _ in range(2):
        await erasures.forget(done.id, now=side.clock.now)
    assert (await erasures.get(done.id)).state == "forgotten"
    assert await erasures.open() == await erasures.due(now=side.clock.now) == ()
    with pytest.raises(SubjectErased):
        await verified(side, subject, tmp_path)
    assert await side.lea() != subject
    assert (await side.row(subject))["erased_at"] is not None


async def test_what_waits_is_listed_with_its_date(side: Side, erasures: Erasures) -> None:
    """Rule: the delay runs from the second signature."""
    subject = await side.lea()
    found = await erasures.request(subject, now=side.clock.now)
    assert found.state == "requested"
    side.clock.now += DAY
    await erasures.sign(found.id, sign_note(found.text, LISE), now=side.clock.now)
    assert (await erasures.get(found.id)).due is None
    side.clock.now += DAY
    found = await erasures.sign(found.id, sign_note(found.text, YANN), now=side.clock.now)
    assert (found.state, found.due) == ("waiting", side.clock.now + DELAY)
    third = await erasures.sign(found.id, sign_note(found.text, ANNA), now=side.clock.now + 1)
    assert third.due == found.due
    assert await erasures.open() == (third,)
    assert await erasures.due(now=side.clock.now) == ()


async def test_one_officer_is_not_two(side: Side, erasures: Erasures) -> None:
    """Rule: neither by signing twice, nor under a second name, nor with a second key."""
    subject = await side.lea()
    alias = LISE.named("officers.example/alias")
    second_key = Ed25519Signer("officers.example/lise", b"2" * 32)
    erasures = of(side, LISE, alias, second_key)
    found = await erasures.request(subject, now=side.clock.now)
    for officer in (LISE, LISE, alias, second_key):
        found = await erasures.sign(found.id, sign_note(found.text, officer), now=side.clock.now)
    assert found.due is None
    side.clock.now += DELAY
    with pytest.raises(ErasureUnsigned):
        await erasures.execute(found.id, now=side.clock.now)


async def test_only_an_officer_and_only_this_text_is_accepted(side: Side, erasures: Erasures) -> None:
    """Rule: a stranger, another text, another erasure, several signatures at once, no note: each refused."""
    subject = await side.lea()
    found = await erasures.request(subject, now=side.clock.now)
    altered = found.text.replace(found.id, "0" * 32)
    notes = (
        sign_note(found.text, STRANGER),
        sign_note(altered, LISE),
        sign_note(found.text, LISE, YANN),
        sign_note(found.text, LISE).replace(LISE.vkey.name, YANN.vkey.name),
        sign_note(altered, LISE).replace("0" * 32, found.id),
        found.text,
    )
    for note in notes:
        with pytest.raises(OfficerRefused):
            await erasures.sign(found.id, note, now=side.clock.now)
    assert (await erasures.get(found.id)).signatures == ""


async def test_nothing_happens_before_its_date_or_without_signatures(side: Side, erasures: Erasures) -> None:
    """Rule: refused by name; the person stays as they are."""
    subject = await side.lea()
    found = await erasures.request(subject, now=side.clock.now)
    for refused in (erasures.execute, erasures.forget):
        with pytest.raises(ErasureUnsigned):
            await refused(found.id, now=side.clock.now)
    for officer in (LISE, YANN):
        found = await erasures.sign(found.id, sign_note(found.text, officer), now=side.clock.now)
    with pytest.raises(ErasureNotDue):
        await erasures.execute(found.id, now=found.due - 1)
    with pytest.raises(ErasurePending):
        await erasures.request(subject, now=side.clock.now)
    with pytest.raises(ErasureUnknown):
        await erasures.get("0" * 32)
    assert await side.vault.open(subject)


async def test_a_cancelled_erasure_is_over(side: Side, erasures: Erasures) -> None:
    """Rule: it may be asked for anew."""
    subject = await side.lea()
    found = await signed(side, erasures, subject)
    await erasures.cancel(found.id, now=side.clock.now)
    assert (await erasures.get(found.id)).state == "cancelled"
    side.clock.now += DELAY
    for refused in (erasures.execute, erasures.cancel):
        with pytest.raises(ErasureClosed):
            await refused(found.id, now=side.clock.now)
    with pytest.raises(ErasureClosed):
        await erasures.sign(found.id, sign_note(found.text, ANNA), now=side.clock.now)
    again = await erased(side, erasures, subject)
    assert again.state == "executed"
    with pytest.raises(SubjectErased):
        await erasures.request(subject, now=side.clock.now)


@pytest.mark.parametrize("column", ["subject", "due", "signatures"])
async def test_a_row_altered_in_the_database_erases_nobody(side: Side, erasures: Erasures, column: str) -> None:
    """Rule: another person, a date without signatures, foreign signatures: the signed text decides."""
    subject, victim = await side.lea(), await side.lea(reference="dossier-8", nir="199042A123456")
    found = await signed(side, erasures, subject)
    values = {"subject": victim, "due": side.clock.now, "signatures": ""}
    if column == "due":
        values = {"due": side.clock.now, "signatures": sign_note("", LISE).strip() + "\n"}
    else:
        values = {column: values[column]}
    update = sa.update(models.erasure).where(models.erasure.c.id == found.id).values(values)
    await side.store.write(lambda connection: connection.execute(update) and None)
    side.clock.now += DELAY
    with pytest.raises(ErasureUnsigned):
        await erasures.execute(found.id, now=side.clock.now)
    assert await side.vault.open(subject)
    assert await side.vault.open(victim)


async def test_what_a_crash_left_and_what_a_backup_brought_back_is_erased_at_start(
    side: Side, erasures: Erasures
) -> None:
    """Rule: the tombstones decide, not the key store."""
    subject, kept = await side.lea(), await side.lea(reference="dossier-8", nir="199042A123456")
    rows = sa.select(models.subject_key)
    saved = await side.keys.read(lambda connection: connection.execute(rows).mappings().all())
    done = await erased(side, erasures, subject)

    async def restore() -> int:
        await side.keys.write(lambda connection: connection.execute(sa.delete(models.subject_key)) and None)
        insert = sa.insert(models.subject_key)
        await side.keys.write(lambda connection: connection.execute(insert, [dict(row) for row in saved]) and None)
        return await reapply(side.store, side.keys, Vault(side.keys, LocalKek(b"k" * 32)))

    assert await restore() == 1
    assert await reapply(side.store, side.keys, side.vault) == 0
    fresh = Vault(side.keys, LocalKek(b"k" * 32))
    with pytest.raises(SubjectErased):
        await fresh.open(subject)
    assert await fresh.journal_key(subject)
    assert await fresh.open(kept)
    side.clock.now += TRACE
    await erasures.forget(done.id, now=side.clock.now)
    assert await restore() == 1
    with pytest.raises(SubjectErased):
        await fresh.journal_key(subject)


async def test_an_interrupted_execution_is_finished_by_repeating_it(
    side: Side, erasures: Erasures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: once the journal says so the person is erased, and the key follows."""
    subject = await side.lea()
    found = await signed(side, erasures, subject)
    side.clock.now += DELAY

    async def fail(_: object) -> None:
        raise OSError("power")

    with monkeypatch.context() as patch:
        patch.setattr(side.vault, "reduce", fail)
        with pytest.raises(OSError, match="power"):
            await erasures.execute(found.id, now=side.clock.now)
    with pytest.raises(SubjectErased):
        await side.lea()
    for _ in range(2):
        await erasures.execute(found.id, now=side.clock.now)
    with pytest.raises(SubjectErased):
        await Vault(side.keys, LocalKek(b"k" * 32)).open(subject)


async def test_somebody_else_changing_at_the_same_time_is_seen(
    side: Side, erasures: Erasures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: signatures and executions planned on what is no longer so are planned again, or given up."""
    subject = await side.lea()
    found = await erasures.request(subject, now=side.clock.now)
    stale = replace(found, signatures="other")
    real = Erasures.get
    answers = [stale]

    async def get(self: Erasures, id_: str) -> Erasure:
        return answers.pop() if answers else await real(self, id_)

    monkeypatch.setattr(Erasures, "get", get)
    after = await erasures.sign(found.id, sign_note(found.text, LISE), now=side.clock.now)
    assert LISE.name in after.signatures
    answers.append(stale)
    with pytest.raises(EpochChanged):
        await erasures.cancel(found.id, now=side.clock.now)
    await erasures.sign(found.id, sign_note(found.text, YANN), now=side.clock.now)
    side.clock.now += DELAY
    answers.append(replace(await real(erasures, found.id), cancelled_at=None, due=1))
    assert (await erasures.execute(found.id, now=side.clock.now)).state == "executed"


async def test_what_never_stops_changing_is_given_up(
    side: Side, erasures: Erasures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: after enough attempts, `contended`."""
    subject = await side.lea()
    found = await signed(side, erasures, subject)
    side.clock.now += DELAY

    async def get(_self: Erasures, _id: str) -> Erasure:
        return replace(found, requested_at=0, signatures=found.signatures + "other")

    async def moved(*_: object, **__: object) -> None:
        raise EpochChanged("again")

    monkeypatch.setattr(side.journal, "append", moved)
    with pytest.raises(ConsentError, match="ask again"):
        await erasures.execute(found.id, now=side.clock.now)
    with pytest.raises(ConsentError, match="ask again"):
        await erasures.sign(found.id, sign_note(found.text, ANNA), now=side.clock.now)


async def test_a_person_nobody_knows_has_no_list(side: Side, tmp_path: Path) -> None:
    """Rule: no key, no list; a key without a person is told as such."""
    with pytest.raises(SubjectErased):
        await verified(side, SubjectId("0" * 32), tmp_path)
    await side.vault.create(SubjectId("1" * 32), now=side.clock.now)
    with pytest.raises(SubjectErased):
        await verified(side, SubjectId("1" * 32), tmp_path)
