"""What every page of a DPO has: the state of the journal on top, a scope, and an entry that says what was shown."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit.canonical import Json
from audit.journal import Draft
from gateway.console.kinds import Scope
from gateway.services import Services
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.visitor import Visitor


def scope_of(visitor: Visitor) -> Scope:
    """Whose entries this DPO may see; a DPO of no institution sees nothing."""
    if visitor.consortium:
        return Scope(None)
    if not visitor.organisation:
        raise PageProblem("forbidden")
    return Scope(visitor.organisation)


async def show(request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
    """A page with the state of the journal; the template extends `dpo/base.html`."""
    services: Services = request.scope["services"]
    integrity = await services.console.integrity.status(services.clock())
    return render(request, name, status=status, integrity=integrity, **context)


async def note_view(
    request: Request,
    visitor: Visitor,
    view: str,
    *,
    lines: int,
    filters: Sequence[str] = (),
    entry: int | None = None,
) -> None:
    """Journal that entries are shown, before they are: by what they were chosen and how many, never which person.

    `view` and `filters` are words of `console.viewed` (audit/access_events.py).
    """
    services: Services = request.scope["services"]
    members: dict[str, Json] = {"actor": visitor.actor, "view": view, "lines": lines}
    if visitor.organisation:
        members["org"] = visitor.organisation
    if filters:
        members["filters"] = list(filters)
    if entry is not None:
        members["entry"] = entry
    await services.journal.append(Draft(type="console.viewed", members=members, time=services.clock()))
