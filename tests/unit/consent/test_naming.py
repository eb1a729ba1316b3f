"""A partner's own name for somebody who came by themselves, and the words of an objection."""

import asyncio

import pytest
import sqlalchemy as sa

from consent.errors import SubjectErased
from consent.models import partner_subject, said_words
from consent.models import subject as people
from consent.naming import Naming, pseudonym_of
from consent.said import LONGEST, SaidWords
from consent.vault import SubjectId
from tests.unit.consent.conftest import Side


def naming(side: Side) -> Naming:
    return Naming(store=side.store, journal=side.journal, vault=side.vault)


async def test_a_new_name_is_random_kept_and_an_entry(side: Side) -> None:
    """The same afterwards; another partner's says nothing of it; the entry names no identifier."""
    subject = await side.lea()
    name = await naming(side).name(subject, partner="siae-brume", now=side.clock.now)
    assert name.startswith("psn_")
    assert await naming(side).name(subject, partner="siae-brume", now=side.clock.now) == name
    assert await side.people.resolve(partner="siae-brume", pseudonym=name) == subject
    known = await pseudonym_of(side.store, subject, partner="ml-brume")
    assert known is not None
    assert known != name
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["org"], entry["kinds"]) == ("subject.linked", "siae-brume", [])


async def test_who_was_linked_keeps_the_name_they_have(side: Side) -> None:
    """Coming by oneself changes nothing for a partner that knew the person, and writes nothing."""
    subject = await side.lea()
    before = await side.entries()
    name = await naming(side).name(subject, partner="ml-brume", now=side.clock.now)
    assert name == await pseudonym_of(side.store, subject, partner="ml-brume")
    assert await side.entries() == before


async def test_many_at_once_give_one_name(side: Side) -> None:
    """On every process: one name, one entry."""
    subject = await side.lea()
    other = await side.another()
    size = len(await side.entries())
    names = await asyncio.gather(
        *(naming(each).name(subject, partner="siae-brume", now=side.clock.now) for each in (side, other) * 4)
    )
    await other.journal.close()
    assert len(set(names)) == 1
    count = sa.select(sa.func.count()).select_from(partner_subject).where(partner_subject.c.partner == "siae-brume")
    assert await side.store.read(lambda connection: connection.execute(count).scalar_one()) == 1
    assert len(await side.entries()) == size + 1


async def test_nobody_erased_is_named(side: Side) -> None:
    """Nor somebody who never was."""
    subject = await side.lea()
    gone = sa.update(people).where(people.c.id == subject).values(erased_at=side.clock.now)
    await side.store.write(lambda connection: connection.execute(gone) and None)
    for each in (subject, SubjectId("0" * 32)):
        with pytest.raises(SubjectErased):
            await naming(side).name(each, partner="siae-brume", now=side.clock.now)


async def test_words_are_sealed_replaced_cut_and_optional(side: Side) -> None:
    """Only with the person's key; nothing written when nothing was said; another person's are not found."""
    subject, words = await side.lea(), SaidWords(store=side.store, vault=side.vault)
    await words.keep("a" * 32, "  ", subject=subject, now=side.clock.now)
    assert await words.read("a" * 32, subject=subject) is None
    for text in ("Rue Canari", "x" * (LONGEST + 5)):
        await words.keep("a" * 32, text, subject=subject, now=side.clock.now)
        assert await words.read("a" * 32, subject=subject) == text[:LONGEST]
        held = await side.store.read(lambda connection: repr(connection.execute(sa.select(said_words)).all()))
        assert "Canari" not in held
    assert await words.read("a" * 32, subject=SubjectId("0" * 32)) is None
