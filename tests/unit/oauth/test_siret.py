"""The key of a SIRET number."""

import pytest

from gateway.oauth.siret import is_siret


@pytest.mark.parametrize("siret", ["12345678200010", "98765432400019", "35600000000048"])
def test_a_number_with_a_valid_key_is_a_siret(siret):
    """14 digits whose Luhn sum is a multiple of ten, its SIREN's too."""
    assert is_siret(siret)


def test_offices_of_la_poste_have_a_key_of_their_own():
    """Their digits add up to a multiple of five; the Luhn key no longer sufficed."""
    assert is_siret("35600000000001")
    assert not is_siret("35600000000002")
    assert not is_siret("12345678200001")


@pytest.mark.parametrize(
    "text",
    ["", "1234567820001", "123456782000100", "12345678200011", "12345678300019", "00000000000000", "1234567820001O",
     "123 456 782 00010", "\uff112345678200010", "12345678²00010"],
)  # fmt: skip
def test_anything_else_is_not(text):
    """Another length, a wrong key, other characters, zeros only."""
    assert not is_siret(text)
