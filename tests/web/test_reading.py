"""The measure of reading itself: it finds what is hard, and nothing else."""

import pytest

from tests.web.reading import FORBIDDEN, measure, problems, read, syllables_of

EASY = "<main><h1>Vos informations</h1><p>Vous pouvez dire non. Rien ne part sans vous.</p></main>"


def test_an_easy_page_has_no_problem() -> None:
    found = read(EASY)
    assert problems(found) == []
    assert found.score > 70
    assert found.words == 11


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_word_not_to_use_is_found_but_under_more(word: str) -> None:
    """En savoir plus is the only place."""
    hard = EASY.replace("</main>", f"<p>Le mot {word} est là.</p></main>")
    assert any("a word not to use" in each for each in problems(read(hard)))
    more = EASY.replace(
        "</main>", f"<details><summary>En savoir plus</summary><p>{word}</p></details><footer>{word}</footer></main>"
    ).replace(f"<footer>{word}</footer>", "")
    assert not [each for each in problems(read(more)) if "not to use" in each]


def test_a_long_sentence_and_a_heavy_paragraph_are_found() -> None:
    long = "<main><p>" + "un mot " * 21 + "de trop.</p></main>"
    assert any("words:" in each for each in problems(read(long)))
    heavy = (
        "<main><p>Conformément aux dispositions réglementaires applicables, l'administration départementale "
        "procédera ultérieurement à la communication.</p></main>"
    )
    assert any("a paragraph scores" in each for each in problems(read(heavy)))
    assert any("the page scores" in each for each in problems(read(heavy)))


def test_names_dates_codes_and_what_people_wrote_are_no_words_of_ours() -> None:
    page = (
        "<main><p>Institution départementale de réinsertion professionnelle</p><p class='said'>Traitement !</p>"
        "<p>C'est ainsi depuis le 22 novembre 2026 à 11:30.</p><p class='code'>0123 API</p>"
        "<select><option>périmètre</option></select></main><footer>jeton</footer>"
    )
    found = read(page, names=["Institution départementale de réinsertion professionnelle"])
    assert problems(found) == []
    assert "Traitement" not in " ".join(found.text)


def test_syllables_and_the_formula() -> None:
    """207 less 1.015 a word less 73.6 a syllable: two words of two syllables in one sentence."""
    assert [syllables_of(word) for word in ("voir", "partage", "arrêter", "informations")] == [1, 2, 3, 4]
    score, words, mean = measure(["Partage mission."])
    assert (words, mean) == (2, 2.0)
    assert score == pytest.approx(207 - 2 * 1.015 - 2 * 73.6)
    assert measure([]) == (100.0, 0, 0.0)
