"""No catalogue that permits more is ever called anything but wider: every pair of many small catalogues, every fact.

The facts are decided by `decide` itself; the difference never sees them.
"""

import copy
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest

from policies.catalogue import Catalogue
from policies.change import Effect, Kind
from policies.decision import Facts, decide
from policies.difference import difference, widens
from policies.obligations import covers, parse
from policies.opening import loosens
from tests.unit.policies import factories
from tests.unit.policies.factories import (
    DENIALS,
    LEGAL_OBLIGATION,
    NOW,
    PARTIES,
    PUBLIC_TASK,
    VOCABULARY,
    actor,
    authorisation,
    exchange,
    facts,
    small,
)

DAY = factories.DAY
CONSENT = [{"type": "consent", "ref": "RGPD 6-1-a"}]
AGENTS = {"roles": ["adviser"], "auth": "substantial", "batch": "refused"}
WHEN = {"not_before": "2026-01-01", "not_after": "2027-12-31"}


def banded(step: int) -> dict[str, Any]:
    return {"release": "generalise", "to": "band", "step": step}


def below(value: int) -> dict[str, Any]:
    return {"release": "predicate", "op": "lt", "value": value}


# the first value of each is the base's
DIMENSIONS: dict[str, list[Any]] = {
    "release": [banded(10), {"release": "clear"}, banded(20), banded(15), below(10), below(9),
                {"release": "pseudonymise"}, {"release": "never"}],
    "needs": [{}, {"consent": "explicit"}, {"state": ["beneficiary_rsa"]}, {"state": ["not_protected_address"]}],
    "subjects": [None, {"requires": ["beneficiary_rsa"]}],
    "deny": [None, [{"fields": "d.a"}], [{"fields": "d.*", "if": {"subject_flag": "protected_address"}}],
             [{"fields": "d.a", "if": {"subject_flag": "beneficiary_rsa"}}]],
    "agents": [AGENTS, {**AGENTS, "roles": ["clerk"]}, {**AGENTS, "roles": ["adviser", "clerk"]},
               {**AGENTS, "auth": "high"}, {**AGENTS, "auth": "low"}, {**AGENTS, "batch": "allowed"},
               {**AGENTS, "person": "allowed"}],
    "when": [WHEN, {**WHEN, "not_after": "2026-05-27"}, {"not_before": "2026-01-01"},
             {**WHEN, "not_before": "2026-06-01"}],
    "frequency": [{"per_subject": "4/month"}, {"per_subject": "3/month"}, {"per_subject": "5/month"}],
    "bases": [CONSENT, PUBLIC_TASK, LEGAL_OBLIGATION],
    "exchange": ["one", "uno"],
    "recipient": [["partner-p"], ["partner-q"], ["partner-p", "partner-q"]],
    "status": ["active", "retired"],
    "floor": [None, banded(20), {"release": "clear"}],
    "flags": [(), ("newly_known",)],
    "barred": [None, {"fields": "d.a", "recipient": "partner-p"}],
}  # fmt: skip
BASE = {name: values[0] for name, values in DIMENSIONS.items()}


def catalogue(**changes: Any) -> Catalogue:
    """The small catalogue of one exchange, changed."""
    chosen = {**BASE, **changes}
    keys = ("subjects", "deny", "agents", "when", "frequency", "bases", "recipient", "status")
    field = {**chosen["release"], **({"needs": chosen["needs"]} if chosen["needs"] else {})}
    written = exchange(chosen["exchange"], fields={"d.a": field}, **{key: chosen[key] for key in keys})
    parties, vocabulary = copy.deepcopy(PARTIES), copy.deepcopy(VOCABULARY)
    if chosen["floor"]:
        parties["parties"]["src-one"]["floors"] = {"d.a": chosen["floor"]}
    vocabulary["flags"] += chosen["flags"]
    denials = {"deny": [*DENIALS["deny"], *([chosen["barred"]] if chosen["barred"] else [])]}
    return small([written], parties=parties, vocabulary=vocabulary, denials=denials)


def incomparable(chosen: dict[str, Any]) -> bool:
    """What the loader refuses: a release that its source's floor cannot be compared with."""
    floor = chosen.get("floor")
    return floor == banded(20) and chosen.get("release") == banded(15)


def catalogues() -> Iterator[dict[str, Any]]:
    """The base, every single change of it, and pairs of changes (two values of each dimension)."""
    yield {}
    for name, values in DIMENSIONS.items():
        yield from ({name: value} for value in values[1:])
    for one, other in combinations(DIMENSIONS, 2):
        for value, second in product(DIMENSIONS[one][1:3], DIMENSIONS[other][1:3]):
            yield {one: value, other: second}


def cases() -> list[Facts]:
    """Every combination that any dimension could make a difference for."""
    situations = ("", "beneficiary_rsa", "protected_address", "beneficiary_rsa protected_address", "newly_known")
    flags = [frozenset(each.split()) for each in situations]
    actors = [
        actor(),
        actor(role="clerk"),
        actor(assurance="low"),
        actor(assurance="high"),
        actor(kind="batch"),
        actor(kind="person"),
    ]
    times = [NOW, NOW - 20 * DAY, NOW + 10 * DAY, NOW + 900 * DAY]
    counts = [{"one": 3, "uno": 0}, {"one": 0, "uno": 3}, {"one": 4, "uno": 4}]
    held = [
        authorisation(basis=basis, state="given" if basis == "consent" else "active", valid_from=0, valid_until=None,
                      explicit=frozenset(explicit), floors=floor)
        for basis, explicit, floor in product(
            ("consent", "public_task", "legal_obligation"), ((), ("d.a",)),
            ({}, {"d.a": "generalise:band:4"}, {"d.a": "generalise:band:15"}, {"d.a": "predicate:lt:9"}),
        )
    ]  # fmt: skip
    alone = [
        {"flags": flag, "actor": who, "authorisation": each} for flag, who, each in product(flags, actors, held)
    ] + [{"now": now, "uses": uses, "authorisation": each, "actor": who}
         for now, uses, each, who in product(times, counts, held, actors[:2])]  # fmt: skip
    return [
        facts(**{"fields": ("d.a",), "recipient": recipient, "flags": frozenset({"beneficiary_rsa"}), **each})
        for recipient, each in product(("partner-p", "partner-q"), alone)
    ]


def permitted(one: Catalogue, asked: list[Facts]) -> dict[str, int]:
    """For each obligation, the cases that leave under it, as the bits of a number."""
    found: dict[str, int] = {}
    for number, case in enumerate(asked):
        for verdict in decide(case, one).granted:
            found[str(verdict.obligation)] = found.get(str(verdict.obligation), 0) | 1 << number
    return found


def permits_more(before: dict[str, int], after: dict[str, int]) -> bool:
    """Whether in some case more leaves than before."""
    for text, some in after.items():
        obligation = parse(text)
        assert obligation is not None
        enough = 0
        for then, these in before.items():
            loose = parse(then)
            if loose is not None and covers(obligation, loose):
                enough |= these
        if some & ~enough:
            return True
    return False


def test_every_pair_of_small_catalogues() -> None:
    """Whatever permits more in any case is told as wider; both directions of every pair."""
    asked = cases()
    built = [(chosen, catalogue(**chosen)) for chosen in catalogues() if not incomparable(chosen)]
    outcome = [permitted(one, asked) for _, one in built]
    more = told = 0
    for (first, before), (second, after) in product(enumerate(built), repeat=2):
        wider = permits_more(outcome[first], outcome[second])
        if wider:
            more += 1
            assert widens(difference(before[1], after[1])), (before[0], after[0])
        else:
            told += widens(difference(before[1], after[1]))
    assert len(built) > 250
    assert more > 10_000
    assert len(built) ** 2 - more > 10_000
    assert told < len(built) ** 2 - more  # not everything is called wider


@pytest.mark.parametrize("name", sorted(DIMENSIONS))
def test_a_single_change_is_called_wider_exactly_when_it_is(name: str) -> None:
    """Of one dimension alone nothing is cried about for nothing, but what restarts a count or lifts a protection."""
    asked = cases()
    values = [value for value in DIMENSIONS[name] if not incomparable({name: value})]
    built = [catalogue(**{name: value}) for value in values]
    outcome = [permitted(one, asked) for one in built]
    for first, second in product(range(len(built)), repeat=2):
        changes = difference(built[first], built[second])
        assert bool(changes) == (first != second) or name == "floor"
        cautious = {Kind.DENIAL, Kind.MOVED}
        exact = any(change.effect is Effect.WIDER and change.kind not in cautious for change in changes)
        if exact != permits_more(outcome[first], outcome[second]):
            assert any(change.kind in cautious for change in changes), (name, values[first], values[second])


FIELDS = {
    "d.a": ["clear", "generalise:band:10", "generalise:band:20", "generalise:band:15", "pseudonymise",
            "predicate:lt:10", "predicate:lt:9", "never"],
    "d.on": ["clear", "truncate:month", "truncate:year", "generalise:year", "generalise:decade",
             "predicate:lt:2000-01-01", "predicate:ge:1990-01-01", "never"],
    "d.word": ["clear", "mask:last:0", "mask:last:2", "mask:last:4", "pseudonymise", "never"],
    "e.address": ["clear", "truncate:commune", "mask:last:0", "mask:last:2", "pseudonymise", "never"],
    "m.at": ["clear", "truncate:day", "truncate:month", "generalise:year", "generalise:decade", "never"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_pair_of_obligations_under_every_floor(name: str) -> None:
    """`loosens` knows it from few floors; here all of a larger list are tried through the lattice itself."""
    from policies.obligations import NEVER, applicable, strictest

    field = small().vocabulary.fields[name]
    floors = [None, *map(parse, FIELDS[name])]
    floors += [parse(f"generalise:band:{step}") for step in range(2, 61)]
    floors += [parse(f"predicate:{op}:{value}") for op in ("lt", "ge", "eq") for value in ("8", "9", "2001-02-03")]
    floors += [parse(f"mask:last:{keep}") for keep in range(5)]
    usable = [floor for floor in floors if floor is None or applicable(floor, field)]
    for then, now in product(map(parse, FIELDS[name]), repeat=2):
        assert then is not None
        assert now is not None
        more = False
        for floor in usable:
            old, new = (each if floor is None else strictest(each, floor) for each in (then, now))
            leaves = new is not None and new != NEVER
            more = more or (leaves and (old is None or old == NEVER or not covers(new, old)))  # type: ignore[arg-type]
        assert loosens(then, now, field) == more, (str(then), str(now))


def promised(**changes: Any) -> Catalogue:
    """The small catalogue of one exchange with promises beyond the decision."""
    asked = {"bases": PUBLIC_TASK, "authorisation": {"validity": "P90D", "max_uses": 5}, **changes}
    return small([exchange("one", **asked)])


@pytest.mark.parametrize(
    ("changes", "kind", "effect"),
    [
        ({"retention": {"recipient": "P36M", "from": "last_contact"}}, Kind.RETENTION, Effect.WIDER),
        ({"retention": {"recipient": "P12M", "from": "last_contact"}}, Kind.RETENTION, Effect.NARROWER),
        ({"retention": {"recipient": "P12M", "from": "end_of_support"}}, Kind.RETENTION, Effect.WIDER),
        ({"retention": {"recipient": "P700D", "from": "last_contact"}}, Kind.RETENTION, Effect.WIDER),
        ({"retention": {"recipient": "P600D", "from": "last_contact"}}, Kind.RETENTION, Effect.NARROWER),
        ({"authorisation": {"validity": "P91D", "max_uses": 5}}, Kind.AUTHORISATION, Effect.WIDER),
        ({"authorisation": {"validity": "P89D", "max_uses": 5}}, Kind.AUTHORISATION, Effect.NARROWER),
        ({"authorisation": {"validity": "P90D"}}, Kind.AUTHORISATION, Effect.WIDER),
        ({"bases": [{**PUBLIC_TASK[0], "objection": "excluded"}]}, Kind.OBJECTION, Effect.WIDER),
        ({"bases": [{**PUBLIC_TASK[0], "ref": "CASF L.263"}]}, Kind.REFERENCE, Effect.OTHER),
        ({"frequency": {"per_subject": "4/year"}}, Kind.FREQUENCY, Effect.WIDER),
        ({"processing": {**factories.PROCESSING, "access": "STORE"}}, Kind.PROCESSING, Effect.WIDER),
        ({"processing": {**factories.PROCESSING, "access": "QUERY"}}, Kind.PROCESSING, Effect.NARROWER),
        ({"processing": {**factories.PROCESSING, "fetch": "one_off"}}, Kind.PROCESSING, Effect.NARROWER),
        ({"processing": {**factories.PROCESSING, "within": "FR"}}, Kind.PROCESSING, Effect.NARROWER),
        ({"processing": {**factories.PROCESSING, "storage": ["BE", "FR"]}}, Kind.PROCESSING, Effect.WIDER),
        ({"processing": {**factories.PROCESSING, "codes": ["One"]}}, Kind.PROCESSING, Effect.NARROWER),
        ({"processing": {**factories.PROCESSING, "automated": {"logic": factories.WORDS,
                                                               "consequence": factories.WORDS}}},
         Kind.PROCESSING, Effect.WIDER),
        ({"controller": "partner-q"}, Kind.CONTROLLER, Effect.WIDER),
        ({"arrangement": "ART26-2"}, Kind.DOCUMENTS, Effect.OTHER),
        ({"optional": ["d.a"]}, Kind.OPTIONAL, Effect.NARROWER),
    ],
)  # fmt: skip
def test_what_is_promised_beyond_the_decision(changes: dict[str, Any], kind: Kind, effect: Effect) -> None:
    """One change, told once, with its effect; and what is longer or cannot be compared is wider."""
    found = difference(promised(), promised(**changes))
    assert [(change.kind, change.effect) for change in found] == [(kind, effect)]


def test_taking_back_what_a_person_may_leave_out_is_wider() -> None:
    """The other direction of an optional field."""
    (found,) = difference(promised(optional=["d.a"]), promised())
    assert (found.kind, found.effect) == (Kind.OPTIONAL, Effect.WIDER)


def test_another_condition_of_article_9_is_wider() -> None:
    """Whoever goes from explicit consent to another condition asks for a second look."""
    special = {"release": "clear", "special": "9-2-a", "needs": {"consent": "explicit"}}
    other = {"release": "clear", "special": "9-2-b", "needs": {"consent": "explicit"}}
    pair = [small([exchange("one", dpia="DPIA", fields={"s.b": field})]) for field in (special, other)]
    (found,) = difference(*pair)
    assert (found.kind, found.effect, found.field) == (Kind.SPECIAL, Effect.WIDER, "s.b")


def test_the_catalogue_as_a_whole() -> None:
    """Bans, flags, the SIRET behind a name, the meaning of a field, words."""
    purposes, parties, vocabulary = (
        copy.deepcopy(each) for each in (factories.PURPOSES, factories.PARTIES, factories.VOCABULARY)
    )
    purposes["purposes"]["hunting"]["banned"] = False
    purposes["purposes"]["alpha.one"]["sentence"] = {"fr": "Autre.", "en": "Other."}
    parties["parties"]["partner-p"]["siret"] = "00000000000009"
    vocabulary["datasets"]["d"]["fields"]["a"]["nullable"] = False
    vocabulary["flags"].remove("protected_address")
    base = [exchange("one")]
    found = difference(small(base), small(base, purposes=purposes, parties=parties, vocabulary=vocabulary))
    assert {(change.kind, change.effect) for change in found} == {
        (Kind.BANNED, Effect.WIDER), (Kind.IDENTITY, Effect.WIDER), (Kind.DEFINITION, Effect.WIDER),
        (Kind.FLAGS, Effect.NARROWER), (Kind.WORDS, Effect.OTHER),
    }  # fmt: skip
    back = difference(small(base, purposes=purposes, vocabulary=vocabulary), small(base))
    assert {(change.kind, change.effect) for change in back} >= {
        (Kind.BANNED, Effect.NARROWER), (Kind.FLAGS, Effect.WIDER)
    }  # fmt: skip


def test_another_source_for_a_field_is_wider() -> None:
    """Another institution gives it away."""
    parties = copy.deepcopy(factories.PARTIES)
    parties["parties"]["src-two"]["holds"] += ["d"]
    pair = [small([exchange("one", source=source)], parties=parties) for source in ("src-one", "src-two")]
    assert {(change.kind, change.effect) for change in difference(*pair)} == {(Kind.MOVED, Effect.WIDER)}


def test_retiring_an_exchange_is_never_wider() -> None:
    """With its own denials gone as well."""
    content = exchange("one", deny=[{"fields": "d.*", "if": {"subject_flag": "protected_address"}}])
    found = difference(small([content]), small([{**content, "status": "retired"}]))
    assert {(change.kind, change.effect) for change in found} == {(Kind.CLOSED, Effect.NARROWER)}


def test_nothing_changes_between_a_catalogue_and_itself() -> None:
    """Nor by the order of its files."""
    assert difference(small(), small(list(reversed(factories.small_exchanges())))) == ()


@pytest.mark.parametrize("kind", sorted(Kind))
def test_every_kind_of_change_has_its_words(kind: Kind) -> None:
    """In both languages."""
    assert kind.sentence("fr")
    assert kind.sentence("en")
    assert kind.sentence("fr") != kind.sentence("en")
