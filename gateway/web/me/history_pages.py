"""The history of accesses with its filters, and reporting one that does not look right."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.services import Services
from gateway.web.me import history, reports
from gateway.web.me.acting import acting, alone, shows, subject_of
from gateway.web.me.lines import Line, Wanted, accesses, line_at, newest, person_of
from gateway.web.me.phrases import party_said, purpose_said
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.visitor import Visitor

_LARGEST = 2**53


@page(role="beneficiary")
async def get_history(request: Request, visitor: Visitor) -> Response:
    """A page of it; what the address filters by stays in the address."""
    services: Services = request.scope["services"]
    subject, now = subject_of(visitor), services.clock()
    person, asked = await person_of(services, subject), request.query_params
    before = _number(asked.get("before", ""))
    everything = asked.get("all") == "1"
    month = history.month_of(asked.get("month", ""))
    orgs = history.recipients(services.catalogue)
    org = asked.get("org", "") if asked.get("org", "") in dict(orgs) else ""
    under = asked.get("under", "") or None
    context: dict[str, Any] = {
        "orgs": orgs, "months": history.months(person, now=now), "org": org, "month": month.key if month else "",
        "under": under, "everything": everything, "since": person.created_at, "kept": services.retention_months,
        "first": before is None, "done": asked.get("done", ""),
    }  # fmt: skip
    if everything:
        lines = await newest(services, subject, size=history.PAGE, before=before, shown=partial(shows, visitor))
        told = [history.told(services.catalogue, each) for each in lines.lines]
        return render(
            request, "me/history.html", **context, rows=[], told=told, before=lines.before, reported=frozenset()
        )
    wanted = Wanted(
        org=org or None, purposes=visitor.purposes, authorisation=under,
        since=month.since if month else None, until=month.until if month else None,
    )  # fmt: skip
    found = await accesses(services, subject, size=history.PAGE, before=before, wanted=wanted)
    rows = [history.row(services.catalogue, each, helped=visitor.mandate is not None) for each in found.accesses]
    reported = frozenset[int]()
    if visitor.mandate is None:
        reported = await reports.reported_among(services, subject, [each.index for each in rows])
    return render(request, "me/history.html", **context, rows=rows, told=[], before=found.before, reported=reported)


@page(role="beneficiary")
async def get_report(request: Request, visitor: Visitor) -> Response:
    """The form, already filled with what it is about."""
    services, line = await _line(request, visitor)
    if visitor.mandate is None and await reports.reported(services, subject_of(visitor), line.index) is not None:
        return see(f"/me/history/{line.index}/reported")
    return _form(request, services, line, reason="", text="", wrong=False)


@page(role="beneficiary")
async def post_report(request: Request, visitor: Visitor) -> Response:
    """Keep it; the page that proves it follows."""
    services, line = await _line(request, visitor)
    form, now = form_of(request), services.clock()
    reason, text = form["reason"], form["text"].replace("\r\n", "\n")
    if reason not in reports.REASONS or len(text) > reports.LONGEST:
        return _form(request, services, line, reason=reason, text=text, wrong=True)
    by = await acting(services, visitor, purpose=str(line.entry["purpose"]), now=now)
    await reports.report(services, subject_of(visitor), line, reason=reason, words=text, by=by, now=now)
    if visitor.mandate is not None:  # whether the person had reported it stays theirs to know
        return see("/me/history?done=reported")
    return see(f"/me/history/{line.index}/reported")


@page(role="beneficiary")
async def get_reported(request: Request, visitor: Visitor) -> Response:
    """The proof: its reference, who reads it, when to expect an answer; the person's alone."""
    alone(visitor)
    services, line = await _line(request, visitor)
    found = await reports.reported(services, subject_of(visitor), line.index)
    if found is None:
        return see(f"/me/history/{line.index}/report")
    party = services.catalogue.parties.get(found.org)
    return render(
        request,
        "me/reported.html",
        found=found,
        who=party_said(services.catalogue, found.org),
        reach={} if party is None else dict(party.contact or {}),
    )


async def _line(request: Request, visitor: Visitor) -> tuple[Services, Line]:
    """The access of the address, one of this person's: anybody else's does not exist."""
    services: Services = request.scope["services"]
    index = _number(request.path_params["index"])
    line = None if index is None else await line_at(services, subject_of(visitor), index)
    if line is None or not str(line.entry["type"]).startswith("exchange.") or not shows(visitor, line.entry):
        raise PageProblem("not_found")
    return services, line


def _form(request: Request, services: Services, line: Line, *, reason: str, text: str, wrong: bool) -> Response:
    return render(
        request,
        "me/report.html",
        status=422 if wrong else 200,
        index=line.index,
        at=line.entry["time"],
        who=party_said(services.catalogue, str(line.entry["org"])),
        purpose=purpose_said(services.catalogue, str(line.entry["purpose"])),
        reason=reason,
        text=text,
        longest=reports.LONGEST,
        wrong=wrong,
    )


def _number(text: str) -> int | None:
    """A place in an address; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 and int(text) < _LARGEST else None
