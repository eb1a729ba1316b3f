"""The register says what the catalogue decides, for everybody or for one institution."""

from gateway.settings import PACKAGED_CATALOGUE
from policies.catalogue import load
from policies.register import register, rows
from tests.unit.policies.factories import small


def test_every_active_exchange_is_an_activity_and_nothing_else_is() -> None:
    """With the digest of the catalogue it was read from."""
    catalogue = load(PACKAGED_CATALOGUE)
    found = register(catalogue)
    assert found["catalogue"] == catalogue.digest
    assert [each["id"] for each in found["activities"]] == sorted(catalogue.counted)
    assert {each["purpose"] for each in found["purposes"]} == {each.purpose for each in catalogue.counted.values()}


def test_the_release_written_is_the_one_decided() -> None:
    """The source's floor included."""
    catalogue = load(PACKAGED_CATALOGUE)
    for activity in register(catalogue)["activities"]:
        for recipient in activity["recipients"]:
            table = catalogue.tables[recipient, activity["purpose"]]
            for field in activity["fields"]:
                rule = table.rules[field["field"]]
                assert field["release"] == str(rule.obligation)
                assert field["explicit"] == rule.explicit


def test_an_institution_sees_what_it_takes_part_in() -> None:
    """As controller, source, recipient or processor."""
    catalogue = load(PACKAGED_CATALOGUE)
    mine = register(catalogue, org="siae-brume")
    assert mine["activities"]
    for each in mine["activities"]:
        assert "siae-brume" in {each["controller"], each["source"], *each["recipients"]}
    assert len(mine["activities"]) < len(register(catalogue)["activities"])
    assert len(register(catalogue, org="gi-brume")["activities"]) == len(
        [each for each in catalogue.counted.values() if "gi-brume" in (each.processing or {}).get("processors", ())]
    )
    assert register(catalogue, org="nobody")["activities"] == []


def test_the_table_has_a_line_per_field() -> None:
    """In either language; a special category with its condition."""
    found = register(small())
    lines = list(rows(found, "en"))
    assert len(lines) == sum(len(each["fields"]) for each in found["activities"])
    assert {line["special"] for line in lines} == {"", "9-2-a", "9-2-b"}
    assert {line["objection"] for line in lines} == {"", "allowed"}


def test_agreements_name_what_rests_on_them() -> None:
    """Art. 26 and Art. 35."""
    found = register(small())["agreements"]
    assert {(each["kind"], each["reference"]) for each in found} == {("arrangement", "ART26"), ("dpia", "DPIA")}
