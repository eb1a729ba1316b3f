"""`decide`: the one function that says what may leave (default deny, deny overrides, total, order-free).

1. Everything stops: an incident freeze or a switch nobody knows.
2. The recipient, the purpose and an active exchange between them must exist; the purpose must not be banned.
3. Somebody acts, and is known.
4. The authorisation is of the exchange's basis, in a valid state, at this very instant, and not used up.
5. Per exchange: its dates, who may act, how often.
6. Per field: in the exchange, releasable, not barred, authorised (and explicitly where asked), under the strictest
   obligation of catalogue, source and authorisation.
7. Last, what must not show: the person's own situation (restriction, erasure, objection, flags). A reason that
   reveals it is only ever given where the field would otherwise have left, so that asking for what one may not have
   teaches nothing about the person.

Every path that is not a permission is a denial with a named reason. Reads nothing but its arguments.
"""

from functools import lru_cache
from typing import NamedTuple

from policies.catalogue import Catalogue
from policies.facts import Actor, Authorisation, Facts
from policies.obligations import NEVER, applicable, parse, strictest
from policies.reasons import Reason
from policies.tables import Rule, Table, Terms, default, permission
from policies.verdicts import Decision, Ruling, Verdict
from policies.vocabulary import INCIDENT_FREEZE, RESTRICTION, TOMBSTONE

__all__ = ["Actor", "Authorisation", "Decision", "Facts", "Reason", "Verdict", "decide"]

_KINDS = frozenset({"professional", "batch", "person"})
_OBJECTION = "objection_lodged"
_VALID_STATES = {
    "consent": frozenset({"given", "renewed"}),
    "public_task": frozenset({"active"}),
    "legal_obligation": frozenset({"active"}),
}
_OTHER_STATES = {
    "requested": Reason.NOT_GIVEN,
    "deferred": Reason.NOT_GIVEN,
    "lapsed": Reason.NOT_GIVEN,
    "refused": Reason.REFUSED,
    "withdrawn": Reason.WITHDRAWN,
    "expired": Reason.EXPIRED,
}


def decide(facts: Facts, catalogue: Catalogue) -> Decision:
    """Decide on every field asked for."""
    table = catalogue.tables.get((facts.recipient, facts.purpose))
    stop = _stopped(facts) or _unserved(facts, catalogue)
    if stop is not None or table is None:
        reason = stop or Reason.NO_EXCHANGE
        ruling = Ruling(tuple(_default(name, reason, catalogue) for name in _names(facts.fields)))
    else:
        ruling = _by_table(facts, table, catalogue=catalogue)
    return Decision(ruling=ruling, catalogue=catalogue.digest, epoch=facts.epoch)


def _by_table(facts: Facts, table: Table, *, catalogue: Catalogue) -> Ruling:
    actor, held = facts.actor, facts.authorisation
    if actor is None or held is None:
        missing = Reason.ACTOR_MISSING if actor is None else Reason.NO_AUTHORISATION
        return _all_under(facts.fields, table, missing, catalogue)
    whole = _authority(held, table.basis, facts.now) if actor.kind in _KINDS else Reason.ACTOR_UNKNOWN
    if whole is not None:
        return _all_under(facts.fields, table, whole, catalogue)
    alike = _Held(
        fields=held.fields,
        explicit=held.explicit,
        floors=tuple(sorted(held.floors.items())),
        closed=tuple([_terms(facts, actor, terms) for terms in table.terms]),
        hidden=_hidden(facts.flags, held, catalogue),
        flags=facts.flags or frozenset(),
    )
    return _ruling(facts.fields, alike, (facts.recipient, facts.purpose), catalogue)


class _Held(NamedTuple):
    """What the fields depend on, the same for many persons."""

    fields: frozenset[str]
    explicit: frozenset[str]
    floors: tuple[tuple[str, str], ...]
    closed: tuple[Reason | None, ...]
    hidden: Reason | None
    flags: frozenset[str]


@lru_cache(maxsize=1_024)
def _ruling(fields: tuple[str, ...], held: _Held, line: tuple[str, str], catalogue: Catalogue) -> Ruling:
    table, closed, hidden, flags = catalogue.tables[line], held.closed, held.hidden, held.flags
    verdicts = []
    for name in _names(fields):
        rule = table.rules.get(name)
        if rule is None:
            known = name in catalogue.vocabulary.fields
            verdicts.append(_default(name, Reason.NOT_IN_EXCHANGE if known else Reason.UNKNOWN_FIELD, catalogue))
            continue
        verdict = _open(rule, held, closed[rule.terms])
        if verdict.permit:
            verdict = _situation(rule, flags, hidden) or verdict
        verdicts.append(verdict)
    return Ruling(tuple(verdicts))


def _names(fields: tuple[str, ...]) -> list[str]:
    return sorted(set(fields))


def _stopped(facts: Facts) -> Reason | None:
    if not facts.switches:
        return None
    return Reason.INCIDENT_FREEZE if INCIDENT_FREEZE in facts.switches else Reason.UNKNOWN_SWITCH


def _unserved(facts: Facts, catalogue: Catalogue) -> Reason | None:
    if facts.recipient not in catalogue.parties:
        return Reason.UNKNOWN_RECIPIENT
    purpose = catalogue.purposes.get(facts.purpose)
    if purpose is None:
        return Reason.UNKNOWN_PURPOSE
    return Reason.BANNED_PURPOSE if purpose.banned else None


def _authority(held: Authorisation, basis: str, now: int) -> Reason | None:
    if held.basis != basis:
        return Reason.BASIS_MISMATCH
    # an objection passes here, to be answered last and unseen (step 7)
    if held.state not in _VALID_STATES[basis] and held.state != _OBJECTION:
        return _OTHER_STATES.get(held.state, Reason.STATE_INVALID)
    if now < held.valid_from:
        return Reason.NOT_YET_VALID
    if held.valid_until is not None and now >= held.valid_until:
        return Reason.EXPIRED
    if held.max_uses is not None and not 0 <= held.uses < held.max_uses:
        return Reason.USES_EXHAUSTED
    return None


def _terms(facts: Facts, actor: Actor, terms: Terms) -> Reason | None:
    if facts.now < terms.starts:
        return Reason.NOT_STARTED
    if terms.ends is not None and facts.now >= terms.ends:
        return Reason.ENDED
    return _agent(actor, terms) or _frequency(facts.uses.get(terms.exchange), terms.limit)


def _agent(actor: Actor, terms: Terms) -> Reason | None:
    if actor.kind == "batch":
        return None if terms.batch else Reason.BATCH_NOT_ALLOWED
    if actor.kind == "person":
        return None if terms.person else Reason.PERSON_NOT_ALLOWED
    if actor.role not in terms.roles:
        return Reason.ACTOR_ROLE
    return None if actor.assurance in terms.assurances else Reason.ACTOR_ASSURANCE


def _frequency(uses: int | None, limit: int) -> Reason | None:
    if uses is None or uses < 0:
        return Reason.FREQUENCY_UNKNOWN
    return Reason.FREQUENCY_EXCEEDED if uses >= limit else None


def _open(rule: Rule, held: _Held, closed: Reason | None) -> Verdict:
    if closed is not None:
        return rule.denied[closed]
    if rule.barred is not None:
        return rule.barred
    name = rule.field.name
    if name not in held.fields:
        return rule.denied[Reason.NOT_AUTHORISED]
    if rule.explicit and name not in held.explicit:
        return rule.denied[Reason.EXPLICIT_MISSING]
    floor = dict(held.floors).get(name)
    return rule.permit if floor is None else _lowered(rule, floor)


def _lowered(rule: Rule, text: str) -> Verdict:
    floor = parse(text)
    obligation = floor and applicable(floor, rule.field) and strictest(rule.obligation, floor)
    if not obligation:
        return rule.denied[Reason.OBLIGATION_CONFLICT]
    if obligation == NEVER:
        return rule.denied[Reason.NOT_AUTHORISED]
    return permission(rule.field, obligation, exchange=str(rule.permit.exchange), source=str(rule.permit.source))


def _hidden(flags: frozenset[str] | None, held: Authorisation, catalogue: Catalogue) -> Reason | None:
    if flags is None or not flags <= catalogue.vocabulary.flags:
        return Reason.FLAGS_UNKNOWN
    if TOMBSTONE in flags:
        return Reason.TOMBSTONE
    if RESTRICTION in flags:
        return Reason.RESTRICTION
    return Reason.OBJECTION_LODGED if held.state == _OBJECTION else None


def _situation(rule: Rule, flags: frozenset[str], hidden: Reason | None) -> Verdict | None:
    if hidden is not None:
        return rule.denied[hidden]
    if not rule.concerns <= flags:
        return rule.denied[Reason.SUBJECT_NOT_CONCERNED]
    for flag, verdict in rule.barred_by:
        if flag in flags:
            return verdict
    if not rule.present <= flags or rule.absent & flags:
        return rule.denied[Reason.NEED_UNMET]
    return None


def _all_under(fields: tuple[str, ...], table: Table, reason: Reason, catalogue: Catalogue) -> Ruling:
    return Ruling(tuple(_under(name, table, reason, catalogue) for name in _names(fields)))


def _under(name: str, table: Table, reason: Reason, catalogue: Catalogue) -> Verdict:
    rule = table.rules.get(name)
    return _default(name, reason, catalogue) if rule is None else rule.denied[reason]


def _default(name: str, reason: Reason, catalogue: Catalogue) -> Verdict:
    known = catalogue.defaults.get(name)
    # names nobody knows are not kept: they may be anything
    return default(name, reason) if known is None else known[reason]
