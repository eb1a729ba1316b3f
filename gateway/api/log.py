"""`/log/…`: the journal for other people's tools (C2SP tlog-tiles), and receipts (C2SP tlog-proof).

`/log/` is the log of the year that is written to, `/log/<year>/` that of any year; an origin is their address without
scheme. Checkpoint, hash tiles, keys and receipts are for every partner; entries need the scope `log:entries`, and
each reading of them is itself in the journal before they leave.
"""

import asyncio
import base64
import gzip
import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit import proofs, succession
from audit.layout import WIDTH, parse_path
from audit.rotation import published_keys
from gateway.oauth.verification import Caller
from gateway.problems import Refusal
from gateway.services import Services

ENTRIES = "log:entries"

_YEAR = re.compile(r"[0-9]{4}|log")
_INDEX = re.compile(r"0|[1-9][0-9]{0,18}")
_BRIEFLY = {"Cache-Control": "private, max-age=2"}
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


async def get_checkpoint(request: Request) -> Response:
    """See openapi/gateway.yaml, `checkpoint`."""
    services, _ = await _caller(request)
    served = await services.log.served(_year(request))
    return _answer(request, served.note.encode(), _TEXT, _BRIEFLY)


async def get_tile(request: Request) -> Response:
    """See openapi/gateway.yaml, `tile`."""
    services, caller = await _caller(request)
    year = _year(request)
    part = parse_path(f"tile/{request.path_params['path']}")
    if part is None:
        raise Refusal("not_found")
    level, index, width = part
    if level is not None:
        data = await services.log.tile(year, level, index=index, width=width)
        return _answer(request, data, _BYTES, _FOR_EVER)
    caller.require(ENTRIES)
    data = await services.log.bundle(year, index, width)
    if request.method == "GET":
        shard = (await services.log.served(year)).shard
        await services.readings.note(caller, origin=shard.origin, index=index * WIDTH)
    if "gzip" in request.headers.get("accept-encoding", ""):
        data = await asyncio.to_thread(gzip.compress, data, 1, mtime=0)
        return _answer(request, data, _BYTES, _FOR_EVER | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return _answer(request, data, _BYTES, _FOR_EVER | {"Vary": "Accept-Encoding"})


async def get_keys(request: Request) -> Response:
    """See openapi/gateway.yaml, `logKeys`."""
    services, _ = await _caller(request)
    current = {"log": services.keys.log.vkeys, "receipt": services.keys.receipt.vkeys}
    keys = await services.store.read(lambda connection: published_keys(connection, current))
    return _answer(request, succession.to_json(keys).encode(), "application/json", _BRIEFLY)


async def get_receipt(request: Request) -> Response:
    """See openapi/gateway.yaml, `logReceipt`."""
    services, _ = await _caller(request)
    index = request.path_params["index"]
    if not _INDEX.fullmatch(index):
        raise Refusal("not_found")
    leaf, proof = await services.log.proof(_year(request), int(index))
    if "application/json" not in request.headers.get("accept", ""):
        text = proofs.write(proof.index, proof.path, proof.note)
        return _answer(request, text.encode(), _TEXT, _BRIEFLY)
    body: dict[str, Any] = {
        "index": proof.index,
        "leaf_hash": base64.b64encode(leaf).decode(),
        "path": [base64.b64encode(step).decode() for step in proof.path],
        "checkpoint": proof.note,
    }
    return _answer(request, orjson.dumps(body), "application/json", _BRIEFLY)


async def _caller(request: Request) -> tuple[Services, Caller]:
    services: Services = request.scope["services"]
    caller = await services.verifier.caller(request.scope, services.clock())
    request.scope["line"]["partner"] = caller.partner.id
    return services, caller


def _year(request: Request) -> str | None:
    year: str | None = request.path_params.get("year")
    if year is not None and not _YEAR.fullmatch(year):
        raise Refusal("not_found")
    return year


def _answer(request: Request, body: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """A HEAD gets the headers of the GET, and no body from any server."""
    if request.method == "HEAD":
        return Response(b"", headers=headers | {"Content-Length": str(len(body))}, media_type=media_type)
    return Response(body, headers=headers, media_type=media_type)


def routes() -> list[Route]:
    """The addresses, each also under a year."""
    parts = {
        "checkpoint": get_checkpoint,
        "keys": get_keys,
        "tile/{path:path}": get_tile,
        "entries/{index}/receipt": get_receipt,
    }
    return [
        Route(f"/log/{year}{part}", endpoint, methods=["GET"])
        for year in ("", "{year}/")
        for part, endpoint in parts.items()
        if not (year and part == "keys")
    ]
