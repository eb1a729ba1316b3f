"""The addresses of a DPO's pages about the journal."""

from starlette.routing import Route

from gateway.web.dpo import consultations_page, entry_page, export_page, find_page, home_page


def dpo_routes() -> list[Route]:
    """The pages."""
    shown = {
        "/dpo": home_page.get_home,
        "/dpo/integrity": home_page.get_integrity,
        "/dpo/keys": entry_page.get_keys,
        "/dpo/search": find_page.get_search,
        "/dpo/search/person": find_page.get_person,
        "/dpo/entries/{index}": entry_page.get_entry,
        "/dpo/entries/{index}/proof": entry_page.get_proof,
        "/dpo/export": export_page.get_export,
        "/dpo/export/{number}": export_page.get_made,
        "/dpo/export/{number}/file": export_page.get_file,
        "/dpo/consultations": consultations_page.get_consultations,
    }
    done = {
        "/dpo/integrity/check": home_page.post_check,
        "/dpo/search/person": find_page.post_person,
        "/dpo/search/agent": find_page.post_agent,
        "/dpo/export": export_page.post_export,
    }
    return [
        *(Route(path, endpoint, methods=["GET"]) for path, endpoint in shown.items()),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in done.items()),
    ]
