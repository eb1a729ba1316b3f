"""Addresses of the request screen, its receipt, the way to and from a partner's site, and one-time links."""

from starlette.routing import Route

from gateway.web.ask import landing, pages

_GET, _POST = ["GET"], ["POST"]


def ask_routes() -> list[Route]:
    """All of them."""
    one, here = "/me/ask/{authorisation}", landing.HERE
    return [
        Route("/oauth/authorize", pages.get_authorize, methods=_GET),
        Route("/me/ask/from/{flow}", pages.get_from, methods=_GET),
        Route(one, pages.get_ask, methods=_GET),
        Route(one, pages.post_ask, methods=_POST),
        Route(f"{one}/receipt", pages.get_receipt, methods=_GET),
        Route(f"{one}/receipt.pdf", pages.get_receipt_pdf, methods=_GET),
        Route(f"{one}/receipt.json", pages.get_receipt_json, methods=_GET),
        Route(f"{one}/return", pages.get_return, methods=_GET),
        Route(here, landing.get_here, methods=_GET),
        Route(here, landing.post_here, methods=_POST),
        Route(f"{here}/code", landing.post_code, methods=_POST),
        Route(f"{here}/close", landing.post_close, methods=_POST),
        Route(f"{here}/closed", landing.get_closed, methods=_GET),
        Route(f"{here}/receipt", landing.get_here_receipt, methods=_GET),
        Route(f"{here}/receipt.pdf", landing.get_here_pdf, methods=_GET),
        Route(f"{here}/receipt.json", landing.get_here_json, methods=_GET),
        Route("/r/{code}", landing.get_link, methods=_GET),
        Route("/r/{code}", landing.post_link, methods=_POST),
        Route("/demandes/{code}", landing.get_former, methods=_GET),
    ]
