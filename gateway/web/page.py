"""What stands around a page: who is there, whether they may, where their form came from; errors as pages."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from gateway.services import Services
from gateway.web import cookies
from gateway.web.forms import Form, read_form, require_own_origin, require_token
from gateway.web.problems import PageProblem, page_error
from gateway.web.templates import headers, render
from gateway.web.visitor import Role, Visitor

Endpoint = Callable[[Request], Awaitable[Response]]
AREAS = frozenset({"", "me", "dpo", "pro", "signin", "signout", "r", "demandes", "help", "stay", "operator"})


def page(*, role: Role) -> Callable[[Callable[[Request, Visitor], Awaitable[Response]]], Endpoint]:
    """A page for one role. A POST must come from our own page; its form is in `form_of(request)`."""

    def around(endpoint: Callable[[Request, Visitor], Awaitable[Response]]) -> Endpoint:
        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            changing = request.method not in {"GET", "HEAD"}
            services: Services = request.scope["services"]
            if changing:
                require_own_origin(request.headers, services.base_url)
            visitor = await visitor_of(request)
            if visitor is None:
                if changing:
                    raise PageProblem("session_over")
                return see(f"/signin?next={quote(_path(request), safe='')}")
            if visitor.role != role:
                raise PageProblem("forbidden")
            if changing:
                request.scope["form"] = form = await read_form(request)
                require_token(form, visitor)
            return await endpoint(request, visitor)

        return answer

    return around


def form_of(request: Request) -> Form:
    """The form of this POST, already checked."""
    form: Form = request.scope["form"]
    return form


async def visitor_of(request: Request) -> Visitor | None:
    """Who is signed in, if anybody."""
    services: Services = request.scope["services"]
    secret = cookies.read(request, services.base_url)
    visitor = None if secret is None else await services.sessions.find(secret, services.clock())
    request.scope["visitor"] = visitor
    if visitor is not None:
        request.scope["line"]["role"] = visitor.role
    return visitor


def see(path: str) -> Response:
    """Go there next (303): after a form, so that reloading sends nothing twice."""
    return RedirectResponse(path, 303, headers=headers())


def wants_page(scope: Scope) -> bool:
    """Whether errors of this address are pages."""
    path: str = scope["path"]
    return path == "/oauth/authorize" or path.removeprefix("/").partition("/")[0] in AREAS


def error_page(scope: Scope, code: str, *, reference: str) -> Response:
    """The page of an error."""
    shown = page_error(code)
    scope.setdefault("visitor", None)
    return render(Request(scope), "error.html", status=shown.status, shown=shown, reference=reference)


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
