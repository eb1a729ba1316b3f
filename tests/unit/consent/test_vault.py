"""Subject keys: wrapped, apart, derived, destroyed; what they seal opens in one place only."""

import hmac
import secrets

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import KeyUnusable, SubjectErased
from consent.models import subject_key
from consent.vault import LocalKek, SubjectKey, Vault, new_subject_id, place

from .conftest import NOW

HERE = place("consent_link", "sealed", "a" * 32)
KEK = LocalKek(b"k" * 32)


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_again_in_its_place_only(plain):
    """Rule: AES-256-GCM bound to table, column and person; a moved or altered value does not open."""
    key = SubjectKey(b"s" * 32)
    sealed = key.seal(plain, HERE)
    assert key.unseal(sealed, HERE) == plain
    assert sealed != key.seal(plain, HERE)
    for aad in (place("consent_link", "sealed", "b" * 32), place("consent_reference", "sealed", "a" * 32)):
        with pytest.raises(KeyUnusable):
            key.unseal(sealed, aad)
    for bad in (sealed[:-1], b"\x02" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"\x01abc"):
        with pytest.raises(KeyUnusable):
            key.unseal(bad, HERE)
    with pytest.raises(KeyUnusable):
        SubjectKey(b"t" * 32).unseal(sealed, HERE)


@given(st.integers(0, 2**40))
def test_tags_follow_the_published_construction(counter):
    """Rule: HMAC-SHA256 of a domain and the counter under a key derived by HKDF-Expand, cut to 128 bits."""
    derived = HKDFExpand(SHA256(), 32, b"passerelle/subject/tag/v1").derive(b"s" * 32)
    expected = hmac.new(derived, b"audit-subject/v1" + counter.to_bytes(8, "big"), "sha256").digest()[:16].hex()
    assert SubjectKey(b"s" * 32).tag(counter) == expected
    assert SubjectKey(b"s" * 32).tag(counter + 1) != expected


def test_no_secret_shows_in_a_repr():
    """Rule: keys are never printed."""
    for each in (SubjectKey(b"s" * 32), KEK, Vault(None, KEK)):
        assert "ss" not in repr(each)
        assert "kk" not in repr(each)
        assert "6b6b" not in repr(each)


def test_a_kek_of_another_length_is_refused():
    """Rule: 256 bits, no padding, no stretching."""
    with pytest.raises(KeyUnusable):
        LocalKek(b"short")


async def test_a_key_survives_a_restart_and_only_its_wrapped_form_is_stored(side, monkeypatch):
    """Rule: the key store holds wrapped keys, and who has the KEK opens them."""
    drawn = []
    real = secrets.token_bytes
    monkeypatch.setattr(secrets, "token_bytes", lambda length: drawn.append(real(length)) or drawn[-1])
    subject = new_subject_id()
    made = await side.vault.create(subject, now=NOW)
    again = await Vault(side.keys, KEK).open(subject)
    assert again.tag(3) == made.tag(3)
    row = await side.keys.read(lambda connection: connection.execute(sa.select(subject_key)).one())
    assert (row.subject, row.kek, row.created_at) == (subject, KEK.id, NOW)
    assert drawn[0] not in row.wrapped


async def test_another_kek_does_not_open(side):
    """Rule: a stolen key store is nothing without the KEK; a KEK that is missing is said so."""
    subject = new_subject_id()
    await side.vault.create(subject, now=NOW)
    stranger = LocalKek(b"x" * 32)
    with pytest.raises(KeyUnusable):
        await Vault(side.keys, stranger).open(subject)
    stranger.id = KEK.id
    with pytest.raises(KeyUnusable):
        await Vault(side.keys, stranger).open(subject)


async def test_a_wrapped_key_moved_to_another_person_does_not_open(side):
    """Rule: wrapping is bound to the person."""
    one, other = new_subject_id(), new_subject_id()
    await side.vault.create(one, now=NOW)
    await side.keys.write(lambda connection: connection.execute(sa.update(subject_key).values(subject=other)) and None)
    with pytest.raises(KeyUnusable):
        await Vault(side.keys, KEK).open(other)


async def test_keys_wrapped_by_a_former_kek_still_open(side):
    """Rule: KEKs rotate with overlap."""
    subject = new_subject_id()
    made = await side.vault.create(subject, now=NOW)
    rotated = Vault(side.keys, LocalKek(b"n" * 32), former=[KEK])
    assert (await rotated.open(subject)).tag(0) == made.tag(0)
    later = new_subject_id()
    await rotated.create(later, now=NOW)
    with pytest.raises(KeyUnusable):
        await Vault(side.keys, KEK).open(later)


async def test_a_destroyed_key_is_gone_for_everyone(side):
    """Rule: destroying is erasing; doing it twice is harmless."""
    subject = new_subject_id()
    key = await side.vault.create(subject, now=NOW)
    sealed = key.seal(b"value", HERE)
    await side.vault.destroy(subject)
    await side.vault.destroy(subject)
    for vault in (side.vault, Vault(side.keys, KEK)):
        with pytest.raises(SubjectErased):
            await vault.open(subject)
    count = await side.keys.read(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(subject_key)).scalar()
    )
    assert (count, len(sealed)) == (0, 5 + 29)


async def test_opened_keys_in_memory_are_few_and_asked_for_together(side, monkeypatch):
    """Rule: a bounded memory, least recently used out first; one statement for all that is missing."""
    vault = Vault(side.keys, KEK, cached=2)
    one, two, three = [new_subject_id() for _ in range(3)]
    for subject in (one, two):
        await vault.create(subject, now=NOW)
    statements = []
    real = side.keys.read
    monkeypatch.setattr(side.keys, "read", lambda work: statements.append(1) or real(work))
    await vault.open(one)
    assert not statements
    await vault.create(three, now=NOW)  # two leaves
    assert (await vault.open_many([one, three])).keys() == {one, three}
    assert not statements
    assert (await vault.open_many([one, two, new_subject_id()])).keys() == {one, two}
    assert statements == [1]
