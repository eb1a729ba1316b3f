"""`passerelle policy …`, typed: what is printed, exit codes, from the first catalogue to the next one."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from gateway.services import open_services
from gateway.settings import PACKAGED_CATALOGUE, Settings
from tests.unit.gateway.conftest import Passerelle


def changed(tmp_path: Path, name: str, old: str, new: str) -> str:
    folder = tmp_path / name
    shutil.copytree(PACKAGED_CATALOGUE, folder)
    file = folder / "iae-eligibilite-ft.yaml"
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")
    return str(folder)


@pytest.fixture
def wider(tmp_path: Path) -> str:
    return changed(tmp_path, "wider", "per_subject: 10/month", "per_subject: 11/month")


@pytest.fixture
def narrower(tmp_path: Path) -> str:
    return changed(tmp_path, "narrower", "per_subject: 10/month", "per_subject: 9/month")


def test_a_difference_of_two_folders(passerelle: Passerelle, wider: str, narrower: str) -> None:
    """Exit code 1 when anything is wider, before any database is there; JSON for scripts."""
    status, out, _ = passerelle("policy", "diff", narrower, "--against", str(PACKAGED_CATALOGUE))
    assert status == 0
    assert out == "narrower  iae-eligibilite-ft siae-brume iae.eligibility: Requests per person: 10 -> 9\n"
    status, out, err = passerelle("policy", "diff", wider, "--against", str(PACKAGED_CATALOGUE), "--json")
    assert (status, err) == (1, "It permits more: two must sign it.\n")
    told = json.loads(out)
    assert told["widening"] is True
    assert [(each["kind"], each["effect"]) for each in told["changes"]] == [("frequency", "wider")]
    status, out, _ = passerelle("policy", "diff", str(PACKAGED_CATALOGUE), "--against", str(PACKAGED_CATALOGUE))
    assert (status, out) == (0, "Nothing changes.\n")


def test_from_the_first_catalogue_to_the_next(
    home: Path, tmp_path: Path, passerelle: Passerelle, wider: str, narrower: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing before the first start; narrower by command, wider with two keys; back is a change like any other."""
    monkeypatch.setenv("PASSERELLE_OFFICERS", str(tmp_path / "officers.txt"))
    assert passerelle("database", "migrate")[0] == 0
    assert "No catalogue was activated yet" in passerelle("policy", "list")[1]
    status, _, err = passerelle("policy", "activate", narrower)
    assert (status, err) == (1, "catalogue_refused: no catalogue is active yet: start the gateway once\n")

    async def first() -> str:
        async with open_services(Settings()) as services:
            await services.activations.first(services.catalogue, now=services.clock())
            return services.catalogue.digest

    former = asyncio.run(first())
    assert passerelle("policy", "activate", narrower)[0] == 0
    status, out, _ = passerelle("policy", "list")
    assert [line.split()[1] for line in out.splitlines()] == ["in", "before"]
    status, out, err = passerelle("policy", "activate", former)  # ten a month again
    assert (status, "two must sign" in err) == (1, True)
    keys = [passerelle("officer", "key", f"officers.example/{name}", str(tmp_path / name))[1] for name in "ab"]
    (tmp_path / "officers.txt").write_text("".join(keys), "utf-8")
    digest = passerelle("policy", "register", wider)[1].strip()
    assert passerelle("policy", "sign", digest, "--key", str(tmp_path / "a"))[1] == "1 of 2 signatures\n"
    assert passerelle("policy", "activate", digest)[0] == 1
    assert passerelle("policy", "sign", digest, "--key", str(tmp_path / "b"))[1] == "2 of 2 signatures\n"
    status, _, err = passerelle("policy", "activate", digest)
    assert (status, err) == (0, f"{digest} is in force; 1 changes.\n")
    assert passerelle("policy", "list")[1].startswith(f"{digest} in force")
    assert str(home)


def test_a_replay_over_an_empty_journal(home: Path, passerelle: Passerelle, wider: str) -> None:
    """No decision, no change; as lines and as JSON."""
    assert passerelle("database", "migrate")[0] == 0
    status, out, _ = passerelle("policy", "replay", wider, "--last", "10")
    assert status == 0
    assert "decisions: 0\n" in out
    told = json.loads(passerelle("policy", "replay", wider, "--json")[1])
    assert (told["changed"], told["persons"], told["fields"]) == (0, 0, [])
    assert str(home)
