"""What must hold for any catalogue and any facts: taking away never opens, unknown means no."""

import copy
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from policies.catalogue import Catalogue, build
from policies.decision import Decision, Facts, decide
from policies.documents import fits
from policies.errors import CatalogueInvalid
from policies.minimisation import minimise
from policies.obligations import covers
from tests.unit.policies import strategies as some
from tests.unit.policies.factories import DENIALS, PARTIES, PURPOSES, VOCABULARY, actor, files
from tests.unit.policies.reference import Reference

World = tuple[list[dict[str, Any]], Facts]
ENOUGH = settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def small(exchanges: list[dict[str, Any]], **parts: Any) -> Catalogue:
    """Build without holding each draw to the schema: the first test does it."""
    return build(files(exchanges, form_checked=False, **parts))


def no_looser(after: Decision, before: Decision) -> None:
    """Hold every field permitted after to have been permitted before, at least as loosely."""
    loose = {verdict.field: verdict.obligation for verdict in before.granted}
    event(f"permitted before: {bool(loose)}")
    for verdict in after.granted:
        assert verdict.field in loose
        assert covers(verdict.obligation, loose[verdict.field])


def comparable(decision: Decision) -> list[Any]:
    return list(decision.verdicts)


@ENOUGH
@given(some.worlds())
def test_any_catalogue_decides_as_the_reference_does(world: World) -> None:
    """The independent reading of the files gives the same permissions and obligations."""
    exchanges, asked = world
    assert all(fits(each, "exchange") for each in exchanges)
    reference = Reference(exchanges, vocabulary=VOCABULARY, parties=PARTIES, purposes=PURPOSES, denials=DENIALS)
    held = asked.authorisation
    # the reference compares few obligations: floors are its business in the small-scope model only
    asked = asked if held is None else replace(asked, authorisation=replace(held, floors={}))
    decision = decide(asked, small(exchanges))
    event(f"permitted: {bool(decision.permitted)}")
    for verdict in decision.verdicts:
        text = verdict.obligation and str(verdict.obligation)
        assert text == reference.obligation(asked, verdict.field)


@ENOUGH
@given(some.worlds(), some.denials, st.data())
def test_a_denial_never_opens(world: World, denial: dict[str, Any], data: st.DataObject) -> None:
    """Adding a denial anywhere takes away or changes nothing."""
    exchanges, asked = world
    before = decide(asked, small(exchanges))
    no_looser(decide(asked, small(exchanges, denials={"deny": [*DENIALS["deny"], denial]})), before)
    if exchanges:
        number = data.draw(st.integers(0, len(exchanges) - 1))
        denied = copy.deepcopy(exchanges)
        others = [each for each in denied[number].get("deny", []) if each != denial]
        denied[number]["deny"] = [*others, denial]
        no_looser(decide(asked, small(denied)), before)


@ENOUGH
@given(some.worlds(), some.subset(some.NAMES))
def test_removing_a_consented_field_never_opens(world: World, removed: frozenset[str]) -> None:
    """Less consent, explicit or not, is never more data; and what was removed does not leave."""
    exchanges, asked = world
    held = asked.authorisation
    assume(held is not None)
    assert held is not None
    catalogue = small(exchanges)
    before = decide(asked, catalogue)
    less = decide(replace(asked, authorisation=replace(held, fields=held.fields - removed)), catalogue)
    no_looser(less, before)
    assert not removed & set(less.permitted)
    no_looser(decide(replace(asked, authorisation=replace(held, explicit=held.explicit - removed)), catalogue), before)


@ENOUGH
@given(some.worlds(), st.randoms(use_true_random=False))
def test_order_changes_nothing(world: World, random: Any) -> None:
    """Of files, of keys, of lists, of the fields asked for, and whether a field is asked twice."""
    exchanges, asked = world
    again = copy.deepcopy(exchanges)
    random.shuffle(again)
    for each in again:
        each["fields"] = dict(random.sample(list(each["fields"].items()), len(each["fields"])))
        each["recipient"] = each["recipient"][::-1]
        each["deny"] = each.get("deny", [])[::-1]
        if not each["deny"]:
            del each["deny"]
    fields = (*random.sample(list(asked.fields), len(asked.fields)), *asked.fields[:1])
    one, other = decide(asked, small(exchanges)), decide(replace(asked, fields=fields), small(again))
    assert one.to_json() == other.to_json()


@ENOUGH
@given(some.worlds(), st.sampled_from(some.NAMES))
def test_a_field_is_decided_alone(world: World, field: str) -> None:
    """What else is asked for does not change what is decided on a field."""
    exchanges, asked = world
    catalogue = small(exchanges)
    together = decide(replace(asked, fields=(*asked.fields, field)), catalogue)
    alone = decide(replace(asked, fields=(field,)), catalogue)
    assert [verdict for verdict in together.verdicts if verdict.field == field] == comparable(alone)


UNKNOWN: list[dict[str, Any]] = [
    {"recipient": "who"},
    {"purpose": "why"},
    {"purpose": ""},
    {"actor": None},
    {"actor": actor(kind="what")},
    {"actor": actor(role=None)},
    {"actor": actor(assurance=None)},
    {"flags": None},
    {"flags": frozenset({"new"})},
    {"authorisation": None},
    {"uses": {}},
    {"switches": frozenset({"new"})},
    {"fields": ("new.field", "d", "*", "d.*")},
]


@ENOUGH
@given(some.worlds(), st.sampled_from(UNKNOWN))
def test_unknown_means_deny(world: World, unknown: dict[str, Any]) -> None:
    """Whatever is not known, nothing leaves."""
    exchanges, asked = world
    assert decide(replace(asked, **unknown), small(exchanges)).permitted == ()


@ENOUGH
@given(some.worlds(), st.sampled_from(["basis", "state"]))
def test_an_unknown_basis_or_state_denies(world: World, member: str) -> None:
    """An authorisation nobody can read authorises nothing."""
    exchanges, asked = world
    assume(asked.authorisation is not None)
    assert asked.authorisation is not None
    held = replace(asked.authorisation, **{member: "new"})
    assert decide(replace(asked, authorisation=held), small(exchanges)).permitted == ()


def with_floor(floors: dict[str, Any]) -> dict[str, Any]:
    parties = copy.deepcopy(PARTIES)
    for source, held in some.HELD.items():
        own = {name: floor for name, floor in floors.items() if name in held}
        if own:
            parties["parties"][source]["floors"] = own
    return parties


@ENOUGH
@given(some.worlds(), st.data())
def test_obligations_only_tighten(world: World, data: st.DataObject) -> None:
    """A floor of the source or of the authorisation makes stricter, denies, or cannot be loaded."""
    exchanges, asked = world
    before = decide(asked, small(exchanges))
    names = data.draw(st.lists(st.sampled_from(list(some.RELEASES)), max_size=3, unique=True))
    floors = {name: data.draw(some.RELEASES[name]) for name in names}
    try:
        floored: Catalogue = small(exchanges, parties=with_floor(floors))
    except CatalogueInvalid as invalid:
        event(f"refused: {sorted({problem.reason for problem in invalid.problems})}")
    else:
        no_looser(decide(asked, floored), before)
    if asked.authorisation is not None and not asked.authorisation.floors:
        held = replace(asked.authorisation, floors=data.draw(some.floors))
        no_looser(decide(replace(asked, authorisation=held), small(exchanges)), before)


@ENOUGH
@given(some.worlds(), st.sampled_from(["restriction", "tombstone", "protected_address"]))
def test_what_protects_a_person_never_opens(world: World, flag: str) -> None:
    """A flag that no rule asks for only takes away, and two of them take everything."""
    exchanges, asked = world
    for each in exchanges:
        for release in each["fields"].values():
            release.get("needs", {}).pop("state", None)
            if release.get("needs") == {}:
                del release["needs"]
    catalogue = small(exchanges)
    flagged = decide(replace(asked, flags=(asked.flags or frozenset()) | {flag}), catalogue)
    if asked.flags is not None:
        no_looser(flagged, decide(asked, catalogue))
    assert flag == "protected_address" or flagged.permitted == ()


@ENOUGH
@given(some.worlds())
def test_the_recipient_learns_nothing_of_the_person_from_what_it_may_not_have(world: World) -> None:
    """For a field that no situation of the person would open, the answer is the same in every situation."""
    exchanges, asked = world
    catalogue = small(exchanges)
    decisions = [
        decide(replace(asked, flags=flags), catalogue)
        for flags in (None, *(frozenset(each) for each in ((), ("restriction",), ("beneficiary_rsa",), some.FLAGS[2:])))
    ]
    opened = frozenset[str]().union(*(decision.permitted for decision in decisions))
    for verdicts in zip(*(decision.verdicts for decision in decisions), strict=True):
        if verdicts[0].field not in opened:
            told = {verdict.reason.public for verdict in verdicts}
            assert len(told) == 1


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**15), st.text(max_size=20), st.just("2026-02-28"))
_ROWS = st.lists(st.dictionaries(st.sampled_from([*some.NAMES, "e.commune", "odd", "d.x"]), _VALUES), max_size=3)
_RECORDS = st.dictionaries(st.sampled_from(["d", "e", "m", "s", "odd"]), _ROWS)


@ENOUGH
@given(some.worlds(), _RECORDS)
def test_nothing_but_what_is_permitted_leaves(world: World, records: dict[str, list[dict[str, Any]]]) -> None:
    """For any rows whatever: permitted fields only, transformed or withheld, never both, clear only where clear."""
    exchanges, asked = world
    catalogue = small(exchanges)
    decision = decide(asked, catalogue)
    done = minimise(decision, records, catalogue)
    left = {field for rows in done.values.values() for row in rows for field in row}
    assert left <= set(done.transforms) <= set(decision.permitted)
    assert set(done.withheld) <= set(decision.permitted)
    assert not set(done.withheld) & set(done.transforms)
    obligations = {verdict.field: str(verdict.obligation) for verdict in decision.granted}
    assert all(text == obligations[field] for field, text in done.transforms.items())
    for dataset, rows in done.values.items():
        for row, source in zip(rows, records[dataset], strict=True):
            for field, value in row.items():
                if obligations[field] != "clear" and value is not None:
                    assert value != source[field] or field == "e.address"
