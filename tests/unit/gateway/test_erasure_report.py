"""The report of an erasure claims what was looked at or acknowledged, and nothing more."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway import erasures
from gateway.erasure_report import report
from gateway.services import wall_clock
from gateway.signals.models import delivery
from gateway.signals.signing import HMAC
from tests.bed import open_bed
from tests.unit.gateway.test_erasures import PURPOSE, REFERENCE, Place, later, place, signed

__all__ = ["place"]


async def wanting(place_: Place, *names: str) -> None:
    """These partners want to hear of erasures."""
    async with open_bed(place_.settings, sandbox_url="http://127.0.0.1:1") as bed:
        for name in names:
            to = {"url": "https://192.88.99.1/", "types": ["erasure.requested"], "signature": HMAC}
            await bed.services.endpoints.register(name, **to, now=bed.services.clock())


async def test_it_never_claims_more_than_was_acknowledged(place: Place, tmp_path: Path) -> None:
    """Rule (GDPR 17, 19): told is not acknowledged, acknowledged is not erased, and who was not told is named."""
    id_ = await signed(place, tmp_path)
    before = await report(place.settings, id_)
    assert (before["state"], before["here"]["destroyed"], before["here"]["key"]) == ("waiting", [], "whole")
    assert {"consent_link", "consent_authorisation", "audit_seal"} <= {each["what"] for each in before["remains"]}
    await wanting(place, "ml-brume")
    await erasures.execute(place.settings, clock=later(4))
    told = {each["institution"]: each for each in (await report(place.settings, id_, clock=later(4)))["elsewhere"]}
    assert told["ml-brume"]["was_given_data"]
    assert told["ml-brume"]["status"] == "not_acknowledged"
    assert len(told) > 1
    assert {each["status"] for name, each in told.items() if name != "ml-brume"} == {"not_told"}
    settled = sa.update(delivery).values(state="delivered", settled_at=wall_clock())
    async with open_bed(place.settings, sandbox_url="http://127.0.0.1:1", clock=later(4)) as bed:
        await bed.services.store.write(lambda connection: connection.execute(settled) and None)
    after: dict[str, Any] = await report(place.settings, id_, clock=later(4))
    [mine] = [each for each in after["elsewhere"] if each["institution"] == "ml-brume"]
    assert (mine["status"], mine["erased_there"]) == ("acknowledged", "unknown")
    assert after["here"]["key"] == "finds_entries_only"
    assert {"consent_link", "consent_authorisation", "audit_seal"} <= set(after["here"]["destroyed"])
    assert "consent_reference" not in after["here"]["destroyed"]
    remains = {each["what"]: each for each in after["remains"]}
    assert remains["consent_reference"]["until"] == remains["key_that_finds_entries"]["until"] is not None
    assert PURPOSE not in str(after)
    assert REFERENCE not in str(after)
    assert place.subject not in str(after)


async def test_once_forgotten_nothing_is_left_but_an_opaque_id(place: Place, tmp_path: Path) -> None:
    """Rule: the last step is told as well; what nobody finds any more is not guessed."""
    id_ = await signed(place, tmp_path)
    for days in (4, 400):
        await erasures.execute(place.settings, clock=later(days))
    told = await report(place.settings, id_, clock=later(400))
    assert (told["state"], told["here"]["key"], told["elsewhere"]) == ("forgotten", "destroyed", [])
    assert {"consent_reference", "consent_partner_subject"} <= set(told["here"]["destroyed"])
    assert {each["what"] for each in told["remains"]} == {"journal_entries_without_values", "opaque_id_and_count"}
