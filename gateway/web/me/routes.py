"""Addresses of the beneficiary's pages. Nothing personal is in one: opaque ids, places in the journal."""

from starlette.routing import Route

from gateway.web.me import (
    address_pages,
    asking_pages,
    data_pages,
    history_pages,
    home_pages,
    seeing_pages,
    settings_pages,
    sharing_pages,
)

_GET, _POST = ["GET"], ["POST"]


def me_routes() -> list[Route]:
    """All of them; the request screen and its receipt are another area's."""
    one, line = "/me/authorisations/{id}", "/me/history/{index}"
    return [
        Route("/me", home_pages.get_home, methods=_GET),
        Route("/me/authorisations", home_pages.get_list, methods=_GET),
        Route(one, sharing_pages.get_detail, methods=_GET),
        Route(f"{one}/stop", sharing_pages.get_stop, methods=_GET),
        Route(f"{one}/stop", sharing_pages.post_stop, methods=_POST),
        Route(f"{one}/stopped", sharing_pages.get_stopped, methods=_GET),
        Route(f"{one}/pause", sharing_pages.post_pause, methods=_POST),
        Route(f"{one}/resume", sharing_pages.post_resume, methods=_POST),
        Route(f"{one}/narrow", sharing_pages.get_narrow, methods=_GET),
        Route(f"{one}/narrow", sharing_pages.post_narrow, methods=_POST),
        Route(f"{one}/renew", sharing_pages.get_renew, methods=_GET),
        Route(f"{one}/renew", sharing_pages.post_renew, methods=_POST),
        Route("/me/history", history_pages.get_history, methods=_GET),
        Route(f"{line}/report", history_pages.get_report, methods=_GET),
        Route(f"{line}/report", history_pages.post_report, methods=_POST),
        Route(f"{line}/reported", history_pages.get_reported, methods=_GET),
        Route("/me/who", seeing_pages.get_who, methods=_GET),
        Route("/me/who/preview", seeing_pages.get_preview, methods=_GET),
        Route("/me/data", data_pages.get_data, methods=_GET),
        Route("/me/data.pdf", data_pages.get_data_pdf, methods=_GET),
        Route("/me/data.json", data_pages.get_data_json, methods=_GET),
        Route("/me/data.csv", data_pages.get_data_csv, methods=_GET),
        Route("/me/rights", asking_pages.get_rights, methods=_GET),
        Route("/me/rights/new", asking_pages.get_new, methods=_GET),
        Route("/me/rights/new", asking_pages.post_new, methods=_POST),
        Route("/me/rights/{id}", asking_pages.get_right, methods=_GET),
        Route("/me/connections", settings_pages.get_connections, methods=_GET),
        Route("/me/connections", settings_pages.post_connections, methods=_POST),
        Route("/me/help", settings_pages.get_help, methods=_GET),
        Route("/me/help", settings_pages.post_help, methods=_POST),
        Route("/me/address", address_pages.get_address, methods=_GET),
        Route("/me/address", address_pages.post_address, methods=_POST),
        Route("/me/words", settings_pages.get_words, methods=_GET),
        Route("/me/words", settings_pages.post_words, methods=_POST),
    ]
