"""Commitments bind a value, hide it, and open one field at a time."""

import hmac
from base64 import urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import dumps
from audit.commitments import commit, commit_all, field_salt, new_seed, verify

SEED = bytes(range(32))


def test_the_formula_is_two_hmacs_cut_to_24_bytes():
    """Anyone can recompute a commitment from the published formula."""
    salt = hmac.new(SEED, b"rsa.since", "sha256").digest()
    code = hmac.new(salt, b'"2026-01-31"', "sha256").digest()[:24]
    assert commit(SEED, "rsa.since", "2026-01-31") == urlsafe_b64encode(code).decode()
    assert len(commit(SEED, "rsa.since", None)) == 32


@given(
    st.binary(min_size=32, max_size=32), st.dictionaries(st.text("abc._"), st.integers(-9, 9) | st.text() | st.none())
)
def test_the_fast_way_gives_the_same_commitments(seed, values):
    """HMAC written out is still HMAC."""
    assert commit_all(seed, values) == {field: commit(seed, field, value) for field, value in values.items()}


def test_a_salt_opens_its_own_field_and_value_only():
    """Whoever may check one field learns nothing about the others."""
    salt = field_salt(SEED, "rsa.beneficiary")
    committed = commit(SEED, "rsa.beneficiary", value=True)
    assert verify(committed, salt, True)
    assert not verify(committed, salt, False)
    assert not verify(committed, field_salt(SEED, "aah.beneficiary"), True)
    assert not verify("é", salt, True)


def test_the_same_value_commits_differently_each_time():
    """Two entries about the same value cannot be linked by their commitments."""
    assert commit(new_seed(), "rsa.beneficiary", value=True) != commit(new_seed(), "rsa.beneficiary", value=True)


def test_the_canonical_form_is_what_is_committed_to():
    """The order of keys in a value does not matter."""
    assert dumps({"b": 1, "a": 2}) == dumps({"a": 2, "b": 1})
    assert commit(SEED, "rdv.rows", {"b": 1, "a": 2}) == commit(SEED, "rdv.rows", {"a": 2, "b": 1})
