"""The sandbox as one application: index, outages, faults of the transport, settings of the sources."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from connectors.sandbox import PREFIXES, Application, build, sources
from connectors.sandbox.asgi import BODY_LIMIT, Request
from connectors.sandbox.people import INSTITUTIONS, Person, load
from connectors.sandbox.seals import Seals

from .conftest import NOON

Ask = Callable[..., Any]


async def test_the_index_leads_to_the_servers_and_the_people(client: httpx.AsyncClient) -> None:
    """What one sees when one opens the address of the sandbox."""
    index = (await client.get("/")).json()
    assert index["servers"] == list(PREFIXES)
    people = (await client.get(index["people"])).json()["people"]
    amina = next(person for person in people if person["id"] == "amina-delorme")
    assert amina["situations"] == {"caf-brume": "found", "ft-brume": "found", "dept-brume": "down"}
    assert amina["pivot"]["family_name"] == "DELORME"
    assert amina["identifiers"]["ft_number"] == "99010001237"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/autre", 404), ("POST", "/", 405), ("GET", "/france-travail-auth/connexion/oauth2/access_token", 405),
     ("PUT", "/rdv-insertion/api/v1/rdvs/1", 405), ("PUT", "/_sandbox/outage/autre", 404)],
)  # fmt: skip
async def test_other_paths_and_methods_are_refused(
    method: str, path: str, status: int, client: httpx.AsyncClient
) -> None:
    """404 and 405 in JSON; Allow names what can be done."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert (status == 405) == ("allow" in response.headers)
    assert response.json()["error"]


async def test_a_large_body_is_refused(client: httpx.AsyncClient) -> None:
    """No partner takes more than a few kilobytes."""
    response = await client.post("/rdv-solidarites/api/v1/auth/sign_in", content=b" " * (BODY_LIMIT + 1))
    assert response.status_code == 413


async def test_a_deeply_nested_body_is_only_malformed(client: httpx.AsyncClient) -> None:
    """No body can make the sandbox fail."""
    response = await client.post("/rdv-solidarites/api/v1/auth/sign_in", content=b"[" * 60_000)
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("institution", "path", "status"),
    [
        ("caf-brume", "/api-particulier/v3/dss/prime_activite/identite", 504),
        ("ft-brume", "/france-travail/contrat-usager/v2/contrat", 503),
        ("dept-brume", "/rdv-insertion/api/v1/departments/99", 503),
        ("franceconnect", "/idp/franceconnect/api/v2/jwks", 503),
        ("proconnect", "/idp/proconnect/api/v2/jwks", 503),
    ],
)
async def test_an_institution_can_be_switched_off_live(
    institution: str, path: str, status: int, client: httpx.AsyncClient
) -> None:
    """PUT takes it down with its published error, the others stay; DELETE brings it back."""
    before = (await client.get(path)).status_code
    assert before in {200, 401}
    assert (await client.put(f"/_sandbox/outage/{institution}")).status_code == 204
    assert (await client.get("/_sandbox/outage")).json()["down"] == [institution]
    assert (await client.get(path)).status_code == status
    assert (await client.delete(f"/_sandbox/outage/{institution}")).status_code == 204
    assert (await client.get("/_sandbox/outage")).json()["down"] == []
    assert (await client.get(path)).status_code == before


async def test_two_sandboxes_share_no_outage(client: httpx.AsyncClient, everybody: dict[str, Person]) -> None:
    """Nothing is global: an application starts with everybody up."""
    await client.put("/_sandbox/outage/caf-brume")
    assert build(now=NOON, people=everybody).router.outages == set()


@pytest.fixture
def fault(sandbox: Application, everybody: dict[str, Person], identity_query: Ask, known: Any) -> Ask:
    """The answer before it is sent, for situations that no in-memory client can receive."""

    def of(person: str) -> Any:
        query = str(httpx.QueryParams(identity_query(everybody[person]))).encode()
        headers = ((b"authorization", f"Bearer {known.tokens[0]}".encode()),)
        path = "/api-particulier/v3/dss/prime_activite/identite"
        return sandbox.router.answer(Request(method="GET", path=path, query=query, headers=headers))

    return of


def test_a_slow_answer_waits_and_a_second_demand_meanwhile_conflicts(fault: Ask, clock: Any) -> None:
    """Five seconds by default; the same request of the same token is 409 until they are over."""
    assert (fault("gerard-fontaine").status, fault("gerard-fontaine").status) == (200, 409)
    clock.advance(5)
    again = fault("gerard-fontaine")
    assert (again.status, again.wait) == (200, 5.0)


def test_a_server_that_hangs_never_answers(fault: Ask) -> None:
    """An hour: nobody waits that long."""
    assert fault("odile-masson").wait == 3600


def test_a_connection_is_cut_in_the_middle(fault: Ask) -> None:
    """The length announced is longer than what comes."""
    answer = fault("theo-garnier")
    assert answer.manner == "cut"
    assert int(dict(answer.headers)[b"content-length"]) > len(answer.body)


@pytest.mark.parametrize(
    ("person", "check"),
    [
        ("denise-oberlin", lambda answer: b"<html" in answer.body),
        ("igor-mazur", lambda answer: answer.status == 302),
        ("rosa-pinto", lambda answer: len(answer.body) > 10_000_000),
        ("zoltan-kovac", lambda answer: b"\xe9" in answer.body),
        ("mehdi-ziani", lambda answer: answer.body.count(b"{") > answer.body.count(b"}")),
        ("elsa-ravn", lambda answer: answer.body.startswith(b"[" * 100_000)),
    ],
)
def test_an_answer_that_is_no_answer_is_never_kept(person: str, check: Callable[[Any], bool], fault: Ask) -> None:
    """Each as its name says, twice in a row: the cache of the API holds proper answers only."""
    for _ in range(2):
        answer = fault(person)
        assert check(answer)
        assert b"x-response-cached" not in dict(answer.headers)


async def test_the_server_is_told_that_the_sandbox_starts_and_stops(sandbox: Application) -> None:
    """The lifespan messages of ASGI, and silence for anything but HTTP."""
    incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await sandbox({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await sandbox({"type": "websocket"}, receive, send)
    assert len(sent) == 2


@pytest.fixture
def slow_scope(everybody: dict[str, Person], identity_query: Ask, known: Any) -> Iterator[dict[str, Any]]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/api-particulier/v3/dss/prime_activite/identite",
        "query_string": str(httpx.QueryParams(identity_query(everybody["gerard-fontaine"]))).encode(),
        "headers": [(b"authorization", f"Bearer {known.tokens[0]}".encode())],
    }


async def test_a_caller_who_leaves_is_not_waited_for(sandbox: Application, slow_scope: dict[str, Any]) -> None:
    """The delay ends with the connection, so that a server with hanging callers can stop."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(1):
        await sandbox(slow_scope, receive, send)
    assert sent == []


async def test_a_caller_who_leaves_while_sending_is_answered_as_sent(sandbox: Application) -> None:
    """Half a body is a body: it is malformed, not a crash."""
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/rdv-solidarites/api/v1/auth/sign_in",
        "query_string": b"",
        "headers": [],
    }
    await sandbox(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_a_late_answer_is_whole_when_it_comes(edited: Ask, identity_query: Ask, known: Any) -> None:
    """Slow is not broken."""
    people = load(edited("gerard-fontaine", ("seconds: 5", "seconds: 0.02")))
    transport = httpx.ASGITransport(app=build(people=people))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example") as client:
        query = identity_query(people["gerard-fontaine"])
        headers = {"Authorization": f"Bearer {known.tokens[0]}"}
        url = "/api-particulier/v3/dss/revenu_solidarite_active/identite"
        assert (await client.get(url, params=query, headers=headers)).json()["data"]["est_beneficiaire"] is True


def test_a_person_without_a_number_is_not_found_by_it(edited: Ask, known: Any, identity_query: Ask) -> None:
    """Somebody who has no France Travail login and no user at the Département is nobody there."""
    people = load(edited("ines-marchetti", ("  ft_login: ines.marchetti\n", ""), ('  rdvi_user: "990004"\n', "")))
    headers = ((b"authorization", f"Bearer {known.tokens[0]}".encode()),)
    query = b"recipient=99900001100018&identifiant=ines.marchetti"
    path = "/api-particulier/v3/france_travail/statut/identifiant"
    assert (
        build(people=people).router.answer(Request(method="GET", path=path, query=query, headers=headers)).status == 404
    )


def test_what_is_remembered_of_tokens_stays_bounded(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of tokens can be opened; few are kept opened."""
    monkeypatch.setattr("connectors.sandbox.seals._KNOWN", 2)
    seals = Seals("test", clock=clock)
    tokens = [seals.seal({"n": number}, seconds=60) for number in range(5)]
    assert [(seals.open(token) or {})["n"] for token in tokens] == [0, 1, 2, 3, 4]
    assert len(seals._opened) <= 2
    assert Seals("other", clock=clock).open(tokens[0]) is None


def test_the_sources_of_a_gateway_point_at_the_sandbox() -> None:
    """One configuration per institution, with public credentials, in the format of the connectors."""
    configured = sources("http://127.0.0.1:8100/")
    assert tuple(configured) == INSTITUTIONS
    assert {name: source["connector"] for name, source in configured.items()} == {
        "caf-brume": "api_particulier",
        "ft-brume": "france_travail",
        "dept-brume": "rdv_insertion",
    }
    assert configured["ft-brume"]["auth_url"] == "http://127.0.0.1:8100/france-travail-auth"
    assert configured["caf-brume"]["base_url"] == "http://127.0.0.1:8100/api-particulier"
