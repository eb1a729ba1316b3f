"""My data: a page to read, a PDF to print, JSON to carry elsewhere, a table of accesses; none is kept on the way.

Refuses whoever helps under a mandate that does not stand for the whole person (docs/adr/0019).
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway.services import Services
from gateway.web.me import holdings
from gateway.web.me.acting import entire, from_elsewhere, reader_of
from gateway.web.page import page, see
from gateway.web.templates import headers, render
from gateway.web.view import view_of
from gateway.web.visitor import Visitor

_NAMES = {"fr": "mes-informations", "en": "my-information"}
_TABLES = {"fr": "qui-a-vu", "en": "who-has-seen"}


@page(role="beneficiary")
async def get_data(request: Request, visitor: Visitor) -> Response:
    """What we hold, what we only pass on, where to ask the rest; the files first."""
    services: Services = request.scope["services"]
    found = await holdings.holdings(services, entire(visitor))
    return render(request, "me/data.html", found=found, months=services.retention_months)


@page(role="beneficiary")
async def get_data_pdf(request: Request, visitor: Visitor) -> Response:
    """The whole archive to print."""
    subject = entire(visitor)
    if from_elsewhere(request):
        return see("/me/data")
    services: Services = request.scope["services"]
    lang = view_of(request).lang
    now, reader = services.clock(), reader_of(visitor)
    content = await holdings.as_pdf(services, subject, lang=lang, reader=reader, now=now)
    return _file(content, "application/pdf", f"{_NAMES[lang]}.pdf")


@page(role="beneficiary")
async def get_data_json(request: Request, visitor: Visitor) -> Response:
    """The whole archive for another system."""
    subject = entire(visitor)
    if from_elsewhere(request):
        return see("/me/data")
    services: Services = request.scope["services"]
    now, reader = services.clock(), reader_of(visitor)
    content = await holdings.as_json(services, subject, reader=reader, now=now)
    return _file(content, "application/json", f"{_NAMES[view_of(request).lang]}.json")


@page(role="beneficiary")
async def get_data_csv(request: Request, visitor: Visitor) -> Response:
    """Who has seen what, for a spreadsheet."""
    subject = entire(visitor)
    if from_elsewhere(request):
        return see("/me/data")
    services: Services = request.scope["services"]
    lang = view_of(request).lang
    now, reader = services.clock(), reader_of(visitor)
    content = await holdings.as_csv(services, subject, lang=lang, reader=reader, now=now)
    return _file(content, "text/csv; charset=utf-8", f"{_TABLES[lang]}.csv")


def _file(content: bytes, kind: str, name: str) -> Response:
    """To be saved, never shown inside a page, never cached."""
    sent = {**headers(), "Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kind, headers=sent)
