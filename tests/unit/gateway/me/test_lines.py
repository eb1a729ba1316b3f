"""A person's own lines: newest first, by page, one row per access, nobody else's."""

import pytest

from gateway.web.me import lines
from gateway.web.me.lines import Wanted, accesses, line_at, newest, person_of

from .conftest import Life


async def seen_by_all(life: Life) -> None:
    """Five accesses: three seen, one refused, one by another organisation."""
    await life.shares("ml-brume")
    await life.shares("dept-brume")
    for _ in range(3):
        assert await life.asks("ml-brume", "rsa.since", "c2s.beneficiary") == 200
    assert await life.asks("ml-brume", "aah.beneficiary") == 403
    assert await life.asks("dept-brume", "rsa.since") == 200


async def test_each_access_is_one_row_with_what_came_of_it(life: Life) -> None:
    """Rule: decided and released are one access; a refusal keeps its true reason, all its parts are told."""
    await seen_by_all(life)
    found = await accesses(life.services, life.subject, size=20)
    assert [(each.org, each.outcome) for each in found.accesses] == [
        ("dept-brume", "seen"),
        ("ml-brume", "refused"),
        *[("ml-brume", "seen")] * 3,
    ]
    assert found.before is None
    refused, one = found.accesses[1], found.accesses[2]
    assert refused.hidden == {"aah.beneficiary": "not_in_exchange"}
    assert one.fields == ("c2s.beneficiary", "rsa.since")
    assert (one.sources, one.basis, one.authorisation) == (("caf-brume",), "consent", life.ids["ml-brume"])
    entries = await life.bed.journal()
    assert entries[one.index]["type"] == "exchange.released"
    assert entries[refused.index]["decision"] == "deny"


@pytest.mark.parametrize("size", [1, 2, 4])
async def test_pages_follow_each_other_without_gap_or_repeat(life: Life, size: int) -> None:
    """Rule: whatever the size of a page, all accesses come once, in the same order."""
    await seen_by_all(life)
    whole = (await accesses(life.services, life.subject, size=99)).accesses
    got: list[object] = []
    before = None
    while True:
        found = await accesses(life.services, life.subject, size=size, before=before)
        got += found.accesses
        before = found.before
        if before is None:
            break
    assert got == list(whole)


async def test_filters_by_organisation_time_and_authorisation(life: Life) -> None:
    """Rule: each filter holds by itself; a month with nothing gives nothing."""
    await seen_by_all(life)

    async def count(**wanted: object) -> int:
        return len((await accesses(life.services, life.subject, size=99, wanted=Wanted(**wanted))).accesses)

    assert await count(org="dept-brume") == 1
    assert await count(org="caf-brume") == 0
    assert await count(authorisation=life.ids["ml-brume"]) == 4
    assert await count(since=life.now + 1) == 0
    assert await count(until=1) == 0
    assert await count(since=1, until=life.now + 1) == 5


async def test_a_search_without_result_stops_and_says_where(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one page looks through a bounded number of lines, then offers to go on."""
    await seen_by_all(life)
    monkeypatch.setattr(lines, "LOOKED", 3)
    found = await accesses(life.services, life.subject, size=20, wanted=Wanted(org="caf-brume"))
    assert (found.accesses, found.before is not None) == ((), True)


async def test_a_month_long_ago_is_found_without_reading_what_came_since(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: the end of the month is looked up by halving; what lies after it is not walked through."""
    await seen_by_all(life)
    whole = (await accesses(life.services, life.subject, size=9)).accesses
    monkeypatch.setattr(lines, "_SKEW_MS", 0)
    monkeypatch.setattr(lines, "LOOKED", 6)
    until = whole[2].at
    older = [each for each in whole if each.at < until]
    found = await accesses(life.services, life.subject, size=len(older), wanted=Wanted(until=until))
    assert list(found.accesses) == older
    assert (await accesses(life.services, life.subject, size=9, wanted=Wanted(until=1))).accesses == ()


async def test_all_lines_are_as_many_as_the_person_has(life: Life) -> None:
    """Rule: the list of everything misses no number (promise P8)."""
    await seen_by_all(life)
    person = await person_of(life.services, life.subject)
    first = await newest(life.services, life.subject, size=7)
    rest = await newest(life.services, life.subject, size=99, before=first.before)
    numbers = [each.number for each in (*first.lines, *rest.lines)]
    assert numbers == list(range(person.counter - 1, -1, -1))
    assert rest.before is None


async def test_a_line_of_somebody_else_does_not_exist(life: Life) -> None:
    """Rule (IDOR): by its place in the journal, only one's own line is found."""
    await seen_by_all(life)
    await life.known("ml-brume", "zoe-figurant")
    theirs = await life.bed.size() - 1
    mine = (await accesses(life.services, life.subject, size=1)).accesses[0].index
    assert await line_at(life.services, life.subject, theirs) is None
    found = await line_at(life.services, life.subject, mine)
    assert found is not None
    assert found.entry["org"] == "dept-brume"
    for nowhere in (-1, theirs + 1, 2**70):
        assert await line_at(life.services, life.subject, nowhere) is None


async def test_nobody_has_asked_is_an_empty_page(life: Life) -> None:
    """Rule: a person just linked has no access, and lines all the same."""
    await life.known("ml-brume")
    assert (await accesses(life.services, life.subject, size=3)).accesses == ()
    assert len((await newest(life.services, life.subject, size=3)).lines) >= 1
