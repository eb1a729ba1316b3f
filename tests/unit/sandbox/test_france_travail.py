"""The simulated France Travail against its published contract."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from connectors.sandbox import build
from connectors.sandbox.france_travail import CALLS
from connectors.sandbox.people import Person, load

from .conftest import MovingClock

SPEC = "france-travail/rechercher-usager-v2.openapi.json"
TOKEN = "/france-travail-auth/connexion/oauth2/access_token"
BY_BIRTH = "/usagers/par-datenaissance-et-nir"
BY_NUMBER = "/usagers/par-numero-francetravail"
AGENT = {"pa-identifiant-agent": "YK0001", "pa-nom-agent": "KERMADEC", "pa-prenom-agent": "Yann"}
SCOPES = (
    "api_rechercher-usagerv2 rechercheusager profil_accedant api_contrat-usagerv2 api_donnees-rqthv1 h2a "
    "api_orientationusagerv1 api_rendez-vous-partenairev1 api_informations-administrativesv1"
)
EXAMPLES = {
    "usager": "03-informations-administratives-v1.json",
    "registration": "04-contrat-usager-v2.json",
    "rqth": "05-donnees-rqth-v1.json",
    "orientation": "06-orientation-usager-v1.json",
    "diagnosis": "09-diagnostic-argumente-v4.json",
}
Ask = Callable[..., Any]


@pytest.fixture
def grant(client: httpx.AsyncClient, known: Any) -> Ask:
    async def post(position: int = 0, *, realm: str = "?realm=%2Fagent", **changes: str) -> httpx.Response:
        name, row = known.clients[position]
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": row["secret"], "scope": SCOPES}
        return await client.post(TOKEN + realm, data={**form, **changes})

    return post


@pytest.fixture
async def headers(grant: Ask) -> dict[str, str]:
    token = (await grant()).json()["access_token"]
    return {"Authorization": f"Bearer {token}", **AGENT}


@pytest.fixture
def search(client: httpx.AsyncClient, headers: dict[str, str], everybody: dict[str, Person]) -> Ask:
    async def post(name: str, path: str = BY_BIRTH, **changes: Any) -> httpx.Response:
        person = everybody[name]
        body: dict[str, Any] = {"numeroFranceTravail": person.numbers["ft_number"]}
        if path == BY_BIRTH:
            body = {"dateNaissance": person.pivot["birth_date"], "nir": person.numbers["nir"][:13]}
        sent = changes.pop("headers", headers)
        url = f"/france-travail/rechercher-usager/v2{path}"
        return await client.post(url, json={**body, **changes}, headers=sent)

    return post


@pytest.fixture
def about(client: httpx.AsyncClient, headers: dict[str, str], search: Ask) -> Ask:
    async def get(name: str, call: str, **query: str) -> httpx.Response:
        user = (await search(name)).json()["jetonUsager"]
        path = next(path for path, one, _ in CALLS if one == call)
        return await client.get(f"/france-travail{path}", params=query, headers={**headers, "ft-jeton-usager": user})

    return get


async def test_a_client_gets_a_token_of_the_published_shape(grant: Ask, published: Ask, same_shape: Ask) -> None:
    """Client credentials of realm /agent: 1499 seconds, the scopes echoed."""
    answer = (await grant()).json()
    assert (answer["expires_in"], answer["token_type"], answer["scope"]) == (1499, "Bearer", SCOPES)
    example = published("france-travail/examples/01-token.json")["exchanges"][0]["response"]["body"]
    assert same_shape(answer, example) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "autre"}, "invalid_client"),
        ({"client_id": "autre"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "tout"}, "invalid_scope"),
        ({"realm": ""}, "invalid_request"),
        ({"realm": "?realm=%2Findividu"}, "invalid_request"),
    ],
)
async def test_a_bad_grant_is_refused(change: dict[str, str], error: str, grant: Ask) -> None:
    """400 with `error` and `error_description`."""
    response = await grant(**change)
    assert response.status_code == 400
    assert response.json()["error"] == error
    assert set(response.json()) == {"error", "error_description"}


async def test_a_token_stops_after_its_life(search: Ask, clock: MovingClock) -> None:
    """1499 seconds, not one more."""
    assert (await search("lucas-perrin")).status_code == 200
    clock.advance(1499)
    assert (await search("lucas-perrin")).status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"pa-nom-agent": None}, 302),
        ({"pa-identifiant-agent": None}, 302),
        ({"pa-prenom-agent": ""}, 401),
        ({"pa-nom-agent": "A|B"}, 400),
        ({"Authorization": "Bearer autre"}, 401),
        ({"Authorization": None}, 401),
    ],
)
async def test_the_agent_must_be_named(
    change: dict[str, str | None], status: int, search: Ask, headers: dict[str, str]
) -> None:
    """A missing header is a redirect, an empty one 401 without body, a bar is forbidden."""
    sent = {key: value for key, value in {**headers, **change}.items() if value is not None}
    response = await search("lucas-perrin", headers=sent)
    assert response.status_code == status
    if status == 302 or change == {"pa-prenom-agent": ""}:
        assert response.content == b""


@pytest.mark.parametrize(
    ("person", "status", "expected"),
    [
        ("lucas-perrin", 200, "S001"),
        ("ines-marchetti", 200, "S002"),
        ("camille-roussel", 200, "S003"),
        ("youssef-haddad", 403, "R001"),
        ("nora-lemaire", 403, "R002"),
        ("ginette-ravel", 500, "R998"),
        ("brigitte-chauvin", 503, "R999"),
    ],
)
@pytest.mark.parametrize("path", [BY_BIRTH, BY_NUMBER])
async def test_a_search_answers_its_business_code(
    path: str, person: str, status: int, expected: str, search: Ask, conforms: Ask
) -> None:
    """Codes inside HTTP 200 or an error status, and the string "null" where there is nothing."""
    response = await search(person, path)
    assert (response.status_code, response.json()["codeRetour"]) == (status, expected)
    conforms(SPEC, path, response)
    if expected != "S001":
        assert (response.json()["jetonUsager"], response.json()["topIdentiteCertifiee"]) == ("null", "null")


async def test_a_search_can_answer_204(search: Ask) -> None:
    """Nobody can also be told by the status alone."""
    response = await search("paul-vasseur")
    assert (response.status_code, response.content) == (204, b"")


async def test_too_many_calls_have_no_body(search: Ask) -> None:
    """429, Retry-After, nothing else."""
    response = await search("solene-keriven")
    assert (response.status_code, response.headers["retry-after"], response.content) == (429, "3600", b"")


async def test_the_certification_of_the_identity_is_told(search: Ask) -> None:
    """O or N."""
    assert (await search("lucas-perrin")).json()["topIdentiteCertifiee"] == "O"
    assert (await search("mireille-jansen")).json()["topIdentiteCertifiee"] == "N"


@pytest.mark.parametrize(
    "change",
    [
        {"nir": "19108"},
        {"nir": "191089900200100"},
        {"dateNaissance": "30/08/1991"},
        {"nir": 7},
        {"dateNaissance": None},
    ],
)
async def test_malformed_criteria_are_r997(change: dict[str, Any], search: Ask, conforms: Ask) -> None:
    """400: a number too short, a wrong key, a date in another order, another type."""
    response = await search("lucas-perrin", **change)
    assert (response.status_code, response.json()["codeRetour"]) == (400, "R997")
    conforms(SPEC, BY_BIRTH, response)


async def test_malformed_bodies_are_r997(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """No JSON, no object, no number."""
    for body in (b"{", b"[]", b'{"numeroFranceTravail": "12"}'):
        response = await client.post(f"/france-travail/rechercher-usager/v2{BY_NUMBER}", content=body, headers=headers)
        assert response.json()["codeRetour"] == "R997"


async def test_the_nir_may_hold_its_key_or_a_corsican_letter(search: Ask, everybody: dict[str, Person]) -> None:
    """13 or 15 characters; another birth date is nobody."""
    assert (await search("ghjulia-santoni", nir=everybody["ghjulia-santoni"].numbers["nir"])).json()[
        "codeRetour"
    ] == "S001"
    assert (await search("lucas-perrin", dateNaissance="1991-08-31")).json()["codeRetour"] == "S002"
    assert (await search("lucas-perrin", path=BY_NUMBER, numeroFranceTravail="00000000000")).json()[
        "codeRetour"
    ] == "S002"


@pytest.mark.parametrize("call", EXAMPLES)
async def test_a_call_about_a_person_has_the_published_shape(
    call: str, about: Ask, published: Ask, same_shape: Ask
) -> None:
    """Keys and types are those of the published exchange."""
    response = await about("lucas-perrin", call)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    example = published(f"france-travail/examples/{EXAMPLES[call]}")["exchanges"][0]["response"]["body"]
    if call == "diagnosis":  # one constraint of the published sample has no `impact`
        for constraint in example["thematiqueContrainte"]["contraintes"]:
            constraint.setdefault("impact", None)
    assert same_shape(response.json(), example) == []


async def test_appointments_have_the_shape_of_the_published_request(
    about: Ask, published: Ask, same_shape: Ask
) -> None:
    """The answer is not published: a list of what the create request holds, each with its id."""
    rows = (await about("lucas-perrin", "ft_appointments")).json()
    example = published("france-travail/examples/08-rendez-vous-partenaire-v1.json")["exchanges"][0]["request"]["body"]
    assert len(rows) == 2
    assert same_shape(rows[0], {**example, "id": ""}) == []
    assert [row["date"] for row in rows] == ["2026-11-02T13:00:00.000Z", "2026-12-01T09:30:00.000Z"]


async def test_appointments_move_with_the_day(about: Ask, clock: MovingClock) -> None:
    """They are told in days from today, so that a demonstration never shows the past."""
    clock.advance(-3 * 86400)
    assert (await about("amina-delorme", "ft_appointments")).json()[0]["date"] == "2026-11-28T09:30:00.000Z"


async def test_orientations_are_a_history_that_a_state_narrows(about: Ask) -> None:
    """The whole list, or the rows of `etatOrientation`; 204 when there is none."""
    assert len((await about("lucas-perrin", "orientation")).json()) == 3
    open_ones = (await about("lucas-perrin", "orientation", etatOrientation="OUVERT")).json()
    assert [row["etat"] for row in open_ones] == ["OUVERT"]
    assert (await about("lucas-perrin", "orientation", etatOrientation="BROUILLON")).status_code == 204


async def test_no_data_is_204(about: Ask) -> None:
    """A person without diagnosis."""
    assert (await about("jeanne-olivier", "diagnosis")).status_code == 204


async def test_the_quirks_of_the_real_answers_are_there(about: Ask) -> None:
    """The string "null", the date without end, the empty strings of somebody who has no recognition."""
    contract = (await about("lucas-perrin", "registration")).json()["m_contrat"]
    assert (contract["m_motif_cloture_code"], contract["m_motif_inscription_code"]) == ("null", "32")
    assert (await about("bruno-castel", "rqth")).json()["dateFinRqth"] == "9999-12-31"
    none = (await about("lucas-perrin", "rqth")).json()
    assert none == {"dateDebutRqth": "", "dateFinRqth": "", "source": "", "topValiditeRQTH": False}
    closed = (await about("kevin-moreau", "registration")).json()["m_contrat"]
    assert closed["m_motif_cloture_code"] == "RE"


async def test_one_call_can_fail_alone(about: Ask) -> None:
    """A partial answer within one institution."""
    assert (await about("hugo-lambert", "rqth")).status_code == 503
    assert (await about("hugo-lambert", "rqth")).json()["codeHttp"] == 503
    assert (await about("hugo-lambert", "registration")).status_code == 200


async def test_a_user_token_is_bound_to_its_caller_and_lasts_a_day(
    client: httpx.AsyncClient, search: Ask, grant: Ask, headers: dict[str, str], clock: MovingClock
) -> None:
    """Missing, of another client, or a day old: 401."""
    user = (await search("lucas-perrin")).json()["jetonUsager"]
    url = "/france-travail/contrat-usager/v2/contrat"
    assert (await client.get(url, headers=headers)).status_code == 401
    token = (await grant(1, scope="api_contrat-usagerv2")).json()["access_token"]
    other = {**headers, "Authorization": f"Bearer {token}", "ft-jeton-usager": user}
    assert (await client.get(url, headers=other)).json()["codeErreur"] == "JETON_USAGER_INVALIDE"
    clock.advance(24 * 3600)
    renewed = (await grant()).json()["access_token"]
    old = {**headers, "Authorization": f"Bearer {renewed}", "ft-jeton-usager": user}
    assert (await client.get(url, headers=old)).status_code == 401


async def test_a_scope_opens_its_api_only(client: httpx.AsyncClient, grant: Ask, search: Ask) -> None:
    """A client without the health scope gets 403 on RQTH, and cannot ask for the scope."""
    assert (await grant(1)).json()["error"] == "invalid_scope"
    token = (await grant(1, scope="api_contrat-usagerv2 api_rechercher-usagerv2")).json()["access_token"]
    mine = {"Authorization": f"Bearer {token}", **AGENT}
    user = (await search("bruno-castel", headers=mine)).json()["jetonUsager"]
    response = await client.get("/france-travail/donnees-rqth/v1/rqth", headers={**mine, "ft-jeton-usager": user})
    assert (response.status_code, response.json()["codeHttp"]) == (403, 403)


async def test_a_user_token_says_nothing(search: Ask) -> None:
    """Opaque: two searches give two tokens, and none holds the person's number."""
    first, second = [(await search("lucas-perrin")).json()["jetonUsager"] for _ in range(2)]
    assert first != second
    assert "lucas" not in first


async def test_drift_changes_only_what_the_file_says(about: Ask) -> None:
    """A removed member, a member of another type, an added one."""
    assert "m_statut" not in (await about("maxime-tessier", "registration")).json()["m_contrat"]
    assert (await about("maxime-tessier", "orientation")).json()[0]["parcours"] == 7
    assert (await about("maxime-tessier", "rqth")).json()["niveau"] == "B"


@pytest.fixture
async def about_edited(edited: Ask, known: Any, clock: MovingClock) -> AsyncIterator[Ask]:
    """A person whose calls all have situations of their own."""
    calls = "calls: {rqth: html, registration: refused, orientation: rate_limited, diagnosis: slow}"
    people = load(edited("hugo-lambert", ("calls: {rqth: down, diagnosis: down}", f"{calls}\n  seconds: 0.01")))
    transport = httpx.ASGITransport(app=build(now=clock, people=people))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example/france-travail") as client:
        name, row = known.clients[0]
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": row["secret"], "scope": SCOPES}
        answer = await client.post("http://sandbox.example" + TOKEN + "?realm=%2Fagent", data=form)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}", **AGENT}
        number = people["hugo-lambert"].numbers["ft_number"]
        found = await client.post(
            f"/rechercher-usager/v2{BY_NUMBER}", json={"numeroFranceTravail": number}, headers=headers
        )
        headers["ft-jeton-usager"] = found.json()["jetonUsager"]

        async def get(call: str) -> httpx.Response:
            return await client.get(next(path for path, one, _ in CALLS if one == call), headers=headers)

        yield get


async def test_each_call_can_have_a_situation_of_its_own(about_edited: Ask) -> None:
    """An HTML page, a refusal, too many calls, a late answer, beside calls that are fine."""
    assert (await about_edited("rqth")).headers["content-type"].startswith("text/html")
    assert (await about_edited("registration")).json()["codeHttp"] == 403
    assert (await about_edited("orientation")).headers["retry-after"] == "60"
    assert (await about_edited("diagnosis")).status_code == 200
    assert (await about_edited("usager")).json()["numeroFranceTravail"]
