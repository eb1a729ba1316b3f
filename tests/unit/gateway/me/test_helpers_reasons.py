"""Why something does not leave, as who helps under a mandate reads it: never what would tell the person's situation."""

from dataclasses import replace

import pytest

from gateway.web.me.history import row
from gateway.web.me.lines import Access

from .conftest import YOUTH, Life
from .test_helpers import helper
from .test_pages import database_url, visit
from .test_sharing import CATALOGUE

__all__ = ["database_url"]

SITUATION = "Votre situation l"
FIELDS = ("rsa.beneficiary", "household.address")


@pytest.mark.parametrize("capacity", ["aidant", "guardian"])
@pytest.mark.parametrize("fields", [FIELDS, FIELDS[1:]], ids=["beside another", "alone"])
async def test_the_history_of_a_helper_gives_no_reason_of_the_persons(
    life: Life, capacity: str, fields: tuple[str, ...]
) -> None:
    """Rule: that an address is protected may be kept from who helps; a field the source lacks is told alike."""
    await life.shares("ml-brume")
    await life.services.people.flag(life.subject, "protected_address", present=True, now=life.now)
    await life.asks("ml-brume", *fields)
    mine = (await (await visit(life)).get("/me/history")).text
    theirs = (await (await helper(life, capacity=capacity)).get("/me/history")).text
    assert SITUATION in mine
    assert SITUATION not in theirs
    assert "La réponse a été non" not in theirs
    assert ("Cette information ne part pas" in theirs) is (fields == FIELDS)


@pytest.mark.parametrize("capacity", ["aidant", "guardian"])
async def test_the_look_of_a_helper_gives_no_reason_of_the_persons(life: Life, capacity: str) -> None:
    """Rule: the same on the values as they would leave."""
    await life.shares("ml-brume")
    await life.services.people.flag(life.subject, "protected_address", present=True, now=life.now)
    path = f"/me/who/preview?authorisation={life.ids['ml-brume']}"
    assert SITUATION in (await (await visit(life)).get(path)).text
    text = (await (await helper(life, capacity=capacity)).get(path)).text
    assert SITUATION not in text
    assert "Cette information ne part pas" in text


@pytest.mark.parametrize("also", [{}, {"registration.status": "not_authorised"}])
def test_kept_for_the_situation_and_not_given_look_alike(also: dict[str, str]) -> None:
    """Rule: refused at once, or asked of the source for nothing; an old code is not told either."""
    absent = Access(
        number=3, index=9, at=1_795_000_000_000, org="ml-brume", purpose=YOUTH, basis="consent", authorisation=None,
        actor="a", outcome="nothing", fields=(), sources=("caf-brume",), hidden=also,
    )  # fmt: skip
    for code in ("need_unmet", "denied_by_flag", "restriction", "of_long_ago"):
        kept = replace(absent, outcome="refused", sources=(), hidden={**also, "household.address": code})
        assert row(CATALOGUE, kept, helped=True) == row(CATALOGUE, absent, helped=True)
        assert row(CATALOGUE, kept) != row(CATALOGUE, absent)
    refused = replace(absent, outcome="refused", hidden={"rsa.beneficiary": "not_authorised"})
    assert row(CATALOGUE, refused, helped=True).missing == row(CATALOGUE, refused).missing
    assert row(CATALOGUE, refused, helped=True).outcome == "refused"
