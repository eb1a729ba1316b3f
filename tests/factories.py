"""More fictional people: as many as a test needs, each in the situation of somebody of the sandbox."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.sandbox.people import Person, nir_key
from connectors.sandbox.people import load as load_people

_LETTERS = "ABCDEFGHIJ"


def like(person: Person, number: int, **identity: Any) -> Person:
    """Somebody else in the same situation; `number` (1 to 899) makes every identifier another one."""
    suffix = "".join(_LETTERS[int(digit)] for digit in f"{number:03d}")
    numbers = dict(person.numbers)
    base = int(numbers["rdvi_user"]) % 1000
    if "nir" in numbers:
        nir = f"{numbers['nir'][:10]}{100 + number}"
        numbers["nir"] = nir + nir_key(nir)
    if "caf_number" in numbers:
        numbers["caf_number"] = f"98{base % 1000:03d}{number:03d}/demandeur"
    numbers["ft_number"] = f"991{base:03d}{number:05d}"
    numbers["ft_login"] = f"{person.id}.{number}"
    numbers["rdvi_user"] = f"98{base:03d}{number:03d}"
    name = f"{person.family_name}{suffix}"
    mail = f"{person.id}.{number}@courriel.example"
    changed = {**person.identity, "family_name": name, "email": mail, **identity}
    return replace(person, id=f"{person.id}-{number}", identity=changed, numbers=numbers)


def crowd(sizes: Mapping[str, int]) -> dict[str, Person]:
    """The sandbox's own people and, for each name, that many like them."""
    people = load_people()
    for name, size in sizes.items():
        for number in range(1, size + 1):
            person = like(people[name], number)
            people[person.id] = person
    return people


def unused(name: str, size: int) -> Iterator[str]:
    """The ids of those like `name`, each once."""
    return (f"{name}-{number}" for number in range(1, size + 1))


__all__ = ["crowd", "like", "unused"]
