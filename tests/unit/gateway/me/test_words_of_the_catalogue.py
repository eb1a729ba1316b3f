"""What a basis means, and what the person can do about it, is said in the catalogue's words."""

import html
from pathlib import Path

import pytest

from consent.actions import actions
from gateway.web.words import spaced

from .conftest import Life
from .visits import visit

PAGES = {
    "ml-brume": ("/me/authorisations/{}",),
    "outil-commun": ("/me/authorisations/{}", "/me/ask/{}"),
    "dept-brume": ("/me/authorisations/{}", "/me/ask/{}"),
    "caf-brume": ("/me/authorisations/{}", "/me/ask/{}"),
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/passerelle.db"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("partner", PAGES)
async def test_basis_and_actions_are_the_catalogues_on_the_page_and_the_request(
    life: Life, partner: str, lang: str
) -> None:
    """Rule: for each basis, a yes that waits included, in both languages; all that is offered and why."""
    id_ = await (life.requests(partner) if partner == "outil-commun" else life.shares(partner))
    record, me, catalogue = await life.record(partner), await visit(life), life.services.catalogue
    offered = [catalogue.action_sentence(each, lang) for each in actions(record, life.now)]
    assert offered
    for path in PAGES[partner]:
        text = html.unescape((await me.get(path.format(id_), lang=lang)).text)
        for sentence in (catalogue.basis_sentence(record.basis, lang), *offered):
            assert (spaced(sentence) if lang == "fr" else sentence) in text, (path, sentence)
