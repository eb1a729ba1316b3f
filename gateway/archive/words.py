"""Each entry of the journal as a sentence to the person, in French and English; states, rights and reasons likewise.

Everyday words, short sentences. Refuses to be silent: an entry of a type without a
sentence is told as what it is, so that the lines of an archive are as many as the entries.
"""

import re
from collections.abc import Mapping

Words = tuple[str, str]

_ELIDES = re.compile("[aeiouàâéèêëîïôûü]|h(?:ôpital|ospice|abitat)", re.IGNORECASE)  # other words in h: not sure

EVENTS: Mapping[str, Words] = {
    "exchange.decided": ("{org} a demandé des informations sur vous.", "{org} asked for information about you."),
    "exchange.denied": (
        "{org} a demandé des informations sur vous. La réponse a été non.",
        "{org} asked for information about you. The answer was no.",
    ),
    "exchange.released": ("{org} a reçu des informations sur vous.", "{org} received information about you."),
    "exchange.undelivered": (
        "{org} a demandé des informations sur vous. Rien n'est parti.",
        "{org} asked for information about you. Nothing left.",
    ),
    "subject.linked": ("{org} a relié son dossier à vous.", "{org} linked its file to you."),
    "subject.flagged": ("Une situation a été notée : {flag}.", "A situation was noted: {flag}."),
    "subject.unflagged": ("Une situation n'est plus notée : {flag}.", "A situation is no longer noted: {flag}."),
    "authorisation.requested": ("{org} vous a demandé votre accord.", "{org} asked for your agreement."),
    "authorisation.activated": (
        "Un partage prévu par la loi a commencé avec {org}.",
        "A sharing provided by law began with {org}.",
    ),
    "authorisation.deferred": ("Vous avez remis votre réponse à {org}.", "You put off your answer to {org}."),
    "authorisation.reminded": ("Un rappel vous a été envoyé pour {org}.", "You were sent a reminder about {org}."),
    "authorisation.refused": ("Vous avez dit non à {org}.", "You said no to {org}."),
    "authorisation.refused.helped": ("On a dit non à {org} pour vous.", "Somebody said no to {org} for you."),
    "authorisation.lapsed": (
        "La demande de {org} est restée sans réponse. Elle est finie.",
        "The request of {org} had no answer. It is over.",
    ),
    "authorisation.given": ("Vous avez dit oui à {org}.", "You said yes to {org}."),
    "authorisation.given.helped": ("On a dit oui à {org} pour vous.", "Somebody said yes to {org} for you."),
    "authorisation.renewed": ("Vous avez redit oui à {org}.", "You said yes to {org} again."),
    "authorisation.narrowed": (
        "Le partage avec {org} a été réduit.",
        "The sharing with {org} was made smaller.",
    ),
    "authorisation.paused": ("Le partage avec {org} a été mis en pause.", "The sharing with {org} was paused."),
    "authorisation.resumed": ("Le partage avec {org} a repris.", "The sharing with {org} resumed."),
    "authorisation.withdrawn": ("Vous avez arrêté le partage avec {org}.", "You stopped the sharing with {org}."),
    "authorisation.withdrawn.helped": (
        "On a arrêté le partage avec {org} pour vous.",
        "Somebody stopped the sharing with {org} for you.",
    ),
    "authorisation.expired": ("Le partage avec {org} est arrivé à sa fin.", "The sharing with {org} came to its end."),
    "authorisation.superseded": (
        "Un nouvel accord a remplacé le précédent avec {org}.",
        "A new agreement replaced the former one with {org}.",
    ),
    "authorisation.invalidated": (
        "L'accord avec {org} n'est plus valable.",
        "The agreement with {org} is no longer valid.",
    ),
    "authorisation.revoked": (
        "Le partage avec {org} a été arrêté par une décision officielle.",
        "The sharing with {org} was stopped by an official decision.",
    ),
    "authorisation.objection_lodged": (
        "Vous vous êtes opposé au partage avec {org}. Il s'est arrêté aussitôt.",
        "You objected to the sharing with {org}. It stopped at once.",
    ),
    "authorisation.objection_lodged.helped": (
        "On s'est opposé pour vous au partage avec {org}. Il s'est arrêté aussitôt.",
        "Somebody objected for you to the sharing with {org}. It stopped at once.",
    ),
    "authorisation.upheld": (
        "Votre opposition a été acceptée. Le partage avec {org} est fini.",
        "Your objection was accepted. The sharing with {org} is over.",
    ),
    "authorisation.overridden": (
        "Votre opposition n'a pas été acceptée. Le partage avec {org} a repris.",
        "Your objection was not accepted. The sharing with {org} resumed.",
    ),
    "authorisation.held": (
        "La trace du partage avec {org} est gardée pour un litige.",
        "The record of the sharing with {org} is kept for a dispute.",
    ),
    "authorisation.freed": (
        "La trace du partage avec {org} n'est plus gardée pour un litige.",
        "The record of the sharing with {org} is no longer kept for a dispute.",
    ),
    "authorisation.tombstoned": (
        "Le détail du partage avec {org} a été effacé. Sa durée était passée.",
        "The detail of the sharing with {org} was erased. Its time had passed.",
    ),
    "rights.requested": ("Vous avez fait une demande : {right}.", "You made a request: {right}."),
    "rights.requested.helped": (
        "On a fait une demande pour vous : {right}.",
        "Somebody made a request for you: {right}.",
    ),
    "rights.staged": ("Votre demande avance.", "Your request is being dealt with."),
    "rights.sent": ("{org} a reçu votre demande : {right}.", "{org} was sent your request: {right}."),
    "rights.extended": (
        "La réponse à votre demande prendra plus de temps : {right}.",
        "The answer to your request will take more time: {right}.",
    ),
    "rights.answered": ("Votre demande a été acceptée : {right}.", "Your request was granted: {right}."),
    "rights.refused": ("Votre demande a été refusée : {right}.", "Your request was refused: {right}."),
    "contact.changed": (
        "Votre choix pour être prévenu a changé.",
        "Your choice of how to be told has changed.",
    ),
    "mandate.recorded": (
        "Une personne peut agir pour vous. Cela a été noté.",
        "Somebody may act for you. This was noted.",
    ),
    "mandate.ended": ("Une personne ne peut plus agir pour vous.", "Somebody may no longer act for you."),
    "erasure.executed": ("Vos informations ont été effacées d'ici.", "Your information was erased from here."),
    "console.searched": (
        "La personne qui protège les données a cherché ce qui vous concerne.",
        "The data protection officer looked for what concerns you.",
    ),
    "person.previewed": (
        "Vous avez regardé ce que {org} peut voir.",
        "You looked at what {org} can see.",
    ),
    "access.reported": (
        "Vous avez signalé une ligne sur {org}.",
        "You reported a line about {org}.",
    ),
    "person.previewed.helped": (
        "Une personne qui vous aide a regardé ce que {org} peut voir.",
        "Somebody who helps you looked at what {org} can see.",
    ),
    "access.reported.helped": (
        "Une personne qui vous aide a signalé une ligne sur {org}.",
        "Somebody who helps you reported a line about {org}.",
    ),
    "session.opened": ("Vous vous êtes connecté à vos pages.", "You signed in to your pages."),
    "session.closed": ("Vous vous êtes déconnecté de vos pages.", "You signed out of your pages."),
    "session.opened.helped": (
        "Une personne qui vous aide a ouvert vos pages.",
        "Somebody who helps you opened your pages.",
    ),
    "session.closed.helped": (
        "Une personne qui vous aide a quitté vos pages.",
        "Somebody who helps you left your pages.",
    ),
    "log.read": (
        "La liste de ce qui vous concerne a été lue, pour vous la donner.",
        "The list of what concerns you was read, to give it to you.",
    ),
    "log.read.own": ("Vous avez téléchargé vos informations.", "You downloaded your information."),
    "log.read.helped": (
        "Une personne qui vous aide a téléchargé vos informations.",
        "Somebody who helps you downloaded your information.",
    ),
}
OTHER: Words = ("Autre événement, de type {type}.", "Another event, of type {type}.")

STATES: Mapping[str, Words] = {
    "requested": ("on attend votre réponse", "waits for your answer"),
    "deferred": ("vous répondrez plus tard", "you will answer later"),
    "refused": ("refusé", "refused"),
    "lapsed": ("sans réponse, fini", "no answer, over"),
    "given": ("en cours, vous avez dit oui", "in force, you said yes"),
    "renewed": ("en cours, vous avez redit oui", "in force, you said yes again"),
    "active": ("en cours, prévu par la loi", "in force, provided by law"),
    "paused": ("en pause", "paused"),
    "withdrawn": ("arrêté par vous", "stopped by you"),
    "expired": ("terminé", "ended"),
    "superseded": ("remplacé par un autre", "replaced by another"),
    "invalidated": ("plus valable", "no longer valid"),
    "revoked": ("arrêté par une décision officielle", "stopped by an official decision"),
    "objection_lodged": ("arrêté, votre opposition est étudiée", "stopped, your objection is examined"),
    "upheld": ("arrêté, votre opposition est acceptée", "stopped, your objection was accepted"),
    "tombstoned": ("effacé", "erased"),
}

BASES: Mapping[str, Words] = {
    "consent": ("avec votre accord", "with your agreement"),
    "explicit_consent": ("avec votre accord, donné à part", "with your agreement, given separately"),
    "public_task": ("la loi le permet, vous pouvez vous y opposer", "the law allows it, you may object"),
    "legal_obligation": ("la loi l'impose", "the law requires it"),
}

RIGHTS: Mapping[str, Words] = {
    "access": ("voir vos informations", "to see your information"),
    "portability": ("emporter vos informations", "to take your information away"),
    "rectification": ("corriger une information", "to correct an item of information"),
    "restriction": ("tout arrêter", "to stop everything"),
    "objection": ("vous opposer à un partage", "to object to a sharing"),
    "erasure": ("effacer vos informations", "to erase your information"),
}

RIGHT_STATES: Mapping[str, Words] = {
    "received": ("reçue, réponse à venir", "received, answer to come"),
    "extended": ("reçue, délai allongé", "received, more time taken"),
    "answered": ("acceptée", "granted"),
    "refused": ("refusée", "refused"),
}

REASONS: Mapping[str, Words] = {
    "complexity": ("votre demande est difficile", "your request is complex"),
    "number_of_requests": ("il y a beaucoup de demandes", "there are many requests"),
    "accuracy_contested": ("une information semble fausse", "some information seems wrong"),
    "unlawful": ("le partage n'était pas permis", "the sharing was not lawful"),
    "needed_for_claims": ("vous en avez besoin pour vous défendre", "you need it to defend yourself"),
    "objection_pending": ("une opposition est étudiée", "an objection is being examined"),
    "identity_not_confirmed": ("on n'a pas pu savoir que c'était vous", "we could not make sure it was you"),
    "manifestly_unfounded": ("la demande n'a pas de raison", "the request has no ground"),
    "excessive": ("la demande a été faite trop de fois", "the request was made too many times"),
    "rights_of_others": ("cela toucherait d'autres personnes", "it would affect other people"),
    "accurate": ("l'organisme a vérifié : l'information est juste", "the organisation checked: it is right"),
    "legal_obligation": ("la loi demande de garder l'information", "the law requires it to be kept"),
    "public_task": ("un service public en a besoin", "a public service needs it"),
    "legal_claims": ("l'information sert dans un litige", "it is needed in a dispute"),
    "no_ground": ("aucun des cas de la loi ne convient", "none of the cases of the law fits"),
    "no_consent": ("ce partage ne vient pas de votre accord", "this sharing does not rest on your agreement"),
    "compelling_grounds": ("un motif plus fort oblige à continuer", "a stronger ground requires it to go on"),
    "no_objection_in_law": ("la loi impose ce partage", "the law requires this sharing"),
    "accuracy_checked": ("l'information a été vérifiée", "the information was checked"),
    "ground_gone": ("la raison n'existe plus", "the reason is gone"),
    "person_asked": ("vous l'avez demandé", "you asked for it"),
    "request_refused": ("la demande a été refusée", "the request was refused"),
}

REASONS_OF: Mapping[str, Mapping[str, Words]] = {
    "authorisation.paused": {
        "incident": ("un problème est examiné", "a problem is being examined"),
        "complaint": ("une plainte est examinée", "a complaint is being examined"),
        "inquiry": ("un contrôle est en cours", "a check is under way"),
        "accuracy_disputed": ("une information semble fausse", "some information seems wrong"),
    },
    "authorisation.invalidated": {
        "purpose_retired": ("ce pour quoi il servait n'existe plus", "what it was for is no more"),
        "exchange_retired": ("ce partage n'existe plus", "this sharing is no more"),
        "notice_withdrawn": ("le texte que vous aviez lu a été retiré", "the text you had read was taken back"),
        "notice_defective": ("le texte que vous aviez lu avait un défaut", "the text you had read had a fault"),
        "capacity_lost": ("qui l'a donné ne peut plus agir pour vous", "who gave it may no longer act for you"),
        "majority_reached": ("vous avez maintenant 18 ans", "you are now 18"),
    },
    "exchange.undelivered": {
        "sources_unavailable": ("les organismes n'ont pas répondu", "the organisations did not answer"),
        "nothing_supplied": ("les organismes n'avaient rien à donner", "the organisations had nothing to give"),
        "epoch_changed": ("vos choix ont changé entre-temps", "your choices changed meanwhile"),
    },
    "access.reported": {
        "unknown_organisation": ("vous ne connaissez pas cet organisme", "you do not know this organisation"),
        "unknown_purpose": ("vous ne comprenez pas la raison", "you do not understand what for"),
        "not_asked": ("vous n'avez rien demandé", "you did not ask for anything"),
        "too_much": ("trop d'informations", "too much information"),
        "other": ("autre raison", "another reason"),
    },
    "session.closed": {
        "signed_out": ("on a appuyé sur « Se déconnecter »", "“Sign out” was pressed"),
        "ended": ("la connexion a été coupée", "the connection was cut"),
        "replaced": ("une autre connexion l'a remplacée", "another sign-in replaced it"),
    },
}
"""Those of one type of entry: the same code means something else in another."""

WITHHELD: Words = ("Cette information ne part pas.", "This information does not leave.")
"""Why, to whoever may not hear the reason."""

FLAGS: Mapping[str, Words] = {
    "restriction": ("tout est arrêté", "everything is stopped"),
    "protected_address": ("votre adresse est protégée", "your address is protected"),
    "beneficiary_rsa": ("vous touchez le RSA", "you receive the RSA benefit"),
}

CHANNELS: Mapping[str, Words] = {
    "page": ("sur le site", "on the site"),
    "link": ("par un lien", "by a link"),
    "counter": ("à un guichet", "at a desk"),
    "paper": ("sur papier", "on paper"),
    "sms": ("par SMS", "by text message"),
    "letter": ("par courrier", "by letter"),
    "phone": ("par téléphone", "by telephone"),
}

BY: Mapping[str, Words] = {
    "subject": ("vous", "you"),
    "present": ("vous, sur le site de l'organisme", "you, on the organisation's site"),
    "representative": ("une personne qui vous représente", "somebody who represents you"),
    "helper": ("une personne qui vous aide", "somebody who helps you"),
    "aidant": ("fait avec l'aide de quelqu'un", "done with somebody's help"),
    "professional": ("un professionnel", "a professional"),
    "controller": ("l'organisme", "the organisation"),
    "dpo": ("la personne qui protège les données", "the data protection officer"),
    "authority": ("une autorité", "an authority"),
    "operator": ("le service technique", "the technical service"),
    "clock": ("la date", "the date"),
    "policy": ("une règle", "a rule"),
}

UNITS: Mapping[str, tuple[Words, Words]] = {
    "Y": (("an", "year"), ("ans", "years")),
    "M": (("mois", "month"), ("mois", "months")),
    "D": (("jour", "day"), ("jours", "days")),
}

FROM: Mapping[str, Words] = {
    "last_contact": ("après votre dernier contact", "after your last contact"),
    "receipt": ("après réception", "after receipt"),
    "end_of_support": ("après la fin du suivi", "after the end of support"),
}


def naming(sentence: str, org: str) -> str:
    """The sentence with the organisation's name; in French, de and que lose their e before a vowel."""
    if _ELIDES.match(org):
        sentence = sentence.replace("de {org}", "d'{org}").replace("que {org}", "qu'{org}")
    return sentence.format(org=org)
