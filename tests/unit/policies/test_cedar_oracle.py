"""Cedar as a differential oracle: the catalogue written as Cedar policies permits exactly what `decide` permits."""

import random
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import cedarpy
from hypothesis import HealthCheck, given, settings

import policies
from policies import catalogue, documents, model
from policies.catalogue import Catalogue, build
from policies.decision import Facts, decide
from policies.model import Denial
from tests.unit.policies import cedar
from tests.unit.policies import strategies as some
from tests.unit.policies.factories import DENIALS, NOW, actor, authorisation, facts, files, small

CONSORTIUM_DIRECTORY = Path(policies.__file__).parent / "catalogue"


def denials_of(content: dict[str, Any]) -> tuple[Denial, ...]:
    return tuple(model.denial(each) for each in content["deny"])


def compare(asked: list[Facts], loaded: Catalogue, text: str) -> int:
    """Ask both about every field of every facts; give how many were permitted."""
    questions = [(each, field) for each in asked for field in each.fields]
    answers = cedarpy.is_authorized_batch([cedar.request(each, field) for each, field in questions], text, "[]")
    permitted = {(id(each), field) for each in asked for field in decide(each, loaded).permitted}
    for (each, field), answer in zip(questions, answers, strict=True):
        assert not answer.diagnostics.errors, answer.diagnostics.errors
        assert (answer.decision == cedarpy.Decision.Allow) == ((id(each), field) in permitted), (field, each)
    return len(permitted)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.worlds())
def test_cedar_agrees_on_any_catalogue(world: some.World) -> None:
    """Decision by decision, on random catalogues and facts."""
    exchanges, asked = world
    held = asked.authorisation
    if held is not None:
        # what an obligation makes of a floor is outside Cedar, save `never`
        asked = replace(
            asked, authorisation=replace(held, floors={k: v for k, v in held.floors.items() if v == "never"})
        )
    loaded = build(files(exchanges, form_checked=False))
    compare([asked], loaded, cedar.policies(loaded, denials_of(DENIALS)))


def test_cedar_agrees_on_the_small_catalogue() -> None:
    """Every state and basis for every partner and purpose, with the flags that matter."""
    loaded = small()
    flags = [
        None,
        *(frozenset(each) for each in ((), ("restriction",), ("tombstone",), ("beneficiary_rsa",), ("odd",))),
    ]
    flags.append(frozenset({"protected_address", "beneficiary_rsa"}))
    asked = [
        facts(recipient=recipient, purpose=purpose, flags=flag, authorisation=authorisation(basis=basis, state=state))
        for recipient, purpose, flag, basis, state in product(
            some.RECIPIENTS, some.PURPOSES, flags, some.BASES, some.STATES
        )
    ]
    assert compare(asked, loaded, cedar.policies(loaded, denials_of(DENIALS))) > 20


def test_cedar_agrees_on_the_consortium() -> None:
    """The catalogue that ships: every recipient and purpose, facts drawn around what permits."""
    loaded = catalogue.load(CONSORTIUM_DIRECTORY)
    content = documents.read(CONSORTIUM_DIRECTORY / "denials.yaml", "denials").content
    draw = random.Random(2)  # noqa: S311  the same draw at every run
    asked = []
    for recipient, purpose in product(loaded.parties, loaded.purposes):
        serving = loaded.active(recipient, purpose)
        fields = loaded.request_fields(recipient, purpose)
        basis = loaded.basis_of(recipient, purpose) or "consent"
        for _ in range(12):
            held = authorisation(
                basis=basis if draw.random() < 0.9 else "consent",
                state=draw.choice(["given" if basis == "consent" else "active"] * 3 + ["withdrawn"]),
                fields=frozenset(name for name in fields.fields if draw.random() < 0.8),
                explicit=frozenset(name for name in fields.explicit if draw.random() < 0.7),
                valid_until=draw.choice([None, NOW, NOW + 1]),
            )
            roles = sorted({role for each in serving for role in each.roles}) or ["referent"]
            asked.append(
                facts(
                    recipient=recipient,
                    purpose=purpose,
                    fields=(*sorted(fields.fields), "identity.nir", "aah.since"),
                    actor=draw.choice(
                        [actor(role=draw.choice(roles)), actor(role="king")]
                        + [actor(kind=kind, role=None) for kind in ("batch", "person")]
                    ),
                    flags=draw.choice([frozenset()] * 3 + [frozenset({"protected_address"}), None]),
                    authorisation=held,
                    uses={each.id: draw.choice([0, 0, each.limit - 1, each.limit]) for each in serving},
                )
            )
    assert compare(asked, loaded, cedar.policies(loaded, denials_of(content))) > 50


def test_a_denial_left_out_of_the_oracle_is_noticed() -> None:
    """The comparison bites: without its forbids, Cedar permits what `decide` denies."""
    loaded = small()
    text = "\n".join(line for line in cedar.policies(loaded, ()).split("\n") if not line.startswith("forbid"))
    asked = facts(flags=frozenset({"restriction"}))
    (answer,) = cedarpy.is_authorized_batch([cedar.request(asked, "d.a")], text, "[]")
    assert answer.decision == cedarpy.Decision.Allow
    assert decide(asked, loaded).permitted == ()
