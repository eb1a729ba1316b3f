"""Ways to break the package that would open a field, or hide that one was closed, each with the check that sees it.

A mutant is one replacement in the text of one module. When the text of the package changes, the replacement must be
found again: one that no longer applies fails its test.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.unit.policies.quick_checks import World


class Mutant(NamedTuple):
    """What is broken, where, by which replacement, and the check that must fail."""

    name: str
    module: str
    old: str
    new: str
    check: Callable[[World], None]
