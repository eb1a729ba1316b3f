"""The simulated API Particulier v3 against its published contract."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.sandbox.people import Person

from .conftest import SIRET, MovingClock

SPEC = "api-particulier/api-particulier-v3-subset.openapi.yaml"
DSS = {
    "revenu_solidarite_active": "rsa.json",
    "prime_activite": "prime-activite.json",
    "allocation_adulte_handicape": "aah.json",
    "allocation_soutien_familial": "asf.json",
    "complementaire_sante_solidaire": "c2s.json",
    "quotient_familial": "quotient-familial.json",
}
Ask = Callable[..., Any]


@pytest.fixture
def ask(client: httpx.AsyncClient, everybody: dict[str, Person], identity_query: Ask, known: Any) -> Ask:
    async def get(person: str, path: str = "revenu_solidarite_active", **changes: Any) -> httpx.Response:
        token = changes.pop("token", known.tokens[0])
        headers = {"Authorization": f"Bearer {token}", **changes.pop("headers", {})}
        query = identity_query(everybody[person], **changes)
        return await client.get(f"/api-particulier/v3/dss/{path}/identite", params=query, headers=headers)

    return get


@pytest.fixture
def ask_login(client: httpx.AsyncClient, known: Any) -> Ask:
    async def get(login: str, path: str = "statut", **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {known.tokens[0]}"}
        params = {"recipient": SIRET, "identifiant": login, **query}
        return await client.get(
            f"/api-particulier/v3/france_travail/{path}/identifiant", params=params, headers=headers
        )

    return get


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["code"])


@pytest.mark.parametrize("path", DSS)
async def test_a_benefit_has_the_published_shape(
    path: str, ask: Ask, conforms: Ask, published: Ask, same_shape: Ask
) -> None:
    """Keys and types are those of the OpenAPI description and of a published exchange."""
    response = await ask("lucas-perrin", path)
    if path == "allocation_soutien_familial":
        assert code(response) == "37003"  # nobody here has one
        return
    assert response.status_code == 200
    conforms(SPEC, f"/v3/dss/{path}/identite", response)
    example = published(f"api-particulier/examples/{DSS[path]}")
    found = next(one for one in example["exchanges"] if one["response"]["status"] == 200)
    if path == "quotient_familial":
        found = next(one for one in example["exchanges"] if one["response"]["body"]["data"]["enfants"])
    assert same_shape(response.json(), found["response"]["body"]) == []


async def test_the_quotient_familial_tells_the_household(ask: Ask) -> None:
    """Both adults, the children, the address and the month of the call."""
    data = (await ask("lucas-perrin", "quotient_familial")).json()["data"]
    assert [adult["prenoms"] for adult in data["allocataires"]] == ["LUCAS ANTOINE", "JEANNE"]
    assert len(data["enfants"]) == 2
    assert data["adresse"]["code_postal_ville"] == "99020 VAL-CLAIR"
    assert data["quotient_familial"] == {
        "fournisseur": "CNAF",
        "valeur": 623,
        "annee": 2026,
        "mois": 11,
        "annee_calcul": 2026,
        "mois_calcul": 11,
    }


async def test_another_month_of_the_last_two_years_can_be_asked(ask: Ask) -> None:
    """`annee` and `mois` go two years back; outside, the parameters are malformed."""
    asked = await ask("lucas-perrin", "quotient_familial", annee="2025", mois="3")
    assert asked.json()["data"]["quotient_familial"]["mois"] == 3
    assert code(await ask("lucas-perrin", "quotient_familial", annee="2020")) == "00366"
    assert code(await ask("lucas-perrin", "quotient_familial", mois="13")) == "00366"


@pytest.mark.parametrize(
    ("path", "example"), [("statut", "france-travail-statut"), ("indemnites", "france-travail-indemnites")]
)
async def test_the_job_seeker_has_the_published_shape(
    path: str, example: str, ask_login: Ask, conforms: Ask, published: Ask, same_shape: Ask
) -> None:
    """Found by the login the person chose, not by the number."""
    response = await ask_login("kevin.moreau", path)
    assert response.status_code == 200
    conforms(SPEC, f"/v3/france_travail/{path}/identifiant", response)
    found = published(f"api-particulier/examples/{example}.json")["exchanges"][0]
    assert same_shape(response.json(), found["response"]["body"]) == []
    assert "x-response-cached" not in response.headers


async def test_an_unknown_login_is_no_file(ask_login: Ask, published: Ask) -> None:
    """404 with France Travail's own code."""
    response = await ask_login("personne.ici")
    assert (response.status_code, code(response)) == (404, "24003")
    assert (await ask_login("")).status_code == 422


@pytest.mark.parametrize(
    ("person", "path", "status", "expected"),
    [
        ("ines-marchetti", "revenu_solidarite_active", 404, "37003"),
        ("ines-marchetti", "quotient_familial", 404, "37003"),
        ("paul-vasseur", "revenu_solidarite_active", 404, "35003"),
        ("paul-vasseur", "complementaire_sante_solidaire", 404, "40003"),
        ("youssef-haddad", "revenu_solidarite_active", 403, "00100"),
        ("odette-hervieu", "revenu_solidarite_active", 422, "00366"),
        ("anais-colin", "revenu_solidarite_active", 409, "00015"),
        ("karim-belhadj", "revenu_solidarite_active", 429, "00429"),
        ("brigitte-chauvin", "revenu_solidarite_active", 502, "37999"),
        ("loic-prigent", "revenu_solidarite_active", 504, "00501"),
        ("maud-lepage", "revenu_solidarite_active", 504, "37002"),
    ],
)
async def test_a_situation_has_the_published_error(
    person: str, path: str, status: int, expected: str, ask: Ask, conforms: Ask, published: Ask
) -> None:
    """The body is, byte for byte as a document, one of those published for the resource."""
    response = await ask(person, path)
    assert (response.status_code, code(response)) == (status, expected)
    conforms(SPEC, f"/v3/dss/{path}/identite", response)
    bodies = [error["body"] for error in published("api-particulier/examples/errors.json")["errors"]]
    for exchanges in DSS.values():
        examples = published(f"api-particulier/examples/{exchanges}")["exchanges"]
        bodies += [one["response"]["body"] for one in examples]
    assert response.json() in bodies


async def test_rate_headers_come_with_every_answer(ask: Ask) -> None:
    """20 calls per second and token; a refused call says when to come back and that nothing is left."""
    good, limited = await ask("lucas-perrin"), await ask("solene-keriven")
    assert (good.headers["ratelimit-limit"], good.headers["ratelimit-remaining"]) == ("20", "19")
    assert good.headers["ratelimit-reset"] == str(1_795_348_800 + 1)
    assert (limited.headers["ratelimit-remaining"], limited.headers["retry-after"]) == ("0", "3600")
    assert (await ask("karim-belhadj")).headers["retry-after"] == "2"


async def test_a_network_error_says_when_to_try_again(ask: Ask) -> None:
    """`meta.retry_in` in seconds, when the API gives one."""
    assert (await ask("loic-prigent")).json()["errors"][0]["meta"] == {"retry_in": 10}


@pytest.mark.parametrize(
    ("position", "expected"), [(None, "00101"), (2, "00103"), (3, "00105")], ids=["unknown", "expired", "leaked"]
)
async def test_a_bad_token_is_refused(
    position: int | None, expected: str, ask: Ask, known: Any, published: Ask
) -> None:
    """401 with the published body."""
    response = await ask("lucas-perrin", token=known.tokens[position] if position else "autre")
    assert (response.status_code, code(response)) == (401, expected)
    bodies = [error["body"] for error in published("api-particulier/examples/errors.json")["errors"]]
    assert response.json() in bodies


async def test_the_scopes_of_a_token_decide_the_members(ask: Ask, known: Any) -> None:
    """A token for the RSA alone shows no supplement, and nothing of another benefit."""
    narrow = known.tokens[1]
    data = (await ask("amina-delorme", token=narrow)).json()["data"]
    assert data == {"est_beneficiaire": True, "date_debut_droit": "2026-06-01"}
    assert code(await ask("amina-delorme", "prime_activite", token=narrow)) == "00100"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"recipient": None}, "00203"),
        ({"recipient": "123"}, "00210"),
        ({"recipient": "abcdefghijklmn"}, "00210"),
        ({"recipient": "99900001100019"}, "00210"),
        ({"sexeEtatCivil": "X"}, "00366"),
        ({"nomNaissance": None}, "00366"),
        ({"prenoms[]": ""}, "00366"),
        ({"codeCogInseePaysNaissance": "FR"}, "00366"),
        ({"codeCogInseeCommuneNaissance": None}, "00366"),
        ({"codeCogInseeCommuneNaissance": "99"}, "00366"),
        ({"anneeDateNaissance": "soon"}, "00366"),
    ],
)
async def test_wrong_parameters_are_named(change: dict[str, str | None], expected: str, ask: Ask) -> None:
    """422: no recipient, a recipient that is no SIRET, or a malformed identity."""
    response = await ask("lucas-perrin", **change)
    assert (response.status_code, code(response)) == (422, expected)


async def test_names_match_without_accents_and_case(ask: Ask) -> None:
    """The registers compare capitals without accents; a hyphen counts as a blank."""
    assert (await ask("theo-garnier", nomNaissance="garnier", recipient="")).status_code == 422
    assert (await ask("jean-baptiste-etche", nomNaissance="etché beltza")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"nomNaissance": "PERRAIN"}, {"anneeDateNaissance": "1990"}, {"sexeEtatCivil": "F"}, {"anneeDateNaissance": None}],
)
async def test_another_identity_is_no_file(change: dict[str, str | None], ask: Ask) -> None:
    """A name, year or sex that differs is somebody else, and an identity without year finds nobody."""
    assert (await ask("lucas-perrin", **change)).status_code == 404


async def test_the_commune_can_be_named_with_its_department_and_year(ask: Ask) -> None:
    """The second published way to tell the place of birth."""
    changes = {
        "codeCogInseeCommuneNaissance": None,
        "nomCommuneNaissance": "Val-Clair",
        "codeCogInseeDepartementNaissance": "99",
    }
    assert (await ask("lucas-perrin", **changes)).status_code == 200


async def test_somebody_born_abroad_needs_no_commune_and_no_whole_date(ask: Ask) -> None:
    """Partial birth dates exist; the parts that nobody knows are left out."""
    response = await ask("samira-benkacem")
    assert "moisDateNaissance" not in str(response.request.url)
    assert response.status_code == 200


async def test_an_answer_is_cached_for_an_hour(ask: Ask, clock: MovingClock) -> None:
    """X-Response-Cached and the seconds left; no-cache skips it, an error is never kept."""
    assert (await ask("lucas-perrin")).headers["x-response-cached"] == "false"
    clock.advance(60)
    again = await ask("lucas-perrin")
    assert (again.headers["x-response-cached"], again.headers["x-cache-expires-in"]) == ("true", "3540")
    fresh = await ask("lucas-perrin", headers={"Cache-Control": "no-cache"})
    assert (fresh.headers["x-response-cached"], fresh.headers["x-cache-expires-in"]) == ("false", "")
    clock.advance(3601)
    assert (await ask("lucas-perrin")).headers["x-response-cached"] == "false"
    await ask("brigitte-chauvin")
    assert "x-response-cached" not in (await ask("brigitte-chauvin")).headers


async def test_the_quotient_familial_is_cached_for_a_day(ask: Ask, clock: MovingClock) -> None:
    """Twenty-four hours."""
    await ask("lucas-perrin", "quotient_familial")
    clock.advance(20 * 3600)
    assert (await ask("lucas-perrin", "quotient_familial")).headers["x-cache-expires-in"] == str(4 * 3600)


async def test_the_kept_answers_stay_few(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded, whatever is asked."""
    monkeypatch.setattr("connectors.sandbox.api_particulier._KEPT", 2)
    for month in ("1", "2", "3"):
        await ask("lucas-perrin", "quotient_familial", mois=month)
    assert (await ask("lucas-perrin", "quotient_familial", mois="1")).headers["x-response-cached"] == "false"


async def test_drift_changes_only_what_the_file_says(ask: Ask) -> None:
    """A renamed member, a member of another type, an added one."""
    assert "beneficiaire" in (await ask("maxime-tessier")).json()["data"]
    family = (await ask("maxime-tessier", "quotient_familial")).json()["data"]["quotient_familial"]
    assert family["valeur"] == "six cent vingt"
    assert (await ask("maxime-tessier", "complementaire_sante_solidaire")).json()["data"]["plafond"] == 9719
    assert (await ask("maxime-tessier", "prime_activite")).json()["data"]["est_beneficiaire"] is False
