"""The name people read of each field, of each kind of identifier: French, English. Unknown ones are read as written."""

from collections.abc import Mapping

FIELDS: Mapping[str, tuple[str, str]] = {
    "rsa.beneficiary": ("si vous touchez le RSA", "whether you receive the RSA benefit"),
    "rsa.majoration": ("si votre RSA est majoré", "whether your RSA is increased"),
    "rsa.since": ("depuis quand vous touchez le RSA", "since when you receive the RSA benefit"),
    "prime_activite.beneficiary": ("si vous touchez la prime d'activité", "whether you receive the in-work benefit"),
    "prime_activite.majoration": ("si votre prime d'activité est majorée", "whether your in-work benefit is increased"),
    "prime_activite.since": ("depuis quand vous touchez la prime d'activité", "since when you receive it"),
    "aah.beneficiary": ("si vous touchez l'AAH", "whether you receive the AAH disability benefit"),
    "aah.since": ("depuis quand vous touchez l'AAH", "since when you receive the AAH"),
    "c2s.beneficiary": ("si vous avez la complémentaire santé solidaire", "whether you have the C2S health cover"),
    "c2s.contribution": ("si vous payez pour cette complémentaire", "whether you pay for this cover"),
    "c2s.since": ("depuis quand vous avez cette complémentaire", "since when you have this cover"),
    "quotient_familial.value": ("votre quotient familial", "your family quotient"),
    "quotient_familial.provider": ("qui a calculé votre quotient familial", "who worked out your family quotient"),
    "quotient_familial.year": ("l'année de ce quotient", "the year of this quotient"),
    "quotient_familial.month": ("le mois de ce quotient", "the month of this quotient"),
    "household.address": ("votre adresse", "your address"),
    "household.postcode": ("votre code postal", "your postcode"),
    "household.commune": ("votre commune", "your town"),
    "household.children": ("le nombre d'enfants à la maison", "the number of children at home"),
    "job_seeker.registered": (
        "si vous êtes inscrit à France Travail",
        "whether you are registered as looking for work",
    ),
    "job_seeker.since": ("depuis quand vous êtes inscrit", "since when you are registered"),
    "job_seeker.until": ("jusqu'à quand vous êtes inscrit", "until when you are registered"),
    "job_seeker.category": ("votre catégorie d'inscription", "your category of registration"),
    "registration.status": ("l'état de votre inscription", "the state of your registration"),
    "registration.since": ("la date de votre inscription", "the date of your registration"),
    "registration.months_of_12": ("vos mois d'inscription sur un an", "your months registered over one year"),
    "registration.months_of_24": ("vos mois d'inscription sur deux ans", "your months registered over two years"),
    "registration.months_of_36": ("vos mois d'inscription sur trois ans", "your months registered over three years"),
    "registration.category_code": ("le code de votre catégorie", "the code of your category"),
    "registration.category_label": ("le nom de votre catégorie", "the name of your category"),
    "registration.closing_code": ("le code de fin d'inscription", "the code of the end of registration"),
    "registration.closing_label": ("pourquoi l'inscription a pris fin", "why the registration ended"),
    "orientation.path": ("votre parcours", "your path"),
    "orientation.body": ("l'organisme qui vous suit", "the body that supports you"),
    "orientation.structure": ("le lieu qui vous suit", "the place that supports you"),
    "orientation.status": ("où en est votre parcours", "where your path stands"),
    "orientation.state": ("l'état de votre parcours", "the state of your path"),
    "orientation.entered_on": ("le début de votre parcours", "the start of your path"),
    "orientation.left_on": ("la fin de votre parcours", "the end of your path"),
    "orientation.created_on": ("la date d'enregistrement du parcours", "the date the path was recorded"),
    "ft_appointments.starts_at": ("la date de vos rendez-vous", "the date of your appointments"),
    "ft_appointments.minutes": (
        "la durée de vos rendez-vous, en minutes",
        "the length of your appointments, in minutes",
    ),
    "ft_appointments.status": ("l'état de vos rendez-vous", "the state of your appointments"),
    "ft_appointments.mode": ("si vos rendez-vous sont sur place ou non", "whether your appointments are on site"),
    "ft_appointments.place": ("le lieu de vos rendez-vous", "the place of your appointments"),
    "ft_appointments.reason": ("le motif de vos rendez-vous", "the reason for your appointments"),
    "diagnosis.theme": ("les sujets de votre bilan", "the themes of your review"),
    "diagnosis.need": ("vos besoins", "your needs"),
    "diagnosis.finding": ("ce que dit votre bilan", "what your review says"),
    "diagnosis.explored_on": ("la date de votre bilan", "the date of your review"),
    "rqth.valid": ("si vous êtes reconnu travailleur handicapé", "whether you are recognised as a disabled worker"),
    "rqth.since": ("depuis quand vous êtes reconnu", "since when you are recognised"),
    "rqth.until": ("jusqu'à quand vous êtes reconnu", "until when you are recognised"),
    "rqth.source": ("qui vous a reconnu", "who recognised you"),
    "identity.family_name": ("votre nom", "your name"),
    "identity.given_names": ("vos prénoms", "your first names"),
    "identity.birth_date": ("votre date de naissance", "your date of birth"),
    "identity.nir": ("votre numéro de sécurité sociale", "your social security number"),
    "contact.phone": ("votre téléphone", "your telephone number"),
    "contact.email": ("votre e-mail", "your e-mail address"),
    "contact.address": ("votre adresse", "your address"),
    "rdv.starts_at": ("la date de vos rendez-vous", "the date of your appointments"),
    "rdv.minutes": ("la durée de vos rendez-vous, en minutes", "the length of your appointments, in minutes"),
    "rdv.status": ("l'état de vos rendez-vous", "the state of your appointments"),
    "rdv.reason": ("le motif de vos rendez-vous", "the reason for your appointments"),
    "rdv.place": ("le lieu de vos rendez-vous", "the place of your appointments"),
    "rdv.collective": ("si le rendez-vous est en groupe", "whether the appointment is in a group"),
    "rdv.cancelled_at": ("la date d'annulation", "the date of cancellation"),
}

KINDS: Mapping[str, tuple[str, str]] = {
    "pivot": ("votre état civil", "your civil identity"),
    "nir": ("votre numéro de sécurité sociale", "your social security number"),
    "ft_number": ("votre numéro France Travail", "your France Travail number"),
    "ft_login": ("votre compte France Travail", "your France Travail account"),
    "caf_number": ("votre numéro CAF", "your CAF number"),
    "rdvi_user": ("votre numéro sur RDV-Insertion", "your number at RDV-Insertion"),
    "rdvi_rdv": ("votre numéro sur RDV-Solidarités", "your number at RDV-Solidarités"),
}

CODES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "ft_appointments.status": {
        "PRIS": ("prévu", "booked"),
        "EFFECTUE": ("a eu lieu", "took place"),
        "MODIFIE": ("modifié", "changed"),
        "ABSENT": ("vous n'êtes pas venu", "you did not come"),
        "ANNULE": ("annulé", "cancelled"),
    },
    "ft_appointments.mode": {
        "PHYSIQUE": ("sur place", "on site"),
        "TELEPHONE": ("par téléphone", "by telephone"),
        "VISIO": ("en vidéo", "by video"),
    },
    "ft_appointments.reason": {
        "ACC": ("premier rendez-vous d'accompagnement", "first support appointment"),
        "ORI": ("orientation", "choosing your path"),
        "AUT": ("autre", "other"),
    },
    "orientation.body": {
        "FT": ("France Travail", "France Travail"),
        "CD": ("le Département", "the Département"),
        "ML": ("la mission locale", "the mission locale"),
        "CE": ("Cap emploi", "Cap emploi"),
    },
    "orientation.status": {"PRECONISE": ("proposé", "proposed"), "DECIDE": ("décidé", "decided")},
    "orientation.state": {
        "BROUILLON": ("pas encore prêt", "not ready yet"),
        "EN_ATTENTE": ("en attente", "waiting"),
        "OUVERT": ("en cours", "under way"),
        "CLOTURE": ("terminé", "over"),
    },
    "diagnosis.finding": {
        "BESOIN": ("c'est un besoin", "it is a need"),
        "POINT_FORT": ("c'est un point fort", "it is a strength"),
        "OUI": ("oui", "yes"),
        "NON": ("non", "no"),
        "CLOTUREE": ("c'est terminé", "it is over"),
    },
    "rdv.status": {
        "unknown": ("pas encore noté", "not noted yet"),
        "seen": ("a eu lieu", "took place"),
        "excused": ("annulé par vous", "cancelled by you"),
        "revoked": ("annulé par le service", "cancelled by the service"),
        "noshow": ("vous n'êtes pas venu", "you did not come"),
    },
}
"""What a source writes as a code, in words; what is not here is shown as it is written."""


def said(words: Mapping[str, tuple[str, str]], name: str, lang: str) -> str:
    """One of them in a language."""
    found = words.get(name)
    return name if found is None else found[lang == "en"]
