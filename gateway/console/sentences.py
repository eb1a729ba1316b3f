"""Each entry of the journal as a sentence to a DPO, in French and English, and the words of filters and verdicts.

Refuses to be silent: an entry of a type without a sentence is told by its type. Names come from the catalogue in
force; an institution it no longer has is told by its slug.
"""

from collections.abc import Mapping
from typing import Any

from gateway.archive.words import naming
from gateway.console.kinds import OWN, Kind
from gateway.console.reasons import reason_of
from policies.catalogue import Catalogue
from policies.reasons import Reason

Words = tuple[str, str]

EVENTS: Mapping[str, Words] = {
    "exchange.decided": ("{org} a demandé des informations", "{org} asked for information"),
    "exchange.released": ("{org} a reçu des informations", "{org} received information"),
    "exchange.undelivered": ("{org} n'a rien reçu : la livraison a échoué", "{org} received nothing: delivery failed"),
    "authorisation.requested": ("{org} a demandé un accord", "{org} asked for an agreement"),
    "authorisation.activated": (
        "Un partage prévu par la loi a commencé pour {org}",
        "A sharing by law began for {org}",
    ),
    "authorisation.deferred": ("La personne a remis sa réponse à {org}", "The person put off answering {org}"),
    "authorisation.reminded": ("Un rappel est parti pour la demande de {org}", "A reminder about {org}'s request left"),
    "authorisation.refused": ("La personne a refusé à {org}", "The person refused {org}"),
    "authorisation.lapsed": ("La demande de {org} est restée sans réponse", "{org}'s request had no answer"),
    "authorisation.given": ("La personne a donné son accord à {org}", "The person agreed to {org}'s request"),
    "authorisation.renewed": (
        "La personne a renouvelé son accord à {org}",
        "The person renewed their agreement to {org}",
    ),
    "authorisation.narrowed": ("L'accord donné à {org} a été réduit", "The agreement given to {org} was narrowed"),
    "authorisation.paused": ("Le partage avec {org} a été mis en pause", "The sharing with {org} was paused"),
    "authorisation.resumed": ("Le partage avec {org} a repris", "The sharing with {org} resumed"),
    "authorisation.withdrawn": ("La personne a retiré son accord à {org}", "The person withdrew from {org}"),
    "authorisation.expired": ("L'accord donné à {org} est arrivé à son terme", "The agreement given to {org} expired"),
    "authorisation.invalidated": (
        "L'accord donné à {org} a été invalidé",
        "The agreement given to {org} was invalidated",
    ),
    "authorisation.revoked": (
        "Une décision a mis fin au partage avec {org}",
        "A decision ended the sharing with {org}",
    ),
    "authorisation.objection_lodged": (
        "La personne s'est opposée au partage avec {org}",
        "The person objected to the sharing with {org}",
    ),
    "authorisation.upheld": (
        "L'opposition au partage avec {org} a été acceptée",
        "The objection about {org} was upheld",
    ),
    "authorisation.overridden": (
        "L'opposition au partage avec {org} a été écartée",
        "The objection about {org} was overridden",
    ),
    "authorisation.held": (
        "Un accord avec {org} est conservé pour un litige",
        "A record about {org} is held for a dispute",
    ),
    "authorisation.freed": ("Un accord avec {org} n'est plus conservé pour un litige", "A hold about {org} ended"),
    "authorisation.tombstoned": ("Le détail d'un accord avec {org} a été effacé", "A record about {org} was erased"),
    "subject.linked": ("{org} a relié un dossier à une personne", "{org} linked a file to a person"),
    "subject.flagged": (
        "Une situation d'une personne a été notée ou levée",
        "A person's situation was noted or lifted",
    ),
    "rights.requested": ("Une personne a exercé un droit", "A person exercised a right"),
    "rights.sent": ("{org} a reçu la demande d'une personne", "{org} was sent a person's request"),
    "rights.extended": ("Le délai d'une demande a été prolongé", "The time to answer a request was extended"),
    "rights.answered": ("La demande d'une personne a reçu sa réponse", "A person's request was answered"),
    "contact.changed": ("Une personne a changé ses préférences de contact", "A person changed how to be contacted"),
    "mandate.recorded": ("Un mandat a été enregistré", "A mandate was recorded"),
    "mandate.ended": ("Un mandat a pris fin", "A mandate ended"),
    "person.previewed": ("Une personne a regardé ce que {org} verrait", "A person looked at what {org} would see"),
    "access.reported": ("Une personne a signalé un accès de {org}", "A person reported an access of {org}"),
    "access.answered": ("Un signalement a reçu sa réponse", "A report was answered"),
    "erasure.requested": ("Un effacement a été demandé", "An erasure was asked for"),
    "erasure.approved": ("Un effacement a été signé", "An erasure was signed"),
    "erasure.cancelled": ("Un effacement a été annulé", "An erasure was cancelled"),
    "erasure.executed": ("Une personne a été effacée", "A person was erased"),
    "erasure.forgotten": ("La trace d'une personne effacée a disparu", "The trace of an erased person is gone"),
    "partner.registered": ("{org} a été enregistré", "{org} was registered"),
    "partner.changed": ("L'enregistrement de {org} a changé", "{org}'s registration changed"),
    "key.scheduled": ("Une clé de la passerelle est programmée", "A key of the gateway was scheduled"),
    "key.rotated": ("Une clé de la passerelle a pris la suite", "A key of the gateway took over"),
    "key.retired": ("Une clé de la passerelle a été retirée", "A key of the gateway was retired"),
    "gateway.frozen": ("L'arrêt d'urgence a été mis ou levé", "The emergency stop was set or lifted"),
    "catalogue.activated": ("Un catalogue est entré en vigueur", "A catalogue took effect"),
    "signal.disabled": ("Les signaux vers {org} sont arrêtés", "Signals to {org} are stopped"),
    "log.created": ("Le journal de l'année a commencé", "The year's journal began"),
    "log.pruned": ("Des entrées dont la durée était passée ont été retirées", "Entries past their time were removed"),
    "log.read": ("Des entrées du journal ont été lues ou copiées", "Entries of the journal were read or copied"),
    OWN: ("Une personne a lu ce qui la concerne", "A person read what concerns them"),
    "catalogue.approved": ("Un catalogue a été approuvé", "A catalogue was approved"),
    "rights.staged": ("La demande d'une personne a avancé d'une étape", "A person's request moved on a stage"),
    "role.given": ("Un rôle a été donné", "A role was given"),
    "role.removed": ("Un rôle a été retiré", "A role was removed"),
    "session.opened": ("Quelqu'un s'est connecté", "Somebody signed in"),
    "session.closed": ("Quelqu'un s'est déconnecté", "Somebody signed out"),
    "signin.refused": ("Une connexion a été refusée", "A sign-in was refused"),
    "token.issued": ("{org} a reçu un jeton d'accès", "{org} was given an access token"),
    "token.refused": ("Un jeton d'accès a été refusé", "An access token was refused"),
    "token.revoked": ("Un jeton d'accès a été révoqué", "An access token was revoked"),
    "token.noise": ("Des demandes que rien ne prouvait ont été comptées", "Requests that proved nothing were counted"),
    "watch.judged": ("Une alerte a été jugée", "An alert was judged"),
    "console.viewed": ("Un DPO a consulté la console", "A DPO used the console"),
    "console.searched": ("Un DPO a cherché une personne", "A DPO searched for a person"),
    "unreadable": ("Cette entrée ne se lit pas", "This entry cannot be read"),
    "unknown": ("Une entrée d'une version plus récente", "An entry of a newer version"),
}

VERDICTS: Mapping[str, Words] = {
    "permit": ("accordé", "permitted"),
    "deny": ("refusé", "denied"),
    "exchange.released": ("transmis", "released"),
    "exchange.undelivered": ("non transmis", "not delivered"),
}

VIEWS: Mapping[str, Words] = {
    "search": ("recherche", "search"),
    "entry": ("une entrée", "one entry"),
    "consultations": ("consultations", "consultations"),
    "registers": ("registres", "registers"),
    "rights": ("demandes de droits", "rights requests"),
    "breach": ("rayon d'une violation", "breach radius"),
    "watch": ("vigilance", "watch list"),
    "reconciliation": ("écarts", "reconciliation"),
    "policies": ("règles", "policies"),
}

FILTERS: Mapping[str, Words] = {
    "org": ("organisme", "organisation"),
    "actor": ("agent", "person acting"),
    "type": ("événement", "event"),
    "purpose": ("finalité", "purpose"),
    "dataset": ("données", "dataset"),
    "decision": ("décision", "decision"),
    "reason": ("motif", "reason"),
    "person": ("personne", "person"),
}

DATASETS: Mapping[str, Words] = {
    "aah": ("AAH", "AAH disability benefit"),
    "c2s": ("complémentaire santé solidaire", "C2S health cover"),
    "contact": ("coordonnées", "contact details"),
    "diagnosis": ("diagnostic", "diagnosis"),
    "ft_appointments": ("rendez-vous à France Travail", "France Travail appointments"),
    "household": ("foyer et adresse", "household and address"),
    "identity": ("état civil", "civil identity"),
    "job_seeker": ("demandeur d'emploi", "job seeker"),
    "orientation": ("orientation", "path towards work"),
    "prime_activite": ("prime d'activité", "in-work benefit"),
    "quotient_familial": ("quotient familial", "family quotient"),
    "rdv": ("rendez-vous avec le Département", "appointments with the Département"),
    "registration": ("inscription à France Travail", "registration at France Travail"),
    "rqth": ("travailleur handicapé (RQTH)", "disabled worker (RQTH)"),
    "rsa": ("RSA", "RSA benefit"),
}

BY: Mapping[str, Words] = {
    "pseudonym": ("par un pseudonyme", "by a pseudonym"),
    "reference": ("par un numéro de dossier", "by a file number"),
    "identity": ("par une identité", "by an identity"),
}

_KNOWN = frozenset(each.value for each in Reason)


class Names:
    """Says the catalogue's words to a DPO, in one language."""

    def __init__(self, catalogue: Catalogue, lang: str) -> None:
        self._catalogue = catalogue
        self._lang = lang

    def said(self, words: Words) -> str:
        """Choose the language."""
        return words[self._lang == "en"]

    def org(self, slug: str) -> str:
        """An institution's name."""
        party = self._catalogue.parties.get(slug)
        return party.name[self._lang] if party else slug

    def purpose(self, name: str) -> str:
        """What a purpose is for, and its name."""
        known = self._catalogue.purposes.get(name)
        words = (known.service or known.sentence) if known else None
        return f"{words[self._lang].rstrip('.')} ({name})" if words else name

    def dataset(self, name: str) -> str:
        """What a dataset holds, and its name."""
        if name in DATASETS:
            return f"{self.said(DATASETS[name])} ({name})"
        known = self._catalogue.vocabulary.datasets.get(name)
        return f"{known.sentence[self._lang].rstrip('.')} ({name})" if known else name

    def reason(self, code: str, *, of: str = "") -> str:
        """Why, in a sentence, and its code; `of` is the type of the entry it stands in."""
        words = reason_of(of, code)
        if code in _KNOWN and (words is None or not of):
            return f"{Reason(code).sentence(self._lang)} ({code})"
        return f"{self.said(words)} ({code})" if words else code

    def event(self, kind: str) -> str:
        """A type of entry, for a list of types."""
        words = EVENTS.get(kind)
        org = self.said(("un organisme", "an organisation"))
        told = naming(self.said(words), org) if words else kind
        return told[:1].upper() + told[1:]

    def sentence(self, kind: Kind) -> str:
        """What happened, in one line."""
        words = EVENTS.get(kind.type)
        if words is None:
            return kind.type
        return naming(self.said(words), self.org(kind.org) if kind.org else self.said(("quelqu'un", "somebody")))

    def verdict(self, kind: Kind) -> str:
        """Whether anything may leave, or left; empty where nothing was asked."""
        words = VERDICTS.get(kind.decision or kind.type)
        return self.said(words) if words else ""

    def full(self, kind: Kind) -> str:
        """The sentence that opens the page of an entry."""
        parts = [self.sentence(kind)]
        if kind.sources:
            sources = ", ".join(map(self.org, kind.sources))
            parts.append(self.said((f"auprès de {sources}", f"held by {sources}")))
        if kind.datasets:
            parts.append(self.said(("sur : ", "about: ")) + ", ".join(map(self.dataset, kind.datasets)))
        if kind.purpose:
            parts.append(self.said(("pour : ", "for: ")) + self.purpose(kind.purpose))
        if verdict := self.verdict(kind):
            parts.append(verdict)
        return ", ".join(parts) + "."


def shown(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the members of an entry as text, in their own order of writing: codes, numbers and hashes, nothing else."""
    return [(name, _text(value)) for name, value in entry.items()]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
