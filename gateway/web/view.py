"""How a visitor reads: the language, and the simple version of texts. A cookie of its own, nothing personal in it.

`?lang=en` or `?simple=1` on any page changes it and keeps the page.
"""

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

Lang = Literal["fr", "en"]
COOKIE = "passerelle-view"
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class View:
    """The reader's choices; `chosen` when this very request made them."""

    lang: Lang = "fr"
    simple: bool = False
    chosen: bool = False


def view_of(request: Request) -> View:
    """The choices of this request, else of the cookie, else the browser's language, else French."""
    lang, _, simple = request.cookies.get(COOKIE, "").partition("-")
    asked, easy = request.query_params.get("lang"), request.query_params.get("simple")
    accepted = request.headers.get("accept-language", "")[:2].lower()
    found: Lang = "en" if (asked or lang or accepted) == "en" else "fr"
    plain = easy == "1" if easy in {"0", "1"} else simple == "simple"
    return View(found, plain, asked in {"fr", "en"} or easy in {"0", "1"})


def keep(response: Response, view: View, *, secure: bool) -> None:
    """Remember what this request chose."""
    if view.chosen:
        value = f"{view.lang}-simple" if view.simple else view.lang
        response.set_cookie(
            COOKIE, value, max_age=_YEAR_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
        )
