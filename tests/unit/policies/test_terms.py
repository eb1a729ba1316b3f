"""What all records of one line of the catalogue say alike: complete, in known words, drawn from what is decided."""

import json
from pathlib import Path
from typing import Any

import pytest

import policies
from policies import catalogue
from policies.errors import UnknownName
from policies.terms import DPV, GDPR, PD, iri
from tests.unit.policies.factories import PROCESSING, PUBLIC_TASK, exchange, small, small_exchanges

CONSORTIUM = catalogue.load(Path(policies.__file__).parent / "catalogue")
LINES = sorted(CONSORTIUM.tables)


def empty(value: Any, path: str = "") -> list[str]:
    """List the members without a value."""
    if isinstance(value, dict):
        return [each for key, item in value.items() for each in empty(item, f"{path}/{key}")]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [each for item in value for each in empty(item, path)]
    return [] if value not in (None, [], "") else [path]


@pytest.mark.parametrize("line", LINES)
def test_the_consortiums_terms_lack_nothing_but_what_may_be_absent(line: tuple[str, str]) -> None:
    """No mandatory member of ISO/IEC TS 27560 is empty for any line of the catalogue."""
    may = {"/basis/objection", "/data/special_category", "/data/data_filter", "/processing/automated_decision",
           "/processing/dpia_ref", "/processing/codes_of_conduct"}  # fmt: skip
    assert set(empty(CONSORTIUM.terms(*line))) <= may


@pytest.mark.parametrize("line", LINES)
def test_they_list_the_fields_that_can_leave_and_no_others(line: tuple[str, str]) -> None:
    """From the tables that decide: source, obligation and explicit consent are those of the decision."""
    terms, asked = CONSORTIUM.terms(*line), CONSORTIUM.request_fields(*line)
    assert {each["field_id"] for each in terms["data"]} == asked.fields
    assert {each["field_id"] for each in terms["data"] if each["explicit_consent"]} == asked.explicit
    for each in terms["data"]:
        rule = CONSORTIUM.tables[line].rules[each["field_id"]]
        assert each["transformation_floor"] == str(rule.obligation)
        assert each["source_institution"] == rule.permit.source
    assert set(terms["data_text"]) == {each["field_id"].partition(".")[0] for each in terms["data"]}


@pytest.mark.parametrize("line", LINES)
def test_they_are_ready_to_be_frozen(line: tuple[str, str]) -> None:
    """JSON as it stands, and the same whatever order the files have."""
    terms = CONSORTIUM.terms(*line)
    assert json.loads(json.dumps(terms)) == terms


def test_terms_are_addresses_of_the_vocabulary() -> None:
    """DPV, its personal data and its GDPR extension."""
    terms = CONSORTIUM.terms("siae-brume", "iae.adaptation")
    assert terms["basis"]["type"] == GDPR + "A6-1-a"
    (until, valid) = terms["data"]
    assert until["data_category"] == PD + "Disability"
    assert until["special_category"] == GDPR + "A9-2-a"
    assert until["sensitivity"] == DPV + "SpecialCategoryPersonalData"
    assert (until["necessity"], valid["necessity"]) == (DPV + "Optional", DPV + "Required")
    assert terms["processing"][0]["operations"] == [DPV + "Consult"]
    assert iri("pd:Name") == PD + "Name"


def test_a_question_is_a_filter() -> None:
    """DEPA's data filter: what the source's value is asked."""
    terms = CONSORTIUM.terms("ml-brume", "support.youth")
    filters = {each["field_id"]: each["data_filter"] for each in terms["data"] if each["data_filter"]}
    assert filters == {"quotient_familial.value": {"operator": "lt", "value": "800"}}
    quotient = next(each for each in terms["data"] if each["field_id"] == "quotient_familial.value")
    assert quotient["sensitivity"] == DPV + "SensitivePersonalData"


def test_parties_stand_once_with_every_role() -> None:
    """Two exchanges, one recipient, one processor: each party's particulars are written once."""
    parties = CONSORTIUM.terms("ml-brume", "support.youth")["parties"]
    assert (parties["controllers"], parties["recipients"]) == (["ml-brume"], ["ml-brume"])
    assert (parties["sources"], parties["processors"]) == (["caf-brume", "dept-brume", "ft-brume"], ["gi-brume"])
    assert set(parties["known"]) == {"ml-brume", "caf-brume", "dept-brume", "ft-brume", "gi-brume"}
    assert parties["known"]["ml-brume"]["siret"] == CONSORTIUM.parties["ml-brume"].siret


def test_objecting_is_open_when_one_exchange_leaves_it_open() -> None:
    """Of several public tasks the person is told the better."""
    closed = [{"type": "public_task", "ref": "CASF", "objection": "excluded"}]
    assert small([exchange("one", bases=closed)]).terms("partner-p", "alpha.one")["basis"]["objection"] == "excluded"
    two = [
        exchange("one", bases=closed),
        exchange("two", source="src-two", bases=PUBLIC_TASK, fields={"e.c": {"release": "clear"}}),
    ]
    assert small(two).terms("partner-p", "alpha.one")["basis"]["objection"] == "allowed"


def test_an_automated_decision_is_told_with_its_logic() -> None:
    """GDPR 13(2)(f)."""
    words = {"fr": "Une phrase.", "en": "A sentence."}
    how = {**PROCESSING, "automated": {"logic": words, "consequence": words}, "codes": ["CODE-1"]}
    (told,) = small([exchange("one", processing=how)]).terms("partner-p", "alpha.one")["processing"]
    assert told["automated_decision"] == {"logic": words, "consequence": words}
    assert told["codes_of_conduct"] == ["CODE-1"]


def test_nobody_has_terms_for_what_is_not_open() -> None:
    """The catalogue has no line for it."""
    with pytest.raises(UnknownName):
        small(small_exchanges()).terms("partner-p", "hunting")
