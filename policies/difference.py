"""The difference between two catalogues, for the DPO who is asked to let the second one decide. Pure.

Answers for completeness on the side of caution: no catalogue that permits more, for any facts at all, is told without a
change that is `wider` (`tests/unit/policies/test_widening.py` tries them). Beyond what `decide` reads it compares what
the catalogue promises: retention, processing, the right to object, how long an authorisation lasts. What cannot be
compared counts as wider.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from policies.catalogue import Catalogue
from policies.change import Change, Effect, Kind
from policies.model import Exchange
from policies.opening import compare_tables

_DAYS = {"D": (1, 1), "M": (28, 31), "Y": (365, 366)}
_ACCESS = ("QUERY", "VIEW", "STREAM", "STORE")
_FETCH = ("one_off", "periodic")
_WITHIN = ("FR", "EEA")


def difference(before: Catalogue, after: Catalogue) -> tuple[Change, ...]:
    """Every change, sorted: by exchange, recipient, purpose, field."""
    found: list[Change] = []
    words = (before.vocabulary, after.vocabulary)
    for recipient, purpose in sorted(before.tables.keys() | after.tables.keys()):
        tables = before.tables.get((recipient, purpose)), after.tables.get((recipient, purpose))
        found += compare_tables(*tables, recipient=recipient, purpose=purpose, words=words)
    old, new = ({each.id: each for each in one.counted.values()} for one in (before, after))
    for name in sorted(old.keys() & new.keys()):
        found += (_placed(change, name) for change in _exchange(old[name], new[name]))
    found += _whole(before, after)
    return tuple(sorted(set(found)))


def widens(changes: Iterable[Change]) -> bool:
    """Whether anything of it permits more: two must sign."""
    return any(change.effect is Effect.WIDER for change in changes)


def _exchange(old: Exchange, new: Exchange) -> Iterator[Change]:
    if old.unit != new.unit:  # the count starts anew
        told = {"before": f"{old.limit}/{old.unit}", "after": f"{new.limit}/{new.unit}"}
        yield Change(kind=Kind.FREQUENCY, effect=Effect.WIDER, **told)
    yield from _bases(old, new)
    if dict(old.retention) != dict(new.retention):
        before, after = (f"{each.retention['recipient']} {each.retention['from']}" for each in (old, new))
        yield Change(kind=Kind.RETENTION, before=before, after=after, effect=_retention(old.retention, new.retention))
    yield from _processing(old.processing or {}, new.processing or {})
    for name in ("validity", "max_uses"):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            shorter = now is not None and (was is None or now <= was)
            effect = Effect.NARROWER if shorter else Effect.WIDER
            yield Change(kind=Kind.AUTHORISATION, before=f"{name} {was}", after=f"{name} {now}", effect=effect)
    if old.optional != new.optional:
        kept = old.optional & new.releases.keys() <= new.optional
        told = {"before": " ".join(sorted(old.optional)), "after": " ".join(sorted(new.optional))}
        yield Change(kind=Kind.OPTIONAL, effect=Effect.NARROWER if kept else Effect.WIDER, **told)
    if old.controller != new.controller:
        yield Change(kind=Kind.CONTROLLER, before=old.controller, after=new.controller, effect=Effect.WIDER)
    before, after = (" ".join(filter(None, (each.dpia, each.arrangement))) for each in (old, new))
    if before != after:
        yield Change(kind=Kind.DOCUMENTS, before=before, after=after, effect=Effect.OTHER)
    for field in sorted(old.releases.keys() & new.releases.keys()):
        was, now = old.releases[field].special, new.releases[field].special
        if was != now:
            yield Change(field=field, kind=Kind.SPECIAL, before=was or "", after=now or "", effect=Effect.WIDER)


def _bases(old: Exchange, new: Exchange) -> Iterator[Change]:
    objections = [all(basis.get("objection") == "allowed" for basis in each.bases) for each in (old, new)]
    if objections[0] != objections[1] and old.basis == new.basis == "public_task":
        effect = Effect.WIDER if objections[0] else Effect.NARROWER
        told = ["allowed" if allowed else "excluded" for allowed in objections]
        yield Change(kind=Kind.OBJECTION, before=told[0], after=told[1], effect=effect)
    texts = ["; ".join(sorted(basis["ref"] for basis in each.bases)) for each in (old, new)]
    if texts[0] != texts[1]:
        yield Change(kind=Kind.REFERENCE, before=texts[0], after=texts[1], effect=Effect.OTHER)


def _retention(old: Mapping[str, str], new: Mapping[str, str]) -> Effect:
    """Shorter for certain, counted from the same moment; else it may be longer."""
    (least, _), (_, most) = _days(old["recipient"]), _days(new["recipient"])
    same_unit = old["recipient"][-1] == new["recipient"][-1]
    shorter = int(new["recipient"][1:-1]) <= int(old["recipient"][1:-1]) if same_unit else most <= least
    return Effect.NARROWER if shorter and old["from"] == new["from"] else Effect.WIDER


def _days(period: str) -> tuple[int, int]:
    """The fewest and the most days."""
    least, most = _DAYS[period[-1]]
    return int(period[1:-1]) * least, int(period[1:-1]) * most


def _processing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if _text(was) != _text(now):
            effect = Effect.NARROWER if _less(name, was, now) else Effect.WIDER
            yield Change(kind=Kind.PROCESSING, before=f"{name} {_text(was)}", after=f"{name} {_text(now)}",
                         effect=effect)  # fmt: skip


def _less(name: str, was: Any, now: Any) -> bool:
    if name in {"operations", "storage", "location", "processors"}:
        return set(now or ()) <= set(was or ())
    if name == "codes":  # promises of conduct: fewer of them is less protection
        return set(was or ()) <= set(now or ())
    ranks = {"access": _ACCESS, "fetch": _FETCH, "within": _WITHIN}.get(name)
    if ranks is not None:
        return was in ranks and now in ranks and ranks.index(now) <= ranks.index(was)
    return now is None  # an automated decision is gone


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(sorted(map(str, value)))
    return "" if value is None else str(value)


def _whole(before: Catalogue, after: Catalogue) -> Iterator[Change]:
    ended = before.counted.keys() - after.counted.keys()  # what an exchange denied itself goes with it
    gone = {text for text in before.denials - after.denials if text.partition(":")[0] not in ended}
    come = after.denials - before.denials
    yield from (Change(kind=Kind.DENIAL, before=text, effect=Effect.WIDER) for text in sorted(gone))
    yield from (Change(kind=Kind.DENIAL, after=text, effect=Effect.NARROWER) for text in sorted(come))
    banned = [{each.id for each in one.purposes.values() if each.banned} for one in (before, after)]
    yield from (Change(purpose=each, kind=Kind.BANNED, before=each, effect=Effect.WIDER)
                for each in sorted(banned[0] - banned[1]))  # fmt: skip
    yield from (Change(purpose=each, kind=Kind.BANNED, after=each, effect=Effect.NARROWER)
                for each in sorted(banned[1] - banned[0]))  # fmt: skip
    flags = before.vocabulary.flags, after.vocabulary.flags
    # whoever bears a flag nobody knows is refused everything
    yield from (Change(kind=Kind.FLAGS, after=each, effect=Effect.WIDER) for each in sorted(flags[1] - flags[0]))
    yield from (Change(kind=Kind.FLAGS, before=each, effect=Effect.NARROWER) for each in sorted(flags[0] - flags[1]))
    for name in sorted(before.parties.keys() & after.parties.keys()):
        was, now = before.parties[name].siret, after.parties[name].siret
        if was != now:  # the name stands for somebody else
            yield Change(kind=Kind.IDENTITY, before=f"{name} {was}", after=f"{name} {now}", effect=Effect.WIDER)
    yield from _words(before, after)


def _words(before: Catalogue, after: Catalogue) -> Iterator[Change]:
    said: tuple[tuple[str, Callable[[Catalogue], Mapping[str, Any]]], ...] = (
        ("purpose", lambda one: {n: (p.sentence, p.type, p.service, p.without) for n, p in one.purposes.items()}),
        ("party", lambda one: {n: (p.name, p.line, p.contact) for n, p in one.parties.items()}),
        ("dataset", lambda one: {n: d.sentence for n, d in one.vocabulary.datasets.items()}),
        ("notice", lambda one: {"notice": one.notice}),
    )
    for kind, read in said:
        old, new = read(before), read(after)
        changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
        yield from (Change(kind=Kind.WORDS, before=f"{kind} {name}", effect=Effect.OTHER) for name in changed)


def _placed(change: Change, exchange: str) -> Change:
    known = {name: getattr(change, name) for name in ("field", "kind", "before", "after", "effect")}
    return Change(exchange=exchange, **known)
