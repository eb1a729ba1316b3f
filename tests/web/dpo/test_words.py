"""A DPO reads words; a code stands behind them, in brackets or in its own type, for the search."""

import re

import pytest

from tests.web.conftest import Portal, dpo
from tests.web.dpo.test_access import index_of

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

CODE = re.compile(r"\b[a-z0-9]+_[a-z0-9_]+\b|\b(?:rsa|c2s|registration|household|rdv)\.[a-z_]+\b")
ALONE = """() => [...document.querySelectorAll("main .code")].filter(code =>
    code.parentElement.textContent.trim() === code.textContent.trim() && !code.closest("dl, details, .number")
).map(code => code.textContent)"""
SAID = """() => {
    const main = document.querySelector("main").cloneNode(true)
    main.querySelectorAll(".code, pre, script, option").forEach(each => each.remove())
    return main.textContent
}"""


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    "path",
    ["/dpo/search", "/dpo/entries/{released}", "/dpo/registers", "/dpo/reconciliation", "/dpo/breach?what=ml-brume"],
)
async def test_no_code_stands_for_words(console: Portal, path: str, lang: str) -> None:
    """Rule: whatever looks like a code is in brackets after its words, or marked as code beside them."""
    page = await console.page(dpo("dept-brume", consortium=True), width=1280, lang=lang)
    await page.goto(console.url + path.format(released=await index_of(console, "exchange.released", "ml-brume")))
    text = re.sub(r"\([a-z0-9_.]+\)", "", str(await page.evaluate(SAID)))
    assert CODE.findall(text) == []
    assert [code for code in await page.evaluate(ALONE) if CODE.search(code)] == []


async def test_a_row_says_what_and_why(console: Portal) -> None:
    """Rule: the datasets of a release and the reasons of a refusal, each with the code the filter takes."""
    page = await console.page(dpo("dept-brume", consortium=True), width=1280, lang="fr")
    await page.goto(f"{console.url}/dpo/search?type=exchange.released")
    assert "complémentaire santé solidaire (c2s), RSA (rsa)" in await page.inner_text("tbody")
    await page.goto(f"{console.url}/dpo/search?decision=deny")
    assert "Personne n'a dit oui à ce partage. (no_authorisation)" in await page.inner_text("tbody")
    assert "refusé" in await page.inner_text("ul.chosen")
    await page.goto(f"{console.url}/dpo/search?dataset=rsa")
    assert "RSA (rsa)" in await page.inner_text("ul.chosen")


async def test_a_register_is_in_words(console: Portal) -> None:
    """Rule: what a field is, who may ask, how surely signed in, what is done: never the word of the file alone."""
    page = await console.page(dpo("dept-brume", consortium=True), width=1280, lang="fr")
    await page.goto(f"{console.url}/dpo/registers/print")
    text = " ".join((await page.inner_text("main")).split())
    assert "si vous touchez le RSA rsa.beneficiary" in text
    assert "référent (connexion de niveau substantiel)" in text
    assert "consulter, importer" in text
    assert "article 9 : santé" in text
    assert "sous-traitant Groupement informatique de la Brume" in text.replace("\u00a0", " ")
