"""Who may call: every guarded endpoint, with every token that must not open it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest

from gateway.oauth import jose
from gateway.oauth.client import LIFETIME_SECONDS, make_assertion, make_professional_assertion, new_key
from tests.api.conftest import World, check_problem
from tests.bed import LISE, professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
NOBODY = {"pseudonym": "psn_" + "0" * 32}
CALLS = {
    "/v1/exchanges": {"subject": NOBODY, "purpose": "support.youth", "fields": ["rsa"]},
    "/v1/subjects": {"reference": "R-1", "identifiers": {"ft_number": "99010001237"}},
    "/v1/authorisation-requests": {"subject": NOBODY, "purpose": "support.youth"},
    "/v1/catalogue": None,
}
SCOPES = {
    "/v1/exchanges": "data:rsa",
    "/v1/subjects": "subjects:write",
    "/v1/authorisation-requests": "authorisations:request",
}
guarded = pytest.mark.parametrize("path", CALLS)


async def call(world: World, path: str, headers: dict[str, str] | list[tuple[str, str]]) -> httpx.Response:
    if CALLS[path] is None:
        return await world.bed.http.get(path, headers=headers)
    return await world.bed.http.post(path, json=CALLS[path], headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = token.split(".")
    return tuple(json.loads(urlsafe_b64decode(part + "==")) for part in (head, body))


def resigned(world: World, token: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The same token with other claims, signed by the gateway's own key."""
    head, body = claims_of(token)
    return jose.sign(body | claims, header=head | (header or {}), key=world.bed.services.keys.tokens.signing.private)


def unsigned(token: str) -> str:
    head, body = claims_of(token)
    parts = [json.dumps(part).encode() for part in ({**head, "alg": "none"}, body)]
    return ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def forged(world: World, token: str) -> str:
    head, body = claims_of(token)
    return jose.sign(body, header=head, key=new_key("stranger").private)


BAD_TOKENS = {
    "forged": forged,
    "unsigned": lambda world, token: unsigned(token),
    "altered": lambda world, token: token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"),
    "truncated": lambda world, token: token[: len(token) // 2],
    "expired": lambda world, token: resigned(world, token, iat=1_700_000_000, exp=1_700_000_300),
    "from the future": lambda world, token: resigned(world, token, iat=4_000_000_000, exp=4_000_000_300),
    "for another audience": lambda world, token: resigned(world, token, aud="https://elsewhere.example"),
    "of another issuer": lambda world, token: resigned(world, token, iss="https://elsewhere.example"),
    "of a partner nobody registered": lambda world, token: resigned(
        world, token, sub="nobody", client_id="nobody", act={"sub": "nobody"}
    ),
    "of an unknown key": lambda world, token: resigned(world, token, header={"kid": "unknown"}),
    "of another type": lambda world, token: resigned(world, token, header={"typ": "JWT"}),
    "with another's act": lambda world, token: resigned(world, token, act={"sub": "siae-brume"}),
    "an assertion": lambda world, token: make_assertion(
        world.bed.keys["ml-brume"],
        client_id="ml-brume",
        issuer=world.bed.services.base_url,
        now=world.bed.services.clock(),
    ),
    "not a token": lambda world, token: "not-one",
    "not ASCII": lambda world, token: "\u00e9.\u00e9.\u00e9",
}


@guarded
async def test_without_a_token_nothing_opens(world: World, path: str) -> None:
    """401 with the bare challenge of RFC 6750 §3.1, before the body is looked at."""
    answer = await call(world, path, {})
    check_problem(answer, 401, "invalid_token")
    metadata = f"{world.bed.services.base_url}/.well-known/oauth-protected-resource"
    assert answer.headers.get_list("www-authenticate") == [
        f'DPoP realm="passerelle", algs="ES256 PS256 EdDSA", resource_metadata="{metadata}"',
        f'Bearer realm="passerelle", resource_metadata="{metadata}"',
    ]


@guarded
@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_token_that_is_not_good_opens_nothing(world: World, path: str, kind: str) -> None:
    """Forged, expired, foreign: 401, one challenge, the same words whatever was wrong."""
    token = BAD_TOKENS[kind](world, world.tokens["ml-brume"])
    headers = [("Authorization", f"Bearer {token}".encode("latin-1"))]
    answer = await call(world, path, headers)  # type: ignore[arg-type]  # httpx takes bytes too
    body = check_problem(answer, 401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert token not in answer.text
    assert set(body) == {"type", "title", "status", "detail", "instance", "code"}


@pytest.mark.parametrize("path", SCOPES)
async def test_a_token_without_the_scope_opens_nothing(world: World, path: str) -> None:
    """403, and the challenge names the scope to ask for."""
    token = await world.bed.token("ml-brume", scopes=["data:aah"])
    answer = await call(world, path, bearer(token))
    check_problem(answer, 403, "insufficient_scope")
    assert f'scope="{SCOPES[path]}"' in answer.headers["www-authenticate"]


async def test_one_missing_scope_of_several_refuses_the_whole_exchange(world: World) -> None:
    """One scope per dataset; a field asks for its dataset's."""
    token = await world.bed.token("ml-brume", scopes=["data:rsa"])
    body = {"subject": NOBODY, "purpose": "support.youth", "fields": ["rsa", "c2s.beneficiary"]}
    answer = await world.bed.post("/v1/exchanges", body, token)
    check_problem(answer, 403, "insufficient_scope")


@guarded
@pytest.mark.parametrize("where", ["twice", "in the query", "in the body", "basic", "lower case scheme is fine"])
async def test_a_token_travels_in_one_header_only(world: World, path: str, where: str) -> None:
    """RFC 6750 §2.1 and nothing else: not twice, not in the address, not in the body."""
    token = world.tokens["ml-brume"]
    if where == "twice":
        value = f"Bearer {token}"
        check_problem(
            await call(world, path, [("Authorization", value), ("Authorization", value)]), 400, "invalid_request"
        )
    elif where == "in the query":
        url = f"{path}?access_token={token}"
        sent = world.bed.http.get(url) if CALLS[path] is None else world.bed.http.post(url, json=CALLS[path])
        check_problem(await sent, 401, "invalid_token")
    elif where == "in the body" and CALLS[path] is not None:
        answer = await world.bed.http.post(path, json={**CALLS[path], "access_token": token})
        check_problem(answer, 401, "invalid_token")
    elif where == "basic":
        check_problem(await call(world, path, {"Authorization": f"Basic {token}"}), 401, "invalid_token")
    elif where.startswith("lower"):
        answer = await call(world, path, {"Authorization": f"bearer {token}"})
        assert answer.status_code not in {400, 401}


async def test_a_client_assertion_serves_once(each_world: World) -> None:
    """RFC 7523 §3: the replay of a one-time assertion is refused, also by another process (same database)."""
    base = each_world.bed.services.base_url
    assertion = make_assertion(
        each_world.bed.keys["ml-brume"], client_id="ml-brume", issuer=base, now=each_world.bed.services.clock()
    )
    form = {
        "grant_type": "client_credentials",
        "scope": "data:rsa",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    first = await each_world.bed.http.post("/oauth/token", data=form)
    second = await each_world.bed.http.post("/oauth/token", data=form)
    assert (first.status_code, second.status_code) == (200, 401)
    assert second.json()["error"] == "invalid_client"


async def test_a_professionals_assertion_serves_once(each_world: World) -> None:
    """RFC 8693: the subject token is one-time as well."""
    bed = each_world.bed
    common = {"client_id": "ml-brume", "issuer": bed.services.base_url, "now": bed.services.clock()}
    subject = make_professional_assertion(bed.keys["ml-brume"], professional=LISE, **common)
    answers = []
    for _ in range(2):
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "scope": "data:rsa",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": make_assertion(bed.keys["ml-brume"], **common),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": subject,
        }
        answers.append(await bed.http.post("/oauth/token", data=form))
    assert [answer.status_code for answer in answers] == [200, 400]


async def test_a_token_lives_five_minutes_and_no_longer(world: World) -> None:
    """RFC 9068 tokens of at most 300 seconds, one audience."""
    _, claims = claims_of(world.tokens["ml-brume"])
    assert claims["exp"] - claims["iat"] <= 300
    assert claims["aud"] == world.bed.services.base_url
    assert LIFETIME_SECONDS <= 60


@pytest.mark.parametrize("path", ["/v1/exchanges", "/v1/authorisation-requests"])
async def test_a_machine_token_needs_a_declared_batch_job(world: World, path: str) -> None:
    """Every exchange names its professional or a job of the registration; one never stands for the other."""
    body, machine, person = dict(CALLS[path] or {}), world.machines["ml-brume"], world.tokens["ml-brume"]
    check_problem(await world.bed.post(path, body, machine), 403, "actor_required")
    body["batch_job"] = "undeclared"
    check_problem(await world.bed.post(path, body, machine), 403, "batch_job_unknown")
    body["batch_job"] = "nightly"
    check_problem(await world.bed.post(path, body, person), 403, "batch_job_unknown")
    answer = await world.bed.post(path, body, machine)
    check_problem(answer, 404, "person_unknown")


async def test_a_declared_job_gets_what_its_line_allows_to_machines(each_world: World) -> None:
    """The journal names the job; a line closed to machines says so."""
    pseudonym = await each_world.ready("dept-brume", "orientation.rsa")
    machine = each_world.machines["dept-brume"]
    answer = await each_world.bed.exchange(machine, pseudonym, "orientation.rsa", ["rsa"], batch_job="nightly")
    assert answer.status_code == 200
    entry = json.loads(answer.json()["proof"]["receipt"]["entry"])
    assert entry["actor"] == "batch:nightly"
    pseudonym = await each_world.ready("ml-brume", "support.youth")
    machine = each_world.machines["ml-brume"]
    answer = await each_world.bed.exchange(machine, pseudonym, "support.youth", ["rsa"], batch_job="nightly")
    check_problem(answer, 403, "exchange_denied", reasons=["batch_not_allowed"])


async def test_the_professionals_tag_is_the_same_for_one_and_tells_no_name(world: World) -> None:
    """One professional, one tag; another one, another tag; the id is nowhere in it."""
    pseudonym = await world.ready("ml-brume", "support.youth")
    tags = []
    for who in (LISE, LISE, professional("referent")):
        token = await world.bed.token("ml-brume", professional=who)
        answer = await world.bed.exchange(token, pseudonym, "support.youth", ["rsa"])
        tags.append(json.loads(answer.json()["proof"]["receipt"]["entry"])["actor"])
    assert tags[0] == tags[1] != tags[2]
    assert len(tags[0]) == 32
