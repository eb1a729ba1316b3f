"""Short checks of one promise each, run on the package and on every broken variant of it.

Each takes the package as an argument and fails when its promise does not hold.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from tests.unit.policies import factories
from tests.unit.policies.factories import DAY, FIELDS, NOW, PARTIES, exchange

NIR = "2840135238042"
Check = Callable[["World"], None]


class World:
    """One variant of the package, with the small catalogue built by it."""

    def __init__(self, package: Any) -> None:
        self.package = package
        self.catalogue = self.small()

    def small(self, exchanges: list[dict[str, Any]] | None = None, **parts: Any) -> Any:
        document, bundle = self.package.documents.Document, self.package.checks.Files
        made = factories.files(exchanges, form_checked=False, document=document, bundle=bundle, **parts)
        return self.package.catalogue.build(made)

    def decide(self, catalogue: Any = None, **changes: Any) -> Any:
        decision = self.package.decision
        content = factories.facts(**changes)
        held, actor = content.authorisation, content.actor
        facts = decision.Facts(
            **{name: getattr(content, name) for name in content.__slots__}
            | {
                "authorisation": held
                and decision.Authorisation(**{name: getattr(held, name) for name in held.__slots__}),
                "actor": actor and decision.Actor(**{name: getattr(actor, name) for name in actor.__slots__}),
            }
        )
        return decision.decide(facts, catalogue or self.catalogue)

    def denied(self, reason: str, catalogue: Any = None, **changes: Any) -> None:
        decision = self.decide(catalogue, **changes)
        asked = sorted(set(changes.get("fields", FIELDS)))
        assert decision.denials() == {reason: asked}, decision.denials()

    def minimise(self, releases: dict[str, Any], row: Mapping[str, Any], **parts: Any) -> Any:
        source = "src-two" if min(releases).startswith("e.") else "src-one"
        catalogue = self.small([exchange("one", source=source, fields=releases)])
        held = factories.authorisation(fields=frozenset(releases))
        decision = self.decide(catalogue, fields=tuple(releases), authorisation=held)
        rows = [dict(row), *parts.pop("more", [])]
        return self.package.minimisation.minimise(decision, {min(row).partition(".")[0]: rows}, catalogue, **parts)


held = factories.authorisation
CLEAR = {"release": "clear"}


def what_is_in_order_is_permitted(world: World) -> None:
    assert world.decide().permitted == ("d.a", "e.c", "s.b")
    task = held(basis="public_task", state="active", explicit=frozenset())
    flags = frozenset({"beneficiary_rsa"})
    decision = world.decide(recipient="partner-q", purpose="beta.two", authorisation=task, flags=flags)
    assert [str(each.obligation) for each in decision.granted] == ["predicate:lt:10", "mask:last:2", "clear"]


def a_freeze_stops_everything(world: World) -> None:
    world.denied("incident_freeze", switches=frozenset({"incident_freeze"}))
    world.denied("unknown_switch", switches=frozenset({"other"}))


def purposes_and_recipients_are_exact(world: World) -> None:
    world.denied("unknown_recipient", recipient="nobody")
    for purpose in ("", "gamma", "alpha"):
        world.denied("unknown_purpose", purpose=purpose)
    world.denied("banned_purpose", purpose="hunting")
    world.denied("no_exchange", recipient="src-one")
    task = held(basis="public_task", state="active")
    world.denied("not_in_exchange", fields=("e.c",), purpose="beta.two", authorisation=task)


def an_exchange_that_is_not_active_serves_nothing(world: World) -> None:
    for status in ("draft", "retired"):
        catalogue = world.small([exchange("one", status=status)])
        world.denied("no_exchange", catalogue, fields=("d.a",))


def an_exchange_has_its_dates(world: World) -> None:
    always = held(valid_from=0, valid_until=None)
    world.denied("not_started", now=1_767_225_600_000 - 1, authorisation=always)
    assert world.decide(now=1_767_225_600_000, authorisation=always).permitted
    assert world.decide(now=1_830_297_600_000 - 1, authorisation=always).permitted
    world.denied("ended", now=1_830_297_600_000, authorisation=always)


def somebody_acts(world: World) -> None:
    world.denied("actor_missing", actor=None)
    world.denied("actor_unknown", actor=factories.actor(kind="robot"))
    world.denied("actor_role", actor=factories.actor(role="clerk"))
    world.denied("actor_role", actor=factories.actor(role=None))
    for assurance in ("low", None, "odd"):
        world.denied("actor_assurance", actor=factories.actor(assurance=assurance))
    assert world.decide(actor=factories.actor(assurance="high")).permitted
    world.denied("batch_not_allowed", actor=factories.actor(kind="batch"))
    world.denied("person_not_allowed", actor=factories.actor(kind="person"))


def an_authorisation_is_there_and_of_the_right_basis(world: World) -> None:
    world.denied("no_authorisation", authorisation=None)
    for basis in ("public_task", "legal_obligation", "odd"):
        world.denied("basis_mismatch", authorisation=held(basis=basis))


def an_authorisation_is_in_a_valid_state(world: World) -> None:
    for state in ("active", "paused", "unknown", "", "revoked"):
        world.denied("state_invalid", authorisation=held(state=state))
    for state in ("requested", "deferred", "lapsed"):
        world.denied("not_given", authorisation=held(state=state))
    for state in ("refused", "withdrawn", "expired"):
        world.denied(state, authorisation=held(state=state))


def an_objection_stops_everything(world: World) -> None:
    world.denied("objection_lodged", authorisation=held(state="objection_lodged"))
    task = held(basis="public_task", state="objection_lodged")
    flags = frozenset({"beneficiary_rsa"})
    world.denied("objection_lodged", recipient="partner-q", purpose="beta.two", authorisation=task, flags=flags)


def an_authorisation_begins_and_ends_to_the_millisecond(world: World) -> None:
    world.denied("not_yet_valid", authorisation=held(valid_from=NOW + 1))
    assert world.decide(authorisation=held(valid_from=NOW)).permitted
    world.denied("expired", authorisation=held(valid_until=NOW))
    assert world.decide(authorisation=held(valid_until=NOW + 1)).permitted
    assert world.decide(authorisation=held(valid_until=None)).permitted


def an_authorisation_serves_so_many_times(world: World) -> None:
    assert world.decide(authorisation=held(max_uses=1, uses=0)).permitted
    world.denied("uses_exhausted", authorisation=held(max_uses=1, uses=1))
    world.denied("uses_exhausted", authorisation=held(max_uses=1, uses=-1))


def a_frequency_is_counted(world: World) -> None:
    assert world.decide(uses={"one": 3, "two": 3}).permitted
    world.denied("frequency_exceeded", uses={"one": 4, "two": 4})
    world.denied("frequency_unknown", uses={})
    world.denied("frequency_unknown", uses={"one": -1, "two": -1})
    assert world.decide(uses={"one": 4, "two": 0}).permitted == ("e.c",)


def windows_follow_the_calendar(world: World) -> None:
    assert world.catalogue.window("one", NOW) == "one:2026-05"
    assert world.catalogue.window("one", NOW + 4 * DAY) == "one:2026-06"
    assert world.catalogue.limit("one") == 4


def flags_are_known_and_stop(world: World) -> None:
    world.denied("flags_unknown", flags=None)
    world.denied("flags_unknown", flags=frozenset({"odd"}))
    world.denied("restriction", flags=frozenset({"restriction"}))
    world.denied("tombstone", flags=frozenset({"tombstone"}))


def needs_hold(world: World) -> None:
    protected = frozenset({"protected_address"})
    world.denied("need_unmet", fields=("e.c",), flags=protected)
    needy = world.small([exchange("one", fields={"d.a": {**CLEAR, "needs": {"state": ["beneficiary_rsa"]}}})])
    world.denied("need_unmet", needy, fields=("d.a",))
    concerned = world.small([exchange("one", subjects={"requires": ["beneficiary_rsa"]})])
    world.denied("subject_not_concerned", concerned, fields=("d.a",))


def consent_is_by_field(world: World) -> None:
    world.denied("not_authorised", authorisation=held(fields=frozenset()))
    assert world.decide(authorisation=held(fields=frozenset({"d.a"}))).permitted == ("d.a",)


def a_special_category_is_explicit(world: World) -> None:
    world.denied("explicit_missing", fields=("s.b",), authorisation=held(explicit=frozenset()))
    world.denied("not_authorised", fields=("s.b",), authorisation=held(fields=frozenset()))


def denials_deny(world: World) -> None:
    for denial in ({"fields": "d.*"}, {"fields": "*"}, {"source": "src-one"}, {"purpose": "alpha.*"}):
        denied = world.small([exchange("one", deny=[denial])])
        world.denied("denied_by_rule", denied, fields=("d.a",))
        everywhere = world.small([exchange("one")], denials={"deny": [denial]})
        world.denied("denied_by_rule", everywhere, fields=("d.a",))
    for denial in ({"recipient": "partner-q"}, {"purpose": "beta.*"}, {"source": "src-two"}, {"fields": "d.on"}):
        elsewhere = world.small([exchange("one", deny=[denial])])
        assert world.decide(elsewhere, fields=("d.a",)).permitted == ("d.a",)
    flagged = world.small([exchange("one", deny=[{"fields": "d.*", "if": {"subject_flag": "protected_address"}}])])
    world.denied("denied_by_flag", flagged, fields=("d.a",), flags=frozenset({"protected_address"}))
    assert world.decide(flagged, fields=("d.a",)).permitted == ("d.a",)


def what_never_leaves_never_leaves(world: World) -> None:
    catalogue = world.small([exchange("one", fields={"d.number": {"release": "never"}})])
    world.denied("never_released", catalogue, fields=("d.number",), authorisation=held(fields=frozenset({"d.number"})))


def unknown_fields_are_denied(world: World) -> None:
    world.denied("unknown_field", fields=("d", "d.*", "d.ghost"))
    world.denied("not_in_exchange", fields=("d.word",))


def floored(floor: Any) -> dict[str, Any]:
    parties = copy.deepcopy(PARTIES)
    parties["parties"]["src-one"]["floors"] = {"d.a": floor}
    return parties


def a_source_sets_a_floor(world: World) -> None:
    floor = {"release": "generalise", "to": "band", "step": 50}
    catalogue = world.small([exchange("one")], parties=floored(floor))
    (verdict,) = world.decide(catalogue, fields=("d.a",)).granted
    assert str(verdict.obligation) == "generalise:band:50"
    closed = world.small([exchange("one")], parties=floored({"release": "never"}))
    world.denied("never_released", closed, fields=("d.a",))


def an_authorisation_sets_a_floor(world: World) -> None:
    for text in ("generalise:band:50", "predicate:lt:3"):
        (verdict,) = world.decide(fields=("d.a",), authorisation=held(floors={"d.a": text})).granted
        assert str(verdict.obligation) == text
    for text in ("odd", "mask:last:2", ""):
        world.denied("obligation_conflict", fields=("d.a",), authorisation=held(floors={"d.a": text}))
    world.denied("not_authorised", fields=("d.a",), authorisation=held(floors={"d.a": "never"}))


def the_strictest_obligation_wins(world: World) -> None:
    obligations = world.package.obligations
    order = ["clear", "truncate:month", "truncate:year", "pseudonymise", "predicate:lt:3", "never"]
    for place, loose in enumerate(order):
        for strict in order[place:]:
            for pair in ((loose, strict), (strict, loose)):
                chosen = obligations.strictest(*(obligations.parse(text) for text in pair))
                assert str(chosen) == strict
    for one, other in (("mask:last:2", "truncate:year"), ("predicate:lt:3", "predicate:lt:4")):
        assert obligations.strictest(obligations.parse(one), obligations.parse(other)) is None
    step = [obligations.parse(f"generalise:band:{step}") for step in (50, 100, 30)]
    assert obligations.strictest(step[0], step[1]) == step[1]
    assert obligations.strictest(step[1], step[2]) is None
    masks = [obligations.parse(f"mask:last:{keep}") for keep in (2, 4)]
    assert obligations.strictest(*masks) == masks[0]


def the_person_is_not_revealed(world: World) -> None:
    for flags in (None, frozenset({"restriction"}), frozenset({"protected_address"})):
        told = world.decide(flags=flags, authorisation=held(fields=frozenset({"d.a"}))).told()
        assert told.get("not_authorised") == ["e.c", "s.b"]
    assert world.decide(flags=frozenset({"restriction"})).told() == {"withheld": sorted(FIELDS)}


def only_permitted_fields_leave(world: World) -> None:
    done = world.minimise({"d.a": CLEAR}, {"d.a": 7, "d.word": "secret", "odd": 1})
    assert done.values == {"d": [{"d.a": 7}]}
    denied = world.decide(authorisation=None)
    done = world.package.minimisation.minimise(denied, {"d": [{"d.a": 7}]}, world.catalogue)
    assert done.values == {}


def a_decision_goes_with_its_catalogue(world: World) -> None:
    other = world.small([exchange("one")])
    try:
        world.package.minimisation.minimise(world.decide(), {"d": [{"d.a": 7}]}, other)
    except world.package.errors.CatalogueMismatch:
        return
    raise AssertionError


def another_type_does_not_leave(world: World) -> None:
    for field, value in (("d.a", "7"), ("d.a", True), ("d.a", 7.0), ("d.word", 7), ("d.sure", None), ("d.sure", 1)):
        done = world.minimise({field: CLEAR}, {field: value})
        assert (done.values, done.withheld) == ({}, {field: "type_mismatch"})
    for value in ("2026-02-30", "28/02/2026", "2026-02-28T00:00:00Z"):
        assert world.minimise({"d.on": CLEAR}, {"d.on": value}).withheld == {"d.on": "type_mismatch"}


def an_obligation_is_carried_out_or_nothing_leaves(world: World) -> None:
    address = {"e.address": {"release": "truncate", "to": "commune"}}
    row = {"e.address": "12 rue des Lilas"}
    assert world.minimise(address, {**row, "e.commune": "RENNES"}).values == {"e": [{"e.address": "RENNES"}]}
    name = {"d.word": {"release": "pseudonymise"}}
    question = {"d.a": {"release": "predicate", "op": "lt", "value": 800}}
    mask = {"d.word": {"release": "mask", "keep": 2}}

    def broken(field: str, value: object) -> str:
        raise KeyError(value)

    cases: list[Any] = [
        (address, row, {}),
        (address, {**row, "e.commune": "12 rue des Lilas"}, {}),
        (name, {"d.word": "x"}, {}),
        (name, {"d.word": "x"}, {"pseudonymise": broken}),
        (name, {"d.word": "x"}, {"pseudonymise": lambda _field, value: value}),
        (question, {"d.a": None}, {}),
        (mask, {"d.word": "1234"}, {}),
    ]
    for releases, given, parts in cases:
        done = world.minimise(releases, given, **parts)
        assert (done.values, list(done.withheld.values())) == ({}, ["transformation_failed"])


def transformations_do_what_they_say(world: World) -> None:
    cases = [
        ("d.on", {"release": "truncate", "to": "month"}, "2026-02-28", "2026-02"),
        ("d.on", {"release": "generalise", "to": "decade"}, "1987-02-28", "1980..1989"),
        ("d.a", {"release": "generalise", "to": "band", "step": 100}, 437, "400..499"),
        ("d.word", {"release": "mask", "keep": 2}, "0612345678", "***78"),
    ]
    for field, release, value, left in cases:
        done = world.minimise({field: release}, {field: value})
        assert done.values == {"d": [{field: left}]}
        assert list(done.transforms) == [field]
    outcomes = {"lt": (True, False), "le": (True, True), "gt": (False, False), "ge": (False, True), "eq": (False, True)}
    for op, expected in outcomes.items():
        for value, answer in zip((799, 800), expected, strict=True):
            done = world.minimise({"d.a": {"release": "predicate", "op": op, "value": 800}}, {"d.a": value})
            assert done.values == {"d": [{"d.a": answer}]}


def a_nir_never_leaves(world: World) -> None:
    for text in (NIR, f"dossier {NIR}", "2 84 01 35 238 042", "184122A451089", "28 40 13 52 38 042 89"):
        withheld = world.minimise({"d.word": CLEAR}, {"d.word": text}).withheld
        assert withheld == {"d.word": "nir_detected"}, text
    assert world.minimise({"d.a": CLEAR}, {"d.a": int(NIR)}).withheld == {"d.a": "nir_detected"}
    assert not world.package.nir.carries_nir(f"{NIR}00")


def rows_fail_together(world: World) -> None:
    fields = {"m.note": CLEAR, "m.minutes": CLEAR}
    more = [{"m.note": NIR, "m.minutes": 45}]
    done = world.minimise(fields, {"m.note": "a", "m.minutes": 30}, more=more)
    assert done.values == {"m": [{"m.minutes": 30}, {"m.minutes": 45}]}
    assert done.transforms == {"m.minutes": "clear"}
    single = world.minimise({"d.a": CLEAR}, {"d.a": 1}, more=[{"d.a": 2}])
    assert (single.values, single.withheld) == ({}, {"d.a": "rows_ambiguous"})


def a_decision_says_what_decided(world: World) -> None:
    decision = world.decide(epoch=5)
    assert (decision.epoch, decision.catalogue) == (5, world.catalogue.digest)
    assert [each.rule for each in decision.verdicts] == ["one@1#d.a", "two@1#e.c", "one@1#s.b"]
    assert decision.to_json() == world.decide(epoch=5, fields=FIELDS[::-1]).to_json()


def bad_catalogues_do_not_load(world: World) -> None:
    special = {"release": "clear", "special": "9-2-a", "needs": {"consent": "explicit"}}
    two = exchange("two", source="src-two", fields={"e.c": CLEAR})
    task = factories.PUBLIC_TASK
    cases: list[list[dict[str, Any]]] = [
        [exchange("one", purpose="hunting")],
        [exchange("one", fields={"s.b": special})],
        [exchange("one", dpia="D", fields={"s.b": CLEAR})],
        [exchange("one", dpia="D", fields={"s.b": {**CLEAR, "special": "9-2-a"}})],
        [exchange("one", fields={"d.number": CLEAR})],
        [exchange("one", fields={"d.a": {"release": "truncate", "to": "year"}})],
        [exchange("one", arrangement=None)],
        [exchange("one"), {**two, "bases": task}],
        [exchange("one"), {**two, "source": "src-one", "fields": {"m.at": CLEAR}}],
        [exchange("one", deny=[{"fields": "z.*"}])],
    ]
    for exchanges in cases:
        try:
            world.small(exchanges)
        except world.package.errors.CatalogueInvalid:
            continue
        raise AssertionError(exchanges)


CHECKS: dict[str, Check] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__annotations__", {}).get("world") is World
}
