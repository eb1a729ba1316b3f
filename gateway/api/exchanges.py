"""`POST /v1/exchanges`: the one hot route. Parses, calls the use case, writes the answer."""

from functools import lru_cache
from typing import Any

import orjson
from pydantic import Field
from starlette.types import Receive, Scope, Send

from gateway import idempotency
from gateway.api.requests import Body, Person, idempotency_key, parse, read_body
from gateway.exchange import Wanted, exchange
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services
from policies.catalogue import Catalogue
from policies.errors import UnknownName

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class ExchangeRequest(Body):
    """What a partner sends. A name of `fields` is a dataset (all its fields) or a field.

    `subject` may be left out with a token that was got with the person present: the token names them.
    """

    subject: Person | None = None
    purpose: str = Field(min_length=1, max_length=80)
    fields: list[str] = Field(min_length=1, max_length=64)
    batch_job: str | None = Field(None, min_length=1, max_length=41)


class PostExchange:
    """See openapi/gateway.yaml, `exchange`. An ASGI application: the hot route does without Starlette's wrapping."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what it raises becomes a problem at the edge."""
        services: Services = scope["services"]
        line: dict[str, Any] = scope["line"]
        await services.journal.let_pass()
        now = services.clock()
        caller = await services.verifier.presented(scope, now)
        line["partner"] = caller.partner.id
        try:
            body = orjson.dumps(await self._exchange(scope, receive, services, caller, now=now))
        except BearerInvalid as ended:  # the journal's word, which knows nothing of schemes
            ended.scheme = caller.scheme
            raise
        except Exception:
            if "entry" not in line:  # the journal has not looked at the token: no refusal either before somebody has
                await services.verifier.still(caller)
            raise
        size = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, size]})
        await send({"type": "http.response.body", "body": body})

    async def _exchange(
        self, scope: Scope, receive: Receive, services: Services, caller: Caller, *, now: int
    ) -> dict[str, Any]:
        # of a header sent twice the first counts, as elsewhere in the API
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
        raw = await read_body(headers, receive)
        asked = parse(ExchangeRequest, raw)
        pseudonym, reference = _named(asked, caller)
        names = tuple(asked.fields)
        caller.require(*scopes(names, services.catalogue))
        key = idempotency_key(headers)
        repeat = key and await idempotency.claim(
            services.store, partner=caller.partner.id, key=key, body=raw, secret=services.keys.repeats, now=now
        )
        wanted = Wanted(
            pseudonym=pseudonym,
            reference=reference,
            purpose=asked.purpose,
            names=names,
            batch_job=asked.batch_job,
            repeat=repeat or None,
        )
        return await exchange(services, caller, wanted, now=now, line=scope["line"])


def _named(asked: ExchangeRequest, caller: Caller) -> tuple[str | None, str | None]:
    """Whom it is about: pseudonym or reference. A token of a present person names them, and one purpose."""
    if asked.subject is not None:
        asked.subject.exactly_one("/subject")
    if caller.present is None:
        if asked.subject is None:
            raise Refusal("malformed_request", errors=[{"pointer": "/subject", "reason": "missing"}])
        return asked.subject.pseudonym, asked.subject.reference
    if asked.purpose != caller.present.purpose:
        raise Refusal("token_for_another")
    if asked.subject is None:
        return caller.present.pseudonym, None
    if asked.subject.pseudonym not in {None, caller.present.pseudonym}:
        raise Refusal("token_for_another")
    return asked.subject.pseudonym, asked.subject.reference


@lru_cache(maxsize=1_024)
def scopes(names: tuple[str, ...], catalogue: Catalogue) -> frozenset[str]:
    """One scope per dataset; raises UnknownName for a name that is no dataset's and no field's."""
    for position, name in enumerate(names):
        if name not in catalogue.vocabulary.fields and name not in catalogue.vocabulary.datasets:
            raise UnknownName("dataset or field", position)
    return frozenset(f"data:{name.partition('.')[0]}" for name in names)
