"""The detector: a NIR under any name, spacing or script is found; what only resembles one is not."""

import pytest

from policies.nir import carries_nir


def key(thirteen: str) -> str:
    number = int(thirteen.upper().replace("2A", "19").replace("2B", "18"))
    return f"{97 - number % 97:02d}"


PLAIN = "2840135238042"
CORSICAN = ["184122A451089", "284122B451089", "184122a451089"]
FOUND = [
    PLAIN,
    PLAIN + key(PLAIN),
    f"{PLAIN} {key(PLAIN)}",
    "2 84 01 35 238 042",
    f"2 84 01 35 238 042 {key(PLAIN)}",
    "2.84.01.35.238.042",
    "2-84-01-35-238-042 00",
    "284 01 35 238042",
    f"28 40 13 52 38 042 {key(PLAIN)}",
    f"2840 1352 3804 2{key(PLAIN)}",
    f"MSA{PLAIN}",
    f"dossier n°{PLAIN}/B, rappel",
    f"a1 {PLAIN}",
    f"7 {PLAIN} 2",
    *CORSICAN,
    *(number + key(number) for number in CORSICAN),
    "3840135238042",
    "7840135238042",
    "8840135238042",
    "1845035238042",
    "1849935238042",
    "1842235238042",
    "1843135238042",
    "1844235238042",
    "1840199238042",
    "".join(chr(0xFF10 + int(digit)) for digit in PLAIN),
    "".join(chr(0x0660 + int(digit)) for digit in PLAIN),
    "2\u00a084\u00a001\u00a035\u00a0238\u00a0042",
    "2\u200b84\u200b01\u200b35\u200b238\u200b042",
]
NOT_FOUND = [
    "",
    "RENNES",
    "12 rue des Lilas",
    "284013523804",
    "28401352380421",
    f"9{PLAIN}",
    PLAIN + f"{(int(key(PLAIN)) + 1) % 97:02d}",
    PLAIN + "000",
    "5840135238042",
    "0840135238042",
    "2841335238042",
    "2844335238042",
    "2840035238042",
    "2840100238042",
    "2840135000042",
    "2840135238000",
    "284012C238042",
    "28401A5238042",
    "+33 6 12 34 56 78",
    "06 12 34 56 78 / 02 99 12 34 56",
    "99900102700013",
    "2026-11-22 de 10:30 à 11:30, bureau 214",
    "le 12/05/2026 à 14:30 puis le 13/06/2026 à 9:45",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
]


@pytest.mark.parametrize("text", FOUND)
def test_a_nir_is_found_however_it_is_written(text: str) -> None:
    """Thirteen characters by their form, fifteen by their key."""
    assert carries_nir(text)


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_is_not_a_nir_is_left_alone(text: str) -> None:
    """A telephone, a date, a SIRET or a number with a wrong key does not withhold its field."""
    assert not carries_nir(text)


def test_a_long_text_is_searched_in_reasonable_time() -> None:
    """The search stays linear on text made to slow it down."""
    assert not carries_nir("1 6 6 - " * 500)
    assert not carries_nir("1" * 4096)
    assert carries_nir("1 6 6 - " * 500 + PLAIN)
