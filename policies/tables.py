"""Exchanges compiled to tables, so that a decision is a look-up per field.

Answers for resolving at load everything that does not depend on the facts: which exchange serves a field, the
strictest of its release and its source's floor, the denials that touch it, and every verdict it can get. Decides
nothing. Wildcards end here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.model import Denial, Exchange, Party
from policies.obligations import NEVER, Obligation, strictest
from policies.reasons import Reason
from policies.verdicts import Verdict
from policies.vocabulary import ASSURANCES, Field, Vocabulary

_BASES = "bases"
_AGENTS = "agents"
_CLAUSES: Mapping[Reason, str] = {
    Reason.NOT_STARTED: "when",
    Reason.ENDED: "when",
    Reason.ACTOR_UNKNOWN: _AGENTS,
    Reason.ACTOR_ROLE: _AGENTS,
    Reason.ACTOR_ASSURANCE: _AGENTS,
    Reason.BATCH_NOT_ALLOWED: _AGENTS,
    Reason.PERSON_NOT_ALLOWED: _AGENTS,
    Reason.NO_AUTHORISATION: _BASES,
    Reason.BASIS_MISMATCH: _BASES,
    Reason.NOT_GIVEN: _BASES,
    Reason.REFUSED: _BASES,
    Reason.WITHDRAWN: _BASES,
    Reason.OBJECTION_LODGED: _BASES,
    Reason.STATE_INVALID: _BASES,
    Reason.NOT_YET_VALID: _BASES,
    Reason.EXPIRED: _BASES,
    Reason.USES_EXHAUSTED: _BASES,
    Reason.FREQUENCY_UNKNOWN: "frequency",
    Reason.FREQUENCY_EXCEEDED: "frequency",
    Reason.SUBJECT_NOT_CONCERNED: "subjects",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one exchange asks before any of its fields is looked at."""

    exchange: str
    starts: int
    ends: int | None
    roles: frozenset[str]
    assurances: frozenset[str]
    batch: bool
    person: bool
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One field of one exchange for one (recipient, purpose), with every verdict it can get."""

    field: Field
    terms: int
    obligation: Obligation
    concerns: frozenset[str]
    barred: Verdict | None
    barred_by: tuple[tuple[str, Verdict], ...]
    present: frozenset[str]
    absent: frozenset[str]
    explicit: bool
    permit: Verdict
    denied: Mapping[Reason, Verdict]

    @property
    def situational(self) -> bool:
        """Whether the person's own situation (their flags) may keep this field from leaving."""
        return bool(self.concerns or self.barred_by or self.present or self.absent)

    @property
    def bars(self) -> frozenset[str]:
        """The situations of a person in which this field does not leave."""
        return self.absent | {flag for flag, _ in self.barred_by}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All that one recipient may ask for one purpose."""

    basis: str
    terms: tuple[Terms, ...]
    rules: Mapping[str, Rule]
    served: frozenset[str]


def compile_table(
    exchanges: Iterable[Exchange],
    *,
    recipient: str,
    vocabulary: Vocabulary,
    parties: Mapping[str, Party],
    denials: tuple[Denial, ...],
) -> Table:
    """Compile the active exchanges of one (recipient, purpose)."""
    ordered = sorted(exchanges, key=lambda exchange: exchange.name)
    rules: dict[str, Rule] = {}
    for number, exchange in enumerate(ordered):
        floors = parties[exchange.source].floors
        for name in sorted(exchange.releases):
            touching = [d for d in (*exchange.denials, *denials) if matches(d, exchange, recipient, name)]
            rules[name] = _rule(
                exchange, terms=number, field=vocabulary.fields[name], floor=floors.get(name), touching=touching
            )
    return Table(
        basis=ordered[0].basis,
        terms=tuple(_terms(each) for each in ordered),
        rules=rules,
        served=frozenset(name for name, rule in rules.items() if rule.barred is None),
    )


def compile_defaults(vocabulary: Vocabulary) -> dict[str, Mapping[Reason, Verdict]]:
    """Compile the denials of every known field where no exchange speaks of it."""
    reasons = [reason for reason in Reason if reason is not Reason.PERMITTED]
    return {name: {reason: default(name, reason) for reason in reasons} for name in vocabulary.fields}


def default(field: str, reason: Reason) -> Verdict:
    """Make the denial of a field that no exchange speaks of."""
    return Verdict(
        field=field,
        permit=False,
        rule=f"default#{reason.value}",
        reason=reason,
        obligation=None,
        source=None,
        exchange=None,
    )


def resolve(release: Obligation, floor: Obligation | None) -> Obligation | None:
    """Give the strictest of a release and its source's floor, None when they cannot be compared."""
    return release if floor is None else strictest(release, floor)


def matches(denial: Denial, exchange: Exchange, recipient: str, field: str) -> bool:
    """Whether a denial touches a field of an exchange for one recipient, whatever the person's flags."""
    return (
        denial.recipient in {None, recipient}
        and denial.source in {None, exchange.source}
        and pattern_matches(denial.purpose, exchange.purpose)
        and pattern_matches(denial.fields, field)
    )


def pattern_matches(pattern: str | None, name: str) -> bool:
    """Whether a name is the pattern, or lies below it when the pattern ends in `*`."""
    if pattern is None or pattern == "*":
        return True
    return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern


def _terms(exchange: Exchange) -> Terms:
    return Terms(
        exchange=exchange.id,
        starts=exchange.starts,
        ends=exchange.ends,
        roles=exchange.roles,
        assurances=frozenset(ASSURANCES[ASSURANCES.index(exchange.assurance) :]),
        batch=exchange.batch,
        person=exchange.person,
        limit=exchange.limit,
    )


def _rule(exchange: Exchange, *, terms: int, field: Field, floor: Obligation | None, touching: list[Denial]) -> Rule:
    release = exchange.releases[field.name]
    # checks.py refuses what cannot be compared; should one pass, the field never leaves
    obligation = resolve(release.obligation, floor) or NEVER
    denied: dict[Reason, Verdict] = {
        reason: _denial(exchange, field, reason, _CLAUSES.get(reason, field.name))
        for reason in Reason
        if reason is not Reason.PERMITTED
    }
    always = sorted(str(denial) for denial in touching if denial.flag is None)
    barred = _denial(exchange, field, Reason.DENIED_BY_RULE, always[0]) if always else None
    if barred is None and obligation == NEVER:
        barred = denied[Reason.NEVER_RELEASED]
    return Rule(
        field=field,
        terms=terms,
        obligation=obligation,
        concerns=exchange.requires,
        barred=barred,
        barred_by=tuple(
            (denial.flag, _denial(exchange, field, Reason.DENIED_BY_FLAG, str(denial)))
            for denial in sorted(touching, key=str)
            if denial.flag is not None
        ),
        present=frozenset(state for state in release.states if not state.startswith("not_")),
        absent=frozenset(state.removeprefix("not_") for state in release.states if state.startswith("not_")),
        explicit=release.explicit,
        permit=permission(field, obligation, exchange=exchange.name, source=exchange.source),
        denied=denied,
    )


def permission(field: Field, obligation: Obligation, *, exchange: str, source: str) -> Verdict:
    """Make the verdict that lets a field leave under an obligation."""
    return Verdict(
        field=field.name,
        permit=True,
        rule=f"{exchange}#{field.name}",
        reason=Reason.PERMITTED,
        obligation=obligation,
        source=source,
        exchange=exchange,
        reads=field.commune if (obligation.kind, obligation.to) == ("truncate", "commune") else None,
    )


def _denial(exchange: Exchange, field: Field, reason: Reason, clause: str) -> Verdict:
    return Verdict(
        field=field.name,
        permit=False,
        rule=f"{exchange.name}#{clause}",
        reason=reason,
        obligation=None,
        source=exchange.source,
        exchange=exchange.name,
    )
