"""The entry that gives an authorisation names its record: altered together with its digest, it is found out."""

import pytest
import sqlalchemy as sa

from audit.canonical import digest, dumps, loads
from audit.merkle import leaf_hash
from audit.models import audit_entry, audit_head, audit_tile
from consent import models, record_27560
from consent.errors import RecordAltered
from consent.records import Authorisations
from tests.tampering import tamper

from .conftest import AGENT, CONSORTIUM, NOW, PERSON
from .kept import FIELDS, LINE, asked, given


async def entry_of(kept, done):
    """The journal entry of a transition."""
    leaf = sa.select(audit_entry.c.leaf).where(audit_entry.c.index == done.appended.index)
    return loads(await kept.store.read(lambda connection: connection.execute(leaf).scalar_one()))


async def test_its_entry_names_the_digest(kept):
    """Rule: a yes and its renewal name the record they froze; what freezes nothing names none."""
    subject = await kept.lea()
    done = await given(kept, subject)
    renewed = await kept.authorisations.renew(done.record.id, subject=subject, by=PERSON, now=NOW + 2)
    for each in (done, renewed):
        assert (await entry_of(kept, each))["record"] == (await kept.freezer.read(kept.store, each.record)).digest
    withdrawn = await kept.authorisations.withdraw(renewed.record.id, subject=subject, by=PERSON, now=NOW + 3)
    assert "record" not in await entry_of(kept, withdrawn)


async def test_a_record_altered_with_its_digest_is_not_given_out(kept):
    """Rule: who may write everything in the database but the journal's signed past is found out all the same."""
    subject = await kept.lea()
    done = await given(kept, subject)
    frozen = models.frozen
    own = await kept.store.read(lambda connection: connection.execute(sa.select(frozen.c.own)).scalar_one())
    forged = own.replace('"rsa.beneficiary",', "")
    content = record_27560.whole(
        loads(forged.encode()),
        CONSORTIUM.terms(*LINE),
        subject_ref=(await kept.freezer.read(kept.store, done.record)).subject_ref,
    )
    alter = sa.update(frozen).values(own=forged, digest=digest(content).hex())
    await kept.store.write(lambda connection: connection.execute(alter) and None)
    with pytest.raises(RecordAltered, match="its entry names"):
        await kept.freezer.read(kept.store, done.record)


async def test_an_altered_entry_proves_no_record(kept):
    """Rule: the entry counts only with the hash that the tree holds of it; a pruned one says nothing any more."""
    subject = await kept.lea()
    done = await given(kept, subject)
    mine = audit_entry.c.index == done.appended.index
    other = {**await entry_of(kept, done), "authorisation": "0" * 32}
    forged = dumps({**await entry_of(kept, done), "purpose": "x.y"})
    hashed = ({"leaf": each, "hash": leaf_hash(each)} for each in (dumps(other), b"[]", b"no JSON"))
    for values in ({"leaf": forged}, *hashed):
        await tamper(kept.store, sa.update(audit_entry).where(mine).values(values))
        with pytest.raises(RecordAltered, match="its entry names"):
            await kept.freezer.read(kept.store, done.record)
    await tamper(kept.store, sa.delete(audit_entry).where(mine))
    with pytest.raises(RecordAltered, match="its entry names"):
        await kept.freezer.read(kept.store, done.record)
    tile = {"shard": 1, "level": 0, "index": 0, "root": bytes(32), "hashes": b"\7" * 32 * 256}
    await tamper(kept.store, sa.insert(audit_tile).values(tile), sa.update(audit_head).values(minimum=256))
    assert (await kept.freezer.read(kept.store, done.record)).digest


async def test_what_was_given_before_entries_named_records_is_read_as_before(kept):
    """Rule: such an entry names nobody's record; the digest kept beside the record is all there is."""
    subject = await kept.lea()
    done = await given(kept, subject)
    entry = await entry_of(kept, done)
    del entry["record"]
    older = {"leaf": dumps(entry), "hash": leaf_hash(dumps(entry))}
    mine = audit_entry.c.index == done.appended.index
    await tamper(kept.store, sa.update(audit_entry).where(mine).values(older))
    assert (await kept.freezer.read(kept.store, done.record)).place.leaf_hash == older["hash"]


async def test_what_is_frozen_is_what_the_entry_names(kept):
    """Rule: nothing is given when the record moved between its digest and the lock."""
    kept.authorisations = Authorisations(
        store=kept.store,
        journal=kept.journal,
        vault=kept.vault,
        told=kept.freezer.told,
        digest=lambda *_: "0" * 64,
    )
    subject = await kept.lea()
    made = await kept.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    with pytest.raises(RecordAltered):
        await kept.authorisations.give(made.record.id, subject=subject, fields=FIELDS, by=PERSON, now=NOW + 1)
    assert (await kept.authorisations.get(made.record.id, subject=subject)).state == "requested"
