"""The person's own look: the same decision and the same values as an exchange, for them alone, and in the journal."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors import sandbox
from consent.states import By
from gateway.preview import TooManyLooks, preview
from tests.bed import LISE, Bed, bed, professional, served

HERSELF = By(kind="subject", channel="page")
YOUTH = "support.youth"


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as opened,
    ):
        yield opened


async def asked(gateway: Bed, person: str, *, partner: str = "ml-brume", purpose: str = YOUTH, who: Any = LISE) -> Any:
    """A record that waits, or is active at once, as the person's page has it; and a token and a pseudonym."""
    await gateway.partner(partner)
    token = await gateway.token(partner, professional=who)
    pseudonym = await gateway.link(token, person)
    body = {"subject": {"pseudonym": pseudonym}, "purpose": purpose}
    answer = await gateway.post("/v1/authorisation-requests", body, token)
    assert answer.status_code == 201, answer.text
    subject = await gateway.subject(partner, pseudonym)
    record = await gateway.services.authorisations.get(answer.json()["id"], subject=subject)
    return record, token, pseudonym


async def test_what_is_seen_is_what_leaves(gateway: Bed) -> None:
    """Rule: datasets, states and values of the preview are those of the exchange that follows the yes."""
    record, token, pseudonym = await asked(gateway, "lucas-perrin")
    seen = await preview(gateway.services, record, by=HERSELF, now=gateway.services.clock())
    await gateway.services.authorisations.give(
        record.id, subject=record.subject, fields=record.requested, by=HERSELF, now=gateway.services.clock()
    )
    answer = await gateway.exchange(token, pseudonym, YOUTH, sorted(record.requested))
    left = answer.json()["datasets"]
    assert {each.dataset: each.state for each in seen.datasets} == {name: each["state"] for name, each in left.items()}
    for each in seen.datasets:
        start = len(each.dataset) + 1
        rows = [{name[start:]: value for name, value in row.items()} for row in each.rows]
        theirs = left[each.dataset]
        assert rows == (theirs["items"] if "items" in theirs else [theirs["values"]] if "values" in theirs else [])
    assert any(each.rows for each in seen.datasets)


async def test_the_look_is_in_the_journal_and_no_value_is(gateway: Bed) -> None:
    """Rule: one entry, about the person, with what may be seen, before anything is fetched; values are in no repr."""
    record, _, _ = await asked(gateway, "lucas-perrin")
    before = await gateway.size()
    seen = await preview(gateway.services, record, by=HERSELF, now=gateway.services.clock())
    (entry,) = await gateway.journal(before)
    assert (entry["type"], entry["org"], entry["by"]) == ("person.previewed", "ml-brume", "subject")
    assert entry["authorisation"] == record.id
    assert "subject" in entry
    values = [str(value) for each in seen.datasets for row in each.rows for value in row.values() if value is not None]
    words = [value for value in values if len(value) > 5]
    assert words
    assert not [value for value in words if value in json.dumps(entry) or value in repr(seen)]


async def test_only_what_is_ticked_is_seen(gateway: Bed) -> None:
    """Rule: fields left out do not leave, and their reason is the true one; fields never asked for stay out."""
    record, _, _ = await asked(gateway, "lucas-perrin")
    seen = await preview(
        gateway.services, record, by=HERSELF, now=gateway.services.clock(),
        fields=frozenset({"rsa.beneficiary", "identity.nir"}),
    )  # fmt: skip
    rows = [row for each in seen.datasets for row in each.rows]
    assert [set(row) for row in rows] == [{"rsa.beneficiary"}]
    hidden = {name: why for each in seen.datasets for name, why in each.hidden.items()}
    assert hidden["rsa.since"] == "not_authorised"
    assert "identity.nir" not in hidden


@pytest.mark.parametrize(
    ("partner", "purpose", "role", "reasons"),
    [
        ("caf-brume", "entitlement.rsa", "instructeur", None),
        ("dept-brume", "orientation.rsa", "orienteur", {"objection_lodged"}),
        ("ml-brume", YOUTH, "conseiller", {"withdrawn"}),
    ],
)
async def test_stopping_is_decided_too(
    gateway: Bed, partner: str, purpose: str, role: str, reasons: set[str] | None
) -> None:
    """Rule: once stopped nothing is permitted, says the production decision; what the law imposes has no stop."""
    record, _, _ = await asked(gateway, "lucas-perrin", partner=partner, purpose=purpose, who=professional(role))
    found = (await preview(gateway.services, record, by=HERSELF, now=gateway.services.clock())).stopped
    if reasons is None:
        assert found is None
    else:
        assert found is not None
        assert (set(found), set(found.values())) == (set(record.requested), reasons)


async def test_a_source_that_fails_is_said(gateway: Bed) -> None:
    """Rule: the Département is down for Amina: its dataset is unavailable, the others are seen."""
    record, _, _ = await asked(gateway, "amina-delorme")
    seen = await preview(gateway.services, record, by=HERSELF, now=gateway.services.clock())
    states = {each.dataset: each.state for each in seen.datasets}
    assert states["rdv"] == "unavailable"
    assert states["rsa"] == "released"


async def test_looking_too_often_spares_the_sources(gateway: Bed) -> None:
    """Rule: a dozen at once, then one every five minutes; a refused look is in no journal."""
    record, _, _ = await asked(gateway, "lucas-perrin")
    now = gateway.services.clock()
    for _ in range(12):
        gateway.services.looks.allows(str(record.subject), now)
    before = await gateway.size()
    with pytest.raises(TooManyLooks):
        await preview(gateway.services, record, by=HERSELF, now=now)
    assert await gateway.size() == before
    assert gateway.services.looks.allows(str(record.subject), now + 300_000)
