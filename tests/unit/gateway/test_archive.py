"""The archive: every entry in it, the same as the journal, checked offline, readable three ways, closed to others."""

import json
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.consent_receipts import verify
from audit.events import EVENTS
from audit.trust import Trust
from connectors import sandbox
from consent.rights_law import EXTENSIONS, REFUSALS, RESTRICTIONS, RIGHTS, About
from consent.states import TRANSITIONS, By
from gateway import rights
from gateway.archive import page, pdf, words
from gateway.archive.blocks import Card, Heading, Items, Story
from gateway.archive.content import collect, portable
from gateway.archive.files import SUMS, ArchiveRefused, check_archive, write_archive
from gateway.archive.labels import FIELDS, KINDS, said
from gateway.archive.story import moment, tell
from gateway.archive.told import Teller, period, who
from policies.catalogue import load
from tests.bed import LISE, Bed, bed, professional, served

ROOT = Path(__file__).parents[3]
COUNTER = By(kind="subject", channel="counter")
WHO = {
    "ml-brume": LISE,
    "siae-brume": professional("referent"),
    "dept-brume": professional("orienteur"),
    "ft-brume": professional("conseiller"),
    "caf-brume": professional("instructeur"),
    "outil-commun": professional("referent"),
}
CATALOGUE = load(ROOT / "policies" / "catalogue")


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as opened,
    ):
        yield opened


async def lived(gateway: Bed) -> tuple[Any, list[str]]:
    """Somebody with exchanges on two bases, a refusal, a withdrawal, two requests; and the words that left."""
    services, now = gateway.services, gateway.services.clock
    for name in ("ml-brume", "dept-brume"):
        await gateway.partner(name)
    left: list[Any] = []
    token = await gateway.token("ml-brume")
    pseudonym = await gateway.link(token, "lucas-perrin")
    given_ = await gateway.authorise(token, "ml-brume", pseudonym, "support.youth")
    for fields in (["rsa.beneficiary", "household.address"], ["rsa.since", "c2s.beneficiary"]):
        answer = await gateway.exchange(token, pseudonym, "support.youth", fields)
        assert answer.status_code == 200, answer.text
        left += [value for each in answer.json()["datasets"].values() for value in each.get("values", {}).values()]
    other = await gateway.token("dept-brume", professional=WHO["dept-brume"])
    theirs = await gateway.link(other, "lucas-perrin")
    await gateway.authorise(other, "dept-brume", theirs, "orientation.rsa")
    assert (await gateway.exchange(other, theirs, "orientation.rsa", ["rsa.since"])).status_code == 200
    subject = await gateway.subject("ml-brume", pseudonym)
    await services.authorisations.withdraw(given_, subject=subject, by=COUNTER, now=now())
    assert (await gateway.exchange(token, pseudonym, "support.youth", ["rsa.since"])).status_code == 403
    fields = frozenset({"rsa.since"})
    about = About(fields=fields, source="caf-brume")
    asked = await rights.receive(services, subject, "rectification", by=COUNTER, now=now(), about=about)
    await rights.answer(services, asked.id, now=now())
    late = await rights.receive(services, subject, "access", by=COUNTER, now=now())
    await services.rights.extend(late.id, reason="complexity", now=now())
    await services.people.flag(subject, "protected_address", present=True, now=now())
    return subject, [value for value in left if isinstance(value, str)]


async def archived(gateway: Bed, subject: Any, folder: Path) -> dict[str, Any]:
    services = gateway.services
    await services.publisher.publish_once(services.clock())
    content, proof = await collect(services, subject, reader={"org": "operator"}, months=12, now=services.clock())
    write_archive(folder, content, proof, Teller(services.catalogue))
    return content


async def test_the_archive_holds_every_entry_and_verifies_offline(gateway: Bed, tmp_path: Path) -> None:
    """Rule (GDPR 15): all of the person's entries as the journal has them, this reading last; nothing of others."""
    subject, _ = await lived(gateway)
    await gateway.link(await gateway.token("ml-brume"), "zoe-figurant")
    content = await archived(gateway, subject, tmp_path / "out")
    key = await gateway.services.vault.open(subject)
    tags = {key.tag(number) for number in range(100)}
    mine = [each for each in await gateway.journal() if each.get("subject") in tags]
    assert [each["entry"] for each in content["entries"]] == mine
    assert [each["number"] for each in content["entries"]] == list(range(len(mine)))
    assert (mine[-1]["type"], mine[-1]["what"], mine[-1]["org"]) == ("log.read", "archive", "operator")
    assert [each["proved"] for each in content["entries"]] == [True] * (len(mine) - 1) + [False]
    trust = Trust(tuple(gateway.services.keys.log.vkeys))
    reports = check_archive(tmp_path / "out", trust)
    assert all(each.ok for each in reports), [each.lines() for each in reports]
    assert [check.ok for check in reports[-1].checks] == [True, True, None, True, True]
    assert "1 of 19" in reports[-1].checks[2].detail  # its own reading, which no checkpoint covers yet
    assert {each.stat().st_mode & 0o077 for each in (tmp_path / "out").iterdir()} == {0}
    with pytest.raises(ArchiveRefused):
        write_archive(tmp_path / "out", content, {}, Teller(CATALOGUE))


async def test_what_is_altered_is_found(gateway: Bed, tmp_path: Path) -> None:
    """Rule: an entry left out, changed, or a file replaced, even when the sums are made anew."""
    subject, _ = await lived(gateway)
    await archived(gateway, subject, tmp_path / "out")
    trust = Trust(tuple(gateway.services.keys.log.vkeys))
    file = tmp_path / "out" / "archive.json"
    whole = file.read_text("utf-8")

    def failed() -> set[str]:
        return {name for each in check_archive(tmp_path / "out", trust) for name in each.failed()}

    def resum() -> None:
        import hashlib

        sums = (tmp_path / "out" / SUMS).read_text("ascii").splitlines()
        renewed = [f"{hashlib.sha256((tmp_path / 'out' / name).read_bytes()).hexdigest()}  {name}\n"
                   for _, _, name in (line.partition("  ") for line in sums)]  # fmt: skip
        (tmp_path / "out" / SUMS).write_text("".join(renewed), "ascii")

    file.write_text(whole + " ", "utf-8")
    assert failed() == {"files"}
    for change, found in (
        (lambda entries: entries.pop(2), {"entries", "numbers"}),
        (lambda entries: entries[2]["entry"].update(org="caf-brume"), {"entries"}),
        (lambda entries: entries.append(entries[0]), {"numbers"}),
        (lambda entries: entries[3].update(number=99), {"entries", "numbers", "text"}),
    ):
        content = json.loads(whole)
        change(content["entries"])
        file.write_text(json.dumps(content), "utf-8")
        resum()
        assert failed() == found
    file.write_text("[]", "utf-8")
    resum()
    assert failed() == {"entries"}
    (tmp_path / "out" / SUMS).unlink()
    assert failed() == {"files"}


async def test_each_access_says_who_what_why_from_where_and_what_was_withheld(gateway: Bed, tmp_path: Path) -> None:
    """Rule: recipients, purposes, sources and true reasons, in words; no value of a source anywhere."""
    subject, left = await lived(gateway)
    content = await archived(gateway, subject, tmp_path / "out")
    released = [each for each in content["entries"] if each["entry"]["type"] == "exchange.released"]
    assert [each["entry"]["org"] for each in released] == ["ml-brume", "ml-brume", "dept-brume"]
    first = released[0]
    assert first["from"] == dict.fromkeys(first["fields"], "caf-brume")
    denied = [each for each in content["entries"] if each["entry"].get("decision") == "deny"]
    assert [each["withheld"] for each in denied] == [{"rsa.since": "withdrawn"}]
    assert {each["id"]: each["times"] for each in content["recipients"]} == {"dept-brume": 1, "ml-brume": 2}
    assert {each["state"] for each in content["authorisations"]} == {"withdrawn", "active"}
    by_basis = {each["basis"]: each for each in content["authorisations"]}
    signed = verify(by_basis["consent"]["receipt"], *gateway.services.keys.receipt.vkeys)
    assert signed["record_digest"] == by_basis["consent"]["record_digest"]
    assert {each["right"]: each["state"] for each in content["rights"]} == {
        "access": "extended", "rectification": "answered",
    }  # fmt: skip
    assert content["person"]["flags"] == ["protected_address"]
    assert {each["kind"] for each in content["person"]["identifiers"]} >= {"nir", "pivot"}
    assert {each["recipient"] for each in content["retention"]["recipients"]} == {"ml-brume", "dept-brume"}
    texts = [each.read_text("utf-8") for each in (tmp_path / "out").iterdir() if each.suffix in {".json", ".html"}]
    assert left
    assert not [value for value in left for text in texts if value in text]


async def test_the_portable_part_rests_on_consent_alone(gateway: Bed, tmp_path: Path) -> None:
    """Rule (GDPR 20): only authorisations given, and entries under them."""
    subject, _ = await lived(gateway)
    content = await archived(gateway, subject, tmp_path / "out")
    part = json.loads((tmp_path / "out" / "portable.json").read_text("utf-8"))
    assert part == portable(content)
    assert {each["basis"] for each in part["authorisations"]} == {"consent"}
    assert {each["entry"]["org"] for each in part["entries"]} == {"ml-brume"}
    assert {each["basis"] for each in part["entries"]} == {"consent"}
    types = [each["entry"]["type"] for each in part["entries"]]
    assert [types.count(f"exchange.{name}") for name in ("decided", "released")] == [3, 2]
    assert set(part) == {"format", "kind", "made_at", "gateway", "authorisations", "entries"}


async def test_the_schema_describes_it(gateway: Bed, tmp_path: Path) -> None:
    """Rule: what is documented is what is written, in both files."""
    import jsonschema

    subject, _ = await lived(gateway)
    await archived(gateway, subject, tmp_path / "out")
    schema = json.loads((ROOT / "gateway" / "archive" / "schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in ("archive.json", "portable.json"):
        jsonschema.validate(json.loads((tmp_path / "out" / name).read_text("utf-8")), schema)


async def test_the_pages_have_a_line_per_entry_and_need_nothing_else(gateway: Bed, tmp_path: Path) -> None:
    """Rule: as many lines as entries in both languages; no script, no outside address, language and title right."""
    subject, _ = await lived(gateway)
    content = await archived(gateway, subject, tmp_path / "out")
    for lang, name in (("fr", "mes-informations"), ("en", "my-information")):
        text = (tmp_path / "out" / f"{name}.html").read_text("utf-8")
        assert f'<html lang="{lang}">' in text
        assert len(re.findall(r"<h3>(?:N°|No\.) \d+ ·", text)) == len(content["entries"])
        assert "<script" not in text
        assert not re.findall(r'(?:src|href)="(?!#|my-information\.html|mes-informations\.html)', text)
        assert len(text) < 60_000
        document = (tmp_path / "out" / f"{name}.pdf").read_bytes()
        assert document.startswith(b"%PDF-")
        assert b"/Lang" in document
        assert b"/DisplayDocTitle true" in document
        assert b"/Outlines" in document


FORBIDDEN = (
    "finalité", "destinataire", "base légale", "traitement", "données à caractère personnel", "consentement éclairé",
    "responsable de traitement", "habilitation", "périmètre", "révoquer", "pseudonyme", "API", "jeton",
)  # fmt: skip


async def test_the_page_uses_everyday_words(gateway: Bed, tmp_path: Path) -> None:
    """Rule (ux.md): forbidden words only under « En savoir plus »; sentences of twenty words at most."""
    subject, _ = await lived(gateway)
    await archived(gateway, subject, tmp_path / "out")
    text = (tmp_path / "out" / "mes-informations.html").read_text("utf-8")
    shown = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    for word in FORBIDDEN:
        assert not re.search(rf"\b{word}\b", shown), word
    for paragraph in re.findall(r"<p>([^<]*)</p>", shown):
        for sentence in re.split(r"[.!?](?:\s|$)", paragraph):
            assert len(sentence.split()) <= 20, sentence


def test_every_entry_about_a_person_has_its_sentence() -> None:
    """Rule: a new type of entry forces a sentence; both languages, for each."""
    about = {name for name, event in EVENTS.items() if event.subject != "refused"}
    assert about <= set(words.EVENTS)
    for name in about:
        entry = {"type": name, "org": "ml-brume", "right": "access", "flag": "restriction"}
        french, english = (Teller(CATALOGUE).sentence(entry, lang) for lang in ("fr", "en"))
        assert french != english
        assert "{" not in french + english


def test_every_word_of_the_vocabularies_is_said() -> None:
    """Rule: fields, states, rights, reasons: nothing is read as a code."""
    assert set(CATALOGUE.vocabulary.fields) == set(FIELDS)
    states = {rule.to for rule in TRANSITIONS.values() if rule.to}
    assert states <= set(words.STATES)
    assert set(RIGHTS) == set(words.RIGHTS)
    reasons = EXTENSIONS | RESTRICTIONS | rights.LIFTS | frozenset().union(*REFUSALS.values())
    assert reasons <= set(words.REASONS)
    assert {each.retention["from"] for each in CATALOGUE.exchanges.values()} <= set(words.FROM)


def test_what_is_not_known_is_told_as_it_is() -> None:
    """Rule: an archive never fails for a name that the catalogue has lost."""
    teller = Teller(CATALOGUE)
    assert teller.sentence({"type": "weather.changed"}, "fr") == "Autre événement, de type weather.changed."
    assert (teller.party("gone", "fr"), teller.purpose("gone.too", "en")) == ("gone", "gone.too")
    assert teller.party("operator", "en") == "the technical service"
    assert teller.source("rsa.since", {"lost@1": ["rsa.since"]}) == "caf-brume"
    assert teller.source("weather.colour", {}) is None
    assert (teller.reason("weather", "fr"), said(KINDS, "badge", "fr"), period("soon", "fr")) == (
        "weather",
        "badge",
        "soon",
    )
    assert teller.reason("withdrawn", "en") == "You stopped this sharing."
    assert [period(text, "fr") for text in ("P1Y", "P24M", "P90D")] == ["1 an", "24 mois", "90 jours"]
    assert who({"type": "exchange.decided", "actor": "batch:nightly"}, "en") == "a computer, nobody there (nightly)"
    assert who({"type": "erasure.executed"}, "fr") is None
    given = {"type": "authorisation.given", "by": "representative", "mandate": "0" * 32}
    assert who({**given, "capacity": "aidant"}, "fr") == "fait avec l'aide de quelqu'un"
    assert who({**given, "capacity": "parent"}, "fr") == "une personne qui vous représente"
    assert who({"type": "session.opened", "actor": "a" * 32, "mandate": "0" * 32}, "fr") == "une personne qui vous aide"


@pytest.mark.parametrize("type_", ["log.read", "person.previewed", "access.reported", "rights.requested"])
def test_what_a_helper_does_is_never_told_as_the_persons_own(type_: str) -> None:
    """Rule: neither « vous » nor somebody who works there."""
    entry = {"type": type_, "by": "representative", "mandate": "0" * 32, "actor": "a" * 32, "org": "ml-brume"}
    for lang, not_so in (("fr", "Vous "), ("en", "You ")):
        assert not_so not in Teller(CATALOGUE).sentence(entry, lang)
        assert who(entry, lang) == {"fr": "une personne qui vous aide", "en": "somebody who helps you"}[lang]
    own = {"type": type_, "by": "subject"}
    assert Teller(CATALOGUE).sentence(own, "fr").startswith("Vous ")
    assert who(own, "fr") == "vous"


@pytest.mark.parametrize("event", ["given", "refused", "withdrawn", "objection_lodged"])
def test_an_answer_given_for_somebody_says_so(event: str) -> None:
    """Rule: « pour vous », in each sentence a representative can bring about."""
    entry = {"type": f"authorisation.{event}", "by": "representative", "capacity": "parent", "org": "ml-brume"}
    assert "pour vous" in Teller(CATALOGUE).sentence(entry, "fr")
    assert "for you" in Teller(CATALOGUE).sentence(entry, "en")


def test_an_empty_life_is_told() -> None:
    """Rule: no blank section."""
    content = {
        "made_at": "2026-11-01T10:05:00.000Z", "gateway": {"log": "x.example/log", "address": "https://x.example"},
        "authorisations": [], "entries": [], "recipients": [], "rights": [], "logic": {"catalogue": "0" * 64},
        "retention": {"journal_months": 12, "recipients": []}, "person": {"identifiers": [], "flags": []},
    }  # fmt: skip
    for lang, nobody in (("fr", "Personne ne les a vues."), ("en", "Nobody saw it.")):
        story = tell(content, Teller(CATALOGUE), lang)
        assert nobody in page.render(story, other=("x.html", "x"))
        assert pdf.render(story).startswith(b"%PDF")


@pytest.mark.parametrize(
    "text",
    [
        "Mission locale de la Brume", "le 3 mars à 18\u00a0h\u00a005", "a & b < c > d", "&amp; <b>x</b>",
        " deux  blancs ", "une ligne\nune autre", "une\n\ntrois", "long " * 60, "x" * 300, "a\u2009b", "", "tab\there",
    ],
)  # fmt: skip
def test_a_paragraph_is_what_its_markup_would_be(text: str) -> None:
    """Rule: set without a parser or with it, the same lines of the same words, whatever the text holds."""
    from reportlab.platypus import Paragraph

    from gateway.archive.paragraphs import _STYLES, _markup, paragraph, setting

    def lines(made: Any) -> list[Any]:
        size = [made.wrap(width, 800) for width in (480, 200, 480)]
        words = [vars(each).get("words") if hasattr(each, "words") else each for each in made.blPara.lines]
        return [*size, [[(w.text, w.fontName, w.fontSize, w.textColor) if hasattr(w, "text") else w for w in each]
                        for each in words]]  # fmt: skip

    with setting():
        for style in _STYLES:
            for name in ("", "Qui", "Q & R"):
                markup = Paragraph(_markup(text, name), _STYLES[style])
                assert lines(paragraph(text, style, name=name)) == lines(markup)


def test_documents_written_at_the_same_time_are_the_same() -> None:
    """Rule: threads that write at once disturb nobody's letters; no word is kept afterwards."""
    from gateway.archive.paragraphs import _fonts

    cards = tuple(Card(f"N° {n} é à ç", "Où ça, été ?", (("Qui", "une œuvre"),)) for n in range(40))
    story = Story(lang="fr", title="Été", blocks=(Heading("a", "À lire"), *cards))
    alone = pdf.render(story)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(pdf.render, [story] * 8)) == {alone}
    assert [font.widths for font in _fonts()] == [{}, {}]


def test_the_hour_is_the_one_of_paris() -> None:
    """Rule: dates localised."""
    assert moment("2026-11-01T22:05:00.000Z", "fr") == "1er novembre 2026 à 23\u00a0h\u00a005"
    assert moment("2026-07-02T22:05:00.000Z", "en") == "3 July 2026 at 00:05 (Paris)"


class _Tags(HTMLParser):
    """What a browser would see as elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.found.append((tag, len(attrs)))


@given(st.text(min_size=1, max_size=40) | st.sampled_from(["<script>", '" onclick="x', "</title><img src=x>", "&lt;"]))
def test_no_text_becomes_markup(text: str) -> None:
    """Rule: whatever a name holds, the page shows it and does not run it."""

    def shown(word: str) -> list[tuple[str, int]]:
        facts = ((word, word),)
        story = Story(
            lang="fr", title=word, blocks=(Heading("a", word), Items((word,)), Card(word, word, facts, facts))
        )
        return _Tags(page.render(story, other=("x.html", word))).found

    assert shown(text) == shown("x")
