"""The record as it was given: complete, the same bytes for ever, whatever the catalogue says by then."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import policies
from audit import consent_receipts
from audit.canonical import digest, dumps, loads
from audit.keys import Ed25519Signer
from audit.merkle import leaf_hash
from audit.models import audit_entry
from consent import carrying, history, models, receipt, record_27560, wiping
from consent.errors import NothingGiven, RecordAltered, TermsUnknown
from consent.frozen import Freezer, both, keep_terms
from consent.states import By, Mandate
from policies import catalogue

from .conftest import AGENT, CLOCK, CONSORTIUM, DAY, NOW, ORIGIN, PERSON
from .kept import FIELDS, LINE, asked, given

SIGNER = Ed25519Signer(f"{ORIGIN}/receipt", b"r" * 32)


async def test_a_record_says_all_the_norm_wants(kept):
    """Rule: every group of the norm is there, from what the person decided and from the catalogue."""
    subject = await kept.lea()
    done = await given(kept, subject, fields=FIELDS - {"registration.status"})
    whole = await kept.freezer.read(kept.store, done.record)
    content, terms = whole.content, CONSORTIUM.terms(*LINE)
    header = content["header"]
    assert (header["record_id"], header["version"], header["supersedes"]) == (done.record.id, 1, None)
    assert header["subject_ref"] == whole.subject_ref
    assert header["subject_ref"].startswith("psn_")
    assert header["basis"]["type"].endswith("gdpr#A6-1-a")
    assert [field["field_id"] for field in content["data"]] == ["rsa.beneficiary", "rsa.since"]
    assert [each["source"] for each in content["processing"]] == ["caf-brume"]
    assert content["processing"][0]["frequency"] == {"unit": "MONTH", "value": 30, "max_uses": 5}
    assert content["agent"] == {"agent_ref": AGENT.actor, "role": "conseiller"}
    assert content["event"]["event_state"]["type"] == record_27560.DPV + "ConsentGiven"
    assert content["event"]["event_type"] == record_27560.DPV + "ExpressedConsent"
    assert content["event"]["validity"] == {"from": NOW + 1, "until": NOW + 90 * DAY}
    assert (content["event"]["channel"], content["event"]["method"]) == ("page", "franceconnect")
    assert content["parties"]["recipients"][0]["siret"] == CONSORTIUM.parties["ml-brume"].siret
    assert content["notice"]["text"]["fr"][0] == CONSORTIUM.sentence("support.youth", "fr")
    assert content["control"] == terms["control"]
    assert set(content) == {"header", "notice", "purpose", "data", "data_range", "processing", "parties", "agent",
                            "representative", "control", "event"}  # fmt: skip


async def test_it_is_the_same_bytes_when_the_catalogue_has_changed(kept, tmp_path):
    """Rule: frozen once given; a later catalogue gives later records other words, this one keeps its own."""
    subject = await kept.lea()
    done = await given(kept, subject)
    before = await kept.freezer.read(kept.store, done.record)
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for file in (Path(policies.__file__).parent / "catalogue").glob("*.yaml"):
        text = (
            file.read_text("utf-8")
            .replace("P24M", "P12M")
            .replace("Vous aider à la mission", "Vous suivre à la mission")
        )
        (folder / file.name).write_text(
            text.replace("rsa.since: {release: clear}", "rsa.since: {release: truncate, to: year}")
        )
    later = catalogue.load(folder)
    await keep_terms(kept.store, later)
    await keep_terms(kept.store, later)
    after = await Freezer().read(kept.store, done.record)
    assert dumps(after.content) == dumps(before.content)
    assert after.digest == before.digest == digest(before.content).hex()
    other = await kept.lea(reference="dossier-8", ft_number="10987654321")
    newer = await given(kept, other, asked(catalogue=later.digest))
    told = (await kept.freezer.read(kept.store, newer.record)).content
    assert told["processing"][0]["retention"]["data_life"] == {"unit": "MONTH", "value": 12}
    assert told["purpose"]["text"]["fr"].startswith("Vous suivre")


async def test_it_names_the_entry_that_gave_it(kept):
    """Rule: origin, index and leaf hash are those of `authorisation.given`, also when more has happened since."""
    subject = await kept.lea()
    done = await given(kept, subject)
    await kept.authorisations.withdraw(done.record.id, subject=subject, by=PERSON, now=NOW + 2)
    now = await kept.authorisations.get(done.record.id, subject=subject)
    place = (await kept.freezer.read(kept.store, now)).place
    leaf = await kept.store.read(
        lambda connection: connection.execute(
            sa.select(audit_entry.c.leaf).where(audit_entry.c.index == done.appended.index)
        ).scalar_one()
    )
    assert loads(leaf)["type"] == "authorisation.given"
    assert (place.index, place.leaf_hash) == (done.appended.leaf_index, leaf_hash(leaf))
    assert place.origin == done.appended.batch.origin


async def test_explicit_fields_and_the_other_bases_say_so(kept):
    """Rule: the type of event follows what was done: explicit consent, a task, an obligation."""
    subject = await kept.lea("siae-brume")
    health = asked(recipient="siae-brume", purpose="iae.adaptation", fields=frozenset({"rqth.valid"}))
    done = await given(kept, subject, health, explicit=frozenset({"rqth.valid"}))
    content = (await kept.freezer.read(kept.store, done.record)).content
    assert content["event"]["event_type"] == record_27560.DPV + "ExplicitlyExpressedConsent"
    assert content["data"][0]["explicitly_given"] is True
    assert content["data"][0]["special_category"] == record_27560.GDPR + "A9-2-a"
    for recipient, purpose, basis, word in (
        ("dept-brume", "orientation.rsa", "public_task", "PublicInterest"),
        ("caf-brume", "entitlement.rsa", "legal_obligation", "LegalObligation"),
    ):
        subject = await kept.lea(recipient, "dossier-9")
        fields = CONSORTIUM.request_fields(recipient, purpose).fields
        request = asked(recipient=recipient, purpose=purpose, basis=basis, fields=fields)
        machine = By(kind="controller", channel="system", actor="batch:nightly")
        made = await kept.authorisations.request(subject, request, by=machine, now=NOW)
        content = (await kept.freezer.read(kept.store, made.record)).content
        assert content["event"]["event_type"] == record_27560.DPV + word
        assert content["event"]["event_state"] == {"id": "active", "type": None}
        assert content["agent"] is None


async def test_a_representative_stands_in_the_record_and_not_before_the_recipient(kept):
    """Rule: capacity, mandate and its check are the person's to read; the recipient reads that the person did."""
    subject = await kept.lea()
    row = {"id": "5" * 32, "subject": subject, "holder": "6" * 32, "capacity": "guardian", "digest": "7" * 64,
           "purposes": "", "checked_at": NOW - 5, "valid_from": NOW - 5, "until": NOW + DAY, "entry": 0}  # fmt: skip
    await kept.store.write(lambda connection: connection.execute(sa.insert(models.mandate), row) and None)
    mandate = Mandate(id="5" * 32, capacity="guardian", valid_from=NOW - 5, valid_until=NOW + DAY, checked_at=NOW - 5)
    by = By(kind="representative", channel="page", actor="6" * 32, method="franceconnect", representative=mandate)
    done = await given(kept, subject, by=by)
    content = (await kept.freezer.read(kept.store, done.record)).content
    assert content["representative"] == {"capacity": "guardian", "mandate_ref": "5" * 32, "checked_at": NOW - 5}
    assert content["event"]["entity_id"]["kind"] == "representative"
    shown = record_27560.for_recipient(content)
    assert b"guardian" not in dumps(shown)
    assert shown["event"]["entity_id"]["kind"] == "subject"
    assert content["event"]["entity_id"]["kind"] == "representative"
    whole = await kept.freezer.read(kept.store, done.record)
    signed = receipt.issue(done.record, whole, issuer="https://example", signer=SIGNER, now=NOW)
    assert b"representative" not in base64.urlsafe_b64decode(signed.split(".")[1] + "==")
    await kept.store.write(lambda connection: connection.execute(sa.delete(models.mandate)) and None)
    assert (await kept.freezer.read(kept.store, done.record)).content == content


@pytest.mark.parametrize(("lang", "noted"), [("en", "en"), ("fr", "fr"), (None, "fr")])
async def test_the_language_it_was_given_in_is_noted(kept, lang, noted):
    """Rule: that of the page; French for a channel that has none of its own."""
    subject = await kept.lea()
    done = await given(kept, subject, by=By(kind="subject", channel="page", lang=lang))
    content = (await kept.freezer.read(kept.store, done.record)).content
    assert content["notice"]["language"] == noted
    assert "lang" not in (await kept.entries())[-1]


async def test_a_record_given_before_its_language_was_noted_reads_as_given(kept, monkeypatch):
    """Rule: same bytes, same digest, same receipt."""
    subject = await kept.lea()
    with monkeypatch.context() as before:
        before.setattr(carrying, "_LANG", None)
        done = await given(kept, subject)
    whole = await kept.freezer.read(kept.store, done.record)
    assert whole.content["notice"]["language"] is None
    assert whole.digest == hashlib.sha256(dumps(whole.content)).hexdigest()
    consent_receipts.verify(
        receipt.issue(done.record, whole, issuer="https://example", signer=SIGNER, now=NOW), SIGNER.vkey
    )


async def test_what_is_only_asked_shows_what_is_asked_and_has_no_digest(kept):
    """Rule: before the answer, the record is what would be given; refused, it is not frozen either."""
    subject = await kept.lea()
    made = await kept.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    whole = await kept.freezer.read(kept.store, made.record)
    assert (whole.digest, whole.place) == (None, None)
    assert {field["field_id"] for field in whole.content["data"]} == FIELDS
    refused = await kept.authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW + 1)
    assert (await kept.freezer.read(kept.store, refused.record)).content["event"]["event_time"] == NOW


async def test_what_was_given_before_there_was_freezing_is_shown_as_it_stands(kept):
    """Rule: an authorisation older than its tables is put together from its row; it has no digest, hence no receipt."""
    subject = await kept.lea()
    done = await given(kept, subject, fields=frozenset({"rsa.since"}))
    await kept.store.write(lambda connection: connection.execute(sa.delete(models.frozen)) and None)
    whole = await kept.freezer.read(kept.store, done.record)
    assert (whole.digest, [field["field_id"] for field in whole.content["data"]]) == (None, ["rsa.since"])
    assert whole.content["event"]["event_state"]["id"] == "given"
    with pytest.raises(NothingGiven):
        receipt.issue(done.record, whole, issuer="https://gateway.example", signer=SIGNER, now=NOW + 2)


async def test_the_same_state_gives_the_same_receipt(kept):
    """Rule: signed again it is the same text; another state, another text of the same record."""
    subject = await kept.lea()
    done = await given(kept, subject)
    whole = await kept.freezer.read(kept.store, done.record)
    common = {"issuer": "https://gateway.example", "signer": SIGNER}
    first = receipt.issue(done.record, whole, now=NOW + 2, **common)
    assert receipt.issue(done.record, whole, now=NOW + 3, **common) == first
    paused = await kept.authorisations.pause(done.record.id, subject=subject, by=PERSON, now=NOW + 4)
    told = consent_receipts.verify(receipt.issue(paused.record, whole, now=NOW + 5, **common), SIGNER.vkey)
    assert told["status"]["state"] == {"id": "paused", "type": None}
    assert told["record_digest"] == digest(whole.content).hex()
    assert told["jti"] == f"{done.record.id}.3"


async def test_an_erasure_takes_what_was_given_along(kept):
    """Rule: the person's part goes at once with the authorisations; the terms are nobody's and stay."""
    subject = await kept.lea()
    await given(kept, subject)
    key = await kept.vault.open(subject)
    await kept.store.write(lambda connection: wiping.wipe(connection, subject, key, now=NOW + 2))
    left = await kept.store.read(lambda connection: connection.execute(sa.select(models.frozen)).all())
    assert left == []


async def test_hooks_are_called_in_their_order():
    """Rule: the record is frozen before anybody is told."""
    called = []
    both(lambda _, told: called.append(("first", told)), lambda _, told: called.append(("second", told)))(None, 7)
    assert called == [("first", 7), ("second", 7)]


async def test_a_renewed_record_is_frozen_anew_and_points_back(kept):
    """Rule: lineage: the new record supersedes the old one, both keep their digests."""
    subject = await kept.lea()
    done = await given(kept, subject)
    kept.clock.now = NOW + DAY
    renewed = await kept.authorisations.renew(
        done.record.id, subject=subject, fields=frozenset({"rsa.since"}), by=PERSON, now=NOW + DAY
    )
    whole = await kept.freezer.read(kept.store, renewed.record)
    assert whole.content["header"]["supersedes"] == done.record.id
    assert (whole.content["header"]["lineage_id"], whole.content["header"]["version"]) == (done.record.lineage_id, 2)
    assert whole.content["event"]["event_state"]["type"] == record_27560.DPV + "RenewedConsentGiven"
    assert whole.digest != (await kept.freezer.read(kept.store, done.record)).digest


async def test_narrowing_leaves_what_was_given_and_shows_what_is_in_force(kept):
    """Rule: the content is frozen; narrower is an amendment beside it."""
    subject = await kept.lea()
    done = await given(kept, subject)
    narrowed = await kept.authorisations.narrow(
        done.record.id, subject=subject, fields=frozenset({"rsa.since"}), by=PERSON, now=NOW + 9
    )
    whole = await kept.freezer.read(kept.store, narrowed.record)
    assert {field["field_id"] for field in whole.content["data"]} == FIELDS
    status = history.public(narrowed.record, NOW + 10)
    assert (status["fields"], status["in_force"]) == (["rsa.since"], True)
    assert [each["event"] for each in status["events"]] == ["requested", "given", "narrowed"]


async def test_the_recipient_never_reads_why_or_that_somebody_hesitated(kept):
    """Rule: deferring shows as waiting, a refusal without its time, an invalidation without its reason."""
    subject = await kept.lea()
    made = await kept.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    later = await kept.authorisations.defer(made.record.id, subject=subject, by=PERSON, now=NOW + 5)
    status = history.public(later.record, NOW + 6)
    assert status["state"] == {"id": "requested", "type": record_27560.DPV + "ConsentRequested"}
    assert status["events"] == [{"event": "requested", "time": NOW}]
    refused = await kept.authorisations.refuse(made.record.id, subject=subject, by=PERSON, now=NOW + 7)
    assert history.public(refused.record, NOW + 8)["events"] == [{"event": "requested", "time": NOW}]
    other = await kept.lea(reference="dossier-8", ft_number="10987654321")
    done = await given(kept, other)
    dpo = By(kind="dpo", channel="system", actor="9" * 32)
    gone = await kept.authorisations.invalidate(
        done.record.id, subject=other, reason="majority_reached", by=dpo, now=NOW + 9
    )
    status = history.public(gone.record, NOW + 10)
    assert (status["state"]["id"], status["in_force"]) == ("invalidated", False)
    assert "majority" not in str(status)
    assert {name for each in status["events"] for name in each} == {"event", "time"}


async def test_a_request_taken_away_reads_like_one_nobody_answered(kept):
    """Rule: polling says lapsed; the record says nothing else."""
    subject = await kept.lea()
    made = await kept.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    dpo = By(kind="dpo", channel="system", actor="9" * 32)
    gone = await kept.authorisations.invalidate(
        made.record.id, subject=subject, reason="purpose_retired", by=dpo, now=NOW + 9
    )
    assert history.public(gone.record, NOW + 10)["state"]["id"] == "lapsed"


async def test_what_the_clock_ended_is_told_as_ended(kept):
    """Rule: the state is judged when it is read."""
    subject = await kept.lea()
    done = await given(kept, subject)
    assert history.public(done.record, NOW + 91 * DAY)["state"]["id"] == "expired"
    spent = replace(done.record, uses=5)
    assert history.public(spent, NOW + 2)["in_force"] is False


async def test_nothing_is_given_under_terms_that_were_not_kept(kept):
    """Rule: what could not be shown again later is not given; nothing is written."""
    subject = await kept.lea()
    made = await kept.authorisations.request(subject, asked(catalogue="f" * 64), by=AGENT, now=NOW)
    before = await kept.entries()
    with pytest.raises(TermsUnknown):
        await kept.authorisations.give(made.record.id, subject=subject, fields=FIELDS, by=PERSON, now=NOW + 1)
    assert await kept.entries() == before
    assert (await kept.authorisations.get(made.record.id, subject=subject)).state == "requested"


@pytest.mark.parametrize(
    ("table", "was", "becomes"),
    [("frozen", "rsa.since", "rsa.sense"), ("frozen", '"rsa.', '"rsb.'), ("frozen", "{", ""), ("terms", "rsa", "rsb")],
)
async def test_an_altered_record_is_not_given_out(kept, table, was, becomes):
    """Rule: the digest kept at giving is checked at each reading, that of the terms as well."""
    subject = await kept.lea()
    done = await given(kept, subject)
    changed = getattr(models, table)
    column = changed.c.own if table == "frozen" else changed.c.content
    alter = sa.update(changed).values({column: sa.func.replace(column, was, becomes)})
    await kept.store.write(lambda connection: connection.execute(alter) and None)
    with pytest.raises(RecordAltered):
        await Freezer().read(kept.store, done.record)


async def test_terms_are_stored_once(kept):
    """Rule: one row per line's content; keeping them again adds nothing."""
    await given(kept, await kept.lea())
    await given(kept, await kept.lea(reference="dossier-8", ft_number="10987654321"))
    count = lambda table: sa.select(sa.func.count()).select_from(table)  # noqa: E731
    rows = await kept.store.read(lambda connection: connection.execute(count(models.terms)).scalar_one())
    assert rows == len({hashlib.sha256(dumps(CONSORTIUM.terms(*line))).digest() for line in CONSORTIUM.tables})


async def test_a_tombstone_takes_what_was_given_along(kept):
    """Rule: once the content may no longer be kept, the frozen copy goes in the same transaction."""
    subject = await kept.lea()
    done = await given(kept, subject)
    await kept.authorisations.withdraw(done.record.id, subject=subject, by=PERSON, now=NOW + 2)
    kept.clock.now = NOW + 5 * 365 * DAY
    await kept.authorisations.tombstone(done.record.id, subject=subject, by=CLOCK, now=kept.clock.now)
    left = await kept.store.read(lambda connection: connection.execute(sa.select(models.frozen)).all())
    assert left == []


def test_the_digest_of_the_notice_is_that_of_the_sentences_in_the_record():
    """Rule: the text a person read can be written again from the terms."""
    from gateway.authorisations import notice_digest

    class Services:
        catalogue = CONSORTIUM

    terms = CONSORTIUM.terms(*LINE)
    text = "\n".join(line for lang in ("fr", "en") for line in record_27560.sentences(terms, sorted(FIELDS), lang))
    assert hashlib.sha256(text.encode()).hexdigest() == notice_digest(Services(), LINE[1], FIELDS)
