"""Checks at load: what would be decided by accident, or against the law, is refused before it is ever decided."""

import copy
from typing import Any

import pytest

from policies import documents
from policies.catalogue import build
from policies.documents import Document, fits
from policies.errors import CatalogueInvalid
from tests.unit.policies.factories import (
    DENIALS,
    LEGAL_OBLIGATION,
    PARTIES,
    PROCESSING,
    PUBLIC_TASK,
    PURPOSES,
    SPECIAL,
    VOCABULARY,
    exchange,
    files,
    small,
    small_exchanges,
)


def refusal(exchanges: list[dict[str, Any]], **parts: Any) -> list[tuple[str, str]]:
    with pytest.raises(CatalogueInvalid) as refused:
        small(exchanges, **parts)
    return [(problem.file, problem.reason) for problem in refused.value.problems]


def changed(content: dict[str, Any], *steps: str, to: Any) -> dict[str, Any]:
    """Copy content with one member replaced."""
    copied = copy.deepcopy(content)
    inner = copied
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = to
    return copied


def test_the_small_catalogue_passes() -> None:
    """What the other tests change is itself right."""
    assert len(small().exchanges) == 5


CLEAR = {"release": "clear"}
ONE_EXCHANGE = {
    "unknown controller": ({"controller": "ghost"}, "unknown_party"),
    "unknown source": ({"source": "ghost"}, "unknown_party"),
    "unknown recipient": ({"recipient": ["partner-p", "ghost"]}, "unknown_party"),
    "own source": ({"recipient": ["src-one"]}, "own_source"),
    "unknown purpose": ({"purpose": "gamma"}, "unknown_purpose"),
    "banned purpose": ({"purpose": "hunting"}, "banned_purpose"),
    "unknown field": ({"fields": {"d.ghost": CLEAR}}, "unknown_field"),
    "field the source does not hold": ({"fields": {"e.c": CLEAR}}, "unknown_field"),
    "unknown role": ({"agents": {"roles": ["king"], "auth": "low", "batch": "refused"}}, "unknown_role"),
    "unknown required flag": ({"subjects": {"requires": ["tall"]}}, "unknown_flag"),
    "unknown needed flag": ({"fields": {"d.a": {**CLEAR, "needs": {"state": ["not_tall"]}}}}, "unknown_flag"),
    "unknown denial flag": ({"deny": [{"fields": "d.a", "if": {"subject_flag": "tall"}}]}, "unknown_flag"),
    "denial of no field": ({"deny": [{"fields": "z.*"}]}, "matches_nothing"),
    "denial of no purpose": ({"deny": [{"purpose": "alpha"}]}, "matches_nothing"),
    "denial of no recipient": ({"deny": [{"recipient": "ghost"}]}, "matches_nothing"),
    "denial of no source": ({"deny": [{"source": "ghost"}]}, "matches_nothing"),
    "active without a word on processing": ({"processing": None}, "no_processing"),
    "unknown processor": ({"processing": {**PROCESSING, "processors": ["ghost"]}}, "unknown_party"),
    "optional field it does not have": ({"optional": ["d.on"]}, "unknown_field"),
    "active without arrangement": ({"arrangement": None}, "no_arrangement"),
    "period that is empty": ({"when": {"not_before": "2026-01-02", "not_after": "2026-01-01"}}, "empty_period"),
    "two bases": ({"bases": [*LEGAL_OBLIGATION, *PUBLIC_TASK]}, "two_bases"),
    "special without impact assessment": ({"fields": {"s.b": SPECIAL}}, "no_dpia"),
    "special without condition": ({"dpia": "D", "fields": {"s.b": CLEAR}}, "special_category"),
    "special without explicit consent": (
        {"dpia": "D", "fields": {"s.b": {**CLEAR, "special": "9-2-a"}}},
        "special_category",
    ),
    "condition on an ordinary field": ({"fields": {"d.a": SPECIAL}}, "not_special"),
    "never released": ({"fields": {"d.number": CLEAR}}, "never_released"),
    "truncation of a number": ({"fields": {"d.a": {"release": "truncate", "to": "year"}}}, "not_applicable"),
    "question on a word": ({"fields": {"d.word": {"release": "predicate", "op": "lt", "value": 8}}}, "not_applicable"),
    "number asked of a date": (
        {"fields": {"d.on": {"release": "predicate", "op": "lt", "value": 8}}},
        "not_applicable",
    ),
}


@pytest.mark.parametrize("name", ONE_EXCHANGE)
def test_an_exchange_that_is_wrong_in_itself_is_refused(name: str) -> None:
    """One change to a right exchange, one named refusal."""
    change, reason = ONE_EXCHANGE[name]
    assert refusal([exchange("one", **change)]) == [("one@1.yaml", reason)]


@pytest.mark.parametrize("missing", ["type", "service", "without"])
def test_a_purpose_that_cannot_be_recorded_is_refused(missing: str) -> None:
    """What a consent record must say of a purpose is in the catalogue before anything is asked for it."""
    told = {name: value for name, value in PURPOSES["purposes"]["alpha.one"].items() if name != missing}
    purposes = changed(PURPOSES, "purposes", "alpha.one", to=told)
    assert refusal([exchange("one")], purposes=purposes) == [("one@1.yaml", "no_words")]
    small([exchange("one", status="draft")], purposes=purposes)


def test_a_party_nobody_can_reach_takes_part_in_nothing() -> None:
    """Controller, source, recipients and processors each have an address and a data protection officer."""
    without = {name: value for name, value in PARTIES["parties"]["partner-q"].items() if name != "contact"}
    parties = changed(PARTIES, "parties", "partner-q", to=without)
    small([exchange("one")], parties=parties)
    for change in ({"recipient": ["partner-q"]}, {"processing": {**PROCESSING, "processors": ["partner-q"]}}):
        assert refusal([exchange("one", **change)], parties=parties) == [("one@1.yaml", "no_contact")]


def test_without_a_notice_nothing_is_active() -> None:
    """Nobody is asked before it is written what everybody is told."""
    purposes = {"purposes": PURPOSES["purposes"]}
    assert refusal([exchange("one")], purposes=purposes) == [("purposes.yaml", "no_notice")]
    assert small([exchange("one", status="draft")], purposes=purposes).notice == {}


def test_an_exchange_below_a_banned_purpose_is_refused() -> None:
    """Banning a purpose bans what is under it."""
    purposes = changed(PURPOSES, "purposes", "hunting.birds", to=PURPOSES["purposes"]["alpha.one"])
    assert refusal([exchange("one", purpose="hunting.birds")], purposes=purposes) == [("one@1.yaml", "banned_purpose")]


def test_a_special_category_may_rest_on_another_condition_of_article_9() -> None:
    """9-2-b to 9-2-j do not ask for explicit consent."""
    small([exchange("one", dpia="D", fields={"s.b": {"release": "clear", "special": "9-2-b"}})])


def test_a_draft_needs_no_arrangement_yet() -> None:
    """What is not active is checked, but may still wait for its papers."""
    catalogue = small([exchange("one", status="draft", arrangement=None)])
    assert catalogue.tables == {}
    assert catalogue.exchanges["one@1"].status == "draft"


def test_a_file_bears_the_name_of_its_exchange() -> None:
    """A reader finds an exchange by its file's name."""
    wrong = files([exchange("one")])
    document = Document(file="other.yaml", content=wrong.exchanges[0].content, lines={("exchange",): 7})
    with pytest.raises(CatalogueInvalid) as refused:
        build(type(wrong)(**{**{n: getattr(wrong, n) for n in wrong.__slots__}, "exchanges": (document,)}))
    assert str(refused.value) == "other.yaml:7: file_name: `one` does not stand in a file of that name"


FLOOR = {"release": "generalise", "to": "band", "step": 50}


def party_with(floors: dict[str, Any]) -> dict[str, Any]:
    return changed(PARTIES, "parties", "src-one", to={**PARTIES["parties"]["src-one"], "floors": floors})


PARTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "two parties with one SIRET": (
        {"parties": changed(PARTIES, "parties", "partner-q", "siret", to="00000000000003")},
        [("parties.yaml", "duplicate_siret")],
    ),
    "dataset nobody knows": (
        {"parties": changed(PARTIES, "parties", "partner-q", "holds", to=["ghost"])},
        [("parties.yaml", "unknown_dataset")],
    ),
    "floor on a field nobody knows": ({"parties": party_with({"d.ghost": FLOOR})}, [("parties.yaml", "unknown_field")]),
    "floor on a field of another": ({"parties": party_with({"e.c": FLOOR})}, [("parties.yaml", "unknown_field")]),
    "floor that does not apply": ({"parties": party_with({"d.word": FLOOR})}, [("parties.yaml", "not_applicable")]),
    "floor that cannot be compared": (
        {"parties": party_with({"d.a": {"release": "predicate", "op": "gt", "value": 3}})},
        [("three@1.yaml", "incomparable")],
    ),
    "commune that is no field": (
        {"vocabulary": changed(VOCABULARY, "datasets", "e", "fields", "address", "commune", to="ghost")},
        [("vocabulary.yaml", "unknown_field")],
    ),
    "commune that is no text": (
        {"vocabulary": changed(VOCABULARY, "datasets", "e", "fields", "commune", "type", to="int")},
        [("vocabulary.yaml", "unknown_field")],
    ),
    "commune of something else than text": (
        {"vocabulary": changed(VOCABULARY, "datasets", "e", "fields", "address", "type", to="date")},
        [("vocabulary.yaml", "unknown_field")],
    ),
    "denial that matches nothing": (
        {"denials": {"deny": [{"fields": "d.ghost"}]}},
        [("denials.yaml", "matches_nothing")],
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_shared_files_that_are_wrong_are_refused(name: str) -> None:
    """Parties, denials and vocabulary are held to each other."""
    parts, expected = PARTS[name]
    assert refusal(small_exchanges(), **parts) == expected


def second(**changes: Any) -> list[dict[str, Any]]:
    """Write an exchange beside a right one that shares its recipient and purpose."""
    base = exchange("two", source="src-two", fields={"e.c": CLEAR})
    return [exchange("one"), {**base, **changes}]


MEETINGS = {
    "same source": (second(source="src-one", fields={"m.at": CLEAR}), ["two_exchanges"]),
    "another basis": (second(bases=PUBLIC_TASK), ["two_bases"]),
    "same field": (second(source="src-three", fields={"d.a": CLEAR}), ["overlap", "split_dataset"]),
    "dataset split over two sources": (second(source="src-three", fields={"d.on": CLEAR}), ["split_dataset"]),
}
THREE_SOURCES = changed(
    PARTIES, "parties", "src-three", to={**PARTIES["parties"]["src-one"], "siret": "00000000000009", "holds": ["d"]}
)


@pytest.mark.parametrize("name", MEETINGS)
def test_two_exchanges_that_meet_are_refused(name: str) -> None:
    """A field asked by one recipient for one purpose has one exchange, one source, one basis."""
    exchanges, expected = MEETINGS[name]
    assert refusal(exchanges, parties=THREE_SOURCES) == [("two@1.yaml", reason) for reason in expected]


def test_exchanges_that_do_not_meet_live_together() -> None:
    """Another recipient, another purpose or a retired version is no conflict."""
    small([exchange("one"), exchange("other", recipient=["partner-q"]), exchange("again", purpose="beta.two")])
    small([exchange("one"), exchange("one", version=2, status="retired", bases=PUBLIC_TASK)])
    small([exchange("one", status="retired", bases=PUBLIC_TASK), exchange("one", version=2)])


def test_the_same_exchange_twice_is_refused() -> None:
    """One version of an exchange stands in one file, and one version is active."""
    assert refusal([exchange("one"), exchange("one", recipient=["partner-q"])]) == [
        ("one@1.yaml", "duplicate_exchange"),
        ("one@1.yaml", "two_active"),
    ]
    assert refusal([exchange("one"), exchange("one", version=2, recipient=["partner-q"])]) == [
        ("one@2.yaml", "two_active")
    ]


FORMS: dict[str, dict[str, Any]] = {
    "wildcard in fields": {"fields": {"d.*": CLEAR}},
    "no field": {"fields": {}},
    "no role": {"agents": {"roles": [], "auth": "low", "batch": "refused"}},
    "no basis": {"bases": []},
    "unknown basis": {"bases": [{"type": "legitimate_interest", "ref": "x"}]},
    "public task silent on objection": {"bases": [{"type": "public_task", "ref": "x"}]},
    "consent with objection": {"bases": [{"type": "consent", "ref": "x", "objection": "allowed"}]},
    "unknown release": {"fields": {"d.a": {"release": "hash"}}},
    "truncation to nowhere": {"fields": {"d.a": {"release": "truncate"}}},
    "band without step": {"fields": {"d.a": {"release": "generalise", "to": "band"}}},
    "decade with step": {"fields": {"d.on": {"release": "generalise", "to": "decade", "step": 2}}},
    "mask that shows nearly all": {"fields": {"d.word": {"release": "mask", "keep": 9}}},
    "clear with a threshold": {"fields": {"d.a": {"release": "clear", "value": 3}}},
    "unknown operator": {"fields": {"d.a": {"release": "predicate", "op": "like", "value": 3}}},
    "need nobody knows": {"fields": {"d.a": {"release": "clear", "needs": {"luck": "good"}}}},
    "need of nothing": {"fields": {"d.a": {"release": "clear", "needs": {}}}},
    "condition outside article 9": {"fields": {"d.a": {"release": "clear", "special": "9-2-z"}}},
    "frequency without unit": {"frequency": {"per_subject": "4"}},
    "frequency of none": {"frequency": {"per_subject": "0/month"}},
    "no frequency": {"frequency": None},
    "no dates": {"when": None},
    "date that does not exist": {"when": {"not_before": "2026-02-30"}},
    "office hours": {"when": {"not_before": "2026-02-01", "hours": "office"}},
    "denial of nothing": {"deny": [{"if": {"subject_flag": "protected_address"}}]},
    "denial with a condition nobody knows": {"deny": [{"fields": "d.a", "if": {"weather": "bad"}}]},
    "version nought": {"version": 0},
    "unknown status": {"status": "on"},
    "unknown retention start": {"retention": {"recipient": "P1Y", "from": "whenever"}},
    "recipient that is no list": {"recipient": "partner-p"},
}


@pytest.mark.parametrize("name", FORMS)
def test_an_exchange_of_another_form_is_refused(name: str) -> None:
    """Keys and operators are closed."""
    assert fits(exchange("one"), "exchange")
    assert not fits(exchange("one", **FORMS[name]), "exchange")


def test_a_floor_has_neither_needs_nor_special() -> None:
    """A floor is an obligation and nothing else."""
    assert fits(party_with({"d.a": FLOOR}), "parties")
    assert not fits(party_with({"d.a": {**FLOOR, "needs": {"consent": "explicit"}}}), "parties")


def test_denials_may_use_wildcards() -> None:
    """Wildcards only ever close."""
    for pattern in ("*", "d.*", "d.a"):
        assert fits({"deny": [{"fields": pattern}]}, "denials")
    for pattern in ("d*", "*.a", "d.a*", ""):
        assert not fits({"deny": [{"fields": pattern}]}, "denials")
    assert documents.fits(DENIALS, "denials")
