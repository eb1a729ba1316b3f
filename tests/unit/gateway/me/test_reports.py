"""« Ce n'est pas normal ? »: sealed, journaled without the words, once per access, for the right DPO only."""

import json

import pytest
import sqlalchemy as sa

from consent.states import By, Mandate
from gateway import erasures
from gateway.web.me.lines import accesses, line_at
from gateway.web.me.models import access_report
from gateway.web.me.reports import LONGEST, close_report, open_reports, report, reported, reported_among
from gateway.web.problems import PageProblem

from .conftest import HERSELF, Life

WORDS = "Je n'ai jamais vu cette Mission locale."


async def one(life: Life) -> tuple[object, int]:
    """One access to report."""
    if "ml-brume" not in life.ids:
        await life.shares("ml-brume")
    assert await life.asks("ml-brume", "rsa.since") == 200
    index = (await accesses(life.services, life.subject, size=1)).accesses[0].index
    line = await line_at(life.services, life.subject, index)
    assert line is not None
    return line, index


async def test_the_words_are_sealed_and_the_journal_says_which_access(life: Life) -> None:
    """Rule: neither row nor entry shows the words; the DPO's list does."""
    line, index = await one(life)
    made = await report(life.services, life.subject, line, reason="not_asked", words=WORDS, by=HERSELF, now=life.now)
    (entry,) = (await life.bed.journal())[-1:]
    assert (entry["type"], entry["report"], entry["entry"], entry["org"]) == (
        "access.reported", made.id, index, "ml-brume",
    )  # fmt: skip
    row = await life.services.store.read(lambda c: c.execute(sa.select(access_report)).mappings().one())
    assert WORDS not in json.dumps(entry) + repr(dict(row)) + repr(made)
    (shown,) = await open_reports(life.services, "ml-brume")
    assert (shown.words, shown.access, shown.reason, shown.entry) == (WORDS, index, "not_asked", made.entry)


async def test_sending_it_twice_is_one_report(life: Life) -> None:
    """Rule: same access, same report, one entry; the first words stay."""
    line, index = await one(life)
    first = await report(life.services, life.subject, line, reason="other", words="a", by=HERSELF, now=life.now)
    size = await life.bed.size()
    again = await report(life.services, life.subject, line, reason="too_much", words="b", by=HERSELF, now=life.now)
    assert (again, await life.bed.size()) == (first, size)
    assert await reported_among(life.services, life.subject, [index, index + 1]) == {index}
    assert await reported(life.services, life.subject, index + 1) is None


async def test_only_the_dpo_of_that_organisation_and_of_the_consortium_see_it(life: Life) -> None:
    """Rule: another institution's DPO gets nothing, and closes nothing."""
    line, _ = await one(life)
    made = await report(life.services, life.subject, line, reason="other", words="", by=HERSELF, now=life.now)
    assert await open_reports(life.services, "caf-brume") == []
    assert [each.id for each in await open_reports(life.services, None)] == [made.id]
    tag = "ab" * 16
    assert not await close_report(life.services, made.id, organisation="caf-brume", actor=tag, now=life.now)
    assert await close_report(life.services, made.id, organisation="ml-brume", actor=tag, now=life.now)
    assert not await close_report(life.services, made.id, organisation="ml-brume", actor=tag, now=life.now)
    assert (await life.bed.journal())[-1]["type"] == "access.answered"
    assert await open_reports(life.services, None) == []
    still = await reported(life.services, life.subject, made.access)
    assert still is not None
    assert still.closed_at is not None


async def test_who_helps_is_named_by_the_mandate(life: Life) -> None:
    """Rule: the entry says that a representative reported, under which mandate."""
    line, _ = await one(life)
    mandate = Mandate(id="cd" * 16, capacity="aidant", valid_from=1, valid_until=life.now + 1, checked_at=1)
    by = By(kind="representative", channel="page", representative=mandate)
    await report(life.services, life.subject, line, reason="other", words="", by=by, now=life.now)
    entry = (await life.bed.journal())[-1]
    assert (entry["by"], entry["mandate"]) == ("representative", mandate.id)


@pytest.mark.parametrize(("reason", "words"), [("other", "x" * (LONGEST + 1)), ("weather", "x")])
async def test_what_is_too_long_or_unknown_is_refused(life: Life, reason: str, words: str) -> None:
    """Rule: nothing is written."""
    line, _ = await one(life)
    before = await life.bed.size()
    with pytest.raises(PageProblem):
        await report(life.services, life.subject, line, reason=reason, words=words, by=HERSELF, now=life.now)
    assert await life.bed.size() == before


async def test_an_erasure_takes_the_words(life: Life) -> None:
    """Rule: what erasure calls in its transaction empties the words; the report itself, an opaque id, stays."""
    line, _ = await one(life)
    await report(life.services, life.subject, line, reason="other", words=WORDS, by=HERSELF, now=life.now)
    await life.services.store.write(lambda c: erasures._told(life.services, c, life.subject, life.now))
    (left,) = await open_reports(life.services, None)
    assert left.words is None
