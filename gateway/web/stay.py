"""`/stay`: the button of the warning before an idle session ends. Notes that the session is used, and nothing else."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.services import Services
from gateway.web.forms import read_form, require_own_origin, require_token
from gateway.web.page import visitor_of
from gateway.web.problems import PageProblem
from gateway.web.templates import headers


async def post_stay(request: Request) -> Response:
    """From a page of ours, with the session's token; finding the session is what keeps it."""
    services: Services = request.scope["services"]
    require_own_origin(request.headers, services.base_url)
    form, visitor = await read_form(request), await visitor_of(request)
    if visitor is None:
        raise PageProblem("session_over")
    require_token(form, visitor)
    return Response(status_code=204, headers=headers())


def routes() -> list[Route]:
    """The address."""
    return [Route("/stay", post_stay, methods=["POST"])]
