"""What the gateway holds of a person is theirs to read; what may be somebody else's is not."""

import pytest

from consent.errors import SubjectErased
from consent.held import read_held
from consent.links import create
from consent.recipients import entries_of
from consent.vault import new_subject_id
from consent.wiping import left, wipe
from tests.unit.consent.conftest import LEA, NOW, Side


async def test_names_identifiers_and_situations_are_given(side: Side) -> None:
    """Rule (GDPR 15-3, 15-4): each identifier with who declared it; two different values are not shown."""
    subject = await side.lea()
    await side.lea("dept-brume", nir=LEA["nir"], ft_number="12345678902")
    await side.people.flag(subject, "protected_address", present=True, now=NOW, reason="unlawful")
    key = await side.vault.open(subject)
    held = await side.store.read(lambda connection: read_held(connection, subject, key))
    assert held.flags == {"protected_address"}
    assert set(held.pseudonyms) == {"dept-brume", "ml-brume"}
    found = {each.kind: (each.value, each.by) for each in held.identifiers}
    assert found["nir"] == (f"{LEA['nir']}57", ("dept-brume", "ml-brume"))  # with its key
    assert found["ft_number"] == (None, ("dept-brume", "ml-brume"))
    assert found["caf_number"][1] == ("ml-brume",)
    assert LEA["nir"] not in repr(held)
    assert (await side.entries())[-1]["reason"] == "unlawful"


async def test_nothing_is_held_of_who_was_erased(side: Side) -> None:
    """Rule: refused by name; the counts say so table by table, the seals as long as a key finds them."""
    subject = await side.lea()
    key = await side.vault.open(subject)
    before = await side.store.read(lambda connection: left(connection, subject, key.journal))
    assert (before["consent_link"], before["audit_seal"]) == (3 + 1, 0)
    await side.store.write(lambda connection: wipe(connection, subject, key, now=NOW))
    await side.vault.reduce(subject)
    with pytest.raises(SubjectErased):
        await side.store.read(lambda connection: read_held(connection, subject, key))
    after = await side.store.read(lambda connection: left(connection, subject, None))
    assert {name for name, count in after.items() if count} == {"consent_partner_subject", "consent_reference"}
    assert len(await entries_of(subject, store=side.store, vault=side.vault)) == 1


async def test_nothing_is_sealed_of_who_was_never_linked(side: Side) -> None:
    """Rule (GDPR 15): a person without any link is answered too: known since when, by no name and no number."""
    subject = new_subject_id()
    key = await side.vault.create(subject, now=NOW)
    await side.store.write(lambda connection: create(connection, subject, now=NOW))
    held = await side.store.read(lambda connection: read_held(connection, subject, key))
    assert (held.known_since, held.identifiers, held.pseudonyms, held.flags) == (NOW, (), {}, frozenset())
