"""RFC 6749 §4.1: the person says yes on our pages, the partner exchanges one code, once, for one person's token."""

import json

import pytest

from consent.states import By
from gateway.oauth.authorization import open_request
from gateway.oauth.client import make_proof, new_key
from gateway.oauth.errors import FlowUnknown
from gateway.oauth.flows import CODE_MS
from gateway.oauth.jwks import of_public_key, thumbprint
from tests.unit.oauth.forging import read
from tests.unit.oauth.presence import BACK, DETAILS, OTHER, Site, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERSELF = By(kind="subject", channel="page", method="sign_in")


async def test_the_token_names_the_person_as_the_partner_knows_them(given):
    """The pairwise pseudonym; the partner had none before, and nobody else's is the same (§4.1.4, RFC 9068)."""
    answer = await given.site.redeem(given.code)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] <= 300
    assert "refresh_token" not in answer.json()
    _, claims = read(answer.json()["access_token"])
    assert claims["sub"].startswith("psn_")
    assert await given.site.bed.subject("ml-brume", claims["sub"]) == given.subject
    assert (claims["client_id"], claims["acr"]) == ("ml-brume", "eidas1")
    assert "act" not in claims
    assert "family_name" not in claims


async def test_the_token_asks_for_this_person_and_nobody_else(given):
    """Of the subject the exchange knows only the token's; a purpose of another kind is refused as well."""
    token = (await given.site.redeem(given.code)).json()["access_token"]
    bed = given.site.bed
    ask = {"purpose": "support.youth", "fields": ["rsa.beneficiary", "c2s.beneficiary"]}
    answer = await bed.post("/v1/exchanges", ask, token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["datasets"]["rsa"]["values"] == {"beneficiary": True}
    entry = (await bed.journal())[-1]
    assert (entry["type"], entry["actor"]) == ("exchange.released", "subject")
    name = next(bed.unused)
    other = await bed.link(await bed.token("ml-brume"), name)
    for subject in ({"pseudonym": other}, {"reference": f"file-{name}"}):
        refused = await bed.post("/v1/exchanges", {"subject": subject, **ask}, token)
        assert (refused.status_code, refused.json()["code"]) == (403, "token_for_another"), refused.text
    elsewhere = await bed.post("/v1/exchanges", {**ask, "purpose": "support.appointments"}, token)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "token_for_another")
    beyond = await bed.post("/v1/exchanges", {**ask, "fields": ["quotient_familial"]}, token)
    assert beyond.status_code == 403
    job = await bed.post("/v1/exchanges", {**ask, "batch_job": "nightly"}, token)
    assert (job.status_code, job.json()["code"]) == (403, "batch_job_unknown")


async def test_less_given_is_less_opened(given):
    """A field of the same dataset that the person left out stays closed, whatever the scope says."""
    token = (await given.site.redeem(given.code)).json()["access_token"]
    answer = await given.site.bed.post("/v1/exchanges", {"purpose": "support.youth", "fields": ["rsa"]}, token)
    assert answer.json()["datasets"]["rsa"]["values"] == {"beneficiary": True}
    assert answer.json()["datasets"]["rsa"]["withheld"] == {"majoration": "not_authorised", "since": "not_authorised"}


async def test_after_a_withdrawal_the_token_opens_nothing(given):
    """The decision looks at the authorisation as it stands: promise P3 holds for this token too."""
    token = (await given.site.redeem(given.code)).json()["access_token"]
    services = given.site.bed.services
    await services.authorisations.withdraw(given.authorisation, subject=given.subject, by=HERSELF, now=services.clock())
    answer = await given.site.bed.post("/v1/exchanges", {"purpose": "support.youth", "fields": ["rsa"]}, token)
    assert (answer.status_code, answer.json()["code"]) == (403, "exchange_denied")


async def test_a_person_who_thought_better_of_it_in_between_gives_no_token(given):
    """Between the code and its exchange, a withdrawal counts."""
    services = given.site.bed.services
    await services.authorisations.withdraw(given.authorisation, subject=given.subject, by=HERSELF, now=services.clock())
    answer = await given.site.redeem(given.code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_works_once_and_its_second_use_takes_the_token_back(given, taken_back):
    """§4.1.2: SHOULD revoke what was issued; who sent it first may not be who it was meant for."""
    first = await given.site.redeem(given.code)
    assert first.status_code == 200
    again = await given.site.redeem(given.code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert taken_back == [read(first.json()["access_token"])[1]["jti"]]


CASES = {
    "no code": {"code": ...},
    "a code nobody gave": {"code": "x" * 43},
    "no redirect_uri": {"redirect_uri": ...},
    "another redirect_uri": {"redirect_uri": OTHER},
    "the redirect_uri without its query": {"redirect_uri": BACK.partition("?")[0]},
}


@pytest.mark.parametrize("name", sorted(CASES))
async def test_refused_and_not_used_up(given, name):
    """§4.1.3, §5.2."""
    answer = await given.site.redeem(given.code, **CASES[name])
    assert answer.json()["error"] == ("invalid_request" if name == "no code" else "invalid_grant")
    assert (await given.site.redeem(given.code)).status_code == 200


async def test_a_code_is_over_after_a_minute(given, monkeypatch):
    """§4.1.2: short."""
    services = given.site.bed.services
    later = services.clock() + CODE_MS + 1
    flow = await services.server.presence.flows.by_code(given.code)
    assert not await services.server.presence.flows.redeem(
        flow, code=given.code, token="t", token_until=later, now=later
    )


async def test_another_client_cannot_use_the_code(given):
    """§4.1.3: bound to the client; trying neither uses it up nor takes anything back."""
    other = Site(given.site.bed, partner="siae-brume", verifier=given.site.verifier)
    answer = await other.redeem(given.code)
    assert answer.json()["error"] == "invalid_grant"
    assert (await given.site.redeem(given.code)).status_code == 200


async def test_a_newer_code_replaces_the_older(given):
    """Going back twice before the exchange leaves one code."""
    newer = await given.site.back(given.flow)
    assert (await given.site.redeem(given.code)).json()["error"] == "invalid_grant"
    assert (await given.site.redeem(newer["code"])).status_code == 200


async def test_a_flow_belongs_to_the_first_who_signs_in(site, lucas):
    """Somebody else's browser sees nothing of it."""
    flow = await site.opened()
    await site.shown(lucas, flow)
    with pytest.raises(FlowUnknown):
        await site.shown(await somebody(site.bed), flow)


async def test_opening_twice_shows_the_same_request(site, lucas):
    """Reloading asks nothing a second time; neither does another visit to the partner's site."""
    flow = await site.opened()
    shown = await site.shown(lucas, flow)
    assert await site.shown(lucas, flow) == shown
    assert await site.shown(lucas, await site.opened()) == shown


async def test_a_refusal_is_not_asked_again(site, lucas):
    """90 days: the same answer goes back, and nobody is asked."""
    flow = await site.opened()
    shown = await site.shown(lucas, flow)
    services = site.bed.services
    await services.authorisations.refuse(shown, subject=lucas, by=HERSELF, now=services.clock())
    assert (await site.back(flow))["error"] == "access_denied"
    flow = await site.opened()
    assert await site.shown(lucas, flow) == shown
    assert (await site.back(flow))["error"] == "access_denied"


async def test_what_stands_already_needs_no_second_yes(given):
    """The same wish again leads to the authorisation that stands, and to a new code."""
    site = given.site
    wish = [{**DETAILS[0], "fields": ["rsa.beneficiary", "c2s.beneficiary"]}]
    flow = await site.opened(authorization_details=json.dumps(wish))
    assert await site.shown(given.subject, flow) == given.authorisation
    assert "code" in await site.back(flow)


async def test_a_shorter_time_may_be_asked(site, lucas):
    """The duration of the request is the authorisation's, never longer than the catalogue's."""
    flow = await site.opened(authorization_details=json.dumps([{**DETAILS[0], "duration": "P30D"}]))
    services = site.bed.services
    before = services.clock()
    record = await services.authorisations.get(await site.shown(lucas, flow), subject=lucas)
    assert 0 <= record.valid_until - before - 30 * 86_400_000 < 60_000


async def test_a_code_is_bound_to_the_key_that_was_announced(site, lucas):
    """RFC 9449 §10: `dpop_jkt` with the request; the token is for that key, and the code good for no other."""
    services, right, wrong = site.bed.services, new_key("right"), new_key("wrong")
    wish = [{**DETAILS[0], "fields": ["rsa.since"]}]
    flow = await site.opened(dpop_jkt=thumbprint_of(right), authorization_details=json.dumps(wish))
    shown = await site.shown(lucas, flow)
    await services.authorisations.give(
        shown, subject=lucas, fields=frozenset({"rsa.since"}), by=HERSELF, now=services.clock()
    )
    code = (await site.back(flow))["code"]
    url = f"{services.base_url}/oauth/token"
    for key in (None, wrong):
        answer = await site.redeem(code, proof_of=(key, url))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    answer = await site.redeem(code, proof_of=(right, url))
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    assert read(answer.json()["access_token"])[1]["cnf"] == {"jkt": thumbprint_of(right)}


async def test_the_key_of_the_proof_sent_with_the_request_binds_the_code(site, lucas):
    """RFC 9449 §10.1: a proof at the pushed request is as good as its thumbprint; both must agree."""
    services, key = site.bed.services, new_key("right")
    url = f"{services.base_url}/oauth/par"
    pushed = await site.bed.http.post("/oauth/par", data=site.form(), headers=proof_headers(site, key, url))
    assert pushed.status_code == 201, pushed.text
    query = [("client_id", "ml-brume"), ("request_uri", pushed.json()["request_uri"])]
    flow = await open_request(services.server, query, now=services.clock())
    assert (await services.server.presence.flows.opened(flow, now=services.clock())).jkt == thumbprint_of(key)
    other = site.form(dpop_jkt=thumbprint_of(new_key("other")))
    refused = await site.bed.http.post("/oauth/par", data=other, headers=proof_headers(site, key, url))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def thumbprint_of(key):
    return thumbprint(of_public_key(key.private.public_key(), kid="x"))


def proof_headers(site, key, url):
    return {"DPoP": make_proof(key, method="POST", url=url, now=site.bed.services.clock())}
