"""Linking persons: one subject per person, pairwise pseudonyms, no guess, nothing told."""

from .conftest import LEA


async def test_the_first_link_creates_a_person_and_its_first_entry(side):
    """Rule: a link is in the journal, tagged with the person's number 0."""
    subject = await side.lea()
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["org"], entry["epoch"]) == ("subject.linked", "ml-brume", 0)
    assert entry["kinds"] == sorted(LEA)
    assert entry["subject"] == (await side.vault.open(subject)).tag(0)
    await side.tags_are_gap_free(subject)
