"""`/dpo/entries/{index}`: one entry in words, as it was written, with what it goes back to, and its proof made now."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.console import sealed
from gateway.console.entries import Entry
from gateway.console.kinds import Kind, Scope
from gateway.console.sentences import Names, shown
from gateway.services import Services
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.dpo.words import names_of
from gateway.web.page import page
from gateway.web.problems import PageProblem
from gateway.web.templates import headers
from gateway.web.visitor import Visitor

_INDEX = re.compile(r"0|[1-9][0-9]{0,15}")
_LINKED = 20


@page(role="dpo")
async def get_entry(request: Request, visitor: Visitor) -> Response:
    """The entry, or that there is none for this DPO."""
    services: Services = request.scope["services"]
    entry, kind = await _own(request, visitor)
    names = names_of(request)
    await note_view(request, visitor, "entry", lines=1, entry=entry.position)
    return await show(
        request,
        "dpo/entry.html",
        entry=entry,
        kind=kind,
        sentence=names.full(kind),
        members=shown(entry.content),
        rules=await _rules(services, scope_of(visitor), entry),
        catalogue=_catalogue(services, entry.content),
        reasons=[names.reason(code, of=kind.type) for code in kind.reasons],
        linked=await _linked(services, scope_of(visitor), entry, names),
        opened=await sealed.present(services.store, entry),
        leaf=base64.b64encode(entry.leaf_hash).decode() if entry.leaf_hash else "",
        steps=[base64.b64encode(step).decode() for step in entry.proof.path] if entry.proof else [],
        note=entry.proof.note if entry.proof else "",
        file=_file(entry),
    )


@page(role="dpo")
async def get_proof(request: Request, visitor: Visitor) -> Response:
    """The proof as one file that `passerelle audit verify` reads: the entry, its path, the signed checkpoint."""
    entry, _ = await _own(request, visitor)
    if entry.proof is None or entry.leaf_hash is None:
        raise PageProblem("not_found")
    await note_view(request, visitor, "entry", lines=1, entry=entry.position)
    content = {
        "index": entry.proof.index,
        "path": [base64.b64encode(step).decode() for step in entry.proof.path],
        "checkpoint": entry.proof.note,
    }
    if entry.leaf is None:
        content["leaf"] = base64.b64encode(entry.leaf_hash).decode()
    else:
        content["entry"] = entry.leaf.decode()
    return download(orjson.dumps(content), _file(entry), "application/json")


@page(role="dpo")
async def get_keys(request: Request, _visitor: Visitor) -> Response:
    """The public keys of the journal, to compare with those one holds from elsewhere."""
    services: Services = request.scope["services"]
    return download("".join(f"{key}\n" for key in services.keys.log.vkeys).encode(), "log.vkey", "text/plain")


def download(body: bytes, name: str, media_type: str) -> Response:
    """A file that is saved, not shown."""
    told = {**headers(), "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, headers=told, media_type=media_type)


async def _own(request: Request, visitor: Visitor) -> tuple[Entry, Kind]:
    services: Services = request.scope["services"]
    index = request.path_params["index"]
    if not _INDEX.fullmatch(index):
        raise PageProblem("not_found")
    position = int(index)
    kind = await services.console.search.kind_of(position)
    if kind is None or not scope_of(visitor).sees(kind):
        raise PageProblem("not_found")
    entry = (await services.console.read([position])).get(position)
    if entry is None:
        raise PageProblem("not_found")
    return entry, kind


async def _linked(services: Services, scope: Scope, entry: Entry, names: Names) -> list[tuple[int, str, int]]:
    """The entries of the same exchange and on the same authorisation: position, what happened."""
    ref, authorisation = (entry.content.get(name) for name in ("ref", "authorisation"))
    rows = []
    if isinstance(ref, str):
        rows += await services.console.search.linked(scope, ref=ref)
        if not isinstance(authorisation, str):
            authorisation = await services.console.search.authorisation_of(ref)
    if isinstance(authorisation, str):
        rows += await services.console.search.linked(scope, authorisation=authorisation, most=_LINKED)
    found = {row.index: row for row in rows if row.index != entry.position}
    return [(index, names.sentence(found[index].kind), found[index].day) for index in sorted(found)]


async def _rules(services: Services, scope: Scope, entry: Entry) -> list[tuple[str, str]]:
    """Which exchange of the catalogue, in which version, permitted which fields; of a release, as it was decided."""
    permits, ref = entry.content.get("permits"), entry.content.get("ref")
    if permits is None and isinstance(ref, str):
        rows = [row for row in await services.console.search.linked(scope, ref=ref) if row.kind.decision]
        decided = (await services.console.read([rows[0].index])).get(rows[0].index) if rows else None
        permits = decided.content.get("permits") if decided else None
    return [(rule, ", ".join(fields)) for rule, fields in sorted(permits.items())] if isinstance(permits, dict) else []


def _catalogue(services: Services, content: Mapping[str, Any]) -> tuple[str, bool] | None:
    digest = content.get("catalogue")
    return (digest, digest == services.catalogue.digest) if isinstance(digest, str) else None


def _file(entry: Entry) -> str:
    return f"preuve-{entry.year}-{entry.number}.json"
