"""The simulated rdv-insertion, and the sign-in of RDV Service Public, against their published contracts."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.sandbox.people import Person

from .conftest import MovingClock

SPEC = "rdv-insertion/rdv-insertion-v1.openapi.json"
USERS = "/api/v1/organisations/{rdv_solidarites_organisation_id}/users"
Ask = Callable[..., Any]


@pytest.fixture
def sign_in(client: httpx.AsyncClient, known: Any) -> Ask:
    async def post(position: int = 0, **changes: Any) -> httpx.Response:
        mail, row = known.agents[position]
        body = {"email": mail, "password": row["password"], **changes}
        return await client.post("/rdv-solidarites/api/v1/auth/sign_in", json=body)

    return post


@pytest.fixture
async def session(sign_in: Ask) -> dict[str, str]:
    headers = (await sign_in()).headers
    return {name: headers[name] for name in ("access-token", "client", "uid")}


@pytest.fixture
def get(client: httpx.AsyncClient, session: dict[str, str]) -> Ask:
    async def call(path: str, *, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        return await client.get(
            f"/rdv-insertion/api/v1{path}", params=query, headers=session if headers is None else headers
        )

    return call


def example(published: Ask, name: str, *, status: int = 200) -> Any:
    exchanges = published("rdv-insertion/examples/responses.json")["exchanges"]
    return next(
        one["response"]["body"] for one in exchanges if one["name"] == name and one["response"]["status"] == status
    )


async def test_an_agent_signs_in(sign_in: Ask, published: Ask, same_shape: Ask) -> None:
    """Five headers, of which three are the session, and the published body."""
    response = await sign_in()
    shown = published("rdv-insertion/examples/sign-in.json")["response"]
    assert shown["headers"].keys() <= response.headers.keys()
    assert response.headers["expiry"] == str(1_795_348_800 + 24 * 3600)
    assert same_shape(response.json(), shown["body"]) == []


async def test_a_wrong_password_opens_nothing(sign_in: Ask, client: httpx.AsyncClient) -> None:
    """401 with errors, whatever is wrong."""
    assert (await sign_in(password="autre")).status_code == 401
    assert (await sign_in(email="personne@valdebrume.example")).status_code == 401
    assert (await client.post("/rdv-solidarites/api/v1/auth/sign_in", content=b"{")).json()["success"] is False


@pytest.mark.parametrize("path", ["/departments/99", "/rdvs/1", "/organisations/990001/users"])
async def test_the_three_headers_belong_together(path: str, get: Ask, session: dict[str, str], published: Ask) -> None:
    """A missing or foreign header, or yesterday's session, is 401 with the published body."""
    body = {"errors": ["Les identifiants de session RDV-Solidarités sont invalides"]}
    assert body == example(published, "GET /api/v1/departments/{number}", status=401)
    for name in session:
        for headers in ({**session, name: "autre"}, {key: value for key, value in session.items() if key != name}):
            response = await get(path, headers=headers)
            assert (response.status_code, response.json()) == (401, body)


async def test_a_session_lasts_a_day(get: Ask, clock: MovingClock) -> None:
    """24 hours after the sign-in the headers open nothing."""
    clock.advance(24 * 3600 - 1)
    assert (await get("/departments/99")).status_code == 200
    clock.advance(1)
    assert (await get("/departments/99")).status_code == 401


async def test_a_departement_lists_its_organisations(get: Ask, conforms: Ask, published: Ask, same_shape: Ask) -> None:
    """Organisations with their reasons and places, in the published shape."""
    response = await get("/departments/99")
    conforms(SPEC, "/api/v1/departments/{number}", response)
    assert same_shape(response.json(), example(published, "GET /api/v1/departments/{number}")) == []
    assert len(response.json()["department"]["organisations"]) == 3


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/departments/12", 404, {"not_found": "Department"}),
        ("/departments/96", 403, None),
        ("/organisations/12/users", 404, {"not_found": "Organisation"}),
        ("/organisations/abc/users", 404, {"not_found": "Organisation"}),
        ("/organisations/960001/users", 403, None),
        ("/rdvs/99075ce2-0000-4000-8000-000000000000", 404, {"not_found": "Rdv"}),
    ],
)
async def test_what_is_not_there_or_not_mine(path: str, status: int, body: Any, get: Ask) -> None:
    """404 names the kind of thing, 403 says that the account does not allow it."""
    response = await get(path)
    forbidden = {"errors": ["Votre compte ne vous permet pas d'effectuer cette action"]}
    assert (response.status_code, response.json()) == (status, body or forbidden)


async def test_an_agent_without_organisation_sees_nothing(sign_in: Ask, get: Ask, everybody: dict[str, Person]) -> None:
    """Rights are those of the agent."""
    headers = (await sign_in(1)).headers
    mine = {name: headers[name] for name in ("access-token", "client", "uid")}
    assert (await get(f"/rdvs/{everybody['lucas-perrin'].appointments[0]}", headers=mine)).status_code == 403


async def test_users_are_searched_where_the_real_search_looks(
    get: Ask, conforms: Ask, published: Ask, same_shape: Ask, everybody: dict[str, Person]
) -> None:
    """First name, last name, CAF number, mail, phone; words may be cut short; never the NIR or another number."""
    lucas = everybody["lucas-perrin"]
    for words in ("perrin lucas", "Luc PERR", "9900214 lucas", "lucas.perrin@courriel.example"):
        response = await get("/organisations/990001/users", search_query=words)
        assert [user["rdv_solidarites_user_id"] for user in response.json()["users"]] == [990002]
    conforms(SPEC, USERS, response)
    shown = example(published, f"GET {USERS}")
    assert same_shape(response.json(), shown) == []
    for number in (lucas.numbers["nir"], lucas.numbers["rdvi_user"], lucas.numbers["ft_number"]):
        assert (await get("/organisations/990001/users", search_query=number)).json()["users"] == []


async def test_users_come_by_pages_of_twenty_five(get: Ask) -> None:
    """`pagination` leads through them; the person sought is on the third page."""
    pages = [
        (await get("/organisations/990001/users", search_query="figurant", page=page)).json() for page in (1, 2, 3)
    ]
    assert [len(page["users"]) for page in pages] == [25, 25, 11]
    assert pages[0]["pagination"] == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "total_pages": 3,
        "total_count": 61,
    }
    assert (pages[2]["pagination"]["next_page"], pages[2]["pagination"]["prev_page"]) == (None, 2)
    assert pages[2]["users"][-1]["first_name"] == "Zoé"
    beyond = (await get("/organisations/990001/users", search_query="figurant", page="x")).json()
    assert beyond["pagination"]["current_page"] == 1


async def test_the_whole_list_needs_no_search(get: Ask, everybody: dict[str, Person]) -> None:
    """Without words every user with a file comes, and nobody's misfortune stops the list."""
    total = (await get("/organisations/990001/users")).json()["pagination"]["total_count"]
    without_file = [p for p in everybody.values() if p.standings["dept-brume"].situation == "no_file"]
    assert total == len(everybody) - len(without_file) + 60 + 1  # stand-ins, and one twin


async def test_two_records_can_carry_one_caf_number(get: Ask) -> None:
    """A duplicate made by mistake: nothing in the answer says which one is right."""
    users = (await get("/organisations/990001/users", search_query="camille roussel")).json()["users"]
    assert len({user["rdv_solidarites_user_id"] for user in users}) == 2
    assert len({user["affiliation_number"] for user in users}) == 1


@pytest.mark.parametrize(("organisation", "missing"), [(990002, {"nir"}), (990003, {"nir", "department_internal_id"})])
async def test_some_organisations_see_less(organisation: int, missing: set[str], get: Ask) -> None:
    """A delegatee without the NIR; an employer without the Département's number either."""
    full = (await get("/organisations/990001/users", search_query="lucas perrin")).json()["users"][0]
    masked = (await get(f"/organisations/{organisation}/users", search_query="lucas perrin")).json()["users"][0]
    assert full.keys() - masked.keys() == missing


async def test_an_appointment_has_the_published_shape(
    get: Ask, conforms: Ask, published: Ask, same_shape: Ask, everybody: dict[str, Person]
) -> None:
    """Past and future ones, told in days from today, with the time in the offset of Paris."""
    seen, coming, cancelled = everybody["lucas-perrin"].appointments
    response = await get(f"/rdvs/{seen}")
    conforms(SPEC, "/api/v1/rdvs/{uuid}", response)
    assert same_shape(response.json(), example(published, "GET /api/v1/rdvs/{uuid}")) == []
    assert response.json()["rdv"]["starts_at"] == "2026-11-10T14:00:00.000+01:00"
    assert (await get(f"/rdvs/{seen}")).json() == response.json()
    assert (await get(f"/rdvs/{coming}")).json()["rdv"]["status"] == "unknown"
    workshop = (await get(f"/rdvs/{cancelled}")).json()["rdv"]
    assert workshop["motif"]["collectif"] is True
    assert workshop["cancelled_at"] < workshop["starts_at"]


async def test_a_deleted_appointment_is_not_found(get: Ask, everybody: dict[str, Person]) -> None:
    """The partner still holds its number."""
    [gone] = everybody["paul-vasseur"].appointments
    assert (await get(f"/rdvs/{gone}")).status_code == 404


@pytest.mark.parametrize(
    ("person", "status"),
    [("brigitte-chauvin", 503), ("youssef-haddad", 403), ("solene-keriven", 429), ("denise-oberlin", 200)],
)
async def test_a_situation_shows_in_search_and_appointment(
    person: str, status: int, get: Ask, everybody: dict[str, Person]
) -> None:
    """Whoever is named by the words or by the appointment brings the situation."""
    mine = everybody[person]
    found = await get("/organisations/990001/users", search_query=mine.family_name)
    shown = await get(f"/rdvs/{mine.appointments[0]}")
    assert (found.status_code, shown.status_code) == (status, status)
    again = await get("/organisations/990001/users", search_query=mine.family_name)
    assert (again.status_code, again.content) == (found.status_code, found.content)
    if person == "denise-oberlin":
        assert found.headers["content-type"].startswith("text/html")


async def test_too_many_calls_have_the_published_body(get: Ask, published: Ask, same_shape: Ask) -> None:
    """429 with the wait in the header and the body."""
    response = await get("/organisations/990001/users", search_query="belhadj")
    shown = published("rdv-insertion/examples/rate-limit-429.json")["response"]
    assert same_shape(response.json(), shown["body"]) == []
    assert {name.lower() for name in shown["headers"]} <= response.headers.keys()
    assert response.json()["message"] == shown["body"]["message"].replace("300", "2")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"first_name": ""}, "Prénom doit être rempli(e)"),
        ({"last_name": None}, "Nom doit être rempli(e)"),
        ({"title": "docteur"}, "Civilité n'est pas inclus(e) dans la liste"),
        ({"role": "enfant"}, "Rôle n'est pas inclus(e) dans la liste"),
        ({"email": "nulle part"}, "Email n'est pas valide"),
    ],
)
async def test_creating_a_wrong_user_is_422(
    change: dict[str, Any],
    sentence: str,
    client: httpx.AsyncClient,
    session: dict[str, str],
    published: Ask,
    same_shape: Ask,
) -> None:
    """The published sentence and shape; nothing is kept."""
    user = {
        "first_name": "Ana",
        "last_name": "Essai",
        "title": "madame",
        "role": "demandeur",
        "email": "a@b.example",
        **change,
    }
    url = "/rdv-insertion/api/v1/organisations/990001/users"
    response = await client.post(url, json={"user": user}, headers=session)
    assert response.status_code == 422
    assert response.json()["errors"][0]["error_details"] == sentence
    shown = example(published, f"POST {USERS}/create_and_invite", status=422)
    assert same_shape(response.json(), shown) == []


async def test_creating_a_user_answers_and_keeps_nothing(
    client: httpx.AsyncClient, session: dict[str, str], get: Ask
) -> None:
    """The sandbox plays the answer only."""
    url = "/rdv-insertion/api/v1/organisations/990001/users"
    user = {"first_name": "Ana", "last_name": "Inconnue", "title": "madame"}
    response = await client.post(url, json={"user": user}, headers=session)
    assert (response.status_code, response.json()["user"]["last_name"]) == (200, "Inconnue")
    assert (await get("/organisations/990001/users", search_query="inconnue")).json()["users"] == []
    assert (await client.post(url, content=b"[]", headers=session)).status_code == 422
    assert (await client.post(url.replace("990001", "1"), json={}, headers=session)).status_code == 404


async def test_drift_changes_only_what_the_file_says(get: Ask, everybody: dict[str, Person]) -> None:
    """A renamed member of the appointment, an added member of the user."""
    rdv = (await get(f"/rdvs/{everybody['maxime-tessier'].appointments[0]}")).json()["rdv"]
    assert "begins_at" in rdv
    assert "starts_at" not in rdv
    user = (await get("/organisations/990001/users", search_query="tessier")).json()["users"][0]
    assert user["favourite_colour"] == "bleu"
