"""`POST /v1/subjects`: linking tells nothing about the person and nothing about the other partners."""

import asyncio
import json
from typing import Any

import pytest

from tests.api.conftest import World, check_problem
from tests.bed import identifiers

pytestmark = pytest.mark.asyncio(loop_scope="session")
CANARY = "Zzcanari"


async def link(world: World, body: dict[str, Any], partner: str = "ml-brume") -> Any:
    return await world.bed.post("/v1/subjects", body, world.tokens[partner])


async def test_the_answer_is_the_same_whether_the_person_was_known(each_world: World) -> None:
    """Same status, same members, same form of pseudonym: no partner learns who else knows the person."""
    person = each_world.bed.people[each_world.somebody()]
    answers = [
        await link(each_world, {"reference": f"R-{person.id}", "identifiers": identifiers(person)}, partner)
        for partner in ("ml-brume", "siae-brume", "ft-brume")
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(answer.json().keys() == {"pseudonym"} for answer in answers)
    assert len({answer.json()["pseudonym"] for answer in answers}) == 3
    assert len({len(answer.text) for answer in answers}) == 1
    assert len({frozenset(answer.headers) for answer in answers}) == 1


async def test_linking_again_gives_the_same_pseudonym_and_no_entry(each_world: World) -> None:
    """Idempotent: nothing new, nothing recorded."""
    person = each_world.bed.people[each_world.somebody()]
    body = {"reference": f"R-{person.id}", "identifiers": identifiers(person)}
    first = await link(each_world, body)
    before = await each_world.bed.size()
    assert (await link(each_world, body)).json() == first.json()
    assert await each_world.bed.size() == before


async def test_the_entry_names_kinds_and_never_values(each_world: World) -> None:
    """`subject.linked`: who linked, which kinds, the person's tag."""
    person = each_world.bed.people[each_world.somebody()]
    before = await each_world.bed.size()
    await link(each_world, {"reference": "r " + CANARY + person.id, "identifiers": identifiers(person)})
    [entry] = await each_world.bed.journal(before)
    assert entry["type"] == "subject.linked"
    assert entry["kinds"] == sorted(identifiers(person))
    for value in [CANARY, *person.identifiers.values(), person.family_name]:
        assert value not in json.dumps(entry)


async def test_linking_one_person_from_many_partners_at_once_makes_one_person(each_world: World) -> None:
    """Concurrent declarations of the same identifiers meet in one subject."""
    person = each_world.bed.people[each_world.somebody()]
    partners = ["ml-brume", "siae-brume", "ft-brume", "caf-brume", "dept-brume", "outil-commun"]
    body = {"reference": f"R-{person.id}", "identifiers": identifiers(person)}
    answers = await asyncio.gather(*(link(each_world, body, partner) for partner in partners))
    assert [answer.status_code for answer in answers] == [200] * 6
    subjects = {
        await each_world.bed.subject(partner, answer.json()["pseudonym"])
        for partner, answer in zip(partners, answers, strict=True)
    }
    assert len(subjects) == 1


async def test_a_reference_names_one_person(each_world: World) -> None:
    """409: the same reference for somebody else changes nothing."""
    one, other = (each_world.bed.people[each_world.somebody()] for _ in range(2))
    body = {"reference": f"R-{one.id}", "identifiers": identifiers(one)}
    assert (await link(each_world, body)).status_code == 200
    answer = await link(each_world, {**body, "identifiers": identifiers(other)})
    check_problem(answer, 409, "reference_conflict")


async def test_identifiers_of_two_persons_are_never_mixed(each_world: World) -> None:
    """409 subject_ambiguous: the gateway does not guess."""
    one, other = (each_world.bed.people[each_world.somebody()] for _ in range(2))
    for each in (one, other):
        await link(each_world, {"reference": f"R-{each.id}", "identifiers": identifiers(each)})
    mixed = {"nir": one.identifiers["nir"], "ft_number": other.identifiers["ft_number"]}
    answer = await link(each_world, {"reference": f"mixed-{one.id}", "identifiers": mixed})
    check_problem(answer, 409, "subject_ambiguous")


async def test_the_nir_needs_its_own_scope(world: World) -> None:
    """Decree 2019-341: only partners registered for it send the NIR; the others may link without."""
    person = world.bed.people[world.somebody()]
    token = await world.bed.token("ml-brume", scopes=["subjects:write"])
    body = {"reference": f"R-{person.id}", "identifiers": identifiers(person)}
    answer = await world.bed.post("/v1/subjects", body, token)
    check_problem(answer, 403, "identifier_not_accepted", errors=[{"pointer": "/identifiers/nir", "reason": "scope"}])
    assert person.identifiers["nir"] not in answer.text
    del body["identifiers"]["nir"]  # type: ignore[attr-defined]
    assert (await world.bed.post("/v1/subjects", body, token)).status_code == 200


PIVOT = {
    "family_name": CANARY,
    "given_names": ["Ada"],
    "sex": "F",
    "birth_date": "1990-01-02",
    "birth_country": "99100",
}
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown kind": ({CANARY: CANARY}, "/identifiers"),
    "a NIR with a wrong key": ({"nir": "207039900100106"}, "/identifiers/nir"),
    "a NIR of letters": ({"nir": CANARY}, "/identifiers/nir"),
    "a short France Travail number": ({"ft_number": "1234567"}, "/identifiers/ft_number"),
    "a CAF number without role": ({"caf_number": "9900107"}, "/identifiers/caf_number"),
    "a NUL": ({"ft_login": f"{CANARY}\0"}, "/identifiers/ft_login"),
    "a login of 65 characters": ({"ft_login": "a" * 65}, "/identifiers/ft_login"),
    "digits of another script": ({"ft_number": "٩٩٠١٠٠٠١٢٣٧"}, "/identifiers/ft_number"),
    "appointments that are no UUIDs": ({"rdvi_rdv": CANARY}, "/identifiers/rdvi_rdv"),
    "a pivot that is a text": ({"pivot": CANARY}, "/identifiers/pivot"),
    "a pivot without sex": ({"pivot": {k: v for k, v in PIVOT.items() if k != "sex"}}, "/identifiers/pivot"),
    "an impossible date": ({"pivot": {**PIVOT, "birth_date": "1990-02-30"}}, "/identifiers/pivot/birth_date"),
    "a date to come": ({"pivot": {**PIVOT, "birth_date": "2090-02-03"}}, "/identifiers/pivot/birth_date"),
    "a name in Cyrillic": ({"pivot": {**PIVOT, "family_name": "Иванова"}}, "/identifiers/pivot/family_name"),
    "a name with a NUL": ({"pivot": {**PIVOT, "family_name": "A\0B"}}, "/identifiers/pivot/family_name"),
    "a member too many": ({"pivot": {**PIVOT, CANARY: "x"}}, "/identifiers/pivot"),
}


@pytest.mark.parametrize("kind", INVALID)
async def test_an_identifier_of_the_wrong_form_is_pointed_at_and_not_repeated(each_world: World, kind: str) -> None:
    """422 identifier_invalid: which one and why, never the value; nothing is written."""
    declared, pointer = INVALID[kind]
    before = await each_world.bed.size()
    answer = await link(each_world, {"reference": "bad", "identifiers": declared})
    body = check_problem(answer, 422, "identifier_invalid")
    assert [error["pointer"] for error in body["errors"]] == [pointer]
    for value in (CANARY, "Zz", "207039900100106", "1234567", "Иванова"):
        assert value not in answer.text
    assert await each_world.bed.size() == before


@pytest.mark.parametrize("reference", ["", " x", "x ", "a\nb", "a\0b", "e\u0301", "x" * 129, "\u202eabc"])
async def test_a_reference_is_printable_trimmed_and_composed(each_world: World, reference: str) -> None:
    """Two references that look alike are never two keys."""
    answer = await link(each_world, {"reference": reference, "identifiers": {"ft_number": "99010001237"}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reference"


@pytest.mark.parametrize("declared", [{}, {f"k{n}": "x" for n in range(9)}, [], "x", None])
async def test_one_to_eight_identifiers_are_taken(world: World, declared: Any) -> None:
    """422 malformed_request at /identifiers."""
    answer = await link(world, {"reference": "R", "identifiers": declared})
    body = check_problem(answer, 422, "malformed_request")
    assert body["errors"][0]["pointer"] == "/identifiers"


async def test_what_two_partners_declare_differently_is_never_sent_and_said_to_be_ambiguous(each_world: World) -> None:
    """P9: two civil identities under one NIR; the source is not asked, and the partner learns why nothing came."""
    person = each_world.bed.people[each_world.somebody()]
    pseudonym = await each_world.bed.link(each_world.tokens["ml-brume"], person.id)
    await each_world.bed.authorise(each_world.tokens["ml-brume"], "ml-brume", pseudonym, "support.youth")
    other = {**identifiers(person), "pivot": {**person.pivot, "given_names": ["Autrement"]}}
    assert (await link(each_world, {"reference": f"X-{person.id}", "identifiers": other}, "dept-brume")).is_success
    answer = await each_world.ask("ml-brume", pseudonym, "support.youth", ["rsa", "registration"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["datasets"]["rsa"]["state"] == "ambiguous"
    assert "detail" not in answer.json()["datasets"]["rsa"]
