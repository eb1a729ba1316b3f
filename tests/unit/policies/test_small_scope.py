"""Every case of a small world, decided twice: by `decide` and by an independent reading of the same files.

Two partners, two purposes, three fields; all states, all bases, all flags; then all edges of time, actor, counts,
switches and floors.
"""

from collections.abc import Iterable
from itertools import chain, combinations, product

from policies.decision import Facts, decide
from tests.unit.policies.factories import (
    DENIALS,
    FIELDS,
    NOW,
    PARTIES,
    PURPOSES,
    VOCABULARY,
    actor,
    authorisation,
    facts,
    small,
    small_exchanges,
)
from tests.unit.policies.reference import Reference

STATES = (
    "requested", "deferred", "lapsed", "refused", "given", "renewed", "paused", "withdrawn", "expired", "narrowed",
    "invalidated", "revoked", "tombstoned", "active", "objection_lodged", "upheld", "overridden", "unknown", "",
)  # fmt: skip
BASES = ("consent", "public_task", "legal_obligation", "vital_interest")
PAIRS = tuple(product(("partner-p", "partner-q"), ("alpha.one", "beta.two")))
CATALOGUE = small()
REFERENCE = Reference(small_exchanges(), vocabulary=VOCABULARY, parties=PARTIES, purposes=PURPOSES, denials=DENIALS)


def subsets(names: Iterable[str]) -> list[frozenset[str]]:
    listed = list(names)
    return [frozenset(each) for each in chain.from_iterable(combinations(listed, n) for n in range(len(listed) + 1))]


FLAGS = [None, *subsets(VOCABULARY["flags"]), frozenset({"unheard_of"}), frozenset({"beneficiary_rsa", "unheard_of"})]


def compare(asked: Facts) -> int:
    decision = decide(asked, CATALOGUE)
    decided = {verdict.field: verdict.obligation and str(verdict.obligation) for verdict in decision.verdicts}
    expected = {field: REFERENCE.obligation(asked, field) for field in asked.fields}
    assert decided == expected, asked
    assert set(decision.permitted) == {field for field, text in expected.items() if text is not None}
    return len(decision.permitted)


def test_all_states_bases_flags_and_consents() -> None:
    """Every partner, purpose, state, basis, set of flags, set of authorised fields and explicit consent."""
    permitted = cases = 0
    explicits = (frozenset(), frozenset({"s.b"}), frozenset({"d.a", "e.c"}))
    holds = [
        authorisation(basis=basis, state=state, fields=fields, explicit=explicit)
        for basis, state, fields, explicit in product(BASES, STATES, subsets(FIELDS), explicits)
    ]
    for (recipient, purpose), flags, held in product(PAIRS, FLAGS, [None, *holds]):
        permitted += compare(facts(recipient=recipient, purpose=purpose, flags=flags, authorisation=held))
        cases += 1
    assert cases == 4 * 19 * (4 * 19 * 8 * 3 + 1)
    assert permitted > 300


def test_all_edges_of_time_actor_counts_and_switches() -> None:
    """Every edge of what is not about the authorisation's state, for an authorisation that is otherwise valid."""
    first, after = 1_767_225_600_000, 1_830_297_600_000
    times = (first - 1, first, NOW, after - 1, after)
    actors = [None, actor(kind="robot")]
    actors += [actor(kind=kind, role=role) for kind in ("batch", "person") for role in (None, "adviser")]
    actors += [
        actor(role=role, assurance=strength)
        for role, strength in product(("adviser", "clerk", None), ("low", "substantial", "high", None, "odd"))
    ]
    counts = [{}, *(dict.fromkeys(("one", "two", "three", "four", "five"), count) for count in (-1, 0, 3, 4))]
    switches = subsets(["incident_freeze", "unheard_of"])
    permitted = 0
    for (recipient, purpose), now, who, uses, switch in product(PAIRS, times, actors, counts, switches):
        basis = CATALOGUE.basis_of(recipient, purpose) or "consent"
        held = authorisation(
            basis=basis, state="given" if basis == "consent" else "active", valid_from=0, valid_until=None
        )
        asked = {"recipient": recipient, "purpose": purpose, "now": now, "actor": who, "uses": uses}
        asked |= {"flags": frozenset({"beneficiary_rsa"}), "switches": switch, "authorisation": held}
        permitted += compare(facts(**asked))
    assert permitted > 100


def test_all_edges_of_an_authorisation_and_its_floors() -> None:
    """Every edge of validity and count, and floors that lower, equal, contradict or close."""
    floors = [{}, *({"d.a": text} for text in ("clear", "generalise:band:20", "predicate:lt:10", "predicate:lt:9"))]
    floors += [{"d.a": "pseudonymise"}, {"d.a": "never"}, {"e.c": "mask:last:2"}, {"e.c": "pseudonymise"}]
    limits = ((NOW - 1, None), (NOW, NOW + 1), (NOW + 1, None), (0, NOW))
    counts = ((None, 99), (1, 0), (1, 1), (2, -1))
    for (recipient, purpose), lowered, (start, end), (most, uses) in product(PAIRS, floors, limits, counts):
        basis = CATALOGUE.basis_of(recipient, purpose) or "consent"
        held = authorisation(
            basis=basis,
            state="given" if basis == "consent" else "active",
            valid_from=start,
            valid_until=end,
            max_uses=most,
            uses=uses,
            floors=lowered,
        )
        flags = frozenset({"beneficiary_rsa"})
        compare(facts(recipient=recipient, purpose=purpose, authorisation=held, flags=flags))


def test_recipients_and_purposes_that_do_not_exist() -> None:
    """What is in no file is denied."""
    for recipient, purpose in product(("partner-p", "nobody", "", "src-one"), ("alpha.one", "hunting", "", "alpha")):
        assert compare(facts(recipient=recipient, purpose=purpose)) == (
            3 if (recipient, purpose) == ("partner-p", "alpha.one") else 0
        )
    assert compare(facts(fields=("d.ghost", "d", "*", "", "d.a", "d.number"))) == 1
