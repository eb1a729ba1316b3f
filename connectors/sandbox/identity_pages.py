"""The pages of the simulated identity providers: who signs in, and what went wrong.

Answers for plain HTML in French without script, readable with a keyboard and a screen reader. Refuses to look
like the real services: every page says that it is a sandbox.
"""

from collections.abc import Iterable
from html import escape

from connectors.sandbox.asgi import HTML, Answer, reply

_HEADERS = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_STYLE = (
    "body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:1.125rem/1.5 system-ui,sans-serif;color:#1e1e1e;"
    "background:#fff}label{display:block;padding:.4rem 0}small{color:#4a4a4a;display:block;margin-left:1.8rem}"
    "button{font:inherit;padding:.5rem 1rem;margin-right:1rem;min-height:2.75rem}"
    ":focus-visible{outline:3px solid #0a76f6;outline-offset:2px}"
)


def choice(
    title: str, action: str, sealed: str, people: Iterable[tuple[str, str, str]], *, preferred: str = ""
) -> Answer:
    """The page where one chooses who signs in: identifier, name and a word about each."""
    rows = "".join(
        f'<label><input type="radio" name="person" value="{escape(identifier)}" required'
        f"{' checked' if identifier == preferred else ''}> {escape(name)}<small>{escape(about)}</small></label>"
        for identifier, name, about in people
    )
    return _page(
        200,
        title,
        f"<p>Ce service est un bac à sable : toutes les personnes sont fictives.</p>"
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="request" value="{escape(sealed)}">'
        f"<fieldset><legend>Qui se connecte ?</legend>{rows}</fieldset>"
        f'<p><button name="decision" value="continue">Continuer</button>'
        f'<button name="decision" value="refuse" formnovalidate>Refuser</button></p></form>',
    )


def trouble(title: str, code: str, sentence: str, *, status: int = 400) -> Answer:
    """The page of a request that cannot even be sent back to the service."""
    return _page(
        status,
        f"{title} : la demande n'aboutit pas",
        f"<p>{escape(sentence)}</p><p>Code : <strong>{escape(code)}</strong></p>"
        "<p>Revenez au service que vous utilisiez et recommencez.</p>",
    )


def _page(status: int, title: str, main: str) -> Answer:
    text = (
        f'<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{main}</main></body></html>"
    )
    return reply(status, text.encode(), headers=_HEADERS, content_type=HTML)
