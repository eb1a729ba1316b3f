"""What one field's rule permits, compared with what another one does: the exact part of a difference.

A rule permits on conditions that are asked one by one (`decision.py`, steps 4 to 7), so that one permits no more than
another when each of its conditions is at least as strict. Refuses to guess about floors that an authorisation may set:
they are tried, one representative of each kind.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from policies.change import Change, Effect, Kind
from policies.model import DAY_MS, EPOCH_DAY
from policies.obligations import NEVER, OPERATORS, Obligation, applicable, covers, strictest
from policies.tables import Rule, Table, Terms
from policies.vocabulary import Field, FieldType, Vocabulary

_PLAIN = (
    ("clear", ""), ("truncate", "commune"), ("truncate", "day"), ("truncate", "month"), ("truncate", "year"),
    ("generalise", "year"), ("generalise", "decade"), ("pseudonymise", ""),
)  # fmt: skip


def compare_tables(
    before: Table | None, after: Table | None, *, recipient: str, purpose: str, words: tuple[Vocabulary, Vocabulary]
) -> Iterator[Change]:
    """What changes for one recipient and purpose."""
    old, new = _open(before), _open(after)
    place = {"recipient": recipient, "purpose": purpose}
    for name in sorted(new.keys() - old.keys()):
        rule = new[name]
        yield Change(
            **place, exchange=_exchange(rule), field=name, kind=Kind.OPENED, effect=Effect.WIDER,
            after=str(rule.obligation),
        )  # fmt: skip
    for name in sorted(old.keys() - new.keys()):
        rule = old[name]
        yield Change(
            **place, exchange=_exchange(rule), field=name, kind=Kind.CLOSED, effect=Effect.NARROWER,
            before=str(rule.obligation),
        )  # fmt: skip
    for name in sorted(old.keys() & new.keys()):
        for change in _rules(old[name], new[name], words):
            yield _placed(change, field=name, **place)
    if before is None or after is None or not old.keys() & new.keys():
        return
    if before.basis != after.basis:
        yield Change(**place, kind=Kind.BASIS, before=before.basis, after=after.basis, effect=Effect.WIDER)
    former = {terms.exchange: terms for terms in before.terms}
    for terms in after.terms:
        if terms.exchange in former:
            for change in _terms(former[terms.exchange], terms):
                yield _placed(change, exchange=terms.exchange, **place)


def loosens(before: Obligation, after: Obligation, field: Field) -> bool:
    """Whether some authorisation lets the field leave telling more than before, or where it did not leave."""
    for floor in (None, *_floors(field, before, after)):
        then = before if floor is None else strictest(before, floor)
        now = after if floor is None else strictest(after, floor)
        if now is None or now == NEVER:
            continue
        if then is None or then == NEVER or not covers(now, then):
            return True
    return False


def _open(table: Table | None) -> Mapping[str, Rule]:
    return {} if table is None else {name: rule for name, rule in table.rules.items() if rule.barred is None}


def _exchange(rule: Rule) -> str:
    return str(rule.permit.exchange).partition("@")[0]


def _rules(old: Rule, new: Rule, words: tuple[Vocabulary, Vocabulary]) -> Iterator[Change]:
    given = [f"{_exchange(rule)} ({rule.permit.source})" for rule in (old, new)]
    if given[0] != given[1]:  # another source gives it, or another exchange counts it
        yield Change(kind=Kind.MOVED, before=given[0], after=given[1], effect=Effect.WIDER, exchange=_exchange(new))
    if old.obligation != new.obligation:
        effect = Effect.WIDER if loosens(old.obligation, new.obligation, new.field) else Effect.NARROWER
        told = {"before": str(old.obligation), "after": str(new.obligation)}
        yield Change(kind=Kind.OBLIGATION, effect=effect, exchange=_exchange(new), **told)
    if old.explicit != new.explicit:
        effect = Effect.WIDER if old.explicit else Effect.NARROWER
        told = {"before": _yes(old.explicit), "after": _yes(new.explicit)}
        yield Change(kind=Kind.EXPLICIT, effect=effect, exchange=_exchange(new), **told)
    if _situation(old) != _situation(new):
        yield Change(
            kind=Kind.SITUATION, effect=_situations(old, new, words), exchange=_exchange(new),
            before=_told(old), after=_told(new),
        )  # fmt: skip
    definitions = [_definition(rule.field, each) for rule, each in zip((old, new), words, strict=True)]
    if definitions[0] != definitions[1]:
        told = {"before": definitions[0], "after": definitions[1]}
        yield Change(kind=Kind.DEFINITION, effect=Effect.WIDER, exchange=_exchange(new), **told)


def _situation(rule: Rule) -> tuple[frozenset[str], frozenset[str]]:
    """The flags a person must bear, and those they must not."""
    return rule.concerns | rule.present, rule.bars


def _situations(old: Rule, new: Rule, words: tuple[Vocabulary, Vocabulary]) -> Effect:
    (needed, barred), (needed_now, barred_now) = _situation(old), _situation(new)
    # flags that only the new vocabulary knows are a change of their own (difference.py)
    known = words[0].flags & words[1].flags
    same = needed <= needed_now and barred & known <= barred_now
    return Effect.NARROWER if same or needed_now & barred_now else Effect.WIDER


def _told(rule: Rule) -> str:
    needed, barred = _situation(rule)
    return " ".join([*sorted(needed), *(f"not_{flag}" for flag in sorted(barred))])


def _definition(field: Field, words: Vocabulary) -> str:
    """What the field is: type, null, commune, list, special category."""
    marks = {
        "nullable": field.nullable,
        "many": words.datasets[field.dataset].many,
        f"commune={field.commune}": field.commune is not None,
        f"special={field.special}": field.special is not None,
    }
    return " ".join([field.type.value, *(mark for mark, holds in marks.items() if holds)])


def _terms(old: Terms, new: Terms) -> Iterator[Change]:
    if old.roles != new.roles:
        told = {"before": " ".join(sorted(old.roles)), "after": " ".join(sorted(new.roles))}
        yield Change(kind=Kind.ROLES, effect=_within(new.roles <= old.roles), **told)
    if old.assurances != new.assurances:
        told = {"before": " ".join(sorted(old.assurances)), "after": " ".join(sorted(new.assurances))}
        yield Change(kind=Kind.ASSURANCE, effect=_within(new.assurances <= old.assurances), **told)
    if old.batch != new.batch:
        yield Change(kind=Kind.BATCH, effect=_within(old.batch), before=_yes(old.batch), after=_yes(new.batch))
    if old.person != new.person:
        yield Change(kind=Kind.PERSON, effect=_within(old.person), before=_yes(old.person), after=_yes(new.person))
    if (old.starts, old.ends) != (new.starts, new.ends):
        inside = new.starts >= old.starts and (old.ends is None or (new.ends is not None and new.ends <= old.ends))
        told = {"before": _period(old), "after": _period(new)}
        yield Change(kind=Kind.PERIOD, effect=_within(inside), **told)
    if old.limit != new.limit:
        told = {"before": str(old.limit), "after": str(new.limit)}
        yield Change(kind=Kind.FREQUENCY, effect=_within(new.limit <= old.limit), **told)


def _period(terms: Terms) -> str:
    """First and last day, both included; open when it goes on."""
    first, last = (None if at is None else date.fromordinal(EPOCH_DAY + at // DAY_MS).isoformat()
                   for at in (terms.starts, None if terms.ends is None else terms.ends - DAY_MS))  # fmt: skip
    return f"{first}..{last or ''}"


def _within(inside: bool) -> Effect:  # noqa: FBT001  reads as a sentence
    return Effect.NARROWER if inside else Effect.WIDER


def _yes(holds: bool) -> str:  # noqa: FBT001  idem
    return "yes" if holds else "no"


def _placed(change: Change, **place: str) -> Change:
    known = {name: getattr(change, name) for name in ("exchange", "kind", "before", "after", "effect")}
    return Change(**{**known, **{name: text for name, text in place.items() if text}})


def _floors(field: Field, *known: Obligation) -> Iterator[Obligation]:
    """One floor of each kind an authorisation may set, as far as it could compare differently with those known."""
    tried = [Obligation(kind, to) for kind, to in _PLAIN]
    tried += [Obligation("mask", "last", keep) for keep in range(5)]
    if field.type is FieldType.INT:
        steps = {each.value for each in known if each.to == "band" and isinstance(each.value, int)}
        tried += [Obligation("generalise", "band", step) for step in sorted(_steps({*steps, 2}))]
        tried += [Obligation("predicate", op, value) for op in OPERATORS for value in (0, 1)]
    if field.type is FieldType.DATE:
        tried += [Obligation("predicate", op, day) for op in OPERATORS for day in ("2000-01-01", "2000-01-02")]
    yield from (floor for floor in (*known, *tried) if applicable(floor, field))


def _steps(steps: set[int]) -> set[int]:
    """Every divisor of the steps (comparable with one, perhaps not with the other), and a step that none divides."""
    divisors = {part for step in steps for low in range(1, int(step**0.5) + 1) if step % low == 0
                for part in (low, step // low)}  # fmt: skip
    return {part for part in divisors if part > 1} | {max(steps) + 1}
