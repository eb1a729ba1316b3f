"""One shape for every error (RFC 9457), a page at every `type`, headers on every answer."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import yaml

from gateway.problems import PROBLEMS, page
from tests.api.conftest import World, check_problem

pytestmark = pytest.mark.asyncio(loop_scope="session")
CANARY = "Zzcanari"
ROUTES = {
    "/v1/exchanges": "POST",
    "/v1/subjects": "POST",
    "/v1/authorisation-requests": "POST",
    "/v1/catalogue": "GET",
    "/livez": "GET",
    "/readyz": "GET",
    "/openapi.yaml": "GET",
    "/errors/not_found": "GET",
}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
async def test_every_code_has_its_page_at_its_type(world: World, code: str) -> None:
    """The `type` of a problem is an address that answers with what it means and what to do."""
    answer = await world.bed.http.get(f"/errors/{code}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text == page(code)
    assert PROBLEMS[code].remedy in answer.text


async def test_the_type_of_a_problem_can_be_followed(world: World) -> None:
    """From the answer itself to its page."""
    answer = await world.bed.http.get("/v1/catalogue")
    assert (await world.bed.http.get(answer.json()["type"])).text == page("invalid_token")


NOWHERE = ("/v1", "/v1/exchanges/", "/v1//exchanges", f"/v1/{CANARY}", f"/errors/{CANARY}", "/log/checkpoint%00")


@pytest.mark.parametrize("path", [*NOWHERE, f"/errors/{CANARY}%2f..%2fx", f"/v1/exchanges/{CANARY}"])
async def test_an_unknown_address_is_a_problem_like_the_others(world: World, path: str) -> None:
    """404 not_found; the address is not repeated."""
    answer = await world.bed.http.get(path)
    check_problem(answer, 404, "not_found")
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path, right in ROUTES.items()
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
        if method != right
    ],
)
async def test_another_method_is_a_problem_with_allow(world: World, path: str, method: str) -> None:
    """405 method_not_allowed, and the methods that exist (RFC 9110 §15.5.6)."""
    answer = await world.bed.http.request(method, path)
    check_problem(answer, 405, "method_not_allowed")
    assert ROUTES[path] in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/livez", "/v1/catalogue", f"/v1/{CANARY}", "/errors/not_found"])
async def test_every_answer_carries_the_protecting_headers(world: World, path: str) -> None:
    """Good or bad, an answer is not sniffed, framed, or remembered by address."""
    answer = await world.bed.http.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123456789abcdef0123456789abcdef", True),
        ("01234567-89ab-cdef-0123-456789abcdef", True),
        ("01234567-89AB-CDEF-0123-456789ABCDEF", True),
        ("207039900100105", False),
        ("amina.delorme@courriel.example", False),
        ("0123456789abcdef", False),
        ("0123456789abcdef0123456789abcdef\u00e9", False),
        ("<script>", False),
        ("", False),
        ("a" * 5_000, False),
    ],
)
async def test_a_request_id_is_echoed_only_when_it_can_hold_nobody(world: World, given: str, *, kept: bool) -> None:
    """A UUID or a trace id; anything else is replaced by one of ours, in the answer and in the log."""
    with structlog.testing.capture_logs() as lines:
        answer = await world.bed.http.get("/livez", headers={"X-Request-Id": given.encode()})  # type: ignore[dict-item]
    found = answer.headers["x-request-id"]
    assert (found == given.lower()) == kept
    assert re.fullmatch(r"[0-9a-f-]{32,36}", found)
    assert [line["id"] for line in lines] == [found]


async def test_an_unforeseen_failure_is_told_without_its_text(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 internal_error with an instance to quote; class and place go to the log, the message nowhere."""
    pseudonym = await world.ready("ml-brume", "support.youth")

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"{CANARY} is in the message")

    monkeypatch.setattr("gateway.exchange.minimise", fail)
    before = await world.bed.size()
    with structlog.testing.capture_logs() as lines:
        answer = await world.ask("ml-brume", pseudonym, "support.youth", ["rsa"])
    check_problem(answer, 500, "internal_error")
    assert CANARY not in answer.text + repr(lines)
    [line] = lines
    assert line["log_level"] == "error"
    assert line["where"][0] == "RuntimeError"
    assert line["id"] == answer.headers["x-request-id"]
    assert [entry["type"] for entry in await world.bed.journal(before)] == ["exchange.decided"]


async def test_one_line_is_written_per_request(world: World) -> None:
    """Partner, purpose, decision, entries, duration; nothing else."""
    pseudonym = await world.ready("ml-brume", "support.youth")
    with structlog.testing.capture_logs() as lines:
        answer = await world.ask("ml-brume", pseudonym, "support.youth", ["rsa"])
    index = answer.json()["proof"]["receipt"]["index"]
    [line] = lines
    assert {name: value for name, value in line.items() if name not in {"id", "ms"}} == {
        "event": "request", "log_level": "info", "method": "POST", "route": "/v1/exchanges", "status": 200,
        "partner": "ml-brume", "purpose": "support.youth", "decision": "permit", "entry": index - 1, "release": index,
    }  # fmt: skip


async def test_the_api_says_that_it_lives_and_is_ready(each_world: World) -> None:
    """/livez and /readyz need no token; readiness names the database and each source."""
    assert (await each_world.bed.http.get("/livez")).text == "ok\n"
    answer = await each_world.bed.http.get("/readyz")
    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert (checks["database"], checks["checkpoints"]) == ("ok", "ok")
    assert checks.keys() == {"database", "checkpoints", "source:caf-brume", "source:dept-brume", "source:ft-brume"}


async def test_the_description_served_is_the_one_of_the_repository(world: World) -> None:
    """OpenAPI 3.1, every route of the API in it."""
    answer = await world.bed.http.get("/openapi.yaml")
    assert answer.status_code == 200
    assert answer.content == (Path(__file__).parents[2] / "openapi" / "gateway.yaml").read_bytes()
    described = yaml.safe_load(answer.text)
    assert set(described["paths"]) >= {path for path in ROUTES if path.startswith("/v1")}
    assert described["openapi"].startswith("3.1")


async def test_head_is_answered_as_get_without_a_body(world: World) -> None:
    """RFC 9110 §9.3.2."""
    answer: httpx.Response = await world.bed.http.head("/livez")
    assert (answer.status_code, answer.content) == (200, b"")
