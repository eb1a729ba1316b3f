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


WRONG = {
    "empty": "",
    "too short": "1234567820001",
    "too long": "123456782000100",
    "wrong key": "12345678200011",
    "wrong key of the SIREN and of the whole": "12345678300019",
    "wrong key of the SIREN alone": "12345678900007",
    "zeros": "00000000000000",
    "a letter": "1234567820001O",
    "blanks": "123 456 782 00010",
    "a wide digit": "\uff112345678200010",
    "a superscript": "12345678\u00b2200010"[:14],
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_anything_else_is_not(text):
    """Another length, a wrong key, other characters, zeros only."""
    assert not is_siret(text)
