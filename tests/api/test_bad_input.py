"""Requests no endpoint can read: each a clear problem that names the place and never repeats a value."""

import json
from typing import Any

import pytest
import structlog

from gateway.api.requests import MAX_BODY
from gateway.app import build_app
from tests.api.conftest import World, check_problem

pytestmark = pytest.mark.asyncio(loop_scope="session")
CANARY = "Zzcanari"
PATHS = ("/v1/exchanges", "/v1/subjects", "/v1/authorisation-requests")
EXCHANGE: dict[str, Any] = {"subject": {"pseudonym": "psn_" + "0" * 32}, "purpose": "support.youth", "fields": ["rsa"]}
every_post = pytest.mark.parametrize("path", PATHS)

NOT_JSON = {
    "empty": b"",
    "words": CANARY.encode(),
    "cut": b'{"subject": {"pseudonym": "Zzcanari',
    "NaN": b'{"subject": NaN, "x": "Zzcanari"}',
    "infinity": b'{"subject": -Infinity}',
    "beyond doubles": b'{"subject": 1e400}',
    "invalid UTF-8": b'{"subject": {"pseudonym": "Zzcanari\xff\xfe"}}',
    "UTF-16": json.dumps(EXCHANGE).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(EXCHANGE).encode(),
    "lone surrogate": b'{"subject": {"pseudonym": "\\ud800"}}',
    "single quotes": b"{'subject': 'Zzcanari'}",
    "comment": b'{"subject": "Zzcanari" /* */}',
    "nested arrays": b"[" * 30_000 + b"]" * 30_000,
    "nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "two documents": b"{} {}",
}
NOT_OBJECT = {"list": b"[]", "text": b'"Zzcanari"', "number": b"9" * 400, "null": b"null", "true": b"true"}


@every_post
@pytest.mark.parametrize("kind", NOT_JSON)
async def test_what_is_not_json_is_refused(world: World, path: str, kind: str) -> None:
    """422 malformed_request at the root, within bounds of time and memory."""
    answer = await world.raw(path, NOT_JSON[kind])
    check_problem(answer, 422, "malformed_request", errors=[{"pointer": "", "reason": "not_json"}])
    assert CANARY not in answer.text


@every_post
@pytest.mark.parametrize("kind", NOT_OBJECT)
async def test_json_that_is_no_object_is_refused(world: World, path: str, kind: str) -> None:
    """422 at the root."""
    body = check_problem(await world.raw(path, NOT_OBJECT[kind]), 422, "malformed_request")
    assert body["errors"][0]["pointer"] == ""
    assert CANARY not in json.dumps(body)


@every_post
@pytest.mark.parametrize("type_", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonp", "*/*"])
async def test_another_media_type_is_refused(world: World, path: str, type_: str) -> None:
    """415: nothing is guessed from the content."""
    answer = await world.raw(path, json.dumps(EXCHANGE).encode(), Content_Type=type_)
    check_problem(answer, 415, "unsupported_media_type")


async def test_json_with_a_charset_parameter_is_read(world: World) -> None:
    """RFC 8259 §11: a charset parameter has no effect."""
    answer = await world.raw("/v1/exchanges", json.dumps(EXCHANGE).encode(), Content_Type="Application/JSON; charset=x")
    check_problem(answer, 404, "person_unknown")


@every_post
async def test_a_body_over_64_kib_is_refused(world: World, path: str) -> None:
    """413, also when no length was announced."""
    check_problem(await world.raw(path, b" " * (MAX_BODY + 1)), 413, "body_too_large")

    async def endless() -> Any:
        for _ in range(10_000):
            yield b" " * 1024

    headers = {"Authorization": f"Bearer {world.tokens['ml-brume']}", "Content-Type": "application/json"}
    answer = await world.bed.http.post(path, content=endless(), headers=headers)
    check_problem(answer, 413, "body_too_large")


async def test_a_body_of_exactly_64_kib_is_read(world: World) -> None:
    """The limit itself is allowed."""
    raw = json.dumps(EXCHANGE).encode()
    answer = await world.raw("/v1/exchanges", raw + b" " * (MAX_BODY - len(raw)))
    check_problem(answer, 404, "person_unknown")


def changed(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**EXCHANGE, **changes}.items() if value is not ...}


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "no subject": (changed(subject=...), "/subject"),
    "null subject": (changed(subject=None), "/subject"),
    "subject a text": (changed(subject=CANARY), "/subject"),
    "subject empty": (changed(subject={}), "/subject"),
    "both names": (changed(subject={"pseudonym": CANARY, "reference": CANARY}), "/subject"),
    "pseudonym a number": (changed(subject={"pseudonym": 7}), "/subject/pseudonym"),
    "pseudonym empty": (changed(subject={"pseudonym": ""}), "/subject/pseudonym"),
    "pseudonym too long": (changed(subject={"pseudonym": CANARY * 9}), "/subject/pseudonym"),
    "reference too long": (changed(subject={"reference": CANARY * 17}), "/subject/reference"),
    "unknown member": (changed(**{f"{CANARY}/~": CANARY}), ""),
    "unknown member inside": (changed(subject={"pseudonym": "x", CANARY: 1}), "/subject"),
    "no purpose": (changed(purpose=...), "/purpose"),
    "purpose a list": (changed(purpose=[CANARY]), "/purpose"),
    "purpose empty": (changed(purpose=""), "/purpose"),
    "purpose too long": (changed(purpose="a." * 60), "/purpose"),
    "fields missing": (changed(fields=...), "/fields"),
    "fields a text": (changed(fields="rsa"), "/fields"),
    "fields empty": (changed(fields=[]), "/fields"),
    "65 fields": (changed(fields=["rsa"] * 65), "/fields"),
    "a field a number": (changed(fields=["rsa", 4]), "/fields/1"),
    "a field null": (changed(fields=[None]), "/fields/0"),
    "a field an object": (changed(fields=[{"name": CANARY}]), "/fields/0"),
    "huge number": (changed(batch_job=10**60), "/batch_job"),
    "batch job true": (changed(batch_job=True), "/batch_job"),
    "batch job too long": (changed(batch_job="a" * 42), "/batch_job"),
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_member_that_cannot_be_read_is_pointed_at(world: World, kind: str) -> None:
    """One JSON pointer (RFC 6901) per mistake, no coercion, no value."""
    body, pointer = MALFORMED[kind]
    before = await world.bed.size()
    answer = await world.bed.post("/v1/exchanges", body, world.tokens["ml-brume"])
    found = check_problem(answer, 422, "malformed_request")
    assert pointer in {mistake["pointer"] for mistake in found["errors"]}
    assert CANARY not in answer.text
    assert await world.bed.size() == before


async def test_64_fields_are_read(world: World) -> None:
    """The limit itself is allowed; repeated names count once."""
    pseudonym = await world.ready("ml-brume", "support.youth")
    answer = await world.ask("ml-brume", pseudonym, "support.youth", ["rsa.beneficiary"] * 64)
    assert answer.status_code == 200
    assert answer.json()["datasets"]["rsa"]["values"].keys() == {"beneficiary"}


@pytest.mark.parametrize("name", [CANARY, f"rsa.{CANARY}", "rsa.", ".beneficiary", "RSA", "rsa.beneficiary ", "*", ""])
async def test_an_unknown_dataset_or_field_is_pointed_at_and_not_repeated(world: World, name: str) -> None:
    """422 unknown_name with the position; nothing enters the journal."""
    pseudonym = await world.known()
    before = await world.bed.size()
    for path, body in (
        ("/v1/exchanges", {"fields": ["rsa", name]}),
        ("/v1/authorisation-requests", {"fields": ["rsa", name]}),
    ):
        sent = {"subject": {"pseudonym": pseudonym}, "purpose": "support.youth", **body}
        answer = await world.bed.post(path, sent, world.tokens["ml-brume"])
        check_problem(answer, 422, "unknown_name", errors=[{"pointer": "/fields/1", "reason": "unknown"}])
        assert CANARY not in answer.text
    assert await world.bed.size() == before


async def test_more_mistakes_than_twenty_are_cut(world: World) -> None:
    """The answer stays small however wrong the request is."""
    answer = await world.bed.post("/v1/exchanges", changed(fields=[1] * 64), world.tokens["ml-brume"])
    assert len(check_problem(answer, 422, "malformed_request")["errors"]) == 20


async def test_a_client_that_leaves_costs_no_error(world: World) -> None:
    """An interrupted body is a request that cannot be read, not a failure of the gateway."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/exchanges", "raw_path": b"/v1/exchanges", "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {world.tokens['ml-brume']}".encode()), (b"content-type", b"application/json"),
        ],
    }  # fmt: skip
    with structlog.testing.capture_logs() as lines:
        await build_app(world.bed.services)(scope, receive, send)
    assert [line["code"] for line in lines] == ["malformed_request"]
