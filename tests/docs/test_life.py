"""The reference of authorisations is the life cycle of the code."""

import re

from consent.states import BASES, CHANNELS, TRANSITIONS
from tests.docs.life import PAGE, TABLES
from tests.docs.pages import fill


def test_the_tables_are_those_of_the_code() -> None:
    """Written by `python -m tests.docs.life`; a transition added in the code alone is found here."""
    text = PAGE.read_text("utf-8")
    assert all(text.count(f"<!-- {name} -->") == 1 for name in TABLES)
    assert fill(text, TABLES) == text


def test_every_guard_is_explained_and_none_is_left_over() -> None:
    """A guard is a name in the table and a sentence below it."""
    explained = re.findall(r"^- \*\*(\w+)\*\*: ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted({rule.guard for rule in TRANSITIONS.values()})


def test_every_basis_and_channel_is_named() -> None:
    """Nothing of the vocabulary is missing from the page."""
    text = PAGE.read_text("utf-8")
    assert not [name for name in (*BASES, *CHANNELS) if f"`{name}`" not in text]
