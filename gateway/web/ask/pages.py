"""The request screen and its receipt, for who is signed in; the way back to a partner's site.

Each form answers with 303 to the receipt, which shows what is recorded: sending it twice, going back and reloading
give one result. Leaving the page is no answer. Nothing is ticked for the person.
"""

import asyncio
import hmac
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import RequestLapsed, StateConflict
from consent.said import LONGEST
from consent.states import Record, effective_state
from gateway.choices import ANSWERS, Choice, ExplicitMissing, choose
from gateway.oauth.authorization import open_request
from gateway.oauth.errors import FlowUnknown
from gateway.oauth.flows import Flow
from gateway.person_present import begin, finish
from gateway.services import Services
from gateway.web.ask import receipts
from gateway.web.ask.outcomes import outcome_of
from gateway.web.ask.screen import kind_of, screen
from gateway.web.me.acting import acting, from_elsewhere, subject_of
from gateway.web.me.asking import ask
from gateway.web.me.sharing import WAITING, record_of
from gateway.web.page import form_of, page, see, visitor_of
from gateway.web.problems import PageProblem
from gateway.web.templates import headers, render
from gateway.web.view import view_of
from gateway.web.visitor import Visitor

NAMES = {"fr": "recu", "en": "receipt"}


@page(role="beneficiary")
async def get_ask(request: Request, visitor: Visitor) -> Response:
    """The request, in its kind; what was answered shows its receipt."""
    _, record, now = await asked(request, visitor)
    state = effective_state(record, now)
    open_ = state in WAITING if kind_of(record) == "choice" else state == "active"
    if not open_:
        return see(f"/me/ask/{record.id}/receipt")
    return await _screen(request, visitor, record, Choice(answer=""), wrong="", now=now)


@page(role="beneficiary")
async def post_ask(request: Request, visitor: Visitor) -> Response:
    """Record the answer; whatever was recorded before is shown instead."""
    services, record, now = await asked(request, visitor)
    choice = choice_of(request)
    there = see(f"/me/ask/{record.id}/receipt")
    if kind_of(record) != "choice":
        return await _object(request, visitor, record, now=now)
    if effective_state(record, now) not in WAITING:
        return there
    if choice.answer not in ANSWERS:
        return await _screen(request, visitor, record, choice, wrong="answer", now=now)
    by = replace(await acting(services, visitor, purpose=record.purpose, now=now), lang=view_of(request).lang)
    try:
        await choose(services, record, choice, by=by, now=now)
    except ExplicitMissing:
        return await _screen(request, visitor, record, choice, wrong="explicit", now=now)
    except (StateConflict, RequestLapsed):  # answered by another page, or over: the receipt says which
        pass
    return there


@page(role="beneficiary")
async def get_receipt(request: Request, visitor: Visitor) -> Response:
    """What was recorded, when, under which reference, and what happens next."""
    services, record, now = await asked(request, visitor)
    if kind_of(record) == "choice" and effective_state(record, now) == "requested":
        return see(f"/me/ask/{record.id}")
    flow = await _flow(services, visitor, record, now=now)
    shown = await screen(services, record, now=now)
    return render(
        request,
        "ask/receipt.html",
        it=shown.found.sharing,
        outcome=outcome_of(record, now),
        reference=receipts.reference_of(record),
        files=f"/me/ask/{record.id}/receipt",
        back=None if flow is None else _back(visitor, flow),
        visiting=False,
    )


@page(role="beneficiary")
async def get_receipt_pdf(request: Request, visitor: Visitor) -> Response:
    """The receipt to print."""
    services, record, now = await asked(request, visitor)
    return await pdf_of(request, services, record, now=now)


@page(role="beneficiary")
async def get_receipt_json(request: Request, visitor: Visitor) -> Response:
    """The signed receipt."""
    services, record, now = await asked(request, visitor)
    return await json_of(services, record, now=now)


@page(role="beneficiary")
async def get_return(request: Request, visitor: Visitor) -> Response:
    """Back to the partner's site, with a code or a no: by the link of a page the person has seen, or not at all.

    A link, not a form: no page of ours may send a form there. It works in this session only, and not from elsewhere.
    """
    _require_get(request)
    if visitor.mandate is not None:  # whoever comes back with a code is the person themselves
        raise PageProblem("forbidden")
    services, record, now = await asked(request, visitor)
    flow = await _flow(services, visitor, record, now=now)
    if flow is None or from_elsewhere(request) or not _clicked(request, _back(visitor, flow)):
        return see(f"/me/ask/{record.id}/receipt")
    try:
        return see(await finish(services, flow, now=now))
    except FlowUnknown:
        return see(f"/me/ask/{record.id}/receipt")


async def get_authorize(request: Request) -> Response:
    """`/oauth/authorize`: a browser brings a pushed request; anything else is a page of ours."""
    _require_get(request)
    await visitor_of(request)
    services: Services = request.scope["services"]
    now = services.clock()
    flow = await open_request(services.server, request.query_params.multi_items(), now=now)
    if flow is None:
        raise PageProblem("flow_unknown")
    return see(f"/me/ask/from/{flow}")


@page(role="beneficiary")
async def get_from(request: Request, visitor: Visitor) -> Response:
    """Signed in, and sent by a partner's site: the request to read."""
    services: Services = request.scope["services"]
    if visitor.mandate is not None:  # who signs in at a partner's site is the person themselves
        raise PageProblem("forbidden")
    try:
        shown = await begin(
            services,
            request.path_params["flow"],
            subject=subject_of(visitor),
            session=visitor.session,
            auth_time=visitor.identity.auth_time,
            acr=visitor.identity.level,
            now=services.clock(),
        )
    except FlowUnknown:
        raise PageProblem("flow_unknown") from None
    return see(f"/me/ask/{shown}")


def _require_get(request: Request) -> None:
    """What uses something up answers no HEAD: previews of links ask that way."""
    if request.method != "GET":
        raise PageProblem("method_not_allowed")


async def asked(request: Request, visitor: Visitor) -> tuple[Services, Record, int]:
    """The record of the address, one of this person's: anybody else's does not exist."""
    services: Services = request.scope["services"]
    id_ = request.path_params["authorisation"]
    record = await record_of(services, subject_of(visitor), id_, purposes=visitor.purposes)
    return services, record, services.clock()


def choice_of(request: Request) -> Choice:
    """What the form says."""
    form = form_of(request)
    return Choice(answer=form["answer"], kept=frozenset(form.all("field")), explicit=frozenset(form.all("explicit")))


async def pdf_of(request: Request, services: Services, record: Record, *, now: int) -> Response:
    """The printed receipt as a file."""
    lang, outcome = view_of(request).lang, outcome_of(record, now)
    if outcome.name in {"later", "over"}:  # nothing was answered that a receipt could be of
        raise PageProblem("not_found")
    shown = await screen(services, record, now=now)
    place = services.pages.place.name
    content = await asyncio.to_thread(receipts.as_pdf, record, shown, outcome=outcome.title, lang=lang, place=place)
    return _file(content, "application/pdf", f"{NAMES[lang]}.pdf")


async def json_of(services: Services, record: Record, *, now: int) -> Response:
    """The signed receipt as a file."""
    content = await receipts.as_json(services, record, now=now)
    if content is None:
        raise PageProblem("not_found")
    return _file(content, "application/json", "receipt.json")


def _file(content: bytes, kind: str, name: str) -> Response:
    sent = {**headers(), "Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kind, headers=sent)


async def _flow(services: Services, visitor: Visitor, record: Record, *, now: int) -> Flow | None:
    """The open flow of a partner's site by which this session came here; none for who helps under a mandate."""
    presence = services.server.presence
    if presence is None or visitor.mandate is not None:
        return None
    return await presence.flows.of(record.id, subject=record.subject, session=visitor.session, now=now)


def _back(visitor: Visitor, flow: Flow) -> str:
    """The link of our pages that goes back: nobody else can write it."""
    link = hmac.digest(visitor.form_token.encode(), flow.id.encode(), "sha256")[:16].hex()
    return f"/me/ask/{flow.authorisation}/return?link={link}"


def _clicked(request: Request, link: str) -> bool:
    sent = b"?".join((request.scope["path"].encode(), request.scope["query_string"]))
    return hmac.compare_digest(sent, link.encode())


async def _screen(
    request: Request, visitor: Visitor, record: Record, choice: Choice, *, wrong: str, now: int
) -> Response:
    services: Services = request.scope["services"]
    shown = await screen(services, record, now=now)
    flow = await _flow(services, visitor, record, now=now)
    return render(
        request,
        f"ask/{shown.kind}.html",
        status=422 if wrong else 200,
        shown=shown,
        it=shown.found.sharing,
        action=f"/me/ask/{record.id}",
        ticked=choice.kept | choice.explicit,
        wrong=wrong,
        noted=await services.channels.assistance.waits(record.id),
        back=None if flow is None else _back(visitor, flow),
        longest=LONGEST,
        visiting=False,
    )


async def _object(request: Request, visitor: Visitor, record: Record, *, now: int) -> Response:
    """An objection stops everything at once; nobody has to say why (GDPR 21)."""
    services: Services = request.scope["services"]
    there = see(f"/me/ask/{record.id}/receipt")
    if kind_of(record) != "objection" or form_of(request)["answer"] != "object":
        raise PageProblem("form_unreadable")
    if effective_state(record, now) != "active":
        return there
    by = await acting(services, visitor, purpose=record.purpose, now=now)
    await ask(services, record.subject, "objection", by=by, now=now, record=record)
    words = form_of(request)["words"]
    await services.said_words.keep(record.id, words, subject=record.subject, now=now)
    return there
