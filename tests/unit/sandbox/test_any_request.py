"""Whatever is sent, the sandbox answers: its faults are those of its people only."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox import Application, build
from connectors.sandbox.asgi import Request
from connectors.sandbox.people import Person

# Names and values that lead further than random text would.
LEADS = """recipient nomNaissance prenoms[] annee page search_query claims acr_values state nonce realm client_id scope
redirect_uri passerelle-bac-a-sable https://passerelle.example/ openid \u0663 {} [] null é 99900001100018 990001
{"id_token":[]} {"user":7} {"user":{"email":3}} {"email":[]} {"nir":{}} {"numeroFranceTravail":1}"""
WORDS = st.sampled_from([*LEADS.split(), "", "\x00", "1" * 5000])
PAIRS = st.lists(st.tuples(WORDS, st.one_of(WORDS, st.text(max_size=20))), max_size=6)
Opened = tuple[Application, dict[str, list[tuple[bytes, bytes]]]]


@pytest.fixture(scope="module")
def opened(everybody: dict[str, Person], known: Any) -> Opened:
    """One sandbox for many requests, and the headers that open what lies behind its doors, by prefix."""
    application = build(people=everybody)

    def post(path: str, body: Any, query: bytes = b"") -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(method="POST", path=path, query=query, headers=(*session,), body=content)
        return application.router.answer(request)

    session: list[tuple[bytes, bytes]] = [
        (name, b"A") for name in (b"pa-identifiant-agent", b"pa-nom-agent", b"pa-prenom-agent")
    ]
    client, row = known.clients[0]
    scope = "api_rechercher-usagerv2+api_orientationusagerv1+api_contrat-usagerv2"
    form = f"grant_type=client_credentials&client_id={client}&client_secret={row['secret']}&scope={scope}".encode()
    granted = json.loads(post("/france-travail-auth/connexion/oauth2/access_token", form, b"realm=%2Fagent").body)
    session.append((b"authorization", f"Bearer {granted['access_token']}".encode()))
    number = {"numeroFranceTravail": everybody["lucas-perrin"].numbers["ft_number"]}
    found = post("/france-travail/rechercher-usager/v2/usagers/par-numero-francetravail", number)
    session.append((b"ft-jeton-usager", json.loads(found.body)["jetonUsager"].encode()))
    mail, agent = known.agents[0]
    signed = post("/rdv-solidarites/api/v1/auth/sign_in", {"email": mail, "password": agent["password"]})
    return application, {
        "api-particulier": [(b"authorization", f"Bearer {known.tokens[0]}".encode())],
        "france-travail": session,
        "rdv-insertion": list(signed.headers),
    }


@settings(deadline=None, max_examples=60)
@given(
    pairs=PAIRS,
    body=st.one_of(WORDS.map(str.encode), st.binary(max_size=60)),
    segment=WORDS,
)
def test_nothing_that_is_sent_makes_a_handler_fail(
    opened: Opened,
    pairs: list[tuple[str, str]],
    body: bytes,
    segment: str,
) -> None:
    """Any path, parameter or body has an answer: the faults of the sandbox are those of its people only."""
    application, keys = opened
    query = str(httpx.QueryParams(pairs)).encode()
    for method, path in application.router.routes():
        full = "/".join(segment if part.startswith("{") else part for part in path.split("/"))
        headers = (*keys.get(path.split("/")[1], ()), *((name.encode(), value.encode()) for name, value in pairs))
        for content in (body, query):
            request = Request(method=method, path=full, query=query, headers=headers, body=content)
            assert 200 <= application.router.answer(request).status < 600
