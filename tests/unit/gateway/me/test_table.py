"""The table of accesses: what a spreadsheet opens, and nothing it would run."""

import csv
import io
import json

import pytest

from gateway.archive.words import BASES
from gateway.web.me import holdings, table
from gateway.web.me.history import OUTCOMES
from gateway.web.sheet import cell, sheet
from tests.unit.gateway.me.conftest import Life


def cells(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_begins_as_a_formula(start: str) -> None:
    """Rule (OWASP, CSV Injection): such a cell has an apostrophe before it; others are as they were."""
    assert cell(f"{start}1+1") == f"'{start}1+1"
    assert cell(f"1{start}1") == f"1{start}1"
    assert sheet([[f"{start}cmd", 5]], separator=";")[3:].lstrip(b'"').startswith(f"'{start}".encode())


async def test_each_access_is_a_line_in_the_words_of_the_history(life: Life) -> None:
    """Rule: newest first, who, what, what for, by what right; a refusal too, with its reason; the language is asked."""
    await life.shares("ml-brume")
    await life.asks("ml-brume", "rsa.since")
    await life.asks("ml-brume", "household.children")
    french, english = [
        cells(await holdings.as_csv(life.services, life.subject, lang=lang, reader={"by": "subject"}, now=life.now))
        for lang in ("fr", "en")
    ]
    for lang, found in enumerate((french, english)):
        assert found[0] == [each[lang] for each in table.COLUMNS]
        assert {len(each) for each in found} == {len(table.COLUMNS)}
        refused, seen = found[1], found[2]
        assert refused[2] == OUTCOMES["refused"][lang]
        assert refused[3] == ""
        assert refused[8]
        assert seen[2] == OUTCOMES["seen"][lang]
        assert seen[5] == BASES["consent"][lang]
        assert int(refused[9]) > int(seen[9])
    assert french[2][3] == "depuis quand vous touchez le RSA"
    assert french[2][1] == "Mission locale de la Brume"
    assert len(french) == len(english) == 3


async def test_the_table_says_as_many_accesses_as_the_archive(life: Life) -> None:
    """Rule: one line for each decision; the reading is an entry, as for the other files."""
    await life.shares("ml-brume")
    for _ in range(3):
        await life.asks("ml-brume", "rsa.since")
    before = await life.bed.size()
    found = cells(await holdings.as_csv(life.services, life.subject, lang="fr", reader={"by": "subject"}, now=life.now))
    assert [(each["type"], each["what"]) for each in await life.bed.journal(before)] == [("log.read", "archive")]
    content = json.loads(await holdings.as_json(life.services, life.subject, reader={"by": "subject"}, now=life.now))
    decided = [each for each in content["entries"] if each["entry"]["type"] == "exchange.decided"]
    assert len(found) - 1 == len(decided) == 3


async def test_nobody_asked_is_a_table_with_its_heading_alone(life: Life) -> None:
    """Rule: an empty table still says what its columns would hold."""
    await life.known("ml-brume")
    found = cells(await holdings.as_csv(life.services, life.subject, lang="fr", reader={"by": "subject"}, now=life.now))
    assert len(found) == 1
