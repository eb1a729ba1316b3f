"""Two gateways, each the other's witness: real processes, real HTTP, and a backup restored behind everybody's back."""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit.checkpoint import parse_checkpoint, split_note
from audit.cosignature import cosigned
from connectors import sandbox
from gateway.database import open_database
from gateway.keys import GatewayKeys, load
from gateway.oauth.client import ClientKey
from gateway.processes import free_port
from gateway.schema import migrate
from gateway.services import open_services
from gateway.settings import Settings
from gateway.witnesses import compare
from tests.bed import Bed, served, settings_of
from tests.crash.server import Server

YOUTH = "support.youth"


@dataclass
class Gateway:
    """One of the two."""

    settings: Settings
    keys: GatewayKeys
    server: Server

    async def served(self, token: str) -> str:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.server.url}/log/checkpoint", headers={"Authorization": f"Bearer {token}"})
        return answer.text if answer.status_code == 200 else ""

    async def ready(self) -> tuple[int, dict[str, str]]:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.server.url}/readyz")
        return answer.status_code, answer.json()["checks"]


async def prepare(home: Path, sandbox_url: str, port: int) -> Gateway:
    os.mkdir(home)  # noqa: PTH102
    settings = settings_of(
        home,
        database_url=f"sqlite:///{home}/passerelle.db",
        sandbox_url=sandbox_url,
        public_url=f"http://127.0.0.1:{port}",
        log_origin=f"{home.name}.example/log",
        port=port,
        witness_interval_seconds=0.2,
        witness_policy=str(home / "witnesses"),
        witnessed_logs=str(home / "logs"),
    )
    async with open_database(settings.main_url) as store, open_database(settings.keys_url) as keys:
        await migrate(store, keys)
    return Gateway(settings, load(settings), Server(settings))


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Each names the other in both its files."""
    start = 30_000 + random.randrange(10_000)  # noqa: S311  no secret
    async with served(sandbox.build()) as sandbox_url:
        one, two = [
            await prepare(tmp_path / name, sandbox_url, free_port(start + number))
            for number, name in enumerate(("one", "two"))
        ]
        for here, there in ((one, two), (two, one)):
            vkey = there.keys.witness.newest.vkey
            (here.settings.home / "witnesses").write_text(
                f"witness other {vkey} {there.server.url}/witness\nquorum other\n"
            )
            (here.settings.home / "logs").write_text(f"log {there.keys.log.newest.vkey}\nquorum none\n")
        yield one, two


@contextlib.asynccontextmanager
async def library(gateway: Gateway, keys: dict[str, ClientKey] | None = None) -> AsyncIterator[Bed]:
    """What persons and operators do, beside the running process."""
    async with (
        open_services(gateway.settings) as services,
        httpx.AsyncClient(base_url=gateway.server.url, timeout=30) as http,
    ):
        bed = Bed(services=services, http=http, sandbox="", keys=keys or {})
        if keys is None:
            await bed.partner("ml-brume")
        yield bed


async def until(what: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while not (found := await what()):  # noqa: ASYNC110  another process tells it in no other way
            await asyncio.sleep(0.05)
    return found


async def cosigned_by(here: Gateway, there: Gateway, token: str, *, at_least: int = 0) -> int:
    """The size of the checkpoint `here` serves once `there` has cosigned it."""

    async def look() -> int:
        note = await here.served(token)
        if not note:
            return 0
        assert cosigned(note, [there.keys.witness.newest.vkey])
        size = parse_checkpoint(split_note(note)[0]).size
        return size if size >= at_least else 0

    return await until(look)


def back_up(home: Path, to: Path) -> None:
    """Both databases by SQLite's own backup, and the signer state: all that a nightly job takes."""
    to.mkdir()
    for name in ("passerelle.db", "keys.db"):
        with (
            contextlib.closing(sqlite3.connect(home / name)) as source,
            contextlib.closing(sqlite3.connect(to / name)) as copy,
        ):
            source.backup(copy)
    for state in home.glob("signer*"):
        (shutil.copytree if state.is_dir() else shutil.copy2)(state, to / state.name)


def restore(backup: Path, home: Path) -> None:
    for stale in [*home.glob("*.db-*"), *home.glob("signer*")]:
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    shutil.copytree(backup, home, dirs_exist_ok=True)


async def test_two_gateways_witness_each_other_and_catch_a_restored_backup(pair, tmp_path):
    """Checkpoints are served cosigned; after the restore nothing is signed or released, and everybody is told why."""
    one, two = pair
    async with one.server, two.server:
        async with library(one) as bed:
            token = await bed.token("ml-brume")
            pseudonym = await bed.link(token, "lucas-perrin")
            await bed.authorise(token, "ml-brume", pseudonym, YOUTH)
            assert (await bed.exchange(token, pseudonym, YOUTH, ["rsa"])).status_code == 200
            await cosigned_by(one, two, token, at_least=await bed.size())
            back_up(one.settings.home, tmp_path / "backup")
            assert (await bed.exchange(token, pseudonym, YOUTH, ["rsa"])).status_code == 200
            await cosigned_by(one, two, token, at_least=await bed.size())
        status, checks = await one.ready()
        assert (status, checks["witness:other"]) == (200, "ok")
        assert await compare(one.settings) == {"other": None}

        one.server.kill()
        restore(tmp_path / "backup", one.settings.home)
        faults = await compare(one.settings)
        assert {name: fault.code for name, fault in faults.items()} == {"other": "log_contradicted"}
        await one.server.start()
        status, checks = await one.ready()
        assert (status, checks["checkpoints"], checks["witness:other"]) == (503, "log_contradicted", "log_contradicted")
        assert "log_contradicted" in one.server.output()
        async with library(one, bed.keys) as bed:
            token = await bed.token("ml-brume")
            refused = await bed.exchange(token, pseudonym, YOUTH, ["rsa"])
            assert (refused.status_code, refused.json()["code"]) == (503, "release_stopped")


async def test_a_gateway_starts_and_releases_while_its_witness_is_away(pair):
    """Nobody waits for a witness: readiness says that it is missing, and its cosignature comes when it is back."""
    one, two = pair
    async with one.server, library(one) as bed:
        token = await bed.token("ml-brume")
        pseudonym = await bed.link(token, "lucas-perrin")
        await bed.authorise(token, "ml-brume", pseudonym, YOUTH)
        assert (await bed.exchange(token, pseudonym, YOUTH, ["rsa"])).status_code == 200
        status, checks = await one.ready()
        assert (status, checks["witness:other"]) == (200, "witness_unavailable")
        assert await one.served(token) == ""
        async with two.server:
            assert await cosigned_by(one, two, token)
