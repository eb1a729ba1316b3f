"""`/dpo/rights`: what people asked under GDPR 15 to 21, each with its clock, and the steps to the answer.

What is shown is journaled before; the archive of a person needs a second factor and leaves in the answer only, never as
a file here. Refuses what the register refuses, in words, and every step on what another DPO answers.
"""

import asyncio
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import ConsentError, RightInvalid, RightUnknown
from consent.rights import RightsRequest
from consent.rights_law import EXTENSIONS, REFUSALS, RIGHTS
from gateway import rights
from gateway.archive import words
from gateway.archive.content import collect
from gateway.archive.files import pack
from gateway.archive.told import Teller
from gateway.oversight import requests as oversight
from gateway.oversight.requests import Case, Hand
from gateway.services import Services
from gateway.web.dpo import telling
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import headers, render
from gateway.web.visitor import Visitor

ASSEMBLED = frozenset({"access", "portability"})
TITLES = {
    "access": ("Demande d'accès", "Access request"),
    "portability": ("Demande de portabilité", "Portability request"),
    "rectification": ("Demande de rectification", "Rectification request"),
    "restriction": ("Demande de limitation", "Restriction request"),
    "objection": ("Opposition", "Objection"),
    "erasure": ("Demande d'effacement", "Erasure request"),
}
STAGES = {
    "received": ("reçue", "received"),
    "identity_checked": ("identité vérifiée", "identity checked"),
    "collected": ("rassemblée", "collected"),
    "answered": ("répondue", "answered"),
}
REFUSED = {
    "right_closed": ("Cette demande a déjà sa réponse.", "This request has been answered."),
    "extension_too_late": (
        "Le délai ne peut être allongé qu'une fois, avant la fin du premier mois.",
        "More time can be taken once only, before the first month is over.",
    ),
    "right_invalid": (
        "Cela ne peut pas se faire ici : un effacement se signe à deux, une opposition s'écarte par un texte motivé.",
        "This cannot be done here: an erasure takes two signatures, an objection is set aside by a reasoned text.",
    ),
}


@page(role="dpo")
async def get_requests(request: Request, visitor: Visitor) -> Response:
    """Those an answer is owed to; those that are over with `?closed=1`."""
    services: Services = request.scope["services"]
    closed = request.query_params.get("closed") == "1"
    found = await oversight.cases(services, scope_of(visitor).organisation, closed=closed)
    await note_view(request, visitor, "rights", lines=len(found))
    return await show(request, "dpo/requests.html", cases=found, closed=closed, titles=TITLES, stages=STAGES)


@page(role="dpo")
async def get_request(request: Request, visitor: Visitor) -> Response:
    """One request and what can be done about it; of another DPO's, that it exists and where it stands."""
    found = await _case(request, visitor)
    await note_view(request, visitor, "rights", lines=1)
    return await _shown(request, visitor, found)


@page(role="dpo")
async def post_request(request: Request, visitor: Visitor) -> Response:
    """One step: identity, collect, send, extend, answer, refuse."""
    services: Services = request.scope["services"]
    found, form, now = await _own(request, visitor), form_of(request), services.clock()
    hand = Hand(org=visitor.organisation or "operator", actor=visitor.actor)
    id_, step = found.request.id, form["step"]
    acts: dict[str, Awaitable[RightsRequest] | None] = {"identity_checked": None, "collected": None}
    if step not in {*acts, "sent", "extended", "answered", "refused"}:
        raise PageProblem("form_unreadable")
    try:
        if step == "collected" and ("identity_checked" not in found.stages or not found.request.open):
            raise RightInvalid("the identity is checked first")
        match step:
            case "sent":
                await services.rights.sent(id_, now=now)
            case "extended":
                await services.rights.extend(id_, reason=form["reason"], now=now)
            case "answered":
                await rights.answer(services, id_, now=now)
            case "refused":
                if form["reason"] not in REFUSALS[found.request.right]:
                    raise PageProblem("form_unreadable")
                await rights.refuse(services, id_, reason=form["reason"], now=now)
        if step not in found.stages:
            await oversight.note_stage(services, found, step, hand=hand, now=now)
    except ConsentError as refused:
        return await _shown(request, visitor, await _case(request, visitor), refused=refused.code)
    return see(f"/dpo/rights/{id_}")


@page(role="dpo")
async def get_archive(request: Request, visitor: Visitor) -> Response:
    """Everything about the person, for the person, as a ZIP; each time an entry of its own (`log.read`)."""
    services: Services = request.scope["services"]
    found = await _own(request, visitor)
    if not visitor.strong:
        raise PageProblem("strong_needed")
    if found.request.right not in ASSEMBLED or "collected" not in found.stages:
        raise PageProblem("not_done")
    reader = {"org": visitor.organisation or "operator", "actor": visitor.actor}
    content, proof = await collect(
        services, found.request.subject, reader={**reader}, months=services.retention_months, now=services.clock()
    )
    name = f"reponse-{found.request.id[:8]}.zip"
    sent = {**headers(), "Content-Disposition": f'attachment; filename="{name}"'}
    packed = await asyncio.to_thread(pack, content, proof, Teller(services.catalogue))
    return Response(packed, headers=sent, media_type="application/zip")


@page(role="dpo")
async def get_letter(request: Request, visitor: Visitor) -> Response:
    """The answer as a letter, with what is known filled in and the person's name left to write."""
    services: Services = request.scope["services"]
    found = await _own(request, visitor)
    await note_view(request, visitor, "rights", lines=1)
    party = services.catalogue.parties.get(visitor.organisation or "")
    return render(
        request,
        "dpo/request_letter.html",
        case=found,
        article=RIGHTS[found.request.right],
        words=words,
        contact=dict(party.contact or {}) if party else {},
        organisation=telling.party(services.catalogue, visitor.organisation or "") if party else None,
    )


async def _case(request: Request, visitor: Visitor) -> Case:
    services: Services = request.scope["services"]
    try:
        return await oversight.case(services, scope_of(visitor).organisation, request.path_params["id"])
    except RightUnknown:
        raise PageProblem("not_found") from None


async def _own(request: Request, visitor: Visitor) -> Case:
    """One this DPO is in charge of: nobody else acts on it or takes anything of it."""
    found = await _case(request, visitor)
    if not _mine(visitor, found):
        raise PageProblem("forbidden")
    return found


def _mine(visitor: Visitor, found: Case) -> bool:
    return found.in_charge(visitor.organisation, consortium=visitor.consortium)


async def _shown(request: Request, visitor: Visitor, found: Case, *, refused: str = "") -> Response:
    services: Services = request.scope["services"]
    if not _mine(visitor, found):
        who = telling.party(services.catalogue, found.charge or "")
        return await show(request, "dpo/request_elsewhere.html", case=found, who=who, words=words, titles=TITLES)
    reasons = [(code, words.REASONS[code]) for code in sorted(REFUSALS[found.request.right])]
    source, objected = found.request.source, found.request.authorisation
    written = None
    if objected is not None:
        written = await services.said_words.read(objected, subject=found.request.subject)
    return await show(
        request,
        "dpo/request.html",
        status=409 if refused else 200,
        case=found,
        article=RIGHTS[found.request.right],
        assembled=found.request.right in ASSEMBLED,
        reasons=reasons,
        extensions=[(code, words.REASONS[code]) for code in sorted(EXTENSIONS)],
        source=telling.party(services.catalogue, source) if source else None,
        telling=telling,
        words=words,
        written=written,
        titles=TITLES,
        stages=STAGES,
        refusal=REFUSED.get(refused, REFUSED["right_invalid"]) if refused else None,
    )
