"""The command line in this very process (same entry point, exit code, both streams), and an institution to oversee."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml

from connectors import sandbox
from tests.bed import Bed, bed, professional, served
from tests.unit.gateway.oversight import FIELDS

Passerelle = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, sources that nobody serves, SQLite."""
    found = tmp_path / "home"
    found.mkdir(mode=0o700)
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump(sandbox.sources("http://127.0.0.1:1")), "utf-8")
    monkeypatch.setenv("PASSERELLE_HOME", str(found))
    monkeypatch.setenv("PASSERELLE_SOURCES", str(sources))
    return found


@pytest.fixture
def passerelle(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Passerelle:
    """Run one command; gives its exit code, stdout and stderr."""
    from gateway.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["passerelle", *arguments])
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    """An institution that was given two persons' data, three times; the journal is followed."""
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as found,
    ):
        services = found.services
        await services.activations.first(services.catalogue, now=services.clock())
        await found.partner("siae-brume")
        await found.partner("ml-brume")
        token = await found.token("siae-brume", professional=professional("conseiller"))
        for person in ("lucas-perrin", "ines-marchetti"):
            pseudonym = await found.link(token, person)
            await found.authorise(token, "siae-brume", pseudonym, "iae.eligibility")
            for _ in range(2 if person == "lucas-perrin" else 1):
                answer = await found.exchange(token, pseudonym, "iae.eligibility", FIELDS)
                assert answer.status_code == 200, answer.text
        await services.publisher.round(services.clock())
        await services.console.projector.catch_up()
        yield found
