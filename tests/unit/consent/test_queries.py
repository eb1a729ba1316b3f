"""Snapshots: one statement for all who wait, nothing told about other partners' persons, nothing opened unasked."""

import asyncio

import pytest
import sqlalchemy as sa

from audit.errors import StoreUnavailable
from consent import models
from consent.errors import KeyUnusable, PersonUnknown, SubjectErased
from consent.guards import EpochGuard, SubjectRef
from consent.models import subject_key
from consent.queries import Snapshots
from consent.vault import LocalKek, Vault
from policies.facts import Authorisation

from .conftest import AGENT, ALL_KINDS, DAY, LEA, NOW, PERSON, asked

WINDOW = "ml-jeunes-ressources:2026-11"


async def link(side, partner, reference, **identifiers):
    linked = await side.people.link(
        partner=partner, reference=reference, identifiers=identifiers, accepted_kinds=ALL_KINDS, now=NOW
    )
    return linked.pseudonym


async def get(side, partner="ml-brume", purpose="support.youth", **who):
    return await side.snapshots.get(partner=partner, purpose=purpose, **who)


@pytest.fixture
def statements(side, monkeypatch):
    """What the database is asked, in order."""
    seen = []

    def count(store):
        real = store.read
        monkeypatch.setattr(store, "read", lambda work: seen.append(store) or real(work))

    count(side.store)
    count(side.keys)
    return seen


async def test_a_snapshot_says_all_a_decision_needs(side):
    """Rule: subject, epoch, flags, uses, authorisation, ambiguous kinds; identifiers only when opened."""
    subject = await side.lea()
    name = await link(side, "ml-brume", "dossier-7")
    request = asked(max_uses=5, valid_until=NOW + DAY)
    made = await side.authorisations.request(subject, request, by=AGENT, now=NOW)
    await side.authorisations.give(
        made.record.id, subject=subject, fields=request.fields, explicit=frozenset({"rsa.since"}), by=PERSON, now=NOW
    )
    await side.release(subject, EpochGuard(epoch=1, counts=((WINDOW, 9),), authorisation=made.record.id, max_uses=5))
    await side.people.flag(subject, "protected_address", present=True, now=NOW)
    await link(side, "ft-brume", "x", nir=LEA["nir"], ft_number="99999999999")
    found = await get(side, pseudonym=name)
    assert (found.subject, found.pseudonym, found.epoch) == (subject, name, 3)
    assert found.flags == {"protected_address"}
    assert found.uses[WINDOW] == 1
    assert found.authorisation == Authorisation(
        id=made.record.id, basis="consent", state="given", fields=request.fields, explicit=frozenset({"rsa.since"}),
        valid_from=NOW, valid_until=NOW + DAY, max_uses=5, uses=1,
    )  # fmt: skip
    assert found.ambiguous_kinds == {"ft_number"}
    assert found.identifiers().keys() == {"nir", "caf_number", "pivot"}
    assert found.ref == SubjectRef(subject, found.key)
    assert found == await get(side, reference="dossier-7")


async def test_the_current_record_counts_and_else_the_pending_one(side):
    """Rule: what stands decides; a waiting request shows only where nothing else stands."""
    subject = await side.lea()
    assert (await get(side, reference="dossier-7")).authorisation is None
    made = await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    assert (await get(side, reference="dossier-7")).authorisation.state == "requested"
    await side.authorisations.give(made.record.id, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    await side.authorisations.request(subject, asked(fields=asked().fields | {"c2s.beneficiary"}), by=AGENT, now=NOW)
    assert (await get(side, reference="dossier-7")).authorisation.state == "given"
    await side.authorisations.withdraw(made.record.id, subject=subject, by=PERSON, now=NOW)
    assert (await get(side, reference="dossier-7")).authorisation.state == "withdrawn"
    assert (await get(side, purpose="orientation.rsa", reference="dossier-7")).authorisation is None


async def test_another_partners_authorisation_is_not_seen(side):
    """Rule: an authorisation serves its recipient only."""
    subject = await side.lea()
    await link(side, "dept-brume", "d", nir=LEA["nir"])
    await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    assert (await get(side, partner="dept-brume", reference="d")).authorisation is None


async def test_look_ups_waiting_together_are_answered_by_one_statement(side, statements):
    """Rule: one statement for the persons and one for the keys not in memory, whatever the number waiting."""
    names = [await link(side, "ml-brume", str(number), rdvi_user=str(number)) for number in range(1, 21)]
    cold = Snapshots(store=side.store, vault=Vault(side.keys, LocalKek(b"k" * 32)), blind=side.blind)
    statements.clear()
    calls = [cold.get(partner="ml-brume", purpose="support.youth", pseudonym=name) for name in names]
    calls += [cold.get(partner="ml-brume", purpose="support.youth", reference=str(number)) for number in range(1, 21)]
    found = await asyncio.gather(*calls)
    assert statements == [side.store, side.keys]
    assert [each.pseudonym for each in found] == names * 2
    statements.clear()
    await cold.get(partner="ml-brume", purpose="support.youth", pseudonym=names[0])
    assert statements == [side.store]


async def test_a_crowd_is_answered_in_bounded_batches(side, statements):
    """Rule: at most 256 in one statement."""
    name = await link(side, "ml-brume", "1", rdvi_user="1")
    statements.clear()
    found = await asyncio.gather(*(get(side, pseudonym=name) for _ in range(300)))
    assert len({each.subject for each in found}) == 1
    assert statements == [side.store, side.store]


async def test_nobody_and_another_partners_person_look_alike(side):
    """Rule: one answer, so that nobody can probe; it does not disturb the others of the batch."""
    name = await link(side, "ml-brume", "7", **LEA)
    outcomes = await asyncio.gather(
        get(side, partner="caf-brume", pseudonym=name),
        get(side, partner="caf-brume", reference="7"),
        get(side, pseudonym="psn_" + "0" * 32),
        get(side),
        get(side, pseudonym=name),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes[:4]] == [PersonUnknown] * 4
    assert len({str(each) for each in outcomes[:3]}) == 1
    assert outcomes[4].pseudonym == name


async def test_a_key_that_does_not_open_concerns_its_person_only(side):
    """Rule: one damaged or destroyed key never stops the others."""
    names = [await link(side, "ml-brume", str(number), rdvi_user=str(number)) for number in (1, 2, 3)]
    damaged, erased = [await side.people.resolve(partner="ml-brume", pseudonym=name) for name in names[:2]]
    update = sa.update(subject_key).where(subject_key.c.subject == damaged).values(wrapped=b"0" * 60)
    await side.keys.write(lambda connection: connection.execute(update) and None)
    await side.vault.destroy(erased)
    side.vault.forget(damaged)
    outcomes = await asyncio.gather(*(get(side, pseudonym=name) for name in names), return_exceptions=True)
    assert [type(each).__name__ for each in outcomes] == ["KeyUnusable", "SubjectErased", "Snapshot"]
    assert isinstance(outcomes[0], KeyUnusable)
    assert isinstance(outcomes[1], SubjectErased)


async def test_an_erased_person_is_told_to_be_erased(side):
    """Rule: whoever still asks is told to stop; a key left in memory goes."""
    name = await link(side, "ml-brume", "7", **LEA)
    update = sa.update(models.subject).values(erased_at=NOW)
    await side.store.write(lambda connection: connection.execute(update) and None)
    with pytest.raises(SubjectErased):
        await get(side, pseudonym=name)
    assert not side.vault._opened


async def test_a_database_that_fails_is_told_to_all_who_wait_and_the_next_are_served(side, monkeypatch):
    """Rule: a failure is an answer; the loader goes on."""
    name = await link(side, "ml-brume", "7", **LEA)
    real = side.store.read

    async def read(work):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(side.store, "read", read)
    outcomes = await asyncio.gather(*(get(side, pseudonym=name) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [StoreUnavailable] * 3
    monkeypatch.setattr(side.store, "read", real)
    assert (await get(side, pseudonym=name)).pseudonym == name


async def test_whoever_gives_up_waiting_does_not_disturb_the_others(side):
    """Rule: a cancelled request costs nobody else their answer."""
    name = await link(side, "ml-brume", "7", **LEA)
    gone = asyncio.create_task(get(side, pseudonym=name))
    stays = asyncio.create_task(get(side, pseudonym=name))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).pseudonym == name
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_person_without_identifiers_has_none_and_nothing_shows(side):
    """Rule: nothing is invented; keys and identifiers stay out of reprs."""
    name = await link(side, "ml-brume", "7")
    found = await get(side, pseudonym=name)
    assert found.identifiers() == {}
    assert "sealed" not in repr(found)
    assert "Key" not in repr(found)
    nobody = sa.update(models.subject).values(identifiers=None)
    await side.store.write(lambda connection: connection.execute(nobody) and None)
    assert (await get(side, pseudonym=name)).identifiers() == {}
