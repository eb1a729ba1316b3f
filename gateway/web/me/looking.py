"""A preview in words: the very values, as they would arrive, and how each was reduced. Pure.

Refuses to invent: a value whose form is not known is shown as it is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gateway.archive import words
from gateway.archive.labels import CODES, said
from gateway.preview import Preview, Seen
from gateway.web import moments
from gateway.web.me.phrases import Said, field_said, party_said
from gateway.web.view import Lang
from policies.catalogue import Catalogue
from policies.reasons import Reason

_COMPARED: Mapping[str, tuple[str, str]] = {
    "lt": ("moins de {}", "less than {}"),
    "le": ("{} ou moins", "{} or less"),
    "gt": ("plus de {}", "more than {}"),
    "ge": ("{} ou plus", "{} or more"),
    "eq": ("{}", "{}"),
}
_CUT: Mapping[str, tuple[str, str]] = {
    "commune": ("la commune seulement", "the town only"),
    "month": ("le mois seulement", "the month only"),
    "year": ("l'année seulement", "the year only"),
    "departement": ("le département seulement", "the département only"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One line: the field, what arrives, and how it was reduced when it was."""

    name: Said
    text: str = field(repr=False)
    reduced: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One dataset: its rows of values; `missing` fields by the sentence that says why."""

    dataset: str
    sentence: Said
    source: Said | None
    state: str
    rows: tuple[tuple[Value, ...], ...]
    missing: tuple[tuple[tuple[str, str], tuple[Said, ...]], ...]


def parts(catalogue: Catalogue, seen: Preview, lang: Lang) -> tuple[Part, ...]:
    """Every dataset of a preview."""
    return tuple(_part(catalogue, each, lang) for each in seen.datasets)


def whys(reasons: Mapping[str, str]) -> tuple[tuple[tuple[str, str], tuple[Said, ...]], ...]:
    """Fields gathered by the sentence of their reason."""
    found: dict[tuple[str, str], list[Said]] = {}
    for name, code in sorted(reasons.items()):
        found.setdefault(reason_said(code), []).append(field_said(name))
    return tuple((why, tuple(fields)) for why, fields in found.items())


def reason_said(code: str) -> tuple[str, str]:
    """Why a field stays, in both languages."""
    known = {each.value: each for each in Reason}.get(code)
    return words.WITHHELD if known is None else (known.sentence_to_person("fr"), known.sentence_to_person("en"))


def _part(catalogue: Catalogue, each: Seen, lang: Lang) -> Part:
    known = catalogue.vocabulary.datasets
    return Part(
        dataset=each.dataset,
        sentence=known[each.dataset].sentence if each.dataset in known else (each.dataset, each.dataset),
        source=None if each.source is None else party_said(catalogue, each.source),
        state=each.state,
        rows=tuple(
            tuple(
                Value(
                    name=field_said(name), text=_value(name, value, lang), reduced=reduced(each.reduced.get(name, ""))
                )
                for name, value in sorted(row.items())
            )
            for row in each.rows
        ),
        missing=whys(each.hidden),
    )


def reduced(how: str) -> tuple[str, str] | None:
    """How a value was made less exact (`truncate:commune`, `predicate:lt:800`), in words; None when it was not."""
    kind, _, rest = how.partition(":")
    if kind == "predicate":
        operator, _, bound = rest.partition(":")
        fr, en = _COMPARED.get(operator, ("{}", "{}"))
        return (f"seulement oui ou non : {fr.format(bound)} ?", f"only yes or no: {en.format(bound)}?")
    if kind == "truncate":
        return _CUT.get(rest, ("une partie seulement", "a part only"))
    if kind in {"generalise", "mask", "pseudonymise"}:
        return {
            "generalise": ("une valeur arrondie", "a rounded value"),
            "mask": ("une partie cachée", "a part hidden"),
            "pseudonymise": ("un code à la place", "a code in its place"),
        }[kind]
    return None


def _value(name: str, value: Any, lang: Lang) -> str:
    """A code of a source in words, or the value itself."""
    return said(CODES[name], value, lang) if name in CODES and isinstance(value, str) else shown(value, lang)


def shown(value: Any, lang: Lang) -> str:
    """One value as people write it."""
    if value is None:
        return "rien" if lang == "fr" else "nothing"
    if isinstance(value, bool):
        return {"fr": ("non", "oui"), "en": ("no", "yes")}[lang][value]
    if isinstance(value, str):
        return _dated(value, lang)
    return str(value)


def _dated(text: str, lang: Lang) -> str:
    """A date or a moment of the vocabulary's types in words; any other text as it is."""
    if len(text) < 10 or text[4] != "-" or not text[:4].isdigit():
        return text
    try:
        if len(text) == 10:
            at = datetime.combine(date.fromisoformat(text), datetime.min.time(), moments.PARIS)
            return moments.day(int(at.timestamp() * 1000), lang)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moments.paris(int(moment.timestamp() * 1000), lang) if moment.tzinfo else text
