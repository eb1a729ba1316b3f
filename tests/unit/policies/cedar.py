"""The same catalogue written as Cedar policies: one `permit` per exchange and field, one `forbid` per denial.

A `forbid` whose condition fails to evaluate is skipped by Cedar, so every attribute is guarded with `has` and the
tests hold the diagnostics to be empty. Obligations are outside Cedar: only permit and deny are compared.
"""

import json
from collections.abc import Iterator
from typing import Any

from policies.catalogue import Catalogue
from policies.decision import Facts
from policies.model import Denial, Exchange, Release

STATES = {"consent": ["given", "renewed"], "public_task": ["active"], "legal_obligation": ["active"]}
LEVELS = ["low", "substantial", "high"]


def policies(catalogue: Catalogue, denials: tuple[Denial, ...]) -> str:
    """Write the whole catalogue."""
    texts = [_stops(catalogue)]
    for exchange in catalogue.exchanges.values():
        if exchange.status == "active":
            texts += [_permit(exchange, field, release) for field, release in exchange.releases.items()]
            texts += _forbids(catalogue, exchange.denials, only=exchange)
    texts += _forbids(catalogue, denials, only=None)
    return "\n".join(texts)


def request(facts: Facts, field: str) -> dict[str, Any]:
    """Write one question about one field; what is not known is left out of the context."""
    held, actor = facts.authorisation, facts.actor
    context: dict[str, Any] = {
        "purpose": facts.purpose,
        "now": facts.now,
        "switches": sorted(facts.switches),
        "uses": dict(facts.uses),
    }
    if facts.flags is not None:
        context["flags"] = sorted(facts.flags)
    if actor is not None:
        named = {"kind": actor.kind, "role": actor.role, "assurance": actor.assurance}
        context["actor"] = {key: value for key, value in named.items() if value is not None}
    if held is not None:
        context["held"] = {
            "basis": held.basis,
            "state": held.state,
            "fields": sorted(held.fields),
            "explicit": sorted(held.explicit),
            "from": held.valid_from,
            "uses": held.uses,
            "closed": [name for name, floor in held.floors.items() if floor == "never"],
            **({} if held.valid_until is None else {"until": held.valid_until}),
            **({} if held.max_uses is None else {"max": held.max_uses}),
        }
    return {
        "principal": f"Recipient::{json.dumps(facts.recipient)}",
        "action": 'Action::"read"',
        "resource": f"Field::{json.dumps(field)}",
        "context": context,
    }


def _all(conditions: Iterator[str]) -> str:
    return " && ".join(f"({condition})" for condition in conditions)


def _permit(exchange: Exchange, field: str, release: Release) -> str:
    recipients = " || ".join(f"principal == Recipient::{json.dumps(each)}" for each in exchange.recipients)
    return (
        f'permit (principal, action == Action::"read", resource == Field::{json.dumps(field)}) when {{\n'
        f"({recipients}) && {_all(_conditions(exchange, field, release))} }};"
    )


def _conditions(exchange: Exchange, field: str, release: Release) -> Iterator[str]:
    yield "false" if release.obligation.kind == "never" else "true"
    yield f"context.purpose == {json.dumps(exchange.purpose)}"
    yield f"context.now >= {exchange.starts}"
    yield f"context.now < {exchange.ends}" if exchange.ends is not None else "true"
    yield "context has actor && context.actor has kind"
    enough = json.dumps(LEVELS[LEVELS.index(exchange.assurance) :])
    professional = (
        f'context.actor.kind == "professional" && context.actor has role && context.actor has assurance && '
        f"{json.dumps(sorted(exchange.roles))}.contains(context.actor.role) && "
        f"{enough}.contains(context.actor.assurance)"
    )
    alone = " || ".join(
        f'(context.actor.kind == "{kind}" && {json.dumps(getattr(exchange, kind))})' for kind in ("batch", "person")
    )
    yield f"({professional}) || {alone}"
    counted = f"context.uses[{json.dumps(exchange.id)}]"
    yield f"context.uses has {json.dumps(exchange.id)} && {counted} >= 0 && {counted} < {exchange.limit}"
    yield "context has held"
    yield f"context.held.basis == {json.dumps(exchange.basis)}"
    yield f"{json.dumps(STATES[exchange.basis])}.contains(context.held.state)"
    yield "context.held.from <= context.now"
    yield "!(context.held has until) || context.now < context.held.until"
    yield "!(context.held has max) || (0 <= context.held.uses && context.held.uses < context.held.max)"
    yield f"context.held.fields.contains({json.dumps(field)})"
    yield f"!context.held.closed.contains({json.dumps(field)})"
    yield f"context.held.explicit.contains({json.dumps(field)})" if release.explicit else "true"
    yield "context has flags"
    yield f"context.flags.containsAll({json.dumps(sorted(exchange.requires))})"
    for state in release.states:
        flag = json.dumps(state.removeprefix("not_"))
        yield f"!context.flags.contains({flag})" if state.startswith("not_") else f"context.flags.contains({flag})"


def _stops(catalogue: Catalogue) -> str:
    known = json.dumps(sorted(catalogue.vocabulary.flags))
    return (
        "forbid (principal, action, resource) when { !([].containsAll(context.switches)) };\n"
        "forbid (principal, action, resource) unless { context has flags };\n"
        f"forbid (principal, action, resource) when {{ context has flags && !({known}.containsAll(context.flags)) }};\n"
        "forbid (principal, action, resource) when { context has flags && "
        '(context.flags.contains("restriction") || context.flags.contains("tombstone")) };'
    )


def _touched(catalogue: Catalogue, pattern: str | None) -> list[str]:
    names = sorted(catalogue.vocabulary.fields)
    if pattern is None or pattern == "*":
        return names
    return [name for name in names if name == pattern or (pattern[-1] == "*" and name.startswith(pattern[:-1]))]


def _forbids(catalogue: Catalogue, denials: tuple[Denial, ...], *, only: Exchange | None) -> Iterator[str]:
    """Write denials; fields of an exchange are known by (recipient, purpose, field), which only one exchange serves."""
    for denial in denials:
        for exchange in catalogue.exchanges.values() if only is None else (only,):
            wrong_source = denial.source not in {None, exchange.source}
            if exchange.status != "active" or wrong_source:
                continue
            fields = [each for each in _touched(catalogue, denial.fields) if each in exchange.releases]
            for field in fields:
                yield (
                    f"forbid (principal, action, resource == Field::{json.dumps(field)}) when {{ "
                    f"{_all(_denied(denial, exchange))} }};"
                )


def _denied(denial: Denial, exchange: Exchange) -> Iterator[str]:
    recipients = exchange.recipients if denial.recipient is None else [denial.recipient]
    yield " || ".join(f"principal == Recipient::{json.dumps(each)}" for each in recipients)
    yield f"context.purpose == {json.dumps(exchange.purpose)}"
    if denial.purpose is not None:
        below = denial.purpose.removesuffix("*") if denial.purpose.endswith("*") else None
        yield (
            f"context.purpose == {json.dumps(denial.purpose)}"
            if below is None
            else (f"context.purpose like {json.dumps(denial.purpose)}")
        )
    if denial.flag is not None:
        yield f"context has flags && context.flags.contains({json.dumps(denial.flag)})"
