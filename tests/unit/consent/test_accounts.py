"""Recognising who signs in: the account, else the civil identity, never a guess; written once, under the lock."""

import asyncio

import pytest
import sqlalchemy as sa

from audit.journal import Draft
from consent import models
from consent.accounts import Account, Accounts, Recognised
from consent.errors import IdentifierInvalid, PersonUnknown, SubjectAmbiguous
from consent.guards import SubjectRef
from consent.representatives import SEEN, Checked

from .conftest import AGENT, DAY, LEA, NOW, Side
from .reached import Reached

MINE = Account(issuer="https://fc.example", sub="f" * 64)
CIVIL = LEA["pivot"]
OPENED = {"session": "0" * 32, "provider": "franceconnect", "role": "beneficiary"}


@pytest.fixture
def accounts(side: Side) -> Accounts:
    return Accounts(store=side.store, vault=side.vault, blind=side.blind)


async def remember(side: Side, found: Recognised) -> None:
    """As the opening of a session does."""
    about = SubjectRef(found.subject, await side.vault.open(found.subject))
    draft = Draft(type="session.opened", members=OPENED, time=NOW, subject=about, change=found.remember)
    await side.journal.append(draft)


async def rows(side: Side) -> list:
    query = sa.select(models.account)
    return list(await side.store.read(lambda connection: connection.execute(query).all()))


async def test_the_first_time_by_identity_then_by_account(side: Side, accounts: Accounts) -> None:
    """Accents and usual name take no part; from then on the account alone counts."""
    subject = await side.lea()
    plain = {**CIVIL, "given_names": ["LEA MAELYS"], "usual_name": "Autre"}
    found = await accounts.recognise(MINE, plain, now=NOW)
    assert found.subject == subject
    await remember(side, found)
    again = await accounts.recognise(MINE, {}, now=NOW)
    assert (again.subject, again.remember) == (subject, None)
    [row] = await rows(side)
    assert MINE.sub.encode() not in row.sealed
    assert MINE.sub not in row.blind


async def test_the_same_sub_of_another_issuer_is_another_account(side: Side, accounts: Accounts) -> None:
    """`sub` means nothing without its issuer."""
    await side.lea()
    await remember(side, await accounts.recognise(MINE, CIVIL, now=NOW))
    with pytest.raises(IdentifierInvalid):
        await accounts.recognise(Account(issuer="https://other.example", sub=MINE.sub), {}, now=NOW)


async def test_two_browsers_of_one_person_remember_once(side: Side, accounts: Accounts) -> None:
    """The second finds it written."""
    await side.lea()
    found = [await accounts.recognise(MINE, CIVIL, now=NOW) for _ in range(2)]
    await asyncio.gather(*(remember(side, each) for each in found))
    assert len(await rows(side)) == 1


async def test_what_moved_since_it_was_looked_up_is_not_remembered(side: Side, accounts: Accounts) -> None:
    """A partner declares another identity between the look and the session: nobody is signed in."""
    await side.lea()
    found = await accounts.recognise(MINE, CIVIL, now=NOW)
    other = {**LEA, "pivot": {**CIVIL, "family_name": "Ozane"}}
    await side.lea("dept-brume", "autre", **other)
    with pytest.raises(SubjectAmbiguous):
        await remember(side, found)
    assert await rows(side) == []


async def test_nobody_and_not_surely(side: Side, accounts: Accounts) -> None:
    """No partner knows the identity; or it is not complete."""
    await side.lea()
    with pytest.raises(PersonUnknown):
        await accounts.recognise(MINE, {**CIVIL, "birth_date": "1999-04-03"}, now=NOW)
    with pytest.raises(IdentifierInvalid):
        await accounts.recognise(MINE, {**CIVIL, "birth_date": "1999-04-00"}, now=NOW)


async def test_the_name_a_helper_reads(side: Side, accounts: Accounts) -> None:
    """As far as it is known surely; nothing of somebody erased."""
    subject = await side.lea()
    assert await accounts.name_of(subject) == "Léa Ozanne-Kermadec"
    nameless = await side.lea("ml-brume", "dossier-8", ft_number="12345678902")
    assert await accounts.name_of(nameless) == ""
    gone = sa.update(models.subject).where(models.subject.c.id == subject).values(erased_at=NOW)
    await side.store.write(lambda connection: connection.execute(gone) and None)
    assert await accounts.name_of(subject) == ""


async def test_mandates_are_listed_for_who_signs_in(side: Side) -> None:
    """In force, of that holder, never a curator's, never of somebody known by sight."""
    reached, subject = Reached(side), await side.lea()
    usual = {"capacity": "aidant", "digest": "e" * 64, "until": NOW + DAY}
    made = await reached.mandates.record(subject, Checked(holder="12" * 16, **usual), by=AGENT, now=NOW)
    for holder, capacity in (("12" * 16, "curator"), ("cd" * 16, "aidant"), (SEEN, "aidant")):
        await reached.mandates.record(
            subject, Checked(**{**usual, "holder": holder, "capacity": capacity}), by=AGENT, now=NOW
        )
    held = await reached.mandates.held_by("12" * 16, now=NOW)
    assert [(each.id, each.subject, each.until) for each in held] == [(made.id, subject, NOW + DAY)]
    assert await reached.mandates.held_by(SEEN, now=NOW) == ()
    assert await reached.mandates.held_by("12" * 16, now=NOW + DAY) == []
    assert await reached.mandates.held(made.id, holder="12" * 16, now=NOW)
    assert not await reached.mandates.held(made.id, holder="cd" * 16, now=NOW)
    await reached.mandates.end(made.id, subject=subject, by=AGENT, now=NOW)
    assert not await reached.mandates.held(made.id, holder="12" * 16, now=NOW)
