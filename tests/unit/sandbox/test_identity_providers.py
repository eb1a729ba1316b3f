"""Signing in by hand through the simulated FranceConnect and ProConnect, as a service would."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from connectors.sandbox.identity_provider import permitted

from .conftest import MovingClock

FC, PC = "franceconnect", "proconnect"
BACK = "https://passerelle.example/retour"
STATE, NONCE = "s" * 32, "n" * 32
Ask = Callable[..., Any]


@pytest.fixture
def authorize(client: httpx.AsyncClient, known: Any) -> Ask:
    async def get(provider: str, **changes: str | None) -> httpx.Response:
        scope = (
            "openid identite_pivot email"
            if provider == FC
            else "openid given_name usual_name email uid siret idp_id custom"
        )
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": known.oidc[0],
            "redirect_uri": BACK,
            "scope": scope,
            "state": STATE,
            "nonce": NONCE,
            "acr_values": "eidas1" if provider == FC else None,
            **changes,
        }
        params = {key: value for key, value in query.items() if value is not None}
        return await client.get(f"/idp/{provider}/api/v2/authorize", params=params)

    return get


@pytest.fixture
def choose(client: httpx.AsyncClient, authorize: Ask) -> Ask:
    async def post(provider: str, person: str, *, decision: str = "continue", **changes: str | None) -> dict[str, str]:
        page = await authorize(provider, **changes)
        [sealed] = re.findall(r'name="request" value="([^"]+)"', page.text)
        form = {"request": sealed, "person": person, "decision": decision}
        response = await client.post(f"/idp/{provider}/api/v2/interaction", data=form)
        return sent_back(response)

    return post


@pytest.fixture
def exchange(client: httpx.AsyncClient, known: Any) -> Ask:
    async def post(provider: str, code: str, **changes: str) -> httpx.Response:
        name, row = known.oidc
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "client_id": name,
            "client_secret": row["secret"],
        }
        return await client.post(f"/idp/{provider}/api/v2/token", data={**form, **changes})

    return post


@pytest.fixture
def verify(client: httpx.AsyncClient, known: Any, clock: MovingClock) -> Ask:
    async def check(provider: str, token: str) -> dict[str, Any]:
        keys = (await client.get(f"/idp/{provider}/api/v2/jwks")).json()["keys"]
        kid = jwt.get_unverified_header(token)["kid"]
        [key] = [jwt.PyJWK(one) for one in keys if one["kid"] == kid]
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["ES256"], audience=known.oidc[0], issuer=f"http://sandbox.example/idp/{provider}/api/v2",
            options={"verify_exp": False, "verify_iat": False},
        )  # fmt: skip
        assert claims["exp"] == claims["iat"] + 60 == clock() // 1000 + 60
        return claims

    return check


def sent_back(response: httpx.Response) -> dict[str, str]:
    """The query of the address the browser is sent back to."""
    assert response.status_code == 302
    address = response.headers["location"]
    assert address.startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def test_a_person_signs_in_through_franceconnect(
    client: httpx.AsyncClient, choose: Ask, exchange: Ask, verify: Ask, published: Ask
) -> None:
    """Code, tokens of 60 seconds, a signed identity with the claims of the scopes and nothing more."""
    back = await choose(FC, "amina-delorme")
    assert (back["state"], back["iss"]) == (STATE, "http://sandbox.example/idp/franceconnect/api/v2")
    tokens = (await exchange(FC, back["code"])).json()
    shown = published("franceconnect/examples/oidc.json")["exchanges"]
    assert tokens.keys() == shown[2]["response"]["body"].keys()
    assert tokens["expires_in"] == 60
    identity = await verify(FC, tokens["id_token"])
    assert (identity["nonce"], identity["acr"]) == (NONCE, "eidas1")
    response = await client.get(
        "/idp/franceconnect/api/v2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert response.headers["content-type"] == "application/jwt"
    claims = await verify(FC, response.text)
    assert claims.keys() == shown[3]["response"]["decoded_body"].keys()
    assert re.fullmatch(r"[0-9a-f]{64}v1", claims["sub"])
    assert claims["sub"] == identity["sub"]
    assert claims["given_name_array"] == ["Amina", "Louise"]
    assert (claims["birthdate"], claims["birthplace"], claims["gender"]) == ("2007-03-14", "99001", "female")


async def test_a_married_name_comes_only_when_asked_and_there(
    client: httpx.AsyncClient, choose: Ask, exchange: Ask
) -> None:
    """preferred_username needs its scope, and a person who has one; a birth place abroad is empty."""

    async def claims(person: str, scope: str) -> dict[str, Any]:
        code = (await choose(FC, person, scope=scope))["code"]
        token = (await exchange(FC, code)).json()["access_token"]
        response = await client.get("/idp/franceconnect/api/v2/userinfo", headers={"Authorization": f"Bearer {token}"})
        return dict(jwt.decode(response.text, options={"verify_signature": False}))

    assert "preferred_username" not in await claims("jeanne-olivier", "openid identite_pivot")
    assert (await claims("jeanne-olivier", "openid profile"))["preferred_username"] == "PERRIN"
    assert "preferred_username" not in await claims("lucas-perrin", "openid preferred_username")
    assert (await claims("samira-benkacem", "openid birth"))["birthplace"] == ""


async def test_a_professional_signs_in_through_proconnect(
    client: httpx.AsyncClient, choose: Ask, exchange: Ask, verify: Ask, published: Ask
) -> None:
    """The code comes back without `iss`; userinfo names the organisation; `amr` only if asked for."""
    wanted = '{"id_token":{"amr":{"essential":true},"acr":{"essential":true,"value":"eidas2"}}}'
    back = await choose(PC, "salome-tardieu", claims=wanted)
    assert back.keys() == {"code", "state"}
    tokens = (await exchange(PC, back["code"])).json()
    identity = await verify(PC, tokens["id_token"])
    assert (identity["acr"], identity["amr"]) == ("eidas2", ["pwd", "pop", "mfa"])
    response = await client.get(
        "/idp/proconnect/api/v2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    claims = await verify(PC, response.text)
    mandatory = set(published("proconnect/values.json")["mandatory_claims"])
    assert mandatory <= claims.keys()
    assert claims["custom"] == {"structureTravail": "99001"}
    plain = jwt.decode(
        (await exchange(PC, (await choose(PC, "yann-kermadec"))["code"])).json()["id_token"],
        options={"verify_signature": False},
    )
    assert (plain["acr"], "amr" in plain) == ("eidas1-mfa", False)


async def test_a_level_that_is_not_reached_ends_the_sign_in(choose: Ask) -> None:
    """access_denied when the essential level is out of reach; `acr_values` beside it are required too."""
    strict = '{"id_token":{"acr":{"essential":true,"values":["eidas2","eidas3"]}}}'
    refused = await choose(PC, "ismael-diarra", claims=strict)
    assert (refused["error"], refused["error_description"]) == (
        "access_denied",
        "requested ACRs could not be satisfied",
    )
    assert "code" in await choose(PC, "ismael-diarra", claims=strict, acr_values="eidas1")


async def test_a_person_can_refuse(choose: Ask) -> None:
    """access_denied and the state; nothing else."""
    back = await choose(FC, "amina-delorme", decision="refuse")
    assert (back["error"], back["state"], "code" in back) == ("access_denied", STATE, False)
    assert (await choose(PC, "personne"))["error"] == "access_denied"


@pytest.mark.parametrize(
    ("provider", "change", "error"),
    [
        (FC, {"acr_values": None}, "invalid_request"),
        (FC, {"acr_values": "eidas3"}, "invalid_request"),
        (FC, {"nonce": "n" * 21}, "invalid_request"),
        (FC, {"state": None}, "invalid_request"),
        (FC, {"code_challenge": "x"}, "invalid_request"),
        (FC, {"prompt": "none"}, "invalid_request"),
        (FC, {"response_type": "token"}, "unsupported_response_type"),
        (FC, {"scope": "identite_pivot"}, "invalid_scope"),
        (FC, {"scope": "openid tout"}, "invalid_scope"),
        (PC, {"state": "s" * 31}, "invalid_request"),
        (PC, {"nonce": None}, "invalid_request"),
        (PC, {"claims": "{"}, "invalid_request"),
        (PC, {"claims": '{"id_token": 3}'}, "invalid_request"),
        (PC, {"prompt": "none"}, "login_required"),
    ],
)
async def test_a_wrong_request_comes_back_with_an_error(
    provider: str, change: dict[str, str | None], error: str, authorize: Ask
) -> None:
    """Levels, lengths, allow-list, scopes, prompt: the browser returns to the service, which must handle `error`."""
    assert sent_back(await authorize(provider, **change))["error"] == error


@pytest.mark.parametrize(
    ("provider", "change"),
    [
        (PC, {"code_challenge": "x"}),
        (PC, {"max_age": "60"}),
        (PC, {"ui_locales": "fr"}),
        (FC, {"client_id": "autre"}),
        (FC, {"redirect_uri": "https://passerelle.fr/retour"}),
        (FC, {"redirect_uri": "http://passerelle.example/retour"}),
        (FC, {"redirect_uri": "https://["}),
    ],
)
async def test_what_cannot_be_sent_back_is_a_page(provider: str, change: dict[str, str], authorize: Ask) -> None:
    """An unknown service or address, and at ProConnect any extra parameter: Y000400."""
    response = await authorize(provider, **change)
    assert (response.status_code, "Y000400" in response.text) == (400, True)


def test_the_sandbox_sends_browsers_to_this_machine_or_nowhere() -> None:
    """Loopback addresses and names that exist nowhere, never with a fragment."""
    assert permitted("http://127.0.0.1:8000/retour")
    assert permitted("http://localhost/retour")
    assert permitted(BACK)
    assert not permitted(BACK + "#x")
    assert not permitted("javascript:alert(1)")


async def test_a_code_serves_once_and_thirty_seconds(choose: Ask, exchange: Ask, clock: MovingClock) -> None:
    """A second use, a late use, another address: invalid_grant."""
    code = (await choose(FC, "amina-delorme"))["code"]
    assert (await exchange(FC, code, redirect_uri=BACK + "/autre")).json()["error"] == "invalid_grant"
    assert (await exchange(FC, code)).status_code == 200
    assert (await exchange(FC, code)).json()["error"] == "invalid_grant"
    late = (await choose(FC, "amina-delorme"))["code"]
    clock.advance(30)
    assert (await exchange(FC, late)).json()["error"] == "invalid_grant"
    assert (await exchange(FC, "autre")).json()["error"] == "invalid_grant"


async def test_a_code_of_one_provider_is_nothing_to_the_other(choose: Ask, exchange: Ask) -> None:
    """Tokens of different kinds never open each other's doors."""
    code = (await choose(FC, "amina-delorme"))["code"]
    assert (await exchange(PC, code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "autre"}, 401, "invalid_client"),
        ({"client_id": "autre"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_bad_client_gets_no_token(change: dict[str, str], status: int, error: str, exchange: Ask) -> None:
    """client_secret_post only, authorization_code only."""
    response = await exchange(FC, "x", **change)
    assert (response.status_code, response.json()["error"]) == (status, error)


async def test_an_access_token_lasts_sixty_seconds(
    client: httpx.AsyncClient, choose: Ask, exchange: Ask, clock: MovingClock
) -> None:
    """After that, and without one, userinfo is 401."""
    token = (await exchange(FC, (await choose(FC, "amina-delorme"))["code"])).json()["access_token"]
    clock.advance(60)
    url = "/idp/franceconnect/api/v2/userinfo"
    assert (await client.get(url, headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await client.get(url)).headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_api_particulier_takes_the_franceconnect_token(
    client: httpx.AsyncClient, choose: Ask, exchange: Ask, clock: MovingClock
) -> None:
    """The person's own token opens the resources of its scopes, for its sixty seconds."""
    code = (await choose(FC, "amina-delorme", scope="openid identite_pivot revenu_solidarite_active"))["code"]
    headers = {"Authorization": f"Bearer {(await exchange(FC, code)).json()['access_token']}"}
    url = "/api-particulier/v3/dss/{}/france_connect"
    query = {"recipient": "99900001100018"}
    rsa = await client.get(url.format("revenu_solidarite_active"), params=query, headers=headers)
    assert rsa.json()["data"] == {"est_beneficiaire": True, "date_debut_droit": "2026-06-01"}
    family = await client.get(url.format("quotient_familial"), params=query, headers=headers)
    assert family.json()["errors"][0]["code"] == "00100"
    clock.advance(60)
    late = await client.get(url.format("revenu_solidarite_active"), params=query, headers=headers)
    assert late.json()["errors"][0]["code"] == "00101"


async def test_logout_needs_its_three_parameters(client: httpx.AsyncClient, choose: Ask, exchange: Ask) -> None:
    """id_token_hint, state and post_logout_redirect_uri; then the browser is sent there with the state."""
    hint = (await exchange(PC, (await choose(PC, "yann-kermadec"))["code"])).json()["id_token"]
    query = {"id_token_hint": hint, "state": STATE, "post_logout_redirect_uri": BACK + "?fin=1"}
    url = "/idp/proconnect/api/v2/session/end"
    response = await client.get(url, params=query)
    assert response.headers["location"] == f"{BACK}?fin=1&state={STATE}"
    for name in query:
        lacking = {key: value for key, value in query.items() if key != name}
        assert (await client.get(url, params=lacking)).status_code == 400


async def test_a_form_left_open_half_an_hour_is_refused(
    client: httpx.AsyncClient, authorize: Ask, clock: MovingClock
) -> None:
    """The page must be asked for again; a forged form is refused too."""
    [sealed] = re.findall(r'name="request" value="([^"]+)"', (await authorize(FC)).text)
    clock.advance(1800)
    url = "/idp/franceconnect/api/v2/interaction"
    for value in (sealed, "autre", ""):
        response = await client.post(url, data={"request": value, "person": "amina-delorme", "decision": "continue"})
        assert response.status_code == 400


@pytest.mark.parametrize("provider", [FC, PC])
async def test_discovery_names_endpoints_that_exist(provider: str, client: httpx.AsyncClient) -> None:
    """OpenID Connect Discovery 1.0, with the issuer of the address asked."""
    base = f"/idp/{provider}/api/v2"
    document = (await client.get(f"{base}/.well-known/openid-configuration")).json()
    assert document["issuer"] == f"http://sandbox.example{base}"
    assert document["authorization_response_iss_parameter_supported"] is (provider == FC)
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"):
        path = urlsplit(document[name]).path
        assert (await client.request("GET", path)).status_code != 404


class _Page(HTMLParser):
    """What assistive technology needs to find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.labelled = 0
        self._in_label = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.setdefault(tag, dict(attrs))
        self._in_label = self._in_label or tag == "label"
        if tag == "input" and dict(attrs)["type"] == "radio" and self._in_label:
            self.labelled += 1

    def handle_endtag(self, tag: str) -> None:
        self._in_label = self._in_label and tag != "label"


@pytest.mark.parametrize(("provider", "people"), [(FC, 37), (PC, 7)])
async def test_the_page_is_plain_accessible_french(provider: str, people: int, authorize: Ask) -> None:
    """A language, one title, a legend, a label per choice; no script, nothing loaded from elsewhere."""
    response = await authorize(provider)
    page = _Page()
    page.feed(response.text)
    assert page.attributes["html"] == {"lang": "fr"}
    assert [page.tags.count(tag) for tag in ("title", "h1", "main", "legend", "script", "img", "link")] == [
        1,
        1,
        1,
        1,
        0,
        0,
        0,
    ]
    assert page.labelled == people
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"


async def test_the_page_escapes_what_the_request_says(authorize: Ask) -> None:
    """A hint written as HTML does not become HTML."""
    response = await authorize(PC, login_hint='"><script>@professionnels.example')
    assert "<script" not in response.text
    hinted = await authorize(PC, login_hint="yann.kermadec@professionnels.example")
    assert 'value="yann-kermadec" required checked' in hinted.text
