"""`/dpo/policies`: drafts of the catalogue, what they would change, over which past decisions; signing and activating.

A DPO signs with a second factor; the consortium's DPO activates. What changes is about the catalogue, not about
persons; the replay reads decisions about persons, counts them, and is journaled as a consultation.
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway.catalogues.activation import Step
from gateway.catalogues.bundles import CatalogueRefused
from gateway.catalogues.past import Replayed, replay_last
from gateway.console.filters import Filter
from gateway.console.kinds import day_of
from gateway.services import Services
from gateway.web.dpo import telling
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.page import page, see
from gateway.web.problems import PageProblem
from gateway.web.visitor import Visitor

SIZES = (100, 1_000)  # answered within the time a page may take; `passerelle policy replay` goes further
_SHOWN = 200
_DAYS = 365

REFUSALS = {
    "moved": (
        "Un autre catalogue est entré en vigueur entre-temps. Regardez à nouveau la différence.",
        "Another catalogue came into force meanwhile. Look at the difference again.",
    ),
    "signed": (
        "Vous avez déjà signé. Une autre personne doit signer aussi.",
        "You have signed already. Somebody else must sign too.",
    ),
    "unsigned": ("Ce catalogue n'est pas encore signé.", "This catalogue is not signed yet."),
    "two_needed": (
        "Ce catalogue permet plus que celui en vigueur. Deux personnes doivent signer, par le même moyen.",
        "This catalogue permits more than the one in force. Two people must sign, by the same means.",
    ),
    "in_force": ("Ce catalogue est déjà en vigueur.", "This catalogue is in force already."),
}


@page(role="dpo")
async def get_policies(request: Request, visitor: Visitor) -> Response:
    """The catalogue in force, drafts, versions."""
    services: Services = request.scope["services"]
    scope_of(visitor)
    return await show(
        request,
        "dpo/policies.html",
        in_force=services.catalogue.digest,
        versions=await services.activations.versions(),
        drafts=await services.activations.drafts(),
    )


@page(role="dpo")
async def get_policy(request: Request, visitor: Visitor) -> Response:
    """One draft: what it changes, who signed; replayed when asked for."""
    services: Services = request.scope["services"]
    step = await _step(services, request)
    replayed = None
    if last := request.query_params.get("last", ""):
        if last not in {str(size) for size in SIZES}:
            raise PageProblem("not_found")
        today = day_of(services.clock())
        mine = Filter(since=today - _DAYS, until=today, type="exchange.decided")
        rows = (await services.console.search.find(scope_of(visitor), mine, size=int(last))).rows
        positions = [row.index for row in rows]
        replayed = await replay_last(services.store, step.after, count=int(last), positions=positions)
        await note_view(request, visitor, "policies", lines=replayed.tally.decisions)
    return await _shown(request, visitor, step, replayed=replayed)


@page(role="dpo")
async def post_sign(request: Request, visitor: Visitor) -> Response:
    """Sign the step from the catalogue in force to this one."""
    services: Services = request.scope["services"]
    step = await _step(services, request)
    if not visitor.strong:
        raise PageProblem("strong_needed")
    scope_of(visitor)
    try:
        await services.activations.sign_by_session(
            step.after.digest,
            actor=visitor.actor,
            name=visitor.name,
            organisation=visitor.organisation or "operator",
            now=services.clock(),
        )
    except CatalogueRefused as refused:
        return await _shown(request, visitor, await _step(services, request), refused=refused)
    return see(f"/dpo/policies/{step.after.digest}")


@page(role="dpo")
async def post_activate(request: Request, visitor: Visitor) -> Response:
    """Let it decide."""
    services: Services = request.scope["services"]
    step = await _step(services, request)
    if not visitor.consortium:
        raise PageProblem("forbidden")
    if not visitor.strong:
        raise PageProblem("strong_needed")
    try:
        await services.activations.activate(
            step.after.digest, now=services.clock(), actor=visitor.actor, org=visitor.organisation or "operator"
        )
    except CatalogueRefused as refused:
        return await _shown(request, visitor, await _step(services, request), refused=refused)
    return see("/dpo/policies?done=activated")


async def _step(services: Services, request: Request) -> Step:
    try:
        return await services.activations.step(request.path_params["digest"])
    except CatalogueRefused:
        raise PageProblem("not_found") from None


async def _shown(
    request: Request,
    visitor: Visitor,
    step: Step,
    *,
    replayed: Replayed | None = None,
    refused: CatalogueRefused | None = None,
) -> Response:
    tally = replayed.tally if replayed else None
    names = ("recipient", "purpose", "field", "outcome", "count")
    moved = [dict(zip(names, row, strict=True)) for row in tally.rows()] if tally else []
    return await show(
        request,
        "dpo/policy.html",
        status=409 if refused else 200,
        step=step,
        changes=[telling.change(each) for each in step.changes],
        signatures=max(step.officers, step.sessions),
        mine=visitor.actor in step.signers,
        is_in_force=step.before.digest == step.after.digest,
        replayed=replayed,
        moved=moved[:_SHOWN],
        hidden=max(0, len(moved) - _SHOWN),
        refusal=REFUSALS.get(refused.reason, REFUSALS["moved"]) if refused else None,
        sizes=SIZES,
        telling=telling,
    )
