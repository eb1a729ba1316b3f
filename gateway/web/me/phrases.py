"""Words of these pages that depend on data, in French and English; templates show them with the filter `said`."""

from collections.abc import Mapping

from gateway.archive import words
from gateway.archive.labels import FIELDS
from policies.catalogue import Catalogue
from policies.vocabulary import LANGUAGES

Said = tuple[str, str] | Mapping[str, str]
"""A text in both languages."""

UNITS: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "DAY": (("jour", "day"), ("jours", "days")),
    "MONTH": (("mois", "month"), ("mois", "months")),
    "YEAR": (("an", "year"), ("ans", "years")),
}


def party_said(catalogue: Catalogue, id_: str) -> Said:
    """An institution's name; its id when the catalogue has lost it."""
    if id_ == "operator":
        return words.BY["operator"]
    known = catalogue.parties.get(id_)
    return (id_, id_) if known is None else known.name


def purpose_said(catalogue: Catalogue, id_: str) -> Said:
    """What for."""
    known = catalogue.purposes.get(id_)
    return (id_, id_) if known is None else known.sentence


def basis_said(catalogue: Catalogue, basis: str) -> Said:
    """What a legal basis means to the person."""
    return {lang: catalogue.basis_sentence(basis, lang) for lang in LANGUAGES}


def action_said(catalogue: Catalogue, action: str) -> Said:
    """What the person can do (`consent.actions`)."""
    return {lang: catalogue.action_sentence(action, lang) for lang in LANGUAGES}


def field_said(name: str) -> Said:
    """One field."""
    return FIELDS.get(name, (name, name))
