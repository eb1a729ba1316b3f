"""Checks across the files of a catalogue: names that must exist, exchanges that must not meet.

Answers for refusing at load what would otherwise be decided by accident: two exchanges for one field, two legal
bases for one purpose, a wildcard that matches nothing. Every problem is reported, with its file and line.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from policies import model
from policies.documents import Document, Steps
from policies.errors import Problem
from policies.exchange_checks import check_exchange
from policies.model import Denial, Exchange, Party, Purpose
from policies.obligations import applicable
from policies.tables import pattern_matches
from policies.vocabulary import FieldType, Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The documents of one catalogue, each of the right form."""

    vocabulary: Document
    parties: Document
    purposes: Document
    denials: Document
    exchanges: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The same, typed."""

    vocabulary: Vocabulary
    parties: Mapping[str, Party]
    purposes: Mapping[str, Purpose]
    notice: Mapping[str, Any] | None
    denials: tuple[Denial, ...]
    exchanges: tuple[tuple[Document, Exchange], ...]


def check(files: Files, content: Content) -> tuple[Problem, ...]:
    """Give every problem of the catalogue, sorted; none means it may be compiled."""
    problems = [
        *_vocabulary(files.vocabulary, content.vocabulary),
        *_parties(files.parties, content),
        *_denials(files.denials, content.denials, content),
    ]
    for document, exchange in content.exchanges:
        problems += check_exchange(
            document, exchange, vocabulary=content.vocabulary, parties=content.parties, purposes=content.purposes
        )
        problems += _denials(document, exchange.denials, content)
        if exchange.status == "active" and content.notice is None:
            problems.append(
                files.purposes.problem((), "no_notice", "there are exchanges, and no notice for the person")
            )
    problems += _identities(content.exchanges)
    problems += _meetings([pair for pair in content.exchanges if pair[1].status == "active"])
    return tuple(sorted(set(problems)))


def _vocabulary(document: Document, vocabulary: Vocabulary) -> Iterator[Problem]:
    for name, field in vocabulary.fields.items():
        if field.commune is None:
            continue
        stand_in = vocabulary.fields.get(field.commune)
        if field.type is not FieldType.STR or stand_in is None or stand_in.type is not FieldType.STR:
            steps = ("datasets", field.dataset, "fields", name.partition(".")[2], "commune")
            yield document.problem(steps, "unknown_field", "`commune` names a text field of the same dataset")


def _parties(document: Document, content: Content) -> Iterator[Problem]:
    sirets: dict[str, str] = {}
    for name, party in sorted(content.parties.items()):
        if sirets.setdefault(party.siret, name) != name:
            yield document.problem(("parties", name, "siret"), "duplicate_siret", "two parties share a SIRET")
        for dataset in sorted(party.holds - content.vocabulary.datasets.keys()):
            yield document.problem(("parties", name, "holds"), "unknown_dataset", f"`{dataset}` is not a dataset")
        for field, floor in party.floors.items():
            steps = ("parties", name, "floors", field)
            known = content.vocabulary.fields.get(field)
            if known is None or known.dataset not in party.holds:
                yield document.problem(steps, "unknown_field", f"`{field}` is not a field this party holds")
            elif not applicable(floor, known):
                yield document.problem(steps, "not_applicable", f"`{floor}` does not apply to a {known.type} field")


def _denials(document: Document, denials: tuple[Denial, ...], content: Content) -> Iterator[Problem]:
    for number, denial in enumerate(denials):
        yield from _denial(document, denial, content=content, steps=("deny", number))


def _denial(document: Document, denial: Denial, *, content: Content, steps: Steps) -> Iterator[Problem]:
    named = [
        ("fields", denial.fields, content.vocabulary.fields),
        ("purpose", denial.purpose, content.purposes),
        ("recipient", denial.recipient, content.parties),
        ("source", denial.source, content.parties),
    ]
    for key, pattern, names in named:
        if not any(pattern_matches(pattern, name) for name in names):
            yield document.problem((*steps, key), "matches_nothing", f"`{pattern}` matches nothing: a denial must bite")
    if denial.flag is not None and denial.flag not in content.vocabulary.flags:
        yield document.problem((*steps, "if"), "unknown_flag", f"`{denial.flag}` is not a flag")


def _identities(exchanges: Iterable[tuple[Document, Exchange]]) -> Iterator[Problem]:
    seen: set[str] = set()
    active: set[str] = set()
    for document, exchange in exchanges:
        if exchange.name in seen:
            yield document.problem(("version",), "duplicate_exchange", f"`{exchange.name}` is in another file too")
        if exchange.status == "active" and exchange.id in active:
            yield document.problem(("status",), "two_active", f"another version of `{exchange.id}` is active")
        seen.add(exchange.name)
        if exchange.status == "active":
            active.add(exchange.id)


def _meetings(active: list[tuple[Document, Exchange]]) -> Iterator[Problem]:
    for (_, one), (document, other) in combinations(active, 2):
        shared = set(one.recipients) & set(other.recipients)
        if one.purpose != other.purpose or not shared:
            continue
        who = f"{min(shared)} for {one.purpose}, beside `{one.name}`"
        if one.source == other.source:
            yield document.problem(("source",), "two_exchanges", f"a second exchange from {one.source} to {who}")
        if one.basis != other.basis:
            yield document.problem(("bases",), "two_bases", f"another legal basis to {who}")
        for field in sorted(one.releases.keys() & other.releases.keys()):
            yield document.problem(("fields", field), "overlap", f"`{field}` twice to {who}")
        for dataset in sorted(_datasets(one) & _datasets(other)):
            # rows of one dataset from two sources could not be told apart afterwards
            yield document.problem(("fields",), "split_dataset", f"`{dataset}` from two exchanges to {who}")


def _datasets(exchange: Exchange) -> set[str]:
    return {field.partition(".")[0] for field in exchange.releases}


def typed(files: Files, vocabulary: Vocabulary) -> Content:
    """Read the documents into the model."""
    return Content(
        vocabulary=vocabulary,
        parties={name: model.party(name, each) for name, each in files.parties.content["parties"].items()},
        purposes={name: model.purpose(name, each) for name, each in files.purposes.content["purposes"].items()},
        notice=files.purposes.content.get("notice"),
        denials=tuple(model.denial(each) for each in files.denials.content["deny"]),
        exchanges=tuple(
            sorted(((each, model.exchange(each.content)) for each in files.exchanges), key=lambda pair: pair[0].file)
        ),
    )
