"""What people read when a sign-in does not happen: a few pages for many faults, plain words, what to do next."""

from collections.abc import Mapping

from gateway.signin.errors import Fault
from gateway.web.problems import PageError

_AGAIN = PageError(
    400,
    ("Il faut recommencer la connexion", "You need to sign in again"),
    (
        "Cette page a déjà servi, ou elle est trop ancienne. Rien n'est perdu.",
        "This page was used before, or it is too old. Nothing is lost.",
    ),
    ("Appuyez sur « Se connecter ».", "Press “Sign in”."),
)
_DECLINED = PageError(
    403,
    ("Vous n'êtes pas connecté", "You are not signed in"),
    ("Vous avez arrêté la connexion, ou elle n'a pas pu finir.", "You stopped the sign-in, or it could not finish."),
    ("Vous pouvez recommencer, appeler, ou venir.", "You can try again, call, or come."),
)
_DOWN = PageError(
    503,
    ("Le service de connexion ne répond pas", "The sign-in service does not answer"),
    ("Ce n'est pas votre faute. Vous n'êtes pas connecté.", "It is not your fault. You are not signed in."),
    ("Recommencez dans quelques minutes.", "Try again in a few minutes."),
)
_UNSURE = PageError(
    502,
    ("Nous n'avons pas pu vérifier votre connexion", "We could not check your sign-in"),
    (
        "La réponse reçue n'était pas sûre. Pour vous protéger, vous n'êtes pas connecté.",
        "The answer we got was not safe. To protect you, you are not signed in.",
    ),
    (
        "Recommencez. Si cela continue, donnez-nous la référence.",
        "Try again. If it goes on, quote the reference.",
    ),
)

REFUSALS: Mapping[Fault, PageError] = {
    Fault.STATE_UNKNOWN: _AGAIN,
    Fault.STATE_EXPIRED: _AGAIN,
    Fault.CHOICE_GONE: _AGAIN,
    Fault.RESPONSE_INVALID: _AGAIN,
    Fault.DECLINED: _DECLINED,
    Fault.PROVIDER_ERROR: _DOWN,
    Fault.UNREACHABLE: _DOWN,
    Fault.METADATA_INVALID: _DOWN,
    Fault.KEYS_INVALID: _DOWN,
    Fault.PERSON_UNKNOWN: PageError(
        403,
        ("Nous n'avons rien sur vous", "We have nothing about you"),
        (
            "Aucun organisme ne nous a parlé de vous. Nous n'avons rien gardé de cette visite sur vous.",
            "No organisation has told us about you. We kept nothing about you from this visit.",
        ),
        (
            "Vous êtes suivi par un organisme ? Demandez-lui, ou appelez-nous. Vous n'avez rien d'autre à faire.",
            "Does an organisation support you? Ask it, or call us. There is nothing else to do.",
        ),
    ),
    Fault.PERSON_AMBIGUOUS: PageError(
        403,
        ("Nous ne sommes pas sûrs que c'est vous", "We are not sure that it is you"),
        (
            "Deux organismes écrivent votre nom ou votre naissance de deux façons. Nous ne voulons pas deviner.",
            "Two organisations write your name or birth in two ways. We do not want to guess.",
        ),
        (
            "Venez ou appelez, avec une pièce d'identité. Nous le corrigerons avec vous.",
            "Come or call, with proof of identity. We will put it right with you.",
        ),
    ),
    Fault.IDENTITY_INCOMPLETE: PageError(
        403,
        ("Nous ne pouvons pas vous retrouver ainsi", "We cannot find you this way"),
        (
            "Votre date ou votre lieu de naissance manque. Nous ne voulons pas deviner.",
            "Your date or place of birth is missing. We do not want to guess.",
        ),
        (
            "Venez ou appelez, avec une pièce d'identité. Tout peut se faire ainsi.",
            "Come or call, with proof of identity. Everything can be done that way.",
        ),
    ),
    Fault.NOT_LISTED: PageError(
        403,
        ("Ce compte n'est pas inscrit ici", "This account is not listed here"),
        (
            "Votre connexion a réussi, mais votre compte n'est pas sur notre liste.",
            "Your sign-in worked, but your account is not on our list.",
        ),
        ("Demandez à votre organisme de vous faire inscrire.", "Ask your organisation to have you listed."),
    ),
    Fault.SECOND_FACTOR: PageError(
        403,
        ("Il faut un second moyen de connexion", "A second means of signing in is needed"),
        (
            "Votre rôle donne de grands droits. Un mot de passe ne suffit pas : il faut aussi un code ou une clé.",
            "Your role gives wide rights. A password is not enough: a code or a key is needed too.",
        ),
        (
            "Recommencez avec un second moyen. Si vous n'en avez pas, demandez-le à votre organisme.",
            "Try again with a second means. If you have none, ask your organisation for one.",
        ),
    ),
}


def refusal(fault: Fault) -> PageError:
    """The page of a fault; what is not in the table is an answer that cannot be believed."""
    return REFUSALS.get(fault, _UNSURE)
