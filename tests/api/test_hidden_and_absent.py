"""A field hidden for the person's sake and one the source did not give look the same (design, section 4)."""

import pytest

from tests.api.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"


def told(catalogue, flags, rows):
    """What the recipient reads of household.address, for a person of these flags and these rows of the CAF."""
    from connectors.base import Fetched, Outcome
    from gateway import answer
    from policies.decision import Actor, Authorisation, Facts, decide
    from policies.minimisation import minimise

    fields = ("household.address", "rsa.beneficiary")
    held = Authorisation(
        id="a",
        basis="consent",
        state="given",
        fields=frozenset(fields),
        explicit=frozenset(),
        valid_from=0,
        valid_until=None,
        max_uses=None,
        uses=0,
    )
    facts = Facts(
        recipient="ml-brume",
        purpose=YOUTH,
        fields=fields,
        now=1_795_000_000_000,
        actor=Actor(kind="professional", role="conseiller", assurance="substantial"),
        flags=frozenset(flags),
        authorisation=held,
        epoch=0,
        uses={"ml-jeunes-ressources": 0},
        switches=frozenset(),
    )
    decision = decide(facts, catalogue)
    asked = {v.field.partition(".")[0] for v in decision.granted}
    all_rows = {"household": rows, "rsa": [{"rsa.beneficiary": True}]}
    fetched = {n: Fetched(dataset=n, outcome=Outcome.found, rows=tuple(all_rows[n]), collected_at=0) for n in asked}
    minimised = minimise(decision, {n: f.rows for n, f in fetched.items()}, catalogue)
    states = answer.states(decision, fetched, minimised)
    hidden = answer.withheld(decision, minimised)
    return answer.datasets(catalogue, decision, fetched, minimised, states=states, hidden=hidden)["household"]


async def test_a_hidden_field_and_an_absent_one_look_the_same(world: World) -> None:
    """A protected address and one the CAF did not give: the same members (design section 4)."""
    catalogue = world.bed.services.catalogue
    absent, hidden = told(catalogue, [], [{}]), told(catalogue, ["protected_address"], [])
    assert absent == hidden
