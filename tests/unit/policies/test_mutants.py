"""Every broken variant of the evaluator is seen by its quick check, and the package itself passes them all."""

from collections.abc import Iterator

import pytest

from tests.unit.policies.mutants import Mutant
from tests.unit.policies.mutants_of_decision import DECISION
from tests.unit.policies.mutants_of_the_rest import COMPILED, MINIMISATION, OBLIGATIONS
from tests.unit.policies.quick_checks import CHECKS, World
from tests.unit.policies.variants import Variant, variant

MUTANTS = [*DECISION, *COMPILED, *OBLIGATIONS, *MINIMISATION]


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Variant]:
    with variant({}, name="policies_unchanged") as package:
        yield package


@pytest.mark.parametrize("check", CHECKS)
def test_the_package_keeps_every_promise(unchanged: Variant, check: str) -> None:
    """The checks that kill the mutants pass on the unmodified text."""
    CHECKS[check](World(unchanged))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    """One replacement that opens something, or hides that it was closed, fails its named check."""
    with variant({mutant.module: [(mutant.old, mutant.new)]}) as package:
        # built outside the check: a mutant that does not even load proves nothing
        world = World(package)
        with pytest.raises((AssertionError, package.errors.CatalogueInvalid)):
            mutant.check(world)


def test_there_are_enough_mutants() -> None:
    """Each is named once, and each check kills at least one or is about what is permitted."""
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 25
    idle = set(CHECKS) - {mutant.check.__name__ for mutant in MUTANTS}
    assert idle == {"what_is_in_order_is_permitted"}
