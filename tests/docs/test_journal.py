"""The reference of the journal is the vocabulary of the code."""

from audit.events import EVENTS
from gateway.console import sentences
from gateway.console.kinds import OWN
from tests.docs.journal import PAGE, TABLES
from tests.docs.pages import fill


def test_the_tables_are_those_of_the_code() -> None:
    """Written by `python -m tests.docs.journal`; a type or member added in the code alone is found here."""
    text = PAGE.read_text("utf-8")
    assert all(text.count(f"<!-- {name} -->") == 1 for name in TABLES)
    assert fill(text, TABLES) == text


def test_every_type_has_its_words_and_no_word_is_left_over() -> None:
    """What the column says is what a DPO reads; the others are of people reading their own, and of strangers."""
    assert sentences.EVENTS.keys() == EVENTS.keys() | {OWN, "unreadable", "unknown"}
