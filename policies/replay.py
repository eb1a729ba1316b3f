"""A past decision taken again with another catalogue, from what the journal kept of it. Pure.

The journal keeps each field's verdict and reason, the time, what kind of actor asked, the legal basis; what the
authorisation covers is added when its record is at hand. It does not keep the role of whoever asked, the person's
situation or counts of use: they would tell something about people. What a verdict proves (whoever was permitted bore
what the rule asks) is used; where that is not enough the outcome is `uncertain`, with what it depends on. Floors are
taken as none: no authorisation sets one. Refuses to guess.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies.catalogue import Catalogue
from policies.obligations import covers
from policies.reasons import Reason
from policies.tables import Rule, Table, Terms


class Outcome(StrEnum):
    """What becomes of one field."""

    SAME = "same"
    OPENED = "opened"
    CLOSED = "closed"
    STRICTER = "stricter"
    LOOSER = "looser"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A decision as the journal knows it; `fields` and `explicit` are None without the authorisation's record.

    `kind` is who acted: a `professional`, a `batch` job, the `person` themselves.
    """

    recipient: str
    purpose: str
    now: int
    kind: str
    basis: str | None
    permits: frozenset[str]
    denials: Mapping[str, str]
    fields: frozenset[str] | None = None
    explicit: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What becomes of a field; `depends` names what the journal does not keep."""

    outcome: Outcome
    depends: str = ""


_SAME, _CLOSED, _OPENED = Found(Outcome.SAME), Found(Outcome.CLOSED), Found(Outcome.OPENED)

# whatever the catalogue says, these deny
_ALWAYS = frozenset(
    {
        Reason.INCIDENT_FREEZE, Reason.UNKNOWN_SWITCH, Reason.RESTRICTION, Reason.TOMBSTONE, Reason.OBJECTION_LODGED,
        Reason.ACTOR_MISSING, Reason.ACTOR_UNKNOWN, Reason.NO_AUTHORISATION, Reason.NOT_GIVEN, Reason.REFUSED,
        Reason.WITHDRAWN, Reason.STATE_INVALID, Reason.NOT_YET_VALID, Reason.EXPIRED, Reason.USES_EXHAUSTED,
        Reason.NOT_AUTHORISED,
    }
)  # fmt: skip
_REASONS = frozenset(reason.value for reason in Reason)
_SITUATIONS = frozenset({Reason.SUBJECT_NOT_CONCERNED, Reason.DENIED_BY_FLAG, Reason.NEED_UNMET, Reason.FLAGS_UNKNOWN})


def replay(past: Past, before: Catalogue, after: Catalogue) -> dict[str, Found]:
    """Give what becomes of each field the decision was about; `before` is the catalogue that took it."""
    return _Replay(past, before, after).fields()


class _Replay:
    """One decision; what its permissions prove is worked out once."""

    def __init__(self, past: Past, before: Catalogue, after: Catalogue) -> None:
        line = past.recipient, past.purpose
        self.past = past
        self.old, self.new = before.tables.get(line), after.tables.get(line)
        self.flags = before.vocabulary.flags, after.vocabulary.flags
        proved = [self.old.rules[name] for name in past.permits if self.old and name in self.old.rules]
        self.borne = frozenset().union(*(_needed(rule) for rule in proved))
        self.absent = frozenset().union(*(rule.bars for rule in proved))
        self.held = [self.old.terms[rule.terms] for rule in proved if self.old]
        self.situation_known = bool(proved)

    def fields(self) -> dict[str, Found]:
        found = {name: self._permitted(name) for name in sorted(self.past.permits)}
        return found | {name: self._denied(name, reason) for name, reason in sorted(self.past.denials.items())}

    def _rule(self, table: Table | None, name: str) -> Rule | None:
        rule = table.rules.get(name) if table is not None else None
        return None if rule is None or rule.barred is not None else rule

    def _permitted(self, name: str) -> Found:
        old, new = self._rule(self.old, name), self._rule(self.new, name)
        if new is None or self.new is None or self.past.basis != self.new.basis:
            return _CLOSED
        if old is None:  # an entry that its own catalogue does not explain
            return Found(Outcome.UNCERTAIN, "catalogue")
        open_now, depends = self._conditions(name, new, terms=self.new.terms[new.terms])
        if open_now is False:
            return _CLOSED
        if depends:
            return Found(Outcome.UNCERTAIN, depends)
        if covers(new.obligation, old.obligation):
            same = covers(old.obligation, new.obligation)
            return _SAME if same else Found(Outcome.STRICTER)
        return Found(Outcome.LOOSER)

    def _denied(self, name: str, reason: str) -> Found:
        old, new = self._rule(self.old, name), self._rule(self.new, name)
        past = self.past
        known = reason in _REASONS and reason not in _ALWAYS  # a person nobody knows stays so
        covered = past.fields is None or name in past.fields  # else it would have to be asked for anew
        if new is None or self.new is None or past.basis != self.new.basis or not (known and covered):
            return _SAME
        terms = self.new.terms[new.terms]
        if old is not None and self._still(Reason(reason), old, new, terms):
            return _SAME
        # whoever asked for what the exchange did not have came this far
        why = None if old is None and self.old is not None else Reason(reason)
        open_now, depends = self._conditions(name, new, terms=terms, reason=why)
        if open_now is False:
            return _SAME
        if depends or past.fields is None:
            return Found(Outcome.UNCERTAIN, depends or "authorisation")
        return _OPENED

    def _still(self, reason: Reason, old: Rule, new: Rule, terms: Terms) -> bool:
        """Whether what failed then fails now as well."""
        was = self.old.terms[old.terms] if self.old is not None else terms
        if reason in _SITUATIONS:
            stricter = _needed(old) <= _needed(new) and old.bars <= new.bars
            return stricter and self.flags[1] <= self.flags[0]
        if reason is Reason.EXPLICIT_MISSING:
            return new.explicit
        same_terms: Mapping[Reason, bool] = {
            Reason.ACTOR_ROLE: terms.roles <= was.roles,
            Reason.ACTOR_ASSURANCE: terms.assurances <= was.assurances,
            Reason.BATCH_NOT_ALLOWED: not terms.batch,
            Reason.PERSON_NOT_ALLOWED: not terms.person,
            Reason.FREQUENCY_EXCEEDED: terms.exchange == was.exchange and terms.limit <= was.limit,
            Reason.FREQUENCY_UNKNOWN: terms.exchange == was.exchange,
            Reason.OBLIGATION_CONFLICT: old.obligation == new.obligation,
        }
        return same_terms.get(reason, False)

    def _conditions(
        self, name: str, new: Rule, *, terms: Terms, reason: Reason | None = None
    ) -> tuple[bool | None, str]:
        """False when the new rule denies for certain; else what it depends on, "" when it permits."""
        past = self.past
        if past.now < terms.starts or (terms.ends is not None and past.now >= terms.ends):
            return False, ""
        if (past.kind == "batch" and not terms.batch) or (past.kind == "person" and not terms.person):
            return False, ""
        if new.explicit and past.explicit is not None and name not in past.explicit:
            return False, ""
        needed, barred = _needed(new), new.bars
        if needed & (self.absent | barred) or barred & self.borne:
            return False, ""
        professional = past.kind == "professional"
        if professional and self.held and not any(terms.roles & each.roles for each in self.held):
            return False, ""
        depends = [
            ("authorisation", reason in {Reason.NO_EXCHANGE, Reason.UNKNOWN_PURPOSE, Reason.UNKNOWN_RECIPIENT,
                                         Reason.BANNED_PURPOSE, Reason.BASIS_MISMATCH}),
            ("actor", professional and not any(_accepted(each, terms) for each in self.held)),
            ("frequency", not any(each.exchange == terms.exchange and each.limit <= terms.limit for each in self.held)),
            ("authorisation", new.explicit and past.explicit is None and not self._was_explicit(name)),
            ("situation", not self.situation_known or not self.flags[0] <= self.flags[1]
             or not (needed <= self.borne and barred & self.flags[0] <= self.absent)),
        ]  # fmt: skip
        return None, next((name for name, holds in depends if holds), "")

    def _was_explicit(self, name: str) -> bool:
        old = self._rule(self.old, name)
        return old is not None and old.explicit and name in self.past.permits


def _needed(rule: Rule) -> frozenset[str]:
    return rule.concerns | rule.present


def _accepted(old: Terms, new: Terms) -> bool:
    """Whether everybody the old terms accept is accepted."""
    return old.roles <= new.roles and old.assurances <= new.assurances


@dataclass(slots=True)
class Tally:
    """What a draft would have changed, counted over decisions."""

    decisions: int = 0
    changed: int = 0
    uncertain: int = 0
    unreplayed: int = 0
    unattributed: int = 0
    persons: set[str] = field(default_factory=set)
    fields: Counter[tuple[str, str, str, Outcome]] = field(default_factory=Counter)
    depends: Counter[str] = field(default_factory=Counter)

    def add(self, past: Past, found: Mapping[str, Found], *, person: str | None) -> None:
        """Count one decision; `person` is whom it was about, as far as that is known."""
        self.decisions += 1
        moved = {name: each for name, each in found.items() if each.outcome is not Outcome.SAME}
        certain = [each for each in moved.values() if each.outcome is not Outcome.UNCERTAIN]
        self.changed += bool(certain)
        self.uncertain += bool(moved) and not certain
        self.depends.update(sorted({each.depends for each in moved.values() if each.depends}))
        self.fields.update((past.recipient, past.purpose, name, each.outcome) for name, each in moved.items())
        if certain and person is None:
            self.unattributed += 1
        elif certain:
            self.persons.add(str(person))

    def rows(self) -> list[tuple[str, str, str, Outcome, int]]:
        """Recipient, purpose, field, outcome, how many decisions; most touched first."""
        counted: Iterable[tuple[tuple[str, str, str, Outcome], int]] = self.fields.items()
        return [(*key, count) for key, count in sorted(counted, key=lambda one: (-one[1], one[0]))]
