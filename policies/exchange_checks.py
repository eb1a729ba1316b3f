"""Checks of one exchange against the vocabulary, the parties and the purposes.

Answers for what the law asks of the file (GDPR art. 9 special categories, art. 26 arrangement, art. 35 impact
assessment, banned re-uses) and for obligations that could not be carried out when the data comes.
"""

from collections.abc import Iterator, Mapping

from policies.documents import Document
from policies.errors import Problem
from policies.model import Exchange, Party, Purpose, Release
from policies.obligations import NEVER, applicable
from policies.tables import resolve
from policies.vocabulary import Field, Vocabulary


def check_exchange(
    document: Document,
    exchange: Exchange,
    *,
    vocabulary: Vocabulary,
    parties: Mapping[str, Party],
    purposes: Mapping[str, Purpose],
) -> Iterator[Problem]:
    """Give every problem of one exchange."""
    yield from _names(document, exchange, vocabulary=vocabulary, parties=parties)
    yield from _purpose(document, exchange, purposes)
    yield from _papers(document, exchange, vocabulary)
    if exchange.status == "active":
        yield from _record(document, exchange, parties=parties, purposes=purposes)
    source = parties.get(exchange.source)
    for name, release in exchange.releases.items():
        field = vocabulary.fields.get(name)
        if field is None or (source is not None and field.dataset not in source.holds):
            detail = f"`{name}` is not a field that {exchange.source} holds"
            yield document.problem(("fields", name), "unknown_field", detail)
            continue
        floor_holder = source.floors if source is not None else {}
        for reason, detail in (*_release(release, field), *_needs(release, field, vocabulary)):
            yield document.problem(("fields", name), reason, detail)
        if resolve(release.obligation, floor_holder.get(name)) is None:
            detail = f"`{release.obligation}` and the source's `{floor_holder[name]}` cannot be compared"
            yield document.problem(("fields", name), "incomparable", detail)


def _names(
    document: Document, exchange: Exchange, *, vocabulary: Vocabulary, parties: Mapping[str, Party]
) -> Iterator[Problem]:
    if document.file not in {f"{exchange.id}.yaml", f"{exchange.name}.yaml"}:
        yield document.problem(("exchange",), "file_name", f"`{exchange.id}` does not stand in a file of that name")
    named = [
        (("controller",), exchange.controller),
        (("source",), exchange.source),
        *((("recipient",), name) for name in exchange.recipients),
        *((("processing", "processors"), name) for name in processors(exchange)),
    ]
    for steps, name in named:
        if name not in parties:
            yield document.problem(steps, "unknown_party", f"`{name}` is not a party")
    if exchange.source in exchange.recipients:
        yield document.problem(("recipient",), "own_source", "the source is among the recipients")
    for name in sorted(exchange.optional - exchange.releases.keys()):
        yield document.problem(("optional",), "unknown_field", f"`{name}` is not a field of this exchange")
    for role in sorted(exchange.roles - vocabulary.roles):
        yield document.problem(("agents", "roles"), "unknown_role", f"`{role}` is not a role")
    for flag in sorted(exchange.requires - vocabulary.flags):
        yield document.problem(("subjects", "requires"), "unknown_flag", f"`{flag}` is not a flag")


def _purpose(document: Document, exchange: Exchange, purposes: Mapping[str, Purpose]) -> Iterator[Problem]:
    if exchange.purpose not in purposes:
        yield document.problem(("purpose",), "unknown_purpose", f"`{exchange.purpose}` is not a purpose")
    for purpose in purposes.values():
        if purpose.banned and f"{exchange.purpose}.".startswith(f"{purpose.id}."):
            yield document.problem(("purpose",), "banned_purpose", f"`{purpose.id}` is banned")


def _papers(document: Document, exchange: Exchange, vocabulary: Vocabulary) -> Iterator[Problem]:
    if len({basis["type"] for basis in exchange.bases}) > 1:
        yield document.problem(("bases",), "two_bases", "an exchange rests on one type of legal basis")
    if exchange.status == "active" and exchange.arrangement is None:
        yield document.problem(("status",), "no_arrangement", "an active exchange names its arrangement (GDPR art. 26)")
    special = any(name in vocabulary.fields and vocabulary.fields[name].special for name in exchange.releases)
    if special and exchange.dpia is None:
        yield document.problem(("fields",), "no_dpia", "special categories need an impact assessment (GDPR art. 35)")
    if exchange.ends is not None and exchange.ends <= exchange.starts:
        yield document.problem(("when", "not_after"), "empty_period", "the exchange ends before it starts")


def _record(
    document: Document, exchange: Exchange, *, parties: Mapping[str, Party], purposes: Mapping[str, Purpose]
) -> Iterator[Problem]:
    """What a consent record must say (ISO/IEC TS 27560, GDPR art. 13) and only the catalogue can."""
    if exchange.processing is None:
        yield document.problem(("exchange",), "no_processing", "an active exchange says how the data is processed")
    purpose = purposes.get(exchange.purpose)
    if purpose is not None and not purpose.banned and None in (purpose.type, purpose.service, purpose.without):
        yield document.problem(("purpose",), "no_words", f"`{purpose.id}` lacks its type, service or consequences")
    for name in sorted({exchange.controller, exchange.source, *exchange.recipients, *processors(exchange)}):
        if name in parties and parties[name].contact is None:
            yield document.problem(("exchange",), "no_contact", f"`{name}` takes part and nobody can reach it")


def processors(exchange: Exchange) -> tuple[str, ...]:
    """Give the parties that process for others in an exchange."""
    return tuple(sorted(exchange.processing.get("processors", ()))) if exchange.processing else ()


def _release(release: Release, field: Field) -> Iterator[tuple[str, str]]:
    if not applicable(release.obligation, field):
        yield "not_applicable", f"`{release.obligation}` does not apply to a {field.type} field"
    if field.never and release.obligation != NEVER:
        yield "never_released", "the vocabulary says this field is never released"


def _needs(release: Release, field: Field, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    for state in release.states:
        if state.removeprefix("not_") not in vocabulary.flags:
            yield "unknown_flag", f"`{state}` is neither a flag nor `not_` and a flag"
    if field.special is None:
        if release.special is not None:
            yield "not_special", "the vocabulary does not call this field a special category"
    elif release.special is None:
        yield "special_category", f"a {field.special} field says its condition (`special: 9-2-…`, GDPR art. 9)"
    elif release.special == "9-2-a" and not release.explicit:
        yield "special_category", "condition 9-2-a needs `needs: {consent: explicit}`"
