"""Every type of entry has its sentence, in both languages; a filter is its address."""

import pytest

from audit.events import EVENTS
from gateway.archive import words
from gateway.console import sentences
from gateway.console.errors import SearchRefused
from gateway.console.filters import NAMES, Filter, Words, read
from gateway.console.kinds import Kind
from gateway.console.sentences import Names
from gateway.settings import PACKAGED_CATALOGUE
from gateway.web.me.reports import REASONS as REPORTED
from policies.catalogue import load
from policies.reasons import Reason

WORDS = Words(
    org=frozenset({"ml-brume"}),
    type=frozenset(EVENTS),
    purpose=frozenset({"support.youth"}),
    dataset=frozenset({"rsa"}),
    reason=frozenset({"withdrawn"}),
    jobs=frozenset({"batch:nightly"}),
)
WHOLE = {
    "org": "ml-brume", "type": "exchange.decided", "purpose": "support.youth", "dataset": "rsa", "decision": "deny",
    "reason": "withdrawn", "actor": "a" * 32, "person": "b" * 32,
}  # fmt: skip


def test_every_type_of_entry_is_told_in_words() -> None:
    """A DPO never reads a code where a sentence should stand."""
    assert sorted(set(EVENTS) - set(sentences.EVENTS)) == []


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_an_exchange_is_told_in_one_sentence(lang: str) -> None:
    """Who, from whom, about what, what for, and the verdict."""
    names = Names(load(PACKAGED_CATALOGUE), lang)
    kind = Kind(
        type="exchange.released",
        org="ml-brume",
        purpose="support.youth",
        sources=("caf-brume",),
        datasets=("c2s", "rsa"),
    )
    told = names.full(kind)
    for part in ("Mission locale", "(c2s), RSA", "(rsa)", "support.youth", {"fr": "transmis", "en": "released"}[lang]):
        assert part.lower() in told.lower()
    assert names.sentence(Kind(type="newer.kind")) == "newer.kind"
    assert names.reason("nobody_knows") == "nobody_knows"


@pytest.mark.parametrize("code", sorted({*words.REASONS, *REPORTED, *(each.value for each in Reason)}))
def test_every_reason_of_a_right_or_a_report_is_told_in_words(code: str) -> None:
    """In both languages, with its code behind."""
    told = {Names(load(PACKAGED_CATALOGUE), lang).reason(code) for lang in ("fr", "en")}
    assert len(told) == 2
    assert all(each.endswith(f" ({code})") for each in told)


def test_french_elides_before_a_vowel() -> None:
    """Whoever is named; a word in h keeps the e unless it is known to lose it."""
    names = Names(load(PACKAGED_CATALOGUE), "fr")
    told = " ".join(map(names.event, sentences.EVENTS)).lower()
    assert " de un " not in told
    assert "que un " not in told
    assert "la demande d'un organisme" in told
    assert "ce qu'un organisme" in told
    lapsed = sentences.EVENTS["authorisation.lapsed"][0]
    for name, said in (("Outil commun", "d'Outil"), ("Hôpital", "d'Hôpital"), ("Hauts", "de Hauts"), ("CAF", "de CAF")):
        assert f"La demande {said}" in words.naming(lapsed, name)


def test_a_filter_is_its_address() -> None:
    """What is written into an address is read back the same."""
    wanted = read(WHOLE, WORDS, today=20_000)
    assert wanted == Filter(since=20_000 - 91, until=20_000, **WHOLE)
    assert read(wanted.address(), WORDS, today=30_000) == wanted
    assert sorted(wanted.classes) == sorted(NAMES)
    assert wanted.address(type="", since=19_990)["since"] < wanted.address()["until"]


@pytest.mark.parametrize("name", sorted({*WHOLE, "since", "until"}))
@pytest.mark.parametrize("value", ["Élodie Morvan", "2850535238048", "'; --", "2026-02-30", "é"])
def test_whatever_is_not_in_the_lists_is_refused(name: str, value: str) -> None:
    """No free text, no date that is none."""
    with pytest.raises(SearchRefused) as refused:
        read({name: value}, WORDS, today=20_000)
    assert refused.value.name == name
    assert value not in str(refused.value)
