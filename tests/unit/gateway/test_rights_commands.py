"""`passerelle rights` and `passerelle person archive`, typed: what is printed, exit codes, what is refused."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.rights import listed
from gateway.services import open_services, wall_clock
from gateway.settings import Settings
from tests.unit.gateway.conftest import Passerelle

DAY = 86_400_000
WHO = ("--partner", "ml-brume", "--reference", "dossier-7")


@pytest.fixture
def person(home: Path, passerelle: Passerelle) -> Path:
    """Somebody a partner knows."""
    assert passerelle("database", "migrate")[0] == 0

    async def link() -> None:
        async with open_services(Settings()) as services:
            await services.people.link(
                partner="ml-brume", reference="dossier-7", identifiers={"rdvi_user": "1234567"},
                accepted_kinds=frozenset({"rdvi_user"}), now=services.clock(),
            )  # fmt: skip
            await services.publisher.publish_once(services.clock())

    asyncio.run(link())
    return home


def test_a_request_from_the_counter_to_its_answer(person: Path, passerelle: Passerelle) -> None:
    """Rule: each step prints the request as it stands, and what the person must be told in both languages."""
    status, out, _ = passerelle("rights", "receive", "access", *WHO)
    assert status == 0
    id_ = out.split()[0]
    assert re.fullmatch(rf"{id_} access received \d{{4}}-\d\d-\d\d\n", out)
    assert passerelle("rights", "list")[1] == out
    assert passerelle("rights", "list", "--overdue")[:2] == (0, "")
    status, out, _ = passerelle("rights", "extend", id_, "--reason", "complexity")
    assert status == 0
    assert "deux mois de plus" in out
    assert "two more months" in out
    assert passerelle("rights", "answer", id_)[1].split()[:3] == [id_, "access", "answered"]
    assert passerelle("rights", "list")[1] == ""
    assert passerelle("rights", "answer", id_)[0] == 1


def test_late_answers_are_listed_for_the_dpo(person: Path, passerelle: Passerelle) -> None:
    """Rule (GDPR 12-3): overdue by the clock; the command ends with 1, so that a job notices."""
    id_ = passerelle("rights", "receive", "portability", *WHO)[1].split()[0]
    found, now = asyncio.run(listed(Settings(), overdue=True, clock=lambda: wall_clock() + 32 * DAY))
    assert [each.id for each in found] == [id_]
    assert found[0].overdue(now)


def test_a_correction_is_sent_and_answered(person: Path, passerelle: Passerelle) -> None:
    """Rule: the source comes from the fields."""
    wrong = ("rights", "receive", "rectification", *WHO, "--field")
    assert passerelle(*wrong, "weather.colour")[0] == 1
    id_ = passerelle(*wrong, "rsa.since")[1].split()[0]
    assert passerelle("rights", "send", id_)[1].endswith("to caf-brume: rsa.since\n")
    status, out, _ = passerelle("rights", "answer", id_, "--refuse", "accurate")
    assert (status, "CNIL" in out) == (0, True)


def test_a_restriction_is_lifted_once_the_person_was_told(person: Path, passerelle: Passerelle) -> None:
    """Rule (GDPR 18-3): the command asks for it."""
    id_ = passerelle("rights", "receive", "restriction", *WHO, "--reason", "unlawful")[1].split()[0]
    assert passerelle("rights", "answer", id_)[0] == 0
    assert passerelle("rights", "lift", id_, "--reason", "ground_gone")[0] == 2
    assert passerelle("rights", "lift", id_, "--reason", "ground_gone", "--person-was-told")[0] == 0


def test_an_archive_is_written_and_checked(person: Path, passerelle: Passerelle, tmp_path: Path) -> None:
    """Rule: one command for the operator, one for whoever checks; an altered file ends with 1."""
    out = tmp_path / "archive"
    status, _, told = passerelle("person", "archive", *WHO, "--out", str(out))
    assert status == 0, told
    assert "wait for their checkpoint" in told
    status, printed, _ = passerelle("person", "check", str(out))
    assert (status, "every check made held" in printed) == (0, True)
    assert passerelle("person", "archive", *WHO, "--out", str(out))[0] == 1
    (out / "archive.json").write_text("{}", "utf-8")
    assert passerelle("person", "check", str(out))[0] == 1
    assert passerelle("person", "check", str(tmp_path / "nothing"))[0] == 1
    (tmp_path / "file").write_text("", "utf-8")
    assert passerelle("person", "archive", *WHO, "--out", str(tmp_path / "file" / "below"))[0] == 1
