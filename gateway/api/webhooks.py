"""`/v1/webhooks`: a partner says where it wants to be told, tries it, sees what came of it, has it told again.

`/v1/source-changes`: a source says that others should ask again.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.answer import instant
from gateway.api.requests import Body, Person, parse, read_body
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services
from gateway.signals import event, signing
from gateway.signals.changes import announce
from gateway.signals.endpoints import PAGE, Endpoint, test_call

SCOPE, SOURCE_SCOPE = "webhooks:write", "sources:changed"

_EVENT = re.compile(r"[0-9a-f]{32}")
_SEQ = re.compile(r"[1-9][0-9]{0,17}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


class Registration(Body):
    """Without `types`, all of them."""

    url: str = Field(min_length=1, max_length=500)
    signature: Literal["hmac-sha256", "http-message-signature"]
    types: list[str] | None = Field(None, min_length=1, max_length=len(event.TYPES))


class Replay(Body):
    """`since` is the id of an event, or a time (RFC 3339)."""

    since: str = Field(min_length=1, max_length=40)


class Change(Body):
    """Whose data, and of which datasets."""

    subject: Person
    datasets: list[str] = Field(min_length=1, max_length=16)


async def post_webhook(request: Request) -> Response:
    """See openapi/gateway.yaml, `registerWebhook`."""
    services, caller = await _caller(request)
    asked = parse(Registration, await read_body(request.headers, request.receive))
    for position, name in enumerate(asked.types or ()):
        if name not in event.TYPES:
            raise Refusal("malformed_request", errors=[{"pointer": f"/types/{position}", "reason": "unknown"}])
    made, secret = await services.endpoints.register(
        caller.partner.id,
        url=asked.url,
        types=event.TYPES if asked.types is None else frozenset(asked.types),
        signature=asked.signature,
        now=services.clock(),
    )
    return _json(_shown(made) | ({} if secret is None else {"secret": secret}), 201)


async def get_webhooks(request: Request) -> Response:
    """See openapi/gateway.yaml, `listWebhooks`."""
    services, caller = await _caller(request)
    return _json({"webhooks": [_shown(each) for each in await services.endpoints.of(caller.partner.id)]})


async def delete_webhook(request: Request) -> Response:
    """See openapi/gateway.yaml, `deleteWebhook`."""
    services, caller = await _caller(request)
    await services.endpoints.delete(caller.partner.id, request.path_params["id"], now=services.clock())
    return Response(status_code=204)


async def post_test(request: Request) -> Response:
    """See openapi/gateway.yaml, `testWebhook`. One attempt, now; what comes of it changes nothing."""
    services, caller = await _caller(request)
    _pace(services, f"webhook test of {caller.partner.id}")
    to = await services.endpoints.get(caller.partner.id, request.path_params["id"])
    outcome = await services.signals.send(test_call(to, now=services.clock()), now=services.clock())
    return _json({"acknowledged": outcome.acknowledged, "outcome": outcome.word, "status": outcome.status})


async def post_enable(request: Request) -> Response:
    """See openapi/gateway.yaml, `enableWebhook`."""
    services, caller = await _caller(request)
    found = await services.endpoints.enable(caller.partner.id, request.path_params["id"], now=services.clock())
    return _json(_shown(found))


async def post_replay(request: Request) -> Response:
    """See openapi/gateway.yaml, `replayWebhook`."""
    services, caller = await _caller(request)
    asked = parse(Replay, await read_body(request.headers, request.receive))
    count = await services.endpoints.replay(
        caller.partner.id, request.path_params["id"], since=_since(asked.since), now=services.clock()
    )
    return _json({"replayed": count}, 202)


async def get_deliveries(request: Request) -> Response:
    """See openapi/gateway.yaml, `webhookDeliveries`."""
    services, caller = await _caller(request)
    cursor = request.query_params.get("before")
    if cursor is not None and not _SEQ.fullmatch(cursor):
        raise Refusal("malformed_request", errors=[{"pointer": "", "reason": "before"}])
    found = await services.endpoints.deliveries(
        caller.partner.id, request.path_params["id"], before=None if cursor is None else int(cursor)
    )
    following = str(found[-1]["seq"]) if len(found) == PAGE else None
    return _json({"deliveries": [_delivery(each) for each in found], "next": following})


async def get_jwks(request: Request) -> Response:
    """See openapi/gateway.yaml, `webhookKeys`."""
    services: Services = request.scope["services"]
    keys = signing.key_set([key.vkey for key in services.keys.signals.current()])
    headers = {"Cache-Control": "public, max-age=300"}
    return Response(orjson.dumps(keys), headers=headers, media_type="application/jwk-set+json")


async def post_source_change(request: Request) -> Response:
    """See openapi/gateway.yaml, `announceSourceChange`. The answer does not tell whether anybody hears of it."""
    services, caller = await _caller(request, SOURCE_SCOPE)
    _pace(services, f"source change of {caller.partner.id}")
    asked = parse(Change, await read_body(request.headers, request.receive))
    asked.subject.exactly_one("/subject")
    for position, name in enumerate(asked.datasets):
        if name not in services.catalogue.vocabulary.datasets:
            raise Refusal("malformed_request", errors=[{"pointer": f"/datasets/{position}", "reason": "unknown"}])
    subject = await services.people.resolve(
        partner=caller.partner.id, pseudonym=asked.subject.pseudonym, reference=asked.subject.reference
    )
    await announce(services, subject, source=caller.partner.id, datasets=set(asked.datasets), now=services.clock())
    return Response(status_code=204)


def routes() -> list[Route]:
    """All of them."""
    one = "/v1/webhooks/{id}"
    return [
        Route("/v1/webhooks", post_webhook, methods=["POST"]),
        Route("/v1/webhooks", get_webhooks, methods=["GET"]),
        Route("/v1/webhooks/jwks", get_jwks, methods=["GET"]),
        Route("/v1/source-changes", post_source_change, methods=["POST"]),
        Route(one, delete_webhook, methods=["DELETE"]),
        Route(f"{one}/test", post_test, methods=["POST"]),
        Route(f"{one}/enable", post_enable, methods=["POST"]),
        Route(f"{one}/replay", post_replay, methods=["POST"]),
        Route(f"{one}/deliveries", get_deliveries, methods=["GET"]),
    ]


async def _caller(request: Request, scope: str = SCOPE) -> tuple[Services, Caller]:
    services: Services = request.scope["services"]
    caller = await services.verifier.caller(request.scope, services.clock())
    request.scope["line"]["partner"] = caller.partner.id
    caller.require(scope)
    return services, caller


def _pace(services: Services, who: str) -> None:
    if not services.pace.allows(who, services.clock()):
        raise Refusal("too_many_requests", headers={"Retry-After": "1"}, retry_after=1)


def _since(text: str) -> str | int:
    if _EVENT.fullmatch(text):
        return text
    try:
        if _TIME.fullmatch(text):
            return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        pass
    raise Refusal("malformed_request", errors=[{"pointer": "/since", "reason": "event_or_time"}])


def _shown(each: Endpoint) -> dict[str, Any]:
    disabled = each.disabled_at is not None
    return {
        "id": each.id,
        "url": each.url,
        "signature": each.signature,
        "types": list(each.types),
        "state": "disabled" if disabled else "active",
        "reason": each.reason,
        "created_at": instant(each.created_at),
    }


def _delivery(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["type"],
        "time": instant(row["at"]),
        "state": row["state"],
        "attempts": row["attempts"],
        "status": row["status"],
        "outcome": row["outcome"],
        "next_attempt": instant(row["due_at"]) if row["state"] == "pending" else None,
        "acknowledged_at": instant(row["settled_at"]) if row["state"] == "delivered" else None,
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")
