"""How people want to be told: declared by themselves, sealed, found by number only."""

import pytest
import sqlalchemy as sa

from consent import models
from consent.errors import ContactInvalid, Contended, EpochChanged, NotEntitled, SubjectErased
from consent.states import By

from .conftest import AGENT, NOW, PERSON
from .reached import MOBILE, Reached


async def test_what_the_person_declares_is_kept_sealed(side):
    """Read back as declared; the database holds no address; the journal the ways only."""
    reached = Reached(side)
    subject = await side.lea()
    addresses = {"sms": "06 12 34 56 78", "email": "lea@courriel.example"}
    await reached.contacts.declare(subject, preference="email", addresses=addresses, lang="en", by=PERSON, now=NOW)
    known = await reached.contacts.get(subject)
    assert dict(known.addresses) == {"sms": MOBILE, "email": "lea@courriel.example"}
    assert (known.preference, known.lang) == ("email", "en")
    assert "lea@" not in repr(known)
    row = await side.store.read(lambda connection: connection.execute(sa.select(models.contact)).one())
    assert b"612345678" not in bytes(row.sealed)
    assert "612345678" not in str(row)
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["ways"], entry["preference"]) == ("contact.changed", ["email", "sms"], "email")
    await side.tags_are_gap_free(subject)


async def test_declaring_again_replaces(side):
    """An address left out is gone, and a number no longer finds the person."""
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    assert await reached.contacts.by_number("+33 6 12 34 56 78") == (subject,)
    await reached.contacts.declare(subject, preference="none", addresses={}, by=PERSON, now=NOW)
    assert await reached.contacts.by_number(MOBILE) == ()
    assert (await reached.contacts.get(subject)).addresses == {}


@pytest.mark.parametrize("kind", ["professional", "controller", "representative", "clock"])
async def test_nobody_else_declares_an_address(side, kind):
    """A number the professional chose would confirm in the person's stead."""
    reached = Reached(side)
    subject = await side.lea()
    with pytest.raises(NotEntitled):
        await reached.contacts.declare(
            subject, preference="sms", addresses={"sms": MOBILE}, by=By(kind=kind, channel="counter"), now=NOW
        )
    assert AGENT.kind == "professional"
    assert await reached.contacts.get(subject) is None


@pytest.mark.parametrize(
    ("preference", "addresses"),
    [
        ("sms", {}),
        ("sms", {"email": "lea@courriel.example"}),
        ("pigeon", {"sms": MOBILE}),
        ("none", {"sms": "12"}),
        ("none", {"sms": "+33612345678; DROP"}),
        ("none", {"email": "lea"}),
        ("none", {"email": "lea@x\r\nBcc: y@z"}),
        ("none", {"letter": "x"}),
        ("none", {"fax": MOBILE}),
    ],
)
async def test_what_cannot_be_an_address_is_refused_without_being_repeated(side, preference, addresses):
    """The error says which way."""
    reached = Reached(side)
    subject = await side.lea()
    with pytest.raises(ContactInvalid) as caught:
        await reached.contacts.declare(subject, preference=preference, addresses=addresses, by=PERSON, now=NOW)
    assert not any(address in str(caught.value) for address in addresses.values())


async def test_an_unknown_language_is_refused(side):
    """Messages exist in two."""
    reached = Reached(side)
    with pytest.raises(ContactInvalid):
        await reached.contacts.declare(await side.lea(), preference="none", addresses={}, lang="xx", by=PERSON, now=NOW)


async def test_a_number_may_be_several_peoples(side):
    """A household shares one: all are found, nobody is chosen."""
    reached = Reached(side)
    people = {await side.lea(), await side.lea("caf-brume", "autre", ft_number="98765432109")}
    for subject in people:
        await reached.phone(subject)
    assert set(await reached.contacts.by_number(MOBILE)) == people


async def test_an_erased_person_has_no_contact_any_more(side):
    """Whoever holds the id finds nothing to write to."""
    reached = Reached(side)
    subject = await side.lea()
    erased = sa.update(models.subject).where(models.subject.c.id == subject).values(erased_at=NOW)
    await side.store.write(lambda connection: connection.execute(erased) and None)
    with pytest.raises(SubjectErased):
        await reached.phone(subject)


async def test_somebody_who_keeps_changing_is_asked_about_again(side, monkeypatch):
    """After many turns it is said so."""
    reached = Reached(side)
    subject = await side.lea()

    async def moved(_draft):
        raise EpochChanged("moved")

    monkeypatch.setattr(side.journal, "append", moved)
    with pytest.raises(Contended):
        await reached.phone(subject)
