"""The accesses of an archive as a table for a spreadsheet: a line each, newest first, in the words of the history.

Refuses to be the whole archive: authorisations, rights and what is held stay in the PDF and the JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.web import moments
from gateway.web.me.history import Row, row
from gateway.web.me.lines import OUTCOMES, Access
from gateway.web.me.phrases import Said
from gateway.web.sheet import sheet
from policies.catalogue import Catalogue

COLUMNS: Sequence[tuple[str, str]] = (
    ("Date et heure (Paris)", "Date and time (Paris)"),
    ("Organisme", "Organisation"),
    ("Ce qui s'est passé", "What happened"),
    ("Ce qui a été vu", "What was seen"),
    ("Pour quoi faire", "What for"),
    ("De quel droit", "By what right"),
    ("Qui", "Who"),
    ("D'où ça vient", "Where it comes from"),
    ("Ce qui n'est pas parti", "What did not leave"),
    ("Ligne du journal", "Entry of the journal"),
)


def table(content: Mapping[str, Any], catalogue: Catalogue, lang: str) -> bytes:
    """Write it from an archive (`gateway/archive/content.py`)."""
    rows = [row(catalogue, each) for each in accesses(content["entries"])]
    heading = [_said(each, lang) for each in COLUMNS]
    return sheet([heading, *(_cells(each, lang) for each in rows)], separator=";")


def accesses(entries: Sequence[Mapping[str, Any]]) -> Iterator[Access]:
    """Each exchange once, newest first: what was decided, and what came of it."""
    outcomes = {each["entry"]["ref"]: each for each in entries if each["entry"]["type"] in OUTCOMES}
    for each in reversed(entries):
        if each["entry"]["type"] == "exchange.decided":
            yield _access(each, outcomes.get(each["entry"]["ref"]))


def _access(decided: Mapping[str, Any], came: Mapping[str, Any] | None) -> Access:
    entry, shown = decided["entry"], decided if came is None else came
    released = shown["entry"]["type"] == "exchange.released"
    refused = entry["decision"] == "deny"
    return Access(
        number=decided["number"],
        index=shown["position"],
        at=shown["entry"]["time"],
        org=entry["org"],
        purpose=entry["purpose"],
        basis=entry.get("basis"),
        authorisation=entry.get("authorisation"),
        actor=entry["actor"],
        outcome="refused" if refused else "seen" if released else "nothing",
        fields=tuple(shown["fields"]) if released else (),
        sources=tuple(entry.get("sources", ())),
        hidden={**decided["withheld"], **(shown["withheld"] if released else {})},
    )


def _cells(each: Row, lang: str) -> Sequence[object]:
    colon = " : " if lang == "fr" else ": "
    missing = (_said(why, lang).removesuffix(".") + colon + _list(fields, lang) for why, fields in each.missing)
    return (
        f"{moments.local(each.at):%Y-%m-%d %H:%M}",
        _said(each.name, lang),
        _said(each.outcome_said, lang),
        _list(each.fields, lang) if each.outcome == "seen" else "",
        _said(each.purpose, lang),
        _said(each.by_right, lang),
        _said(each.who, lang),
        _list(each.sources, lang),
        " ; ".join(missing),
        each.index,
    )


def _list(texts: Sequence[Said], lang: str) -> str:
    return ", ".join(_said(each, lang) for each in texts)


def _said(words: Said | None, lang: str) -> str:
    if words is None:
        return ""
    return words[lang] if isinstance(words, Mapping) else words[lang == "en"]
