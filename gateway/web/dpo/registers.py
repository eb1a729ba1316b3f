"""`/dpo/registers`: the Art. 30 register, generated from the catalogue that decides; versions, difference, downloads.

A DPO sees the activities their institution takes part in, the consortium's DPO all of them. Nothing here is about a
person: nothing is journaled.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.catalogues import bundles
from gateway.catalogues.bundles import CatalogueRefused
from gateway.services import Services
from gateway.web.dpo import telling
from gateway.web.dpo.page import scope_of, show
from gateway.web.page import page
from gateway.web.problems import PageProblem
from gateway.web.sheet import sheet
from gateway.web.templates import headers, render
from gateway.web.view import view_of
from gateway.web.visitor import Visitor
from policies.catalogue import Catalogue
from policies.difference import difference, widens
from policies.register import register, rows


@page(role="dpo")
async def get_registers(request: Request, visitor: Visitor) -> Response:
    """The register of one version, the one in force unless another is asked for."""
    services: Services = request.scope["services"]
    catalogue, found = await _register(request, visitor)
    return await show(
        request,
        "dpo/registers.html",
        found=found,
        catalogue=catalogue,
        versions=await services.activations.versions(),
        in_force=services.catalogue.digest == catalogue.digest,
        telling=telling,
    )


@page(role="dpo")
async def get_print(request: Request, visitor: Visitor) -> Response:
    """The same to print: no menu, everything open."""
    catalogue, found = await _register(request, visitor)
    return render(request, "dpo/registers_print.html", found=found, catalogue=catalogue, telling=telling)


@page(role="dpo")
async def get_json(request: Request, visitor: Visitor) -> Response:
    """The same as data."""
    _, found = await _register(request, visitor)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    return _download(text.encode(), "application/json", f"register-{found['catalogue'][:12]}.json")


@page(role="dpo")
async def get_csv(request: Request, visitor: Visitor) -> Response:
    """A line per field, for a spreadsheet."""
    _, found = await _register(request, visitor)
    lines = list(rows(found, view_of(request).lang))
    heading = list(lines[0]) if lines else ["exchange"]
    written = sheet([heading, *([line[name] for name in heading] for line in lines)])
    return _download(written, "text/csv", f"register-{found['catalogue'][:12]}.csv")


@page(role="dpo")
async def get_difference(request: Request, visitor: Visitor) -> Response:
    """What changed between two versions."""
    services: Services = request.scope["services"]
    organisation = scope_of(visitor).organisation
    before = await _version(services, request.query_params.get("before", ""))
    after = await _version(services, request.query_params.get("after", ""))
    changes = difference(before, after)
    mine = [each for each in changes if _concerns(each.exchange, organisation, before, after)]
    return await show(
        request,
        "dpo/difference.html",
        before=before.digest,
        after=after.digest,
        changes=[telling.change(each) for each in mine],
        widening=widens(mine),
    )


async def _register(request: Request, visitor: Visitor) -> tuple[Catalogue, dict[str, Any]]:
    services: Services = request.scope["services"]
    catalogue = await _version(services, request.query_params.get("version", ""))
    return catalogue, register(catalogue, org=scope_of(visitor).organisation)


async def _version(services: Services, digest: str) -> Catalogue:
    """The catalogue in force, or one that decided before: a draft is on the page of drafts."""
    if digest in {"", services.catalogue.digest}:
        return services.catalogue
    if digest not in {each.digest for each in await services.activations.versions()}:
        raise PageProblem("not_found")
    try:
        return await bundles.read(services.store, digest)
    except CatalogueRefused:
        raise PageProblem("not_found") from None


def _concerns(exchange: str, organisation: str | None, *catalogues: Catalogue) -> bool:
    """Whether a change is of an exchange this institution takes part in, or of everybody's."""
    if organisation is None or not exchange:
        return True
    known = [one.counted[exchange] for one in catalogues if exchange in one.counted]
    return any(organisation in {each.controller, each.source, *each.recipients} for each in known)


def _download(content: bytes, kind: str, name: str) -> Response:
    return Response(
        content, media_type=kind, headers={**headers(), "Content-Disposition": f'attachment; filename="{name}"'}
    )
