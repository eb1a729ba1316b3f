"""The catalogue as others ask it: digest, expansion, description, windows, and loading a directory."""

import copy
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import catalogue, vocabulary
from policies.errors import CatalogueInvalid, UnknownName
from policies.tables import pattern_matches
from tests.unit.policies.factories import (
    DAY,
    DENIALS,
    NOW,
    PARTIES,
    PURPOSES,
    VOCABULARY,
    WORDS,
    exchange,
    small,
    small_exchanges,
)

CATALOGUE = small()


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(folder: Path, exchanges: list[dict[str, Any]]) -> Path:
    contents = {"parties": PARTIES, "purposes": PURPOSES, "denials": DENIALS, "vocabulary": VOCABULARY}
    contents |= {each["exchange"]: each for each in exchanges}
    directory = folder / "catalogue"
    directory.mkdir(exist_ok=True)
    for name, content in contents.items():
        target = folder if name == "vocabulary" else directory
        text = yaml.dump(content, Dumper=Plain, sort_keys=False)
        (target / f"{name}.yaml").write_text(text)
    return directory


def load(directory: Path) -> catalogue.Catalogue:
    return catalogue.load(directory, vocabulary_file=directory.parent / "vocabulary.yaml")


def test_a_directory_is_the_catalogue_it_describes(tmp_path: Path) -> None:
    """Read from files or built from contents, it is the same catalogue."""
    directory = write(tmp_path, small_exchanges())
    (directory / "README.md").write_text("Only YAML files are read.")
    loaded = load(directory)
    assert loaded.digest == CATALOGUE.digest
    assert loaded.tables == CATALOGUE.tables


def shuffled(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: shuffled(content[key]) for key in random.sample(list(content), len(content))}
    if isinstance(content, list):
        return [shuffled(item) for item in random.sample(content, len(content))]
    return content


def test_the_digest_depends_on_the_content_alone() -> None:
    """Not on the order of files, keys or lists."""
    for _ in range(5):
        again = small(
            random.sample([shuffled(each) for each in small_exchanges()], 5),
            parties=shuffled(PARTIES),
            vocabulary=shuffled(VOCABULARY),
        )
        assert again.digest == CATALOGUE.digest
        assert again.tables == CATALOGUE.tables


def test_the_digest_changes_with_any_content() -> None:
    """A catalogue that decides otherwise, or says otherwise, has another name."""
    digests = {CATALOGUE.digest}
    for number in range(5):
        exchanges = small_exchanges()
        exchanges[number]["retention"]["recipient"] = "P23M"
        digests.add(small(exchanges).digest)
    digests.add(small(denials={"deny": [{"purpose": "hunting"}, {"fields": "d.number"}]}).digest)
    other = copy.deepcopy(PURPOSES)
    other["purposes"]["alpha.one"]["sentence"]["fr"] = "Une autre phrase."
    digests.add(small(purposes=other).digest)
    assert len(digests) == 8


def test_all_problems_of_all_files_are_reported_and_nothing_is_used(tmp_path: Path) -> None:
    """One wrong file refuses the directory."""
    directory = write(tmp_path, small_exchanges())
    (directory / "one.yaml").write_text("exchange: one\n")
    (directory / "parties.yaml").unlink()
    (directory / "extra.yml").write_text("a: [")
    with pytest.raises(CatalogueInvalid) as refused:
        load(directory)
    assert {problem.file for problem in refused.value.problems} == {"one.yaml", "parties.yaml", "extra.yml"}


def test_a_directory_that_does_not_exist_is_no_catalogue(tmp_path: Path) -> None:
    """An empty catalogue is never made by mistake."""
    with pytest.raises(CatalogueInvalid):
        catalogue.load(tmp_path / "nowhere")


def test_a_problem_across_files_has_its_line(tmp_path: Path) -> None:
    """What is only wrong beside another file is shown where it stands too."""
    directory = write(tmp_path, small_exchanges())
    text = (directory / "two.yaml").read_text().replace("src-two", "src-one")
    (directory / "two.yaml").write_text(text)
    line = text.splitlines().index("source: src-one") + 1
    with pytest.raises(CatalogueInvalid) as refused:
        load(directory)
    assert f"two.yaml:{line}: two_exchanges: " in str(refused.value)


def test_a_catalogue_may_be_moved(tmp_path: Path) -> None:
    """The directory's name is no content."""
    directory = write(tmp_path, small_exchanges())
    moved = shutil.copytree(directory, tmp_path / "elsewhere")
    assert load(Path(moved)).digest == load(directory).digest


def test_datasets_expand_to_what_the_recipient_may_ask() -> None:
    """A dataset is the fields of the exchange that could leave; where none could, all that exist, to be denied."""
    assert CATALOGUE.expand("partner-p", "alpha.one", ["d", "e.c"]) == ("d.a", "e.c")
    assert CATALOGUE.expand("partner-p", "alpha.one", ["s", "s.b", "d.word"]) == ("d.word", "s.b")
    assert CATALOGUE.expand("partner-q", "alpha.one", ["d"]) == ("d.a", "d.number", "d.on", "d.sure", "d.word")
    assert CATALOGUE.expand("nobody", "nothing", ["m"]) == ("m.at", "m.minutes", "m.note")
    assert CATALOGUE.expand("partner-p", "alpha.one", []) == ()


def test_an_unknown_name_is_told_by_its_place_only() -> None:
    """The caller's text is not repeated: it may be a person's number."""
    with pytest.raises(UnknownName) as refused:
        CATALOGUE.expand("partner-p", "alpha.one", ["d", "2840135238042"])
    assert (refused.value.code, refused.value.kind, refused.value.position) == ("unknown_name", "dataset or field", 1)
    assert "2840135238042" not in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "name", "matched"),
    [
        (None, "d.a", True),
        ("*", "d.a", True),
        ("d.*", "d.a", True),
        ("d.*", "dd.a", False),
        ("d.*", "d", False),
        ("d.a", "d.a", True),
        ("d.a", "d.ab", False),
        ("alpha.*", "alpha.one.two", True),
    ],
)
def test_a_pattern_ends_at_its_dot(*, pattern: str | None, name: str, matched: bool) -> None:
    """A wildcard covers what is below a name, not what merely begins like it."""
    assert pattern_matches(pattern, name) is matched


def test_basis_sources_and_purposes_are_those_of_the_active_exchanges() -> None:
    """What a recipient may ask for follows from the exchanges that name it."""
    assert CATALOGUE.basis_of("partner-p", "alpha.one") == "consent"
    assert CATALOGUE.basis_of("partner-q", "alpha.one") == "legal_obligation"
    assert CATALOGUE.basis_of("partner-q", "gamma") is None
    assert CATALOGUE.sources_of("partner-q", "beta.two") == ("src-one", "src-two")
    assert CATALOGUE.sources_of("partner-q", "gamma") == ()
    assert CATALOGUE.purposes_for("partner-p") == ("alpha.one", "beta.two")
    assert CATALOGUE.purposes_for("src-one") == ()


def test_what_an_authorisation_covers() -> None:
    """Every field that could leave, per source, with those that need explicit consent."""
    asked = CATALOGUE.request_fields("partner-p", "alpha.one")
    assert asked.fields == {"d.a", "s.b", "e.c"}
    assert asked.explicit == {"s.b"}
    assert asked.sources == {"src-one": ("d.a", "s.b"), "src-two": ("e.c",)}
    assert CATALOGUE.request_fields("partner-q", "alpha.one").fields == frozenset()
    assert CATALOGUE.request_fields("partner-q", "gamma").sources == {}


def test_the_shortest_validity_and_the_fewest_uses_hold() -> None:
    """Several exchanges for one purpose share one authorisation."""
    two = small(
        [
            exchange("one", authorisation={"validity": "P90D", "max_uses": 50}),
            exchange("two", source="src-two", fields={"e.c": {"release": "clear"}}, authorisation={"validity": "P30D"}),
        ]
    )
    assert two.default_validity("partner-p", "alpha.one") == 30 * DAY
    assert two.max_uses("partner-p", "alpha.one") == 50
    assert CATALOGUE.default_validity("partner-p", "alpha.one") is None
    assert CATALOGUE.max_uses("partner-p", "alpha.one") is None


@pytest.mark.parametrize(("unit", "key"), [("day", "one:2026-05-28"), ("month", "one:2026-05"), ("year", "one:2026")])
def test_uses_are_counted_per_calendar_window(unit: str, key: str) -> None:
    """Days, months and years are those of UTC."""
    counted = small([exchange("one", frequency={"per_subject": f"7/{unit}"})])
    assert counted.window("one", NOW) == key
    assert counted.limit("one") == 7


def test_a_window_ends_at_midnight_utc() -> None:
    """The last millisecond of a month belongs to it."""
    assert CATALOGUE.window("one", 1_780_271_999_999) == "one:2026-05"
    assert CATALOGUE.window("one", 1_780_272_000_000) == "one:2026-06"


def test_windows_are_those_of_active_exchanges() -> None:
    """A retired or unknown exchange counts nothing."""
    retired = small([exchange("one", status="retired"), exchange("two", version=3, purpose="beta.two")])
    for name in ("one", "nothing"):
        with pytest.raises(UnknownName):
            retired.window(name, NOW)
    assert retired.limit("two") == 4


def test_sentences_exist_in_both_languages() -> None:
    """A dataset and a purpose each have their plain sentence."""
    assert CATALOGUE.sentence("d", "fr") == WORDS["fr"]
    assert CATALOGUE.sentence("alpha.one", "en") == WORDS["en"]
    for name, lang in (("nothing", "fr"), ("d", "de")):
        with pytest.raises(UnknownName):
            CATALOGUE.sentence(name, lang)


def test_bases_and_actions_have_sentences_where_the_vocabulary_gives_them() -> None:
    """Both languages; nothing is made up for a name nobody wrote a sentence for."""
    spoken = vocabulary.build({**VOCABULARY, "bases": {"consent": WORDS}, "actions": {"withdraw": WORDS}})
    own = replace(CATALOGUE, vocabulary=spoken)
    assert own.basis_sentence("consent", "fr") == own.action_sentence("withdraw", "fr") == WORDS["fr"]
    for ask, name, lang in (
        (own.basis_sentence, "withdraw", "fr"),
        (own.action_sentence, "withdraw", "de"),
        (CATALOGUE.action_sentence, "withdraw", "en"),
    ):
        with pytest.raises(UnknownName):
            ask(name, lang)


def test_the_line_says_whether_one_can_object() -> None:
    """A public task says `allowed` or `excluded`; no other basis is objected to, and a line nobody has neither."""
    shipped = catalogue.load(Path(catalogue.__file__).parent / "catalogue")
    assert shipped.objectable("dept-brume", "orientation.rsa")
    for recipient, purpose in (("ml-brume", "support.youth"), ("dept-brume", "support.youth")):
        assert not shipped.objectable(recipient, purpose)


def test_a_recipient_reads_what_it_may_ask_for() -> None:
    """The description says what is decided: releases with floors applied, denials as never."""
    described = CATALOGUE.describe("partner-q")
    assert described["catalogue"] == CATALOGUE.digest
    assert [purpose["purpose"] for purpose in described["purposes"]] == ["alpha.one", "beta.two"]
    one, two = described["purposes"]
    assert one["basis"] == "legal_obligation"
    assert {field["field"]: field["release"] for field in one["exchanges"][0]["datasets"][0]["fields"]} == {
        "d.a": "never",
        "d.number": "never",
    }
    four, three = two["exchanges"]
    assert (four["exchange"], four["source"]["id"], four["frequency"]) == (
        "four@1",
        "src-two",
        {"limit": 4, "per": "month"},
    )
    assert three["agents"] == {"roles": ["adviser", "clerk"], "assurance": "low", "batch": True, "person": True}
    assert [dataset["scope"] for dataset in three["datasets"]] == ["data:d", "data:s"]
    assert three["datasets"][1]["fields"] == [
        {"field": "s.b", "type": "bool", "release": "clear", "explicit_consent": False, "special": "health"}
    ]


def test_an_unknown_recipient_reads_nothing() -> None:
    """Who is not a party has no description."""
    with pytest.raises(UnknownName):
        CATALOGUE.describe("nobody")
    assert CATALOGUE.describe("src-one")["purposes"] == []
