"""Errors as pages: what happened, what to do, and a reference to quote. One table, French first.

Codes of the API that a page can meet and that are not here get the words of `not_done`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.problem_table import PROBLEMS

Words = tuple[str, str]


class PageProblem(Exception):  # noqa: N818  an answer, not a fault
    """Stops a page with one row of the table."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class PageError:
    """Status, what happened, what to do."""

    status: int
    title: Words
    text: Words
    remedy: Words


PAGE_ERRORS: Mapping[str, PageError] = {
    "not_found": PageError(
        404,
        ("Cette page n'existe pas", "This page does not exist"),
        ("L'adresse est fausse, ou la page a été retirée.", "The address is wrong, or the page was taken away."),
        ("Revenez à l'accueil.", "Go back to the start."),
    ),
    "forbidden": PageError(
        403,
        ("Cette page n'est pas pour vous", "This page is not for you"),
        ("Votre compte ne permet pas de l'ouvrir.", "Your account cannot open it."),
        ("Revenez à l'accueil, ou connectez-vous autrement.", "Go back to the start, or sign in another way."),
    ),
    "personal": PageError(
        403,
        ("Cette page est personnelle", "This page is personal"),
        (
            "Vous aidez une autre personne. Votre mandat ne va pas jusqu'à cette page.",
            "You help another person. Your mandate does not reach this page.",
        ),
        ("Elle peut l'ouvrir elle-même. Revenez à l'accueil.", "They can open it themselves. Go back to the start."),
    ),
    "method_not_allowed": PageError(
        405,
        ("Cette page n'existe pas", "This page does not exist"),
        ("L'adresse ne s'ouvre pas ainsi.", "The address does not open this way."),
        ("Revenez à l'accueil.", "Go back to the start."),
    ),
    "session_over": PageError(
        401,
        ("Votre connexion est terminée", "You are signed out"),
        (
            "Vous êtes resté longtemps sans agir. Rien n'a été enregistré.",
            "You did nothing for a long time. Nothing was saved.",
        ),
        ("Connectez-vous à nouveau, puis recommencez.", "Sign in again, then start over."),
    ),
    "form_unreadable": PageError(
        400,
        ("Nous n'avons pas pu lire votre réponse", "We could not read your answer"),
        ("Rien n'a été enregistré.", "Nothing was saved."),
        ("Revenez en arrière et recommencez.", "Go back and try again."),
    ),
    "form_too_large": PageError(
        413,
        ("Votre texte est trop long", "Your text is too long"),
        ("Rien n'a été enregistré.", "Nothing was saved."),
        ("Revenez en arrière et écrivez moins.", "Go back and write less."),
    ),
    "form_outdated": PageError(
        403,
        ("Cette page était trop ancienne", "This page was too old"),
        ("Vous vous êtes reconnecté depuis. Rien n'a été enregistré.", "You signed in again since. Nothing was saved."),
        ("Revenez à l'accueil et recommencez.", "Go back to the start and try again."),
    ),
    "foreign_form": PageError(
        403,
        ("Cette demande ne vient pas de nos pages", "This request does not come from our pages"),
        ("Par sécurité, rien n'a été enregistré.", "To be safe, nothing was saved."),
        ("Revenez à l'accueil et recommencez.", "Go back to the start and try again."),
    ),
    "flow_unknown": PageError(
        404,
        ("Cette demande ne peut pas s'ouvrir", "This request cannot be opened"),
        (
            "Elle a déjà servi, ou son temps est passé. Rien n'a été enregistré.",
            "It was used already, or its time has passed. Nothing was saved.",
        ),
        ("Retournez sur le site d'où vous venez, et recommencez.", "Go back to the site you come from and start over."),
    ),
    "link_over": PageError(
        404,
        ("Cette visite est finie", "This visit is over"),
        (
            "Un lien s'ouvre une fois, pour une demi-heure. Rien n'a été enregistré.",
            "A link opens once, for half an hour. Nothing was saved.",
        ),
        (
            "Connectez-vous, ou demandez un autre lien à votre conseiller.",
            "Sign in, or ask your adviser for another link.",
        ),
    ),
    "strong_needed": PageError(
        403,
        ("Une connexion plus sûre est nécessaire", "A safer sign-in is needed"),
        ("Cette action demande une double vérification.", "This action needs a second check of who you are."),
        ("Connectez-vous à nouveau avec un second moyen.", "Sign in again with a second means."),
    ),
    "too_many_requests": PageError(
        429,
        ("Trop de demandes à la fois", "Too many requests at once"),
        ("Nous limitons le nombre de demandes.", "We limit the number of requests."),
        ("Attendez une minute et recommencez.", "Wait a minute and try again."),
    ),
    "not_done": PageError(
        409,
        ("Ce n'est pas possible maintenant", "This is not possible now"),
        ("La situation a changé. Rien n'a été enregistré.", "Things have changed. Nothing was saved."),
        ("Revenez à l'accueil pour voir où vous en êtes.", "Go back to the start to see where you stand."),
    ),
    "unavailable": PageError(
        503,
        ("Le service est arrêté un instant", "The service is stopped for a moment"),
        ("Rien n'est perdu.", "Nothing is lost."),
        ("Recommencez dans quelques minutes.", "Try again in a few minutes."),
    ),
    "internal_error": PageError(
        500,
        ("Une erreur est arrivée chez nous", "An error happened on our side"),
        ("Vous n'y êtes pour rien.", "It is not your fault."),
        ("Recommencez. Si cela continue, donnez-nous la référence.", "Try again. If it goes on, quote the reference."),
    ),
}


def page_error(code: str) -> PageError:
    """The page of a code, of this table or of the API's."""
    known = PAGE_ERRORS.get(code)
    if known is not None:
        return known
    status = PROBLEMS[code].status if code in PROBLEMS else 500
    if status >= 500:
        return PAGE_ERRORS["unavailable" if status == 503 else "internal_error"]
    return PAGE_ERRORS["not_found" if status == 404 else "not_done"]
