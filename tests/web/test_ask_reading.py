"""How hard the pages of asking and answering are to read: every kind, every outcome, the pages of a link (ux.md §5)."""

from typing import Any

import httpx
import pytest

from consent.states import By
from tests.web.conftest import Portal
from tests.web.reading import problems, read
from tests.web.test_ask import ROLES, asked, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERSELF = By(kind="subject", channel="page", method="test")


def names(portal: Portal) -> set[str]:
    """Words of institutions, which are nobody's to choose."""
    return {party.name["fr"] for party in portal.bed.services.catalogue.parties.values()}


async def hard(portal: Portal, http: httpx.AsyncClient, path: str) -> list[str]:
    answer = await http.get(path)
    return [f"{path}: {each}" for each in problems(read(answer.text, names=names(portal)))]


async def test_every_request_and_receipt_is_easy_to_read(portal: Portal) -> None:
    """Kandel-Moles at least 70 a page, 55 a paragraph; 12 words a sentence on average, 20 at most; no reserved word."""
    lines = [
        ("caf-brume", "entitlement.rsa"), ("dept-brume", "orientation.rsa"), ("ml-brume", "support.youth"),
        ("siae-brume", "iae.adaptation"), ("siae-brume", "iae.eligibility"),
    ]  # fmt: skip
    found: list[str] = []
    assert set(ROLES) >= {partner for partner, _ in lines}
    for partner, purpose in lines:
        identity, id_ = await asked(portal, partner, purpose)
        async with signed_in(portal, identity) as http:
            found += await hard(portal, http, f"/me/ask/{id_}")
            await _answered(portal, identity, id_, partner)
            found += await hard(portal, http, f"/me/ask/{id_}/receipt")
    assert found == []


async def _answered(portal: Portal, identity: Any, id_: str, partner: str) -> None:
    services = portal.bed.services
    now = services.clock()
    record = await services.authorisations.get(id_, subject=identity.subject)
    act = services.authorisations
    if partner == "ml-brume":
        await act.defer(id_, subject=identity.subject, by=HERSELF, now=now)
    elif partner == "dept-brume":
        await act.object_to(id_, subject=identity.subject, by=HERSELF, now=now)
    elif record.purpose == "iae.adaptation":
        await act.refuse(id_, subject=identity.subject, by=HERSELF, now=now)
    elif record.basis == "consent":
        await act.give(id_, subject=identity.subject, fields=frozenset({"rsa.beneficiary"}), by=HERSELF, now=now)


async def test_the_pages_of_a_link_and_its_errors_are_easy_to_read(portal: Portal) -> None:
    """Before, open, over, unknown."""
    identity, id_ = await asked(portal)
    services = portal.bed.services
    record = await services.authorisations.get(id_, subject=identity.subject)
    token = (await services.channels.invitations.issue(record, now=services.clock())).token
    async with httpx.AsyncClient(base_url=portal.url) as http:
        found = await hard(portal, http, f"/r/{token}")
        await http.post(f"/r/{token}", data={"x": "y"})
        found += await hard(portal, http, "/r/here")
        found += await hard(portal, http, "/oauth/authorize")
    async with httpx.AsyncClient(base_url=portal.url) as http:
        over = await http.post(f"/r/{token}", data={"x": "y"})
        found += problems(read(over.text, names=names(portal)))
        found += await hard(portal, http, "/r/here")
    assert found == []
