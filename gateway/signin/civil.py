"""What a provider's claims say of a civil identity, in the members `consent.pivot` reads, and a name to greet with.

Refuses nothing: what is missing or odd is left to the reader, which says no. Norm: the FranceConnect pivot identity.
"""

from collections.abc import Mapping
from typing import Any


def civil_identity(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Birth name, given names, sex, date and place of birth. The usual name follows marriages: left out."""
    several = claims.get("given_name_array")
    given = several if isinstance(several, list) and several else [claims.get("given_name")]
    return {
        "birth_country": claims.get("birthcountry"),
        "birth_date": claims.get("birthdate"),
        "birth_place": claims.get("birthplace") or None,
        "family_name": claims.get("family_name"),
        "given_names": given,
        "sex": claims.get("gender"),
    }


def greeting(claims: Mapping[str, Any]) -> str:
    """First given name and name, for the page only; at most 80 characters, empty when there is none."""
    first = civil_identity(claims)["given_names"][0]
    last = next((claims[name] for name in ("preferred_username", "usual_name", "family_name") if claims.get(name)), "")
    words = [word for word in (first, last) if isinstance(word, str)]
    return " ".join(" ".join(words).split())[:80]
