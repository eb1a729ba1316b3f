"""`/dpo` and `/dpo/integrity`: where a DPO arrives, and what the check of the journal consists of."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.filters import Filter
from gateway.console.kinds import day_of
from gateway.services import Services
from gateway.web.dpo.page import scope_of, show
from gateway.web.dpo.words import bars, names_of
from gateway.web.page import page, see
from gateway.web.visitor import Visitor

_WEEK = 7
_MONTH = 30


@page(role="dpo")
async def get_home(request: Request, visitor: Visitor) -> Response:
    """The last thirty days in figures, each a search; no entry is shown here."""
    services: Services = request.scope["services"]
    scope, names = scope_of(visitor), names_of(request)
    today = day_of(services.clock())
    month = Filter(since=today - _MONTH + 1, until=today)
    week = replace(month, since=today - _WEEK + 1)
    counted = await services.console.search.counts(scope, month)
    figures = []
    for title, wanted in (
        (("Demandes", "Requests"), replace(week, type="exchange.decided")),
        (("Refusées", "Denied"), replace(week, type="exchange.decided", decision="deny")),
        (("Transmissions", "Releases"), replace(week, type="exchange.released")),
        (("Accords retirés", "Withdrawals"), replace(week, type="authorisation.withdrawn")),
    ):
        number = sum(n for day, kind, n in counted if day >= wanted.since and wanted.takes(kind))
        figures.append((names.said(title), number, wanted.address()))
    days: dict[int, int] = {}
    for day, _, number in counted:
        days[day] = days.get(day, 0) + number
    return await show(
        request,
        "dpo/home.html",
        figures=figures,
        bars=bars(month, days),
        count=sum(days.values()),
        whose=names.org(scope.organisation) if scope.organisation else "",
    )


@page(role="dpo")
async def get_integrity(request: Request, visitor: Visitor) -> Response:
    """What was checked, when, and how to do it again elsewhere."""
    scope_of(visitor)
    services: Services = request.scope["services"]
    return await show(request, "dpo/integrity.html", keys=[str(key) for key in services.keys.log.vkeys])


@page(role="dpo")
async def post_check(request: Request, visitor: Visitor) -> Response:
    """Check what is new, now."""
    scope_of(visitor)
    services: Services = request.scope["services"]
    await services.console.integrity.inspection.round()
    return see("/dpo/integrity")
