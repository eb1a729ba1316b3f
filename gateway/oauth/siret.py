"""The SIRET of an establishment: 14 digits with a Luhn key (INSEE, règles de gestion du répertoire Sirene).

Refuses nothing else: that the establishment exists and is open is for the person who registers it.
"""

_LA_POSTE = "356000000"  # its thousands of offices outgrew the Luhn key: the digits add up to a multiple of five


def is_siret(text: str) -> bool:
    """Whether the number is well formed, its SIREN included."""
    if len(text) != 14 or not text.isascii() or not text.isdigit() or not text.strip("0"):
        return False
    if text.startswith(_LA_POSTE) and sum(map(int, text)) % 5 == 0:
        return True
    return _luhn(text) and _luhn(text[:9])


def _luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
