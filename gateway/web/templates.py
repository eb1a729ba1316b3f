"""Templates (Jinja2, escaped, an unknown variable fails) and the answer they become.

A theme folder of the operator may bring `tokens.css`, `logo.svg` and templates of the same names (`templates/`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from gateway.web import cookies, moments
from gateway.web.explained import WORDS, names_in
from gateway.web.sessions import WARNED_MS
from gateway.web.view import Lang, keep, view_of
from gateway.web.words import messages, spaced

FOLDER = Path(__file__).parent / "templates"
_STYLE = Path(__file__).parent / "style.css"
_SCRIPT = Path(__file__).parent / "idle.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every page says about who runs this gateway and where to ask."""

    name: str
    phone: str
    desk: str
    dpo: str


@dataclass(slots=True)
class Pages:
    """The templates of one gateway."""

    place: Place
    base_url: str
    theme: Path | None = None
    style: bytes = field(init=False, repr=False)
    style_path: str = field(init=False)
    script: bytes = field(init=False, repr=False)
    script_path: str = field(init=False)
    logo: bytes | None = field(init=False, default=None, repr=False)
    _environments: dict[Lang, Environment] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tokens = _read(self.theme, "tokens.css")
        self.style = _STYLE.read_bytes() + (tokens or b"")
        self.logo = _read(self.theme, "logo.svg")
        self.style_path = f"/static/{hashlib.sha256(self.style).hexdigest()[:16]}/style.css"
        self.script = _SCRIPT.read_bytes()
        self.script_path = f"/static/{hashlib.sha256(self.script).hexdigest()[:16]}/idle.js"
        self._environments = {lang: self._environment(lang) for lang in ("fr", "en")}

    def _environment(self, lang: Lang) -> Environment:
        folders = [FOLDER] if self.theme is None else [self.theme / "templates", FOLDER]
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        said = messages(lang)
        environment.install_gettext_callables(said.gettext, said.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.policies["ext.i18n.trimmed"] = True
        environment.filters.update(
            paris=lambda at: moments.paris(at, lang),
            day=lambda at: moments.day(at, lang),
            utc=moments.utc,
            initial=lambda text: text[:1].upper() + text[1:],  # `capitalize` would lower the rest: RSA, CAF
            said=lambda words: _said(words, lang),
            hard=names_in,
        )
        environment.globals.update(
            lang=lang,
            place=self.place,
            style=self.style_path,
            logo=self.logo is not None,
            url=url,
            explained=WORDS,
            script=self.script_path,
            idle=WARNED_MS // 1000,
        )
        return environment

    def write(self, name: str, lang: Lang, context: Mapping[str, Any]) -> str:
        """The text of a page."""
        return self._environments[lang].get_template(name).render(context)


def render(
    request: Request, name: str, *, status: int = 200, form_action: Sequence[str] = (), **context: Any
) -> Response:
    """A page. `form_action` names other origins a form of it may lead to (by a redirection)."""
    pages: Pages = request.scope["services"].pages
    view = view_of(request)
    visitor = request.scope.get("visitor")
    said = {
        "visitor": visitor,
        "view": view,
        "simple": view.simple,
        "form_token": visitor.form_token if visitor else "",
        "here": here(request),
        "path": request.url.path,
        "now": request.scope["services"].clock(),
        **context,
    }
    response = Response(pages.write(name, view.lang, said), status, media_type="text/html; charset=utf-8")
    response.headers.update(headers(form_action, scripted=visitor is not None))
    keep(response, view, secure=cookies.secure(pages.base_url))
    return response


def headers(form_action: Sequence[str] = (), *, scripted: bool = False) -> dict[str, str]:
    """What a page is sent with: nothing from elsewhere, nothing kept, no frame; `scripted` when signed in."""
    scripts = "script-src 'self'; connect-src 'self'; " if scripted else ""
    forms = " ".join(("'self'", *form_action))
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"{scripts}form-action {forms}"
        ),
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def here(request: Request) -> str:
    """The query of this page without the choices of the reader, ready for `lang=…`.

    Never the path: one like `//elsewhere.example` is an address of another site to a browser.
    """
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in {"lang", "simple"}]
    return f"?{urlencode(kept)}&" if kept else "?"


def url(path: str, **query: str | int | None) -> str:
    """A path of ours with a query; members that are None or empty are left out."""
    said = {name: value for name, value in query.items() if value not in {None, ""}}
    return f"{path}?{urlencode(said)}" if said else path


def _said(words: Mapping[str, str] | Sequence[str], lang: Lang) -> str:
    """One of two texts: a mapping by language, or French then English."""
    text = words[lang] if isinstance(words, Mapping) else words[lang == "en"]
    return spaced(text) if lang == "fr" else text


def _read(folder: Path | None, name: str) -> bytes | None:
    path = None if folder is None else folder / name
    return path.read_bytes() if path is not None and path.is_file() else None
