"""RFC 9396: what is asked of a person is one object of one type, within the partner's line of the catalogue."""

import json
import re
from pathlib import Path

import pytest

from gateway.oauth import details
from gateway.oauth.errors import TokenRequestRefused
from policies.catalogue import load

KIND = "passerelle_authorisation"
YOUTH = {"type": KIND, "purpose": "support.youth"}


@pytest.fixture(scope="module")
def catalogue():
    return load("policies/catalogue")


def test_datasets_and_fields_are_read_as_in_an_exchange(catalogue):
    """§2: a dataset stands for the fields the line lists; left out, the whole line is asked."""
    text = json.dumps([{**YOUTH, "fields": ["rsa", "c2s.beneficiary"], "duration": "P90D"}])
    wish = details.read(text, catalogue, recipient="ml-brume")
    assert wish.fields == {"rsa.beneficiary", "rsa.majoration", "rsa.since", "c2s.beneficiary"}
    assert (wish.purpose, wish.days) == ("support.youth", 90)
    whole = details.read(json.dumps([YOUTH]), catalogue, recipient="ml-brume")
    assert whole.fields == catalogue.request_fields("ml-brume", "support.youth").fields
    assert whole.days is None


def test_the_example_of_the_how_to_is_within_the_catalogue(catalogue):
    """What an integrator copies is accepted."""
    text = Path("docs/how-to/person-present.md").read_text("utf-8")
    (example,) = re.findall(r"&authorization_details=(.*)", text)
    wish = details.read(example, catalogue, recipient="ml-brume")
    assert (wish.purpose, wish.days) == ("support.youth", 90)


REFUSED = {
    "nothing": (None, "details_missing"),
    "not JSON": ("[{", "details_form"),
    "an object": (json.dumps(YOUTH), "details_form"),
    "an empty list": ("[]", "details_form"),
    "two of them": (json.dumps([YOUTH, YOUTH]), "details_form"),
    "a word": ('["x"]', "details_form"),
    "a member twice": ('[{"type": "passerelle_authorisation", "purpose": "a", "purpose": "b"}]', "details_form"),
    "not a number": ('[{"type": NaN}]', "details_form"),
    "without end": ("[" * 3000, "details_form"),
    "very long": ('["' + "x" * 9_000 + '"]', "details_form"),
    "no type": (json.dumps([{"purpose": "support.youth"}]), "details_type"),
    "another type": (json.dumps([{**YOUTH, "type": "payment_initiation"}]), "details_type"),
    "a member nobody knows": (json.dumps([{**YOUTH, "actions": ["read"]}]), "details_type"),
    "no purpose": (json.dumps([{"type": KIND}]), "details_purpose"),
    "a purpose of somebody else": (json.dumps([{**YOUTH, "purpose": "iae.adaptation"}]), "details_purpose"),
    "a banned purpose": (json.dumps([{**YOUTH, "purpose": "fraud_detection"}]), "details_purpose"),
    "a purpose that is a list": (json.dumps([{**YOUTH, "purpose": ["support.youth"]}]), "details_purpose"),
    "no field": (json.dumps([{**YOUTH, "fields": []}]), "details_fields"),
    "a field twice": (json.dumps([{**YOUTH, "fields": ["rsa.since", "rsa.since"]}]), "details_fields"),
    "a field of another line": (json.dumps([{**YOUTH, "fields": ["rqth.valid"]}]), "details_fields"),
    "a field nobody has": (json.dumps([{**YOUTH, "fields": ["rsa.amount"]}]), "details_fields"),
    "every field": (json.dumps([{**YOUTH, "fields": ["*"]}]), "details_fields"),
    "a number as a field": (json.dumps([{**YOUTH, "fields": [1]}]), "details_fields"),
    "longer than the catalogue": (json.dumps([{**YOUTH, "duration": "P366D"}]), "details_duration"),
    "no time at all": (json.dumps([{**YOUTH, "duration": "P0D"}]), "details_duration"),
    "months": (json.dumps([{**YOUTH, "duration": "P3M"}]), "details_duration"),
    "a number of days": (json.dumps([{**YOUTH, "duration": 90}]), "details_duration"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(catalogue, name):
    """§5: unknown, malformed or beyond the line: nothing is asked of anybody."""
    text, detail = REFUSED[name]
    with pytest.raises(TokenRequestRefused) as caught:
        details.read(text, catalogue, recipient="ml-brume")
    assert caught.value.detail == detail


def test_an_authorisation_without_end_cannot_be_given_one(catalogue):
    """A duration only shortens: where the law sets none, there is nothing to shorten."""
    text = json.dumps([{"type": KIND, "purpose": "orientation.rsa", "duration": "P30D"}])
    with pytest.raises(TokenRequestRefused):
        details.read(text, catalogue, recipient="dept-brume")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_refusal_has_the_name_of_the_norm(site):
    """§5: invalid_authorization_details, at the pushed request."""
    answer = await site.push(authorization_details="[]")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")
    missing = await site.push(authorization_details=...)
    assert missing.json()["error"] == "invalid_request"


@pytest.mark.asyncio(loop_scope="session")
async def test_the_token_and_its_answer_say_what_was_given(given):
    """§7, §9.1: the same object in both; less than asked when the person gave less; the grant is the authorisation."""
    answer = (await given.site.redeem(given.code)).json()
    (said,) = answer["authorization_details"]
    assert said == {
        "type": KIND, "authorisation": given.authorisation, "purpose": "support.youth",
        "fields": ["c2s.beneficiary", "rsa.beneficiary"],
    }  # fmt: skip
    from tests.unit.oauth.forging import read

    _, claims = read(answer["access_token"])
    assert claims["authorization_details"] == [said]
    assert answer["scope"] == "data:c2s data:rsa"
