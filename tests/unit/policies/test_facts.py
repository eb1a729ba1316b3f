"""Facts are written to the same bytes every time, and only those bytes are read back."""

import json
from typing import Any

import pytest

from policies.decision import Facts
from policies.errors import FactsInvalid
from tests.unit.policies.factories import FIELDS, authorisation, facts, public_task_facts


def test_equal_facts_are_equal_bytes() -> None:
    """The order of fields, flags and counts is not content."""
    one = facts(fields=FIELDS, flags=frozenset({"restriction", "tombstone"}), uses={"one": 1, "two": 2})
    other = facts(fields=FIELDS[::-1], flags=frozenset({"tombstone", "restriction"}), uses={"two": 2, "one": 1})
    assert one.to_json() == other.to_json()
    assert one.to_json() != facts(epoch=4).to_json()


def test_facts_come_back_as_they_were() -> None:
    """Nothing is lost in writing, not even what is unknown."""
    for written in (
        facts(fields=("d.a",)),
        public_task_facts(fields=(), authorisation=authorisation(floors={"d.a": "never"}, valid_until=None)),
        facts(fields=("s.b",), actor=None, authorisation=None, flags=None),
    ):
        assert Facts.from_json(written.to_json()) == written


def altered(**changes: Any) -> bytes:
    content = json.loads(facts().to_json()) | changes
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        altered(now="soon"),
        altered(flags="abc"),
        altered(actor={"kind": "batch"}),
        altered(authorisation={"id": "x"}),
        altered(surplus=1),
        altered(fields=["b", "a"]),
        b" " + facts().to_json(),
    ],
    ids=range(12),
)
def test_other_bytes_are_refused(text: bytes) -> None:
    """A replay starts from what was recorded, or not at all; the text is not repeated."""
    with pytest.raises(FactsInvalid) as refused:
        Facts.from_json(text)
    assert refused.value.code == "facts_invalid"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
