"""`POST /v1/exchanges`: the one hot route. Parses, calls the use case, returns a ready response."""

from functools import lru_cache

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway import idempotency
from gateway.api.requests import Body, Person, idempotency_key, parse, read_body
from gateway.exchange import Wanted, exchange
from gateway.services import Services
from policies.catalogue import Catalogue
from policies.errors import UnknownName


class ExchangeRequest(Body):
    """What a partner sends. A name of `fields` is a dataset (all its fields) or a field."""

    subject: Person
    purpose: str = Field(min_length=1, max_length=80)
    fields: list[str] = Field(min_length=1, max_length=64)
    batch_job: str | None = Field(None, min_length=1, max_length=41)


async def post_exchange(request: Request) -> Response:
    """See openapi/gateway.yaml, `exchange`."""
    services: Services = request.scope["services"]
    now = services.clock()
    caller = await services.verifier.caller(request.headers.raw, now)
    line = request.scope["line"]
    line["partner"] = caller.partner.id
    raw = await read_body(request)
    asked = parse(ExchangeRequest, raw)
    asked.subject.exactly_one("/subject")
    names = tuple(asked.fields)
    caller.require(*scopes(names, services.catalogue))
    key = idempotency_key(request.headers)
    repeat = key and await idempotency.claim(
        services.store, partner=caller.partner.id, key=key, body=raw, secret=services.keys.repeats, now=now
    )
    wanted = Wanted(
        pseudonym=asked.subject.pseudonym,
        reference=asked.subject.reference,
        purpose=asked.purpose,
        names=names,
        batch_job=asked.batch_job,
        repeat=repeat or None,
    )
    answer = await exchange(services, caller, wanted, now=now, line=line)
    return Response(orjson.dumps(answer), headers={"Cache-Control": "no-store"}, media_type="application/json")


@lru_cache(maxsize=1_024)
def scopes(names: tuple[str, ...], catalogue: Catalogue) -> frozenset[str]:
    """One scope per dataset; raises UnknownName for a name that is no dataset's and no field's."""
    for position, name in enumerate(names):
        if name not in catalogue.vocabulary.fields and name not in catalogue.vocabulary.datasets:
            raise UnknownName("dataset or field", position)
    return frozenset(f"data:{name.partition('.')[0]}" for name in names)
