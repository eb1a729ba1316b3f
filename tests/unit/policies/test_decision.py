"""`decide`, one named refusal at a time: each test changes one fact from a decision that permits everything."""

import pytest

from policies.decision import Decision, Facts, Reason, decide
from tests.unit.policies.factories import (
    DAY,
    FIELDS,
    NOW,
    PARTIES,
    actor,
    authorisation,
    exchange,
    facts,
    public_task_facts,
    small,
)

CATALOGUE = small()


def reasons(asked: Facts) -> dict[str, str]:
    return {verdict.field: verdict.reason.value for verdict in decide(asked, CATALOGUE).verdicts}


def all_denied(reason: str) -> dict[str, str]:
    return dict.fromkeys(FIELDS, reason)


def test_everything_in_order_permits() -> None:
    """The facts from which every other test departs permit all three fields, each by its own line."""
    decision = decide(facts(), CATALOGUE)
    assert decision.permitted == ("d.a", "e.c", "s.b")
    assert decision.permits() == {"one@1": ["d.a", "s.b"], "two@1": ["e.c"]}
    assert decision.exchanges == ("one", "two")
    assert decision.sources == {"src-one": ("d.a", "s.b"), "src-two": ("e.c",)}
    assert decision.denials() == {} == decision.told()
    assert [verdict.rule for verdict in decision.verdicts] == ["one@1#d.a", "two@1#e.c", "one@1#s.b"]
    assert (decision.catalogue, decision.epoch) == (CATALOGUE.digest, 3)


def test_every_field_of_a_public_task_is_permitted_under_its_obligation() -> None:
    """A release other than clear is part of the permission."""
    decision = decide(public_task_facts(), CATALOGUE)
    assert {verdict.field: str(verdict.obligation) for verdict in decision.granted} == {
        "d.a": "predicate:lt:10",
        "e.c": "mask:last:2",
        "s.b": "clear",
    }


STOPS = [
    ({"switches": frozenset({"incident_freeze"})}, "incident_freeze"),
    ({"switches": frozenset({"incident_freeze", "other"})}, "incident_freeze"),
    ({"switches": frozenset({"other"})}, "unknown_switch"),
    ({"recipient": "nobody"}, "unknown_recipient"),
    ({"purpose": "gamma"}, "unknown_purpose"),
    ({"purpose": ""}, "unknown_purpose"),
    ({"purpose": "hunting"}, "banned_purpose"),
    ({"recipient": "src-one"}, "no_exchange"),
    ({"actor": None}, "actor_missing"),
    ({"actor": actor(kind="robot")}, "actor_unknown"),
    ({"actor": actor(role="clerk")}, "actor_role"),
    ({"actor": actor(role=None)}, "actor_role"),
    ({"actor": actor(assurance="low")}, "actor_assurance"),
    ({"actor": actor(assurance=None)}, "actor_assurance"),
    ({"actor": actor(assurance="supreme")}, "actor_assurance"),
    ({"actor": actor(kind="batch", role=None, assurance=None)}, "batch_not_allowed"),
    ({"actor": actor(kind="person", role=None, assurance=None)}, "person_not_allowed"),
    ({"authorisation": None}, "no_authorisation"),
    ({"authorisation": authorisation(basis="public_task", state="active")}, "basis_mismatch"),
    ({"authorisation": authorisation(basis="unheard")}, "basis_mismatch"),
    ({"authorisation": authorisation(state="active")}, "state_invalid"),
    ({"authorisation": authorisation(state="unknown")}, "state_invalid"),
    ({"authorisation": authorisation(state="paused")}, "state_invalid"),
    ({"authorisation": authorisation(state="requested")}, "not_given"),
    ({"authorisation": authorisation(state="deferred")}, "not_given"),
    ({"authorisation": authorisation(state="lapsed")}, "not_given"),
    ({"authorisation": authorisation(state="refused")}, "refused"),
    ({"authorisation": authorisation(state="withdrawn")}, "withdrawn"),
    ({"authorisation": authorisation(state="expired")}, "expired"),
    ({"authorisation": authorisation(valid_from=NOW + 1)}, "not_yet_valid"),
    ({"authorisation": authorisation(valid_until=NOW)}, "expired"),
    ({"authorisation": authorisation(uses=10)}, "uses_exhausted"),
    ({"authorisation": authorisation(uses=-1)}, "uses_exhausted"),
    ({"authorisation": authorisation(state="objection_lodged")}, "objection_lodged"),
    ({"authorisation": authorisation(fields=frozenset())}, "not_authorised"),
    ({"uses": {}}, "frequency_unknown"),
    ({"uses": {"one": -1, "two": -1}}, "frequency_unknown"),
    ({"uses": {"one": 4, "two": 4}}, "frequency_exceeded"),
    ({"flags": None}, "flags_unknown"),
    ({"flags": frozenset({"left_handed"})}, "flags_unknown"),
    ({"flags": frozenset({"restriction"})}, "restriction"),
    ({"flags": frozenset({"tombstone", "restriction"})}, "tombstone"),
]


@pytest.mark.parametrize(("change", "reason"), STOPS, ids=[f"{reason}-{n}" for n, (_, reason) in enumerate(STOPS)])
def test_one_fact_missing_or_wrong_denies_every_field(change: dict[str, object], reason: str) -> None:
    """Unknown, missing or contrary: nothing leaves, and the reason is named."""
    assert reasons(facts(**change)) == all_denied(reason)


@pytest.mark.parametrize("state", ["given", "renewed"])
def test_consent_is_valid_once_given_or_renewed(state: str) -> None:
    """Only these two states of consent permit."""
    assert reasons(facts(authorisation=authorisation(state=state))) == all_denied("permitted")


def test_an_authorisation_holds_from_its_first_millisecond_to_the_last_before_its_end() -> None:
    """valid_from <= now < valid_until, to the millisecond."""
    held = authorisation(valid_from=NOW, valid_until=NOW + 1)
    assert reasons(facts(authorisation=held)) == all_denied("permitted")
    assert reasons(facts(authorisation=held, now=NOW - 1)) == all_denied("not_yet_valid")
    assert reasons(facts(authorisation=held, now=NOW + 1)) == all_denied("expired")


def test_an_authorisation_without_end_or_count_still_holds() -> None:
    """No end and no count are what the record says, not something missing."""
    held = authorisation(valid_until=None, max_uses=None, uses=99)
    assert reasons(facts(authorisation=held)) == all_denied("permitted")


def test_an_exchange_runs_from_its_first_day_to_the_end_of_its_last() -> None:
    """not_before and not_after are days, UTC, both included."""
    first, after = 1_767_225_600_000, 1_830_297_600_000  # 2026-01-01, 2028-01-01
    held = authorisation(valid_from=0, valid_until=None)
    expected = {first - 1: "not_started", first: "permitted", after - 1: "permitted", after: "ended"}
    for now, reason in expected.items():
        assert reasons(facts(authorisation=held, now=now)) == all_denied(reason)


def test_an_exchange_without_last_day_goes_on() -> None:
    """not_after may be left out."""
    catalogue = small([exchange("one", when={"not_before": "2026-01-01"})])
    held = authorisation(valid_until=None)
    assert decide(facts(fields=("d.a",), authorisation=held, now=NOW + 40_000 * DAY), catalogue).permitted == ("d.a",)


def test_the_last_use_of_a_window_is_permitted_and_the_next_is_not() -> None:
    """A limit of four allows the fourth use: three are counted before it."""
    assert reasons(facts(uses={"one": 3, "two": 4})) == {
        "d.a": "permitted",
        "s.b": "permitted",
        "e.c": "frequency_exceeded",
    }


def test_the_last_use_of_an_authorisation_is_permitted() -> None:
    """Ten uses allow the tenth: nine are counted before it."""
    assert reasons(facts(authorisation=authorisation(uses=9))) == all_denied("permitted")


def test_a_batch_is_permitted_where_the_exchange_says_so() -> None:
    """A declared batch job needs neither role nor assurance, only the exchange's word."""
    batch = actor(kind="batch", role=None, assurance=None)
    allowed = reasons(public_task_facts(actor=batch))
    assert allowed == {"d.a": "permitted", "s.b": "permitted", "e.c": "batch_not_allowed"}


def test_the_person_alone_is_permitted_where_the_exchange_says_so() -> None:
    """The presence of the person opens what the exchange says it opens; left out, it opens nothing."""
    present = actor(kind="person", role=None, assurance=None)
    allowed = reasons(public_task_facts(actor=present))
    assert allowed == {"d.a": "permitted", "s.b": "permitted", "e.c": "person_not_allowed"}


def test_a_stronger_sign_in_than_asked_is_enough() -> None:
    """Assurance levels are ordered."""
    assert reasons(facts(actor=actor(assurance="high"))) == all_denied("permitted")


def test_a_field_outside_the_consent_is_denied_alone() -> None:
    """Consent is given field by field."""
    held = authorisation(fields=frozenset({"d.a"}))
    assert reasons(facts(authorisation=held)) == {"d.a": "permitted", "s.b": "not_authorised", "e.c": "not_authorised"}


def test_a_special_category_needs_its_explicit_consent() -> None:
    """GDPR 9-2-a: consent to the field is not enough."""
    held = authorisation(explicit=frozenset({"d.a"}))
    assert reasons(facts(authorisation=held)) == {"d.a": "permitted", "e.c": "permitted", "s.b": "explicit_missing"}


def test_explicit_consent_alone_does_not_authorise() -> None:
    """A field listed as explicit but not in the consent stays denied."""
    held = authorisation(fields=frozenset({"d.a", "e.c"}))
    assert reasons(facts(authorisation=held))["s.b"] == "not_authorised"


def test_a_need_on_the_persons_state_denies_its_field() -> None:
    """`needs: {state: [not_protected_address]}` is unmet by a protected address."""
    assert reasons(facts(flags=frozenset({"protected_address"}))) == {
        "d.a": "permitted",
        "s.b": "permitted",
        "e.c": "need_unmet",
    }


def test_a_need_of_a_flag_denies_when_the_flag_is_absent() -> None:
    """`needs: {state: [beneficiary_rsa]}` asks for the flag itself."""
    catalogue = small([exchange("one", fields={"d.a": {"release": "clear", "needs": {"state": ["beneficiary_rsa"]}}})])
    assert decide(facts(fields=("d.a",)), catalogue).denials() == {"need_unmet": ["d.a"]}
    concerned = facts(fields=("d.a",), flags=frozenset({"beneficiary_rsa"}))
    assert decide(concerned, catalogue).permitted == ("d.a",)


def test_an_exchange_for_some_people_does_not_serve_the_others() -> None:
    """`subjects: {requires: …}` is about the whole exchange."""
    assert reasons(public_task_facts(flags=frozenset())) == {
        "d.a": "permitted",
        "s.b": "permitted",
        "e.c": "subject_not_concerned",
    }


def test_a_denial_on_a_flag_beats_the_permission() -> None:
    """Deny overrides, by the line that denies."""
    decision = decide(public_task_facts(flags=frozenset({"beneficiary_rsa", "protected_address"})), CATALOGUE)
    verdict = next(verdict for verdict in decision.verdicts if verdict.field == "e.c")
    assert (verdict.reason, verdict.rule) == (Reason.DENIED_BY_FLAG, "four@1#deny,e.*,if=protected_address")


def test_an_unconditional_denial_beats_the_permission() -> None:
    """Deny overrides; and a field never released says so."""
    held = authorisation(basis="legal_obligation", state="active", fields=frozenset({"d.a", "d.number", "e.c"}))
    asked = facts(recipient="partner-q", authorisation=held, fields=("d.a", "d.number", "e.c", "d.ghost"))
    assert {verdict.field: (verdict.reason.value, verdict.rule) for verdict in decide(asked, CATALOGUE).verdicts} == {
        "d.a": ("denied_by_rule", "five@1#deny,d.*,recipient=partner-q"),
        "d.number": ("denied_by_rule", "five@1#deny,d.*,recipient=partner-q"),
        "e.c": ("not_in_exchange", "default#not_in_exchange"),
        "d.ghost": ("unknown_field", "default#unknown_field"),
    }


def test_a_field_never_released_says_so() -> None:
    """`release: never` is a denial of its own."""
    catalogue = small([exchange("one", fields={"d.number": {"release": "never"}})])
    held = authorisation(fields=frozenset({"d.number"}))
    assert decide(facts(fields=("d.number",), authorisation=held), catalogue).denials() == {
        "never_released": ["d.number"]
    }


@pytest.mark.parametrize("state", ["objection_lodged", "upheld"])
def test_an_objection_stops_a_public_task_at_once(state: str) -> None:
    """Lodging is enough; nothing waits for the answer."""
    held = authorisation(basis="public_task", state=state)
    denied = set(reasons(public_task_facts(authorisation=held)).values())
    assert denied == {"objection_lodged" if state == "objection_lodged" else "state_invalid"}


FLOORS = [
    ({"d.a": "generalise:band:100"}, "d.a", "generalise:band:100"),
    ({"d.a": "clear"}, "d.a", "clear"),
    ({"e.c": "mask:last:1"}, "e.c", "mask:last:1"),
    ({"s.b": "never"}, "s.b", "not_authorised"),
    ({"d.a": "mask:last:1"}, "d.a", "obligation_conflict"),
    ({"d.a": "hash"}, "d.a", "obligation_conflict"),
    ({"d.a": ""}, "d.a", "obligation_conflict"),
]


@pytest.mark.parametrize(("floors", "field", "outcome"), FLOORS)
def test_the_floor_of_the_authorisation_lowers_or_denies(floors: dict[str, str], field: str, outcome: str) -> None:
    """The strictest of catalogue and authorisation wins; what cannot be carried out denies."""
    decision = decide(facts(authorisation=authorisation(floors=floors)), CATALOGUE)
    verdict = next(verdict for verdict in decision.verdicts if verdict.field == field)
    assert outcome == (str(verdict.obligation) if verdict.permit else verdict.reason.value)
    assert verdict.rule.startswith(("one@1#", "two@1#"))


def test_two_obligations_that_cannot_be_compared_deny() -> None:
    """No floor satisfies a mask and a truncation: the field does not leave."""
    catalogue = small(
        [exchange("one", source="src-two", fields={"e.address": {"release": "truncate", "to": "commune"}})]
    )
    held = authorisation(fields=frozenset({"e.address"}), floors={"e.address": "mask:last:2"})
    decision = decide(facts(fields=("e.address",), authorisation=held), catalogue)
    assert decision.denials() == {"obligation_conflict": ["e.address"]}


def test_a_truncation_asks_the_source_for_what_it_keeps() -> None:
    """An address cut to its commune needs the commune, which is fetched but not permitted by that."""
    catalogue = small(
        [exchange("one", source="src-two", fields={"e.address": {"release": "truncate", "to": "commune"}})]
    )
    asked = facts(fields=("e.address",), authorisation=authorisation(fields=frozenset({"e.address"})))
    decision = decide(asked, catalogue)
    assert decision.sources == {"src-two": ("e.address", "e.commune")}
    assert decision.permitted == ("e.address",)
    clear = small([exchange("one", source="src-two", fields={"e.address": {"release": "clear"}})])
    assert decide(asked, clear).sources == {"src-two": ("e.address",)}


def test_the_source_sets_a_floor_for_everyone() -> None:
    """The strictest of the exchange's release and the source's floor is compiled."""
    floor = {"d.a": {"release": "generalise", "to": "band", "step": 50}}
    parties = {"parties": {**PARTIES["parties"], "src-one": {**PARTIES["parties"]["src-one"], "floors": floor}}}
    catalogue = small([exchange("one", fields={"d.a": {"release": "clear"}})], parties=parties)
    assert [str(verdict.obligation) for verdict in decide(facts(fields=("d.a",)), catalogue).verdicts] == [
        "generalise:band:50"
    ]


def test_a_question_about_the_person_is_only_answered_where_the_field_would_have_left() -> None:
    """Asking for what one may not have anyway teaches nothing about the person's situation."""
    held = authorisation(fields=frozenset({"d.a"}))
    for flags in (frozenset(), frozenset({"restriction"}), frozenset({"protected_address"}), None):
        told = decide(facts(authorisation=held, flags=flags), CATALOGUE).told()
        assert told["not_authorised"] == ["e.c", "s.b"]


def test_the_recipient_hears_withheld_where_the_reason_reveals_the_person() -> None:
    """The journal keeps the true reason; the answer does not."""
    decision = decide(facts(flags=frozenset({"protected_address"})), CATALOGUE)
    assert decision.denials() == {"need_unmet": ["e.c"]}
    assert decision.told() == {"withheld": ["e.c"]}


def test_a_refusal_of_everything_reaches_fields_that_no_exchange_lists() -> None:
    """Listed, unlisted or unknown, a field gets the reason that stops the whole request."""
    asked = facts(fields=("d.a", "d.word", "odd"), authorisation=None)
    assert {verdict.field: verdict.rule for verdict in decide(asked, CATALOGUE).verdicts} == {
        "d.a": "one@1#bases",
        "d.word": "default#no_authorisation",
        "odd": "default#no_authorisation",
    }


def test_no_field_asked_gives_no_verdict() -> None:
    """Nothing asked, nothing said."""
    assert decide(facts(fields=()), CATALOGUE).verdicts == ()


def test_a_decision_replays_to_the_same_bytes() -> None:
    """Facts written, read back and decided again give the very bytes of the first decision."""
    for asked in (facts(), public_task_facts(), facts(flags=None), facts(actor=None, authorisation=None)):
        again = Facts.from_json(asked.to_json())
        assert again.to_json() == asked.to_json()
        assert decide(again, CATALOGUE).to_json() == decide(asked, CATALOGUE).to_json()


def test_a_decision_is_written_in_one_form() -> None:
    """Canonical JSON: sorted keys, no blank, ASCII."""
    decision = decide(facts(fields=("d.a", "d.a", "zzz")), CATALOGUE)
    assert (
        decision.to_json()
        == (
            f'{{"catalogue":"{CATALOGUE.digest}","epoch":3,"verdicts":['
            '{"exchange":"one@1","field":"d.a","obligation":"clear","permit":true,"reason":"permitted",'
            '"rule":"one@1#d.a","source":"src-one"},'
            '{"exchange":null,"field":"zzz","obligation":null,"permit":false,"reason":"unknown_field",'
            '"rule":"default#unknown_field","source":null}]}'
        ).encode()
    )


def test_denials_name_the_clause_that_decided() -> None:
    """A refusal of the whole exchange points to its clause, not to the field."""
    for change, clause in (
        ({"actor": actor(role="clerk")}, "agents"),
        ({"authorisation": authorisation(state="withdrawn")}, "bases"),
        ({"uses": {}}, "frequency"),
        ({"now": 0, "authorisation": authorisation(valid_from=0)}, "when"),
    ):
        decision: Decision = decide(facts(fields=("d.a",), **change), CATALOGUE)
        assert [verdict.rule for verdict in decision.verdicts] == [f"one@1#{clause}"]


def test_a_public_task_is_valid_when_active_only() -> None:
    """A state that makes consent valid says nothing for another basis."""
    held = authorisation(basis="public_task", state="given")
    assert set(reasons(public_task_facts(authorisation=held)).values()) == {"state_invalid"}
