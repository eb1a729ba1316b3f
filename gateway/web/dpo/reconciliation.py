"""`/dpo/reconciliation`: what the catalogue declares and nobody used, what ends soon and is used.

Counts of fields only: nothing of a person is read, nothing is journaled.
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.kinds import date_of, day_of
from gateway.oversight.reconciliation import reconcile
from gateway.services import Services
from gateway.web.dpo import telling
from gateway.web.dpo.page import scope_of, show
from gateway.web.page import page
from gateway.web.problems import PageProblem
from gateway.web.visitor import Visitor

PERIODS = (30, 90, 365)


@page(role="dpo")
async def get_reconciliation(request: Request, visitor: Visitor) -> Response:
    """The last 90 days, or another period."""
    services: Services = request.scope["services"]
    scope, now = scope_of(visitor), services.clock()
    asked = request.query_params.get("days", "90")
    if asked not in {str(days) for days in PERIODS}:
        raise PageProblem("not_found")
    today = day_of(now)
    used = await services.console.search.fields(since=today - int(asked) + 1, until=today)
    return await show(
        request,
        "dpo/reconciliation.html",
        found=reconcile(services.catalogue, used, now=now, org=scope.organisation),
        days=int(asked),
        periods=PERIODS,
        since=date_of(today - int(asked) + 1).isoformat(),
        until=date_of(today).isoformat(),
        catalogue=services.catalogue,
        telling=telling,
    )
