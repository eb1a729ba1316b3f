"""A log that the gateway itself made: real exchanges on a real database, published in between, exported."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.keys import Signer, Vkey
from connectors import sandbox
from gateway.database import open_database
from gateway.schema import migrate
from gateway.serve import export_log
from gateway.settings import Settings
from tests.bed import Bed, open_bed, served, settings_of
from tests.factories import crowd

YOUTH = "support.youth"
PEOPLE = [f"lucas-perrin-{number}" for number in range(1, 13)]


@dataclass(frozen=True, slots=True)
class Made:
    """A directory, what it was before, what an outsider kept (key and older head), and what only the operator has."""

    copy: Path
    older: Path
    held: str
    vkey: Vkey
    signer: Signer


async def _exchanges(town: Bed, token: str, pseudonyms: Sequence[str], rounds: int) -> None:
    for _ in range(rounds):
        asked = (town.exchange(token, pseudonym, YOUTH, ["rsa", "registration"]) for pseudonym in pseudonyms)
        for answer in await asyncio.gather(*asked):
            assert answer.status_code == 200, answer.text


async def _publish(town: Bed, settings: Settings, out: Path) -> None:
    await town.services.publisher.publish_once(town.services.clock())
    await export_log(settings, out)


async def _make(home: Path) -> Made:
    people = crowd({"lucas-perrin": len(PEOPLE)})
    async with served(sandbox.build(people=people)) as url:
        settings = settings_of(home, database_url="", sandbox_url=url, public_url="https://gateway.example")
        async with open_database(settings.main_url) as store, open_database(settings.keys_url) as keys:
            await migrate(store, keys)
        async with open_bed(settings, sandbox_url=url, people=people) as town:
            await town.partner("ml-brume")
            token = await town.token("ml-brume")
            pseudonyms = [await town.link(token, person) for person in PEOPLE]
            for pseudonym in pseudonyms:
                await town.authorise(token, "ml-brume", pseudonym, YOUTH)
            await _exchanges(town, token, pseudonyms, 4)
            await _publish(town, settings, home / "older")
            await _exchanges(town, token, pseudonyms, 4)
            await _publish(town, settings, home / "held")
            await _exchanges(town, token, pseudonyms, 14)
            await _publish(town, settings, home / "copy")
            held = (home / "held" / "checkpoint").read_text("utf-8")
            origin = held.partition("\n")[0]
            signer = town.services.keys.log.signing[-1].named(origin)
    shutil.rmtree(home / "held")
    return Made(home / "copy", home / "older", held, signer.vkey, signer)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """More than two tiles of entries."""
    return asyncio.run(_make(tmp_path_factory.mktemp("log")))
