"""Addresses of the registers, requests, breaches, alerts, gaps and rules of the DPO's console."""

from starlette.routing import Route

from gateway.web.dpo import breach, policies, reconciliation, registers, requests, watch

_GET, _POST = ["GET"], ["POST"]


def oversight_routes() -> list[Route]:
    """All of them."""
    draft = "/dpo/policies/{digest:str}"
    return [
        Route("/dpo/registers", registers.get_registers, methods=_GET),
        Route("/dpo/registers.json", registers.get_json, methods=_GET),
        Route("/dpo/registers.csv", registers.get_csv, methods=_GET),
        Route("/dpo/registers/print", registers.get_print, methods=_GET),
        Route("/dpo/registers/difference", registers.get_difference, methods=_GET),
        Route("/dpo/policies", policies.get_policies, methods=_GET),
        Route(draft, policies.get_policy, methods=_GET),
        Route(f"{draft}/sign", policies.post_sign, methods=_POST),
        Route(f"{draft}/activate", policies.post_activate, methods=_POST),
        Route("/dpo/rights", requests.get_requests, methods=_GET),
        Route("/dpo/rights/{id}", requests.get_request, methods=_GET),
        Route("/dpo/rights/{id}", requests.post_request, methods=_POST),
        Route("/dpo/rights/{id}/archive.zip", requests.get_archive, methods=_GET),
        Route("/dpo/rights/{id}/letter", requests.get_letter, methods=_GET),
        Route("/dpo/breach", breach.get_breach, methods=_GET),
        Route("/dpo/breach/notice", breach.get_notice, methods=_GET),
        Route("/dpo/breach/persons", breach.post_persons, methods=_POST),
        Route("/dpo/watch", watch.get_watch, methods=_GET),
        Route("/dpo/watch/{id}", watch.get_alert, methods=_GET),
        Route("/dpo/watch/{id}", watch.post_alert, methods=_POST),
        Route("/dpo/reconciliation", reconciliation.get_reconciliation, methods=_GET),
    ]
