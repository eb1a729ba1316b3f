"""`/dpo/watch`: what deserves a look, by simple rules; seen, normal or incident, with a note.

The list shows institutions and numbers; a person shows as the institution's pseudonym, on the alert's own page only. A
person's own words are read there too. Each look is journaled before.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from gateway.oversight import rules, watch
from gateway.oversight.watch import Watched
from gateway.services import Services
from gateway.web.dpo import telling
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.visitor import Visitor

Words = tuple[str, str]

TITLES: Mapping[str, Words] = {
    "volume": ("Beaucoup plus que d'habitude", "Far more than usual"),
    "hours": ("Demandes la nuit", "Requests at night"),
    "many_eyes": ("Une personne vue par beaucoup", "One person seen by many"),
    "refusals": ("Beaucoup de refus", "Many refusals"),
    "ended_called": ("Un accord terminé sert encore", "An ended agreement is still called"),
    "silence": ("Une source se tait", "A source is silent"),
    "reported": ("Une personne dit : ce n'est pas normal", "A person says: this is not right"),
}
EXPLAINED: Mapping[str, Words] = {
    "volume": (
        f"Plus de {rules.VOLUME_TIMES} fois la moyenne des {rules.HABIT} jours d'avant, et au moins {rules.VOLUME}.",
        (
            f"More than {rules.VOLUME_TIMES} times the average of the {rules.HABIT} days before, and at least "
            f"{rules.VOLUME}."
        ),
    ),
    "hours": (
        (
            f"Au moins {rules.NIGHT_CALLS} demandes faites par des personnes entre {rules.NIGHT[0]} h et "
            f"{rules.NIGHT[1]} h, heure de Paris."
        ),
        (
            f"At least {rules.NIGHT_CALLS} requests by people between {rules.NIGHT[0]}:00 and {rules.NIGHT[1]}:00 in "
            "Paris."
        ),
    ),
    "many_eyes": (
        f"En {rules.MANY_DAYS} jours, {rules.MANY} professionnels différents ou plus ont demandé la même personne.",
        f"Within {rules.MANY_DAYS} days, {rules.MANY} or more different professionals asked for the same person.",
    ),
    "refusals": (
        f"Au moins {rules.REFUSALS} refus en un jour, et plus de refus que d'accords.",
        f"At least {rules.REFUSALS} refusals in a day, and more refusals than agreements.",
    ),
    "ended_called": (
        f"Au moins {rules.CALLS} demandes en {rules.DAYS} jours sur un partage qui n'existe plus.",
        f"At least {rules.CALLS} requests within {rules.DAYS} days on a sharing that has ended.",
    ),
    "silence": (
        (
            f"Elle répondait presque chaque jour ({rules.SPEAKING_DAYS} jours sur {rules.HABIT}), et plus depuis "
            f"{rules.SILENT_DAYS} jours."
        ),
        f"It answered on most days ({rules.SPEAKING_DAYS} of {rules.HABIT}), and has not for {rules.SILENT_DAYS} days.",
    ),
    "reported": (
        "La personne a signalé un accès depuis son historique.",
        "The person reported an access from their history.",
    ),
}
VERDICTS: Mapping[str, Words] = {
    "seen": ("vue", "seen"),
    "normal": ("normale", "normal"),
    "incident": ("incident", "incident"),
}
REASONS: Mapping[str, Words] = {
    "unknown_organisation": ("ne connaît pas cet organisme", "does not know this organisation"),
    "unknown_purpose": ("ne comprend pas la raison", "does not understand what for"),
    "not_asked": ("n'a rien demandé", "did not ask for anything"),
    "too_much": ("trop d'informations", "too much information"),
    "other": ("autre", "other"),
}


@page(role="dpo")
async def get_watch(request: Request, visitor: Visitor) -> Response:
    """Open alerts; all of the last month with `?all=1`."""
    services: Services = request.scope["services"]
    found = await watch.watched(services, scope_of(visitor), now=services.clock())
    every = request.query_params.get("all") == "1"
    shown = [each for each in found if every or each.open]
    await note_view(request, visitor, "watch", lines=len(shown))
    return await show(
        request, "dpo/watch.html", found=shown, every=every, titles=TITLES, verdicts=VERDICTS, telling=telling,
        catalogue=services.catalogue,
    )  # fmt: skip


@page(role="dpo")
async def get_alert(request: Request, visitor: Visitor) -> Response:
    """One alert: why, what it rests on, what was made of it."""
    found = await _found(request, visitor)
    await note_view(request, visitor, "watch", lines=1)
    return await _shown(request, visitor, found)


@page(role="dpo")
async def post_alert(request: Request, visitor: Visitor) -> Response:
    """Seen, normal or incident, with a note."""
    services: Services = request.scope["services"]
    found, form = await _found(request, visitor), form_of(request)
    verdict, note = form["verdict"], form["note"]
    if verdict not in watch.VERDICTS:
        raise PageProblem("form_unreadable")
    if len(note) > watch.LONGEST:
        return await _shown(request, visitor, found, wrong=True, note=note)
    await watch.judge(
        services, found, verdict, note=note, org=visitor.organisation or "operator", actor=visitor.actor,
        scope=scope_of(visitor), now=services.clock(),
    )  # fmt: skip
    return see(f"/dpo/watch/{found.alert.id}")


async def _found(request: Request, visitor: Visitor) -> Watched:
    services: Services = request.scope["services"]
    id_ = request.path_params["id"]
    for each in await watch.watched(services, scope_of(visitor), now=services.clock()):
        if each.alert.id == id_:
            return each
    raise PageProblem("not_found")


async def _shown(
    request: Request, visitor: Visitor, found: Watched, *, wrong: bool = False, note: str = ""
) -> Response:
    services: Services = request.scope["services"]
    return await show(
        request,
        "dpo/alert.html",
        status=400 if wrong else 200,
        found=found,
        own=scope_of(visitor).organisation,
        title=TITLES[found.alert.rule],
        explained=EXPLAINED[found.alert.rule],
        verdicts=VERDICTS,
        reasons=REASONS,
        wrong=wrong,
        note=note,
        longest=watch.LONGEST,
        address=found.alert.address(),
        telling=telling,
        catalogue=services.catalogue,
    )
