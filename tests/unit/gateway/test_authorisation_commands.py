"""`passerelle authorisation …` as it is typed: a person's file, a receipt checked without the gateway."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import uvloop
from jsonschema import Draft202012Validator

from audit import consent_receipts
from consent.states import By, Request
from gateway.authorisations import notice_digest
from gateway.records import receipt
from gateway.serve import migrate_databases
from gateway.services import open_services
from gateway.settings import Settings
from tests.unit.gateway.conftest import Passerelle

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "openapi" / "authorisations-export.json").read_text("utf-8"))
NAMED = ("--partner", "ml-brume", "--reference", "dossier-7")
AGENT = By(kind="professional", channel="system", actor="ab" * 16)
PERSON = By(kind="subject", channel="page", method="franceconnect")


@pytest.fixture
def files(home: Path, tmp_path: Path) -> dict[str, Path]:
    """Somebody with a given, a withdrawn and a refused authorisation: a receipt, its entry, its proof, the keys."""
    settings, found = Settings(), {name: tmp_path / name for name in ("receipt", "entry", "proof", "keys", "other")}

    async def fill() -> None:
        await migrate_databases(settings)
        async with open_services(settings) as services:
            now, catalogue = services.clock(), services.catalogue
            linked = {}
            for partner in ("ml-brume", "siae-brume", "outil-commun"):
                made = await services.people.link(
                    partner=partner, reference="dossier-7", identifiers={"ft_number": "12345678901"},
                    accepted_kinds={"ft_number"}, now=now,
                )  # fmt: skip
                linked[partner] = await services.people.resolve(partner=partner, pseudonym=made.pseudonym)
            records = []
            for partner, purpose in (
                ("ml-brume", "support.youth"),
                ("siae-brume", "iae.eligibility"),
                ("outil-commun", "support.shared_diagnosis"),
            ):
                line = catalogue.request_fields(partner, purpose)
                asked = Request(
                    recipient=partner, purpose=purpose, basis="consent", fields=line.fields, catalogue=catalogue.digest,
                    valid_until=now + 10**9, notice=notice_digest(services, purpose, line.fields),
                )  # fmt: skip
                done = await services.authorisations.request(linked[partner], asked, by=AGENT, now=now)
                records.append(done.record)
            for record in records[:2]:
                common: dict[str, Any] = {"subject": record.subject, "by": PERSON, "now": now}
                given = await services.authorisations.give(record.id, fields=record.requested, **common)
                if record is records[0]:
                    found["receipt"].write_text(await receipt(services, given.record, now=now))
                    found["entry"].write_bytes(given.appended.leaf + b"\n")
            await services.authorisations.withdraw(records[1].id, **common)
            await services.authorisations.refuse(records[2].id, **common)
            await services.publisher.publish_once(now)
            vkeys = [*services.keys.receipt.vkeys, *services.keys.log.vkeys]
            found["keys"].write_text("".join(f"{vkey}\n" for vkey in vkeys))
            claims = consent_receipts.verify(found["receipt"].read_text(), *vkeys)
            from audit import proofs

            for name, index in (("proof", claims["journal"]["index"]), ("other", 0)):
                _, proof = await services.log.proof(None, index)
                found[name].write_text(proofs.write(proof.index, proof.path, proof.note))

    uvloop.run(fill())
    return found


def test_a_receipt_is_checked_and_printed(passerelle: Passerelle, files: dict[str, Path], tmp_path: Path) -> None:
    """With the keys one holds, its entry and the journal's proof of it, the person's file; words on stderr."""
    command = ("authorisation", "receipt", str(files["receipt"]), "--vkey", str(files["keys"]))
    exported(passerelle, tmp_path / "mine.json")
    more = ("--proof", str(files["proof"]), "--entry", str(files["entry"]), "--record", str(tmp_path / "mine.json"))
    status, out, err = passerelle(*command, *more)
    assert status == 0, err
    assert json.loads(out)["record"]["header"]["basis"]["id"] == "consent"
    signature, proof, *others = err.splitlines()
    assert signature == "The signature holds."
    assert proof.startswith("The journal holds its entry, in a tree of ")
    assert others == ["The entry says the same.", "The file has the whole record."]
    assert passerelle(*command)[0] == 0
    for option in ("--entry", "--record"):
        status, out, err = passerelle(*command, option, str(files["keys"]))
        assert (status, out) == (1, "")
        assert "receipt_invalid" in err


def test_a_receipt_outlives_its_key(passerelle: Passerelle, files: dict[str, Path]) -> None:
    """The key has been rotated and retired: it is still in the issuer's set, and its receipts still hold."""
    old = files["receipt"].read_text()
    for verb in ("rotate", "retire"):
        status, _, err = passerelle("key", verb, "receipt")
        assert status == 0, err

    async def published() -> tuple[list[str], str, list[Any]]:
        async with open_services(Settings()) as services:
            kids = [key["kid"] for key in services.server.other_keys()]
            record = await services.authorisations.get(
                consent_receipts.verify(old, *services.keys.receipt.vkeys)["record"]["header"]["record_id"],
                subject=await services.people.resolve(partner="ml-brume", reference="dossier-7"),
            )
            return kids, await receipt(services, record, now=services.clock()), list(services.keys.receipt.vkeys)

    kids, new, vkeys = uvloop.run(published())
    assert len(set(kids)) == 2
    assert new != old
    assert consent_receipts.verify(new, *vkeys) == consent_receipts.verify(old, *vkeys)


def test_one_that_does_not_hold_ends_with_one(passerelle: Passerelle, files: dict[str, Path]) -> None:
    """Another entry's proof, another byte, no key of the log."""
    keys = ("--vkey", str(files["keys"]))
    status, out, err = passerelle(
        "authorisation", "receipt", str(files["receipt"]), *keys, "--proof", str(files["other"])
    )
    assert (status, out) == (1, "")
    assert "receipt_invalid" in err
    files["receipt"].write_text(files["receipt"].read_text().replace(".", "A.", 1))
    assert passerelle("authorisation", "receipt", str(files["receipt"]), *keys)[0] == 1


def exported(passerelle: Passerelle, out: Path) -> dict[str, Any]:
    status, _, err = passerelle("authorisation", "export", *NAMED, "--out", str(out))
    assert (status, err) == (0, f"3 authorisations in {out}\n")
    content: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return content


@pytest.mark.usefixtures("files")
def test_a_persons_authorisations_are_written_as_the_schema_says(passerelle: Passerelle, tmp_path: Path) -> None:
    """Given, withdrawn and refused, whole; nobody else can read the file, and nothing is overwritten."""
    out = tmp_path / "mine.json"
    content = exported(passerelle, out)
    Draft202012Validator(SCHEMA).validate(content)
    states = {each["record"]["purpose"]["purpose_id"]: each["state"]["id"] for each in content["authorisations"]}
    assert states == {"support.youth": "given", "iae.eligibility": "withdrawn", "support.shared_diagnosis": "refused"}
    assert [each["receipt"] is None for each in content["authorisations"]].count(True) == 1
    assert out.stat().st_mode & 0o077 == 0
    assert passerelle("authorisation", "export", *NAMED, "--out", str(out))[0] == 1


@pytest.mark.usefixtures("files")
def test_the_page_names_every_member_of_a_record(passerelle: Passerelle, tmp_path: Path) -> None:
    """docs/reference/record.md leaves none out."""
    page = (ROOT / "docs" / "reference" / "record.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+)(?:\[\])?`", page))
    members = {name for each in exported(passerelle, tmp_path / "m.json")["authorisations"] for name in keys(each)}
    assert members - named - {"fr", "en", "id", "event", "time", "by", "actor", "data"} == set()


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set[str]().union(*map(keys, value))
    return set(value).union(*map(keys, value.values())) if isinstance(value, dict) else set()


def test_a_tombstone_has_its_state_only(home: Path) -> None:
    """What may no longer be kept is not exported."""
    settings = Settings()

    async def story() -> dict[str, Any]:
        from dataclasses import replace

        from gateway.records import kept

        await migrate_databases(settings)
        async with open_services(settings) as services:
            now, catalogue = services.clock(), services.catalogue
            made = await services.people.link(
                partner="ml-brume", reference="d", identifiers={"ft_number": "12345678901"},
                accepted_kinds={"ft_number"}, now=now,
            )  # fmt: skip
            subject = await services.people.resolve(partner="ml-brume", pseudonym=made.pseudonym)
            asked = Request(recipient="ml-brume", purpose="support.youth", basis="consent", catalogue=catalogue.digest,
                            fields=frozenset({"rsa.since"}))  # fmt: skip
            done = await services.authorisations.request(subject, asked, by=AGENT, now=now)
            gone = replace(done.record, state="tombstoned", record={"schema": "x", "events": []})
            return await kept(services, gone, (0, None), now=now)

    told = asyncio.run(story())
    assert told == {"id": told["id"], "state": {"id": "tombstoned", "type": None}}
