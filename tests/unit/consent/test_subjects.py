"""Linking persons: one subject per person, pairwise pseudonyms, no guess, nothing told."""

import asyncio
import json

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from consent import models, subjects
from consent.errors import (
    Contended,
    FlagUnknown,
    IdentifierInvalid,
    PersonUnknown,
    ReferenceConflict,
    SubjectAmbiguous,
    SubjectErased,
)
from consent.vault import place

from .conftest import ALL_KINDS, LEA, NOW, Side

PIVOT = LEA["pivot"]
OTHER_NIR = "199042B123456"


async def link(side: Side, partner: str, reference: str, **identifiers: object) -> str:
    linked = await side.people.link(
        partner=partner, reference=reference, identifiers=identifiers, accepted_kinds=ALL_KINDS, now=NOW
    )
    return linked.pseudonym


async def count(side: Side, table: sa.Table) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    store = side.keys if table is models.subject_key else side.store
    return await store.read(lambda connection: connection.execute(query).scalar_one())


async def known(side: Side, subject: str) -> tuple[set[str], dict]:
    """The ambiguous kinds, and the identifiers a source may be asked with."""
    row, key = await side.row(subject), await side.vault.open(subject)
    opened = key.unseal(row["identifiers"], place("consent_subject", "identifiers", subject))
    return set(row["ambiguous"].split()), json.loads(opened)


async def test_the_first_link_creates_a_person_and_its_first_entry(side):
    """Rule: a link is in the journal, tagged with the person's number 0."""
    subject = await side.lea()
    entry = (await side.entries())[-1]
    assert (entry["type"], entry["org"], entry["epoch"]) == ("subject.linked", "ml-brume", 0)
    assert entry["kinds"] == sorted(LEA)
    assert entry["subject"] == (await side.vault.open(subject)).tag(0)
    await side.tags_are_gap_free(subject)


async def test_linking_the_same_again_changes_nothing(side):
    """Rule: same reference, compatible identifiers: same pseudonym, no entry."""
    first = await link(side, "ml-brume", "7", **LEA)
    entries = await side.entries()
    assert await link(side, "ml-brume", "7", **LEA) == first
    assert await link(side, "ml-brume", "7", nir=LEA["nir"]) == first
    assert await link(side, "ml-brume", "7") == first
    assert await side.entries() == entries


async def test_two_partners_get_unrelated_names_for_one_person(side):
    """Rule: pairwise pseudonyms (P7): random, different, and stored under nothing the partners share."""
    names = {partner: await link(side, partner, "7", **LEA) for partner in ("ml-brume", "caf-brume", "ft-brume")}
    assert len(set(names.values())) == 3
    assert all(len(name) == 36 and name.startswith("psn_") for name in names.values())
    resolved = {await side.people.resolve(partner=partner, pseudonym=name) for partner, name in names.items()}
    assert len(resolved) == 1
    rows = await side.store.read(lambda connection: connection.execute(sa.select(models.reference)).all())
    assert len({row.blind for row in rows}) == 3
    subject = resolved.pop()
    assert not any(part in name for name in names.values() for part in (subject, subject[:8]))
    await side.tags_are_gap_free(subject)


async def test_a_partner_with_two_files_about_one_person_keeps_one_pseudonym(side):
    """Rule: one pseudonym per partner and person, however many references."""
    first = await link(side, "ml-brume", "7", nir=LEA["nir"])
    assert await link(side, "ml-brume", "8", nir=LEA["nir"]) == first
    assert await side.people.resolve(partner="ml-brume", reference="7") == await side.people.resolve(
        partner="ml-brume", reference="8"
    )


@pytest.mark.parametrize("kind", ["nir", "ft_number", "caf_number", "pivot"])
async def test_any_strong_identifier_finds_the_person(side, kind):
    """Rule: NIR, France Travail number, CAF number with its role, and complete civil identity match."""
    subject = await side.lea()
    await link(side, "caf-brume", "x", **{kind: LEA[kind]})
    assert await side.people.resolve(partner="caf-brume", reference="x") == subject


@pytest.mark.parametrize(
    "weak", [{"rdvi_user": "42"}, {"ft_login": "lea.o"}, {"pivot": {**PIVOT, "birth_date": "1999-04-00"}}, {}]
)
async def test_a_weak_identifier_finds_nobody(side, weak):
    """Rule: what several persons may share, or change, never matches."""
    await link(side, "ml-brume", "7", **weak)
    await link(side, "caf-brume", "7", **weak)
    assert await count(side, models.subject) == 2


async def test_identifiers_of_two_persons_are_refused_and_change_nothing(side):
    """Rule: several persons designated is an outcome, never a guess."""
    await link(side, "ml-brume", "7", nir=LEA["nir"])
    await link(side, "ml-brume", "8", ft_number=LEA["ft_number"])
    entries = await side.entries()
    with pytest.raises(SubjectAmbiguous):
        await link(side, "caf-brume", "x", nir=LEA["nir"], ft_number=LEA["ft_number"])
    assert await side.entries() == entries
    with pytest.raises(PersonUnknown):
        await side.people.resolve(partner="caf-brume", reference="x")


async def test_a_reference_already_used_for_another_person_is_refused(side):
    """Rule: a reference names one person."""
    await link(side, "ml-brume", "7", nir=LEA["nir"])
    await link(side, "ml-brume", "8", ft_number=LEA["ft_number"])
    entries = await side.entries()
    for identifiers in ({"ft_number": LEA["ft_number"]}, {"nir": OTHER_NIR}):
        with pytest.raises(ReferenceConflict):
            await link(side, "ml-brume", "7", **identifiers)
    assert await side.entries() == entries


async def test_a_contradicting_number_is_refused_when_only_the_civil_identity_matches(side):
    """Rule: two NIR on one civil identity may be two persons: never a guess."""
    await link(side, "ml-brume", "7", nir=LEA["nir"], pivot=PIVOT)
    with pytest.raises(SubjectAmbiguous):
        await link(side, "caf-brume", "x", nir=OTHER_NIR, pivot=PIVOT)


async def test_a_household_number_does_not_merge_two_spouses(side):
    """Rule: the role of a household passes from one person to another; birth date or sex tell them apart."""
    await link(side, "ml-brume", "7", caf_number="0123456/conjoint", pivot=PIVOT)
    for changes in ({"birth_date": "1980-01-01"}, {"sex": "M"}):
        with pytest.raises(SubjectAmbiguous):
            await link(side, "caf-brume", "x", caf_number="0123456/conjoint", pivot={**PIVOT, **changes})
    partial = {**PIVOT, "birth_date": "1999-04-00"}
    await link(side, "caf-brume", "x", caf_number="0123456/conjoint", pivot=partial)
    assert await count(side, models.subject) == 1


async def test_values_two_partners_declare_differently_are_never_used(side):
    """Rule: one person, one kind, two values: the kind is ambiguous until the partners agree again."""
    subject = await side.lea("ml-brume", "7", nir=LEA["nir"], ft_number=LEA["ft_number"], ft_login="lea")
    await link(side, "ft-brume", "x", nir=LEA["nir"], ft_number="99999999999", ft_login="lea.o")
    assert await known(side, subject) == ({"ft_number", "ft_login"}, {"nir": LEA["nir"] + "57"})
    await link(side, "ft-brume", "x", nir=LEA["nir"], ft_number=LEA["ft_number"], ft_login="lea")
    ambiguous, usable = await known(side, subject)
    assert ambiguous == set()
    assert usable == {"nir": LEA["nir"] + "57", "ft_number": LEA["ft_number"], "ft_login": "lea"}
    await side.tags_are_gap_free(subject)


async def test_a_partner_corrects_what_it_declared(side):
    """Rule: a correction replaces, and what was declared by mistake no longer finds the person."""
    wrong = "11111111111"
    subject = await side.lea("ml-brume", "7", nir=LEA["nir"], ft_number=wrong)
    await link(side, "ml-brume", "7", nir=LEA["nir"], ft_number=LEA["ft_number"])
    assert (await known(side, subject))[1]["ft_number"] == LEA["ft_number"]
    await link(side, "caf-brume", "x", ft_number=wrong)
    assert await side.people.resolve(partner="caf-brume", reference="x") != subject


async def test_a_new_usual_name_is_kept_and_does_not_change_the_person(side):
    """Rule: names that marriages change follow the latest declaration."""
    subject = await side.lea("ml-brume", "7", pivot=PIVOT)
    await link(side, "caf-brume", "x", pivot={**PIVOT, "usual_name": "Durand"})
    ambiguous, usable = await known(side, subject)
    assert ambiguous == set()
    assert '"usual_name":"Durand"' in usable["pivot"]


async def test_more_identifiers_add_up_and_advance_the_epoch(side):
    """Rule: what sources are asked with changed, so earlier decisions no longer hold."""
    subject = await side.lea("ml-brume", "7", nir=LEA["nir"])
    await link(side, "ml-brume", "7", caf_number=LEA["caf_number"])
    row = await side.row(subject)
    assert (row["epoch"], row["counter"]) == (1, 2)
    assert (await side.entries())[-1]["epoch"] == 1
    assert (await known(side, subject))[1].keys() == {"nir", "caf_number"}


async def test_a_partner_who_repeats_what_is_known_disturbs_nobody(side):
    """Rule: the epoch advances only when what sources are asked with changes; the link itself is still recorded."""
    subject = await side.lea()
    await link(side, "caf-brume", "x", **LEA)
    row = await side.row(subject)
    assert (row["epoch"], row["counter"]) == (0, 2)
    assert (await side.entries())[-1]["epoch"] == 0
    await side.tags_are_gap_free(subject)


async def test_a_claim_given_up_by_one_partner_stays_when_another_takes_it_up_meanwhile(side):
    """Rule: a correction and a declaration of the same number at once leave the number pointing at the person."""
    wrong, right = "11111111111", LEA["ft_number"]
    subject = await side.lea("ml-brume", "7", nir=LEA["nir"], ft_number=wrong)
    other = await side.another()
    claims = sa.select(models.identifier.c.blind).where(models.identifier.c.kind == "ft_number")
    for _ in range(3):
        await asyncio.gather(
            link(side, "ml-brume", "7", nir=LEA["nir"], ft_number=right),
            link(other, "caf-brume", "x", nir=LEA["nir"], ft_number=wrong),
        )
        assert (await known(side, subject))[0] == {"ft_number"}
        claimed = await side.store.read(lambda connection: connection.execute(claims).scalars().all())
        assert set(claimed) == {side.blind.of("ft_number", each) for each in (wrong, right)}
        await link(side, "ml-brume", "7", nir=LEA["nir"], ft_number=wrong)
        await link(side, "caf-brume", "x", nir=LEA["nir"], ft_number=right)
    await side.tags_are_gap_free(subject)
    await other.journal.close()


async def test_a_bad_identifier_leaves_nothing_behind(side):
    """Rule: all is checked before anything is written, the key included."""
    with pytest.raises(IdentifierInvalid):
        await link(side, "ml-brume", "7", nir="bad")
    with pytest.raises(IdentifierInvalid):
        await link(side, "ml-brume", "", nir=LEA["nir"])
    assert [entry["type"] for entry in await side.entries()] == ["log.created"]
    assert await count(side, models.subject_key) == 0


async def test_people_linked_at_once_by_several_processes_are_one(side):
    """Rule: whoever comes first, one person, one subject, one key, no gap in the person's count."""
    others = [side, await side.another(), await side.another()]
    partners = [f"partner-{letter}" for letter in "abcdef"]
    names = await asyncio.gather(
        *(link(others[rank % 3], partner, "7", **LEA) for rank, partner in enumerate(partners)),
        *(link(others[rank % 3], partner, "7", nir=LEA["nir"]) for rank, partner in enumerate(partners)),
    )
    assert names[:6] == names[6:]
    assert len(set(names)) == 6
    assert await count(side, models.subject) == 1
    assert await count(side, models.subject_key) == 1
    await side.tags_are_gap_free(await side.people.resolve(partner="partner-a", pseudonym=names[0]))
    for other in others[1:]:
        await other.journal.close()


async def test_an_erased_person_cannot_be_linked_any_more(side):
    """Rule: without key or with a tombstone, nothing is added about a person."""
    subject = await side.lea()
    await side.vault.destroy(subject)
    with pytest.raises(SubjectErased):
        await link(side, "caf-brume", "x", nir=LEA["nir"])
    update = sa.update(models.subject).values(erased_at=NOW)
    await side.store.write(lambda connection: connection.execute(update) and None)
    with pytest.raises(SubjectErased):
        await link(side, "caf-brume", "x", nir=LEA["nir"])


async def test_the_same_answer_for_nobody_and_for_another_partners_person(side):
    """Rule: a partner cannot probe other partners' files."""
    name = await link(side, "ml-brume", "7", **LEA)
    errors = []
    for asked in ({"pseudonym": name}, {"pseudonym": "psn_" + "0" * 32}, {"reference": "7"}, {}):
        with pytest.raises(PersonUnknown) as caught:
            await side.people.resolve(partner="caf-brume", **asked)
        errors.append(str(caught.value))
    assert len(set(errors)) == 1


async def test_a_person_who_keeps_changing_is_reported_as_such(side, monkeypatch):
    """Rule: a bounded number of attempts, then an honest answer."""
    subject = await side.lea()
    real = side.store.read

    async def read(work):
        found = await real(work)
        bump = sa.update(models.subject).values(epoch=models.subject.c.epoch + 1)
        await side.store.write(lambda connection: connection.execute(bump) and None)
        return found

    monkeypatch.setattr(side.store, "read", read)
    with pytest.raises(Contended):
        await link(side, "caf-brume", "x", **LEA)
    with pytest.raises(Contended):
        await side.people.flag(subject, "restriction", present=True, now=NOW)


def test_a_unique_constraint_hit_means_look_again():
    """Rule: constraints are the last word; the attempt is repeated, never half done."""

    def write() -> None:
        raise IntegrityError("statement", {}, Exception())

    with pytest.raises(subjects._Moved):
        subjects._guarded(write)


async def test_flags_are_set_and_cleared_through_the_journal(side):
    """Rule: one entry and one epoch per change, none when nothing changes; the actor is recorded."""
    subject = await side.lea()
    await side.people.flag(subject, "protected_address", present=True, now=NOW, actor="ef" * 16)
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    await side.people.flag(subject, "restriction", present=True, now=NOW)
    row = await side.row(subject)
    assert (row["flags"], row["epoch"]) == ("protected_address restriction", 2)
    await side.people.flag(subject, "protected_address", present=False, now=NOW)
    await side.people.flag(subject, "protected_address", present=False, now=NOW)
    assert (await side.row(subject))["flags"] == "restriction"
    told = [(entry["flag"], entry["set"], entry["epoch"]) for entry in (await side.entries())[2:]]
    assert told == [("protected_address", True, 1), ("restriction", True, 2), ("protected_address", False, 3)]
    assert (await side.entries())[2]["actor"] == "ef" * 16
    await side.tags_are_gap_free(subject)


async def test_a_flag_outside_the_list_or_about_nobody_is_refused(side):
    """Rule: closed vocabulary; a tombstone is set by erasure only."""
    subject = await side.lea()
    for flag in ("tombstone", "rich"):
        with pytest.raises(FlagUnknown):
            await side.people.flag(subject, flag, present=True, now=NOW)
    with pytest.raises(PersonUnknown):
        await side.people.flag("0" * 32, "restriction", present=True, now=NOW)
