"""Reads a request: size, media type, JSON, members. A mistake is named by its pointer, never by its value."""

import json
import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive

from consent.identifiers import KINDS
from gateway.problems import Refusal

MAX_BODY = 64 * 1024
_NAMES = (
    frozenset({"subject", "pseudonym", "reference", "purpose", "fields", "batch_job", "identifiers"})
    | {"url", "signature", "types", "since", "datasets"}
    | {"answer", "channel", "explicit", "person_present", "evidence", "mandate", "code"}
    | {"situation", "present"}
    | {"capacity", "until", "purposes", "holder", "professional"}
    | KINDS
)
_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,128}")
T = TypeVar("T", bound=BaseModel)


class Body(BaseModel):
    """Closed members, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Person(Body):
    """How a partner names a person: by the pseudonym it was given, or by its own reference."""

    pseudonym: str | None = Field(None, min_length=1, max_length=64)
    reference: str | None = Field(None, min_length=1, max_length=128)

    def exactly_one(self, pointer: str) -> None:
        """Raise `malformed_request` unless one, and only one, is given."""
        if (self.pseudonym is None) == (self.reference is None):
            raise Refusal("malformed_request", errors=[{"pointer": pointer, "reason": "pseudonym_or_reference"}])


async def read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The raw body of a request that says it is JSON."""
    if headers.get("content-type", "").split(";", 1)[0].strip().lower() != "application/json":
        raise Refusal("unsupported_media_type")
    return await read_raw(receive)


async def read_raw(receive: Receive) -> bytes:
    """The raw body, at most 64 KiB."""
    raw, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal("malformed_request", errors=[{"pointer": "", "reason": "interrupted"}])
        raw += message.get("body", b"")
        if len(raw) > MAX_BODY:
            raise Refusal("body_too_large")
        more = message.get("more_body", False)
    return raw


def parse(model: type[T], raw: bytes) -> T:
    """The body as `model`; raises `malformed_request` with one pointer (RFC 6901) per mistake."""
    try:
        content = orjson.loads(raw)
        if raw.count(b":") != _members(content):  # orjson keeps the last of two members without a word
            json.loads(raw, object_pairs_hook=_once)
        return model.model_validate(content)
    except (orjson.JSONDecodeError, RecursionError):
        raise Refusal("malformed_request", errors=[{"pointer": "", "reason": "not_json"}]) from None
    except ValidationError as error:
        raise Refusal("malformed_request", errors=_mistakes(error)) from None


def _members(content: Any) -> int:
    """How many members the objects of `content` have: as many as there are colons, when none stands in a text."""
    own = len(content) if isinstance(content, dict) else 0
    parts = content.values() if own else content if isinstance(content, list) else ()
    for each in parts:
        if isinstance(each, (dict, list)):  # a tuple of types is looked at faster than their union
            own += _members(each)
    return own


def _once(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise Refusal("malformed_request", errors=[{"pointer": "", "reason": "member_repeated"}])


def _mistakes(error: ValidationError) -> list[dict[str, str]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"pointer": _pointer(mistake["loc"]), "reason": mistake["type"]} for mistake in found[:20]]


def _pointer(location: tuple[int | str, ...]) -> str:
    # the name of a member nobody knows is input too, and a union's branch is ours alone: point at the parent
    known = takewhile(lambda part: isinstance(part, int) or part in _NAMES, location)
    return "".join(f"/{part}" for part in known)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The Idempotency-Key, when one is sent."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal("idempotency_key_invalid")
    return key
