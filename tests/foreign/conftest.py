"""A log that the gateway itself made: real exchanges on a real database, published in between, exported."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.checkpoint import split_note
from audit.cosignature import Cosigner
from audit.keys import Signer, Vkey
from connectors import sandbox
from gateway.copies import export_log
from gateway.database import open_database
from gateway.schema import migrate
from gateway.settings import Settings
from tests.bed import Bed, open_bed, served, settings_of
from tests.factories import crowd

YOUTH = "support.youth"
WITNESS = Cosigner("witness.departement.example/w1", b"\5" * 32)
PEOPLE = [f"lucas-perrin-{number}" for number in range(1, 13)]


@dataclass(frozen=True, slots=True)
class Made:
    """A directory, what it was before, what an outsider kept (keys, an older head), and what only the operator has."""

    copy: Path
    older: Path
    held: str
    vkeys: tuple[Vkey, Vkey]
    signer: Signer

    @property
    def vkey(self) -> Vkey:
        """The log's key; the other one is the witness's."""
        return self.vkeys[0]


async def _exchanges(town: Bed, token: str, pseudonyms: Sequence[str], rounds: int) -> None:
    for _ in range(rounds):
        asked = (town.exchange(token, pseudonym, YOUTH, ["rsa", "registration"]) for pseudonym in pseudonyms)
        for answer in await asyncio.gather(*asked):
            assert answer.status_code == 200, answer.text


async def _publish(town: Bed, settings: Settings, out: Path) -> str:
    """Publish, export, have it cosigned, as the gateway does when witnesses are configured; give the note."""
    now = town.services.clock()
    await town.services.publisher.publish_once(now)
    await export_log(settings, out)
    note = (out / "checkpoint").read_text("utf-8")
    note += WITNESS.cosign(split_note(note)[0], now // 1000)
    (out / "checkpoint").write_text(note, "utf-8")
    return note


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
            held = await _publish(town, settings, home / "held")
            await _exchanges(town, token, pseudonyms, 14)
            await _publish(town, settings, home / "copy")
            origin, size, *_ = held.split("\n")
            shutil.rmtree(home / "copy" / "checkpoints", ignore_errors=True)
            (home / "copy" / "checkpoints").mkdir()
            (home / "copy" / "checkpoints" / size).write_text(held, "utf-8")
            signer = town.services.keys.log.signing[-1].named(origin)
    shutil.rmtree(home / "held")
    return Made(home / "copy", home / "older", held, (signer.vkey, WITNESS.vkey), signer)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """More than two tiles of entries."""
    return asyncio.run(_make(tmp_path_factory.mktemp("log")))
