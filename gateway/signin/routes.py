"""The pages of sign-in and sign-out.

Answers for: the way in through each provider and beside it the way without any; the browser's cookies; what is shown
when a sign-in does not happen. Refuses to answer a HEAD on an address that uses something up, and to go anywhere but to
our own pages afterwards.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.services import Services
from gateway.signin.addresses import own_path
from gateway.signin.entrance import Browser, Entered, Way
from gateway.signin.errors import Fault, SigninRefused
from gateway.signin.pending import LIFETIME_MS, new_value
from gateway.signin.words import refusal
from gateway.web import cookies
from gateway.web.ask.landing import close_visit
from gateway.web.forms import read_form, require_own_origin, require_token
from gateway.web.page import see, visitor_of
from gateway.web.problems import PageProblem
from gateway.web.routes import HOMES
from gateway.web.templates import render

COOKIE = "passerelle-signin"
_MOST_PARAMETERS = 12


async def get_signin(request: Request) -> Response:
    """Every way in."""
    await visitor_of(request)
    services: Services = request.scope["services"]
    providers = [party.provider for party in services.entrance.parties.values()]
    return render(
        request,
        "signin/home.html",
        people=[each for each in providers if each.public == "people"],
        professionals=[each for each in providers if each.public == "professionals"],
        next=own_path(request.query_params.get("next", "")),
    )


async def get_begin(request: Request) -> Response:
    """Off to the provider."""
    _require_get(request)
    _require_pace(request)
    services, provider = request.scope["services"], request.path_params["provider"]
    next_ = own_path(request.query_params.get("next", ""))
    strong, fresh = (request.query_params.get(name) == "1" for name in ("strong", "fresh"))
    browser = _browser(request)
    try:
        there = await services.entrance.begin(provider, browser, next_=next_, strong=strong, fresh=fresh)
    except SigninRefused as refused:
        return _refused(request, refused.fault, next_=next_)
    answer = see(there)
    _remember(answer, services, browser)
    return answer


async def get_back(request: Request) -> Response:
    """Back from the provider. A page shown again, or gone back to, opens nothing twice."""
    _require_get(request)
    _require_pace(request)
    services, provider = request.scope["services"], request.path_params["provider"]
    try:
        outcome = await services.entrance.come_back(provider, _browser(request), _returned(request))
    except SigninRefused as refused:
        known = await visitor_of(request)
        if refused.fault is Fault.STATE_UNKNOWN and known is not None:
            return see(HOMES[known.role])
        return _refused(request, refused.fault, provider=provider)
    if isinstance(outcome, Entered):
        return _entered(request, outcome)
    return see(f"/signin/choice?state={outcome.state}")


async def get_choice(request: Request) -> Response:
    """As whom?"""
    services: Services = request.scope["services"]
    state = request.query_params.get("state", "")
    try:
        ways = await services.entrance.choices(_browser(request), state)
    except SigninRefused as refused:
        return _refused(request, refused.fault)
    return render(request, "signin/choice.html", state=state, ways=await _shown(services, ways))


async def post_choice(request: Request) -> Response:
    """One of them, once."""
    services: Services = request.scope["services"]
    require_own_origin(request.headers, services.base_url)
    form = await read_form(request)
    given = form["way"]
    place = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else -1
    try:
        entered = await services.entrance.choose(_browser(request), form["state"], place)
    except SigninRefused as refused:
        return _refused(request, refused.fault, provider=form["provider"])
    return _entered(request, entered)


async def get_signout(request: Request) -> Response:
    """Signed out; or, with a session, the button that ends it."""
    await visitor_of(request)
    return render(request, "signin/out.html", everywhere=False)


async def post_signout(request: Request) -> Response:
    """End the session here at once, and what a link had opened; then the session at the provider."""
    services: Services = request.scope["services"]
    require_own_origin(request.headers, services.base_url)
    form, visitor = await read_form(request), await visitor_of(request)
    if visitor is None:
        return await close_visit(request, see("/signout"))
    require_token(form, visitor)
    identity = visitor.identity
    await services.sessions.end(visitor.session, identity=identity, reason="signed_out")
    answer, browser = see("/signout"), _browser(request)
    if identity.id_token and identity.provider in services.entrance.parties:
        state = await services.entrance.leave(browser, identity)
        answer = see(f"/signout/leave?state={state}")
        _remember(answer, services, browser)
    cookies.drop(answer, services.base_url)
    return await close_visit(request, answer)


async def get_leave(request: Request) -> Response:
    """The session here is over; off to the provider to end its own, by itself and by a link.

    Not a redirection of the form: the policy of our pages lets no form lead to another site.
    """
    _require_get(request)
    services: Services = request.scope["services"]
    request.scope["visitor"] = None
    try:
        there, name = await services.entrance.way_out(_browser(request), request.query_params.get("state", ""))
    except SigninRefused:
        return see("/signout")
    answer = render(request, "signin/leave.html", there=there, provider=name)
    answer.headers["Refresh"] = f"0; url={there}"
    return answer


async def get_out(request: Request) -> Response:
    """Back from the provider after a sign-out; believed only with the state it was sent with."""
    _require_get(request)
    services: Services = request.scope["services"]
    await visitor_of(request)
    everywhere = await services.entrance.left(_browser(request), request.query_params.get("state", ""))
    return render(request, "signin/out.html", everywhere=everywhere)


def routes() -> list[Route]:
    """The addresses; the words come before the names of providers."""
    return [
        Route("/signin", get_signin, methods=["GET"]),
        Route("/signin/choice", get_choice, methods=["GET"]),
        Route("/signin/choice", post_choice, methods=["POST"]),
        Route("/signin/{provider}", get_begin, methods=["GET"]),
        Route("/signin/{provider}/back", get_back, methods=["GET"]),
        Route("/signout", get_signout, methods=["GET"]),
        Route("/signout", post_signout, methods=["POST"]),
        Route("/signout/leave", get_leave, methods=["GET"]),
        Route("/signout/back", get_out, methods=["GET"]),
    ]


def _require_get(request: Request) -> None:
    """A HEAD would use up what the browser came back with."""
    if request.method != "GET":
        raise PageProblem("method_not_allowed")


def _require_pace(request: Request) -> None:
    """Each sign-in that begins is a row, and each that is refused an entry."""
    services: Services = request.scope["services"]
    if not services.entrance.pace.allows(services.limits.network(request.scope), services.clock()):
        raise PageProblem("too_many_requests")


def _returned(request: Request) -> dict[str, str]:
    """What came back, each parameter once; anything else is nothing."""
    try:
        query = request.scope["query_string"].decode("ascii")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict",
                          max_num_fields=_MOST_PARAMETERS)  # fmt: skip
    except ValueError:
        raise SigninRefused(Fault.RESPONSE_INVALID) from None
    if len(dict(pairs)) != len(pairs):
        raise SigninRefused(Fault.RESPONSE_INVALID)
    return dict(pairs)


def _browser(request: Request) -> Browser:
    services: Services = request.scope["services"]
    known = cookies.read(request, services.base_url, of=COOKIE)
    return Browser(
        cookie=known if known is not None and len(known) == 43 else new_value(),
        former=cookies.read(request, services.base_url),
        agent=_device(request.headers.get("user-agent", "")),
    )


def _device(agent: str) -> str:
    """The kind of device, the most that is kept."""
    words = agent.lower()
    if "tablet" in words or "ipad" in words:
        return "tablet"
    if "mobi" in words or "android" in words:
        return "phone"
    return "computer" if any(word in words for word in ("windows", "macintosh", "linux", "cros")) else "other"


def _remember(answer: Response, services: Services, browser: Browser) -> None:
    """For the ten minutes a sign-in may take; the same value for all tabs of a browser."""
    cookies.write(answer, services.base_url, browser.cookie, of=COOKIE, seconds=LIFETIME_MS // 1000)


def _entered(request: Request, entered: Entered) -> Response:
    services: Services = request.scope["services"]
    answer = see(entered.next or HOMES[entered.role])
    cookies.write(answer, services.base_url, entered.secret)
    return answer


async def _shown(services: Services, ways: Sequence[Way]) -> list[dict[str, Any]]:
    """What a way is called: a role with its institution, or the person who is helped."""
    shown = []
    for place, way in enumerate(ways):
        identity = way.identity
        party = services.catalogue.parties.get(identity.organisation or "")
        name = ""
        if identity.mandate is not None and identity.subject is not None:
            name = await services.entrance.accounts.name_of(identity.subject)
        shown.append(
            {
                "place": place,
                "provider": identity.provider,
                "role": identity.role,
                "organisation": party.name if party is not None else None,
                "helped": name,
                "mandate": identity.mandate,
                "capacity": way.capacity,
                "until": way.until,
            }
        )
    return shown


def _refused(request: Request, fault: Fault, *, provider: str = "", next_: str = "") -> Response:
    """The page of a fault; the fault itself goes to the log."""
    if fault is Fault.PROVIDER_UNKNOWN:
        raise PageProblem("not_found")
    services: Services = request.scope["services"]
    request.scope["line"]["signin"] = fault.value
    request.scope.setdefault("visitor", None)
    shown = refusal(fault)
    return render(
        request,
        "signin/refused.html",
        status=shown.status,
        shown=shown,
        strong=provider if fault is Fault.SECOND_FACTOR and provider in services.entrance.parties else "",
        next=next_,
        reference=request.scope["reference"],
    )
