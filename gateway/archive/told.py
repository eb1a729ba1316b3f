"""What an entry says to the person: a sentence and its parts, in French and in English, names instead of ids."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.archive import words
from gateway.archive.labels import FIELDS, said
from policies.catalogue import Catalogue
from policies.reasons import WITHHELD, Reason

LANGS = ("fr", "en")
PERSONAL = frozenset({"access.reported", "subject.flagged"})
"""Entries that are the person's alone, whoever helps them: what they reported, and their situation."""
_IN_A_LINE = 3
_FRANCE = "99100"  # as the INSEE writes it
_SEXES = {"F": ("femme", "woman"), "M": ("homme", "man")}


@dataclass(frozen=True, slots=True)
class Teller:
    """Names things as the catalogue in force does; what it does not know any more keeps its id."""

    catalogue: Catalogue

    def party(self, id_: str, lang: str) -> str:
        """An institution's name."""
        if id_ == "operator":
            return words.BY["operator"][lang == "en"]
        known = self.catalogue.parties.get(id_)
        return id_ if known is None else str(known.name[lang])

    def purpose(self, id_: str, lang: str) -> str:
        """What for."""
        known = self.catalogue.purposes.get(id_)
        return id_ if known is None else str(known.sentence[lang])

    def fields(self, names: Iterable[str], lang: str) -> str:
        """The fields, as people read them; many of them one below the other."""
        told = list(dict.fromkeys(said(FIELDS, name, lang) for name in sorted(names)))
        return (", " if len(told) <= _IN_A_LINE else "\n").join(told)

    def datasets(self, names: Iterable[str], lang: str) -> str:
        """The sentences of the datasets these fields are of."""
        known = self.catalogue.vocabulary.datasets
        datasets = sorted({name.partition(".")[0] for name in names})
        return "\n".join(known[each].sentence[lang] if each in known else each for each in datasets)

    def source(self, field: str, permits: Mapping[str, Iterable[str]]) -> str | None:
        """The institution a field came from: the exchange's that permitted it, else who holds its dataset."""
        for name, fields in permits.items():
            exchange = self.catalogue.exchanges.get(name)
            if exchange is not None and field in fields:
                return exchange.source
        dataset = field.partition(".")[0]
        return next((id_ for id_, each in sorted(self.catalogue.parties.items()) if dataset in each.holds), None)

    def sentence(self, entry: Mapping[str, Any], lang: str) -> str:
        """One line for one entry."""
        template = words.EVENTS.get(_case(entry), words.OTHER)[lang == "en"]
        parts = {
            "org": self.party(str(entry.get("org", "")), lang),
            "flag": said(words.FLAGS, str(entry.get("flag", "")), lang),
            "right": said(words.RIGHTS, str(entry.get("right", "")), lang),
            "type": str(entry["type"]),
        }
        return template.format(**parts)

    def reason(self, code: str, lang: str, *, of: str = "") -> str:
        """Why, as a sentence; `of` is the type of the entry it stands in."""
        if code == WITHHELD:
            return words.WITHHELD[lang == "en"]
        told = {**words.REASONS, **words.REASONS_OF.get(of, {})}
        if code in told:
            return told[code][lang == "en"]
        known = {each.value: each for each in Reason}.get(code)
        return code if known is None else known.sentence_to_person(lang)


def who(entry: Mapping[str, Any], lang: str) -> str | None:
    """Who acted, as far as the journal knows: a tag only the institution can resolve."""
    actor, by = entry.get("actor"), str(entry.get("by", ""))
    if entry["type"].startswith("authorisation.") or by:
        if by == "representative":
            by = {None: "helper", "aidant": "aidant"}.get(entry.get("capacity"), by)
        return said(words.BY, by, lang) or None
    if not isinstance(actor, str):
        return None
    if entry["type"].startswith("session."):
        return said(words.BY, "helper", lang)
    if actor == "subject":
        return said(words.BY, "present" if "org" in entry else actor, lang)
    if actor.startswith("batch:"):
        name = actor.removeprefix("batch:")
        return f"un ordinateur, sans personne ({name})" if lang == "fr" else f"a computer, nobody there ({name})"
    return "une personne qui y travaille" if lang == "fr" else "somebody who works there"


def identifier(kind: str, value: str, lang: str) -> str:
    """A number as it is written; a civil identity in words, without what nobody knows."""
    if kind != "pivot":
        return value
    try:
        pivot = json.loads(value)
    except ValueError:
        return value
    said_of = partial(_part_of, pivot, lang)
    parts = [
        pivot["family_name"],
        said_of("usual_name", ("nom d'usage", "name used")),
        " ".join(pivot["given_names"]),
        said(_SEXES, pivot["sex"], lang),
        said_of("birth_date", ("date de naissance", "date of birth")),
        said_of("birth_place", ("code de la commune de naissance", "code of the town of birth")),
        said_of("birth_country", ("pays de naissance", "country of birth")),
    ]
    return ", ".join(part for part in parts if part)


def _part_of(pivot: Mapping[str, Any], lang: str, name: str, label: tuple[str, str]) -> str:
    value = pivot.get(name)
    if not value:
        return ""
    if name == "birth_date":
        value = "/".join(part for part in reversed(value.split("-")) if part != "00")
    elif name == "birth_country":
        value = "France" if value == _FRANCE else f"code {value}"
    return f"{label[0]} : {value}" if lang == "fr" else f"{label[1]}: {value}"


def period(text: str, lang: str) -> str:
    """An ISO 8601 period of the catalogue (`P24M`) in words."""
    found = re.fullmatch(r"P(\d+)([YMD])", text)
    if found is None:
        return text
    number = int(found[1])
    return f"{number} {words.UNITS[found[2]][number > 1][lang == 'en']}"


def withheld(seal: bytes | None) -> Mapping[str, str]:
    """The true reasons of what was withheld, as sealed for the person."""
    return {} if seal is None else json.loads(seal).get("withheld", {})


def _case(entry: Mapping[str, Any]) -> str:
    match entry:
        case {"type": "exchange.decided", "decision": "deny"}:
            return "exchange.denied"
        case {"type": "subject.flagged", "set": False}:
            return "subject.unflagged"
        case {"type": "rights.answered", "outcome": "refused"}:
            return "rights.refused"
        case {"type": "log.read", "by": "subject"}:
            return "log.read.own"
        case {"type": "session.opened" | "session.closed", "mandate": _} | {"by": "representative"}:
            helped = f"{entry['type']}.helped"
            return helped if helped in words.EVENTS else str(entry["type"])
    return str(entry["type"])
