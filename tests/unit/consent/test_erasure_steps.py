"""The way to an erasure: two officers, a delay; cancelled, interrupted, taken up again."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from audit.checkpoint import sign_note
from audit.keys import Ed25519Signer
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
from consent.vault import LocalKek, Vault

from .conftest import DAY, Side
from .erasing import ANNA, DELAY, LISE, STRANGER, TRACE, YANN, erased, of, signed


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
