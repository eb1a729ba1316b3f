"""Words explained on tap: a closed list, everyday words, no script, by keyboard, on the pages that use them."""

import re

import pytest
from playwright.async_api import Page

from gateway.web.explained import WORDS, names_in
from tests.web.conftest import Portal
from tests.web.measure import check
from tests.web.reading import FORBIDDEN, LEAST_PARAGRAPH, LONGEST, measure
from tests.web.test_me_pages import lucas

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("key", WORDS)
async def test_a_word_is_explained_in_everyday_words(key: str) -> None:
    """Short sentences, both languages, none of the words not to use; ten words at most."""
    word = WORDS[key]
    assert len(WORDS) <= 10
    for text in (*word.name, *word.means):
        assert text.strip()
        assert not [each for each in FORBIDDEN if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text)]
    for sentence in re.split(r"(?<=\.) ", word.means[0]):
        score, count, _ = measure([sentence])
        assert count <= LONGEST
        assert score >= LEAST_PARAGRAPH, sentence


async def test_names_are_found_as_whole_words() -> None:
    """« CAF du Val-de-Brume » is one; a word that holds these letters is none."""
    assert names_in("CAF du Val-de-Brume, France Travail") == ("caf", "france_travail")
    assert names_in("CAFÉ, RSAI") == ()


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_the_four_pages_explain_each_word_once_by_keyboard_without_scripts(portal: Portal, lang: str) -> None:
    """Request, receipt, history, detail: closed at first, Enter opens; open, the page passes every measure."""
    him = await lucas(portal)
    asked, shared = him.ids["outil-commun"], him.ids["ml-brume"]
    page = await portal.page(him.identity, lang=lang, javascript=False)
    scripted = await portal.page(him.identity, lang=lang)
    for path, keys in (
        (f"/me/ask/{asked}", ["accord"]),
        (f"/me/ask/{shared}/receipt", ["reference", "recu", "signe"]),
        ("/me/history", ["organisme", "droit", "caf"]),
        (f"/me/authorisations/{shared}", ["partage", "recu", "caf"]),
    ):
        await page.goto(portal.url + path)
        shown = await _shown(page)
        assert len(shown) == len(set(shown))
        for key in keys:
            word, means = (each[lang == "en"] for each in (WORDS[key].name, WORDS[key].means))
            assert [each for each in shown if word in each], (path, key, shown)
            box = page.locator("details.explained", has_text=means)
            assert not await box.locator("p").is_visible()
            await box.locator("summary").focus()
            await page.keyboard.press("Enter")
            assert await box.locator("p").is_visible()
            size = await box.locator("summary").bounding_box()
            assert size is not None
            assert size["height"] >= 24
        await scripted.goto(portal.url + path)
        await scripted.evaluate("() => document.querySelectorAll('.explained').forEach(each => { each.open = true })")
        await check(scripted, lang=lang)


async def _shown(page: Page) -> list[str]:
    return await page.locator("details.explained summary").all_inner_texts()
