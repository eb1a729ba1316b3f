"""`/dpo/breach`: the radius of a breach, the 72 hours, drafts of the notice (Art. 33) and of the letters (Art. 34).

Counts are shown; the persons, as the institution's own pseudonyms, leave as a file under a second factor. Each look is
journaled before. The drafts say what the journal knows and leave blank what it cannot.
"""

import asyncio
import re
from datetime import date, datetime, time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.archive.labels import FIELDS
from gateway.console.filters import Filter
from gateway.console.kinds import date_of, day_of, number_of
from gateway.oversight.breach import HOURS_MS, Radius, RadiusTooWide, add_pseudonyms, holder_of, radius
from gateway.services import Services
from gateway.web import moments
from gateway.web.dpo import telling
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.moments import PARIS
from gateway.web.page import form_of, page
from gateway.web.problems import PageProblem
from gateway.web.sheet import sheet
from gateway.web.templates import headers, render
from gateway.web.visitor import Visitor

_TAG = re.compile(r"[0-9a-f]{32}|batch:[a-z](?:-?[a-z0-9]){1,40}")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_DEFAULT_DAYS = 30
WRONG = {
    "what": (
        "Donnez un partenaire, la marque d'un acteur (32 signes) ou l'empreinte d'une clé (43 signes).",
        "Give a partner, the tag of an actor (32 signs) or the thumbprint of a key (43 signs).",
    ),
    "key": ("Aucun partenaire n'a cette clé.", "No partner has this key."),
    "known": (
        "Le jour et l'heure où la violation a été connue ne se lisent pas.",
        "The day and hour the breach became known cannot be read.",
    ),
    "days": ("Donnez une période, le premier jour avant le dernier.", "Give a period, the first day before the last."),
    "wide": (
        "Plus de 10 000 transmissions : réduisez la période pour un compte exact.",
        "More than 10,000 releases: narrow the period for an exact count.",
    ),
}


@page(role="dpo")
async def get_breach(request: Request, visitor: Visitor) -> Response:
    """The form, and the radius when something is asked for."""
    services: Services = request.scope["services"]
    scope_of(visitor)
    given = _given(request.query_params, services.clock())
    measured: Radius | None = None
    wrong = ""
    if given["what"]:
        measured, wrong = await _measure(request, visitor, given)
    return await show(
        request,
        "dpo/breach.html",
        status=200 if not wrong else 400,
        given=given,
        wrong=WRONG[wrong] if wrong else None,
        found=measured,
        partners=[(name, telling.party(services.catalogue, name)) for name in sorted(services.catalogue.parties)],
        **_context(services, given, measured),
    )


@page(role="dpo")
async def get_notice(request: Request, visitor: Visitor) -> Response:
    """The drafts, in French and English, ready to print and complete."""
    services: Services = request.scope["services"]
    given = _given(request.query_params, services.clock())
    measured, wrong = await _measure(request, visitor, given)
    if measured is None:
        raise PageProblem("not_found" if wrong else "not_done")
    party = services.catalogue.parties.get(visitor.organisation or "")
    return render(
        request,
        "dpo/breach_notice.html",
        given=given,
        found=measured,
        contact=dict(party.contact or {}) if party else {},
        organisation=telling.party(services.catalogue, visitor.organisation or ""),
        when=moments,
        since=_midday(given["since"]),
        until=_midday(given["until"]),
        **_context(services, given, measured),
    )


@page(role="dpo")
async def post_persons(request: Request, visitor: Visitor) -> Response:
    """The persons, as this institution's pseudonyms, to write to them; a second factor is needed."""
    services: Services = request.scope["services"]
    if not visitor.strong:
        raise PageProblem("strong_needed")
    form = form_of(request)
    asked = {name: form[name] for name in ("what", "since", "until", "known", "partner")}
    measured, _ = await _measure(request, visitor, _given(asked, services.clock()))
    if measured is None:
        raise PageProblem("form_unreadable")
    await add_pseudonyms(services, scope_of(visitor), measured)
    content = await asyncio.to_thread(_table, measured)
    sent = {**headers(), "Content-Disposition": 'attachment; filename="persons.csv"'}
    return Response(content, headers=sent, media_type="text/csv")


def _table(found: Radius) -> bytes:
    lines: list[list[object]] = [["pseudonym", "releases", "first", "last", "fields"]]
    for each in sorted(found.persons.values(), key=lambda one: one.pseudonym or ""):
        days = [date_of(day_of(at)).isoformat() for at in (each.first, each.last)]
        lines.append([each.pseudonym or "", each.releases, *days, " ".join(sorted(each.fields))])
    return sheet(lines)


def _given(query: Any, now: int) -> dict[str, str]:
    """What was asked, as typed; the last thirty days unless a period is given."""
    today = day_of(now)
    return {
        "what": (query.get("what") or query.get("partner") or "").strip(),
        "since": query.get("since") or date_of(today - _DEFAULT_DAYS).isoformat(),
        "until": query.get("until") or date_of(today).isoformat(),
        "known": query.get("known") or "",
    }


async def _measure(request: Request, visitor: Visitor, given: dict[str, str]) -> tuple[Radius | None, str]:
    """The radius, or what is wrong with the question."""
    services: Services = request.scope["services"]
    scope = scope_of(visitor)
    what = given["what"]
    try:
        since, until = (number_of(date.fromisoformat(given[name])) for name in ("since", "until"))
    except ValueError:
        return None, "days"
    if since > until or (given["known"] and _moment(given["known"]) is None):
        return None, "days" if since > until else "known"
    if what in services.catalogue.parties:
        asked, filters = {"org": what}, ["org"]
    elif _TAG.fullmatch(what):
        asked, filters = {"actor": what}, ["actor"]
    elif _KEY.fullmatch(what):
        holder = await holder_of(services, what)
        if holder is None:
            return None, "key"
        asked, filters = {"org": holder}, ["org"]
    else:
        return None, "what"
    wanted = Filter(since=since, until=until, type="exchange.released", **asked)
    try:
        measured = await radius(services, scope, wanted)
    except RadiusTooWide:
        return None, "wide"
    await note_view(request, visitor, "breach", lines=measured.releases, filters=filters)
    return measured, ""


def _context(services: Services, given: dict[str, str], found: Radius | None) -> dict[str, Any]:
    """What both pages say of it."""
    known = _moment(given["known"])
    fields = [] if found is None else sorted(found.fields, key=lambda name: (-len(found.touched.get(name, ())), name))
    vocabulary = services.catalogue.vocabulary.fields
    return {
        "known": known,
        "deadline": None if known is None else known + HOURS_MS,
        "fields": [(name, FIELDS.get(name, (name, name))) for name in fields],
        "special": sorted({each.special for name in fields if (each := vocabulary.get(name)) and each.special}),
        "telling": telling,
        "catalogue": services.catalogue,
    }


def _midday(text: str) -> int:
    """Noon in Paris of a day: shown as that day."""
    return int(datetime.combine(date.fromisoformat(text), time(12), PARIS).timestamp() * 1000)


def _moment(text: str) -> int | None:
    """When the breach became known, Paris time, as a browser sends it; a year no clock shows is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(at.replace(tzinfo=PARIS).timestamp() * 1000) if 1970 < at.year < 2150 else None
