"""Forms of pages: read whole and small, and only from our own pages.

A request that changes something must come from this origin, as the browser itself says (`Sec-Fetch-Site`, else
`Origin`; OWASP CSRF Prevention Cheat Sheet), and carry the session's form token, for browsers that say neither.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from gateway.web.problems import PageProblem
from gateway.web.visitor import Visitor

MAX_BODY = 65_536
MAX_FIELDS = 400
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent; `form["name"]` is "" when nothing was."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        sent = self.values.get(name, ())
        if len(sent) > 1:
            raise PageProblem("form_unreadable")
        return sent[0].strip() if sent else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may be sent several times (boxes)."""
        return self.values.get(name, ())


async def read_form(request: Request) -> Form:
    """The form in the body, or the error page that says it cannot be read."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise PageProblem("form_unreadable")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise PageProblem("form_too_large")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise PageProblem("form_unreadable") from None
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise PageProblem("form_unreadable")
        found[name] = (*found.get(name, ()), value)
    return Form(found)


def require_own_origin(headers: Headers, base_url: str) -> None:
    """Refuse what another site's page has the browser send."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise PageProblem("foreign_form")
        return
    origin = headers.get("origin")
    if origin is not None and origin != origin_of(base_url):
        raise PageProblem("foreign_form")


def require_token(form: Form, visitor: Visitor) -> None:
    """Refuse a form that was not made for this session."""
    if not hmac.compare_digest(form["form"].encode(), visitor.form_token.encode()):
        raise PageProblem("form_outdated")


def origin_of(url: str) -> str:
    """Scheme, host and port of an address (RFC 6454 §6.1)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
