"""One thing that differs between two catalogues, and whether it permits more: a closed vocabulary of changes.

`wider` is whatever could let more leave, to more recipients, for longer, with less say of the person; it never needs
to be proved that it does. `narrower` is what can only let less leave. `other` are words and references.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Effect(StrEnum):
    """What a change does to what may leave."""

    WIDER = "wider"
    NARROWER = "narrower"
    OTHER = "other"


class Kind(StrEnum):
    """What differs."""

    # a field of a recipient, for a purpose
    OPENED = "opened"
    CLOSED = "closed"
    MOVED = "moved"
    OBLIGATION = "obligation"
    EXPLICIT = "explicit"
    SITUATION = "situation"
    DEFINITION = "definition"
    # what an exchange asks before
    BASIS = "basis"
    ROLES = "roles"
    ASSURANCE = "assurance"
    BATCH = "batch"
    PERSON = "person"
    PERIOD = "period"
    FREQUENCY = "frequency"
    # what goes with an exchange, and is told
    OBJECTION = "objection"
    REFERENCE = "reference"
    SPECIAL = "special"
    RETENTION = "retention"
    PROCESSING = "processing"
    AUTHORISATION = "authorisation"
    OPTIONAL = "optional"
    CONTROLLER = "controller"
    DOCUMENTS = "documents"
    # the catalogue as a whole
    DENIAL = "denial"
    BANNED = "banned"
    FLAGS = "flags"
    IDENTITY = "identity"
    WORDS = "words"

    def sentence(self, lang: str) -> str:
        """What differs, as a DPO reads it, in `fr` or `en`."""
        return _TEXTS[self].fr if lang == "fr" else _TEXTS[self].en


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Change:
    """One difference: where, what, before and after. Empty where it does not apply."""

    exchange: str = ""
    recipient: str = ""
    purpose: str = ""
    field: str = ""
    kind: Kind
    before: str = ""
    after: str = ""
    effect: Effect


class _Text(NamedTuple):
    fr: str
    en: str


_TEXTS = {
    Kind.OPENED: _Text("Information ouverte", "Field opened"),
    Kind.CLOSED: _Text("Information fermée", "Field closed"),
    Kind.MOVED: _Text("Information donnée par un autre échange", "Field given by another exchange"),
    Kind.OBLIGATION: _Text("Réduction de l'information", "Reduction of the field"),
    Kind.EXPLICIT: _Text("Consentement explicite", "Explicit consent"),
    Kind.SITUATION: _Text("Situations des personnes concernées", "Situations of the persons concerned"),
    Kind.DEFINITION: _Text("Définition de l'information", "Definition of the field"),
    Kind.BASIS: _Text("Base légale", "Legal basis"),
    Kind.ROLES: _Text("Métiers qui peuvent demander", "Roles that may ask"),
    Kind.ASSURANCE: _Text("Force de la connexion", "Strength of the sign-in"),
    Kind.BATCH: _Text("Demandes par lots", "Batch jobs"),
    Kind.PERSON: _Text("Demandes avec la personne seule", "With the person alone"),
    Kind.PERIOD: _Text("Dates de l'échange", "Dates of the exchange"),
    Kind.FREQUENCY: _Text("Nombre de demandes par personne", "Requests per person"),
    Kind.OBJECTION: _Text("Droit d'opposition", "Right to object"),
    Kind.REFERENCE: _Text("Texte de référence", "Legal text"),
    Kind.SPECIAL: _Text("Condition de l'article 9", "Condition of Article 9"),
    Kind.RETENTION: _Text("Conservation chez le destinataire", "Retention by the recipient"),
    Kind.PROCESSING: _Text("Façon de traiter", "Way of processing"),
    Kind.AUTHORISATION: _Text("Durée et usages d'une autorisation", "Length and uses of an authorisation"),
    Kind.OPTIONAL: _Text("Informations facultatives", "Optional fields"),
    Kind.CONTROLLER: _Text("Responsable du traitement", "Controller"),
    Kind.DOCUMENTS: _Text("Analyse d'impact et accord", "Impact assessment and arrangement"),
    Kind.DENIAL: _Text("Interdiction", "Denial"),
    Kind.BANNED: _Text("Finalité interdite", "Banned purpose"),
    Kind.FLAGS: _Text("Situations connues", "Known situations"),
    Kind.IDENTITY: _Text("Identité d'un organisme", "Identity of an institution"),
    Kind.WORDS: _Text("Mots montrés aux personnes", "Words shown to people"),
}
