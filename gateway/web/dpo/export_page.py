"""`/dpo/export`: what a search shows, as a file: asked for, made, announced with size and hash, fetched."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gateway.console.errors import ExportAltered, ExportTooLarge, NotYours, SearchRefused
from gateway.console.exports import MOST
from gateway.console.filters import Filter, read
from gateway.console.kinds import date_of, day_of
from gateway.services import Services
from gateway.web.dpo.find_page import among_of, chosen, words_of
from gateway.web.dpo.page import scope_of, show
from gateway.web.dpo.words import names_of
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import headers
from gateway.web.visitor import Visitor

_NUMBER = re.compile(r"[0-9a-f]{32}")


@page(role="dpo")
async def get_export(request: Request, visitor: Visitor) -> Response:
    """How many entries, what the file holds, and the button; no entry is shown."""
    return await _asked(request, visitor, await _wanted(request, request.query_params))


@page(role="dpo")
async def post_export(request: Request, visitor: Visitor) -> Response:
    """Make the file."""
    services: Services = request.scope["services"]
    form = form_of(request)
    wanted = await _wanted(request, {name: form[name] for name in form.values if name != "form"})
    if not visitor.strong:
        raise PageProblem("strong_needed")
    try:
        made = await services.console.exports.make(
            scope_of(visitor),
            wanted,
            actor=visitor.actor,
            organisation=visitor.organisation,
            strong=visitor.strong,
            among=await among_of(request, visitor, wanted),
        )
    except (ExportTooLarge, ExportAltered) as refused:
        return await _asked(request, visitor, wanted, wrong=refused.code)
    return see(f"/dpo/export/{made.id}")


@page(role="dpo")
async def get_made(request: Request, visitor: Visitor) -> Response:
    """Size, hash, how to verify it, and the link."""
    services: Services = request.scope["services"]
    try:
        made, _ = await services.console.exports.find(_number(request), actor=visitor.actor)
    except NotYours:
        raise PageProblem("not_found") from None
    return await show(request, "dpo/exported.html", made=made, file=_file(made.digest))


@page(role="dpo")
async def get_file(request: Request, visitor: Visitor) -> Response:
    """The file itself."""
    services: Services = request.scope["services"]
    if not visitor.strong:
        raise PageProblem("strong_needed")
    try:
        made, path = await services.console.exports.find(_number(request), actor=visitor.actor)
    except NotYours:
        raise PageProblem("not_found") from None
    return FileResponse(path, headers=headers(), media_type="application/zip", filename=_file(made.digest))


async def _asked(request: Request, visitor: Visitor, wanted: Filter, *, wrong: str = "") -> Response:
    services: Services = request.scope["services"]
    among = await among_of(request, visitor, wanted)
    found = await services.console.search.find(scope_of(visitor), wanted, among=among, size=1)
    return await show(
        request,
        "dpo/export.html",
        status=409 if wrong else 200,
        wrong=wrong,
        wanted=wanted,
        since=date_of(wanted.since),
        until=date_of(wanted.until),
        chosen=chosen(wanted, names_of(request)),
        count=found.count,
        most=MOST,
        strong=visitor.strong,
    )


async def _wanted(request: Request, given: Mapping[str, str]) -> Filter:
    services: Services = request.scope["services"]
    try:
        return read(given, await words_of(services), today=day_of(services.clock()))
    except SearchRefused:
        raise PageProblem("not_found") from None


def _number(request: Request) -> str:
    number: str = request.path_params["number"]
    if not _NUMBER.fullmatch(number):
        raise PageProblem("not_found")
    return number


def _file(digest: str) -> str:
    return f"extrait-{digest[:12]}.zip"
