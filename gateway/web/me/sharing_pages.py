"""One authorisation: its detail, stopping it, pausing it, making it smaller, saying yes once more.

Stopping takes two activations from the home page, asks no reason and no new sign-in, and is effective before the
confirmation is shown (GDPR 7-3). Each form answers with 303 to a page that proves it, so that sending it twice,
going back and reloading give one result.
"""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import StateConflict
from consent.states import Record, effective_state
from gateway.services import Services
from gateway.web.me.acting import acting, subject_of
from gateway.web.me.asking import ask
from gateway.web.me.history import row
from gateway.web.me.lines import Wanted, accesses
from gateway.web.me.phrases import field_said
from gateway.web.me.sharing import Sharing, detail, record_of, sharing
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.view import view_of
from gateway.web.visitor import Visitor

STOPPED = frozenset({"withdrawn", "objection_lodged", "upheld", "refused"})
_UNDER = 5
_RECEIVED = 200


@page(role="beneficiary")
async def get_detail(request: Request, visitor: Visitor) -> Response:
    """Everything about one; past ones stay readable."""
    services, record, now = await _asked(request, visitor)
    found = await detail(services, record, now=now)
    wanted = Wanted(authorisation=record.id, since=record.requested_at)
    seen = await accesses(services, record.subject, size=_UNDER, wanted=wanted)
    rows = [row(services.catalogue, each, helped=visitor.mandate is not None) for each in seen.accesses]
    done = request.query_params.get("done", "")
    more = seen.before is not None
    return render(request, "me/detail.html", found=found, it=found.sharing, rows=rows, more=more, done=done)


@page(role="beneficiary")
async def get_stop(request: Request, visitor: Visitor) -> Response:
    """What stops now, what was received and how long it is kept, how to have it erased."""
    services, record, now = await _asked(request, visitor)
    if effective_state(record, now) in STOPPED:
        return see(f"/me/authorisations/{record.id}/stopped")
    found = await detail(services, record, now=now)
    if found.sharing.stop is None:
        return render(request, "me/unstoppable.html", found=found, it=found.sharing)
    wanted = Wanted(authorisation=record.id, since=record.requested_at)
    seen = await accesses(services, record.subject, size=_RECEIVED, wanted=wanted)
    released = [each for each in seen.accesses if each.outcome == "seen"]
    received = sorted({name for each in released for name in each.fields})
    return render(
        request,
        "me/stop.html",
        found=found,
        it=found.sharing,
        received=[field_said(name) for name in received],
        times=len(released),
        at_least=seen.before is not None,
        last=released[0].at if released else None,
    )


@page(role="beneficiary")
async def post_stop(request: Request, visitor: Visitor) -> Response:
    """Stop it: durable before the answer. A second click finds it stopped."""
    services, record, now = await _asked(request, visitor)
    by = await acting(services, visitor, purpose=record.purpose, now=now)
    how = sharing(services.catalogue, record, now=now).stop
    if how == "withdraw":
        await services.authorisations.withdraw(record.id, subject=record.subject, by=by, now=now)
    elif how == "object_to":
        await ask(services, record.subject, "objection", by=by, now=now, record=record)
    elif effective_state(record, now) not in STOPPED:
        raise PageProblem("not_done")
    return see(f"/me/authorisations/{record.id}/stopped")


@page(role="beneficiary")
async def get_stopped(request: Request, visitor: Visitor) -> Response:
    """The proof: since when, with what reference, what happens next."""
    services, record, now = await _asked(request, visitor)
    if effective_state(record, now) not in STOPPED:
        return see(f"/me/authorisations/{record.id}")
    found = await detail(services, record, now=now)
    return render(request, "me/stopped.html", found=found, it=found.sharing, at=record.changed_at, entry=record.entry)


@page(role="beneficiary")
async def post_pause(request: Request, visitor: Visitor) -> Response:
    """Pause; the detail page shows it."""
    return await _only_the_person(request, visitor, "pause")


@page(role="beneficiary")
async def post_resume(request: Request, visitor: Visitor) -> Response:
    """Go on."""
    return await _only_the_person(request, visitor, "resume")


@page(role="beneficiary")
async def get_narrow(request: Request, visitor: Visitor) -> Response:
    """Choose what no longer leaves."""
    services, record, now = await _asked(request, visitor)
    found = await detail(services, record, now=now)
    if "narrow" not in found.sharing.actions:
        return see(f"/me/authorisations/{record.id}")
    return render(request, "me/narrow.html", **_choices(services, record, found.sharing), wrong=False)


@page(role="beneficiary")
async def post_narrow(request: Request, visitor: Visitor) -> Response:
    """Keep the rest. Nothing ticked changes nothing; everything ticked is stopping, and is said so."""
    services, record, now = await _asked(request, visitor)
    form = form_of(request)
    gone = frozenset(form.all("field"))
    if not gone <= record.requested:
        raise PageProblem("form_unreadable")
    kept = record.fields - gone
    if not gone:
        told = sharing(services.catalogue, record, now=now)
        return render(request, "me/narrow.html", status=422, **_choices(services, record, told), wrong=True)
    if not kept:
        return see(f"/me/authorisations/{record.id}/stop")
    by = await acting(services, visitor, purpose=record.purpose, now=now)
    if kept != record.fields:
        await services.authorisations.narrow(record.id, subject=record.subject, fields=kept, by=by, now=now)
    return see(f"/me/authorisations/{record.id}?done=narrowed")


@page(role="beneficiary")
async def get_renew(request: Request, visitor: Visitor) -> Response:
    """What saying yes once more means: the same information, as long again."""
    services, record, now = await _asked(request, visitor)
    found = await detail(services, record, now=now)
    if "renew" not in found.sharing.actions:
        return see(f"/me/authorisations/{record.id}")
    length = None if record.valid_until is None else now + record.valid_until - record.valid_from
    return render(request, "me/renew.html", found=found, it=found.sharing, until=length)


@page(role="beneficiary")
async def post_renew(request: Request, visitor: Visitor) -> Response:
    """Say yes once more, or let it end."""
    services, record, now = await _asked(request, visitor)
    offered = "renew" in sharing(services.catalogue, record, now=now).actions
    if form_of(request)["answer"] != "yes" or not offered:  # sent twice: the newer one stands
        return see(f"/me/authorisations/{record.id}")
    by = replace(await acting(services, visitor, purpose=record.purpose, now=now), lang=view_of(request).lang)
    done = await services.authorisations.renew(record.id, subject=record.subject, by=by, now=now)
    return see(f"/me/authorisations/{done.record.id}?done=renewed")


async def _asked(request: Request, visitor: Visitor) -> tuple[Services, Record, int]:
    """The record of the address, one of this person's: anybody else's does not exist."""
    services: Services = request.scope["services"]
    id_ = request.path_params["id"]
    record = await record_of(services, subject_of(visitor), id_, purposes=visitor.purposes)
    return services, record, services.clock()


async def _only_the_person(request: Request, visitor: Visitor, what: str) -> Response:
    services, record, now = await _asked(request, visitor)
    by = await acting(services, visitor, purpose=record.purpose, now=now)
    act = services.authorisations.pause if what == "pause" else services.authorisations.resume
    wanted = {"pause": "paused", "resume": "given"}[what]
    try:
        await act(record.id, subject=record.subject, by=by, now=now)
    except StateConflict:
        if effective_state(record, now) != wanted:
            raise
    return see(f"/me/authorisations/{record.id}?done={what}d")


def _choices(services: Services, record: Record, told: Sharing) -> dict[str, Any]:
    """The fields in force by dataset, each with its words."""
    known = services.catalogue.vocabulary.datasets
    groups: dict[str, list[tuple[str, Any]]] = {}
    for name in sorted(record.fields):
        groups.setdefault(name.partition(".")[0], []).append((name, field_said(name)))
    shown = [
        (known[dataset].sentence if dataset in known else (dataset, dataset), fields)
        for dataset, fields in groups.items()
    ]
    return {"it": told, "groups": shown}
