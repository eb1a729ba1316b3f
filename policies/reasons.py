"""Why a field was permitted or not: a closed vocabulary, with what may be told to whom.

Each reason says whether the recipient may hear it. One that would tell something about the person (an address
that must stay hidden, an objection, a number found where none should be) is told as the neutral `withheld`; the
journal and the person always get the true one. Sentences use everyday words, in French and in English.
"""

from enum import StrEnum
from typing import NamedTuple

WITHHELD = "withheld"


class Reason(StrEnum):
    """The reason of a verdict, or of a value withheld at minimisation."""

    PERMITTED = "permitted"
    # nobody may have anything
    INCIDENT_FREEZE = "incident_freeze"
    UNKNOWN_SWITCH = "unknown_switch"
    FLAGS_UNKNOWN = "flags_unknown"
    RESTRICTION = "restriction"
    TOMBSTONE = "tombstone"
    # the request does not fit the catalogue
    UNKNOWN_RECIPIENT = "unknown_recipient"
    UNKNOWN_PURPOSE = "unknown_purpose"
    BANNED_PURPOSE = "banned_purpose"
    UNKNOWN_FIELD = "unknown_field"
    NO_EXCHANGE = "no_exchange"
    NOT_IN_EXCHANGE = "not_in_exchange"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    NEVER_RELEASED = "never_released"
    DENIED_BY_RULE = "denied_by_rule"
    # the person acting
    ACTOR_MISSING = "actor_missing"
    ACTOR_UNKNOWN = "actor_unknown"
    ACTOR_ROLE = "actor_role"
    ACTOR_ASSURANCE = "actor_assurance"
    BATCH_NOT_ALLOWED = "batch_not_allowed"
    PERSON_NOT_ALLOWED = "person_not_allowed"
    # the authorisation
    NO_AUTHORISATION = "no_authorisation"
    BASIS_MISMATCH = "basis_mismatch"
    NOT_GIVEN = "not_given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    OBJECTION_LODGED = "objection_lodged"
    STATE_INVALID = "state_invalid"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    USES_EXHAUSTED = "uses_exhausted"
    NOT_AUTHORISED = "not_authorised"
    EXPLICIT_MISSING = "explicit_missing"
    # how often
    FREQUENCY_UNKNOWN = "frequency_unknown"
    FREQUENCY_EXCEEDED = "frequency_exceeded"
    # the person's situation
    SUBJECT_NOT_CONCERNED = "subject_not_concerned"
    DENIED_BY_FLAG = "denied_by_flag"
    NEED_UNMET = "need_unmet"
    # how the field may leave
    OBLIGATION_CONFLICT = "obligation_conflict"
    # found while minimising
    TYPE_MISMATCH = "type_mismatch"
    TRANSFORMATION_FAILED = "transformation_failed"
    NIR_DETECTED = "nir_detected"
    ROWS_AMBIGUOUS = "rows_ambiguous"
    NOT_SUPPLIED = "not_supplied"

    @property
    def told(self) -> bool:
        """Whether the recipient may hear this reason as it is."""
        return _TEXTS[self].told

    @property
    def public(self) -> str:
        """The reason as the recipient hears it."""
        return self.value if self.told else WITHHELD

    def sentence(self, lang: str) -> str:
        """The reason in words, in `fr` or `en`, to anybody but the person."""
        return _TEXTS[self].fr if lang == "fr" else _TEXTS[self].en

    def sentence_to_person(self, lang: str) -> str:
        """The reason as the person it is about reads it, in `fr` or `en`."""
        yours = _YOURS.get(self)
        return self.sentence(lang) if yours is None else yours[lang == "en"]


class _Text(NamedTuple):
    told: bool
    fr: str
    en: str


_TEXTS = {
    Reason.PERMITTED: _Text(True, "L'information peut partir.", "The information may leave."),
    Reason.INCIDENT_FREEZE: _Text(
        True, "Tous les partages sont arrêtés pour le moment.", "All sharing is stopped for the moment."
    ),
    Reason.UNKNOWN_SWITCH: _Text(
        True, "Tous les partages sont arrêtés pour le moment.", "All sharing is stopped for the moment."
    ),
    Reason.FLAGS_UNKNOWN: _Text(
        False, "La situation de la personne n'a pas pu être vérifiée.", "The person's situation could not be checked."
    ),
    Reason.RESTRICTION: _Text(
        False, "La personne a demandé de tout arrêter.", "The person asked for everything to stop."
    ),
    Reason.TOMBSTONE: _Text(False, "Le dossier a été effacé.", "The file was erased."),
    Reason.UNKNOWN_RECIPIENT: _Text(True, "Cet organisme n'est pas connu ici.", "This organisation is not known here."),
    Reason.UNKNOWN_PURPOSE: _Text(True, "Cette raison n'est pas connue ici.", "This purpose is not known here."),
    Reason.BANNED_PURPOSE: _Text(
        True, "Cette raison est interdite pour tout le monde.", "This purpose is banned for everyone."
    ),
    Reason.UNKNOWN_FIELD: _Text(True, "Cette information n'existe pas ici.", "This information does not exist here."),
    Reason.NO_EXCHANGE: _Text(
        True, "Aucun partage n'est prévu pour cette raison.", "No sharing is foreseen for this purpose."
    ),
    Reason.NOT_IN_EXCHANGE: _Text(
        True, "Ce partage ne prévoit pas cette information.", "This sharing does not include this information."
    ),
    Reason.NOT_STARTED: _Text(True, "Ce partage n'a pas encore commencé.", "This sharing has not started yet."),
    Reason.ENDED: _Text(True, "Ce partage est terminé.", "This sharing has ended."),
    Reason.NEVER_RELEASED: _Text(True, "Cette information ne part jamais.", "This information never leaves."),
    Reason.DENIED_BY_RULE: _Text(
        True, "Une règle interdit de partager cette information.", "A rule forbids sharing this information."
    ),
    Reason.ACTOR_MISSING: _Text(True, "On ne sait pas qui demande.", "Nobody is named as asking."),
    Reason.ACTOR_UNKNOWN: _Text(True, "On ne sait pas qui demande.", "It is not known who is asking."),
    Reason.ACTOR_ROLE: _Text(
        True, "Le métier de la personne qui demande ne convient pas.", "The role of the person asking does not fit."
    ),
    Reason.ACTOR_ASSURANCE: _Text(
        True, "La connexion de la personne qui demande n'est pas assez sûre.", "The sign-in is not strong enough."
    ),
    Reason.BATCH_NOT_ALLOWED: _Text(
        True, "Une machine ne peut pas demander seule.", "A batch job may not ask for this by itself."
    ),
    Reason.PERSON_NOT_ALLOWED: _Text(
        True,
        "La personne ne peut pas demander ce partage elle-même.",
        "The person's own presence does not open this sharing.",
    ),
    Reason.NO_AUTHORISATION: _Text(True, "Personne n'a dit oui à ce partage.", "Nobody has agreed to this sharing."),
    Reason.BASIS_MISMATCH: _Text(
        True, "L'accord ne correspond pas à ce partage.", "The authorisation is not of the kind this sharing needs."
    ),
    Reason.NOT_GIVEN: _Text(True, "La personne n'a pas encore répondu.", "The person has not answered yet."),
    Reason.REFUSED: _Text(True, "La personne a dit non.", "The person said no."),
    Reason.WITHDRAWN: _Text(True, "La personne a arrêté ce partage.", "The person stopped this sharing."),
    Reason.OBJECTION_LODGED: _Text(
        False, "La personne s'est opposée à ce partage.", "The person objected to this sharing."
    ),
    Reason.STATE_INVALID: _Text(True, "L'accord n'est pas valable.", "The authorisation is not valid."),
    Reason.NOT_YET_VALID: _Text(True, "L'accord n'a pas encore commencé.", "The authorisation has not started yet."),
    Reason.EXPIRED: _Text(True, "L'accord est terminé.", "The authorisation has ended."),
    Reason.USES_EXHAUSTED: _Text(
        True, "L'accord a déjà servi autant de fois que prévu.", "The authorisation was used as often as it allows."
    ),
    Reason.NOT_AUTHORISED: _Text(
        True, "L'accord ne couvre pas cette information.", "The authorisation does not cover this information."
    ),
    Reason.EXPLICIT_MISSING: _Text(
        True,
        "La personne n'a pas dit un oui à part pour cette information.",
        "The person has not agreed separately to this information.",
    ),
    Reason.FREQUENCY_UNKNOWN: _Text(
        True, "Le nombre de demandes n'a pas pu être vérifié.", "The number of requests could not be checked."
    ),
    Reason.FREQUENCY_EXCEEDED: _Text(
        True, "Trop de demandes pour cette personne.", "Too many requests for this person."
    ),
    Reason.SUBJECT_NOT_CONCERNED: _Text(
        False, "Ce partage ne concerne pas cette personne.", "This sharing does not concern this person."
    ),
    Reason.DENIED_BY_FLAG: _Text(
        False, "La situation de la personne l'interdit.", "The person's situation forbids it."
    ),
    Reason.NEED_UNMET: _Text(
        False, "La situation de la personne ne le permet pas.", "The person's situation does not allow it."
    ),
    Reason.OBLIGATION_CONFLICT: _Text(
        True, "Les règles de protection se contredisent.", "The protections asked for contradict each other."
    ),
    Reason.TYPE_MISMATCH: _Text(
        False, "L'information reçue n'a pas la forme attendue.", "The information received is not of the expected form."
    ),
    Reason.TRANSFORMATION_FAILED: _Text(
        False, "L'information n'a pas pu être réduite.", "The information could not be reduced."
    ),
    Reason.NIR_DETECTED: _Text(
        False,
        "Un numéro de sécurité sociale a été trouvé dans l'information.",
        "A social security number was found in the information.",
    ),
    Reason.ROWS_AMBIGUOUS: _Text(
        False, "Plusieurs réponses ont été reçues au lieu d'une.", "Several answers came instead of one."
    ),
    Reason.NOT_SUPPLIED: _Text(
        False, "L'organisme n'a pas donné cette information.", "The organisation did not give this information."
    ),
}

_YOURS = {
    Reason.FLAGS_UNKNOWN: ("Votre situation n'a pas pu être vérifiée.", "Your situation could not be checked."),
    Reason.RESTRICTION: ("Vous avez demandé de tout arrêter.", "You asked for everything to stop."),
    Reason.PERSON_NOT_ALLOWED: (
        "Ce partage ne s'ouvre pas par votre seule présence.",
        "Your own presence does not open this sharing.",
    ),
    Reason.NOT_GIVEN: ("Vous n'avez pas encore répondu.", "You have not answered yet."),
    Reason.REFUSED: ("Vous avez dit non.", "You said no."),
    Reason.WITHDRAWN: ("Vous avez arrêté ce partage.", "You stopped this sharing."),
    Reason.OBJECTION_LODGED: ("Vous vous êtes opposé à ce partage.", "You objected to this sharing."),
    Reason.EXPLICIT_MISSING: (
        "Vous n'avez pas dit un oui à part pour cette information.",
        "You have not agreed separately to this information.",
    ),
    Reason.FREQUENCY_EXCEEDED: ("Trop de demandes sur vous.", "Too many requests about you."),
    Reason.SUBJECT_NOT_CONCERNED: ("Ce partage ne vous concerne pas.", "This sharing does not concern you."),
    Reason.DENIED_BY_FLAG: ("Votre situation l'interdit.", "Your situation forbids it."),
    Reason.NEED_UNMET: ("Votre situation ne le permet pas.", "Your situation does not allow it."),
}
"""Reasons that speak of the person, told to them: French, then English."""


def public_of(code: str) -> str:
    """The same of a reason written as text; one that is not known any more is not told."""
    return Reason(code).public if code in _CODES else WITHHELD


_CODES = frozenset(each.value for each in Reason)
