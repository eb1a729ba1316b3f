"""Codes of the catalogue and the journal as a DPO reads them: French, English. What has no words is shown as it is."""

from collections.abc import Iterable, Mapping

from gateway.archive.labels import FIELDS
from policies.catalogue import Catalogue
from policies.change import Change, Effect
from policies.reasons import Reason

Words = tuple[str, str]

BASES: Mapping[str, Words] = {
    "consent": ("consentement (art. 6-1-a)", "consent (Art. 6-1-a)"),
    "explicit_consent": ("consentement explicite (art. 9-2-a)", "explicit consent (Art. 9-2-a)"),
    "public_task": ("mission d'intérêt public (art. 6-1-e)", "public task (Art. 6-1-e)"),
    "legal_obligation": ("obligation légale (art. 6-1-c)", "legal obligation (Art. 6-1-c)"),
}
OBJECTIONS: Mapping[str, Words] = {"allowed": ("ouvert", "open"), "excluded": ("exclu par le texte", "excluded by law")}
ROLES: Mapping[str, Words] = {
    "controller": ("responsable du traitement", "controller"),
    "source": ("source", "source"),
    "recipient": ("destinataire", "recipient"),
    "processor": ("sous-traitant", "processor"),
}
AGREEMENTS: Mapping[str, Words] = {
    "arrangement": ("accord entre responsables (art. 26)", "joint controllers' arrangement (Art. 26)"),
    "dpia": ("analyse d'impact (art. 35)", "impact assessment (Art. 35)"),
}
RETENTION_FROM: Mapping[str, Words] = {
    "receipt": ("à compter de la réception", "from receipt"),
    "last_contact": ("à compter du dernier contact", "from the last contact"),
    "end_of_support": ("à compter de la fin du suivi", "from the end of support"),
}
SPECIAL: Mapping[str, Words] = {"health": ("santé", "health")}
AGENTS: Mapping[str, Words] = {
    "accueil": ("accueil", "reception"),
    "conseiller": ("conseiller", "adviser"),
    "instructeur": ("instructeur", "case officer"),
    "orienteur": ("orienteur", "guidance officer"),
    "referent": ("référent", "lead professional"),
}
ASSURANCES: Mapping[str, Words] = {
    "low": ("connexion simple", "simple sign-in"),
    "substantial": ("connexion de niveau substantiel", "sign-in of substantial level"),
    "high": ("connexion de niveau élevé", "sign-in of high level"),
}
OPERATIONS: Mapping[str, Words] = {
    "consult": ("consulter", "consult"),
    "import": ("importer", "import"),
}
_UNITS: Mapping[str, Words] = {"D": ("jours", "days"), "M": ("mois", "months"), "Y": ("ans", "years")}
_WINDOWS: Mapping[str, Words] = {"day": ("jour", "day"), "month": ("mois", "month"), "year": ("an", "year")}
_RELEASES: Mapping[str, Words] = {
    "clear": ("en clair", "in clear"),
    "truncate:commune": ("réduite à la commune", "cut to the town"),
    "truncate:day": ("réduite au jour", "cut to the day"),
    "truncate:month": ("réduite au mois", "cut to the month"),
    "truncate:year": ("réduite à l'année", "cut to the year"),
    "generalise:year": ("réduite à l'année", "cut to the year"),
    "generalise:decade": ("réduite à la décennie", "cut to the decade"),
    "pseudonymise": ("remplacée par un pseudonyme", "replaced by a pseudonym"),
    "never": ("jamais", "never"),
}
_SIGNS: Mapping[str, str] = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "="}
EFFECTS: Mapping[Effect, Words] = {
    Effect.WIDER: ("élargit", "wider"),
    Effect.NARROWER: ("restreint", "narrower"),
    Effect.OTHER: ("sans effet sur ce qui part", "no effect on what leaves"),
}
OUTCOMES: Mapping[str, Words] = {
    "opened": ("s'ouvrirait", "would open"),
    "closed": ("se fermerait", "would close"),
    "stricter": ("partirait plus réduite", "would leave further reduced"),
    "looser": ("partirait moins réduite", "would leave less reduced"),
    "uncertain": ("incertain", "uncertain"),
}
DEPENDS: Mapping[str, Words] = {
    "actor": ("du métier ou de la connexion de la personne qui demandait", "on the role or sign-in of whoever asked"),
    "authorisation": ("de l'autorisation de la personne", "on the person's authorisation"),
    "situation": ("de la situation de la personne", "on the person's situation"),
    "frequency": ("du nombre de demandes déjà faites", "on how many requests were made before"),
    "catalogue": ("d'un catalogue qui n'explique pas l'entrée", "on a catalogue that does not explain the entry"),
}


def release(text: str) -> Words:
    """How a field leaves, e.g. `predicate:lt:800`."""
    kind, _, rest = text.partition(":")
    to, _, value = rest.partition(":")
    if kind == "predicate":
        sign = f"{_SIGNS.get(to, to)} {value}"
        return f"réponse oui ou non à « {sign} »", f"yes or no to “{sign}”"
    if kind == "mask":
        return f"masquée sauf {value} caractères", f"masked but {value} characters"
    if (kind, to) == ("generalise", "band"):
        return f"par tranche de {value}", f"in bands of {value}"
    return _RELEASES.get(text, (text, text))


def period(text: str) -> Words:
    """`P24M` in words."""
    unit = _UNITS.get(text[-1:], ("", ""))
    return f"{text[1:-1]} {unit[0]}", f"{text[1:-1]} {unit[1]}"


def frequency(text: str) -> Words:
    """`30/month` in words."""
    count, _, unit = text.partition("/")
    fr, en = _WINDOWS.get(unit, (unit, unit))
    return f"{count} par personne et par {fr}", f"{count} per person and {en}"


def party(catalogue: Catalogue, name: str) -> Words:
    """An institution's name, its id when the catalogue does not know it any more."""
    known = catalogue.parties.get(name)
    return (name, name) if known is None else (str(known.name["fr"]), str(known.name["en"]))


def field(name: str) -> Words:
    """What a field is, as the person reads it; its id when it is not known any more."""
    return FIELDS.get(name, (name, name))


def purpose(catalogue: Catalogue, name: str) -> Words:
    """What a purpose is for, its id when the catalogue does not know it any more."""
    known = catalogue.purposes.get(name)
    return (name, name) if known is None else (str(known.sentence["fr"]), str(known.sentence["en"]))


def reason(code: str) -> Words:
    """Why a field did not leave."""
    known = Reason._value2member_map_.get(code)
    return (known.sentence("fr"), known.sentence("en")) if isinstance(known, Reason) else (code, code)


def each_of(words: Mapping[str, Words], codes: Iterable[str]) -> Words:
    """Several codes in words, one after the other."""
    told = [words.get(code, (code, code)) for code in codes]
    return ", ".join(fr for fr, _ in told), ", ".join(en for _, en in told)


def change(one: Change) -> dict[str, object]:
    """A change for a table: kind, place, before and after in words."""
    obligation = one.kind.value in {"opened", "closed", "obligation"}
    before, after = (
        (release(text) if obligation else (text, text)) if text else ("—", "—") for text in (one.before, one.after)
    )
    return {
        "kind": (one.kind.sentence("fr"), one.kind.sentence("en")),
        "effect": one.effect.value,
        "effect_words": EFFECTS[one.effect],
        "place": [each for each in (one.exchange, one.recipient, one.purpose, one.field) if each],
        "before": before,
        "after": after,
    }
