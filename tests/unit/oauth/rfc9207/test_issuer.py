"""RFC 9207: what goes back says who answers, in both cases, beside the partner's own words."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_yes_goes_back_with_our_name(given):
    """§2: `iss` is the issuer of the metadata; the address keeps its own query (RFC 6749 §3.1.2)."""
    assert given.answer["iss"] == given.site.bed.services.base_url
    assert given.answer["state"] == "s-1"
    assert given.answer["from"] == "passerelle"
    assert len(given.answer["code"]) >= 43


async def test_a_no_goes_back_with_our_name(site, lucas):
    """§2: errors carry it too; nothing tells why."""
    flow = await site.opened()
    await site.shown(lucas, flow)
    answer = await site.back(flow)
    assert answer == {
        "from": "passerelle", "error": "access_denied", "state": "s-1", "iss": site.bed.services.base_url,
    }  # fmt: skip


async def test_a_partner_without_state_gets_none(site, lucas):
    """RFC 6749 §4.1.2: state comes back exactly when it was sent."""
    flow = await site.opened(state=...)
    await site.shown(lucas, flow)
    assert "state" not in await site.back(flow)
