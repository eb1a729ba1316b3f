"""The session's cookie: `__Host-`, Secure, HttpOnly, SameSite=Lax (RFC 6265bis §4.1).

On this machine by http (the demo), browsers keep no Secure cookie: there, and nowhere else, it has a plain name.
"""

from starlette.requests import Request
from starlette.responses import Response

NAME = "passerelle"


def secure(base_url: str) -> bool:
    """Whether pages are served by https."""
    return base_url.startswith("https://")


def name(base_url: str, of: str = NAME) -> str:
    """The cookie's name at this address."""
    return f"__Host-{of}" if secure(base_url) else of


def read(request: Request, base_url: str, of: str = NAME) -> str | None:
    """What the browser sent, when it could be a secret of ours."""
    value = request.cookies.get(name(base_url, of))
    return value if value and len(value) <= 256 else None


def write(response: Response, base_url: str, value: str, *, of: str = NAME, seconds: int | None = None) -> None:
    """Give a secret to the browser, for as long as it is open unless `seconds` says else."""
    response.set_cookie(
        name(base_url, of), value, max_age=seconds, path="/", secure=secure(base_url), httponly=True, samesite="lax"
    )


def drop(response: Response, base_url: str, of: str = NAME) -> None:
    """Take it back."""
    response.delete_cookie(name(base_url, of), path="/", secure=secure(base_url), httponly=True, samesite="lax")
