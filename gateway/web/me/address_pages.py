"""My address: the person has it protected, and reads that it is. Title and path are neutral: a browser keeps both.

Refuses whoever helps under a mandate, to read as to do. Nobody lifts it here: somebody may stand beside the person.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.services import Services
from gateway.situations import PROTECTED, kept_back, note
from gateway.web.me.acting import alone
from gateway.web.me.lines import newest, person_of
from gateway.web.me.phrases import field_said
from gateway.web.page import page, see
from gateway.web.templates import render
from gateway.web.visitor import Visitor


@page(role="beneficiary")
async def get_address(request: Request, visitor: Visitor) -> Response:
    """What protecting it does and does not; once it is protected, since when, and who lifts it."""
    services: Services = request.scope["services"]
    subject = alone(visitor)
    kept = dict.fromkeys(field_said(name) for name in kept_back(services.catalogue))
    if PROTECTED not in (await person_of(services, subject)).flags:
        return render(request, "me/address.html", kept=kept)
    noted = (await newest(services, subject, size=1, shown=_noted)).lines
    return render(request, "me/address_protected.html", kept=kept, line=noted[0] if noted else None)


@page(role="beneficiary")
async def post_address(request: Request, visitor: Visitor) -> Response:
    """Protect it: durable before the answer. A second click finds it protected."""
    services: Services = request.scope["services"]
    subject, now = alone(visitor), services.clock()
    await note(services, subject, PROTECTED, present=True, org=None, actor=visitor.actor, now=now)
    return see("/me/address")


def _noted(entry: Mapping[str, Any]) -> bool:
    return entry["type"] == "subject.flagged" and entry["flag"] == PROTECTED and entry["set"] is True
