"""Words that stay on the person's pages though they are hard, and what each means, in French and English.

A closed list: a word that can be said more simply is said so and has no place here. Shown by `explain` of `parts.html`,
after the paragraph or list where the word comes first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and one short sentence; French, then English."""

    name: tuple[str, str]
    means: tuple[str, str]


WORDS: Mapping[str, Word] = {
    "organisme": Word(
        ("organisme", "organisation"),
        ("C'est un service ou un lieu qui vous aide, comme la CAF.", "A service or a place that helps you."),
    ),
    "accord": Word(("accord", "agreement"), ("C'est dire oui. Vous êtes libre.", "It is to say yes. You are free to.")),
    "partage": Word(
        ("partage", "sharing"),
        ("Un lieu donne à un autre ce qu'il sait de vous.", "One place gives another what it knows of you."),
    ),
    "droit": Word(
        ("de quel droit", "by what right"),
        ("Ce qui permet de voir : votre oui, ou la loi.", "What allows it: your yes, or the law."),
    ),
    "reference": Word(
        ("référence", "reference"),
        ("C'est le code à donner si vous nous appelez.", "It is the code to give if you call us."),
    ),
    "recu": Word(("reçu", "receipt"), ("C'est la preuve de votre choix.", "It is the proof of your choice.")),
    "signe": Word(
        ("signé", "signed"),
        ("On peut voir que le reçu vient bien de nous.", "One can see that the receipt does come from us."),
    ),
    "caf": Word(("CAF", "CAF"), ("La CAF verse des aides, comme le RSA.", "The CAF pays benefits, such as the RSA.")),
    "france_travail": Word(
        ("France Travail", "France Travail"),
        ("C'est le nouveau nom de Pôle emploi.", "The French public job service, once named Pôle emploi."),
    ),
    "rsa": Word(
        ("RSA", "RSA"),
        ("C'est une aide pour ceux qui ont peu d'argent.", "A benefit for those who have little money."),
    ),
}
_NAMES = ("rsa", "caf", "france_travail")
"""Those that come with what is shared, not with the page."""


def names_in(text: str) -> tuple[str, ...]:
    """The keys of names to explain in a text."""
    return tuple(key for key in _NAMES if re.search(rf"(?<!\w){WORDS[key].name[0]}(?!\w)", text))
